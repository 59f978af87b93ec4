/* backup_sink.c -- writes what comes, notes of each file what it is, and compares that with the manifest and with the
 * database at the end.
 *
 * The invariant: BACKUP_READY appears by one rename, when everything in it is on the disk and was found whole. */
#include "service/backup_sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/folder_tree.h"
#include "platform/paths.h"
#include "service/restored.h"

const char BACKUP_INCOMING[] = "incoming";
const char BACKUP_READY[] = "restore";
const char BACKUP_BEFORE[] = "before";

static const char received_name[] = "received";

#define MIB (UINT64_C(1024) * 1024)
/* How much comes between two looks at the disk, and what is to be left there. */
static const uint64_t look_every = 16 * MIB, leave_free = 64 * MIB;

struct backup_sink {
	struct service *service;
	enum backup_sink_use use;
	char storage[PATH_SIZE];
	char folder[PATH_SIZE];
	bool has_folder;
	/* the entry under way, and the one before it */
	char entry[BACKUP_ENTRY_SIZE];
	bool is_open;
	struct file *file; /* NULL: its octets are not kept */
	uint64_t size;
	struct digest digest;
	uint64_t unlooked; /* octets written since the last look */
	/* what came */
	struct backup_manifest_writer *received;
	bool has_manifest, has_database, has_tls;
	struct backup_manifest_reader *bodies; /* while the database is compared */
	struct backup_line body;
	bool has_body;
	struct backup_sink_report report;
};

static void problem(struct backup_sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);
static void problem(struct backup_sink *sink, const char *format, ...)
{
	struct backup_sink_report *report = &sink->report;
	va_list args;

	if (report->problem_count < BACKUP_PROBLEMS_MAX) {
		va_start(args, format);
		vsnprintf(
			report->problems[report->problem_count], BACKUP_PROBLEM_SIZE, format, args);
		va_end(args);
	}
	report->problem_count++;
}

static bool path_in(
	const struct backup_sink *sink, const char *name, char path[PATH_SIZE], struct error *error)
{
	return path_join(sink->folder, name, path, error);
}

/* ---- what comes ---- */

static bool check_name(struct backup_sink *sink, const char *entry, struct error *error)
{
	if (!backup_entry_is_ours(entry))
		return error_set(error, ERROR_INVALID,
			"%.150s is no part of a backup: name the folder that `backup create` made",
			entry);
	if (*sink->entry && strcmp(entry, sink->entry) <= 0)
		return error_set(error, ERROR_INVALID,
			"the files of a backup come in the order of their names");
	return true;
}

static bool is_kept(const struct backup_sink *sink, const char *entry)
{
	return sink->use == BACKUP_RESTORE || strcmp(entry, BACKUP_DATABASE) == 0 ||
	       strcmp(entry, BACKUP_MANIFEST) == 0;
}

static bool make_folder_of(struct backup_sink *sink, const char *entry, struct error *error)
{
	char path[PATH_SIZE];

	if (strncmp(entry, "tls/", 4) != 0 || sink->has_tls)
		return true;
	sink->has_tls = true;
	return path_in(sink, "tls", path, error) && folder_create(path, error);
}

static bool begin_entry(struct backup_sink *sink, const char *entry, struct error *error)
{
	char path[PATH_SIZE];

	if (!check_name(sink, entry, error))
		return false;
	snprintf(sink->entry, sizeof sink->entry, "%s", entry);
	sink->is_open = true;
	sink->size = 0;
	digest_init(&sink->digest, NULL);
	if (!is_kept(sink, entry))
		return true;
	if (make_folder_of(sink, entry, error) && path_in(sink, entry, path, error))
		sink->file = file_open(path, FILE_CREATE, error);
	return sink->file != NULL;
}

static bool check_room(struct backup_sink *sink, size_t more, struct error *error)
{
	uint64_t free_bytes = 0;

	sink->unlooked += more;
	if (sink->unlooked < look_every)
		return true;
	sink->unlooked = 0;
	if (!store_free_beside_reserve(sink->service->store, &free_bytes, error))
		return false;
	return free_bytes >= leave_free || error_set(error, ERROR_FULL,
						   "there is no room beside the reserve to take "
						   "the backup in. Delete files, or "
						   "move the data folder");
}

