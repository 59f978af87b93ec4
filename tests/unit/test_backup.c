/* test_backup.c -- a backup as it goes out and as it comes back, piece by piece: whole, it is believed; cut short, altered,
 * foreign, newer, out of order or under names that lead elsewhere it is not, and nothing of it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <unistd.h>

#include "platform/file.h"
#include "service/backup_sink.h"
#include "service/backup_source.h"
#include "service/restored.h"
#include "test_ledger_fixture.h"

enum { LARGE = 300000, ENTRIES_MAX = 40, ENTRY_MAX = 16 * 1024 * 1024 };

#define MIB (UINT64_C(1024) * 1024)

struct entry {
	char name[300];
	struct buf data;
};

struct backup {
	struct ledger_fixture *fixture;
	struct service *service;
	char tls[PATH_SIZE];
	struct entry entries[ENTRIES_MAX]; /* in the order of their names */
	size_t count;
	struct backup_source_report report;
};

/* ---- out ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static struct entry *entry_of(struct backup *backup, const char *name)
{
	for (size_t i = 0; i < backup->count; i++) {
		if (strcmp(backup->entries[i].name, name) == 0)
			return &backup->entries[i];
	}
	return NULL;
}

static struct entry *add_entry(struct backup *backup, const char *name)
{
	struct entry *entry = &backup->entries[backup->count];

	assert_true(backup->count < ENTRIES_MAX);
	backup->count++;
	snprintf(entry->name, sizeof entry->name, "%s", name);
	buf_init(&entry->data, ENTRY_MAX);
	return entry;
}

static void take_piece(
	struct backup *backup, const struct outgoing_piece *piece, const struct buf *data)
{
	struct entry *entry = entry_of(backup, piece->entry);

	assert_true(piece->done <= piece->total);
	if (!data->size && !piece->is_entry_end)
		return;
	if (!entry)
		entry = add_entry(backup, piece->entry);
	assert_true(buf_append(&entry->data, buf_view(data)));
}

static void clear_entries(struct backup *backup)
{
	for (size_t i = 0; i < backup->count; i++)
		buf_clear(&backup->entries[i].data);
	backup->count = 0;
}

static void create(struct backup *backup)
{
	struct error error;
	struct backup_source *source = backup_source_new(backup->service, backup->tls, &error);
	struct outgoing_piece piece = { .is_end = false };
	struct buf data;

	if (!source)
		fail_msg("%s", error.text);
	clear_entries(backup);
	buf_init(&data, OUTGOING_PIECE_MAX);
	while (!piece.is_end) {
		data.size = 0;
		if (!backup_source_next(source, &piece, &data, &error))
			fail_msg("%s", error.text);
		take_piece(backup, &piece, &data);
	}
	assert_int_equal(piece.done, piece.total);
	backup->report = *backup_source_report(source);
	backup_source_free(&source);
	buf_clear(&data);
	qsort(backup->entries, backup->count, sizeof backup->entries[0], by_name);
}

static void write_text(const char *folder, const char *name, const char *text)
{
	char path[PATH_SIZE];

	assert_true(path_join(folder, name, path, NULL));
	assert_true(file_save(path, bytes_of(text), NULL));
}

static int set_up(void **state)
{
	static uint8_t large[LARGE];
	struct backup *backup = calloc(1, sizeof *backup);
	void *fixture;

	assert_non_null(backup);
	ledger_set_up(&fixture);
	backup->fixture = fixture;
	backup->service = &backup->fixture->service->service;
	assert_true(path_join(backup->fixture->service->folder, "tls", backup->tls, NULL));
	assert_true(folder_create(backup->tls, NULL));
	write_text(backup->tls, "server.crt", "a certificate");
	write_text(backup->tls, "server.key", "a key");
	write_text(backup->tls, "server.key.new", "one that is just being written");
	write_text(backup->tls, ".hidden", "none of ours");
	ledger_deliver_many(backup->fixture, 3);
	memset(large, 'x', sizeof large);
	ledger_deliver(backup->fixture, bytes_make(large, sizeof large));
	ledger_deliver(backup->fixture, bytes_make(large, sizeof large / 2));
	*state = backup;
	return 0;
}

static int tear_down(void **state)
{
	struct backup *backup = *state;
	void *fixture = backup->fixture;

	clear_entries(backup);
	ledger_tear_down(&fixture);
	free(backup);
	return 0;
}

/* ---- in ---- */

