/* test_reader.c -- fields off the front of a view; one read past the end fails all that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"

static const uint8_t data[] = { 7, 0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98, 1, 2, 3, 4, 5, 6, 7, 8, 'a',
	'b', 'c', 'd', 'e' };

static void test_fields(void **state)
{
	struct reader reader;
	char text[2];

	(void)state;
	reader_init(&reader, bytes_make(data, sizeof data));
	assert_int_equal(reader_u8(&reader), 7);
	assert_int_equal(reader_u16(&reader), 0x1234);
	assert_int_equal(reader_u32(&reader), 0xfedcba98);
	assert_true(reader_u64(&reader) == 0x0102030405060708);
	reader_copy(&reader, text, sizeof text);
	assert_memory_equal(text, "ab", 2);
	assert_false(reader_is_complete(&reader));
	assert_true(bytes_equal_text(reader_view(&reader, 3), "cde"));
	assert_true(reader_is_complete(&reader));
	assert_int_equal(reader_view(&reader, 0).size, 0);
	assert_true(reader_is_complete(&reader));
}

static void test_past_the_end(void **state)
{
	(void)state;
	for (size_t size = 0; size < 8; size++) {
		struct reader reader;
		uint8_t copy[8];

		reader_init(&reader, bytes_make(data, size));
		assert_true(reader_u64(&reader) == 0);
		assert_true(reader.failed);
		/* There would be enough for these, but it failed for good. */
		assert_int_equal(reader_u8(&reader), 0);
		memset(copy, 1, sizeof copy);
		reader_copy(&reader, copy, 1);
		assert_int_equal(copy[0], 0);
		assert_int_equal(copy[1], 1);
		assert_int_equal(reader_view(&reader, 0).size, 0);
		assert_false(reader_is_complete(&reader));
	}
}

static void test_huge_sizes(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes_make(data, sizeof data));
	reader_u8(&reader);
	assert_null(reader_view(&reader, SIZE_MAX).data);
	assert_true(reader.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_past_the_end),
		cmocka_unit_test(test_huge_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
