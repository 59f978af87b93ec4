/* test_buf.c -- growth up to the maximum, all or nothing; consumption; integers as reader.h reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_append_up_to_the_maximum(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 5);
	assert_null(buf.data);
	assert_true(buf_append(&buf, bytes_make(NULL, 0)));
	assert_true(buf_append_text(&buf, "abc"));
	assert_false(buf_append_text(&buf, "def"));
	assert_true(bytes_equal_text(buf_view(&buf), "abc"));
	assert_true(buf_append_text(&buf, "de"));
	assert_false(buf_append_byte(&buf, 'f'));
	assert_null(buf_text(&buf)); /* no room for the NUL */
	assert_true(bytes_equal_text(buf_view(&buf), "abcde"));
	buf_clear(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.size, 0);
	assert_int_equal(buf.maximum, 5);
	assert_true(buf_append_text(&buf, "again"));
	buf_wipe(&buf);
	assert_null(buf.data);
}

static void test_growth_keeps_content(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_true(buf_append_byte(&buf, (uint8_t)(i * 7)));
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], (uint8_t)(i * 7));
	assert_false(buf_append_byte(&buf, 0));
	assert_true(buf.capacity <= buf.maximum);
	buf_clear(&buf);
}

static void test_printf(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 8);
	assert_true(buf_printf(&buf, "%d-%s", 12, "ab"));
	assert_true(bytes_equal_text(buf_view(&buf), "12-ab"));
	assert_true(buf_printf(&buf, "%s", ""));
	assert_true(buf_printf(&buf, "%s", "cd"));
	assert_string_equal(buf_text(&buf), "12-abcd");
	assert_false(buf_printf(&buf, "%s", "much too long"));
	assert_true(bytes_equal_text(buf_view(&buf), "12-abcd"));
	buf_clear(&buf);
}

static void test_reserve_and_consume(void **state)
{
	struct buf buf;
	uint8_t *space;

	(void)state;
	buf_init(&buf, 16);
	assert_true(buf_reserve(&buf, 10, &space));
	memcpy(space, "0123456789", 10);
	buf_commit(&buf, 6);
	assert_true(bytes_equal_text(buf_view(&buf), "012345"));
	assert_false(buf_reserve(&buf, 11, &space));
	assert_false(buf_reserve(&buf, SIZE_MAX, &space));
	buf_consume(&buf, 0);
	buf_consume(&buf, 4);
	assert_true(bytes_equal_text(buf_view(&buf), "45"));
	assert_true(buf_append_text(&buf, "x"));
	assert_string_equal(buf_text(&buf), "45x");
	buf_consume(&buf, 3);
	assert_int_equal(buf.size, 0);
	buf_clear(&buf);
}

static void test_integers(void **state)
{
	static const uint8_t expected[] = { 0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98, 1, 2, 3, 4, 5, 6, 7,
		8 };
	struct buf buf;

	(void)state;
	buf_init(&buf, sizeof expected);
	assert_true(buf_append_u16(&buf, 0x1234));
	assert_true(buf_append_u32(&buf, 0xfedcba98));
	assert_true(buf_append_u64(&buf, 0x0102030405060708));
	assert_true(bytes_equal(buf_view(&buf), bytes_make(expected, sizeof expected)));
	assert_false(buf_append_u16(&buf, 1));
	buf_clear(&buf);
}

static void test_wipe(void **state)
{
	char secret[] = "secret";

	(void)state;
	memory_wipe(secret, sizeof secret - 1);
	assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_up_to_the_maximum),
		cmocka_unit_test(test_growth_keeps_content),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_reserve_and_consume),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