static bool end_entry(struct backup_sink *sink, struct error *error)
{
	struct backup_line line = { .size = sink->size };
	bool ok = true;

	if (sink->file && sink->use == BACKUP_RESTORE)
		ok = file_sync(sink->file, error);
	file_close(&sink->file);
	sink->is_open = false;
	if (!ok)
		return false;
	sink->has_database |= strcmp(sink->entry, BACKUP_DATABASE) == 0;
	if (strcmp(sink->entry, BACKUP_MANIFEST) == 0) {
		sink->has_manifest = true;
		return true;
	}
	memcpy(line.entry, sink->entry, sizeof line.entry);
	digest_final(&sink->digest, line.digest);
	sink->report.files++;
	sink->report.bytes += sink->size;
	return backup_manifest_add(sink->received, &line, error);
}

bool backup_sink_take(struct backup_sink *sink, const char *entry, struct bytes data,
	bool is_entry_end, struct error *error)
{
	if (!sink->is_open && !begin_entry(sink, entry, error))
		return false;
	digest_update(&sink->digest, data);
	sink->size += data.size;
	if (sink->file && data.size &&
		(!check_room(sink, data.size, error) || !file_write(sink->file, data, error)))
		return false;
	return !is_entry_end || end_entry(sink, error);
}

/* ---- the manifest ---- */

struct comparison {
	struct backup_manifest_reader *manifest, *received;
	struct backup_line told, came;
	bool has_told, has_came;
};

static bool next_told(struct comparison *comparison, struct error *error)
{
	return backup_manifest_next(
		comparison->manifest, &comparison->told, &comparison->has_told, error);
}

static bool next_came(struct comparison *comparison, struct error *error)
{
	return backup_manifest_next(
		comparison->received, &comparison->came, &comparison->has_came, error);
}

static bool is_same(const struct backup_line *one, const struct backup_line *other)
{
	return one->size == other->size &&
	       memcmp(one->digest, other->digest, sizeof one->digest) == 0;
}

/* One step of the merge of two ordered lists. */
static bool compare_next(
	struct backup_sink *sink, struct comparison *comparison, struct error *error)
{
	const struct backup_line *told = &comparison->told, *came = &comparison->came;
	int order;

	if (comparison->has_told && told->is_missing) {
		sink->report.missing++;
		return next_told(comparison, error);
	}
	if (!comparison->has_told)
		order = 1;
	else
		order = comparison->has_came ? strcmp(told->entry, came->entry) : -1;
	if (order < 0)
		problem(sink, "%s is missing from the backup", told->entry);
	else if (order > 0)
		problem(sink, "%s is not in the manifest", came->entry);
	else if (!is_same(told, came))
		problem(sink, "%s is damaged: it is not what was written", told->entry);
	return (order > 0 || next_told(comparison, error)) &&
	       (order < 0 || next_came(comparison, error));
}

static bool compare(struct backup_sink *sink, struct comparison *comparison, struct error *error)
{
	bool ok = next_told(comparison, error) && next_came(comparison, error);

	while (ok && (comparison->has_told || comparison->has_came))
		ok = compare_next(sink, comparison, error);
	return ok;
}

/* What is wrong with the manifest is a finding like any other. */
static bool is_finding(const struct error *error)
{
	return error->kind == ERROR_CORRUPT || error->kind == ERROR_STATE;
}

static bool compare_manifest(struct backup_sink *sink, struct error *error)
{
	struct comparison comparison = { .has_told = false };
	struct backup_facts ignored;
	char manifest[PATH_SIZE], received[PATH_SIZE];
	struct error why = { .kind = ERROR_NONE };
	bool ok;

	if (!sink->has_manifest) {
		problem(sink, "the manifest is missing: this is no whole backup");
		return true;
	}
	if (!path_in(sink, BACKUP_MANIFEST, manifest, error) ||
		!path_in(sink, received_name, received, error))
		return false;
	comparison.manifest = backup_manifest_open(manifest, &sink->report.facts, &why);
	if (comparison.manifest)
		comparison.received = backup_manifest_open(received, &ignored, &why);
	ok = comparison.received && compare(sink, &comparison, &why);
	backup_manifest_free(&comparison.manifest);
	backup_manifest_free(&comparison.received);
	if (ok)
		return true;
	if (is_finding(&why))
		problem(sink, "%s", why.text);
	else if (error)
		*error = why;
	return is_finding(&why);
}

