/* gateway_check.c -- opens the store that a power cut left, or a backup, and holds it against what the engine and the
 * clients noted up to then.
 *
 * What was received and not asked to go is there, and opens to the bytes that were sent; what was deleted
 * is not, or is kept as collected where that is wanted. A message that nobody was told about may be there, then whole,
 * once, and in a mailbox that it was sent to. A mailbox opens with what was answered last, or with what a change
 * would have made that was under way. Engine and clients are held to it each by their own notes. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/seal.h"
#include "gateway_keys.h"
#include "load_internal.h"
#include "platform/file.h"
#include "store/store_backup.h"
#include "store/store_collected.h"

enum { SEALED_MAX = 1024 * 1024, TABLE_SIZE = 1 << 14 };

/* Of a message, by its id. */
enum { RECEIVED = 1, DELETING = 2, DELETED = 4, FOUND = 8, KEEPING = 16 };

struct message {
	struct id id;
	unsigned flags; /* 0: a free row */
};

/* Of a transaction; a bit for each mailbox. */
struct transaction {
	struct gateway_told told;
	unsigned found;
};

/* A mailbox. */
struct mailbox {
	bool is_created, is_found;
	size_t asked, changed; /* changes of its keys */
	struct mailbox_keyring *keyring;
};

struct check {
	const struct gateway_load *load;
	struct store *store;
	struct message *messages; /* TABLE_SIZE, a hash table */
	struct transaction *transactions;
	struct mailbox mailboxes[GATEWAY_MAILBOXES];
	bool keeps; /* collected mail, by the note that is read */
	struct error *error;
	bool ok;
};

static struct message *message_of(struct check *check, const struct id *id)
{
	size_t place = ((size_t)id->bytes[0] << 8 | id->bytes[1]) % TABLE_SIZE;

	for (size_t i = 0; i < TABLE_SIZE; i++) {
		struct message *message = &check->messages[(place + i) % TABLE_SIZE];

		if (!message->flags)
			message->id = *id;
		if (id_is_equal(&message->id, id))
			return message;
	}
	abort();
}

/* ---- what was noted ---- */

/* Promises count up to one event, what was asked for up to another one. */
enum weight { PROMISE, REQUEST };

static void take_id(struct check *check, const struct bytes *parts, bool is_promised)
{
	static const struct {
		const char *word;
		enum weight weight;
		unsigned flag;
	} words[] = {
		{ "received", PROMISE, RECEIVED },
		{ "deleting", REQUEST, DELETING },
		{ "deleted", PROMISE, DELETED },
	};
	struct id id;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!bytes_equal_text(parts[0], words[i].word) || !id_parse(parts[1], &id) ||
			(words[i].weight == PROMISE && !is_promised))
			continue;
		message_of(check, &id)->flags |= words[i].flag;
		if (words[i].flag == DELETING && check->keeps)
			message_of(check, &id)->flags |= KEEPING;
	}
}

/* "WORD N I" of transactions, "WORD I" and "WORD I K" of mailboxes. */
static void take_client(struct check *check, const struct bytes *parts, bool is_promised)
{
	struct transaction *transaction;
	struct mailbox *mailbox;
	uint64_t first = 0, second = 0;

	check->keeps |= bytes_equal_text(parts[1], "keeping");
	if (!bytes_parse_number(parts[2], check->load->transactions, &first))
		return;
	bytes_parse_number(parts[3], GATEWAY_CHANGES_MAX, &second);
	transaction = &check->transactions[first];
	mailbox = &check->mailboxes[first % GATEWAY_MAILBOXES];
	if (bytes_equal_text(parts[1], "collecting"))
		transaction->told.collecting |= 1u << second;
	else if (bytes_equal_text(parts[1], "changing"))
		mailbox->asked = (size_t)second;
	else if (!is_promised)
		return;
	else if (bytes_equal_text(parts[1], "created"))
		mailbox->is_created = true;
	else if (bytes_equal_text(parts[1], "answered"))
		transaction->told.is_answered = true;
	else if (bytes_equal_text(parts[1], "collected"))
		transaction->told.collected |= 1u << second;
	else if (bytes_equal_text(parts[1], "changed"))
		mailbox->changed = (size_t)second;
}

static void take_note(struct check *check, const char *text, bool is_promised)
{
	struct bytes rest = bytes_of(text), parts[4] = { { NULL, 0 } };

	for (size_t i = 0; i < 4; i++)
		bytes_split(&rest, ' ', &parts[i]);
	if (bytes_equal_text(parts[0], "client"))
		take_client(check, parts, is_promised);
	else
		take_id(check, parts, is_promised);
}

