/* test_paths.c -- the XDG rules, and a control socket that is one per folder and nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/paths.h"
#include "test_platform_fixture.h"

static void set_variable(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void test_join(void **state)
{
	char path[PATH_SIZE], name[PATH_SIZE];
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	assert_true(path_join("/a", "b", path, &error));
	assert_string_equal(path, "/a/b");
	memset(name, 'n', sizeof name);
	name[PATH_SIZE - 4] = '\0';
	assert_true(path_join("/a", name, path, &error));
	assert_int_equal(strlen(path), PATH_SIZE - 1);
	assert_false(path_join("/ab", name, path, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void test_default_data(void **state)
{
	static const struct {
		const char *data_home, *home;
		const char *expected; /* NULL: refused */
	} rows[] = {
		{ "/d", "/h", "/d/lettergate" },
		{ "/d", NULL, "/d/lettergate" },
		{ NULL, "/h", "/h/.local/share/lettergate" },
		{ "", "/h", "/h/.local/share/lettergate" },
		{ "relative", "/h", "/h/.local/share/lettergate" },
		{ "./d", NULL, NULL },
		{ NULL, NULL, NULL },
		{ NULL, "", NULL },
		{ NULL, "relative", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		char path[PATH_SIZE];

		set_variable("XDG_DATA_HOME", rows[i].data_home);
		set_variable("HOME", rows[i].home);
		assert_int_equal(path_default_data(path, &error), rows[i].expected != NULL);
		if (rows[i].expected)
			assert_string_equal(path, rows[i].expected);
		else
			assert_int_equal(error.kind, ERROR_INVALID);
	}
}

