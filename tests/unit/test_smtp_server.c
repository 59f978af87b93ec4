/* test_smtp_server.c -- what a dialogue (tests/wire/smtp_server) cannot show: how much feed takes and when
 * it stops, whose memory an event looks at, the limits of the options, late answers; and that no
 * arrangement of CR, LF and dots ends a command or a message but the true one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proto/smtp_server.h"

static struct smtp_server *server;

static const struct smtp_server_options usual = {
	.hostname = "gate.example",
	.max_message_size = 1000,
	.tls = true,
	.max_recipients = 10,
	.max_errors = 10,
};

static int setup(void **state)
{
	(void)state;
	server = smtp_server_new(&usual);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	smtp_server_free(&server);
	assert_null(server);
	smtp_server_free(&server); /* of nothing, as free() */
	return 0;
}

static size_t feed(const char *text)
{
	return smtp_server_feed(server, bytes_of(text));
}

static void expect_event(enum smtp_event_kind kind)
{
	struct smtp_event event;

	assert_true(smtp_server_next_event(server, &event));
	assert_int_equal(event.kind, kind);
}

static void expect_no_event(void)
{
	struct smtp_event event;

	assert_false(smtp_server_next_event(server, &event));
}

static const char *pulled(void)
{
	static char text[8192];

	text[smtp_server_pull(server, (uint8_t *)text, sizeof text - 1)] = '\0';
	return text;
}

/* Up to the content, with what was said pulled. */
static void begin_message(void)
{
	assert_int_equal(feed("EHLO a\r\n"), 8);
	expect_event(SMTP_EVENT_HELLO);
	assert_int_equal(feed("MAIL FROM:<a@b>\r\n"), 17);
	expect_event(SMTP_EVENT_MAIL);
	smtp_server_accept(server);
	assert_int_equal(feed("RCPT TO:<c@d>\r\n"), 15);
	expect_event(SMTP_EVENT_RCPT);
	smtp_server_accept(server);
	pulled();
}

static void test_feed_stops_at_a_question(void **state)
{
	static const char group[] = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

	(void)state;
	feed("EHLO a\r\n");
	/* The event must have been taken first. */
	assert_int_equal(feed(group), 0);
	expect_event(SMTP_EVENT_HELLO);
	assert_false(smtp_server_needs_answer(server));
	assert_int_equal(feed(group), 17);
	assert_true(smtp_server_needs_answer(server));
	assert_int_equal(feed(group + 17), 0);
	expect_event(SMTP_EVENT_MAIL);
	expect_no_event(); /* given once */
	assert_int_equal(feed(group + 17), 0);
	smtp_server_accept(server);
	assert_false(smtp_server_needs_answer(server));
	assert_int_equal(feed(group + 17), 15);
	expect_event(SMTP_EVENT_RCPT);
}

static void test_feed_stops_at_a_full_outbox(void **state)
{
	size_t total = 0, used;

	(void)state;
	while ((used = feed("NOOP\r\nNOOP\r\n")) == 12)
		total += used;
	total += used;
	assert_in_range(total, 12, 2000);
	assert_int_equal(feed("NOOP\r\n"), 0);
	/* A shut down still finds its place. */
	smtp_server_shut_down(server, "4.4.2 Idle");
	expect_event(SMTP_EVENT_CLOSE);
	assert_non_null(strstr(pulled(), "250 2.0.0 Ok\r\n421 4.4.2 Idle\r\n"));
	assert_string_equal(pulled(), "");
}

static void test_pull_in_small_pieces(void **state)
{
	char text[64] = "";
	size_t size = 0;

	(void)state;
	assert_int_equal(smtp_server_pull(server, (uint8_t *)text, 0), 0);
	while (smtp_server_pull(server, (uint8_t *)text + size, 1))
		size++;
	assert_string_equal(text, "220 gate.example ESMTP Lettergate\r\n");
}

static void test_content_is_not_copied(void **state)
{
	static const char content[] = "Subject: x\r\n\r\nhello\r\n.\r\nNOOP\r\n";
	struct smtp_event event;

	(void)state;
	begin_message();
	feed("DATA\r\n");
	expect_event(SMTP_EVENT_DATA);
	smtp_server_accept(server);
	assert_true(smtp_server_feed(server, bytes_of(content)) > 0);
	assert_true(smtp_server_next_event(server, &event));
	assert_int_equal(event.kind, SMTP_EVENT_BODY);
	assert_ptr_equal(event.text.data, content);
	assert_int_equal(event.text.size, 21);
}

