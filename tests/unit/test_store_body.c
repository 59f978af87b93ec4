/* test_store_body.c -- sealed bytes before their delivery: in memory, in a file, discarded, refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/file.h"
#include "test_store_fixture.h"
#include "test_store_watch.h"

static struct store_body *body_of(struct fixture *fixture, uint64_t number)
{
	const struct id id = make_id('y', number);
	struct store_body *body = store_body_new(fixture->store, &id);

	assert_non_null(body);
	return body;
}

static void append(struct store_body *body, size_t size)
{
	struct buf sealed = make_sealed(1, size);
	struct error error = { 0 };

	if (!store_body_append(body, buf_view(&sealed), &error))
		fail_msg("%s", error.text);
	buf_clear(&sealed);
}

static void test_where_it_lies(void **state)
{
	static const struct {
		size_t first, second, files;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 0, 0 },
		{ STORE_INLINE_MAX, 0, 0 },
		{ STORE_INLINE_MAX - 1, 1, 0 },
		{ STORE_INLINE_MAX, 1, 1 },
		{ STORE_INLINE_MAX + 1, 0, 1 },
		{ 1, STORE_INLINE_MAX, 1 },
		{ 300000, 300000, 1 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_body *body = body_of(fixture, i);

		append(body, rows[i].first);
		append(body, rows[i].second);
		assert_int_equal(store_body_size(body), rows[i].first + rows[i].second);
		assert_int_equal(fixture_count_files(fixture, "bodies"), rows[i].files);
		store_body_free(&body);
		assert_null(body);
		assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
	}
}

static void test_many_small_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct store_body *body = body_of(fixture, 1);

	for (int i = 0; i < 1000; i++)
		append(body, 100);
	assert_int_equal(store_body_size(body), 100000);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	store_body_free(&body);
}

static void test_an_id_twice(void **state)
{
	struct fixture *fixture = *state;
	struct store_body *body = body_of(fixture, 1), *again = body_of(fixture, 1);
	struct buf sealed = make_sealed(1, 100000);
	struct error error = { 0 };

	append(body, 100000);
	assert_false(store_body_append(again, buf_view(&sealed), &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	/* The one that did not get the file must not take it away. */
	store_body_free(&again);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	store_body_free(&body);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
	buf_clear(&sealed);
}

static void test_a_disk_that_refuses(void **state)
{
	static const struct {
		enum file_operation operation;
		int code;
		enum error_kind kind;
	} rows[] = {
		{ FILE_OP_OPEN, EACCES, ERROR_DENIED },
		{ FILE_OP_WRITE, ENOSPC, ERROR_FULL },
		{ FILE_OP_WRITE, EIO, ERROR_IO },
	};
	struct fixture *fixture = *state;
	struct buf sealed = make_sealed(1, 100000);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_body *body = body_of(fixture, i);
		struct error error = { 0 };

		fail_file(rows[i].operation, ".part", rows[i].code, 1);
		assert_false(store_body_append(body, buf_view(&sealed), &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_int_equal(failed_count(), 1);
		store_body_free(&body);
		assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
		fail_nothing();
	}
	buf_clear(&sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_where_it_lies),
		OPEN(test_many_small_pieces),
		OPEN(test_an_id_twice),
		OPEN(test_a_disk_that_refuses),
	};

	failing_files_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
