/* test_transfer.c -- the transfers under way: each belongs to one owner, takes one step at a time, and is freed once
 * and in time, however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"
#include "transfer_internal.h"

enum { SILENCE_US = 300 * 1000 };

/* What a context saw. It outlives the transfer, so that a second free would show. */
struct seen {
	atomic_int steps, finishes, frees;
	int pieces; /* that a source gives */
	bool fails; /* at the next step */
	bool fails_finish;
	atomic_bool is_held; /* a step waits while it is set */
	atomic_bool is_inside;
};

struct fixture {
	struct transfers *transfers;
	struct control_engine engine;
	struct seen seen[TRANSFERS_MAX + 1];
};

static bool read_piece(void *context, struct transfer_piece *piece, struct error *error)
{
	struct seen *seen = context;

	atomic_store(&seen->is_inside, true);
	while (atomic_load(&seen->is_held))
		sleep_ms(1);
	/* Nothing of the piece before is in it. */
	assert_int_equal(piece->data.size, 0);
	assert_string_equal(piece->entry, "");
	if (seen->fails)
		return error_set(error, ERROR_IO, "the disk is gone");
	strcpy(piece->entry, "entry");
	buf_append_text(&piece->data, "data");
	if (++seen->steps == seen->pieces)
		piece->is_entry_end = piece->is_end = true;
	return true;
}

static bool write_piece(void *context, struct transfer_piece *piece, struct error *error)
{
	struct seen *seen = context;

	(void)piece;
	if (seen->fails)
		return error_set(error, ERROR_FULL, "the disk is full");
	seen->steps++;
	return true;
}

static json_t *finish(void *context, struct error *error)
{
	struct seen *seen = context;

	seen->finishes++;
	if (!seen->fails_finish)
		return json_pack("{s:i}", "steps", (int)seen->steps);
	error_set(error, ERROR_CORRUPT, "it does not verify");
	return NULL;
}

static void release(void *context)
{
	((struct seen *)context)->frees++;
}

static const struct transfer_source source = { TRANSFER_FILE, read_piece, finish, release };
static const struct transfer_source plain_source = { TRANSFER_FOLDER, read_piece, NULL, release };
static const struct transfer_sink sink = { write_piece, finish, release };

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	json_memory_start();
	log_set_sink(ignore_line, NULL);
	fixture->transfers = transfers_new(SILENCE_US, NULL);
	assert_non_null(fixture->transfers);
	fixture->engine.transfers = fixture->transfers;
	fixture->engine.caller = fixture;
	for (size_t i = 0; i <= TRANSFERS_MAX; i++)
		fixture->seen[i].pieces = 3;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	transfers_free(&fixture->transfers);
	assert_null(fixture->transfers);
	free(fixture);
	return 0;
}

/* Its number; takes the answer. */
static uint64_t number_of(json_t *answer, const char *direction, const char *form)
{
	json_int_t number = json_integer_value(json_object_get(answer, "transfer"));

	assert_true(number > 0);
	assert_string_equal(json_string_value(json_object_get(answer, "direction")), direction);
	assert_string_equal(json_string_value(json_object_get(answer, "form")), form);
	json_decref(answer);
	return (uint64_t)number;
}

static uint64_t begin_source(struct fixture *fixture, struct seen *seen)
{
	return number_of(
		transfer_begin_read(&fixture->engine, &source, seen, NULL), "read", "file");
}

static uint64_t begin_sink(struct fixture *fixture, struct seen *seen)
{
	return number_of(
		transfer_begin_write(&fixture->engine, &sink, seen, NULL), "write", "folder");
}

/* The kind of error, ERROR_NONE: it worked. */
static enum error_kind read_as(const void *owner, struct fixture *fixture, uint64_t number,
	struct transfer_piece *piece, json_t **result)
{
	struct error error = { .kind = ERROR_NONE };
	bool ok = transfers_read(fixture->transfers, owner, number, piece, result, &error);

	assert_int_equal(ok, error.kind == ERROR_NONE);
	assert_true(ok || *error.text);
	return error.kind;
}

static enum error_kind read_one(struct fixture *fixture, uint64_t number)
{
	struct transfer_piece piece;
	enum error_kind kind;
	json_t *result;

	transfer_piece_init(&piece);
	kind = read_as(fixture, fixture, number, &piece, &result);
	transfer_piece_clear(&piece);
	json_decref(result);
	return kind;
}