static void test_chunk_is_not_copied(void **state)
{
	static const char content[] = "BDAT 5 LAST\r\nhelloNOOP\r\n";
	struct smtp_event event;
	size_t used;

	(void)state;
	begin_message();
	used = feed(content);
	assert_int_equal(used, 13);
	expect_event(SMTP_EVENT_DATA);
	smtp_server_accept(server);
	assert_string_equal(pulled(), "");
	assert_int_equal(feed(content + used), 5);
	assert_true(smtp_server_next_event(server, &event));
	assert_ptr_equal(event.text.data, content + used);
	assert_int_equal(event.text.size, 5);
	expect_event(SMTP_EVENT_END);
	assert_int_equal(feed(content + used + 5), 0);
	smtp_server_accept(server);
	assert_int_equal(feed(content + used + 5), 6);
}

/* The event's address outlives its answer, up to the next feed. */
static void test_address_lives_until_the_next_feed(void **state)
{
	struct smtp_event event;
	char *line = strdup("MAIL FROM:<a@b>\r\n");

	(void)state;
	assert_non_null(line);
	feed("EHLO a\r\n");
	expect_event(SMTP_EVENT_HELLO);
	assert_int_equal(feed(line), 17);
	free(line);
	assert_true(smtp_server_next_event(server, &event));
	smtp_server_accept(server);
	pulled();
	assert_true(bytes_equal_text(event.address.whole, "a@b"));
	assert_true(bytes_equal_text(event.address.domain, "b"));
}

/* So do the parameters' values. */
static void test_values_live_until_the_next_feed(void **state)
{
	struct smtp_event mail, rcpt;
	char *line = strdup("MAIL FROM:<a@b> RET=FULL SMTPUTF8 ENVID=e\r\n");
	const size_t size = strlen(line);

	(void)state;
	feed("EHLO a\r\n");
	expect_event(SMTP_EVENT_HELLO);
	assert_int_equal(feed(line), size);
	free(line);
	assert_true(smtp_server_next_event(server, &mail));
	smtp_server_accept(server);
	pulled();
	assert_true(bytes_equal_text(mail.dsn.ret, "FULL"));
	assert_true(bytes_equal_text(mail.dsn.envid, "e"));
	assert_int_equal(mail.dsn.notify.size + mail.dsn.orcpt.size, 0);
	assert_true(mail.utf8);
	line = strdup("RCPT TO:<c@d> ORCPT=t;o NOTIFY=DELAY\r\n");
	assert_int_equal(feed(line), strlen(line));
	free(line);
	assert_true(smtp_server_next_event(server, &rcpt));
	smtp_server_accept(server);
	assert_true(bytes_equal_text(rcpt.dsn.orcpt, "t;o"));
	assert_true(bytes_equal_text(rcpt.dsn.notify, "DELAY"));
	assert_int_equal(rcpt.dsn.ret.size + rcpt.dsn.envid.size, 0);
}

static void test_everything_is_dropped_before_tls(void **state)
{
	struct smtp_server_options options = usual;

	(void)state;
	smtp_server_free(&server);
	options.tls = false;
	server = smtp_server_new(&options);
	assert_non_null(server);
	pulled();
	assert_int_equal(feed("STARTTLS\r\nEHLO evil\r\n"), 21);
	assert_int_equal(feed("NOOP\r\n"), 6);
	expect_event(SMTP_EVENT_STARTTLS);
	expect_no_event();
	assert_int_equal(feed("EHLO ev"), 7);
	assert_string_equal(pulled(), "220 2.0.0 Ready to start TLS\r\n");
	smtp_server_tls_started(server);
	assert_int_equal(feed("NOOP\r\n"), 6);
	assert_string_equal(pulled(), "250 2.0.0 Ok\r\n");
}

static void test_everything_is_dropped_after_the_end(void **state)
{
	(void)state;
	pulled();
	assert_int_equal(feed("QUIT\r\nNOOP\r\n"), 12);
	expect_event(SMTP_EVENT_CLOSE);
	expect_no_event();
	assert_int_equal(feed("EHLO a\r\n"), 8);
	assert_string_equal(pulled(), "221 2.0.0 Bye\r\n");
	smtp_server_shut_down(server, "4.3.2 Stopping");
	expect_no_event();
	assert_string_equal(pulled(), "");
}

