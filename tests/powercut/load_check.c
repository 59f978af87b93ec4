/* load_check.c -- opens the store that a power cut left and holds it against the notes up to the cut.
 *
 * What was kept and not asked to go is there, byte for byte. What was removed or deleted for certain is
 * not. Whatever else is listed is whole: a message that nobody was told about may be there or not, but
 * not in part. The counters agree with the lists. No body that a message ever named is taken for lost.
 *
 * A mailbox's ledger has a row for each copy that it counts as received, without a gap, chained; whatever was
 * kept for certain has its row, wherever the message is by now; each message that is there, listed or
 * collected, has the sealed bytes that its row names. */
#include <stdlib.h>

#include "crypto/digest.h"
#include "load.h"
#include "load_internal.h"
#include "platform/file.h"
#include "store/store_collected.h"
#include "store/store_ledger.h"

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

enum {
	KEPT = 1,
	REMOVING = 2,
	REMOVED = 4,
	CREATED = 8,
	DELETING = 16,
	DELETED = 32,
	FOUND = 64,
	RETURNING = 128, /* under this number */
	IN_LEDGER = 256,
};

struct fact {
	unsigned flags;
	uint64_t mailbox;	/* of a message */
	uint64_t signed_number; /* of a mailbox: the last head that was signed for certain */
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
		{ "returning", RETURNING, false },
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
	if (bytes_equal_text(parts[1], "signed"))
		fact_of(&check->mailboxes, mailbox)->signed_number = number;
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

	if (!load_fill(check->load->seed, load_delivery(number), &expected))
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
	if (number % LOAD_RESTORES_MAX && !(fact->flags & RETURNING))
		return error_set(check->error, ERROR_CORRUPT,
			"message %llu was never asked to come back", (unsigned long long)number);
	if (fact->flags & FOUND)
		return error_set(check->error, ERROR_CORRUPT, "message %llu is listed twice",
			(unsigned long long)number);
	if ((fact->flags & KEPT) && fact->mailbox != mailbox)
		return error_set(check->error, ERROR_CORRUPT, "message %llu is in another mailbox",
			(unsigned long long)number);
	fact->flags |= FOUND;
	return check_bytes(check, message, number);
}

/* ---- the ledger ---- */

struct chain {
	struct id mailbox;
	uint64_t number;
	uint8_t link[STORE_LINK_SIZE];
	const char *fault;
};

static bool follow(void *context, const struct store_ledger_row *row)
{
	struct chain *chain = context;

	store_ledger_link(&chain->mailbox, chain->link, row, chain->link);
	chain->number++;
	if (row->number != chain->number)
		chain->fault = "there is a gap";
	else if (memcmp(chain->link, row->link, sizeof chain->link) != 0)
		chain->fault = "the chain is broken";
	return !chain->fault;
}

bool load_check_chain(
	struct store *store, const struct id *mailbox, uint64_t received, struct error *error)
{
	struct chain chain = { .mailbox = *mailbox };

	store_ledger_origin(mailbox, chain.link);
	if (!store_ledger_each(store, mailbox, 1, follow, &chain, error))
		return false;
	if (!chain.fault && chain.number != received)
		chain.fault = "it is not the count of received copies";
	return !chain.fault || error_set(error, ERROR_CORRUPT, "the ledger at number %llu: %s",
				       (unsigned long long)chain.number, chain.fault);
}

struct ledger {
	struct check *check;
	struct id mailbox;
	uint64_t number;
	uint64_t signed_number;
	uint8_t (*digests)[STORE_DIGEST_SIZE]; /* of each row, from number 1 on */
	size_t capacity;
};

static bool ledger_is_broken(struct ledger *ledger, const char *what, uint64_t number)
{
	return error_set(ledger->check->error, ERROR_CORRUPT,
		"ledger of mailbox %llu, number %llu: %s",
		(unsigned long long)load_number(&ledger->mailbox), (unsigned long long)number,
		what);
}

