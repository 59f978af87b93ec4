/* powercut_storage.c -- power cuts while a start moves the store to another folder, and while it puts a backup in place of
 * one: the next start finds one store, whole, and ends what was begun.
 *
 *	powercut_storage [SEED]
 *
 * The recorded folder holds the data folder ("data"), the folder that the store goes to ("disk"), and in the second part
 * what a restore has made ready. Paths in the small files of a move name the folder that was recorded; on each disk they are
 * made to name that one. Exit status: 0 all disks were whole, 1 not, 2 trouble. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_internal.h"
#include "platform/file.h"
#include "platform/file_copy.h"
#include "platform/file_watch.h"
#include "replay.h"
#include "service/restored.h"
#include "service/storage_place.h"
#include "store/store_backup.h"
#include "store/store_move.h"
#include "version_1.h"

enum { CUTS = 150, FAILURES_MAX = 5, SMALL_MAX = 4 * PATH_SIZE };

static const char before_name[] = "before-restore-20261124T040806Z";

/* What the disks had, by number. */
struct seen {
	const char *live;
	size_t before_switch, after_switch;
};

/* ---- a store that is known ---- */

static void ignore(void *context, const struct error *trouble)
{
	(void)context;
	(void)trouble;
}

static struct store *open_store(const char *folder, struct error *error)
{
	const struct store_options options = {
		.folder = folder, .on_trouble = ignore, .without_sync = true
	};

	return store_open(&options, error);
}

static bool make_store(const char *folder, struct error *error)
{
	struct store *store;

	if (!folder_create(folder, error) || !version_1_write(folder, error))
		return false;
	store = open_store(folder, error);
	store_close(&store);
	return store_move_is_store(folder);
}

static void note_row(void *context, const char *key, const char *value)
{
	(void)value;
	*(bool *)context |= strcmp(key, RESTORED_KEY) == 0;
}

/* `is_restored`: it must have the row of a restore, or must not. */
static bool check_store(const char *folder, bool is_restored, struct error *error)
{
	struct store *store = open_store(folder, error);
	bool has_row = false;
	/* Without that row it is what it was. */
	bool ok = store && store_setting_each(store, note_row, &has_row, error) &&
		  store_setting_set(store, RESTORED_KEY, NULL, error) &&
		  version_1_check(store, error);

	store_close(&store);
	return ok && (has_row == is_restored ||
			     error_set(error, ERROR_CORRUPT, "%s is the other store", folder));
}

/* ---- moving ---- */

/* From the folder that was recorded to the one of this disk. */
static bool rename_paths(const struct seen *seen, const char *folder, const char *inner,
	const char *name, struct error *error)
{
	char path[PATH_SIZE], part[PATH_SIZE];
	struct bytes rest;
	struct buf text, renamed;
	bool ok = path_join(folder, inner, part, error) && path_join(part, name, path, error);

	if (!ok || !file_exists(path))
		return ok;
	buf_init(&text, SMALL_MAX);
	buf_init(&renamed, SMALL_MAX);
	ok = file_load(path, &text, error);
	for (rest = buf_view(&text); ok && rest.size;) {
		size_t length = strlen(seen->live);
		bool is_path = rest.size >= length && !memcmp(rest.data, seen->live, length);

		ok = is_path ? buf_append_text(&renamed, folder)
			     : buf_append_byte(&renamed, rest.data[0]);
		rest = bytes_skip(rest, is_path ? length : 1);
	}
	ok = ok && file_save(path, buf_view(&renamed), error);
	buf_clear(&text);
	buf_clear(&renamed);
	return ok;
}

static bool check_move(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	char data[PATH_SIZE], disk[PATH_SIZE], storage[PATH_SIZE];
	struct storage_request request;
	struct seen *seen = context;
	struct error trouble;
	bool is_switched, was_asked;

	(void)recording;
	(void)count;
	if (!path_join(folder, "data", data, error) || !path_join(folder, "disk", disk, error) ||
		!rename_paths(seen, folder, "data", "storage", error) ||
		!rename_paths(seen, folder, "data", "storage.move", error) ||
		!rename_paths(seen, folder, "disk", STORAGE_MARK, error) ||
		!storage_place_read(data, storage, error) ||
		!storage_request_read(data, &request, &was_asked, error))
		return false;
	is_switched = strcmp(storage, disk) == 0;
	seen->before_switch += was_asked && !is_switched;
	seen->after_switch += is_switched;
	was_asked |= is_switched;
	if (!host_move(data, storage, &trouble, error))
		return false;
	if (trouble.kind != ERROR_NONE) {
		*error = trouble;
		return false;
	}
	/* Before the request is on the disk nothing was asked for. */
	if ((was_asked && strcmp(storage, disk) != 0) ||
		store_move_is_store(strcmp(storage, disk) ? disk : data))
		return error_set(error, ERROR_CORRUPT, "the store is in %s", storage);
	return check_store(storage, false, error);
}

static bool move(const char *live, struct error *error)
{
	struct storage_request request;
	char storage[PATH_SIZE];
	struct error trouble;

	return path_join(live, "data", request.from, error) &&
	       path_join(live, "disk", request.to, error) &&
	       storage_request_write(request.from, &request, error) &&
	       host_move(request.from, storage, &trouble, error) && trouble.kind == ERROR_NONE &&
	       strcmp(storage, request.to) == 0;
}