/* ---- a message that is there ---- */

static bool open_message(struct check *check, unsigned mailbox, const struct store_message *message,
	struct buf *plain)
{
	struct opener *opener = opener_new(&check->load->mailboxes[mailbox].id, &message->sealed_id,
		check->mailboxes[mailbox].keyring, check->error);
	struct buf sealed;
	bool ok;

	buf_init(&sealed, SEALED_MAX);
	ok = opener && load_read(check->store, message, &sealed, check->error) &&
	     opener_feed(opener, buf_view(&sealed), plain, check->error) &&
	     opener_finish(opener, plain, check->error);
	if (ok && plain->size != message->size)
		ok = error_set(check->error, ERROR_CORRUPT, "it has another size than its row");
	buf_clear(&sealed);
	opener_free(&opener);
	return ok;
}

static bool judge(struct check *check, unsigned mailbox, const struct id *id, uint64_t number,
	bool is_collected)
{
	struct transaction *transaction = &check->transactions[number];
	struct message *noted = message_of(check, id);
	unsigned bit = 1u << mailbox;
	const char *why = NULL;

	if (!is_collected && noted->flags & DELETED)
		why = "the engine deleted it and it is back";
	else if (!is_collected && transaction->told.collected & bit)
		why = "its collector heard that it is deleted and it is back";
	else if (is_collected && !(noted->flags & KEEPING))
		why = "nobody asked to collect and keep it";
	else if (noted->flags & FOUND || transaction->found & bit)
		why = "it is there twice";
	else if (!(gateway_targets(check->load->seed, number) & bit))
		why = "it was not sent to that mailbox";
	noted->flags |= FOUND;
	transaction->found |= bit;
	return !why || error_set(check->error, ERROR_CORRUPT, "transaction %llu: %s",
			       (unsigned long long)number, why);
}

static bool check_message(struct check *check, unsigned mailbox,
	const struct store_message *message, bool is_collected)
{
	char id[ID_TEXT_SIZE];
	uint64_t number = 0;
	struct buf plain;
	bool ok;

	buf_init(&plain, SEALED_MAX);
	ok = open_message(check, mailbox, message, &plain) &&
	     gateway_content_compare(check->load, buf_view(&plain), &number, check->error) &&
	     judge(check, mailbox, &message->id, number, is_collected);
	buf_clear(&plain);
	id_text(&message->id, id);
	if (!ok)
		error_prefix(check->error, "mailbox %u, message %s", mailbox, id);
	return ok;
}

/* ---- mailboxes ---- */

static bool check_waiting(struct check *check, unsigned index, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct store_message *messages = NULL;
	size_t count = 0;
	bool ok = load_list(check->store, &mailbox->id, &messages, &count, check->error);

	if (ok && (count != counts->waiting ||
			  counts->received != counts->waiting + counts->collected))
		ok = error_set(check->error, ERROR_CORRUPT,
			"mailbox %u does not count what it holds", index);
	for (size_t i = 0; ok && i < count; i++)
		ok = check_message(check, index, &messages[i], false);
	free(messages);
	return ok;
}

struct collected {
	struct check *check;
	unsigned index;
	bool ok;
};

static bool take_collected(void *context, const struct store_copy *copy)
{
	struct collected *collected = context;

	collected->ok = check_message(collected->check, collected->index, &copy->message, true);
	return collected->ok;
}

static bool check_known(struct check *check, unsigned index, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	const struct gateway_mailbox *known = &check->load->mailboxes[index];
	struct mailbox *seen = &check->mailboxes[index];
	struct collected collected = { check, index, true };

	seen->is_found = true;
	seen->keyring = gateway_keys_open(check->store, mailbox, &known->keys[seen->changed],
		seen->asked > seen->changed ? seen->asked - seen->changed + 1 : 1, check->error);
	if (!seen->keyring) {
		error_prefix(check->error, "mailbox %u, changes %zu to %zu", index, seen->changed,
			seen->asked);
		return false;
	}
	return check_waiting(check, index, mailbox, counts) &&
	       store_copy_each(check->store, &mailbox->id, STORE_COLLECTED, take_collected,
		       &collected, check->error) &&
	       collected.ok &&
	       load_check_chain(check->store, &mailbox->id, counts->received, check->error);
}

