/* test_ledger_report.c -- the report as a mail: its fields, its words, its anchor; and when there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "service/ledger_report.h"

#define DAY_US (INT64_C(86400) * 1000000)
/* 2026-11-24T04:08:06Z */
#define NOW_US (INT64_C(1795493286) * 1000000)

static struct ledger_report make_report(const char *name)
{
	struct ledger_report report = {
		.name = name,
		.hostname = "gateway.example.com",
		.time_us = NOW_US,
		.received = 1234,
		.waiting = 34,
		.collected = 1200,
		.anchor = { .head = { .number = 1230,
				    .time_us = NOW_US - DAY_US,
				    .generation = 2 } },
	};

	memset(&report.anchor.head.mailbox, 0xab, sizeof report.anchor.head.mailbox);
	memset(report.anchor.head.link, 0xcd, sizeof report.anchor.head.link);
	memset(report.anchor.identity, 0x12, sizeof report.anchor.identity);
	memset(report.anchor.signature, 0x34, sizeof report.anchor.signature);
	return report;
}

static char *compose(const struct ledger_report *report)
{
	struct buf mail;

	buf_init(&mail, LEDGER_REPORT_MAX);
	assert_true(ledger_report_append(report, &mail));
	assert_non_null(buf_text(&mail));
	return (char *)mail.data;
}

#define MAILBOX "mbx-abababababababababababababababab"
#define ADDRESS MAILBOX "@gateway.example.com"

static void test_mail(void **state)
{
	struct ledger_report report = make_report("Journal of the office");
	char *mail = compose(&report), *again;
	struct ledger_anchor anchor;
	static const char *const parts[] = {
		"From: Lettergate\r\n <" ADDRESS ">\r\n",
		"To: <" ADDRESS ">\r\n",
		"Subject: Ledger report Journal of the office\r\n 2026-11-24\r\n",
		"Date: Tue, 24 Nov 2026 04:08:06 +0000\r\n",
		"Message-ID: <ledger.1230.1795493286000000." ADDRESS ">\r\n",
		"Auto-Submitted: auto-generated\r\n",
		"MIME-Version: 1.0\r\n",
		"Content-Type: text/plain; charset=utf-8\r\n",
		"\r\n\r\nThis is a report of Lettergate",
		"    Journal of the office\r\n    " ADDRESS "\r\n",
		"received in all:      1234\r\n",
		"    This is the first report.\r\n",
		"Collected by the archive:    1200\r\n",
		"Waiting to be collected:     34\r\n",
		"its state at copy 1230,",
		"at 2026-11-23T04:08:06Z.\r\n",
		"    lettergatectl ledger verify " MAILBOX " --anchor FILE\r\n",
		"----- Lettergate ledger anchor 1 -----\r\n",
	};
	const char *at = mail;

	(void)state;
	/* In this order. */
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		const char *found = strstr(at, parts[i]);

		if (!found)
			fail_msg("\"%s\" is not in\n%s", parts[i], at);
		at = found + strlen(parts[i]) - 1;
	}
	assert_true(ledger_anchor_parse(bytes_of(mail), &anchor, NULL));
	report.anchor = anchor;
	again = compose(&report);
	assert_string_equal(again, mail);
	free(again);
	free(mail);
	report.last_us = NOW_US - 3 * DAY_US;
	report.since_last = 17;
	mail = compose(&report);
	assert_non_null(strstr(mail, "    Since the report of 2026-11-21: 17\r\n"));
	assert_null(strstr(mail, "first report"));
	free(mail);
}

/* RFC 5322 2.1.1, RFC 2045 2.8: CRLF alone, no line too long, and UTF-8. */
static void prove_lines(const char *mail)
{
	struct bytes rest = bytes_of(mail), line;

	assert_true(utf8_is_valid(rest));
	while (bytes_split(&rest, '\n', &line)) {
		assert_true(line.size > 0 && line.data[line.size - 1] == '\r');
		assert_int_equal(bytes_find(line, '\r'), line.size - 1);
		assert_true(line.size <= 999);
	}
}

