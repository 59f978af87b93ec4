/* test_utf8.c -- what is UTF-8 and what is not, by the edges of the table of RFC 3629 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static const struct {
	const char *text;
	size_t first;	    /* what utf8_character() says */
	const char *mended; /* NULL: it is valid */
} rows[] = {
	{ "", 0, NULL },
	{ "a", 1, NULL },
	{ "\x7f", 1, NULL },
	{ "\xc3\xa4z", 2, NULL },
	{ "\xe2\x82\xac", 3, NULL },
	{ "\xf0\x9f\x93\xa7", 4, NULL },
	{ "\xf4\x8f\xbf\xbf", 4, NULL },
	{ "\xed\x9f\xbf", 3, NULL },
	{ "\xee\x80\x80", 3, NULL },
	{ "\x80", 0, "?" },
	{ "\xbf", 0, "?" },
	{ "\xc1\xbf", 0, "??" },	   /* overlong */
	{ "\xe0\x9f\xbf", 0, "???" },	   /* overlong */
	{ "\xf0\x8f\xbf\xbf", 0, "????" }, /* overlong */
	{ "\xed\xa0\x80", 0, "???" },	   /* a surrogate */
	{ "\xf4\x90\x80\x80", 0, "????" }, /* above U+10FFFF */
	{ "\xf5\x80\x80\x80", 0, "????" },
	{ "\xff", 0, "?" },
	{ "ab\xc3", 1, "ab?" },	      /* cut */
	{ "ab\xe2\x82", 1, "ab??" },  /* cut */
	{ "\xf0\x9f\x93", 0, "???" }, /* cut */
	{ "\xc3(", 0, "?(" },
	{ "\xe2\x82+", 0, "??+" },
	{ "\xf0\x9f\x93+", 0, "???+" },
	{ "\xc3\xa4\xff\xc3\xa4", 2, "\xc3\xa4?\xc3\xa4" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[16];

		snprintf(text, sizeof text, "%s", rows[i].text);
		assert_int_equal(utf8_character(bytes_of(text)), rows[i].first);
		assert_int_equal(utf8_is_valid(bytes_of(text)), rows[i].mended == NULL);
		utf8_mend(text);
		assert_string_equal(text, rows[i].mended ? rows[i].mended : rows[i].text);
		assert_true(utf8_is_valid(bytes_of(text)));
	}
}

/* A view ends where it ends, whatever follows it. */
static void test_view(void **state)
{
	(void)state;
	assert_int_equal(utf8_character(bytes_make("\xc3\xa4", 1)), 0);
	assert_int_equal(utf8_character(bytes_make("\0", 1)), 1);
	assert_true(utf8_is_valid(bytes_make(NULL, 0)));
	assert_false(utf8_is_valid(bytes_make("a\xe2\x82\xac", 3)));
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		bool is_text;
	} cases[] = {
		{ "", true },
		{ " a~", true },
		{ "\xc2\xa0", true }, /* the first behind the controls */
		{ "\xc3\x85\xe2\x82\x85\xf0\x9f\x93\x85",
			true }, /* their last octets inside others */
		{ "\t", false },
		{ "a\n", false },
		{ "\x7f", false },
		{ "\xc2\x80", false },
		{ "a\xc2\x85", false },
		{ "\xc2\x9f", false },
		{ "\x85", false },
		{ "a\xc3", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(utf8_is_text(bytes_of(cases[i].text)), cases[i].is_text);
	assert_false(utf8_is_text(bytes_make("a\0b", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