static void check_mailbox(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct check *check = context;

	for (unsigned i = 0; check->ok && i < GATEWAY_MAILBOXES; i++) {
		if (id_is_equal(&check->load->mailboxes[i].id, &mailbox->id)) {
			check->ok = check_known(check, i, mailbox, counts);
			return;
		}
	}
	if (check->ok)
		check->ok = error_set(
			check->error, ERROR_CORRUPT, "there is a mailbox that nobody created");
}

/* ---- what is not there ---- */

static bool check_missing(struct check *check)
{
	char id[ID_TEXT_SIZE];

	for (unsigned i = 0; i < GATEWAY_MAILBOXES; i++) {
		if (check->mailboxes[i].is_created && !check->mailboxes[i].is_found)
			return error_set(check->error, ERROR_CORRUPT, "mailbox %u is lost", i);
	}
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		const struct message *message = &check->messages[i];

		id_text(&message->id, id);
		if (message->flags & RECEIVED && !(message->flags & (DELETING | FOUND)))
			return error_set(check->error, ERROR_CORRUPT, "message %s is lost", id);
		if (message->flags & RECEIVED && message->flags & KEEPING &&
			!(message->flags & FOUND))
			return error_set(check->error, ERROR_CORRUPT,
				"message %s is neither waiting nor kept as collected", id);
	}
	for (uint64_t i = 1; i <= check->load->transactions; i++) {
		const struct transaction *transaction = &check->transactions[i];
		unsigned targets = gateway_targets(check->load->seed, i);

		if (transaction->told.is_answered &&
			targets & ~(transaction->found | transaction->told.collecting))
			return error_set(check->error, ERROR_CORRUPT,
				"transaction %llu was answered 250 and is lost",
				(unsigned long long)i);
	}
	return true;
}

/* What starts removes what a backup of then had begun. */
static bool check_left(const char *folder, struct error *error)
{
	char path[PATH_SIZE];

	if (!path_join(folder, STORE_BACKUP_FOLDER, path, error))
		return false;
	return !file_exists(path) ||
	       error_set(error, ERROR_STATE, "a part of a backup is left in %s", path);
}

static bool check_folder(struct check *check, const char *folder)
{
	/* Syncing the copy would only cost time. */
	const struct store_options options = { .folder = folder, .without_sync = true };

	check->store = store_open(&options, check->error);
	check->ok = check->store &&
		    store_mailbox_each(check->store, check_mailbox, check, check->error) &&
		    check->ok;
	store_close(&check->store);
	return check->ok && check_missing(check) && check_left(folder, check->error);
}

/* Promises up to one event, requests up to another. */
static bool check_span(const struct gateway_load *load, const struct recording *recording,
	size_t promised, size_t asked, const char *folder, struct error *error)
{
	struct check check = { .load = load, .error = error, .ok = true };
	bool ok;

	check.messages = calloc(TABLE_SIZE, sizeof *check.messages);
	check.transactions = calloc(load->transactions + 1, sizeof *check.transactions);
	if (!check.messages || !check.transactions)
		abort();
	for (size_t i = recording->first; i < asked; i++) {
		if (recording->events[i].kind == EVENT_PROMISE)
			take_note(&check, recording->events[i].path, i < promised);
	}
	ok = check_folder(&check, folder);
	for (size_t i = 0; i < GATEWAY_MAILBOXES; i++)
		mailbox_keyring_free(&check.mailboxes[i].keyring);
	free(check.messages);
	free(check.transactions);
	return ok;
}

bool gateway_load_check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	return check_span(context, recording, count, count, folder, error);
}

/* The number of the event after that note. */
static size_t find_note(const struct recording *recording, const char *word, size_t number)
{
	char text[64];

	snprintf(text, sizeof text, "client %s %zu", word, number);
	for (size_t i = recording->first; i < recording->count; i++) {
		if (recording->events[i].kind == EVENT_PROMISE &&
			strcmp(recording->events[i].path, text) == 0)
			return i + 1;
	}
	abort();
}

bool gateway_load_check_backup(struct gateway_load *load, const struct recording *recording,
	size_t number, struct error *error)
{
	char name[64], folder[PATH_SIZE];

	snprintf(name, sizeof name, "backup-%zu", number);
	if (!path_join(load->copies, name, folder, error))
		return false;
	if (check_span(load, recording, find_note(recording, "copying", number),
		    find_note(recording, "copied", number), folder, error))
		return true;
	error_prefix(error, "backup %zu", number);
	return false;
}
