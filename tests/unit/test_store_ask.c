/* test_store_ask.c -- see the header. */
#include "test_store_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store_collected.h"
#include "store/store_facts.h"
#include "store/store_keys.h"
#include "store/store_ledger.h"

bool ask_list(struct fixture *fixture, struct error *error)
{
	struct store_message *messages;
	size_t count;
	bool ok = list_mailbox(fixture, 1, &messages, &count, error);

	assert_true(ok || (!messages && !count));
	free(messages);
	return ok;
}

/* The first message that waits, as a list of an undamaged store gives it. */
static struct store_message first_message(void)
{
	const struct id id = make_id('m', 16);

	return (struct store_message){
		.id = id, .sealed_id = id, .number = 1, .size = ASK_SMALL + 1
	};
}

bool ask_read(struct fixture *fixture, struct error *error)
{
	const struct store_message message = first_message();
	struct buf sealed;
	bool is_end, ok;

	buf_init(&sealed, ASK_LARGE);
	ok = read_piece(fixture, &message, 0, ASK_LARGE, &sealed, &is_end, error);
	assert_int_equal(sealed.size, ok ? ASK_SMALL : 0);
	buf_clear(&sealed);
	return ok;
}

bool do_deliver(struct fixture *fixture, struct error *error)
{
	static uint64_t number = 100;

	return deliver(fixture, number++, ASK_SMALL, error);
}

bool do_remove(struct fixture *fixture, struct error *error)
{
	const struct store_message message = first_message();

	return remove_messages(fixture, 1, &message, 1, error);
}

bool do_keep(struct fixture *fixture, struct error *error)
{
	const struct store_message message = first_message();

	set_limits(fixture, INT64_MAX / 4, 0);
	return remove_messages(fixture, 1, &message, 1, error);
}

bool do_create(struct fixture *fixture, struct error *error)
{
	const struct store_mailbox mailbox = make_mailbox(7);

	return store_mailbox_create(fixture->store, &mailbox, error);
}

bool do_suspend(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_mailbox_set_status(fixture->store, &id, STORE_MAILBOX_SUSPENDED, error);
}

bool do_delete(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_mailbox_delete(fixture->store, &id, error);
}

bool ask_mailbox(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;

	return store_mailbox_get(fixture->store, &id, &mailbox, &counts, error);
}

static void no_mailbox(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	(void)context;
	(void)mailbox;
	(void)counts;
}

bool ask_mailboxes(struct fixture *fixture, struct error *error)
{
	return store_mailbox_each(fixture->store, no_mailbox, NULL, error);
}

bool do_set(struct fixture *fixture, struct error *error)
{
	return store_setting_set(fixture->store, "hostname", "mail.example", error);
}

static void no_setting(void *context, const char *key, const char *value)
{
	(void)context;
	(void)key;
	(void)value;
}

bool ask_settings(struct fixture *fixture, struct error *error)
{
	return store_setting_each(fixture->store, no_setting, NULL, error);
}

static bool edit(
	struct fixture *fixture, const struct store_mailbox_edit *change, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_mailbox_edit(fixture->store, &id, change, error);
}

bool do_edit_name(struct fixture *fixture, struct error *error)
{
	return edit(fixture, &(struct store_mailbox_edit){ .name = "Another name" }, error);
}

bool do_edit_facts(struct fixture *fixture, struct error *error)
{
	static const struct store_fact fact = { "networks", "192.0.2.0/24" };
	const struct store_mailbox_edit change = {
		.name = "Another name", .sets_facts = true, .facts = &fact, .fact_count = 1
	};

	return edit(fixture, &change, error);
}

bool do_edit_aliases(struct fixture *fixture, struct error *error)
{
	static const char *const alias = "new@office.example";
	const struct store_mailbox_edit change = {
		.sets_aliases = true, .aliases = &alias, .alias_count = 1
	};

	return edit(fixture, &change, error);
}

static void no_fact(void *context, const struct id *mailbox, const char *key, const char *value)
{
	(void)context;
	(void)mailbox;
	(void)key;
	(void)value;
}

bool ask_facts(struct fixture *fixture, struct error *error)
{
	return store_fact_each(fixture->store, NULL, no_fact, NULL, error);
}

bool do_rekey(struct fixture *fixture, struct error *error)
{
	const struct store_mailbox mailbox = make_mailbox(1);
	const struct id id = make_id('b', 1);
	struct store_rekey rekey = {
		.expected = bytes_make(mailbox.password_wrap, mailbox.password_wrap_size),
		.generation = 3,
		.password = bytes_of("another wrap"),
		.sealed_secret = bytes_of("sealed"),
	};

	return store_mailbox_rekey(fixture->store, &id, &rekey, error);
}

bool ask_old_keys(struct fixture *fixture, struct error *error)
{
	struct store_old_key keys[STORE_GENERATIONS_MAX - 1];
	const struct id id = make_id('b', 1);
	size_t count;

	return store_mailbox_old_keys(fixture->store, &id, keys, &count, error);
}

bool ask_head(struct fixture *fixture, struct error *error)
{
	struct store_ledger_head head;
	const struct id id = make_id('b', 1);

	return store_ledger_head(fixture->store, &id, &head, error);
}

static bool count_row(void *context, const struct store_ledger_row *row)
{
	(void)context;
	(void)row;
	return true;
}

bool ask_ledger(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_ledger_each(fixture->store, &id, 1, count_row, NULL, error);
}

static bool count_signature(void *context, const struct store_signature *signature)
{
	(void)context;
	(void)signature;
	return true;
}

bool ask_signatures(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_signature_each(fixture->store, &id, 1, count_signature, NULL, error);
}

static void signed_down(struct store_signing *signing)
{
	latch_count_down(signing->context);
}

bool do_sign(struct fixture *fixture, struct error *error)
{
	struct latch latch;
	struct store_signing signing = { .mailbox = make_id('b', 1),
		.signature = { .number = 2, .generation = 1, .signed_us = 5 },
		.done = signed_down,
		.context = &latch };

	latch_init(&latch, 1);
	store_signing_submit(fixture->store, &signing);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	*error = signing.error;
	return signing.ok;
}

static void quarantined(struct store_quarantine *quarantine)
{
	latch_count_down(quarantine->context);
}

bool do_quarantine(struct fixture *fixture, struct error *error)
{
	struct latch latch;
	struct store_quarantine quarantine = { .mailbox = make_id('b', 1),
		.message = first_message(),
		.done = quarantined,
		.context = &latch };

	latch_init(&latch, 1);
	store_quarantine_submit(fixture->store, &quarantine);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	*error = quarantine.error;
	return quarantine.ok;
}

static void next_id(void *context, const struct store_message *message, struct id *id)
{
	(void)context;
	*id = make_id('r', message->number);
}

bool do_restore(struct fixture *fixture, struct error *error)
{
	struct store_restoration restoration = { .mailbox = make_id('b', 1), .make_id = next_id };

	return store_mailbox_restore(fixture->store, &restoration, error);
}

static bool count_copy(void *context, const struct store_copy *copy)
{
	(void)context;
	(void)copy;
	return true;
}

bool ask_copies(struct fixture *fixture, struct error *error)
{
	const struct id id = make_id('b', 1);

	return store_copy_each(fixture->store, &id, STORE_COLLECTED, count_copy, NULL, error);
}
