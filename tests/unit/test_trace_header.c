/* test_trace_header.c -- the fields to the letter, their folding, and what hostile values become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <time.h>

#include <cmocka.h>

#include "mail/trace_header.h"

#define TIME 1795493286 /* Tue, 24 Nov 2026 04:08:06 UTC */

static struct trace sample(void)
{
	return (struct trace){
		.return_path = bytes_of("journal@tenant.example"),
		.hello = bytes_of("mail.tenant.example"),
		.peer_address = bytes_of("192.0.2.1"),
		.gateway = bytes_of("gate.example"),
		.recipient = bytes_of("mbx-00112233445566778899aabbccddeeff@gate.example"),
		.id = bytes_of("0123456789abcdef0123456789abcdef"),
		.protocol = "ESMTPS",
		.tls = bytes_of("TLSv1.3 TLS_AES_256_GCM_SHA384"),
		.time_s = TIME,
	};
}

static void check(const struct trace *trace, const char *expected)
{
	struct buf fields;

	buf_init(&fields, 4096);
	assert_true(trace_header_append(trace, &fields));
	assert_string_equal(buf_text(&fields), expected);
	buf_clear(&fields);
}

static void test_to_the_letter(void **state)
{
	struct trace trace = sample();

	(void)state;
	check(&trace,
		"Return-Path: <journal@tenant.example>\r\n"
		"Received: from mail.tenant.example ([192.0.2.1]) by gate.example with ESMTPS\r\n"
		"\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id 0123456789abcdef0123456789abcdef\r\n"
		"\tfor <mbx-00112233445566778899aabbccddeeff@gate.example>;\r\n"
		"\tTue, 24 Nov 2026 04:08:06 +0000\r\n");
	trace.return_path = bytes_make(NULL, 0);
	trace.peer_address = bytes_of("2001:db8::1");
	trace.tls = bytes_make(NULL, 0);
	trace.protocol = "SMTP";
	trace.id = bytes_of("1");
	trace.recipient = bytes_of("a@b");
	check(&trace, "Return-Path: <>\r\n"
		      "Received: from mail.tenant.example ([IPv6:2001:db8::1]) by gate.example\r\n"
		      "\twith SMTP id 1 for <a@b>; Tue, 24 Nov 2026 04:08:06 +0000\r\n");
}

/* Exactly two fields come out, and every line is short where no single word is long. */
static void check_shape(struct bytes fields, size_t longest_line)
{
	struct bytes line;
	int begun = 0;

	assert_true(fields.size > 2);
	assert_memory_equal(fields.data + fields.size - 2, "\r\n", 2);
	fields.size -= 1;
	while (bytes_split(&fields, '\n', &line)) {
		size_t columns = 0;

		assert_true(line.size > 1 && line.data[line.size - 1] == '\r');
		line.size--;
		for (size_t i = 0; i < line.size; i++) {
			columns += line.data[i] == '\t' ? 8 : 1;
			assert_true(line.data[i] >= ' ' || (i == 0 && line.data[i] == '\t'));
			assert_true(line.data[i] != 127);
		}
		begun += line.data[0] != '\t' && line.data[0] != ' ';
		assert_true(bytes_trim(line).size > 0);
		assert_true(columns <= longest_line);
	}
	assert_int_equal(begun, 2);
}

static void test_envelope(void **state)
{
	static const char above[] =
		"Return-Path: <journal@tenant.example>\r\n"
		"Received: from mail.tenant.example ([192.0.2.1]) by gate.example with ESMTPS\r\n"
		"\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id 0123456789abcdef0123456789abcdef\r\n"
		"\tfor <mbx-00112233445566778899aabbccddeeff@gate.example>;\r\n"
		"\tTue, 24 Nov 2026 04:08:06 +0000\r\n";
	const struct bytes recipients[] = { bytes_of("a@gate.example"), bytes_of("b@gate.example"),
		bytes_of("mbx-00112233445566778899aabbccddeeff@gate.example"),
		bytes_of("x\r\nBcc: y@gate.example") };
	struct trace trace = sample();
	char expected[1024];

	(void)state;
	trace.envelope_to = recipients;
	trace.envelope_to_count = 1;
	check(&trace, above);
	trace.has_envelope = true;
	snprintf(expected, sizeof expected,
		"%sX-Envelope-From: <journal@tenant.example>\r\n"
		"X-Envelope-To: <a@gate.example>\r\n",
		above);
	check(&trace, expected);
	trace.envelope_to_count = 4;
	snprintf(expected, sizeof expected,
		"%sX-Envelope-From: <journal@tenant.example>\r\n"
		"X-Envelope-To: <a@gate.example>, <b@gate.example>,\r\n"
		"\t<mbx-00112233445566778899aabbccddeeff@gate.example>,\r\n"
		"\t<x??Bcc: y@gate.example>\r\n",
		above);
	check(&trace, expected);
	trace.envelope_to_count = 0;
	snprintf(expected, sizeof expected, "%sX-Envelope-From: <journal@tenant.example>\r\n",
		above);
	check(&trace, expected);
}

