/* test_host_storage.c -- what a start does to the files of a store before anything is open: a move that is ended, given up
 * or refused, and a restore; cut short at each operation of the disk and begun again. (Power cuts: powercut_storage.) */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/log.h"
#include "host_internal.h"
#include "platform/file.h"
#include "platform/file_watch.h"
#include "service/storage_place.h"
#include "store/store_move.h"
#include "test_platform_fixture.h"

enum { OPERATIONS_MAX = 500 };

struct places {
	char root[PATH_SIZE], data[PATH_SIZE], disk[PATH_SIZE];
	struct storage_request request;
	char storage[PATH_SIZE];
	struct error trouble, error;
};

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static void save(const char *folder, const char *name, const char *text)
{
	char path[PATH_SIZE], *slash;

	assert_true(path_join(folder, name, path, NULL));
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_true(folder_create(path, NULL));
	*slash = '/';
	assert_true(file_save(path, bytes_of(text), NULL));
}

static bool holds(const char *folder, const char *name, const char *text)
{
	char path[PATH_SIZE];
	struct buf content;
	bool ok;

	buf_init(&content, 10000);
	assert_true(path_join(folder, name, path, NULL));
	ok = file_exists(path) && file_load(path, &content, NULL) &&
	     bytes_equal_text(buf_view(&content), text);
	buf_clear(&content);
	return ok;
}

static bool is_there(const char *folder, const char *name)
{
	char path[PATH_SIZE];

	return path_join(folder, name, path, NULL) && file_exists(path);
}

#define BODY "bodies/00000000000000000000000000000001"
#define LOST "bodies/lost/00000000000000000000000000000002"

static void make_store(const char *folder)
{
	save(folder, "lettergate.db", "database");
	save(folder, "lettergate.db-wal", "log");
	save(folder, BODY, "body");
	save(folder, LOST, "lost");
	save(folder, "ballast", "ballast");
}

static bool is_whole(const char *folder)
{
	return holds(folder, "lettergate.db", "database") &&
	       holds(folder, "lettergate.db-wal", "log") && holds(folder, BODY, "body") &&
	       holds(folder, LOST, "lost");
}

static int set_up(void **state)
{
	struct places *places = calloc(1, sizeof *places);
	void *root;

	log_set_sink(ignore_line, NULL);
	assert_int_equal(scratch_set_up(&root), 0);
	assert_true(path_canonical(root, places->root, NULL));
	free(root);
	assert_true(path_join(places->root, "data", places->data, NULL));
	assert_true(path_join(places->root, "disk", places->disk, NULL));
	make_store(places->data);
	save(places->data, "tls/server.key", "old");
	assert_true(folder_create(places->disk, NULL));
	*state = places;
	return 0;
}

static int tear_down(void **state)
{
	struct places *places = *state;
	void *root = strdup(places->root);

	file_watch_set(NULL);
	free(places);
	return scratch_tear_down(&root);
}

static void ask(struct places *places, bool back)
{
	strcpy(places->request.from, back ? places->disk : places->data);
	strcpy(places->request.to, back ? places->data : places->disk);
	assert_true(storage_mark(places->request.to, places->data, NULL));
	assert_true(storage_request_write(places->data, &places->request, NULL));
}

static bool start(struct places *places)
{
	places->error = (struct error){ .kind = ERROR_NONE };
	return host_move(places->data, places->storage, &places->trouble, &places->error);
}

static void must_be_in(struct places *places, const char *folder, const char *other)
{
	assert_true(start(places));
	assert_int_equal(places->trouble.kind, ERROR_NONE);
	assert_string_equal(places->storage, folder);
	assert_true(is_whole(folder));
	assert_false(store_move_is_store(other));
	assert_false(is_there(places->data, "storage.move") || is_there(folder, "moving"));
}

/* ---- a disk that stops ---- */

static long stops_at, operations;

static int stop(void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)context;
	(void)operation;
	(void)path;
	(void)other;
	return operations++ >= stops_at ? EIO : 0;
}

