/* test_backup_manifest.c -- what was written is read again; what was changed, cut short, made by somebody else or names
 * something beside the backup is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/file.h"
#include "service/backup_manifest.h"
#include "test_platform_fixture.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

static const struct backup_facts facts = {
	.program = "0.3.0", .schema = 2, .created = "2026-11-24T04:08:06Z"
};

static struct backup_line make_line(const char *entry, uint64_t size)
{
	struct backup_line line = { .size = size };

	snprintf(line.entry, sizeof line.entry, "%s", entry);
	memset(line.digest, (int)size, sizeof line.digest);
	return line;
}

static void write_manifest(const char *path, const struct backup_line *lines, size_t count)
{
	struct backup_manifest_writer *writer;

	(void)remove(path);
	writer = backup_manifest_create(path, &facts, NULL);
	assert_non_null(writer);
	for (size_t i = 0; i < count; i++)
		assert_true(backup_manifest_add(writer, &lines[i], NULL));
	assert_true(backup_manifest_end(writer, NULL));
	backup_manifest_close(&writer);
	assert_null(writer);
}

/* Reads all of it. *count is how many lines came before the end or the error. */
static bool read_manifest(const char *path, size_t *count, struct error *error)
{
	struct backup_facts found;
	struct backup_manifest_reader *reader = backup_manifest_open(path, &found, error);
	struct backup_line line;
	bool goes_on = true, ok = reader != NULL;

	*count = 0;
	while (ok && goes_on) {
		ok = backup_manifest_next(reader, &line, &goes_on, error);
		*count += ok && goes_on;
	}
	backup_manifest_free(&reader);
	return ok;
}

static void refuses(const char *path, enum error_kind kind, const char *says)
{
	struct error error = { .kind = ERROR_NONE };
	size_t count;

	assert_false(read_manifest(path, &count, &error));
	assert_int_equal(error.kind, kind);
	if (!strstr(error.text, says))
		fail_msg("\"%s\" is not said, but \"%s\"", says, error.text);
}

static void test_there_and_back(void **state)
{
	const char *path = scratch_path(state, "manifest");
	struct backup_line lines[] = {
		make_line("bodies/00000000000000000000000000000001", 0),
		make_line("bodies/0000000000000000000000000000000a", 0),
		make_line("lettergate.db", UINT64_C(0x7fffffffffffffff)),
		make_line("tls/server.key", 1234),
	};
	struct backup_manifest_reader *reader;
	struct backup_facts found;
	struct backup_line line;
	bool is_there;

	lines[1].is_missing = true;
	write_manifest(path, lines, 4);
	reader = backup_manifest_open(path, &found, NULL);
	assert_non_null(reader);
	assert_int_equal(found.format, BACKUP_FORMAT);
	assert_int_equal(found.schema, 2);
	assert_string_equal(found.program, facts.program);
	assert_string_equal(found.created, facts.created);
	for (size_t i = 0; i < 4; i++) {
		assert_true(backup_manifest_next(reader, &line, &is_there, NULL));
		assert_true(is_there);
		assert_string_equal(line.entry, lines[i].entry);
		assert_int_equal(line.is_missing, lines[i].is_missing);
		if (!line.is_missing) {
			assert_int_equal(line.size, lines[i].size);
			assert_memory_equal(line.digest, lines[i].digest, sizeof line.digest);
		}
	}
	assert_true(backup_manifest_next(reader, &line, &is_there, NULL));
	assert_false(is_there);
	backup_manifest_free(&reader);
	write_manifest(scratch_path(state, "empty"), NULL, 0);
	reader = backup_manifest_open(scratch_path(state, "empty"), &found, NULL);
	assert_true(reader && backup_manifest_next(reader, &line, &is_there, NULL) && !is_there);
	backup_manifest_free(&reader);
}

/* More than is read or written at a time. */
static void test_many(void **state)
{
	enum { COUNT = 3000 };
	const char *path = scratch_path(state, "manifest");
	struct backup_line *lines = calloc(COUNT, sizeof *lines);
	size_t count;

	assert_non_null(lines);
	for (uint64_t i = 0; i < COUNT; i++) {
		char entry[64];

		snprintf(entry, sizeof entry, "bodies/%032llx", (unsigned long long)i);
		lines[i] = make_line(entry, i);
	}
	write_manifest(path, lines, COUNT);
	assert_true(read_manifest(path, &count, NULL));
	assert_int_equal(count, COUNT);
	free(lines);
}

static void save(const char *path, struct bytes text)
{
	assert_true(file_save(path, text, NULL));
}

