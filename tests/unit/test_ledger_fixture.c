/* test_ledger_fixture.c -- see the header. */
#include "test_ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "crypto/mailbox_head.h"
#include "crypto/seal.h"
#include "service/delivery.h"

enum { OPENED_MAX = 1 << 20 };

int ledger_set_up(void **state)
{
	struct ledger_fixture *fixture = calloc(1, sizeof *fixture);
	struct store_limits limits = { .keep_collected_us = INT64_C(86400) * 1000000 };
	struct error error;

	fixture->service = service_fixture_new();
	fixture->store = fixture->service->service.store;
	store_set_limits(fixture->store, &limits);
	service_mailbox_make(&fixture->mailbox, "Journal");
	service_fixture_add(fixture->service, &fixture->mailbox);
	fixture->id = &fixture->mailbox.stored.id;
	fixture->keyring = mailbox_keyring_open(
		&fixture->mailbox.public_keys, fixture->mailbox.secret_keys, NULL, 0, &error);
	if (!fixture->keyring)
		fail_msg("%s", error.text);
	*state = fixture;
	return 0;
}

int ledger_tear_down(void **state)
{
	struct ledger_fixture *fixture = *state;

	mailbox_keyring_free(&fixture->keyring);
	service_fixture_free(&fixture->service);
	service_mailbox_clear(&fixture->mailbox);
	free(fixture);
	return 0;
}

/* ---- delivering ---- */

struct sending {
	struct ledger_fixture *fixture;
	struct bytes content;
	struct countdown done;
	struct error error;
	bool ok;
};

static void on_stored(void *context, const struct error *why)
{
	struct sending *sending = context;

	sending->ok = why == NULL;
	if (why)
		sending->error = *why;
	countdown_step(&sending->done);
}

static void send_on_loop(void *context)
{
	struct sending *sending = context;
	struct service_fixture *service = sending->fixture->service;
	struct delivery_targets targets = { .count = 0 };
	struct trace trace = {
		.return_path = bytes_of("sender@example.org"),
		.hello = bytes_of("mail.example.org"),
		.peer_address = bytes_of("192.0.2.1"),
		.gateway = bytes_of("gateway.example.com"),
		.protocol = "ESMTPS",
	};
	struct delivery *delivery;

	delivery_targets_add(&targets, sending->fixture->id);
	delivery =
		delivery_begin(&service->service, service->loop, &targets, &trace, &sending->error);
	if (delivery && delivery_write(delivery, sending->content, &sending->error) &&
		delivery_finish(delivery, on_stored, sending, &sending->error))
		return;
	delivery_discard(&delivery);
	countdown_step(&sending->done);
}

void ledger_deliver(struct ledger_fixture *fixture, struct bytes content)
{
	struct sending sending = { .fixture = fixture, .content = content };

	countdown_init(&sending.done, 1);
	loop_call(fixture->service->loop, send_on_loop, &sending);
	countdown_wait(&sending.done);
	countdown_clear(&sending.done);
	if (!sending.ok)
		fail_msg("%s", sending.error.text);
}

void ledger_deliver_many(struct ledger_fixture *fixture, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[64];

		snprintf(text, sizeof text, "Subject: message %zu\r\n\r\nText.\r\n", i);
		ledger_deliver(fixture, bytes_of(text));
	}
}

/* ---- signing ---- */

static void on_signed(struct store_signing *signing)
{
	countdown_step(signing->context);
}

void ledger_sign(struct ledger_fixture *fixture, int64_t signed_us)
{
	struct countdown done;
	struct store_signing signing = {
		.mailbox = *fixture->id, .done = on_signed, .context = &done
	};
	struct mailbox_head head = { .mailbox = *fixture->id,
		.time_us = signed_us,
		.generation = fixture->mailbox.public_keys.generation };
	struct store_ledger_head stored;

	assert_true(store_ledger_head(fixture->store, fixture->id, &stored, NULL));
	head.number = signing.signature.number = stored.number;
	memcpy(head.link, stored.link, sizeof head.link);
	memcpy(signing.signature.head, stored.link, sizeof signing.signature.head);
	signing.signature.signed_us = signed_us;
	signing.signature.generation = head.generation;
	mailbox_head_sign(fixture->keyring, &head, signing.signature.signature);
	countdown_init(&done, 1);
	store_signing_submit(fixture->store, &signing);
	countdown_wait(&done);
	countdown_clear(&done);
	assert_true(signing.ok);
}

static bool take_signature(void *context, const struct store_signature *signature)
{
	*(struct store_signature *)context = *signature;
	return true;
}

struct ledger_anchor ledger_anchor_of(struct ledger_fixture *fixture)
{
	struct ledger_anchor anchor = { .head = { .mailbox = *fixture->id } };
	struct store_signature newest = { 0 };