/* What a reader makes of the subject: encoded words joined, the rest as it is (RFC 2047). */
static void read_subject(const char *mail, struct buf *subject)
{
	const char *at = strstr(mail, "Subject: Ledger report"), *end;

	assert_non_null(at);
	at += strlen("Subject: Ledger report");
	end = strstr(at, "\r\n 2026-11-24\r\n");
	assert_non_null(end);
	while (at < end) {
		static const char begins[] = "\r\n =?utf-8?B?";
		const char *word = at + strlen(begins), *stop;

		if (strncmp(at, begins, strlen(begins)) != 0) {
			assert_true(
				buf_append(subject, bytes_make(at + 1, (size_t)(end - at - 1))));
			return;
		}
		stop = strstr(word, "?=");
		assert_true(stop && stop < end && stop + 2 - (at + 3) <= 75);
		assert_true(base64_decode(bytes_make(word, (size_t)(stop - word)), subject, NULL));
		/* Whole characters in each. */
		assert_true(utf8_is_valid(buf_view(subject)));
		at = stop + 2;
	}
}

static void test_names(void **state)
{
	static char longest[STORE_NAME_SIZE], long_umlauts[STORE_NAME_SIZE];
	static const char *const names[] = { "J",
		"B\xc3\xbc"
		"cher & Co.",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"=?utf-8?Q?no?=", "40 characters, of which none is encoded!", longest, long_umlauts,
		"two\r\nBcc: somebody@example.org\r\n" };

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	for (size_t i = 0; i + 2 < sizeof long_umlauts; i += 2)
		memcpy(long_umlauts + i, "\xc3\xa4", 2);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct ledger_report report = make_report(names[i]);
		char *mail = compose(&report);
		char *body = strstr(mail, "\r\n\r\n");
		struct buf subject;

		buf_init(&subject, 1000);
		read_subject(mail, &subject);
		assert_true(bytes_equal_text(buf_view(&subject), names[i]));
		buf_clear(&subject);
		assert_non_null(strstr(body, names[i]));
		prove_lines(mail);
		/* None adds a field. */
		*body = '\0';
		assert_null(strstr(mail, "\r\nBcc:"));
		free(mail);
	}
}

static void test_room(void **state)
{
	static char hostname[254];
	struct ledger_report report = make_report("Journal");
	struct buf mail;
	char *whole;

	(void)state;
	memset(hostname, 'h', sizeof hostname - 1);
	report.hostname = hostname;
	whole = compose(&report);
	for (size_t room = 0; room <= strlen(whole); room += 97) {
		buf_init(&mail, room);
		assert_false(ledger_report_append(&report, &mail));
		assert_int_equal(mail.size, 0);
		buf_clear(&mail);
	}
	free(whole);
}

static void test_news(void **state)
{
	static const struct {
		struct ledger_reported last;
		uint64_t signed_number;
		bool is_news;
	} rows[] = {
		{ { 0, 0 }, 1, true },
		{ { 0, 0 }, 0, false },
		{ { 10, 11 }, 10, false },
		{ { 10, 11 }, 11, false }, /* the report alone */
		{ { 10, 11 }, 12, true },
		{ { 10, 13 }, 11, true }, /* something came before the report was there */
		{ { 10, 13 }, 13, true },
		{ { 10, 13 }, 14, true },
		{ { 10, 11 }, 9, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(ledger_report_is_news(&rows[i].last, rows[i].signed_number),
			rows[i].is_news);
}

static void test_due(void **state)
{
	(void)state;
	assert_true(ledger_report_is_due(0, NOW_US));
	assert_false(ledger_report_is_due(NOW_US, NOW_US));
	/* Until midnight, and then at once. */
	assert_false(ledger_report_is_due(NOW_US, NOW_US / DAY_US * DAY_US + DAY_US - 1));
	assert_true(ledger_report_is_due(NOW_US, NOW_US / DAY_US * DAY_US + DAY_US));
	assert_true(ledger_report_is_due(NOW_US + 3 * DAY_US, NOW_US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