static void test_cut_and_changed(void **state)
{
	const char *path = scratch_path(state, "manifest"),
		   *changed = scratch_path(state, "changed");
	const struct backup_line lines[] = { make_line(
						     "bodies/000000000000000000000000000000ff", 17),
		make_line("lettergate.db", 4096) };
	struct error error;
	struct buf text;
	size_t count;

	write_manifest(path, lines, 2);
	buf_init(&text, TEXT_MAX);
	assert_true(file_load(path, &text, NULL));
	for (size_t size = 0; size < text.size; size++) {
		save(changed, bytes_head(buf_view(&text), size));
		assert_false(read_manifest(changed, &count, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
	}
	for (size_t i = 0; i < text.size; i++) {
		text.data[i] ^= 1;
		save(changed, buf_view(&text));
		if (read_manifest(changed, &count, &error))
			fail_msg("octet %zu was changed, and nothing is said", i);
		assert_true(error.kind == ERROR_CORRUPT || error.kind == ERROR_STATE);
		text.data[i] ^= 1;
	}
	assert_true(buf_append_text(&text, "x"));
	save(changed, buf_view(&text));
	refuses(changed, ERROR_CORRUPT, "changed or cut short");
	buf_clear(&text);
}

static void test_foreign(void **state)
{
	const char *path = scratch_path(state, "manifest");
	struct buf text;

	refuses(path, ERROR_NOT_FOUND, "manifest");
	save(path, bytes_of(""));
	refuses(path, ERROR_CORRUPT, "cut short");
	save(path, bytes_of("Hello.\nThis is a letter.\n"));
	refuses(path, ERROR_CORRUPT, "no manifest of a backup");
	save(path, bytes_of("lettergate-backup one\n"));
	refuses(path, ERROR_CORRUPT, "changed");
	save(path, bytes_of("lettergate-backup 2\nof which nothing is known\n"));
	refuses(path, ERROR_STATE, "has format 2, and this program knows 1: use the version");
	save(path, bytes_of("lettergate-backup 1\nprogram "
			    "a-version-that-is-longer-than-any-of-ours-ever-was\n"));
	refuses(path, ERROR_CORRUPT, "changed");
	/* A line without an end is not gathered. */
	buf_init(&text, TEXT_MAX);
	assert_true(buf_append_text(&text, "lettergate-backup "));
	while (text.size < TEXT_MAX / 2)
		assert_true(buf_append_text(&text, "1111111111111111111111111111111111111111"));
	save(path, buf_view(&text));
	refuses(path, ERROR_CORRUPT, "changed or cut short");
	buf_clear(&text);
}

/* Whoever made them knew the format: the digest holds. */
static const char *const tricks[] = {
	"../x",
	"..",
	"/etc/passwd",
	"bodies",
	"bodies/",
	"bodies/..",
	"bodies/../lettergate.db",
	"bodies/00000000000000000000000000000001/x",
	"bodies/0000000000000000000000000000000A",
	"bodies/000000000000000000000000000000001",
	"bodies/lost/00000000000000000000000000000001",
	"bodies\\00000000000000000000000000000001",
	"tls/",
	"tls/..",
	"tls/../x",
	"tls/.hidden",
	"tls/a/b",
	"TLS/server.key",
	"lettergate.db-wal",
	"lettergate.db/x",
	"received",
	"before",
	"storage",
	"x",
};

static void test_path_tricks(void **state)
{
	const char *path = scratch_path(state, "manifest");
	char longest[BACKUP_ENTRY_SIZE + 10] = "tls/";

	for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
		const struct backup_line line = make_line(tricks[i], 5);

		assert_false(backup_entry_is_ours(tricks[i]));
		assert_false(backup_entry_is_body(tricks[i]));
		write_manifest(path, &line, 1);
		refuses(path, ERROR_CORRUPT, "changed or cut short");
	}
	memset(longest + 4, 'k', sizeof longest - 5);
	assert_false(backup_entry_is_ours(longest));
	longest[BACKUP_ENTRY_SIZE - 1] = '\0';
	assert_true(backup_entry_is_ours(longest));
	assert_true(backup_entry_is_ours("tls/server-ec.crt"));
	assert_true(backup_entry_is_ours("lettergate.db") && backup_entry_is_ours("manifest"));
	assert_true(backup_entry_is_body("bodies/0123456789abcdef0123456789abcdef"));
	/* Only a body can be one that was not there. */
	for (size_t i = 0; i < 2; i++) {
		struct backup_line line = make_line(i ? "lettergate.db" : "../x", 0);

		line.is_missing = true;
		write_manifest(path, &line, 1);
		refuses(path, ERROR_CORRUPT, "changed or cut short");
	}
}

static void test_cannot_be_written(void **state)
{
	struct error error;

	write_file(scratch_path(state, "there"), "x");
	assert_null(backup_manifest_create(scratch_path(state, "there"), &facts, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_null(backup_manifest_create(scratch_path(state, "no/folder"), &facts, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

int main(void)
{
#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)
	const struct CMUnitTest tests[] = {
		SCRATCH(test_there_and_back),
		SCRATCH(test_many),
		SCRATCH(test_cut_and_changed),
		SCRATCH(test_foreign),
		SCRATCH(test_path_tricks),
		SCRATCH(test_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