static enum error_kind write_one(
	struct fixture *fixture, uint64_t number, const char *entry, bool is_end)
{
	struct transfer_piece piece;
	struct error error = { .kind = ERROR_NONE };
	json_t *result;

	transfer_piece_init(&piece);
	strcpy(piece.entry, entry);
	piece.is_entry_end = *entry != '\0';
	piece.is_end = is_end;
	transfers_write(fixture->transfers, fixture, number, &piece, &result, &error);
	assert_int_equal(result != NULL, is_end && error.kind == ERROR_NONE);
	transfer_piece_clear(&piece);
	json_decref(result);
	return error.kind;
}

static void test_whole(void **state)
{
	struct fixture *fixture = *state;
	struct transfer_piece piece;
	uint64_t number = begin_source(fixture, &fixture->seen[0]);
	json_t *result;

	transfer_piece_init(&piece);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(read_as(fixture, fixture, number, &piece, &result), ERROR_NONE);
		assert_true(bytes_equal_text(buf_view(&piece.data), "data"));
		assert_int_equal(result != NULL, i == 3);
		assert_int_equal(fixture->seen[0].frees, i == 3);
	}
	assert_int_equal(json_integer_value(json_object_get(result, "steps")), 3);
	json_decref(result);
	assert_int_equal(read_as(fixture, fixture, number, &piece, &result), ERROR_NOT_FOUND);
	transfer_piece_clear(&piece);

	/* One that has nothing to say at its end. */
	number = number_of(
		transfer_begin_read(&fixture->engine, &plain_source, &fixture->seen[2], NULL),
		"read", "folder");
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_one(fixture, number), ERROR_NONE);
	assert_int_equal(fixture->seen[2].frees, 1);

	number = begin_sink(fixture, &fixture->seen[1]);
	assert_int_equal(write_one(fixture, number, "a", false), ERROR_NONE);
	assert_int_equal(write_one(fixture, number, "b", false), ERROR_NONE);
	assert_int_equal(write_one(fixture, number, "", true), ERROR_NONE);
	assert_int_equal(fixture->seen[1].frees, 1);
	assert_int_equal(fixture->seen[1].finishes, 1);
	assert_int_equal(write_one(fixture, number, "", true), ERROR_NOT_FOUND);
	assert_int_equal(transfers_count(fixture->transfers), 0);
}

/* Every error ends it, and it does not finish. */
static void test_failures(void **state)
{
	struct fixture *fixture = *state;
	struct seen *seen = fixture->seen;
	uint64_t number = begin_source(fixture, &seen[0]);

	assert_int_equal(read_one(fixture, number), ERROR_NONE);
	seen[0].fails = true;
	assert_int_equal(read_one(fixture, number), ERROR_IO);
	assert_int_equal(read_one(fixture, number), ERROR_NOT_FOUND);
	assert_int_equal(seen[0].frees, 1);
	assert_int_equal(seen[0].finishes, 0);

	number = begin_sink(fixture, &seen[1]);
	seen[1].fails = true;
	assert_int_equal(write_one(fixture, number, "a", false), ERROR_FULL);
	assert_int_equal(write_one(fixture, number, "a", false), ERROR_NOT_FOUND);
	assert_int_equal(seen[1].frees, 1);

	number = begin_sink(fixture, &seen[2]);
	seen[2].fails_finish = true;
	assert_int_equal(write_one(fixture, number, "", true), ERROR_CORRUPT);
	assert_int_equal(seen[2].finishes, 1);
	assert_int_equal(seen[2].frees, 1);

	/* A sink never sees what is out of order. */
	number = begin_sink(fixture, &seen[3]);
	assert_int_equal(write_one(fixture, number, "../a", false), ERROR_INVALID);
	assert_int_equal(seen[3].steps, 0);
	assert_int_equal(seen[3].frees, 1);

	/* The other direction is the caller's mistake alone. */
	number = begin_sink(fixture, &seen[4]);
	assert_int_equal(read_one(fixture, number), ERROR_INVALID);
	assert_int_equal(write_one(fixture, number, "a", false), ERROR_NONE);
	assert_int_equal(seen[4].frees, 0);
}