static void test_hostile_values(void **state)
{
	static const char *const values[] = { "", "x", "a\r\nX-Evil: 1", "\r\n\r\nbody", "(\\",
		"\"", "a) by evil.example; (", "\x01\x7f\xff", "a b\tc" };

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct trace trace = sample();
		struct buf fields;

		buf_init(&fields, 4096);
		trace.hello = trace.return_path = trace.recipient = trace.id = bytes_of(values[i]);
		trace.peer_address = trace.tls = trace.gateway = bytes_of(values[i]);
		assert_true(trace_header_append(&trace, &fields));
		check_shape(buf_view(&fields), 77);
		assert_null(strstr(buf_text(&fields), "\nX-Evil"));
		buf_clear(&fields);
	}
}

static void test_hello_is_reduced(void **state)
{
	struct trace trace = sample();
	struct buf fields;

	(void)state;
	buf_init(&fields, 4096);
	trace.hello = bytes_of("b\xfcro (by) [1.2];\"\\@<>,_-:");
	assert_true(trace_header_append(&trace, &fields));
	assert_non_null(strstr(buf_text(&fields), "from b?ro??by??[1.2]???????_-: ("));
	buf_clear(&fields);
	trace.hello = bytes_make(NULL, 0);
	assert_true(trace_header_append(&trace, &fields));
	assert_non_null(strstr(buf_text(&fields), "from ? ("));
	buf_clear(&fields);
}

static void test_long_values(void **state)
{
	struct trace trace = sample();
	struct buf fields;
	char text[300];

	(void)state;
	memset(text, 'x', sizeof text);
	buf_init(&fields, 8192);
	trace.hello = trace.gateway = bytes_make(text, 255);
	trace.return_path = trace.recipient = bytes_make(text, 254);
	assert_true(trace_header_append(&trace, &fields));
	check_shape(buf_view(&fields), 8 + 255 + 10);
	buf_clear(&fields);
}

/* At every maximum it is all or nothing. */
static void test_maximum(void **state)
{
	const struct trace trace = sample();
	size_t needed;
	struct buf fields;

	(void)state;
	buf_init(&fields, 4096);
	assert_true(trace_header_append(&trace, &fields));
	needed = fields.size;
	buf_clear(&fields);
	for (size_t maximum = 3; maximum < needed + 3; maximum++) {
		buf_init(&fields, maximum);
		assert_true(buf_append_text(&fields, "abc"));
		assert_false(trace_header_append(&trace, &fields));
		assert_true(bytes_equal_text(buf_view(&fields), "abc"));
		buf_clear(&fields);
	}
	buf_init(&fields, needed + 3);
	assert_true(buf_append_text(&fields, "abc"));
	assert_true(trace_header_append(&trace, &fields));
	buf_clear(&fields);
}

static void test_dates(void **state)
{
	static const struct {
		int64_t time_s;
		const char *text;
	} rows[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 951868800, "Wed, 01 Mar 2000 00:00:00 +0000" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000" },
		{ 4107542399, "Sun, 28 Feb 2100 23:59:59 +0000" },
		{ TIME, "Tue, 24 Nov 2026 04:08:06 +0000" },
		{ -1, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ INT64_MIN, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000" },
	};
	char text[MAIL_DATE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mail_date_text(rows[i].time_s, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_dates_against_the_c_library(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 200 * 366; day++) {
		const time_t time_s = (time_t)(day * 86400 + day % 86400);
		char text[MAIL_DATE_SIZE], expected[MAIL_DATE_SIZE];
		struct tm tm;

		mail_date_text(time_s, text);
		assert_non_null(gmtime_r(&time_s, &tm));
		strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S +0000", &tm);
		assert_string_equal(text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_the_letter),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_hello_is_reduced),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_dates_against_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
