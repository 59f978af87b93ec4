/* directory.c -- an array of mailboxes sorted by id, searched by halves, under one mutex. An office has a
 * handful, a provider some thousands; a lookup holds the mutex for a dozen comparisons. */
#include "service/directory.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "platform/thread.h"
#include "service/aliases.h"
#include "service/ledger_problems.h"
#include "service/lock_problems.h"
#include "service/quarantine.h"

struct entry {
	struct id id;
	char name[STORE_NAME_SIZE];
	bool is_sound; /* its keys fit */
	bool is_suspended;
	bool is_distrusted;
	struct mailbox_facts *facts; /* NULL: none were told */
	struct mailbox_public_keys keys;
	uint8_t wrap[STORE_WRAP_MAX];
	size_t wrap_size;
};

struct directory {
	struct mutex *mutex;
	struct problems *problems;
	struct entry *entries;
	size_t count;
	size_t capacity;
	struct aliases aliases;
};

static enum directory_state state_of(const struct entry *entry)
{
	if (!entry)
		return DIRECTORY_UNKNOWN;
	if (!entry->is_sound || entry->is_distrusted)
		return DIRECTORY_BROKEN;
	return entry->is_suspended ? DIRECTORY_SUSPENDED : DIRECTORY_ACTIVE;
}

struct directory *directory_new(struct problems *problems, struct error *error)
{
	struct directory *directory = calloc(1, sizeof *directory);

	if (directory && (directory->mutex = mutex_new(error))) {
		directory->problems = problems;
		return directory;
	}
	error_set_memory(error);
	free(directory);
	return NULL;
}

void directory_free(struct directory **directory)
{
	if (!*directory)
		return;
	mutex_free(&(*directory)->mutex);
	for (size_t i = 0; i < (*directory)->count; i++)
		free((*directory)->entries[i].facts);
	free((*directory)->entries);
	aliases_clear(&(*directory)->aliases);
	free(*directory);
	*directory = NULL;
}

/* The entry, or NULL and *place is where it belongs. */
static struct entry *find(struct directory *directory, const struct id *id, size_t *place)
{
	size_t low = 0, high = directory->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
			memcmp(directory->entries[middle].id.bytes, id->bytes, sizeof id->bytes);

		if (order == 0)
			return &directory->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (place)
		*place = low;
	return NULL;
}

static struct entry *insert(struct directory *directory, const struct id *id, size_t place)
{
	struct entry *entry;

	if (directory->count == directory->capacity) {
		size_t capacity = directory->capacity ? 2 * directory->capacity : 16;
		struct entry *entries = realloc(directory->entries, capacity * sizeof *entries);

		if (!entries)
			return NULL;
		directory->entries = entries;
		directory->capacity = capacity;
	}
	entry = &directory->entries[place];
	memmove(entry + 1, entry, (directory->count - place) * sizeof *entry);
	directory->count++;
	*entry = (struct entry){ .id = *id };
	return entry;
}

static void raise_broken(
	struct directory *directory, const struct id *id, const char *name, const struct error *why)
{
	char mailbox[MAILBOX_ID_TEXT_SIZE], problem[96], text[512];

	mailbox_id_text(id, mailbox);
	snprintf(problem, sizeof problem, "mailbox-keys %s", mailbox);
	snprintf(text, sizeof text, "The keys of the mailbox \"%.100s\" are damaged: %.300s", name,
		why->text);
	problems_raise(directory->problems, clock_wall_us(), PROBLEM_ERROR, problem, text,
		"Senders are asked to try again later, so no mail is lost. Restore a backup of the "
		"data "
		"folder; do not delete the mailbox.");
}

bool directory_put(
	struct directory *directory, const struct store_mailbox *mailbox, struct error *error)
{
	struct mailbox_public_keys keys;
	struct entry *entry;
	struct error why;
	size_t place = 0;
	bool is_sound;

	memcpy(keys.identity, mailbox->identity_key, sizeof keys.identity);
	keys.generation = mailbox->generation;
	memcpy(keys.box, mailbox->box_key, sizeof keys.box);
	memcpy(keys.signature, mailbox->key_signature, sizeof keys.signature);
	is_sound = mailbox_keys_verify(&keys, &mailbox->id, &why);
	mutex_lock(directory->mutex);
	entry = find(directory, &mailbox->id, &place);
	if (!entry)
		entry = insert(directory, &mailbox->id, place);
	if (entry) {
		entry->keys = keys;
		memcpy(entry->wrap, mailbox->password_wrap, mailbox->password_wrap_size);
		entry->wrap_size = mailbox->password_wrap_size;
		memcpy(entry->name, mailbox->name, sizeof entry->name);
		entry->is_sound = is_sound;
		entry->is_suspended = mailbox->status == STORE_MAILBOX_SUSPENDED;
	}
	mutex_unlock(directory->mutex);
	if (!entry)
		return error_set_memory(error);
	if (!is_sound)
		raise_broken(directory, &mailbox->id, mailbox->name, &why);
	return true;
}

static void distrust_id(const struct id *mailbox, char id[96])
{
	char text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, text);
	snprintf(id, 96, "mailbox-facts %s", text);
}

static void resolve_distrust(struct directory *directory, const struct id *mailbox)
{
	char id[96];

	distrust_id(mailbox, id);
	problems_resolve(directory->problems, id);
}