static bool is_there(const struct backup *backup, const char *name)
{
	char path[PATH_SIZE];

	return path_join(backup->fixture->service->folder, name, path, NULL) && file_exists(path);
}

static struct backup_sink *begin(struct backup *backup, enum backup_sink_use use)
{
	struct error error;
	struct backup_sink *sink =
		backup_sink_new(backup->service, backup->fixture->service->folder, use, &error);

	if (!sink)
		fail_msg("%s", error.text);
	return sink;
}

/* In pieces; an entry that is empty is one piece. */
static bool send_entry(
	struct backup_sink *sink, const struct entry *entry, size_t size, struct error *error)
{
	struct bytes rest = buf_view(&entry->data);

	do {
		struct bytes piece = bytes_head(rest, size);

		rest = bytes_skip(rest, piece.size);
		if (!backup_sink_take(sink, entry->name, piece, !rest.size, error))
			return false;
	} while (rest.size);
	return true;
}

static bool send_all(struct backup *backup, struct backup_sink *sink, struct error *error)
{
	for (size_t i = 0; i < backup->count; i++) {
		if (!send_entry(sink, &backup->entries[i], 100000, error))
			return false;
	}
	return true;
}

/* All of it; *report is what was found. */
static void run(struct backup *backup, enum backup_sink_use use, struct backup_sink_report *report)
{
	struct backup_sink *sink = begin(backup, use);
	struct error error;

	if (!send_all(backup, sink, &error) || !backup_sink_finish(sink, &error))
		fail_msg("%s", error.text);
	*report = *backup_sink_report(sink);
	backup_sink_free(&sink);
	assert_null(sink);
	assert_false(is_there(backup, "incoming"));
}

static void must_be_whole(struct backup *backup)
{
	struct backup_sink_report report;

	run(backup, BACKUP_VERIFY, &report);
	if (report.problem_count)
		fail_msg("%s", report.problems[0]);
	assert_false(is_there(backup, "restore"));
}

/* Nothing of it is taken in. */
static void must_be_found(struct backup *backup, const char *says)
{
	struct backup_sink_report report;
	size_t i = 0;

	for (int use = BACKUP_VERIFY; use <= BACKUP_RESTORE; use++) {
		run(backup, use, &report);
		assert_true(report.problem_count > 0);
		for (i = 0; i < report.problem_count && i < BACKUP_PROBLEMS_MAX; i++) {
			if (strstr(report.problems[i], says))
				break;
		}
		if (i == report.problem_count)
			fail_msg("\"%s\" is not said, but \"%s\"", says, report.problems[0]);
		assert_false(is_there(backup, "restore"));
	}
}

/* ---- a whole one ---- */

static void test_whole(void **state)
{
	struct backup *backup = *state;
	struct backup_sink_report report;

	create(backup);
	/* Two bodies, the database, two files of tls/, the manifest. */
	assert_int_equal(backup->count, 6);
	assert_int_equal(backup->report.files, 5);
	assert_int_equal(backup->report.missing, 0);
	assert_non_null(entry_of(backup, "tls/server.key"));
	assert_null(entry_of(backup, "tls/server.key.new"));
	assert_false(is_there(backup, "backup"));
	run(backup, BACKUP_VERIFY, &report);
	assert_int_equal(report.problem_count, 0);
	assert_int_equal(report.files, 5);
	assert_int_equal(report.bytes, backup->report.bytes);
	assert_int_equal(report.image.mailboxes, 1);
	assert_int_equal(report.image.waiting, 5);
	assert_int_equal(report.image.body_files, 2);
	assert_string_equal(report.facts.created, backup->report.created);
	assert_string_equal(report.facts.program, LETTERGATE_VERSION);
	assert_int_equal(report.facts.schema, 2);
}