/* ---- the database ---- */

static bool next_listed_body(struct backup_sink *sink)
{
	do {
		if (!backup_manifest_next(sink->bodies, &sink->body, &sink->has_body, NULL))
			sink->has_body = false;
	} while (sink->has_body && !backup_entry_is_body(sink->body.entry));
	return sink->has_body;
}

/* Both come in the order of ids. */
static void compare_body(void *context, const struct id *id, uint64_t size)
{
	struct backup_sink *sink = context;
	char text[ID_TEXT_SIZE], entry[BACKUP_ENTRY_SIZE];

	id_text(id, text);
	snprintf(entry, sizeof entry, "bodies/%s", text);
	while (sink->has_body && strcmp(sink->body.entry, entry) < 0)
		next_listed_body(sink);
	if (!sink->has_body || strcmp(sink->body.entry, entry) != 0)
		problem(sink, "the database names %s, which is not in the backup", entry);
	else if (!sink->body.is_missing && sink->body.size != size)
		problem(sink, "%s has not the size that the database says", entry);
}

/* A fault of this side says nothing of the backup. */
static bool is_own_trouble(enum error_kind kind)
{
	return kind == ERROR_IO || kind == ERROR_MEMORY || kind == ERROR_FULL || kind == ERROR_BUSY;
}

static bool check_database(struct backup_sink *sink, struct error *error)
{
	char path[PATH_SIZE], manifest[PATH_SIZE];
	struct backup_facts ignored;
	struct error why = { .kind = ERROR_NONE };
	bool ok;

	/* Nothing further is said of what is not what was written. */
	if (sink->report.problem_count)
		return true;
	if (!sink->has_database) {
		problem(sink, "%s is missing: this is no whole backup", BACKUP_DATABASE);
		return true;
	}
	if (!path_in(sink, BACKUP_DATABASE, path, error) ||
		!path_in(sink, BACKUP_MANIFEST, manifest, error))
		return false;
	sink->bodies = backup_manifest_open(manifest, &ignored, error);
	if (!sink->bodies)
		return false;
	next_listed_body(sink);
	ok = store_image_check(path, &sink->report.image, compare_body, sink, &why);
	backup_manifest_free(&sink->bodies);
	if (!ok && is_own_trouble(why.kind)) {
		if (error)
			*error = why;
		return false;
	}
	if (!ok)
		problem(sink, "%s: %s", BACKUP_DATABASE, why.text);
	return true;
}

/* ---- made ready ---- */

/* A name that no earlier restore has used. */
static bool choose_before(struct backup_sink *sink, char path[PATH_SIZE], struct error *error)
{
	char now[CLOCK_TEXT_SIZE];

	clock_text(clock_wall_us(), now);
	/* A second one of the same second has a number behind it. */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(sink->report.before, sizeof sink->report.before,
			"before-restore-%.4s%.2s%.5s%.2s%.3s%.0u", now, now + 5, now + 8, now + 14,
			now + 17, i);
		if (!path_join(sink->storage, sink->report.before, path, error))
			return false;
		if (!file_exists(path))
			return true;
	}
	return error_set(error, ERROR_EXISTS, "%s is there already", path);
}

static bool sync_folders(struct backup_sink *sink, struct error *error)
{
	static const char *const names[] = { "bodies", "tls" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!path_in(sink, names[i], path, error) ||
			(file_exists(path) && !folder_sync(path, error)))
			return false;
	}
	return folder_sync(sink->folder, error);
}

