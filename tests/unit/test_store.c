/* test_store.c -- the data folder: made, opened again, refused; mailboxes and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "test_store_fixture.h"

/* ---- mailboxes ---- */

static void assert_same_mailbox(const struct store_mailbox *found, uint64_t number)
{
	const struct store_mailbox made = make_mailbox(number);

	assert_true(id_is_equal(&found->id, &made.id));
	assert_string_equal(found->name, made.name);
	assert_string_equal(found->description, made.description);
	assert_int_equal(found->status, made.status);
	assert_int_equal(found->is_temporary, made.is_temporary);
	assert_int_equal(found->created_us, made.created_us);
	assert_int_equal(found->generation, made.generation);
	assert_memory_equal(found->identity_key, made.identity_key, sizeof made.identity_key);
	assert_memory_equal(found->box_key, made.box_key, sizeof made.box_key);
	assert_memory_equal(found->key_signature, made.key_signature, sizeof made.key_signature);
	assert_int_equal(found->password_wrap_size, made.password_wrap_size);
	assert_memory_equal(found->password_wrap, made.password_wrap, made.password_wrap_size);
	assert_int_equal(found->recovery_wrap_size, made.recovery_wrap_size);
	assert_memory_equal(found->recovery_wrap, made.recovery_wrap, made.recovery_wrap_size);
}

struct walk {
	struct fixture *fixture;
	uint64_t expected[8];
	size_t count;
};

static void expect_next(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct walk *walk = context;

	assert_int_equal(counts->received, 0);
	assert_same_mailbox(mailbox, walk->expected[walk->count++]);
	/* A row may call the store. */
	counts_of(walk->fixture, walk->expected[walk->count - 1]);
}

