/* test_header_find.c -- each message whole, octet by octet, and cut at each place: the same value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mail/header_find.h"

static const struct {
	const char *message;
	const char *value; /* NULL: none */
	bool done;
} rows[] = {
	{ "", NULL, false },
	{ "Subject: a\r\n", NULL, false },
	{ "Subject: a\r\n\r\n", NULL, true },
	{ "X-Org: a.example\r\n\r\nbody", "a.example", true },
	{ "x-oRG:\ta.example \t\r\nTo: b\r\n\r\n", "a.example", true },
	{ "X-Org : a.example\r\n\r\n", "a.example", true },
	{ "X-Org: a.example", "a.example", false },
	{ "X-Org: a.example\r\n", "a.example", false },
	{ "X-Org:\r\n a.example\r\n\r\n", "a.example", true },
	{ "X-Org: a\r\n\tb\r\n c\r\nd: e\r\n", "a\tb c", true },
	{ "X-Org:\r\n\r\n", "", true },
	{ "X-Org:", NULL, false },
	{ "X-Or: a\r\nX-Orgg: b\r\nX-Org: c\r\nX-Org: d\r\n", "c", true },
	{ "Subject: X-Org: a\r\n X-Org: b\r\nX-Org: c\r\n\r\n", "c", true },
	{ "A: b\r\n\r\nX-Org: a\r\n", NULL, true },
	{ "\r\nX-Org: a\r\n", NULL, true },
	{ "\nX-Org: a\n", NULL, true },
	{ "A: b\nX-Org: a\n\n", "a", true },
	{ "A: b\rX-Org: a\r\nX-Org: c\r\n\r\n", "c", true },
	{ "\rX-Org: a\r\nX-Org: c\r\n\r\n", "c", true },
	{ "\r\r\nX-Org: c\r\n\r\n", "c", true },
	{ "X-Org\r\nX-Org: c\r\n\r\n", "c", true },
	{ "X\nX-Org: c\r\n\r\n", "c", true },
};

static void check(struct header_find *find, size_t row)
{
	const char *value = header_find_value(find);

	if (header_find_is_done(find) != rows[row].done)
		fail_msg("row %zu", row);
	if (!value != !rows[row].value || (value && strcmp(value, rows[row].value) != 0))
		fail_msg("row %zu: %s", row, value ? value : "nothing");
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes message = bytes_of(rows[i].message);

		for (size_t cut = 0; cut <= message.size; cut++) {
			struct header_find find;

			header_find_init(&find, "X-Org");
			header_find_feed(&find, bytes_head(message, cut));
			header_find_feed(&find, bytes_skip(message, cut));
			check(&find, i);
		}
		struct header_find find;

		header_find_init(&find, "X-Org");
		for (size_t at = 0; at < message.size; at++)
			header_find_feed(&find, bytes_head(bytes_skip(message, at), 1));
		check(&find, i);
	}
}

static void test_a_long_value_is_cut(void **state)
{
	struct header_find find;

	(void)state;
	header_find_init(&find, "A");
	header_find_feed(&find, bytes_of("A: "));
	for (int i = 0; i < 1000; i++)
		header_find_feed(&find, bytes_of("x"));
	header_find_feed(&find, bytes_of("\r\n\r\n"));
	assert_true(header_find_is_done(&find));
	assert_int_equal(strlen(header_find_value(&find)), HEADER_VALUE_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_long_value_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
