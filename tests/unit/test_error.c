/* test_error.c -- what ends up in an error value: kind, code, text, and that nothing overflows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void test_set(void **state)
{
	struct error error;

	(void)state;
	assert_false(error_set(&error, ERROR_DENIED, "no %s for %d", "entry", 7));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_int_equal(error.os_code, 0);
	assert_string_equal(error.text, "no entry for 7");
	assert_false(error_set_memory(&error));
	assert_int_equal(error.kind, ERROR_MEMORY);
}

static void test_os_kinds(void **state)
{
	static const struct {
		int os_code;
		enum error_kind kind;
	} rows[] = {
		{ ENOSPC, ERROR_FULL },
		{ EDQUOT, ERROR_FULL },
		{ ENOMEM, ERROR_MEMORY },
		{ ENOENT, ERROR_NOT_FOUND },
		{ EEXIST, ERROR_EXISTS },
		{ EACCES, ERROR_DENIED },
		{ EPERM, ERROR_DENIED },
		{ EADDRINUSE, ERROR_BUSY },
		{ ECANCELED, ERROR_CANCELLED },
		{ EIO, ERROR_IO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error;
		char expected[600];

		assert_false(error_set_os(&error, rows[i].os_code, "opening %s", "x"));
		assert_int_equal(error.kind, rows[i].kind);
		assert_int_equal(error.os_code, rows[i].os_code);
		snprintf(expected, sizeof expected, "opening x: %s", strerror(rows[i].os_code));
		assert_string_equal(error.text, expected);
	}
}

static void test_prefix(void **state)
{
	struct error error;

	(void)state;
	error_set_os(&error, ENOSPC, "writing");
	error_prefix(&error, "storing %d", 1);
	assert_memory_equal(error.text, "storing 1: writing: ", 20);
	assert_int_equal(error.kind, ERROR_FULL);
	assert_int_equal(error.os_code, ENOSPC);
}

static void test_long_texts_are_cut(void **state)
{
	struct error error;
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set(&error, ERROR_IO, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
	error_set_os(&error, EIO, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
	error_prefix(&error, "front");
	assert_memory_equal(error.text, "front: xxx", 10);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
	error_prefix(&error, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void test_null_is_allowed(void **state)
{
	(void)state;
	assert_false(error_set(NULL, ERROR_IO, "x"));
	assert_false(error_set_os(NULL, EIO, "x"));
	assert_false(error_set_memory(NULL));
	error_prefix(NULL, "x");
}

static void test_kind_names(void **state)
{
	(void)state;
	assert_string_equal(error_kind_name(ERROR_NONE), "none");
	assert_string_equal(error_kind_name(ERROR_NOT_FOUND), "not-found");
	assert_string_equal(error_kind_name((enum error_kind)99), "unknown");
	for (int kind = ERROR_NONE; kind <= ERROR_CANCELLED; kind++) {
		assert_non_null(error_kind_name((enum error_kind)kind));
		for (int other = ERROR_NONE; other < kind; other++)
			assert_string_not_equal(error_kind_name((enum error_kind)kind),
				error_kind_name((enum error_kind)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_os_kinds),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_null_is_allowed),
		cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