static bool prepare_move(const char *live, struct error *error)
{
	char data[PATH_SIZE], disk[PATH_SIZE];

	return path_join(live, "data", data, error) && path_join(live, "disk", disk, error) &&
	       make_store(data, error) && folder_create(disk, error) &&
	       storage_mark(disk, data, error);
}

/* ---- restoring ---- */

static bool check_restore(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	char data[PATH_SIZE], path[PATH_SIZE], inner[PATH_SIZE];
	struct seen *seen = context;

	(void)recording;
	(void)count;
	if (!path_join(folder, "data", data, error) ||
		!path_join(data, "restore/lettergate.db", path, error))
		return false;
	seen->before_switch += file_exists(path);
	seen->after_switch += !file_exists(path);
	if (!host_restore(data, data, error) || !check_store(data, true, error) ||
		!path_join(data, before_name, path, error) || !check_store(path, false, error))
		return false;
	/* The certificates of both, and nothing else. */
	for (int i = 0; i < 2; i++) {
		const char *text = i ? "old" : "new";
		struct buf content;
		bool is_text;

		if (!path_join(i ? path : data, "tls/server.key", inner, error))
			return false;
		buf_init(&content, 100);
		is_text = file_load(inner, &content, error) &&
			  bytes_equal_text(buf_view(&content), text);
		buf_clear(&content);
		if (!is_text)
			return error_set(error, ERROR_CORRUPT, "%s is not the %s one", inner, text);
	}
	return !path_join(data, "restore", inner, error) || !file_exists(inner) ||
	       error_set(error, ERROR_CORRUPT, "something is left to restore");
}

static bool restore(const char *live, struct error *error)
{
	char data[PATH_SIZE];

	return path_join(live, "data", data, error) && host_restore(data, data, error);
}

static bool save(const char *folder, const char *name, const char *text, struct error *error)
{
	char path[PATH_SIZE];

	return path_join(folder, name, path, error) && file_save(path, bytes_of(text), error);
}

static bool make_tls(const char *folder, const char *text, struct error *error)
{
	char tls[PATH_SIZE];

	return path_join(folder, "tls", tls, error) && folder_create(tls, error) &&
	       save(tls, "server.crt", text, error) && save(tls, "server.key", text, error);
}

static bool prepare_restore(const char *live, struct error *error)
{
	char data[PATH_SIZE], ready[PATH_SIZE], database[PATH_SIZE];

	return path_join(live, "data", data, error) && path_join(data, "restore", ready, error) &&
	       path_join(ready, "lettergate.db", database, error) && make_store(data, error) &&
	       make_store(ready, error) &&
	       store_image_set(database, RESTORED_KEY, before_name, error) &&
	       make_tls(data, "old", error) && make_tls(ready, "new", error) &&
	       save(ready, "before", before_name, error);
}

/* ---- the two parts ---- */

static const struct part {
	const char *name;
	bool (*prepare)(const char *live, struct error *error);
	bool (*run)(const char *live, struct error *error);
	replay_check *check;
} parts[] = {
	{ "a move", prepare_move, move, check_move },
	{ "a restore", prepare_restore, restore, check_restore },
};

static struct recording *record(const struct part *part, const char *live, struct error *error)
{
	struct recording *recording = NULL;

	if (!folder_create(live, error) || !part->prepare(live, error))
		return NULL;
	recording = recorder_start(live, error);
	if (!recording)
		return NULL;
	if (!part->run(live, error))
		recording->has_failed = true;
	file_watch_promise("in place");
	recorder_stop(recording);
	if (recording->has_failed)
		recording_free(&recording);
	return recording;
}

/* 0: all were whole. */
static int run(const struct part *part, const char *work, uint64_t seed)
{
	char live[PATH_SIZE];
	struct seen seen = { .live = live };
	struct replay replay = { .seed = seed,
		.cuts = CUTS,
		.work = work,
		.failures_max = FAILURES_MAX,
		.check = part->check,
		.context = &seen };
	struct recording *recording;
	struct error error = { 0 };
	bool ok = path_join(work, "live", live, &error);

	recording = ok ? record(part, live, &error) : NULL;
	replay_remove_folder(live);
	ok = recording && replay_run(&replay, recording, &error);
	if (ok)
		printf("seed %llu, %s: %zu events, %zu cuts: %zu before the switch, %zu behind it, "
		       "%zu failures\n",
			(unsigned long long)seed, part->name, recording->count, replay.done,
			seen.before_switch, seen.after_switch, replay.failures);
	else
		fprintf(stderr, "powercut_storage: %s: %s\n", part->name, error.text);
	recording_free(&recording);
	if (!ok)
		return 2;
	/* A run that never met both has shown nothing. */
	return replay.failures || !seen.before_switch || !seen.after_switch;
}

int main(int count, char **arguments)
{
	const char *base = file_exists("/dev/shm") ? "/dev/shm" : "/tmp";
	char work[PATH_SIZE];
	uint64_t seed = 1;
	int status = 0;

	if (count > 1 && !bytes_parse_number(bytes_of(arguments[1]), UINT64_MAX, &seed))
		return 2;
	snprintf(work, sizeof work, "%s/lettergate-storage-XXXXXX", base);
	if (!mkdtemp(work))
		return 2;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		int code = run(&parts[i], work, seed);

		status = code > status ? code : status;
	}
	replay_remove_folder(work);
	return status;
}
