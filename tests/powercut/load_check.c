/* load_check.c -- opens the store that a power cut left and holds it against the notes up to the cut.
 *
 * What was kept and not asked to go is there, byte for byte. What was removed or deleted for certain is
 * not. Whatever else is listed is whole: a message that nobody was told about may be there or not, but
 * not in part. The counters agree with the lists. No body that a message ever named is taken for lost. */
#include <stdlib.h>

#include "load.h"
#include "load_internal.h"
#include "platform/file.h"

/* ---- reading ---- */

static void read_done(struct store_read *read)
{
	latch_count_down(read->context);
}

static bool perform(struct store *store, struct store_read *read, struct error *error)
{
	struct latch latch;

	if (!latch_init(&latch))
		return error_set_memory(error);
	latch_add(&latch, 1);
	read->done = read_done;
	read->context = &latch;
	store_read_submit(store, read);
	latch_wait(&latch);
	latch_clear(&latch);
	if (!read->ok)
		*error = read->error;
	return read->ok;
}

bool load_list(struct store *store, const struct id *mailbox, struct store_message **messages,
	size_t *count, struct error *error)
{
	struct store_read read = { .what = STORE_READ_LIST, .mailbox = *mailbox };
	bool ok = perform(store, &read, error);

	*messages = read.messages;
	*count = read.message_count;
	return ok;
}

bool load_read(struct store *store, const struct store_message *message, struct buf *sealed,
	struct error *error)
{
	struct store_read read = {
		.what = STORE_READ_BODY,
		.message = *message,
		.at_most = sealed->maximum,
		.sealed = *sealed,
	};
	bool ok = perform(store, &read, error);

	*sealed = read.sealed;
	if (ok && !read.is_end)
		ok = error_set(error, ERROR_CORRUPT, "the message is longer than it was");
	return ok;
}

/* ---- what was noted ---- */

enum { KEPT = 1, REMOVING = 2, REMOVED = 4, CREATED = 8, DELETING = 16, DELETED = 32, FOUND = 64 };

struct fact {
	unsigned flags;
	uint64_t mailbox; /* of a message */
};

struct facts {
	struct fact *items;
	size_t capacity;
};

struct check {
	const struct load *load;
	struct store *store;
	struct facts messages, mailboxes; /* by number */
	struct error *error;
	bool ok;
};

static struct fact *fact_of(struct facts *facts, uint64_t number)
{
	if (number >= facts->capacity) {
		size_t larger = (size_t)number * 2 + 64;
		struct fact *moved = realloc(facts->items, larger * sizeof *moved);

		if (!moved)
			abort();
		memset(moved + facts->capacity, 0, (larger - facts->capacity) * sizeof *moved);
		facts->items = moved;
		facts->capacity = larger;
	}
	return &facts->items[number];
}

static void take_note(struct check *check, const char *text)
{
	static const struct {
		const char *word;
		unsigned flag;
		bool is_mailbox;
	} words[] = {
		{ "kept", KEPT, false },
		{ "removing", REMOVING, false },
		{ "removed", REMOVED, false },
		{ "created", CREATED, true },
		{ "deleting", DELETING, true },
		{ "deleted", DELETED, true },
	};
	struct bytes rest = bytes_of(text);
	struct bytes parts[4] = { { NULL, 0 } };
	uint64_t number = 0, mailbox = 0;

	for (size_t i = 0; i < 4; i++)
		bytes_split(&rest, ' ', &parts[i]);
	if (!bytes_equal_text(parts[0], "store") ||
		!bytes_parse_number(parts[2], UINT64_MAX, &number) ||
		!bytes_parse_number(parts[3], UINT64_MAX, &mailbox))
		return;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct fact *fact;

		if (!bytes_equal_text(parts[1], words[i].word))
			continue;
		fact = fact_of(words[i].is_mailbox ? &check->mailboxes : &check->messages, number);
		fact->flags |= words[i].flag;
		if (words[i].flag == KEPT)
			fact->mailbox = mailbox;
	}
}

/* ---- what is there ---- */

static bool check_bytes(struct check *check, const struct store_message *message, uint64_t number)
{
	struct buf expected, sealed;
	bool ok;

	if (!load_fill(check->load->seed, number / STORE_TARGETS_MAX, &expected))
		return error_set_memory(check->error);
	buf_init(&sealed, expected.size + 1);
	ok = load_read(check->store, message, &sealed, check->error);
	if (ok && !bytes_equal(buf_view(&sealed), buf_view(&expected)))
		ok = error_set(check->error, ERROR_CORRUPT, "the bytes differ");
	if (!ok)
		error_prefix(check->error, "message %llu", (unsigned long long)number);
	buf_clear(&sealed);
	buf_clear(&expected);
	return ok;
}

