/* store_image.c -- the look at a database file that came back from elsewhere: is it whole, is it ours, what is in it.
 * Nothing of it is believed before; nothing of it is run: no trigger, no view, no function of its schema. */
#include <assert.h>

#include "store/store_backup.h"
#include "store_internal.h"
#include "store_schema_internal.h"

enum { IMAGE_CACHE_KIB = 4096 };

static bool open_image(
	struct database *image, const char *path, bool is_reader, struct error *error)
{
	const struct database_options options = {
		.path = path, .cache_kib = IMAGE_CACHE_KIB, .is_reader = is_reader
	};

	if (!database_init(image, error))
		return false;
	if (!database_open(image, &options, error)) {
		database_clear(image);
		return false;
	}
	/* Nobody else has it, and no file is to appear beside it. */
	return database_exec(image, "PRAGMA locking_mode = EXCLUSIVE", error);
}

static void close_image(struct database *image)
{
	if (!image->mutex)
		return;
	database_close(image, false);
	database_clear(image);
}

static bool check_pages_once(struct database *image, struct error *error)
{
	sqlite3_stmt *check = NULL;
	const char *said = NULL;
	bool has_row = false, ok;
	int code = sqlite3_prepare_v2(image->handle, "PRAGMA quick_check(1)", -1, &check, NULL);

	if (code != SQLITE_OK)
		return database_failed(image, code, error, "checking the database");
	ok = database_step(image, check, &has_row, error);
	if (ok && has_row)
		said = (const char *)sqlite3_column_text(check, 0);
	if (ok && (!said || strcmp(said, "ok") != 0))
		ok = error_set(error, ERROR_CORRUPT, "the database is damaged: %.200s",
			said ? said : "it says nothing");
	(void)sqlite3_finalize(check);
	return ok;
}

/* SQLite speaks of a page that the disk did not give like of one that is wrong; but only what is wrong stays so. */
static bool check_pages(struct database *image, struct error *error)
{
	struct error why;

	if (check_pages_once(image, &why) ||
		(why.kind == ERROR_CORRUPT && check_pages_once(image, &why)))
		return true;
	if (error)
		*error = why;
	return false;
}

static bool count(struct database *image, const char *sql, uint64_t *number, struct error *error)
{
	int64_t value = 0;
	bool ok = database_integer(image, sql, &value, error);

	*number = (uint64_t)value;
	return ok;
}

static bool visit_bodies(struct database *image, struct store_image_facts *facts,
	store_image_body *body, void *context, struct error *error)
{
	sqlite3_stmt *rows = NULL;
	bool has_row = true, ok;
	int code = sqlite3_prepare_v2(image->handle,
		"SELECT id, sealed_size FROM bodies WHERE sealed IS NULL ORDER BY id", -1, &rows,
		NULL);

	if (code != SQLITE_OK)
		return database_failed(image, code, error, "reading the database");
	do {
		struct id id = { { 0 } };

		ok = database_step(image, rows, &has_row, error);
		if (!ok || !has_row)
			break;
		ok = statement_copy(rows, 0, id.bytes, sizeof id.bytes) ||
		     error_set(error, ERROR_CORRUPT, "a body's id in the database is damaged");
		facts->body_files++;
		facts->body_bytes += (uint64_t)sqlite3_column_int64(rows, 1);
		if (ok && body)
			body(context, &id, (uint64_t)sqlite3_column_int64(rows, 1));
	} while (ok);
	(void)sqlite3_finalize(rows);
	return ok;
}

bool store_image_check(const char *path, struct store_image_facts *facts, store_image_body *body,
	void *context, struct error *error)
{
	struct database image = { .mutex = NULL };
	bool ok;

	*facts = (struct store_image_facts){ 0 };
	ok = open_image(&image, path, true, error) && check_pages(&image, error) &&
	     schema_check(&image, &facts->schema, error) &&
	     count(&image, "SELECT count(*) FROM mailboxes WHERE NOT is_temporary",
		     &facts->mailboxes, error) &&
	     count(&image, "SELECT coalesce(sum(waiting), 0) FROM counters", &facts->waiting,
		     error) &&
	     visit_bodies(&image, facts, body, context, error);
	/* What the statements speak of is not there: the file is none of ours, or was changed by somebody. */
	if (!ok && (image.failed_code & 0xff) == SQLITE_ERROR)
		error_set(error, ERROR_CORRUPT, "the database has not the tables of Lettergate");
	close_image(&image);
	return ok;
}

bool store_image_set(const char *path, const char *key, const char *value, struct error *error)
{
	struct database image = { .mutex = NULL };
	sqlite3_stmt *set;
	/* The row is to be in the file itself, also when somebody has left it with a log. */
	bool ok = open_image(&image, path, false, error) &&
		  database_exec(&image, "PRAGMA journal_mode = DELETE", error);

	set = ok ? database_statement(&image, SQL_SETTING_SET, error) : NULL;
	if (set) {
		sqlite3_bind_text(set, 1, key, -1, SQLITE_STATIC);
		sqlite3_bind_text(set, 2, value, -1, SQLITE_STATIC);
	}
	ok = set && database_run(&image, set, error);
	close_image(&image);
	return ok;
}
