/* test_folder_tree.c -- a folder goes with all that is in it and nothing beside it; a file comes to another folder whole
 * or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "platform/file.h"
#include "platform/file_copy.h"
#include "platform/file_watch.h"
#include "platform/folder_tree.h"
#include "platform/paths.h"
#include "test_platform_fixture.h"

static void make_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void test_tree(void **state)
{
	make_folder(scratch_path(state, "a"));
	make_folder(scratch_path(state, "a/b"));
	make_folder(scratch_path(state, "a/b/c"));
	make_folder(scratch_path(state, "a/empty"));
	for (int i = 0; i < 500; i++) {
		char name[64];

		snprintf(name, sizeof name, "a/b/%d", i);
		write_file(scratch_path(state, name), "x");
	}
	write_file(scratch_path(state, "a/b/c/.hidden"), "x");
	assert_true(folder_tree_remove(scratch_path(state, "a"), NULL));
	assert_false(file_exists(scratch_path(state, "a")));
}

static void test_links(void **state)
{
	struct error error;

	make_folder(scratch_path(state, "outside"));
	write_file(scratch_path(state, "outside/kept"), "x");
	make_folder(scratch_path(state, "a"));
	assert_int_equal(
		symlink(scratch_path(state, "outside"), scratch_path(state, "a/folder")), 0);
	assert_int_equal(
		symlink(scratch_path(state, "outside/kept"), scratch_path(state, "a/file")), 0);
	assert_int_equal(symlink("nowhere", scratch_path(state, "a/broken")), 0);
	assert_int_equal(symlink("..", scratch_path(state, "a/up")), 0);
	assert_true(folder_tree_remove(scratch_path(state, "a"), NULL));
	assert_true(file_exists(scratch_path(state, "outside/kept")));
	/* Nor when it is named itself. */
	assert_int_equal(symlink(scratch_path(state, "outside"), scratch_path(state, "link")), 0);
	assert_false(folder_tree_remove(scratch_path(state, "link"), &error) &&
		     !file_exists(scratch_path(state, "outside")));
}

static void test_refused(void **state)
{
	char deep[SCRATCH_PATH_SIZE];
	struct error error;

	assert_false(folder_tree_remove(scratch_path(state, "none"), &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	write_file(scratch_path(state, "file"), "x");
	assert_false(folder_tree_remove(scratch_path(state, "file"), &error));
	assert_true(file_exists(scratch_path(state, "file")));
	snprintf(deep, sizeof deep, "%s", scratch_path(state, "d"));
	for (int i = 0; i < 30; i++) {
		make_folder(deep);
		strcat(deep, "/d");
	}
	assert_false(folder_tree_remove(scratch_path(state, "d"), &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "without end"));
}

/* ---- one operation fails ---- */

static enum file_operation failing;
static int after;

static int break_one(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)context;
	(void)path;
	(void)other;
	return operation == failing && after-- == 0 ? EIO : 0;
}

static const struct file_watch watch = { .before = break_one };

static void test_a_disk_that_refuses(void **state)
{
	struct error error;

	make_folder(scratch_path(state, "a"));
	write_file(scratch_path(state, "a/1"), "x");
	write_file(scratch_path(state, "a/2"), "x");
	failing = FILE_OP_REMOVE;
	after = 0;
	file_watch_set(&watch);
	assert_false(folder_tree_remove(scratch_path(state, "a"), &error));
	file_watch_set(NULL);
	/* It can be tried again. */
	assert_true(folder_tree_remove(scratch_path(state, "a"), NULL));
}

static char *make_content(size_t size)
{
	char *content = malloc(size + 1);

	assert_non_null(content);
	for (size_t i = 0; i < size; i++)
		content[i] = (char)('a' + (i / 7 + i) % 26);
	content[size] = '\0';
	return content;
}

static void test_copy(void **state)
{
	static const size_t sizes[] = { 0, 1, 1048575, 1048576, 1048577, 2097152, 3000000 };
	char from[SCRATCH_PATH_SIZE], to[SCRATCH_PATH_SIZE];

	strcpy(from, scratch_path(state, "from"));
	strcpy(to, scratch_path(state, "to"));
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *content = make_content(sizes[i]);
		struct buf copied;
		struct stat facts;

		write_file(from, content);
		assert_true(file_copy(from, to, NULL, NULL));
		buf_init(&copied, 4 * 1024 * 1024);
		assert_true(file_load(to, &copied, NULL));
		assert_true(bytes_equal_text(buf_view(&copied), content));
		assert_int_equal(stat(to, &facts), 0);
		assert_int_equal(facts.st_mode & 0777, 0600);
		assert_false(file_exists(scratch_path(state, "to.part")));
		buf_clear(&copied);
		free(content);
	}
}

static void test_copy_fails(void **state)
{
	static const enum file_operation operations[] = { FILE_OP_OPEN, FILE_OP_WRITE, FILE_OP_READ,
		FILE_OP_SYNC, FILE_OP_RENAME };
	char from[SCRATCH_PATH_SIZE], to[SCRATCH_PATH_SIZE];
	char *content = make_content(2000000), *copied;
	char longest[PATH_SIZE];
	atomic_bool stop = true;
	struct error error;

	strcpy(from, scratch_path(state, "from"));
	strcpy(to, scratch_path(state, "to"));
	write_file(from, content);
	write_file(to, "what was there");
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		failing = operations[i];
		after = 0;
		file_watch_set(&watch);
		assert_false(file_copy(from, to, NULL, &error));
		file_watch_set(NULL);
		assert_int_equal(error.kind, ERROR_IO);
		assert_false(file_exists(scratch_path(state, "to.part")));
	}
	assert_false(file_copy(from, to, &stop, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	assert_false(file_copy(scratch_path(state, "none"), to, NULL, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	memset(longest, 'l', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_false(file_copy(from, longest, NULL, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_false(file_exists(scratch_path(state, "to.part")));
	copied = read_file(to);
	assert_string_equal(copied, "what was there");
	free(copied);
	free(content);
}

int main(void)
{
#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)
	const struct CMUnitTest tests[] = {
		SCRATCH(test_tree),
		SCRATCH(test_links),
		SCRATCH(test_refused),
		SCRATCH(test_a_disk_that_refuses),
		SCRATCH(test_copy),
		SCRATCH(test_copy_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
