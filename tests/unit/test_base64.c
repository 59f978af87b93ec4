/* test_base64.c -- RFC 4648 10's own examples, what is refused, and back again for every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static const struct {
	const char *data, *text;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xff\xfe", "///+" },
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct buf text, data;

		buf_init(&text, 64);
		buf_init(&data, 64);
		assert_true(base64_encode(bytes_of(pairs[i].data), &text));
		assert_true(bytes_equal_text(buf_view(&text), pairs[i].text));
		assert_true(base64_decode(bytes_of(pairs[i].text), &data, NULL));
		assert_true(bytes_equal_text(buf_view(&data), pairs[i].data));
		buf_clear(&text);
		buf_clear(&data);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=",
		"==", "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm9v Zm9v", "Zm-v", "Zm_v", "Zm9\xc3",
		"Z=g=", "=Zg=", "Zm8=Zm8=" };
	struct buf data;

	(void)state;
	buf_init(&data, 64);
	assert_true(buf_append_text(&data, "before"));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		size_t size;

		if (base64_decoded_size(bytes_of(texts[i]), &size) ||
			base64_decode(bytes_of(texts[i]), &data, &error))
			fail_msg("%s was taken", texts[i]);
		assert_int_equal(error.kind, ERROR_INVALID);
	}
	assert_true(bytes_equal_text(buf_view(&data), "before"));
	buf_clear(&data);
}

/* Every length, with every byte value in every place of a group. */
static void test_there_and_back(void **state)
{
	uint8_t bytes[300];

	(void)state;
	for (size_t size = 0; size <= sizeof bytes; size++) {
		struct buf text, data;
		size_t decoded;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(i * 7 + size);
		buf_init(&text, 400);
		buf_init(&data, sizeof bytes);
		assert_true(base64_encode(bytes_make(bytes, size), &text));
		assert_int_equal(text.size, base64_encoded_size(size));
		assert_true(base64_decoded_size(buf_view(&text), &decoded));
		assert_int_equal(decoded, size);
		assert_true(base64_decode(buf_view(&text), &data, NULL));
		assert_true(bytes_equal(buf_view(&data), bytes_make(bytes, size)));
		assert_true(base64_decode_in_place(text.data, text.size, &decoded));
		assert_true(bytes_equal(bytes_make(text.data, decoded), bytes_make(bytes, size)));
		buf_clear(&text);
		buf_clear(&data);
	}
}

static void test_no_room(void **state)
{
	struct error error;
	struct buf small;

	(void)state;
	buf_init(&small, 5);
	assert_false(base64_encode(bytes_of("foobar"), &small));
	assert_false(base64_decode(bytes_of("Zm9vYmFy"), &small, &error));
	assert_int_equal(error.kind, ERROR_MEMORY);
	assert_int_equal(small.size, 0);
	assert_true(base64_decode(bytes_of("Zm9vYmE="), &small, &error));
	assert_true(bytes_equal_text(buf_view(&small), "fooba"));
	buf_clear(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