static const struct file_watch watch = { .before = stop };

static void stop_at(long number)
{
	operations = 0;
	stops_at = number;
	file_watch_set(&watch);
}

/* ---- moving ---- */

static void test_nothing_to_do(void **state)
{
	struct places *places = *state;

	assert_true(start(places));
	assert_string_equal(places->storage, places->data);
	assert_int_equal(places->trouble.kind, ERROR_NONE);
}

static void test_there_and_back(void **state)
{
	struct places *places = *state;

	ask(places, false);
	must_be_in(places, places->disk, places->data);
	assert_true(holds(places->data, "tls/server.key", "old"));
	must_be_in(places, places->disk, places->data);
	save(places->disk, "lock", "1");
	ask(places, true);
	must_be_in(places, places->data, places->disk);
	assert_false(is_there(places->data, "storage"));
	assert_false(file_exists(places->disk));
}

/* Whatever it was that failed, both of its ends are tried: the next start finds one whole store. */
static void test_cut_short(void **state)
{
	struct places *places = *state;
	bool is_over = false;
	size_t moved = 0;

	for (long number = 0; !is_over; number++) {
		assert_true(number < OPERATIONS_MAX);
		ask(places, false);
		stop_at(number);
		(void)start(places);
		is_over = operations <= stops_at;
		file_watch_set(NULL);
		assert_true(start(places));
		assert_true(is_whole(places->storage));
		if (strcmp(places->storage, places->disk) == 0) {
			must_be_in(places, places->disk, places->data);
			ask(places, true);
			must_be_in(places, places->data, places->disk);
			assert_true(folder_create(places->disk, NULL));
			moved++;
		} else {
			assert_false(store_move_is_store(places->disk));
		}
	}
	assert_true(moved > 0);
}

static void test_given_up(void **state)
{
	struct places *places = *state;

	/* The disk is another one meanwhile. */
	ask(places, false);
	assert_true(storage_unmark(places->disk, NULL));
	save(places->disk, "lettergate.db", "somebody's");
	assert_true(start(places));
	assert_string_equal(places->storage, places->data);
	assert_int_equal(places->trouble.kind, ERROR_STATE);
	assert_non_null(strstr(places->trouble.text, "could not be moved to"));
	assert_true(is_whole(places->data));
	assert_true(holds(places->disk, "lettergate.db", "somebody's"));
	/* It is not tried again by itself. */
	assert_true(start(places));
	assert_int_equal(places->trouble.kind, ERROR_NONE);
	/* Of a store that is elsewhere. */
	strcpy(places->request.from, "/somewhere/else");
	assert_true(storage_request_write(places->data, &places->request, NULL));
	assert_true(start(places));
	assert_non_null(strstr(places->trouble.text, "in another folder meanwhile"));
	assert_string_equal(places->storage, places->data);
}

static void test_full_disk(void **state)
{
	struct places *places = *state;

	ask(places, false);
	stop_at(8);
	assert_true(start(places));
	file_watch_set(NULL);
	assert_int_equal(places->trouble.kind, ERROR_IO);
	assert_string_equal(places->storage, places->data);
	assert_true(is_whole(places->data));
}

static void test_missing(void **state)
{
	struct places *places = *state;

	ask(places, false);
	must_be_in(places, places->disk, places->data);
	assert_true(rename(places->disk, "/nowhere/else") != 0);
	assert_int_equal(
		rename(places->disk, strcat(strcpy(places->request.from, places->disk), "2")), 0);
	assert_false(start(places));
	assert_int_equal(places->error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(places->error.text, "mount that disk"));
	assert_true(folder_create(places->disk, NULL));
	assert_false(start(places));
	save(places->data, "storage", "no path");
	assert_false(start(places));
	assert_int_equal(places->error.kind, ERROR_CORRUPT);
	assert_non_null(strstr(places->error.text, "/data/storage is damaged"));
}