static void test_default_data_too_long(void **state)
{
	char home[PATH_SIZE], path[PATH_SIZE];
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	memset(home, 'h', sizeof home);
	home[0] = '/';
	home[PATH_SIZE - 5] = '\0';
	set_variable("XDG_DATA_HOME", home);
	assert_false(path_default_data(path, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void test_canonical(void **state)
{
	const char *real = scratch_path(state, "real"), *link = scratch_path(state, "link");
	char expected[PATH_SIZE], path[PATH_SIZE];
	struct error error = { .kind = ERROR_NONE };

	assert_int_equal(mkdir(real, 0700) | symlink("real", link), 0);
	assert_true(path_canonical(real, expected, &error));
	assert_true(path_canonical(link, path, &error));
	assert_string_equal(path, expected);
	assert_true(path_canonical(scratch_path(state, "./real/../link/"), path, &error));
	assert_string_equal(path, expected);
	assert_false(path_canonical(scratch_path(state, "none"), path, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, scratch_path(state, "none")));
}

static void socket_of(void **state, const char *folder, char path[PATH_SIZE])
{
	struct error error;

	if (!path_control_socket(scratch_path(state, folder), true, path, &error))
		fail_msg("%s", error.text);
}

static void test_one_socket_per_folder(void **state)
{
	char first[PATH_SIZE], second[PATH_SIZE], other[PATH_SIZE], folder[SCRATCH_PATH_SIZE];
	struct error error = { .kind = ERROR_NONE };

	set_variable("XDG_RUNTIME_DIR", scratch_path(state, "run"));
	assert_int_equal(mkdir(scratch_path(state, "data"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(state, "other"), 0700), 0);
	assert_int_equal(symlink("data", scratch_path(state, "alias")), 0);
	/* Asking creates nothing. */
	assert_true(path_control_socket(scratch_path(state, "data"), false, first, &error));
	assert_int_equal(access(scratch_path(state, "run"), F_OK), -1);
	socket_of(state, "data", first);
	socket_of(state, "alias", second);
	socket_of(state, "other/../data/", other);
	assert_string_equal(first, second);
	assert_string_equal(first, other);
	socket_of(state, "other", other);
	assert_string_not_equal(first, other);
	snprintf(folder, sizeof folder, "%s/", scratch_path(state, "run/lettergate"));
	assert_int_equal(strncmp(first, folder, strlen(folder)), 0);
	assert_int_equal(mode_of(scratch_path(state, "run/lettergate")), 0700);
	assert_false(path_control_socket(scratch_path(state, "none"), true, first, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_socket_fits(void **state)
{
	char runtime[PATH_SIZE], path[PATH_SIZE];
	const char *data = scratch_path(state, "data");
	size_t fitted = 0;

	/* Not created, so that the folder need not be possible. */
	assert_int_equal(mkdir(data, 0700), 0);
	for (size_t length = 1; length < PATH_SIZE; length += length < 120 ? 1 : 795) {
		struct error error = { .kind = ERROR_NONE };

		memset(runtime, 'r', sizeof runtime);
		runtime[0] = '/';
		runtime[length] = '\0';
		set_variable("XDG_RUNTIME_DIR", runtime);
		if (path_control_socket(data, false, path, &error)) {
			assert_true(strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path);
			assert_int_equal(fitted, length - 1);
			fitted = length;
		} else {
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_non_null(strstr(error.text, "XDG_RUNTIME_DIR"));
		}
	}
	/* RUNTIME/lettergate/16 digits.sock in 107 characters. */
	assert_int_equal(fitted, 107 - strlen("/lettergate/") - 16 - strlen(".sock"));
}

static void test_without_runtime_folder(void **state)
{
	static const char *const values[] = { NULL, "", "relative" };
	char expected[64], path[PATH_SIZE];
	struct error error = { .kind = ERROR_NONE };

	snprintf(expected, sizeof expected, "/tmp/lettergate-%lu/", (unsigned long)geteuid());
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		set_variable("XDG_RUNTIME_DIR", values[i]);
		assert_true(path_control_socket(*state, false, path, &error));
		assert_int_equal(strncmp(path, expected, strlen(expected)), 0);
	}
}

static void make_loose(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void make_group(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0710), 0);
}

static void make_foreign(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
}

static void make_link(const char *path)
{
	char target[SCRATCH_PATH_SIZE];

	snprintf(target, sizeof target, "%s-target", path);
	assert_int_equal(mkdir(target, 0700) | symlink(target, path), 0);
}

static void make_file(const char *path)
{
	write_file(path, "");
}

static void test_refused_folders(void **state)
{
	static const struct {
		const char *name;
		void (*make)(const char *path);
		bool needs_root;
		enum error_kind kind;
	} rows[] = {
		{ "loose", make_loose, false, ERROR_DENIED },
		{ "group", make_group, false, ERROR_DENIED },
		{ "foreign", make_foreign, true, ERROR_DENIED },
		{ "link", make_link, false, ERROR_DENIED },
		{ "file", make_file, false, ERROR_EXISTS },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char runtime[SCRATCH_PATH_SIZE], folder[SCRATCH_PATH_SIZE + 16], path[PATH_SIZE];
		struct error error = { .kind = ERROR_NONE };

		if (rows[i].needs_root && geteuid() != 0)
			continue;
		snprintf(runtime, sizeof runtime, "%s", scratch_path(state, rows[i].name));
		snprintf(folder, sizeof folder, "%s/lettergate", runtime);
		assert_int_equal(mkdir(runtime, 0700), 0);
		rows[i].make(folder);
		set_variable("XDG_RUNTIME_DIR", runtime);
		if (path_control_socket(*state, true, path, &error))
			fail_msg("%s was accepted", rows[i].name);
		assert_int_equal(error.kind, rows[i].kind);
		assert_non_null(strstr(error.text, folder));
		/* A client is not led there either. */
		assert_false(path_control_socket(*state, false, path, &error));
		assert_int_equal(error.kind, ERROR_DENIED);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_join),
		TEST(test_default_data),
		TEST(test_default_data_too_long),
		TEST(test_canonical),
		TEST(test_one_socket_per_folder),
		TEST(test_socket_fits),
		TEST(test_without_runtime_folder),
		TEST(test_refused_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