static bool make_ready(struct backup_sink *sink, struct error *error)
{
	struct backup_sink_report *report = &sink->report;
	char path[PATH_SIZE], ready[PATH_SIZE], unused[PATH_SIZE];

	if (!choose_before(sink, unused, error) || !path_in(sink, BACKUP_DATABASE, path, error) ||
		!store_image_set(path, RESTORED_KEY, report->before, error) ||
		!path_in(sink, BACKUP_BEFORE, path, error) ||
		!file_save(path, bytes_of(report->before), error) ||
		!path_in(sink, received_name, path, error) || !file_remove(path, error) ||
		!sync_folders(sink, error) ||
		!path_join(sink->storage, BACKUP_READY, ready, error) ||
		!file_rename(sink->folder, ready, error))
		return false;
	/* A restore that is refused must not happen at some later start. */
	if (!folder_sync(sink->storage, error)) {
		sink->has_folder = file_rename(ready, sink->folder, NULL);
		return false;
	}
	sink->has_folder = false;
	log_event(LOG_INFO, "backup.ready", "created=%s before=%s", report->facts.created,
		report->before);
	return true;
}

bool backup_sink_finish(struct backup_sink *sink, struct error *error)
{
	bool ok = backup_manifest_end(sink->received, error);

	backup_manifest_close(&sink->received);
	return ok && compare_manifest(sink, error) && check_database(sink, error) &&
	       (sink->use == BACKUP_VERIFY || sink->report.problem_count ||
		       make_ready(sink, error));
}

/* ---- from beginning to end ---- */

static bool make_folder(struct backup_sink *sink, struct error *error)
{
	char path[PATH_SIZE];

	if (!path_join(sink->storage, BACKUP_READY, path, error) ||
		!path_join(sink->storage, BACKUP_INCOMING, sink->folder, error))
		return false;
	if (file_exists(path))
		return error_set(error, ERROR_STATE,
			"a backup that was taken in waits for the gateway to start again: "
			"lettergatectl restart");
	if (file_exists(sink->folder) && !folder_tree_remove(sink->folder, error))
		return false;
	sink->has_folder = true;
	return path_in(sink, "bodies", path, error) && folder_create(path, error);
}

static bool begin_list(struct backup_sink *sink, struct error *error)
{
	const struct backup_facts none = { .program = "-", .created = "-" };
	char path[PATH_SIZE];

	if (path_in(sink, received_name, path, error))
		sink->received = backup_manifest_create(path, &none, error);
	return sink->received != NULL;
}

struct backup_sink *backup_sink_new(struct service *service, const char *storage_folder,
	enum backup_sink_use use, struct error *error)
{
	struct backup_sink *sink;

	if (atomic_exchange(&service->is_taking_backup, true)) {
		error_set(error, ERROR_BUSY,
			"another backup is being verified or restored; wait for it to end");
		return NULL;
	}
	if (use == BACKUP_RESTORE && atomic_load(&service->is_moving)) {
		atomic_store(&service->is_taking_backup, false);
		error_set(error, ERROR_BUSY, "the mail is being moved; wait for it to end");
		return NULL;
	}
	sink = calloc(1, sizeof *sink);
	if (!sink) {
		atomic_store(&service->is_taking_backup, false);
		error_set_memory(error);
		return NULL;
	}
	sink->service = service;
	sink->use = use;
	snprintf(sink->storage, sizeof sink->storage, "%s", storage_folder);
	if (!make_folder(sink, error) || !begin_list(sink, error))
		backup_sink_free(&sink);
	return sink;
}

void backup_sink_free(struct backup_sink **sink)
{
	struct backup_sink *freed = *sink;
	struct error error;

	if (!freed)
		return;
	file_close(&freed->file);
	backup_manifest_close(&freed->received);
	backup_manifest_free(&freed->bodies);
	/* What does not go now goes at the next start. */
	if (freed->has_folder && !folder_tree_remove(freed->folder, &error))
		log_event(LOG_WARNING, "backup.left", "why=\"%s\"", error.text);
	atomic_store(&freed->service->is_taking_backup, false);
	free(freed);
	*sink = NULL;
}

const struct backup_sink_report *backup_sink_report(const struct backup_sink *sink)
{
	return &sink->report;
}
