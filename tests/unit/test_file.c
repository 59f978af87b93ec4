/* test_file.c -- file.h: modes, contents, and what each failing step leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/file.h"
#include "platform/file_watch.h"
#include "platform/paths.h"
#include "test_platform_fixture.h"

/* ---- a watch that fails one kind of operation and writes down all ---- */

struct watcher {
	int fails; /* an enum file_operation, or -1 */
	int code;
	char seen[1024]; /* "open x.new,write x.new,..." of what happened */
};

static const char *const operation_names[] = {
	[FILE_OP_OPEN] = "open",
	[FILE_OP_WRITE] = "write",
	[FILE_OP_READ] = "read",
	[FILE_OP_SYNC] = "sync",
	[FILE_OP_RENAME] = "rename",
	[FILE_OP_REMOVE] = "remove",
	[FILE_OP_FOLDER_CREATE] = "folder-create",
	[FILE_OP_FOLDER_SYNC] = "folder-sync",
};

static int before(void *context, enum file_operation operation, const char *path, const char *other)
{
	const struct watcher *watcher = context;

	(void)path;
	(void)other;
	return watcher->fails == (int)operation ? watcher->code : 0;
}

static void after(void *context, enum file_operation operation, const char *path, const char *other,
	uint64_t offset, struct bytes written)
{
	struct watcher *watcher = context;
	size_t used = strlen(watcher->seen);

	(void)other;
	snprintf(watcher->seen + used, sizeof watcher->seen - used, "%s %s %d+%d,",
		operation_names[operation], strrchr(path, '/') + 1, (int)offset, (int)written.size);
}

static struct watcher watcher;

static void watch(int fails, int code)
{
	static const struct file_watch set = {
		.context = &watcher, .before = before, .after = after
	};

	watcher = (struct watcher){ .fails = fails, .code = code };
	file_watch_set(&set);
}

static int unwatch(void **state)
{
	file_watch_set(NULL);
	return scratch_tear_down(state);
}

/* ---- modes ---- */

static void open_and_close(const char *path, enum file_mode mode)
{
	struct error error;
	struct file *file = file_open(path, mode, &error);

	if (!file)
		fail_msg("%s", error.text);
	file_close(&file);
	assert_null(file);
}

static void test_modes(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0177, 0777 };
	struct error error;

	for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		const char *made = scratch_path(state, "made");
		const char *replaced = scratch_path(state, "replaced");
		const char *loose = scratch_path(state, "loose");
		const char *saved = scratch_path(state, "saved");
		const char *outer = scratch_path(state, "outer");
		const char *inner = scratch_path(state, "outer/inner");
		mode_t before_mask;
		bool ok;

		write_file(loose, "x");
		assert_int_equal(chmod(loose, 0666), 0);
		before_mask = umask(masks[i]);
		open_and_close(made, FILE_CREATE);
		open_and_close(replaced, FILE_REPLACE);
		open_and_close(loose, FILE_REPLACE);
		ok = file_save(saved, bytes_of("s"), &error) && folder_create(inner, &error);
		umask(before_mask);
		assert_true(ok);
		assert_int_equal(mode_of(made), 0600);
		assert_int_equal(mode_of(replaced), 0600);
		assert_int_equal(mode_of(loose), 0600);
		assert_int_equal(mode_of(saved), 0600);
		assert_int_equal(mode_of(outer), 0700);
		assert_int_equal(mode_of(inner), 0700);
		assert_int_equal(
			unlink(made) | unlink(replaced) | unlink(loose) | unlink(saved), 0);
		assert_int_equal(rmdir(inner) | rmdir(outer), 0);
	}
}

/* A folder that was there keeps its mode: it may be the service manager's. */
static void test_old_folder_keeps_its_mode(void **state)
{
	const char *path = scratch_path(state, "old");
	struct error error;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_true(folder_create(path, &error));
	assert_int_equal(mode_of(path), 0755);
}

/* ---- contents ---- */