static void test_late_answers(void **state)
{
	(void)state;
	smtp_server_accept(server);
	smtp_server_reply(server, 550, "5.0.0 No");
	begin_message();
	feed("DATA\r\n");
	expect_event(SMTP_EVENT_DATA);
	smtp_server_shut_down(server, "4.3.2 Stopping");
	smtp_server_accept(server);
	smtp_server_reply(server, 550, "5.0.0 No");
	expect_event(SMTP_EVENT_ABORT);
	expect_event(SMTP_EVENT_CLOSE);
	expect_no_event();
	assert_false(smtp_server_is_in_transaction(server));
	assert_string_equal(pulled(), "421 4.3.2 Stopping\r\n");
}

static void test_shut_down_keeps_an_abort(void **state)
{
	(void)state;
	begin_message();
	assert_int_equal(feed("RSET\r\n"), 6);
	smtp_server_shut_down(server, "4.3.2 Stopping");
	expect_event(SMTP_EVENT_ABORT);
	expect_event(SMTP_EVENT_CLOSE);
	expect_no_event();
	assert_string_equal(pulled(), "250 2.0.0 Ok\r\n421 4.3.2 Stopping\r\n");
}

static void test_extreme_options(void **state)
{
	char hostname[600];
	/* The longest reply to EHLO. */
	struct smtp_server_options options = {
		.max_message_size = UINT64_MAX,
		.max_recipients = 999999,
		.max_errors = 0,
	};
	const char *text;

	(void)state;
	memset(hostname, 'h', sizeof hostname - 1);
	hostname[sizeof hostname - 1] = '\0';
	options.hostname = hostname;
	smtp_server_free(&server);
	server = smtp_server_new(&options);
	assert_non_null(server);
	hostname[0] = 'x'; /* it was copied */
	assert_int_equal(feed("EHLO a\r\n"), 8);
	expect_event(SMTP_EVENT_HELLO);
	text = pulled();
	assert_memory_equal(text, "220 hhh", 7);
	assert_non_null(strstr(text, "\r\n250-SIZE 18446744073709551615\r\n"));
	assert_non_null(strstr(text, "\r\n250-STARTTLS\r\n"));
	assert_non_null(strstr(text, "\r\n250-LIMITS RCPTMAX=999999\r\n"));
	assert_non_null(strstr(text, "\r\n250 ENHANCEDSTATUSCODES\r\n"));
	assert_int_equal(feed("FOO\r\n"), 5);
	assert_string_equal(pulled(), "421 4.7.0 Too many errors\r\n");
	expect_event(SMTP_EVENT_CLOSE);
}

/* A message of zero octets at most, and one that fills the maximum exactly. */
static void test_size_edges(void **state)
{
	struct smtp_server_options options = usual;

	(void)state;
	for (uint64_t size = 0; size < 3; size++) {
		smtp_server_free(&server);
		options.max_message_size = size;
		server = smtp_server_new(&options);
		assert_non_null(server);
		begin_message();
		feed("DATA\r\n");
		expect_event(SMTP_EVENT_DATA);
		smtp_server_accept(server);
		pulled();
		assert_int_equal(feed("\r\n"), 2);
		if (size)
			expect_event(SMTP_EVENT_BODY);
		if (size < 2)
			expect_event(SMTP_EVENT_ABORT);
		assert_int_equal(feed(".\r\n"), 3);
		if (size == 2) {
			expect_event(SMTP_EVENT_END);
			smtp_server_accept(server);
		}
		expect_no_event();
		assert_memory_equal(pulled(), size == 2 ? "250" : "552", 3);
	}
}

static void start_anew(const struct smtp_server_options *options)
{
	smtp_server_free(&server);
	server = smtp_server_new(options);
	assert_non_null(server);
	pulled();
}

static void test_command_limit_edges(void **state)
{
	struct smtp_server_options options = usual;

	(void)state;
	for (uint32_t limit = 0; limit < 3; limit++) {
		options.max_commands = limit;
		start_anew(&options);
		for (uint32_t i = 0; i < (limit ? limit : 1000); i++) {
			assert_int_equal(feed("NOOP\r\n"), 6);
			assert_string_equal(pulled(), "250 2.0.0 Ok\r\n");
		}
		if (!limit)
			continue;
		assert_int_equal(feed("NOOP\r\nNOOP\r\n"), 12);
		expect_event(SMTP_EVENT_CLOSE);
		expect_no_event();
		assert_memory_equal(pulled(), "421 4.7.0 ", 10);
	}
}

/* ------------------------------------------------------------------ every arrangement */

enum { PARTS_MAXIMUM = 7 };