static void test_mailboxes(void **state)
{
	struct fixture *fixture = *state;
	struct walk walk = { .fixture = fixture, .expected = { 5, 2, 9 } };
	const struct store_mailbox again = make_mailbox(2);
	struct error error = { 0 };

	create_mailbox(fixture, 5);
	create_mailbox(fixture, 2);
	create_mailbox(fixture, 9);
	assert_false(store_mailbox_create(fixture->store, &again, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_true(store_mailbox_each(fixture->store, expect_next, &walk, &error));
	assert_int_equal(walk.count, 3);

	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	walk.count = 0;
	assert_true(store_mailbox_each(fixture->store, expect_next, &walk, &error));
	assert_int_equal(walk.count, 3);
}

static void test_status(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1), unknown = make_id('b', 2);
	struct store_mailbox mailbox;
	struct store_mailbox_counts counts;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	assert_true(store_mailbox_set_status(fixture->store, &id, STORE_MAILBOX_SUSPENDED, &error));
	assert_true(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
	assert_int_equal(mailbox.status, STORE_MAILBOX_SUSPENDED);
	assert_false(deliver(fixture, 1, 100, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_true(store_mailbox_set_status(fixture->store, &id, STORE_MAILBOX_ACTIVE, &error));
	assert_true(deliver(fixture, 2, 100, &error));

	assert_false(store_mailbox_set_status(
		fixture->store, &unknown, STORE_MAILBOX_SUSPENDED, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(store_mailbox_get(fixture->store, &unknown, &mailbox, &counts, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_deleting(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct walk walk = { .fixture = fixture, .expected = { 2 } };
	struct store_message *messages;
	struct store_mailbox mailbox;
	struct store_mailbox_counts counts;
	struct error error = { 0 };
	struct buf sealed;
	bool is_end;
	size_t count;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	assert_true(deliver(fixture, 1, 100, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 1);
	assert_true(store_mailbox_delete(fixture->store, &id, &error));

	/* Gone for everybody at once, whatever still has to be purged. */
	buf_init(&sealed, 1000);
	assert_false(read_piece(fixture, messages, 0, 1000, &sealed, &is_end, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	free(messages);
	assert_false(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(deliver(fixture, 2, 100, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
	assert_false(store_mailbox_delete(fixture->store, &id, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_true(store_mailbox_each(fixture->store, expect_next, &walk, &error));
	assert_int_equal(walk.count, 1);
}

static void test_temporary_mailboxes_go_at_the_start(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox temporary = make_mailbox(1);
	struct walk walk = { .fixture = fixture, .expected = { 2 } };
	struct error error = { 0 };

	temporary.is_temporary = true;
	assert_true(store_mailbox_create(fixture->store, &temporary, &error));
	create_mailbox(fixture, 2);
	assert_true(deliver(fixture, 1, STORE_INLINE_MAX + 1, &error));
	assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_true(store_mailbox_each(fixture->store, expect_next, &walk, &error));
	assert_int_equal(walk.count, 1);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

/* ---- settings ---- */

struct settings {
	char text[200];
};

static void add_setting(void *context, const char *key, const char *value)
{
	struct settings *settings = context;
	size_t used = strlen(settings->text);

	snprintf(settings->text + used, sizeof settings->text - used, "%s=%s;", key, value);
}

static void test_settings(void **state)
{
	static const struct {
		const char *key, *value, *after;
	} steps[] = {
		{ "hostname", "gate.example", "hostname=gate.example;" },
		{ "alerts.to", "", "alerts.to=;hostname=gate.example;" },
		{ "hostname", "other.example", "alerts.to=;hostname=other.example;" },
		{ "nothing", NULL, "alerts.to=;hostname=other.example;" },
		{ "alerts.to", NULL, "hostname=other.example;" },
	};
	struct fixture *fixture = *state;
	struct error error = { 0 };

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct settings settings = { "" };

		assert_true(
			store_setting_set(fixture->store, steps[i].key, steps[i].value, &error));
		assert_true(store_setting_each(fixture->store, add_setting, &settings, &error));
		assert_string_equal(settings.text, steps[i].after);
	}
}

/* What could not be read back is not taken. */
static void test_what_is_too_long(void **state)
{
	enum { SETTING_MAX = 1024 * 1024 };
	struct fixture *fixture = *state;
	struct settings settings = { "" };
	struct store_mailbox mailbox = make_mailbox(1);
	struct error error = { 0 };
	char *value = malloc(SETTING_MAX + 1);

	assert_non_null(value);
	memset(value, 'a', SETTING_MAX);
	value[SETTING_MAX] = '\0';
	assert_false(store_setting_set(fixture->store, "hostname", value, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "the value of hostname"));
	assert_true(store_setting_each(fixture->store, add_setting, &settings, &error));
	assert_string_equal(settings.text, "");
	free(value);

	mailbox.password_wrap_size = STORE_WRAP_MAX + 1;
	assert_false(store_mailbox_create(fixture->store, &mailbox, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	mailbox.password_wrap_size = 100;
	mailbox.recovery_wrap_size = STORE_WRAP_MAX + 1;
	assert_false(store_mailbox_create(fixture->store, &mailbox, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_int_equal(fixture_count_rows(fixture, "mailboxes"), 0);
}

/* ---- what is refused ---- */

static void overwrite(struct fixture *fixture, const char *name, long offset, size_t size)
{
	FILE *file = fopen(fixture_path(fixture, name), "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(fputc('#', file), '#');
	assert_int_equal(fclose(file), 0);
}

static void damage_head(struct fixture *fixture)
{
	overwrite(fixture, "lettergate.db", 0, 100);
}

static void damage_tables(struct fixture *fixture)
{
	overwrite(fixture, "lettergate.db", 100, 3000);
}

static void cut_short(struct fixture *fixture)
{
	assert_int_equal(truncate(fixture_path(fixture, "lettergate.db"), 4096), 0);
}

static void write_newer(struct fixture *fixture)
{
	fixture_sql(fixture, "PRAGMA user_version = 1000");
}

static void write_foreign(struct fixture *fixture)
{
	fixture_sql(fixture, "PRAGMA application_id = 1234");
}

static void lose_database(struct fixture *fixture)
{
	assert_int_equal(remove(fixture_path(fixture, "lettergate.db")), 0);
}

static void empty_database(struct fixture *fixture)
{
	assert_int_equal(truncate(fixture_path(fixture, "lettergate.db"), 0), 0);
}

static void lose_everything(struct fixture *fixture)
{
	snprintf(fixture->folder + strlen(fixture->folder), 10, "/none");
}

static void test_refused(void **state)
{
	static const struct {
		void (*spoil)(struct fixture *fixture);
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ damage_head, ERROR_CORRUPT, "restore a backup" },
		{ damage_tables, ERROR_CORRUPT, "restore a backup" },
		{ cut_short, ERROR_CORRUPT, "restore a backup" },
		{ write_newer, ERROR_STATE, "newer version" },
		{ write_foreign, ERROR_CORRUPT, "not a database of Lettergate" },
		{ lose_database, ERROR_CORRUPT, "missing or empty" },
		{ empty_database, ERROR_CORRUPT, "missing or empty" },
		{ lose_everything, ERROR_NOT_FOUND, "no data folder" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *fixture = fixture_new();
		size_t length = strlen(fixture->folder);
		struct error error = { 0 };

		assert_true(fixture_open(fixture, &error));
		create_mailbox(fixture, 1);
		assert_true(deliver(fixture, 1, STORE_INLINE_MAX + 1, &error));
		fixture_close(fixture);
		rows[i].spoil(fixture);
		assert_false(fixture_open(fixture, &error));
		if (error.kind != rows[i].kind || !strstr(error.text, rows[i].says))
			fail_msg("row %zu: %s: %s", i, error_kind_name(error.kind), error.text);
		fixture->folder[length] = '\0';
		fixture_free(&fixture);
	}
}

/* A start that was cut off at its very beginning is simply done again. */
static void test_an_empty_database_file_alone_is_filled(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };
	FILE *file = fopen(fixture_path(fixture, "lettergate.db"), "w");

	assert_non_null(file);
	fclose(file);
	if (!fixture_open(fixture, &error))
		fail_msg("%s", error.text);
	create_mailbox(fixture, 1);
}

/* ---- files ---- */

static void test_everything_is_owner_only(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} rows[] = {
		{ "lettergate.db", S_IFREG | 0600 },
		{ "lettergate.db-wal", S_IFREG | 0600 },
		{ "lettergate.db-shm", S_IFREG | 0600 },
		{ "bodies", S_IFDIR | 0700 },
		{ "bodies/lost", S_IFDIR | 0700 },
	};
	struct fixture *fixture = *state;
	mode_t before = umask(0);
	struct stat facts;
	struct error error = { 0 };

	assert_true(fixture_open(fixture, &error));
	create_mailbox(fixture, 1);
	umask(before);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (stat(fixture_path(fixture, rows[i].name), &facts) != 0)
			fail_msg("%s is not there", rows[i].name);
		assert_int_equal(facts.st_mode, rows[i].mode);
	}
}

static void test_a_clean_close_leaves_no_log(void **state)
{
	struct fixture *fixture = *state;

	create_mailbox(fixture, 1);
	assert_true(file_exists(fixture_path(fixture, "lettergate.db-wal")));
	fixture_close(fixture);
	assert_false(file_exists(fixture_path(fixture, "lettergate.db-wal")));
	assert_false(file_exists(fixture_path(fixture, "lettergate.db-shm")));
}

static void test_figures(void **state)
{
	struct fixture *fixture = *state;
	struct store_figures before, after;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	assert_true(store_figures(fixture->store, &before, &error));
	assert_true(deliver_to(fixture, 1, 200000, 1, 2, &error));
	assert_true(deliver(fixture, 2, 10, &error));
	assert_true(store_figures(fixture->store, &after, &error));
	/* Housekeeping commits now and then too. */
	assert_in_range(after.commits - before.commits, 2, 3);
	assert_int_equal(after.deliveries - before.deliveries, 3);
	assert_in_range(after.used_bytes - before.used_bytes, 200000, 400000);
	assert_true(after.free_bytes > 0);

	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_true(store_figures(fixture->store, &after, &error));
	assert_in_range(after.used_bytes, 200000, 500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, fixture_set_up_closed, fixture_tear_down)
		OPEN(test_mailboxes),
		OPEN(test_status),
		OPEN(test_deleting),
		OPEN(test_temporary_mailboxes_go_at_the_start),
		OPEN(test_settings),
		OPEN(test_what_is_too_long),
		cmocka_unit_test(test_refused),
		CLOSED(test_an_empty_database_file_alone_is_filled),
		CLOSED(test_everything_is_owner_only),
		OPEN(test_a_clean_close_leaves_no_log),
		OPEN(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