	assert_true(store_signature_each(
		fixture->store, fixture->id, 0, take_signature, &newest, NULL));
	assert_true(newest.number > 0);
	anchor.head.number = newest.number;
	anchor.head.time_us = newest.signed_us;
	anchor.head.generation = newest.generation;
	memcpy(anchor.head.link, newest.head, sizeof anchor.head.link);
	memcpy(anchor.signature, newest.signature, sizeof anchor.signature);
	memcpy(anchor.identity, fixture->mailbox.public_keys.identity, sizeof anchor.identity);
	return anchor;
}

/* ---- messages ---- */

static void on_read(struct store_read *read)
{
	countdown_step(read->context);
}

static void run_read(struct ledger_fixture *fixture, struct store_read *read)
{
	struct countdown done;

	countdown_init(&done, 1);
	read->mailbox = *fixture->id;
	read->done = on_read;
	read->context = &done;
	store_read_submit(fixture->store, read);
	countdown_wait(&done);
	countdown_clear(&done);
	if (!read->ok)
		fail_msg("%s", read->error.text);
}

struct store_message *ledger_list(struct ledger_fixture *fixture, size_t *count)
{
	struct store_read read = { .what = STORE_READ_LIST };

	run_read(fixture, &read);
	*count = read.message_count;
	return read.messages;
}

void ledger_open_newest(struct ledger_fixture *fixture, struct buf *content)
{
	size_t count;
	struct store_message *messages = ledger_list(fixture, &count);
	struct store_read read = { .what = STORE_READ_BODY, .at_most = OPENED_MAX };
	struct opener *opener;
	struct error error;

	assert_true(count > 0);
	read.message = messages[count - 1];
	buf_init(&read.sealed, OPENED_MAX);
	run_read(fixture, &read);
	assert_true(read.is_end);
	opener = opener_new(fixture->id, &read.message.sealed_id, fixture->keyring, &error);
	if (!opener || !opener_feed(opener, buf_view(&read.sealed), content, &error) ||
		!opener_finish(opener, content, &error))
		fail_msg("%s", error.text);
	opener_free(&opener);
	buf_clear(&read.sealed);
	free(messages);
}

static void on_removed(struct store_removal *removal)
{
	countdown_step(removal->context);
}

void ledger_collect(struct ledger_fixture *fixture, size_t count)
{
	struct countdown done;
	size_t waiting;
	struct store_message *messages = ledger_list(fixture, &waiting);
	struct store_removal removal = { .mailbox = *fixture->id,
		.messages = messages,
		.message_count = count,
		.collected_us = INT64_C(1800000000) * 1000000,
		.done = on_removed,
		.context = &done };

	assert_true(count <= waiting);
	countdown_init(&done, 1);
	store_removal_submit(fixture->store, &removal);
	countdown_wait(&done);
	countdown_clear(&done);
	assert_true(removal.ok);
	free(messages);
}

static void on_quarantined(struct store_quarantine *quarantine)
{
	countdown_step(quarantine->context);
}

void ledger_quarantine_first(struct ledger_fixture *fixture)
{
	struct countdown done;
	size_t count;
	struct store_message *messages = ledger_list(fixture, &count);
	struct store_quarantine quarantine = {
		.mailbox = *fixture->id, .done = on_quarantined, .context = &done
	};

	assert_true(count > 0);
	quarantine.message = messages[0];
	countdown_init(&done, 1);
	store_quarantine_submit(fixture->store, &quarantine);
	countdown_wait(&done);
	countdown_clear(&done);
	assert_true(quarantine.ok);
	free(messages);
}

/* ---- behind the store's back ---- */

static void flip(sqlite3_context *context, int count, sqlite3_value **values)
{
	int size = sqlite3_value_bytes(values[0]);
	uint8_t *copy = malloc((size_t)size);

	assert_true(count == 1 && size > 9);
	memcpy(copy, sqlite3_value_blob(values[0]), (size_t)size);
	copy[size - 9] ^= 1;
	sqlite3_result_blob(context, copy, size, free);
}

static int run_sql(struct ledger_fixture *fixture, const char *sql)
{
	char path[PATH_SIZE], *why = NULL;
	sqlite3 *database;
	int changed;

	assert_true(path_join(fixture->service->folder, "lettergate.db", path, NULL));
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(database, 5000);
	sqlite3_create_function(database, "flip", 1, SQLITE_UTF8, NULL, flip, NULL, NULL);
	if (sqlite3_exec(database, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	changed = sqlite3_total_changes(database);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	return changed;
}

void ledger_sql(struct ledger_fixture *fixture, const char *sql)
{
	run_sql(fixture, sql);
}

void ledger_tamper(struct ledger_fixture *fixture, const char *sql)
{
	if (run_sql(fixture, sql) == 0)
		fail_msg("%s: changed nothing", sql);
}
