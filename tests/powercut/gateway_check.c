/* gateway_check.c -- opens the store that a power cut left and holds it against what the engine and the
 * clients noted up to the cut.
 *
 * What was received and not asked to go is there, and opens to the bytes that were sent; what was deleted
 * is not. A message that nobody was told about may be there, then whole, once, and in a mailbox that it was
 * sent to. Engine and clients are held to it each by their own notes. */
#include <stdlib.h>

#include "crypto/seal.h"
#include "gateway_load.h"
#include "load_internal.h"

enum { SEALED_MAX = 1024 * 1024, TABLE_SIZE = 1 << 14 };

/* Of a message, by its id. */
enum { RECEIVED = 1, DELETING = 2, DELETED = 4, FOUND = 8 };

struct message {
	struct id id;
	unsigned flags; /* 0: a free row */
};

/* Of a transaction; a bit for each mailbox. */
struct transaction {
	bool is_answered;
	unsigned collecting, collected, found;
};

struct check {
	const struct gateway_load *load;
	struct store *store;
	struct message *messages; /* TABLE_SIZE, a hash table */
	struct transaction *transactions;
	bool is_created[GATEWAY_MAILBOXES];
	bool is_found[GATEWAY_MAILBOXES];
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

static void take_id(struct check *check, const struct bytes *parts)
{
	static const struct {
		const char *word;
		unsigned flag;
	} words[] = {
		{ "received", RECEIVED },
		{ "deleting", DELETING },
		{ "deleted", DELETED },
	};
	struct id id;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (bytes_equal_text(parts[0], words[i].word) && id_parse(parts[1], &id))
			message_of(check, &id)->flags |= words[i].flag;
	}
}

static void take_client(struct check *check, const struct bytes *parts)
{
	struct transaction *transaction;
	uint64_t number = 0, mailbox = 0;

	if (!bytes_parse_number(parts[2], check->load->transactions, &number))
		return;
	transaction = &check->transactions[number];
	if (bytes_equal_text(parts[1], "created") && number < GATEWAY_MAILBOXES)
		check->is_created[number] = true;
	else if (bytes_equal_text(parts[1], "answered"))
		transaction->is_answered = true;
	else if (!bytes_parse_number(parts[3], GATEWAY_MAILBOXES - 1, &mailbox))
		return;
	else if (bytes_equal_text(parts[1], "collecting"))
		transaction->collecting |= 1u << mailbox;
	else if (bytes_equal_text(parts[1], "collected"))
		transaction->collected |= 1u << mailbox;
}

static void take_note(struct check *check, const char *text)
{
	struct bytes rest = bytes_of(text), parts[4] = { { NULL, 0 } };

	for (size_t i = 0; i < 4; i++)
		bytes_split(&rest, ' ', &parts[i]);
	if (bytes_equal_text(parts[0], "client"))
		take_client(check, parts);
	else
		take_id(check, parts);
}

/* ---- a message that is there ---- */

