/* directory.c -- an array of mailboxes sorted by id, searched by halves, under one mutex. An office has a
 * handful, a provider some thousands; a lookup holds the mutex for a dozen comparisons. */
#include "service/directory.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "platform/thread.h"

struct entry {
	struct id id;
	enum directory_state state;
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
};

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
	free((*directory)->entries);
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
		if (!is_sound)
			entry->state = DIRECTORY_BROKEN;
		else if (mailbox->status == STORE_MAILBOX_SUSPENDED)
			entry->state = DIRECTORY_SUSPENDED;
		else
			entry->state = DIRECTORY_ACTIVE;
	}
	mutex_unlock(directory->mutex);
	if (!entry)
		return error_set_memory(error);
	if (!is_sound)
		raise_broken(directory, &mailbox->id, mailbox->name, &why);
	return true;
}

void directory_remove(struct directory *directory, const struct id *mailbox)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		directory->count--;
		memmove(entry, entry + 1,
			(size_t)(directory->entries + directory->count - entry) * sizeof *entry);
	}
	mutex_unlock(directory->mutex);
}

void directory_set_status(
	struct directory *directory, const struct id *mailbox, enum store_mailbox_status status)
{
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry && entry->state != DIRECTORY_BROKEN)
		entry->state =
			status == STORE_MAILBOX_SUSPENDED ? DIRECTORY_SUSPENDED : DIRECTORY_ACTIVE;
	mutex_unlock(directory->mutex);
}

enum directory_state directory_find(
	struct directory *directory, const struct id *mailbox, struct mailbox_public_keys *keys)
{
	enum directory_state state = DIRECTORY_UNKNOWN;
	struct entry *entry;

	mutex_lock(directory->mutex);
	entry = find(directory, mailbox, NULL);
	if (entry) {
		state = entry->state;
		if (keys)
			*keys = entry->keys;
	}
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