static bool check_message(
	struct check *check, const struct store_message *message, uint64_t mailbox)
{
	uint64_t number = load_number(&message->id);
	struct fact *fact = fact_of(&check->messages, number);

	if (fact->flags & REMOVED)
		return error_set(check->error, ERROR_CORRUPT, "message %llu, removed, is back",
			(unsigned long long)number);
	if (fact->flags & FOUND)
		return error_set(check->error, ERROR_CORRUPT, "message %llu is listed twice",
			(unsigned long long)number);
	if ((fact->flags & KEPT) && fact->mailbox != mailbox)
		return error_set(check->error, ERROR_CORRUPT, "message %llu is in another mailbox",
			(unsigned long long)number);
	fact->flags |= FOUND;
	return check_bytes(check, message, number);
}

static void check_mailbox(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct check *check = context;
	uint64_t number = load_number(&mailbox->id);
	struct fact *fact = fact_of(&check->mailboxes, number);
	struct store_message *messages = NULL;
	size_t count = 0;

	fact->flags |= FOUND;
	if (check->ok && (fact->flags & DELETED))
		check->ok = error_set(check->error, ERROR_CORRUPT, "mailbox %llu, deleted, is back",
			(unsigned long long)number);
	check->ok =
		check->ok && load_list(check->store, &mailbox->id, &messages, &count, check->error);
	if (check->ok && (count != counts->waiting ||
				 counts->received != counts->waiting + counts->collected))
		check->ok = error_set(check->error, ERROR_CORRUPT,
			"mailbox %llu does not count what it holds", (unsigned long long)number);
	for (size_t i = 0; check->ok && i < count; i++)
		check->ok = check_message(check, &messages[i], number);
	free(messages);
}

/* ---- what is not there ---- */

static bool check_missing(struct check *check)
{
	for (uint64_t i = 0; i < check->mailboxes.capacity; i++) {
		unsigned flags = check->mailboxes.items[i].flags;

		if ((flags & CREATED) && !(flags & (DELETING | FOUND)))
			return error_set(check->error, ERROR_CORRUPT, "mailbox %llu is lost",
				(unsigned long long)i);
	}
	for (uint64_t i = 0; i < check->messages.capacity; i++) {
		const struct fact *fact = &check->messages.items[i];

		if ((fact->flags & KEPT) && !(fact->flags & (REMOVING | FOUND)) &&
			!(fact_of(&check->mailboxes, fact->mailbox)->flags & DELETING))
			return error_set(check->error, ERROR_CORRUPT, "message %llu is lost",
				(unsigned long long)i);
	}
	return true;
}

/* A body that was in the index is there, or its file is gone: the start never takes it for lost. */
static bool check_lost(void *context, const char *name)
{
	struct check *check = context;
	struct id id;

	if (id_parse(bytes_of(name), &id) &&
		(fact_of(&check->messages, load_number(&id) * STORE_TARGETS_MAX)->flags & KEPT))
		check->ok = error_set(check->error, ERROR_CORRUPT,
			"the body of delivery %llu, kept once, is taken for lost",
			(unsigned long long)load_number(&id));
	return check->ok;
}

bool load_check(void *context, const struct recording *recording, size_t count, const char *folder,
	struct error *error)
{
	/* Syncing the copy would only cost time. */
	const struct store_options options = { .folder = folder, .without_sync = true };
	struct check check = { .load = context, .error = error, .ok = true };
	char lost[PATH_SIZE];

	for (size_t i = 0; i < count; i++) {
		if (recording->events[i].kind == EVENT_PROMISE)
			take_note(&check, recording->events[i].path);
	}
	check.store = store_open(&options, error);
	check.ok = check.store && store_mailbox_each(check.store, check_mailbox, &check, error) &&
		   check.ok;
	store_close(&check.store);
	if (check.ok)
		check.ok = check_missing(&check) && path_join(folder, "bodies/lost", lost, error) &&
			   folder_each(lost, check_lost, &check, error) && check.ok;
	free(check.messages.items);
	free(check.mailboxes.items);
	return check.ok;
}