static void must_be_ready(struct backup *backup, const struct backup_sink_report *report)
{
	char path[PATH_SIZE], ready[PATH_SIZE];
	struct store_image_facts facts;
	struct buf data;

	assert_true(path_join(backup->fixture->service->folder, BACKUP_READY, ready, NULL));
	for (size_t i = 0; i < backup->count; i++) {
		const struct entry *entry = &backup->entries[i];

		assert_true(path_join(ready, entry->name, path, NULL));
		buf_init(&data, ENTRY_MAX);
		assert_true(file_load(path, &data, NULL));
		/* A row was added to its settings. */
		if (strcmp(entry->name, BACKUP_DATABASE) != 0)
			assert_true(bytes_equal(buf_view(&data), buf_view(&entry->data)));
		buf_clear(&data);
	}
	assert_true(path_join(ready, BACKUP_DATABASE, path, NULL));
	assert_true(store_image_check(path, &facts, NULL, NULL, NULL));
	assert_true(path_join(ready, BACKUP_BEFORE, path, NULL));
	buf_init(&data, 100);
	assert_true(file_load(path, &data, NULL));
	assert_true(bytes_equal_text(buf_view(&data), report->before));
	assert_int_equal(strncmp(report->before, "before-restore-2", 16), 0);
	buf_clear(&data);
	assert_true(path_join(ready, "received", path, NULL));
	assert_false(file_exists(path));
}

static void test_restored(void **state)
{
	struct backup *backup = *state;
	struct backup_sink_report report;
	struct error error;

	create(backup);
	run(backup, BACKUP_RESTORE, &report);
	assert_int_equal(report.problem_count, 0);
	must_be_ready(backup, &report);
	/* What is ready waits for the next start, and is not mixed with another. */
	assert_null(backup_sink_new(
		backup->service, backup->fixture->service->folder, BACKUP_VERIFY, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "waits for the gateway to start again"));
	must_be_ready(backup, &report);
	/* The store in use was not touched. */
	ledger_deliver_many(backup->fixture, 1);
}