/* ---- restoring ---- */

#define BEFORE "before-restore-20261124T040806Z"

static void make_ready(struct places *places)
{
	save(places->data, "restore/lettergate.db", "new database");
	save(places->data, "restore/" BODY, "new body");
	save(places->data, "restore/tls/server.key", "new");
	save(places->data, "restore/before", BEFORE);
}

static void must_be_restored(struct places *places)
{
	char before[PATH_SIZE];

	assert_true(path_join(places->data, BEFORE, before, NULL));
	assert_true(holds(places->data, "lettergate.db", "new database"));
	assert_true(holds(places->data, BODY, "new body"));
	assert_true(holds(places->data, "tls/server.key", "new"));
	assert_false(is_there(places->data, LOST));
	assert_false(is_there(places->data, "lettergate.db-wal"));
	assert_false(is_there(places->data, "restore"));
	assert_true(is_whole(before));
	assert_true(holds(before, "tls/server.key", "old"));
}

static void test_restored(void **state)
{
	struct places *places = *state;

	save(places->data, "incoming/half", "x");
	assert_true(host_restore(places->data, places->data, NULL));
	assert_false(is_there(places->data, "incoming"));
	assert_true(is_whole(places->data));
	make_ready(places);
	assert_true(host_restore(places->data, places->data, NULL));
	must_be_restored(places);
	assert_false(is_there(places->data, "incoming"));
}

static void test_restore_cut_short(void **state)
{
	struct places *places = *state;
	bool ok = false;

	make_ready(places);
	for (long number = 0; !ok; number++) {
		assert_true(number < OPERATIONS_MAX);
		stop_at(number);
		ok = host_restore(places->data, places->data, NULL);
		file_watch_set(NULL);
	}
	assert_true(host_restore(places->data, places->data, NULL));
	must_be_restored(places);
}

/* The certificates are in the data folder, the store is not. */
static void test_restore_elsewhere(void **state)
{
	struct places *places = *state;
	char before[PATH_SIZE];

	ask(places, false);
	must_be_in(places, places->disk, places->data);
	save(places->disk, "restore/lettergate.db", "new database");
	save(places->disk, "restore/" BODY, "new body");
	save(places->disk, "restore/tls/server.key", "new");
	save(places->disk, "restore/before", BEFORE);
	assert_true(host_restore(places->disk, places->data, NULL));
	assert_true(holds(places->disk, "lettergate.db", "new database"));
	assert_true(holds(places->data, "tls/server.key", "new"));
	assert_false(is_there(places->disk, "tls"));
	assert_true(path_join(places->disk, BEFORE, before, NULL));
	assert_true(is_whole(before));
	assert_true(path_join(places->data, BEFORE, before, NULL));
	assert_true(holds(before, "tls/server.key", "old"));
}

static void test_restore_refused(void **state)
{
	static const char *const names[] = { "", "elsewhere", "before-restore-/../../x",
		"before-restore-0123456789012345678901234567890123456789012345678901234567890" };
	struct places *places = *state;
	struct error error;

	make_ready(places);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		save(places->data, "restore/before", names[i]);
		assert_false(host_restore(places->data, places->data, &error));
		assert_true(error.kind == ERROR_CORRUPT || error.kind == ERROR_INVALID);
		assert_true(is_whole(places->data));
	}
	assert_non_null(strstr(error.text, "putting a backup in place"));
	save(places->data, "restore/before", BEFORE);
	assert_true(host_restore(places->data, places->data, &error));
	must_be_restored(places);
}

int main(void)
{
#define PLACES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PLACES(test_nothing_to_do),
		PLACES(test_there_and_back),
		PLACES(test_cut_short),
		PLACES(test_given_up),
		PLACES(test_full_disk),
		PLACES(test_missing),
		PLACES(test_restored),
		PLACES(test_restore_cut_short),
		PLACES(test_restore_elsewhere),
		PLACES(test_restore_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
