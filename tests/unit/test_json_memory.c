/* test_json_memory.c -- when memory runs out at any place, a text becomes the whole value or none, and a value the whole
 * text or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/json_memory.h"

/* Long enough that every buffer grows, inside of strings and between them. */
static const char text[] = "{\"transfer\":7,\"data\":\"0123456789012345678901234567890123456789\","
			   "\"rows\":[{\"name\":\"\\u00e4\\ud83d\\ude00 and more\",\"on\":true},"
			   "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"],\"total\":-12}";

static size_t left = SIZE_MAX; /* allocations that go well */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* One fails, those after it do not. */
void *__wrap_malloc(size_t size)
{
	return left && left-- == 1 ? NULL : __real_malloc(size);
}

static size_t used(size_t before)
{
	size_t count = before - left;

	left = SIZE_MAX;
	return count;
}

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	return 0;
}

static void test_load(void **state)
{
	struct error error = { .kind = ERROR_NONE };
	json_t *whole = json_memory_load(bytes_of(text), 0, &error), *value;
	size_t count;

	(void)state;
	assert_non_null(whole);
	left = 1000000;
	json_decref(json_memory_load(bytes_of(text), 0, NULL));
	count = used(1000000);
	assert_true(count > 30);
	for (size_t i = 1; i <= count; i++) {
		left = i;
		error.kind = ERROR_NONE;
		value = json_memory_load(bytes_of(text), 0, &error);
		left = SIZE_MAX;
		assert_null(value);
		assert_int_equal(error.kind, ERROR_MEMORY);
	}
	json_decref(whole);
}

static void test_dump(void **state)
{
	json_t *value = json_memory_load(bytes_of(text), 0, NULL);
	char *whole = json_memory_dump(value, JSON_COMPACT), *part;
	size_t count;

	(void)state;
	assert_non_null(whole);
	left = 1000000;
	json_memory_free_text(json_memory_dump(value, JSON_COMPACT));
	count = used(1000000);
	assert_true(count > 3);
	for (size_t i = 1; i <= count; i++) {
		left = i;
		part = json_memory_dump(value, JSON_COMPACT);
		left = SIZE_MAX;
		assert_null(part);
	}
	json_memory_free_text(whole);
	json_decref(value);
}

static void test_no_json(void **state)
{
	struct error error;

	(void)state;
	assert_null(json_memory_load(bytes_of("{\"password\": }"), 0, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_null(strstr(error.text, "password"));
	assert_null(json_memory_dump(NULL, 0));
}

/* What json_pack() leaves out is noticed, and neither reading nor writing hides it. */
static void test_what_is_left_out(void **state)
{
	json_t *value = NULL;
	size_t count, missing = 0;

	(void)state;
	json_memory_begin();
	left = 1000000;
	json_decref(json_pack("{s:s, s:s*}", "id", "a", "code", "secret"));
	count = used(1000000);
	assert_false(json_memory_has_run_out());
	for (size_t i = 1; i <= count; i++) {
		json_memory_begin();
		left = i;
		value = json_pack("{s:s, s:s*}", "id", "a", "code", "secret");
		left = SIZE_MAX;
		missing += value && !json_object_get(value, "code");
		assert_true(!value || !json_object_get(value, "code"));
		json_memory_free_text(json_memory_dump(value, JSON_COMPACT));
		json_decref(json_memory_load(bytes_of(text), 0, NULL));
		assert_true(json_memory_has_run_out());
		json_decref(value);
	}
	assert_true(missing > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_no_json),
		cmocka_unit_test(test_what_is_left_out),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