/* The chain was followed before: here it counts what is in it. */
static bool take_row(void *context, const struct store_ledger_row *row)
{
	struct ledger *ledger = context;
	struct check *check = ledger->check;
	uint64_t message = 0;

	if (row->receipt_size != sizeof message) {
		check->ok = ledger_is_broken(ledger, "the receipt is another one", row->number);
		return false;
	}
	memcpy(&message, row->receipt, sizeof message);
	fact_of(&check->messages, message)->flags |= IN_LEDGER;
	if (ledger->number == ledger->capacity) {
		ledger->capacity = ledger->capacity * 2 + 64;
		ledger->digests =
			realloc(ledger->digests, ledger->capacity * sizeof *ledger->digests);
		if (!ledger->digests)
			abort();
	}
	memcpy(ledger->digests[ledger->number++], row->digest, sizeof row->digest);
	return true;
}

/* The row that a message names is about its bytes. */
static bool take_copy(void *context, const struct store_copy *copy)
{
	struct ledger *ledger = context;
	struct check *check = ledger->check;
	uint64_t message = load_number(&copy->message.id);
	uint8_t hash[DIGEST_SIZE];
	struct digest digest;
	struct buf sealed;

	if (!copy->ledger_number || copy->ledger_number > ledger->number) {
		check->ok = ledger_is_broken(
			ledger, "a message names a row that is not there", copy->ledger_number);
		return false;
	}
	if (!load_fill(check->load->seed, load_delivery(message), &sealed))
		abort();
	digest_init(&digest, NULL);
	digest_update(&digest, buf_view(&sealed));
	digest_final(&digest, hash);
	buf_clear(&sealed);
	if (memcmp(ledger->digests[copy->ledger_number - 1], hash, sizeof hash) != 0)
		check->ok = ledger_is_broken(
			ledger, "its digest is of another message", copy->ledger_number);
	return check->ok;
}

static bool take_signature(void *context, const struct store_signature *signature)
{
	struct ledger *ledger = context;

	ledger->signed_number = signature->number;
	if (signature->number > ledger->number)
		ledger->check->ok = ledger_is_broken(
			ledger, "it was signed and is not there", signature->number);
	return ledger->check->ok;
}

static bool check_ledger(
	struct check *check, const struct id *mailbox, const struct store_mailbox_counts *counts)
{
	struct ledger ledger = { .check = check, .mailbox = *mailbox };
	bool ok;

	ok = load_check_chain(check->store, mailbox, counts->received, check->error) &&
	     store_ledger_each(check->store, mailbox, 1, take_row, &ledger, check->error) &&
	     check->ok;
	ok = ok &&
	     store_copy_each(
		     check->store, mailbox, STORE_WAITING, take_copy, &ledger, check->error) &&
	     store_copy_each(
		     check->store, mailbox, STORE_COLLECTED, take_copy, &ledger, check->error) &&
	     store_signature_each(
		     check->store, mailbox, 1, take_signature, &ledger, check->error) &&
	     check->ok;
	if (ok && ledger.signed_number <
			  fact_of(&check->mailboxes, load_number(mailbox))->signed_number)
		ok = ledger_is_broken(&ledger, "its last signature is lost", ledger.signed_number);
	free(ledger.digests);
	return ok;
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
	check->ok = check->ok && check_ledger(check, &mailbox->id, counts);
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
		/* A restored one has the row of its delivery. */
		if ((fact->flags & KEPT) &&
			!(fact_of(&check->mailboxes, fact->mailbox)->flags & DELETING) &&
			!(fact_of(&check->messages, i / LOAD_RESTORES_MAX * LOAD_RESTORES_MAX)
					->flags &
				IN_LEDGER))
			return error_set(check->error, ERROR_CORRUPT,
				"message %llu has no row in the ledger", (unsigned long long)i);
	}
	return true;
}

/* A body that was in the index is there, or its file is gone: the start never takes it for lost. */
static bool check_lost(void *context, const char *name)
{
	struct check *check = context;
	struct id id;

	if (id_parse(bytes_of(name), &id) &&
		(fact_of(&check->messages, load_message(load_number(&id), 0))->flags & KEPT))
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