static void test_owner(void **state)
{
	struct fixture *fixture = *state;
	struct transfer_piece piece;
	uint64_t number = begin_source(fixture, &fixture->seen[0]);
	const void *other = &piece;
	json_t *result;

	transfer_piece_init(&piece);
	assert_int_equal(read_as(other, fixture, number, &piece, &result), ERROR_NOT_FOUND);
	transfer_piece_clear(&piece);
	assert_false(transfers_cancel(fixture->transfers, other, number, NULL));
	transfers_abandon(fixture->transfers, other);
	assert_int_equal(read_one(fixture, number), ERROR_NONE);
	assert_int_equal(read_one(fixture, number + 1), ERROR_NOT_FOUND);
	assert_int_equal(read_one(fixture, 0), ERROR_NOT_FOUND);
	assert_true(transfers_cancel(fixture->transfers, fixture, number, NULL));
	assert_int_equal(fixture->seen[0].frees, 1);
	assert_int_equal(fixture->seen[0].finishes, 0);
	assert_false(transfers_cancel(fixture->transfers, fixture, number, NULL));
}

static void test_too_many(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	uint64_t first = 0;

	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		uint64_t number = begin_source(fixture, &fixture->seen[i]);

		first = first ? first : number;
	}
	assert_null(transfer_begin_read(
		&fixture->engine, &source, &fixture->seen[TRANSFERS_MAX], &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_int_equal(fixture->seen[TRANSFERS_MAX].frees, 1);
	assert_true(transfers_cancel(fixture->transfers, fixture, first, NULL));
	fixture->seen[TRANSFERS_MAX].frees = 0;
	begin_source(fixture, &fixture->seen[TRANSFERS_MAX]);
	/* What is still under way at the end is freed then. */
	transfers_free(&fixture->transfers);
	for (size_t i = 0; i <= TRANSFERS_MAX; i++)
		assert_int_equal(fixture->seen[i].frees, 1);
}

static void wait_for_free(struct seen *seen)
{
	for (int i = 0; i < 2000 && !seen->frees; i++)
		sleep_ms(5);
	assert_int_equal(seen->frees, 1);
}

static void test_silence(void **state)
{
	struct fixture *fixture = *state;
	uint64_t kept, left;
	int64_t begun_us;

	fixture->seen[0].pieces = 1000000;
	kept = begin_source(fixture, &fixture->seen[0]);
	begun_us = clock_monotonic_us();
	left = begin_source(fixture, &fixture->seen[1]);
	/* Steps keep one alive, and only that one. */
	while (!fixture->seen[1].frees && clock_monotonic_us() - begun_us < INT64_C(20000000)) {
		assert_int_equal(read_one(fixture, kept), ERROR_NONE);
		sleep_ms(10);
	}
	assert_int_equal(fixture->seen[1].frees, 1);
	assert_true(clock_monotonic_us() - begun_us >= SILENCE_US);
	assert_int_equal(read_one(fixture, left), ERROR_NOT_FOUND);
	assert_int_equal(fixture->seen[0].frees, 0);
	transfers_abandon(fixture->transfers, fixture);
	wait_for_free(&fixture->seen[0]);
}

struct stepping {
	struct fixture *fixture;
	uint64_t number;
	enum error_kind kind;
};

static void step(void *context)
{
	struct stepping *stepping = context;

	stepping->kind = read_one(stepping->fixture, stepping->number);
}

/* A step under way: a second is refused, and nothing is freed below it, whoever ends the transfer meanwhile. */
static void test_busy(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		struct seen *seen = &fixture->seen[i];
		struct stepping stepping = { fixture, begin_source(fixture, seen), ERROR_MEMORY };
		struct thread *thread;

		atomic_store(&seen->is_held, true);
		thread = thread_start("stepping", step, &stepping, NULL);
		assert_non_null(thread);
		while (!atomic_load(&seen->is_inside))
			sleep_ms(1);
		assert_int_equal(read_one(fixture, stepping.number), ERROR_BUSY);
		if (i == 0)
			assert_true(transfers_cancel(
				fixture->transfers, fixture, stepping.number, NULL));
		else if (i == 1)
			transfers_abandon(fixture->transfers, fixture);
		else
			sleep_ms(2 * SILENCE_US / 1000);
		assert_int_equal(seen->frees, 0);
		/* A transfer that was ended is not there any more. */
		assert_int_equal(
			read_one(fixture, stepping.number), i == 2 ? ERROR_BUSY : ERROR_NOT_FOUND);
		atomic_store(&seen->is_held, false);
		thread_join(&thread);
		assert_int_equal(stepping.kind, ERROR_NONE);
		if (i < 2)
			wait_for_free(seen);
		else
			assert_int_equal(read_one(fixture, stepping.number), ERROR_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