static bool open_message(struct check *check, const struct gateway_mailbox *mailbox,
	const struct store_message *message, struct buf *plain)
{
	struct opener *opener =
		opener_new(&mailbox->id, &message->sealed_id, mailbox->keyring, check->error);
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

static bool compare(struct check *check, struct bytes plain, uint64_t *number)
{
	struct buf sent;
	size_t begin = 0;
	bool ok;

	if (!gateway_content_find(plain, number, &begin) || !*number ||
		*number > check->load->transactions)
		return error_set(check->error, ERROR_CORRUPT, "it is none that was sent");
	ok = gateway_content(check->load->seed, *number, &sent)
		     ? bytes_equal(bytes_skip(plain, begin), buf_view(&sent)) ||
			       error_set(check->error, ERROR_CORRUPT,
				       "it differs from transaction %llu",
				       (unsigned long long)*number)
		     : error_set_memory(check->error);
	buf_clear(&sent);
	return ok;
}

static bool judge(struct check *check, unsigned mailbox, const struct id *id, uint64_t number)
{
	struct transaction *transaction = &check->transactions[number];
	struct message *noted = message_of(check, id);
	unsigned bit = 1u << mailbox;
	const char *why = NULL;

	if (noted->flags & DELETED)
		why = "the engine deleted it and it is back";
	else if (transaction->collected & bit)
		why = "its collector heard that it is deleted and it is back";
	else if (noted->flags & FOUND || transaction->found & bit)
		why = "it is there twice";
	else if (!(gateway_targets(check->load->seed, number) & bit))
		why = "it was not sent to that mailbox";
	noted->flags |= FOUND;
	transaction->found |= bit;
	return !why || error_set(check->error, ERROR_CORRUPT, "transaction %llu: %s",
			       (unsigned long long)number, why);
}

static bool check_message(
	struct check *check, unsigned mailbox, const struct store_message *message)
{
	char id[ID_TEXT_SIZE];
	uint64_t number = 0;
	struct buf plain;
	bool ok;

	buf_init(&plain, SEALED_MAX);
	ok = open_message(check, &check->load->mailboxes[mailbox], message, &plain) &&
	     compare(check, buf_view(&plain), &number) &&
	     judge(check, mailbox, &message->id, number);
	buf_clear(&plain);
	id_text(&message->id, id);
	if (!ok)
		error_prefix(check->error, "mailbox %u, message %s", mailbox, id);
	return ok;
}

/* ---- mailboxes ---- */

static bool is_same(const struct store_mailbox *found, const struct store_mailbox *stored)
{
	return memcmp(found->identity_key, stored->identity_key, IDENTITY_KEY_SIZE) == 0 &&
	       memcmp(found->box_key, stored->box_key, BOX_KEY_SIZE) == 0 &&
	       memcmp(found->key_signature, stored->key_signature, KEY_SIGNATURE_SIZE) == 0 &&
	       bytes_equal(bytes_make(found->password_wrap, found->password_wrap_size),
		       bytes_make(stored->password_wrap, stored->password_wrap_size));
}

static bool check_known(struct check *check, unsigned index, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct store_message *messages = NULL;
	size_t count = 0;
	bool ok;

	check->is_found[index] = true;
	/* The wrap is the one that the password opened. */
	if (!is_same(mailbox, &check->load->mailboxes[index].stored))
		return error_set(check->error, ERROR_CORRUPT, "mailbox %u has other keys", index);
	ok = load_list(check->store, &mailbox->id, &messages, &count, check->error);
	if (ok && (count != counts->waiting ||
			  counts->received != counts->waiting + counts->collected))
		ok = error_set(check->error, ERROR_CORRUPT,
			"mailbox %u does not count what it holds", index);
	for (size_t i = 0; ok && i < count; i++)
		ok = check_message(check, index, &messages[i]);
	free(messages);
	ok = ok && load_check_chain(check->store, &mailbox->id, counts->received, check->error);
	return ok;
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
		if (check->is_created[i] && !check->is_found[i])
			return error_set(check->error, ERROR_CORRUPT, "mailbox %u is lost", i);
	}
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		const struct message *message = &check->messages[i];

		id_text(&message->id, id);
		if (message->flags & RECEIVED && !(message->flags & (DELETING | FOUND)))
			return error_set(check->error, ERROR_CORRUPT, "message %s is lost", id);
	}
	for (uint64_t i = 1; i <= check->load->transactions; i++) {
		const struct transaction *transaction = &check->transactions[i];
		unsigned targets = gateway_targets(check->load->seed, i);

		if (transaction->is_answered &&
			targets & ~(transaction->found | transaction->collecting))
			return error_set(check->error, ERROR_CORRUPT,
				"transaction %llu was answered 250 and is lost",
				(unsigned long long)i);
	}
	return true;
}

bool gateway_load_check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	/* Syncing the copy would only cost time. */
	const struct store_options options = { .folder = folder, .without_sync = true };
	struct check check = { .load = context, .error = error, .ok = true };

	check.messages = calloc(TABLE_SIZE, sizeof *check.messages);
	check.transactions = calloc(check.load->transactions + 1, sizeof *check.transactions);
	if (!check.messages || !check.transactions)
		abort();
	for (size_t i = recording->first; i < count; i++) {
		if (recording->events[i].kind == EVENT_PROMISE)
			take_note(&check, recording->events[i].path);
	}
	check.store = store_open(&options, error);
	check.ok = check.store && store_mailbox_each(check.store, check_mailbox, &check, error) &&
		   check.ok;
	store_close(&check.store);
	check.ok = check.ok && check_missing(&check);
	free(check.messages);
	free(check.transactions);
	return check.ok;
}
