/* powercut_migration.c -- power cuts while a store of version 1 becomes one of today's: what is left has one
 * version or the other, and everything that was there.
 *
 *	powercut_migration [SEED]
 *
 * Exit status: 0 all disks were whole, 1 not, 2 trouble. */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "platform/file.h"
#include "platform/file_watch.h"
#include "replay.h"
#include "version_1.h"

enum { CUTS = 200, FAILURES_MAX = 5 };

/* How many disks had which version, by number; what is above is another one. */
struct versions {
	size_t old, new;
};

/* With the log, by SQLite alone. */
static bool read_version(const char *folder, int *version, struct error *error)
{
	char path[PATH_SIZE];
	sqlite3 *database = NULL;
	sqlite3_stmt *read = NULL;
	bool ok;

	if (!path_join(folder, "lettergate.db", path, error))
		return false;
	ok = sqlite3_open(path, &database) == SQLITE_OK &&
	     sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &read, NULL) == SQLITE_OK &&
	     sqlite3_step(read) == SQLITE_ROW;
	if (ok)
		*version = sqlite3_column_int(read, 0);
	sqlite3_finalize(read);
	/* A last connection that closes would tidy the log away, which is the store's to read. */
	sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(database);
	return ok || error_set(error, ERROR_CORRUPT, "SQLite cannot read %s", path);
}

static bool check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	const struct store_options options = { .folder = folder, .without_sync = true };
	struct versions *versions = context;
	struct store *store;
	int version = 0;
	bool ok;

	(void)recording;
	(void)count;
	if (!read_version(folder, &version, error))
		return false;
	if (version != 1 && version != 2)
		return error_set(error, ERROR_CORRUPT, "the database has version %d", version);
	versions->old += version == 1;
	versions->new += version == 2;
	store = store_open(&options, error);
	ok = store && version_1_check(store, error);
	store_close(&store);
	return ok;
}

static struct recording *record(const char *folder, struct error *error)
{
	const struct store_options options = { .folder = folder };
	struct recording *recording = NULL;
	struct store *store;

	if (!folder_create(folder, error) || !version_1_write(folder, error))
		return NULL;
	recording = recorder_start(folder, error);
	if (!recording)
		return NULL;
	store = store_open(&options, error);
	if (store && !version_1_check(store, error))
		store_close(&store);
	else if (store)
		file_watch_promise("migrated");
	if (!store)
		recording->has_failed = true;
	store_close(&store);
	recorder_stop(recording);
	if (recording->has_failed)
		recording_free(&recording);
	return recording;
}

int main(int count, char **arguments)
{
	const char *base = file_exists("/dev/shm") ? "/dev/shm" : "/tmp";
	char work[PATH_SIZE], live[PATH_SIZE];
	struct versions versions = { 0, 0 };
	struct replay replay = { .seed = 1,
		.cuts = CUTS,
		.work = work,
		.failures_max = FAILURES_MAX,
		.check = check,
		.context = &versions };
	struct recording *recording;
	struct error error = { 0 };
	bool ok;

	if (count > 1 && !bytes_parse_number(bytes_of(arguments[1]), UINT64_MAX, &replay.seed))
		return 2;
	snprintf(work, sizeof work, "%s/lettergate-migration-XXXXXX", base);
	if (!mkdtemp(work) || !path_join(work, "live", live, &error))
		return 2;
	recording = record(live, &error);
	replay_remove_folder(live);
	ok = recording && replay_run(&replay, recording, &error);
	if (ok)
		printf("seed %llu: %zu events, %zu cuts: %zu of version 1, %zu of version 2, %zu "
		       "failures\n",
			(unsigned long long)replay.seed, recording->count, replay.done,
			versions.old, versions.new, replay.failures);
	else
		fprintf(stderr, "powercut_migration: %s\n", error.text);
	recording_free(&recording);
	replay_remove_folder(work);
	if (!ok)
		return 2;
	/* A run that never met both has shown nothing. */
	return replay.failures || !versions.old || !versions.new;
}