static void check_text(const char *path, const char *expected)
{
	char *text = read_file(path);

	if (!expected) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_own_folder(void **state)
{
	static const struct {
		mode_t mode;
		bool is_own;
	} rows[] = { { 0700, true }, { 0755, true }, { 0500, true }, { 0770, false },
		{ 0702, false }, { 01777, false } };
	const char *path = scratch_path(state, "own");
	struct error error;

	assert_false(folder_check_own(path, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		error.kind = ERROR_NONE;
		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_int_equal(folder_check_own(path, &error), rows[i].is_own);
		assert_int_equal(error.kind, rows[i].is_own ? ERROR_NONE : ERROR_DENIED);
	}
	assert_int_equal(chmod(path, 0700), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_false(folder_check_own(path, &error));
	assert_non_null(strstr(error.text, "65534"));
}

static void test_create_and_replace(void **state)
{
	const char *path = scratch_path(state, "a");
	struct error error;
	struct file *file = file_open(path, FILE_CREATE, &error);

	assert_non_null(file);
	assert_true(file_write(file, bytes_of("one "), &error));
	assert_true(file_write(file, bytes_of(""), &error));
	assert_true(file_write(file, bytes_of("two"), &error));
	assert_true(file_sync(file, &error));
	file_close(&file);
	check_text(path, "one two");

	assert_null(file_open(path, FILE_CREATE, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_non_null(strstr(error.text, path));
	check_text(path, "one two");

	file = file_open(path, FILE_REPLACE, &error);
	assert_non_null(file);
	check_text(path, "");
	assert_true(file_write(file, bytes_of("3"), &error));
	file_close(&file);
	check_text(path, "3");
}

static void test_read_at(void **state)
{
	static const struct {
		uint64_t offset;
		size_t size;
		const char *expected;
	} rows[] = {
		{ 0, 10, "0123456789" },
		{ 0, 3, "012" },
		{ 7, 3, "789" },
		{ 7, 4, "789" },
		{ 9, 1000, "9" },
		{ 10, 1, "" },
		{ 5000, 5, "" },
		{ 4, 0, "" },
	};
	const char *path = scratch_path(state, "digits");
	struct error error;
	struct file *file;
	uint64_t size = 0;

	write_file(path, "0123456789");
	file = file_open(path, FILE_READ, &error);
	assert_non_null(file);
	assert_true(file_size(file, &size, &error));
	assert_int_equal(size, 10);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char expected[64];
		struct buf out;

		buf_init(&out, 4096);
		assert_true(buf_append_text(&out, "> "));
		assert_true(file_read_at(file, rows[i].offset, rows[i].size, &out, &error));
		snprintf(expected, sizeof expected, "> %s", rows[i].expected);
		assert_string_equal(buf_text(&out), expected);
		buf_clear(&out);
	}
	file_close(&file);
}

static void test_load_is_bounded(void **state)
{
	static const struct {
		size_t maximum;
		bool fits;
	} rows[] = { { 9, false }, { 10, true }, { 4096, true } };
	const char *path = scratch_path(state, "digits");

	write_file(path, "0123456789");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		struct buf out;

		buf_init(&out, rows[i].maximum);
		assert_int_equal(file_load(path, &out, &error), rows[i].fits);
		assert_int_equal(out.size, rows[i].fits ? 10 : 0);
		if (!rows[i].fits) {
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_non_null(strstr(error.text, path));
		}
		buf_clear(&out);
	}
}

static void test_rename_and_remove(void **state)
{
	const char *a = scratch_path(state, "a"), *b = scratch_path(state, "b");
	struct error error;

	write_file(a, "new");
	write_file(b, "old");
	assert_true(file_rename(a, b, &error));
	assert_false(file_exists(a));
	check_text(b, "new");
	assert_false(file_rename(a, b, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, a));
	assert_non_null(strstr(error.text, b));
	check_text(b, "new");
	assert_true(file_remove(b, &error));
	assert_false(file_exists(b));
	assert_false(file_remove(b, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, b));
}

/* ---- saving ---- */

static void test_save_steps(void **state)
{
	const char *path = scratch_path(state, "x");
	char expected[256];
	struct error error;

	snprintf(expected, sizeof expected,
		"open x.new 0+0,write x.new 0+7,sync x.new 0+0,rename x.new 0+0,"
		"folder-sync %s 0+0,",
		strrchr(*state, '/') + 1);
	watch(-1, 0);
	assert_true(file_save(path, bytes_of("content"), &error));
	assert_string_equal(watcher.seen, expected);
}

static void test_save_fails_whole(void **state)
{
	static const struct {
		enum file_operation fails;
		const char *left; /* after an old content of "old" */
	} rows[] = {
		{ FILE_OP_OPEN, "old" },
		{ FILE_OP_WRITE, "old" },
		{ FILE_OP_SYNC, "old" },
		{ FILE_OP_RENAME, "old" },
		{ FILE_OP_FOLDER_SYNC, "new" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int was_there = 0; was_there < 2; was_there++) {
			const char *path = scratch_path(state, "x");
			bool is_new = rows[i].fails == FILE_OP_FOLDER_SYNC;
			struct error error = { .kind = ERROR_NONE };

			if (was_there)
				write_file(path, "old");
			watch((int)rows[i].fails, ENOSPC);
			assert_false(file_save(path, bytes_of("new"), &error));
			file_watch_set(NULL);
			assert_int_equal(error.kind, ERROR_FULL);
			assert_non_null(strstr(error.text, is_new ? *state : path));
			check_text(path, was_there || is_new ? rows[i].left : NULL);
			/* It may hold a key. */
			assert_false(file_exists(scratch_path(state, "x.new")));
			unlink(path);
		}
	}
}

/* A temporary file that a crash left is no obstacle, and no leak of its mode. */
static void test_save_over_leftover(void **state)
{
	const char *path = scratch_path(state, "x"), *left = scratch_path(state, "x.new");
	struct error error;

	write_file(left, "half of a longer content");
	assert_int_equal(chmod(left, 0644), 0);
	assert_true(file_save(path, bytes_of("new"), &error));
	check_text(path, "new");
	assert_int_equal(mode_of(path), 0600);
}

static void test_long_paths(void **state)
{
	char path[PATH_SIZE + 100];
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_false(file_save(path, bytes_of("x"), &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_false(folder_create(path, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_false(folder_create("", &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

/* ---- every operation can be failed, and says where ---- */

static bool do_open(const char *path, struct error *error)
{
	struct file *file = file_open(path, FILE_REPLACE, error);
	bool ok = file != NULL;

	file_close(&file);
	return ok;
}

static bool do_write(const char *path, struct error *error)
{
	struct file *file = file_open(path, FILE_REPLACE, NULL);
	bool ok = file_write(file, bytes_of("x"), error);

	file_close(&file);
	return ok;
}

static bool do_read(const char *path, struct error *error)
{
	struct buf out;
	bool ok;

	buf_init(&out, 100);
	ok = file_load(path, &out, error);
	buf_clear(&out);
	return ok;
}

static bool do_sync(const char *path, struct error *error)
{
	struct file *file = file_open(path, FILE_REPLACE, NULL);
	bool ok = file_sync(file, error);

	file_close(&file);
	return ok;
}

static bool do_rename(const char *path, struct error *error)
{
	return file_rename(path, path, error);
}

static bool do_folder_create(const char *path, struct error *error)
{
	char below[SCRATCH_PATH_SIZE];

	unlink(path);
	snprintf(below, sizeof below, "%s/below", path);
	return folder_create(below, error);
}

static void test_errors_name_the_path(void **state)
{
	static const struct {
		enum file_operation operation;
		bool (*run)(const char *path, struct error *error);
	} rows[] = {
		{ FILE_OP_OPEN, do_open },
		{ FILE_OP_WRITE, do_write },
		{ FILE_OP_READ, do_read },
		{ FILE_OP_SYNC, do_sync },
		{ FILE_OP_RENAME, do_rename },
		{ FILE_OP_REMOVE, file_remove },
		{ FILE_OP_FOLDER_CREATE, do_folder_create },
	};
	static const struct {
		int code;
		enum error_kind kind;
	} codes[] = { { EIO, ERROR_IO }, { ENOSPC, ERROR_FULL }, { EACCES, ERROR_DENIED } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j < sizeof codes / sizeof codes[0]; j++) {
			const char *path = scratch_path(state, "the-file");
			struct error error = { .kind = ERROR_NONE };

			write_file(path, "x");
			watch((int)rows[i].operation, codes[j].code);
			if (rows[i].run(path, &error))
				fail_msg("%s was not failed", operation_names[rows[i].operation]);
			file_watch_set(NULL);
			assert_int_equal(error.kind, codes[j].kind);
			assert_int_equal(error.os_code, codes[j].code);
			assert_non_null(strstr(error.text, path));
			assert_null(strstr(watcher.seen, operation_names[rows[i].operation]));
		}
	}
}

static void test_missing(void **state)
{
	const char *path = scratch_path(state, "nothing/here");
	uint64_t free_bytes;
	struct error errors[5];
	struct buf out;

	buf_init(&out, 100);
	assert_null(file_open(path, FILE_CREATE, &errors[0]));
	assert_false(file_load(path, &out, &errors[1]));
	assert_false(file_save(path, bytes_of("x"), &errors[2]));
	assert_false(folder_sync(path, &errors[3]));
	assert_false(folder_free_bytes(path, &free_bytes, &errors[4]));
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		assert_int_equal(errors[i].kind, ERROR_NOT_FOUND);
		assert_non_null(strstr(errors[i].text, path));
	}
}

/* ---- folders ---- */

static void test_folder_create(void **state)
{
	static const struct {
		const char *path;
		bool ok;
	} rows[] = {
		{ "a/b/c", true },
		{ "a/b/c", true },
		{ "a//d/", true },
		{ "file", false },
		{ "file/below", false },
		{ "dangling", false },
	};
	struct error error;

	write_file(scratch_path(state, "file"), "x");
	assert_int_equal(symlink("nowhere", scratch_path(state, "dangling")), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *path = scratch_path(state, rows[i].path);
		struct stat facts;

		if (folder_create(path, &error) != rows[i].ok)
			fail_msg("%s", rows[i].path);
		if (!rows[i].ok) {
			assert_non_null(strstr(error.text, *state));
			continue;
		}
		assert_int_equal(stat(path, &facts), 0);
		assert_true(S_ISDIR(facts.st_mode));
	}
	assert_false(folder_create(scratch_path(state, "file"), &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
}

struct names {
	char seen[256];
	unsigned count, stop_after;
};

static bool note_name(void *context, const char *name)
{
	struct names *names = context;
	size_t used = strlen(names->seen);

	snprintf(names->seen + used, sizeof names->seen - used, "[%s]", name);
	return ++names->count != names->stop_after;
}

/* Only what is empty goes. */
static void test_folder_remove(void **state)
{
	char folder[SCRATCH_PATH_SIZE];
	struct error error;

	snprintf(folder, sizeof folder, "%s", scratch_path(state, "folder"));
	assert_true(folder_create(folder, &error));
	write_file(scratch_path(state, "folder/file"), "x");
	assert_false(folder_remove(folder, &error));
	assert_non_null(strstr(error.text, folder));
	assert_true(file_exists(folder));
	assert_true(file_remove(scratch_path(state, "folder/file"), &error));
	assert_true(folder_remove(folder, &error));
	assert_false(file_exists(folder));
	assert_false(folder_remove(folder, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_folder_each(void **state)
{
	static const char *const files[] = { "a", ".hidden", "..odd", "with blank" };
	struct names all = { "", 0, 0 }, some = { "", 0, 2 }, none = { "", 0, 0 };
	struct error error;

	assert_true(folder_each(*state, note_name, &none, &error));
	assert_int_equal(none.count, 0);
	for (size_t i = 0; i < 4; i++)
		write_file(scratch_path(state, files[i]), "");
	assert_true(folder_each(*state, note_name, &all, &error));
	assert_int_equal(all.count, 4);
	for (size_t i = 0; i < 4; i++) {
		char quoted[64];

		snprintf(quoted, sizeof quoted, "[%s]", files[i]);
		assert_non_null(strstr(all.seen, quoted));
	}
	assert_true(folder_each(*state, note_name, &some, &error));
	assert_int_equal(some.count, 2);
	assert_false(folder_each(scratch_path(state, "nothing"), note_name, &none, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, scratch_path(state, "nothing")));
}

/* Behind what is there; the watch hears of an opening that made the file, and of where each write went. */
static void test_append(void **state)
{
	const char *path = scratch_path(state, "log");
	struct error error;
	struct file *file;
	uint64_t size = 0;
	char *text;

	watch(-1, 0);
	for (int i = 0; i < 3; i++) {
		file = file_open(path, FILE_APPEND, &error);
		assert_non_null(file);
		assert_true(file_write(file, bytes_of("abc"), &error));
		assert_true(file_size(file, &size, &error));
		assert_int_equal(size, 3 * (i + 1));
		file_close(&file);
		if (i == 0)
			assert_int_equal(chmod(path, 0666), 0);
	}
	assert_string_equal(
		watcher.seen, "open log 0+0,write log 0+3,write log 3+3,write log 6+3,");
	text = read_file(path);
	assert_string_equal(text, "abcabcabc");
	assert_int_equal(mode_of(path), 0600);
	free(text);
	watch(FILE_OP_OPEN, EACCES);
	assert_null(file_open(path, FILE_APPEND, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
}

static void test_free_bytes(void **state)
{
	uint64_t free_bytes = 0, total_bytes = 0;
	struct error error;

	assert_true(folder_free_bytes(*state, &free_bytes, &error));
	assert_true(free_bytes > 4096);
	assert_true(folder_total_bytes(*state, &total_bytes, &error));
	assert_true(total_bytes >= free_bytes);
	assert_false(folder_total_bytes("/nowhere/at/all", &total_bytes, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, unwatch)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_modes),
		TEST(test_old_folder_keeps_its_mode),
		TEST(test_own_folder),
		TEST(test_create_and_replace),
		TEST(test_read_at),
		TEST(test_load_is_bounded),
		TEST(test_rename_and_remove),
		TEST(test_save_steps),
		TEST(test_save_fails_whole),
		TEST(test_save_over_leftover),
		TEST(test_long_paths),
		TEST(test_errors_name_the_path),
		TEST(test_missing),
		TEST(test_folder_create),
		TEST(test_folder_remove),
		TEST(test_folder_each),
		TEST(test_append),
		TEST(test_free_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
