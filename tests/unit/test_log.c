/* test_log.c -- what a sink gets: the line, its level, and nothing that could forge another line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static char last[2048];
static enum log_level last_level;
static int count;

static void sink(void *context, enum log_level level, const char *line)
{
	assert_ptr_equal(context, &count);
	snprintf(last, sizeof last, "%s", line);
	last_level = level;
	count++;
}

static void copy_line(void *context, enum log_level level, const char *line)
{
	(void)level;
	snprintf(context, 64, "%s", line);
}

static int setup(void **state)
{
	(void)state;
	log_set_sink(sink, &count);
	log_set_level(LOG_INFO);
	count = 0;
	return 0;
}

static void test_lines(void **state)
{
	(void)state;
	log_event(LOG_WARNING, "smtp.stored", "size=%d", 5);
	assert_string_equal(last, "level=warning event=smtp.stored size=5");
	assert_int_equal(last_level, LOG_WARNING);
	log_event(LOG_INFO, "start", "%s", "");
	assert_memory_equal(last, "level=info event=start", 22);
	log_event(LOG_INFO, "x", "a=%s", "1\nlevel=error event=forged\r\x1b[2J\x7f");
	assert_string_equal(last, "level=info event=x a=1?level=error event=forged??[2J?");
	assert_int_equal(count, 3);
}

static void test_levels(void **state)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	enum log_level level;

	(void)state;
	for (int set = LOG_ERROR; set <= LOG_DEBUG; set++) {
		assert_true(log_level_parse(names[set], &level));
		assert_int_equal(level, set);
		log_set_level(level);
		for (int used = LOG_ERROR; used <= LOG_DEBUG; used++) {
			count = 0;
			log_event((enum log_level)used, "x", "a=%d", 1);
			assert_int_equal(count, used <= set);
			assert_int_equal(log_is_enabled((enum log_level)used), used <= set);
		}
	}
	assert_false(log_level_parse("Error", &level));
	assert_false(log_level_parse("", &level));
}

static void test_long_lines_are_cut(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_event(LOG_INFO, "long", "a=%s", text);
	assert_int_equal(strlen(last), 1023);
	log_event(LOG_INFO, text, "a=%d", 1);
	assert_int_equal(strlen(last), 1023);
}

static void test_quote(void **state)
{
	static const struct {
		const char *value, *quoted;
	} rows[] = {
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "a\"b\\", "\"a\\x22b\\x5c\"" },
		{ "\r\n\t\x1b\x7f\xff", "\"\\x0d\\x0a\\x09\\x1b\\x7f\\xff\"" },
	};
	char text[LOG_QUOTED_SIZE];
	uint8_t longest[1000];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(log_quote(bytes_of(rows[i].value), text), rows[i].quoted);
	assert_string_equal(log_quote(bytes_make("a\0b", 3), text), "\"a\\x00b\"");
	for (int c = 0; c < 256; c += 255 - 'a') {
		memset(longest, c, sizeof longest);
		assert_in_range(strlen(log_quote(bytes_make(longest, sizeof longest), text)), 100,
			LOG_QUOTED_SIZE - 1);
		assert_int_equal(text[strlen(text) - 1], '"');
	}
}

/* A line, and what is left of it when addresses are masked. */
static const struct {
	const char *line, *masked;
} lines[] = {
	{ "peer=192.0.2.7", "peer=192.0.2.x" },
	{ "peer=192.0.2.7:25 x", "peer=192.0.2.x:25 x" },
	{ "from 10.0.0.255, 1.2.3.4.", "from 10.0.0.x, 1.2.3.x." },
	{ "\"127.0.0.1:0 0.0.0.0:25\"", "\"127.0.0.x:0 0.0.0.x:25\"" },
	{ "version=0.1.0 1.2.3.4.5 1.2.3 v1.2.3.4", "version=0.1.0 1.2.3.4.5 1.2.3 v1.2.3.4" },
	{ "peer=2001:db8:1:2:3:4:5:6", "peer=2001:db8:1::x" },
	{ "peer=2001:db8::7", "peer=2001:db8::x" },
	{ "[2001:db8:1:2::7]:25", "[2001:db8:1::x]:25" },
	{ "peer=::1 x", "peer=::x x" },
	{ "peer=fe80::1.", "peer=fe80::x." },
	{ "a ::ffff:192.0.2.7 b", "a ::x b" },
	{ "12:34:56 std::dec 1:2:3:4:5:6:7 AA:BB:CC", NULL },
	{ "to=alice@example.com", "to=a\xe2\x80\xa6@example.com" },
	{ "to=\"bounce-bob=example.com@lists.example\"", "to=\"b\xe2\x80\xa6@lists.example\"" },
	{ "x to=bounce-bob=example.com@lists.example", "x to=b\xe2\x80\xa6@lists.example" },
	{ "(from <alice@example.com>).", "(from <a\xe2\x80\xa6@example.com>)." },
	{ "a@b.example,bcd@e.example", "a\xe2\x80\xa6@b.example,b\xe2\x80\xa6@e.example" },
	{ "\"\\x22john doe\\x22@example.com\"", "\"\xe2\x80\xa6@example.com\"" },
	{ "<\"john doe\"@example.com>", "<\xe2\x80\xa6@example.com>" },
	{ "alice@[192.0.2.7]", "a\xe2\x80\xa6@[192.0.2.x]" },
	{ "alice@\xc3\xbc.example", "a\xe2\x80\xa6@\xc3\xbc.example" },
	{ "\"alice@\\xc3\\xbc.example\"", "\"a\xe2\x80\xa6@\\xc3\\xbc.example\"" },
	{ "12 @ 3 x@ @home \"x@\\x22\" x@\\y", NULL },
	{ "size=12 id=0123456789abcdef why=\"closed by the peer\"", NULL },
	{ "", NULL },
};

static void test_masking(void **state)
{
	char text[100];

	(void)state;
	log_set_masking(true);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		const char *wanted = lines[i].masked ? lines[i].masked : lines[i].line;

		log_event(LOG_INFO, "x", "%s", lines[i].line);
		if (strcmp(last + strlen("level=info event=x "), wanted) != 0)
			fail_msg("row %zu: %s", i, last);
	}
	/* What grows past the end of the line is cut. */
	for (size_t i = 0; i < 300; i++)
		memcpy(text + i % 25 * 4, "a@b ", 4);
	text[99] = '\0';
	log_event(LOG_INFO, "x", "%s%s%s%s%s%s%s%s%s", text, text, text, text, text, text, text,
		text, text);
	assert_int_equal(strlen(last), 1023);
	log_set_masking(false);
	log_event(LOG_INFO, "x", "peer=%s", "192.0.2.7");
	assert_string_equal(last, "level=info event=x peer=192.0.2.7");
}

static void test_two_places(void **state)
{
	char other[64] = "";

	(void)state;
	log_set_file_sink(copy_line, other);
	log_event(LOG_INFO, "x", "a=%d", 1);
	assert_string_equal(other, "level=info event=x a=1");
	assert_string_equal(last, other);
	log_set_file_sink(NULL, NULL);
	log_event(LOG_INFO, "y", "%s", "");
	assert_string_equal(other, "level=info event=x a=1");
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_levels, setup),
		cmocka_unit_test_setup(test_long_lines_are_cut, setup),
		cmocka_unit_test(test_quote),
		cmocka_unit_test_setup(test_masking, setup),
		cmocka_unit_test_setup(test_two_places, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