static void test_before(void **state)
{
	struct backup *backup = *state;
	struct service *service = backup->service;
	struct error error;
	struct problem problem;

	assert_true(restored_load(service, "/folder", &error));
	assert_false(service_is_doubtful(service));
	assert_false(restored_confirm(service, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_true(store_setting_set(service->store, RESTORED_KEY, "before-restore-x", &error));
	assert_true(restored_load(service, "/folder", &error));
	assert_true(service_is_doubtful(service));
	assert_true(has_problem(service->problems, "restored", &problem));
	assert_non_null(strstr(problem.text, "/folder/before-restore-x"));
	assert_non_null(strstr(problem.remedy, "backup confirm"));
	assert_true(restored_confirm(service, &error));
	assert_false(service_is_doubtful(service));
	assert_false(has_problem(service->problems, "restored", NULL));
	assert_false(restored_confirm(service, &error));
}

/* ---- damaged ones ---- */

static void test_altered(void **state)
{
	struct backup *backup = *state;

	create(backup);
	for (size_t i = 0; i < backup->count; i++) {
		struct entry *entry = &backup->entries[i];
		const char *name = strcmp(entry->name, BACKUP_MANIFEST) ? entry->name : "manifest";

		/* In the last line of the manifest, too. */
		entry->data.data[entry->data.size - 5] ^= 1;
		must_be_found(backup, name);
		entry->data.data[entry->data.size - 5] ^= 1;
	}
	must_be_whole(backup);
}

static void test_cut_short(void **state)
{
	struct backup *backup = *state;

	create(backup);
	for (size_t i = 0; i < backup->count; i++) {
		struct entry *entry = &backup->entries[i];
		const size_t size = entry->data.size, sizes[] = { 0, 1, size / 2, size - 1 };

		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			entry->data.size = sizes[k];
			must_be_found(backup,
				strcmp(entry->name, BACKUP_MANIFEST) ? entry->name : "manifest");
		}
		entry->data.size = size;
	}
	must_be_whole(backup);
}

static void test_missing_and_more(void **state)
{
	struct backup *backup = *state;
	struct entry taken, *extra;
	struct backup_sink_report report;

	create(backup);
	for (size_t i = 0; i < backup->count; i++) {
		taken = backup->entries[i];
		memmove(&backup->entries[i], &backup->entries[i + 1],
			(backup->count - i - 1) * sizeof taken);
		backup->count--;
		must_be_found(backup, "is missing");
		memmove(&backup->entries[i + 1], &backup->entries[i],
			(backup->count - i) * sizeof taken);
		backup->entries[i] = taken;
		backup->count++;
	}
	must_be_whole(backup);
	extra = add_entry(backup, "tls/zzz");
	assert_true(buf_append_text(&extra->data, "x"));
	must_be_found(backup, "tls/zzz is not in the manifest");
	clear_entries(backup);
	must_be_found(backup, "the manifest is missing");
	run(backup, BACKUP_RESTORE, &report);
	assert_int_equal(report.files, 0);
}

/* Many problems are counted, the first ones told. */
static void test_many_problems(void **state)
{
	struct backup *backup = *state;
	struct backup_sink_report report;
	struct entry manifest;

	create(backup);
	manifest = *entry_of(backup, BACKUP_MANIFEST);
	entry_of(backup, BACKUP_MANIFEST)->data = (struct buf){ 0 };
	clear_entries(backup);
	for (unsigned i = 0; i < BACKUP_PROBLEMS_MAX + 5; i++) {
		char name[60];

		snprintf(name, sizeof name, "bodies/%032x", i);
		add_entry(backup, name);
	}
	add_entry(backup, BACKUP_MANIFEST)->data = manifest.data;
	qsort(backup->entries, backup->count, sizeof backup->entries[0], by_name);
	run(backup, BACKUP_VERIFY, &report);
	assert_true(report.problem_count > BACKUP_PROBLEMS_MAX + 5);
	assert_non_null(strstr(report.problems[BACKUP_PROBLEMS_MAX - 1], "not in the manifest"));
}

/* ---- foreign and newer ones, whose manifest fits ---- */

/* Written anew for what is there. */
static void renew_manifest(struct backup *backup)
{
	struct backup_facts facts = {
		.program = "9.9", .schema = 2, .created = "2026-11-24T04:08:06Z"
	};
	struct backup_manifest_writer *writer;
	struct entry *manifest = entry_of(backup, BACKUP_MANIFEST);
	char path[PATH_SIZE];

	assert_true(path_join(backup->fixture->service->folder, "work", path, NULL));
	writer = backup_manifest_create(path, &facts, NULL);
	assert_non_null(writer);
	for (size_t i = 0; i < backup->count; i++) {
		struct entry *entry = &backup->entries[i];
		struct backup_line line = { .size = entry->data.size };
		struct digest digest;

		if (entry == manifest)
			continue;
		snprintf(line.entry, sizeof line.entry, "%.190s", entry->name);
		digest_init(&digest, NULL);
		digest_update(&digest, buf_view(&entry->data));
		digest_final(&digest, line.digest);
		assert_true(backup_manifest_add(writer, &line, NULL));
	}
	assert_true(backup_manifest_end(writer, NULL));
	backup_manifest_close(&writer);
	manifest->data.size = 0;
	assert_true(file_load(path, &manifest->data, NULL));
	assert_int_equal(unlink(path), 0);
}

static void change_database(struct backup *backup, const char *sql)
{
	struct entry *database = entry_of(backup, BACKUP_DATABASE);
	char path[PATH_SIZE], *why = NULL;
	sqlite3 *opened;

	assert_true(path_join(backup->fixture->service->folder, "work.db", path, NULL));
	assert_true(file_save(path, buf_view(&database->data), NULL));
	assert_int_equal(sqlite3_open(path, &opened), SQLITE_OK);
	if (sqlite3_exec(opened, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	assert_int_equal(sqlite3_close(opened), SQLITE_OK);
	database->data.size = 0;
	assert_true(file_load(path, &database->data, NULL));
	assert_int_equal(unlink(path), 0);
	renew_manifest(backup);
}

static void test_made_elsewhere(void **state)
{
	struct backup *backup = *state;
	struct entry *entry;

	create(backup);
	renew_manifest(backup);
	must_be_whole(backup);
	change_database(backup, "PRAGMA user_version = 99");
	must_be_found(backup, "newer version");
	create(backup);
	change_database(backup, "PRAGMA application_id = 17");
	must_be_found(backup, "not a database of Lettergate");
	create(backup);
	change_database(
		backup, "UPDATE bodies SET sealed_size = sealed_size + 1 WHERE sealed IS NULL");
	must_be_found(backup, "has not the size that the database says");
	create(backup);
	change_database(backup, "UPDATE bodies SET id = zeroblob(16) WHERE sealed IS NULL AND "
				"number = (SELECT max(number) FROM bodies)");
	must_be_found(backup, "the database names bodies/00000000000000000000000000000000");
	/* Not a database at all. */
	create(backup);
	entry = entry_of(backup, BACKUP_DATABASE);
	memset(entry->data.data, 'x', entry->data.size);
	renew_manifest(backup);
	must_be_found(backup, "lettergate.db");
	entry->data.size = 0;
	renew_manifest(backup);
	must_be_found(backup, "lettergate.db");
	/* A format that is not known. */
	create(backup);
	entry = entry_of(backup, BACKUP_MANIFEST);
	entry->data.data[strlen("lettergate-backup ")] = '2';
	must_be_found(backup, "has format 2");
}

/* ---- names, and their order ---- */

static void test_names(void **state)
{
	static const char *const tricks[] = { "../x", "..", "/etc/passwd", "bodies/../../x",
		"tls/../../x", "tls/..", "tls/", "bodies/x", "lettergate.db-wal", "restore",
		"received", "before", "lock", "x/y" };
	struct backup *backup = *state;
	struct error error;

	for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
		for (int use = BACKUP_VERIFY; use <= BACKUP_RESTORE; use++) {
			struct backup_sink *sink = begin(backup, use);

			assert_false(
				backup_sink_take(sink, tricks[i], bytes_of("x"), true, &error));
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_non_null(strstr(error.text, "is no part of a backup"));
			backup_sink_free(&sink);
			assert_false(is_there(backup, "../x") || is_there(backup, "incoming"));
		}
	}
}

static void test_order(void **state)
{
	struct backup *backup = *state;
	struct backup_sink *sink = begin(backup, BACKUP_RESTORE);
	struct error error;

	assert_true(backup_sink_take(sink, "tls/b", bytes_of("x"), true, &error));
	assert_false(backup_sink_take(sink, "tls/a", bytes_of("x"), true, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "in the order of their names"));
	assert_false(backup_sink_take(sink, "tls/b", bytes_of("x"), true, &error));
	backup_sink_free(&sink);
	assert_false(is_there(backup, "incoming"));
}

/* ---- given up, one at a time, no room ---- */

static void test_given_up(void **state)
{
	struct backup *backup = *state;
	struct backup_sink *sink;
	struct backup_source *source;
	struct outgoing_piece piece = { .is_end = false };
	struct error error;
	struct buf data;

	create(backup);
	for (size_t count = 0; count <= backup->count; count++) {
		sink = begin(backup, BACKUP_RESTORE);
		assert_true(is_there(backup, "incoming"));
		assert_null(backup_sink_new(
			backup->service, backup->fixture->service->folder, BACKUP_VERIFY, &error));
		assert_int_equal(error.kind, ERROR_BUSY);
		for (size_t i = 0; i < count; i++)
			assert_true(send_entry(sink, &backup->entries[i], 100000, &error));
		backup_sink_free(&sink);
		backup_sink_free(&sink);
		assert_false(is_there(backup, "incoming") || is_there(backup, "restore"));
	}
	atomic_store(&backup->service->is_moving, true);
	assert_null(backup_sink_new(
		backup->service, backup->fixture->service->folder, BACKUP_RESTORE, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	atomic_store(&backup->service->is_moving, false);
	/* The other way, after some pieces. */
	buf_init(&data, OUTGOING_PIECE_MAX);
	source = backup_source_new(backup->service, backup->tls, &error);
	assert_non_null(source);
	assert_null(backup_source_new(backup->service, backup->tls, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	while (strncmp(piece.entry, "bodies/", 7) != 0) {
		data.size = 0;
		assert_true(backup_source_next(source, &piece, &data, &error));
	}
	backup_source_free(&source);
	buf_clear(&data);
	assert_false(is_there(backup, "backup"));
	create(backup);
	must_be_whole(backup);
}

static void limit(struct backup *backup, uint64_t reserve)
{
	struct store_limits limits = { .reserve_bytes = reserve };

	store_set_limits(backup->service->store, &limits);
}

static void test_no_room(void **state)
{
	struct backup *backup = *state;
	struct backup_sink *sink;
	struct error error;
	uint8_t *zeros = calloc(1, MIB);
	bool ok = true;

	create(backup);
	limit(backup, UINT64_MAX / 4);
	assert_null(backup_source_new(backup->service, backup->tls, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_false(is_there(backup, "backup"));
	sink = begin(backup, BACKUP_RESTORE);
	for (int i = 0; ok && i < 40; i++)
		ok = backup_sink_take(sink, "bodies/00000000000000000000000000000000",
			bytes_make(zeros, MIB), false, &error);
	assert_false(ok);
	assert_int_equal(error.kind, ERROR_FULL);
	assert_non_null(strstr(error.text, "no room beside the reserve"));
	backup_sink_free(&sink);
	assert_false(is_there(backup, "incoming"));
	limit(backup, 0);
	must_be_whole(backup);
	free(zeros);
}

/* ---- what the store itself has lost ---- */

static bool note_body(void *context, const char *name)
{
	if (strcmp(name, "lost") != 0)
		snprintf(context, PATH_SIZE, "%s", name);
	return true;
}

static void test_lost_body(void **state)
{
	struct backup *backup = *state;
	struct backup_sink_report report;
	char bodies[PATH_SIZE], name[PATH_SIZE] = "", path[PATH_SIZE];

	assert_true(path_join(backup->fixture->service->folder, "bodies", bodies, NULL));
	assert_true(folder_each(bodies, note_body, name, NULL));
	assert_true(path_join(bodies, name, path, NULL));
	assert_int_equal(unlink(path), 0);
	create(backup);
	assert_int_equal(backup->report.missing, 1);
	assert_int_equal(backup->report.files, 4);
	run(backup, BACKUP_VERIFY, &report);
	assert_int_equal(report.problem_count, 0);
	assert_int_equal(report.missing, 1);
	run(backup, BACKUP_RESTORE, &report);
	assert_int_equal(report.problem_count, 0);
	must_be_ready(backup, &report);
}

static void test_no_tls(void **state)
{
	struct backup *backup = *state;
	struct error error;

	assert_null(backup_source_new(backup->service, "/nowhere", &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* It did not begin, so another one may. */
	create(backup);
	must_be_whole(backup);
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		OPEN(test_whole),
		OPEN(test_restored),
		OPEN(test_before),
		OPEN(test_altered),
		OPEN(test_cut_short),
		OPEN(test_missing_and_more),
		OPEN(test_many_problems),
		OPEN(test_made_elsewhere),
		OPEN(test_names),
		OPEN(test_order),
		OPEN(test_given_up),
		OPEN(test_no_room),
		OPEN(test_lost_body),
		OPEN(test_no_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