void directory_remove(struct directory *directory, const struct id *mailbox)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		free(entry->facts);
		directory->count--;
		memmove(entry, entry + 1,
			(size_t)(directory->entries + directory->count - entry) * sizeof *entry);
		aliases_replace(&directory->aliases, mailbox, NULL, 0);
	}
	mutex_unlock(directory->mutex);
	lock_problems_forget(directory->problems, mailbox);
	ledger_problems_forget(directory->problems, mailbox);
	quarantine_forget(directory->problems, mailbox);
	resolve_distrust(directory, mailbox);
}

void directory_set_status(
	struct directory *directory, const struct id *mailbox, enum store_mailbox_status status)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry)
		entry->is_suspended = status == STORE_MAILBOX_SUSPENDED;
	mutex_unlock(directory->mutex);
}

enum directory_state directory_find(
	struct directory *directory, const struct id *mailbox, struct mailbox_public_keys *keys)
{
	enum directory_state state;
	const struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	state = state_of(entry);
	if (entry && keys)
		*keys = entry->keys;
	mutex_unlock(directory->mutex);
	return state;
}

bool directory_password_wrap(struct directory *directory, const struct id *mailbox,
	uint8_t wrap[STORE_WRAP_MAX], size_t *wrap_size, struct mailbox_public_keys *keys)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		memcpy(wrap, entry->wrap, entry->wrap_size);
		*wrap_size = entry->wrap_size;
		*keys = entry->keys;
	}
	mutex_unlock(directory->mutex);
	return entry != NULL;
}

/* ---- what a mailbox is told ---- */

bool directory_address_id(const struct address *address, struct id *mailbox)
{
	char text[ALIAS_SIZE];

	return address_simplify(address->local_part, text, sizeof text) &&
	       mailbox_id_parse(bytes_of(text), mailbox);
}

enum directory_state directory_find_address(
	struct directory *directory, const struct address *address, struct id *mailbox)
{
	enum directory_state state = DIRECTORY_UNKNOWN;

	mutex_lock(directory->mutex);
	if (directory_address_id(address, mailbox) ||
		aliases_find(&directory->aliases, address->whole, mailbox))
		state = state_of(find(directory, mailbox, NULL));
	mutex_unlock(directory->mutex);
	return state;
}

void directory_set_name(struct directory *directory, const struct id *mailbox, const char *name)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry)
		snprintf(entry->name, sizeof entry->name, "%s", name);
	mutex_unlock(directory->mutex);
}

void directory_name(
	struct directory *directory, const struct id *mailbox, char name[STORE_NAME_SIZE])
{
	const struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	snprintf(name, STORE_NAME_SIZE, "%s", entry ? entry->name : "");
	mutex_unlock(directory->mutex);
}

bool directory_set_facts(struct directory *directory, const struct id *mailbox,
	const struct mailbox_facts *facts, struct error *error)
{
	struct mailbox_facts *copy = malloc(sizeof *copy);
	struct entry *entry;

	if (!copy)
		return error_set_memory(error);
	*copy = *facts;
	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		free(entry->facts);
		entry->facts = copy;
		entry->is_distrusted = false;
	} else {
		free(copy);
	}
	mutex_unlock(directory->mutex);
	resolve_distrust(directory, mailbox);
	lock_problems_review(directory->problems, mailbox, &facts->lock);
	return true;
}

bool directory_set_aliases(struct directory *directory, const struct id *mailbox,
	const char *const *aliases, size_t count, struct error *error)
{
	bool ok;

	mutex_lock(directory->mutex);
	ok = !find(directory, mailbox, NULL) ||
	     aliases_replace(&directory->aliases, mailbox, aliases, count);
	mutex_unlock(directory->mutex);
	return ok || error_set_memory(error);
}

void directory_distrust(
	struct directory *directory, const struct id *mailbox, const struct error *why)
{
	char id[96], text[512], remedy[512], mailbox_text[MAILBOX_ID_TEXT_SIZE];
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		entry->is_distrusted = true;
		snprintf(text, sizeof text,
			"It cannot be read who may deliver to the mailbox \"%.100s\": %.300s",
			entry->name, why->text);
	}
	mutex_unlock(directory->mutex);
	if (!entry)
		return;
	distrust_id(mailbox, id);
	mailbox_id_text(mailbox, mailbox_text);
	snprintf(remedy, sizeof remedy,
		"Senders are asked to try again later, so no mail is lost. Set it anew: "
		"lettergatectl mailbox edit %s --networks LIST --tenant NAME (\"\" for all).",
		mailbox_text);
	problems_raise(directory->problems, clock_wall_us(), PROBLEM_ERROR, id, text, remedy);
}

void directory_facts(
	struct directory *directory, const struct id *mailbox, struct mailbox_facts *facts)
{
	const struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry && entry->facts)
		*facts = *entry->facts;
	else
		mailbox_facts_init(facts);
	mutex_unlock(directory->mutex);
}

bool directory_note_tenant(
	struct directory *directory, const struct id *mailbox, const char *tenant)
{
	struct entry *entry;
	bool is_first = false;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry && !entry->facts) {
		entry->facts = malloc(sizeof *entry->facts);
		if (entry->facts)
			mailbox_facts_init(entry->facts);
	}
	if (entry && entry->facts && !entry->facts->lock.tenant[0] &&
		!entry->facts->tenant_seen[0]) {
		snprintf(entry->facts->tenant_seen, sizeof entry->facts->tenant_seen, "%s", tenant);
		is_first = true;
	}
	mutex_unlock(directory->mutex);
	return is_first;
}
