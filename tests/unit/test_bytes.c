/* test_bytes.c -- views: comparing, cutting, converting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void test_compare(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal, equal_nocase, starts_nocase; /* a starts with b */
	} rows[] = {
		{ "", "", true, true, true },
		{ "abc", "abc", true, true, true },
		{ "abc", "ABC", false, true, true },
		{ "abcd", "aBc", false, false, true },
		{ "ab", "abc", false, false, false },
		{ "abc", "", false, false, true },
		{ "[", "{", false, false, false },
		{ "@", "`", false, false, false },
		{ "\xc4", "\xe4", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes a = bytes_of(rows[i].a), b = bytes_of(rows[i].b);

		assert_int_equal(bytes_equal(a, b), rows[i].equal);
		assert_int_equal(bytes_equal_text(a, rows[i].b), rows[i].equal);
		assert_int_equal(bytes_equal_nocase(a, b), rows[i].equal_nocase);
		assert_int_equal(bytes_starts_with_nocase(a, rows[i].b), rows[i].starts_nocase);
	}
}

static void test_cut(void **state)
{
	struct bytes view = bytes_of("abc"), none = { NULL, 0 };

	(void)state;
	assert_true(bytes_equal_text(bytes_head(view, 2), "ab"));
	assert_true(bytes_equal_text(bytes_head(view, 9), "abc"));
	assert_true(bytes_equal_text(bytes_skip(view, 2), "c"));
	assert_int_equal(bytes_skip(view, 9).size, 0);
	assert_int_equal(bytes_find(view, 'c'), 2);
	assert_int_equal(bytes_find(view, 'x'), 3);
	assert_int_equal(bytes_find(none, 'x'), 0);
	assert_int_equal(bytes_of(NULL).size, 0);
	assert_true(bytes_equal(none, bytes_of("")));
	assert_true(bytes_equal_text(bytes_trim(bytes_of(" \t a b\t ")), "a b"));
	assert_int_equal(bytes_trim(bytes_of(" \t ")).size, 0);
}

static void test_split(void **state)
{
	static const struct {
		const char *text, *parts[4];
		size_t count;
	} rows[] = {
		{ "", { NULL }, 0 },
		{ "a", { "a" }, 1 },
		{ "a,b", { "a", "b" }, 2 },
		{ "a,,b", { "a", "", "b" }, 3 },
		{ ",a", { "", "a" }, 2 },
		/* An empty part at the end is not told from none. */
		{ "a,", { "a" }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes rest = bytes_of(rows[i].text), part;
		size_t count = 0;

		while (bytes_split(&rest, ',', &part)) {
			assert_true(count < rows[i].count);
			assert_true(bytes_equal_text(part, rows[i].parts[count++]));
		}
		assert_int_equal(count, rows[i].count);
	}
}

static void test_parse_number(void **state)
{
	static const struct {
		const char *text;
		uint64_t maximum, number;
		bool ok;
	} rows[] = {
		{ "0", 0, 0, true },
		{ "1", 0, 0, false },
		{ "007", 7, 7, true },
		{ "8", 7, 0, false },
		{ "255", 255, 255, true },
		{ "256", 255, 0, false },
		{ "1000", 255, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999", UINT64_MAX, 0, false },
		/* These are 3 and 0 in 64 bits, if one is not careful with a small maximum. */
		{ "18446744073709551619", 3, 0, false },
		{ "18446744073709551616", 3, 0, false },
		{ "", 9, 0, false },
		{ "-1", 9, 0, false },
		{ "+1", 9, 0, false },
		{ " 1", 9, 0, false },
		{ "1 ", 99, 0, false },
		{ "0x1", 99, 0, false },
		{ "1:", 99, 0, false },
		{ "1/", 99, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t number = 77;
		bool ok = bytes_parse_number(bytes_of(rows[i].text), rows[i].maximum, &number);

		if (ok != rows[i].ok)
			fail_msg("\"%s\" up to %llu", rows[i].text,
				(unsigned long long)rows[i].maximum);
		assert_true(number == (ok ? rows[i].number : 77));
	}
}

static void test_copy_text(void **state)
{
	char text[4] = "zzz";

	(void)state;
	assert_true(bytes_copy_text(bytes_of("abc"), text, sizeof text));
	assert_string_equal(text, "abc");
	assert_false(bytes_copy_text(bytes_of("abcd"), text, sizeof text));
	assert_string_equal(text, "");
	assert_false(bytes_copy_text(bytes_make("a\0b", 3), text, sizeof text));
	assert_string_equal(text, "");
	assert_true(bytes_copy_text(bytes_make(NULL, 0), text, sizeof text));
	assert_string_equal(text, "");
}

static void test_hex(void **state)
{
	const uint8_t data[] = { 0x00, 0x7f, 0xab, 0xff };
	uint8_t back[4];
	char text[9];

	(void)state;
	hex_encode(bytes_make(data, sizeof data), text);
	assert_string_equal(text, "007fabff");
	assert_true(hex_decode(bytes_of("007FabfF"), back, sizeof back));
	assert_memory_equal(back, data, sizeof data);
	assert_false(hex_decode(bytes_of("007fabf"), back, sizeof back));
	assert_false(hex_decode(bytes_of("007fabff0"), back, sizeof back));
	assert_false(hex_decode(bytes_of("007fabfg"), back, sizeof back));
	assert_false(hex_decode(bytes_of("007fab f"), back, sizeof back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_parse_number),
		cmocka_unit_test(test_copy_text),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
