/* test_pop3_update.c -- a session's QUIT, over TLS as an archive has it: the head that it signs, and what it does when
 * there is none to be signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/mailbox_head.h"
#include "platform/clock.h"
#include "selftest_internal.h"
#include "service/certificates.h"
#include "service/reception.h"
#include "test_ledger_fixture.h"
#include "test_platform_fixture.h"

static const char password[] = "a password of tests";

struct fixture {
	struct ledger_fixture *ledger;
	struct certificates *certificates;
	struct reception *reception;
	struct tls_context *client;
	struct reception_listener listener;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	char folder[PATH_SIZE], trusted[PATH_SIZE];
	struct reception_listener listeners[RECEPTION_LISTENERS_MAX];
	struct service_fixture *service;
	struct config *config;
	struct error error;
	void *ledger;

	ledger_set_up(&ledger);
	fixture->ledger = ledger;
	service = fixture->ledger->service;
	config = &service->service.config;
	snprintf(folder, sizeof folder, "%s", scratch_path(&service->scratch, "tls"));
	assert_true(config_set(config, "listen.pop3s", "127.0.0.1:0", &error));
	fixture->certificates =
		certificates_open(&service->service, folder, clock_wall_us(), &error);
	if (!fixture->certificates ||
		!certificates_trusted_file(
			fixture->certificates, "gateway.example.com", trusted, &error) ||
		!(fixture->client = tls_client_context(trusted, &error)) ||
		!(fixture->reception = reception_open(&service->service, config, &error)) ||
		!reception_start(fixture->reception, &service->loop, 1, &error))
		fail_msg("%s", error.text);
	assert_int_equal(reception_listeners(fixture->reception, listeners), 1);
	fixture->listener = listeners[0];
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	void *ledger = fixture->ledger;

	reception_close(&fixture->reception);
	tls_context_free(&fixture->client);
	/* Sessions hold the service's context. */
	loop_stop(&fixture->ledger->service->loop, 1000);
	certificates_close(&fixture->certificates);
	ledger_tear_down(&ledger);
	free(fixture);
	return 0;
}

/* Collects the one message that waits, and quits. */
static void collect(struct fixture *fixture)
{
	char user[MAILBOX_ID_TEXT_SIZE];
	struct selftest_target target = {
		.loop = fixture->ledger->service->loop,
		.address = fixture->listener.address,
		.tls = fixture->client,
		.implicit_tls = true,
		.server_name = "gateway.example.com",
	};
	struct buf message;
	struct error error;

	mailbox_id_text(fixture->ledger->id, user);
	buf_init(&message, 65536);
	if (!selftest_collect(&target, user, password, &message, &error))
		fail_msg("%s", error.text);
	assert_true(message.size > 0);
	buf_clear(&message);
}

static bool count_signature(void *context, const struct store_signature *signature)
{
	(void)signature;
	++*(size_t *)context;
	return true;
}

static size_t signatures(struct fixture *fixture)
{
	size_t count = 0;

	assert_true(store_signature_each(
		fixture->ledger->store, fixture->ledger->id, 0, count_signature, &count, NULL));
	return count;
}

static uint64_t collected(struct fixture *fixture)
{
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;

	assert_true(store_mailbox_get(
		fixture->ledger->store, fixture->ledger->id, &mailbox, &counts, NULL));
	return counts.collected;
}

/* The row's link, the time of the QUIT, the keys of the mailbox. */
static void test_signed(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;

	for (uint64_t number = 1; number <= 3; number++) {
		int64_t before_us = clock_wall_us();
		struct store_ledger_head head;
		struct ledger_anchor anchor;
		struct error error;

		ledger_deliver_many(ledger, 1);
		assert_true(store_ledger_head(ledger->store, ledger->id, &head, NULL));
		collect(fixture);
		assert_int_equal(collected(fixture), number);
		assert_int_equal(signatures(fixture), number);
		anchor = ledger_anchor_of(ledger);
		assert_int_equal(anchor.head.number, number);
		assert_int_equal(anchor.head.generation, 1);
		assert_memory_equal(anchor.head.link, head.link, sizeof head.link);
		assert_true(
			anchor.head.time_us >= before_us && anchor.head.time_us <= clock_wall_us());
		if (!mailbox_head_verify(ledger->mailbox.public_keys.identity, &anchor.head,
			    anchor.signature, &error))
			fail_msg("%s", error.text);
	}
}

/* What was signed already is not signed again; the first signature says since when the head was there. */
static void test_signed_already(void **state)
{
	struct fixture *fixture = *state;

	ledger_deliver_many(fixture->ledger, 1);
	ledger_sign(fixture->ledger, 1234);
	collect(fixture);
	assert_int_equal(collected(fixture), 1);
	assert_int_equal(signatures(fixture), 1);
	assert_int_equal(ledger_anchor_of(fixture->ledger).head.time_us, 1234);
}

/* A head that is not there is not signed; the message is deleted all the same. */
static void test_nothing_to_sign(void **state)
{
	static const struct {
		const char *sql;
		bool is_told;
	} rows[] = {
		{ "DELETE FROM ledger", true },
		/* A mailbox of a store that was migrated: its ledger has not begun. */
		{ "DELETE FROM ledger; UPDATE counters SET ledger_before = received", false },
	};
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	struct problems *problems = ledger->service->service.problems;
	char id[64] = "ledger ";

	mailbox_id_text(ledger->id, id + strlen(id));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ledger_deliver_many(ledger, 1);
		ledger_tamper(ledger, rows[i].sql);
		collect(fixture);
		assert_int_equal(collected(fixture), i + 1);
		assert_int_equal(signatures(fixture), 0);
		assert_int_equal(has_problem(problems, id, NULL), rows[i].is_told);
		problems_resolve(problems, id);
	}
}

/* The counters are what a head is read with: without them nothing can be signed, nor counted as collected. */
static void test_unreadable_head(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;

	ledger_deliver_many(ledger, 1);
	/* The head is read by a statement that fails, the deletion by others. */
	ledger_tamper(ledger, "UPDATE counters SET ledger_before = ledger_before; "
			      "ALTER TABLE ledger RENAME TO away");
	collect(fixture);
	assert_int_equal(collected(fixture), 1);
	assert_int_equal(signatures(fixture), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_signed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signed_already, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_to_sign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable_head, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