/* Writes the arrangement with this number, and counts it on; false behind the last. The parts are the
 * digits of the number. */
static bool next_arrangement(
	const char *const parts[], uint32_t count, uint32_t length, uint32_t *number, char *text)
{
	uint32_t rest = (*number)++;

	text[0] = '\0';
	for (uint32_t i = 0; i < length; i++, rest /= count)
		strcat(text, parts[rest % count]);
	return rest == 0;
}

/* RFC 5321 4.5.2 the plain way. Returns how many octets belong to the message with its end, 0 when it has
 * none yet. */
static size_t undot(const char *text, char *content)
{
	const char *end = text;
	size_t size = 0;

	if (strncmp(text, ".\r\n", 3) != 0) {
		end = strstr(text, "\r\n.\r\n");
		end = end ? end + 2 : NULL;
	}
	for (const char *at = text; *at && at != end; at++) {
		const bool begins_line =
			at == text || (at >= text + 2 && memcmp(at - 2, "\r\n", 2) == 0);

		if (*at != '.' || !begins_line)
			content[size++] = *at;
	}
	content[size] = '\0';
	return end ? (size_t)(end - text) + 3 : 0;
}

static void check_content(const char *text)
{
	char wanted[64], content[64] = "";
	const size_t size = undot(text, wanted);
	size_t used = 0, step;
	struct smtp_event event;
	bool ended = false;

	start_anew(&usual);
	begin_message();
	feed("DATA\r\n");
	expect_event(SMTP_EVENT_DATA);
	smtp_server_accept(server);
	pulled();
	do {
		step = feed(text + used);
		used += step;
		while (!ended && smtp_server_next_event(server, &event)) {
			ended = event.kind == SMTP_EVENT_END;
			if (!ended)
				strncat(content, (const char *)event.text.data, event.text.size);
			step++;
		}
	} while (step && !ended);
	if (ended != (size != 0) || used != (size ? size : strlen(text)))
		fail_msg("%zu of %zu octets were taken for the message", used, size);
	/* What could still be the end is held back. */
	assert_memory_equal(content, wanted, strlen(content));
	assert_in_range(strlen(wanted) - strlen(content), 0, ended ? 0 : 1);
	assert_string_equal(pulled(), "");
}

static void test_only_crlf_dot_crlf_ends_the_content(void **state)
{
	static const char *const parts[] = { "\r", "\n", ".", "a", "\r\n" };
	char text[64];

	(void)state;
	for (uint32_t length = 1; length <= PARTS_MAXIMUM - 1; length++) {
		uint32_t number = 0;

		while (next_arrangement(parts, 5, length, &number, text))
			check_content(text);
	}
}

/* A line is what lies between CRLFs, and it is NOOP or refused. */
static void check_commands(const char *text)
{
	const char *end;

	start_anew(&usual);
	assert_int_equal(feed(text), strlen(text));
	expect_no_event();
	for (const char *line = text; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		const bool is_noop = end - line == 4 && strncmp(line, "NOOP", 4) == 0;
		char reply[8];

		assert_true(smtp_server_pull(server, (uint8_t *)reply, 4) == 4);
		assert_memory_equal(reply, is_noop ? "250 " : "500 ", 4);
		while (reply[0] != '\n')
			assert_true(smtp_server_pull(server, (uint8_t *)reply, 1) == 1);
	}
	assert_string_equal(pulled(), "");
}

static void test_only_crlf_ends_a_command(void **state)
{
	static const char *const parts[] = { "NOOP", "\r", "\n", "\r\n" };
	char text[64];

	(void)state;
	for (uint32_t length = 1; length <= PARTS_MAXIMUM; length++) {
		uint32_t number = 0;

		while (next_arrangement(parts, 4, length, &number, text))
			check_commands(text);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_feed_stops_at_a_question),
		TEST(test_feed_stops_at_a_full_outbox),
		TEST(test_pull_in_small_pieces),
		TEST(test_content_is_not_copied),
		TEST(test_chunk_is_not_copied),
		TEST(test_address_lives_until_the_next_feed),
		TEST(test_values_live_until_the_next_feed),
		TEST(test_everything_is_dropped_before_tls),
		TEST(test_everything_is_dropped_after_the_end),
		TEST(test_late_answers),
		TEST(test_shut_down_keeps_an_abort),
		TEST(test_extreme_options),
		TEST(test_size_edges),
		TEST(test_command_limit_edges),
		TEST(test_only_crlf_dot_crlf_ends_the_content),
		TEST(test_only_crlf_ends_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
