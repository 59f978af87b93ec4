/* backup_source.c -- one entry after the other. The database comes first, so that there is an entry while it is copied;
 * its line of the manifest waits for its place in the order of names. */
#include "service/backup_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/file.h"
#include "platform/paths.h"
#include "store/store_backup.h"

enum {
	COPY_WAIT_US = 500000,
	TLS_FILES_MAX = 64,
	TLS_NAME_SIZE = 100,
	TLS_FILE_MAX = 1024 * 1024,
};

enum phase { PHASE_COPY, PHASE_DATABASE, PHASE_BODIES, PHASE_TLS, PHASE_MANIFEST, PHASE_END };

struct backup_source {
	struct service *service;
	struct store_backup *backup;
	enum phase phase;
	uint64_t offset; /* in the entry under way */
	struct digest digest;
	uint64_t done, total;
	struct backup_source_report report;
	/* the database */
	struct backup_line database;
	/* bodies */
	struct store_backup_body body;
	bool has_body;
	/* certificates and keys */
	char tls_folder[PATH_SIZE];
	char tls[TLS_FILES_MAX][TLS_NAME_SIZE];
	size_t tls_count, tls_index;
	struct buf tls_file; /* a whole one */
	bool has_tls_file;
	/* the manifest */
	char manifest_path[PATH_SIZE];
	struct backup_manifest_writer *writer;
	struct file *manifest;
};

/* ---- an entry's pieces ---- */

static void begin_entry(struct backup_source *source)
{
	source->offset = 0;
	digest_init(&source->digest, NULL);
}

/* The data has been appended; the entry has that many octets. */
static void note_piece(struct backup_source *source, struct outgoing_piece *piece,
	const char *entry, struct bytes data, uint64_t size)
{
	snprintf(piece->entry, sizeof piece->entry, "%s", entry);
	digest_update(&source->digest, data);
	source->offset += data.size;
	source->done += data.size;
	piece->is_entry_end = source->offset >= size;
}

static void end_entry(
	struct backup_source *source, const struct outgoing_piece *piece, struct backup_line *line)
{
	memcpy(line->entry, piece->entry, sizeof line->entry);
	line->size = source->offset;
	line->is_missing = false;
	digest_final(&source->digest, line->digest);
	source->report.files++;
	source->report.bytes += source->offset;
}

static bool add_entry(
	struct backup_source *source, const struct outgoing_piece *piece, struct error *error)
{
	struct backup_line line;

	end_entry(source, piece, &line);
	return backup_manifest_add(source->writer, &line, error);
}

/* ---- the database ---- */

static bool begin_manifest(struct backup_source *source, struct error *error)
{
	struct backup_facts facts = {
		.schema = (uint64_t)store_backup_schema(source->backup),
	};

	snprintf(facts.program, sizeof facts.program, "%s", LETTERGATE_VERSION);
	memcpy(facts.created, source->report.created, sizeof facts.created);
	if (!path_join(store_backup_folder(source->backup), BACKUP_MANIFEST, source->manifest_path,
		    error))
		return false;
	source->writer = backup_manifest_create(source->manifest_path, &facts, error);
	return source->writer != NULL;
}

/* What it is from now on was so at this moment. */
static bool end_copying(struct backup_source *source, struct error *error)
{
	clock_text(clock_wall_us(), source->report.created);
	source->done = store_backup_database_bytes(source->backup);
	source->total = 2 * source->done + store_backup_body_bytes(source->backup);
	source->phase = PHASE_DATABASE;
	begin_entry(source);
	return begin_manifest(source, error);
}

static bool copy(struct backup_source *source, struct outgoing_piece *piece, struct buf *data,
	struct error *error)
{
	bool is_copied;
	uint64_t total;

	(void)data;
	snprintf(piece->entry, sizeof piece->entry, "%s", BACKUP_DATABASE);
	if (!store_backup_copy(
		    source->backup, COPY_WAIT_US, &is_copied, &source->done, &total, error))
		return false;
	/* It is copied, and then it is given out. */
	source->total = 2 * total;
	return !is_copied || end_copying(source, error);
}

static bool give_database(struct backup_source *source, struct outgoing_piece *piece,
	struct buf *data, struct error *error)
{
	if (!store_backup_read_database(
		    source->backup, source->offset, OUTGOING_PIECE_MAX, data, error))
		return false;
	note_piece(source, piece, BACKUP_DATABASE, buf_view(data),
		store_backup_database_bytes(source->backup));
	if (!piece->is_entry_end)
		return data->size ||
		       error_set(error, ERROR_IO, "the copy of the database became shorter");
	end_entry(source, piece, &source->database);
	source->phase = PHASE_BODIES;
	return true;
}

/* ---- bodies ---- */

static void name_body(const struct store_backup_body *body, char entry[BACKUP_ENTRY_SIZE])
{
	char id[ID_TEXT_SIZE];

	id_text(&body->id, id);
	snprintf(entry, BACKUP_ENTRY_SIZE, "bodies/%s", id);
}

static bool note_missing(struct backup_source *source, struct error *error)
{
	struct backup_line line = { .is_missing = true };

	name_body(&source->body, line.entry);
	source->report.missing++;
	source->done += source->body.size;
	return backup_manifest_add(source->writer, &line, error);
}

/* To the next body that is there. */
static bool find_body(struct backup_source *source, struct error *error)
{
	bool found = true;

	while (!source->has_body && found) {
		if (!store_backup_next_body(source->backup, &source->body, &found, error) ||
			(found && source->body.is_missing && !note_missing(source, error)))
			return false;
		source->has_body = found && !source->body.is_missing;
		begin_entry(source);
	}
	return true;
}

static bool give_body(struct backup_source *source, struct outgoing_piece *piece, struct buf *data,
	struct error *error)
{
	char entry[BACKUP_ENTRY_SIZE];

	if (!find_body(source, error))
		return false;
	if (!source->has_body) {
		source->phase = PHASE_TLS;
		return backup_manifest_add(source->writer, &source->database, error);
	}
	if (!store_backup_read_body(
		    source->backup, &source->body, source->offset, OUTGOING_PIECE_MAX, data, error))
		return false;
	name_body(&source->body, entry);
	note_piece(source, piece, entry, buf_view(data), source->body.size);
	source->has_body = !piece->is_entry_end;
	return !piece->is_entry_end || add_entry(source, piece, error);
}

/* ---- certificates and keys ---- */

static bool add_name(void *context, const char *name)
{
	struct backup_source *source = context;
	char entry[BACKUP_ENTRY_SIZE];
	size_t length = strlen(name);

	snprintf(entry, sizeof entry, "tls/%s", name);
	/* A file that is just being replaced has its new content beside it. */
	if (length < TLS_NAME_SIZE && backup_entry_is_ours(entry) &&
		(length < 4 || strcmp(name + length - 4, ".new") != 0) &&
		source->tls_count < TLS_FILES_MAX)
		memcpy(source->tls[source->tls_count++], name, length + 1);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool list_tls(struct backup_source *source, struct error *error)
{
	if (!folder_each(source->tls_folder, add_name, source, error))
		return false;
	qsort(source->tls, source->tls_count, sizeof source->tls[0], by_name);
	return true;
}

static bool load_tls_file(struct backup_source *source, const char *name, struct error *error)
{
	char path[PATH_SIZE];

	buf_wipe(&source->tls_file);
	begin_entry(source);
	source->has_tls_file = path_join(source->tls_folder, name, path, error) &&
			       file_load(path, &source->tls_file, error);
	return source->has_tls_file;
}

static bool give_tls(struct backup_source *source, struct outgoing_piece *piece, struct buf *data,
	struct error *error)
{
	const char *name = source->tls[source->tls_index];
	char entry[BACKUP_ENTRY_SIZE];
	struct bytes next;

	if (source->tls_index == source->tls_count) {
		source->phase = PHASE_MANIFEST;
		source->manifest = backup_manifest_end(source->writer, error)
					   ? file_open(source->manifest_path, FILE_READ, error)
					   : NULL;
		begin_entry(source);
		return source->manifest != NULL;
	}
	if (!source->has_tls_file && !load_tls_file(source, name, error))
		return false;
	next = bytes_head(
		bytes_skip(buf_view(&source->tls_file), source->offset), OUTGOING_PIECE_MAX);
	if (!buf_append(data, next))
		return error_set_memory(error);
	snprintf(entry, sizeof entry, "tls/%s", name);
	note_piece(source, piece, entry, next, source->tls_file.size);
	if (!piece->is_entry_end)
		return true;
	source->has_tls_file = false;
	source->tls_index++;
	return add_entry(source, piece, error);
}

/* ---- the manifest ---- */

static bool give_manifest(struct backup_source *source, struct outgoing_piece *piece,
	struct buf *data, struct error *error)
{
	uint64_t size = 0;

	if (!file_size(source->manifest, &size, error) ||
		!file_read_at(source->manifest, source->offset, OUTGOING_PIECE_MAX, data, error))
		return false;
	note_piece(source, piece, BACKUP_MANIFEST, buf_view(data), size);
	piece->is_end = piece->is_entry_end;
	if (!piece->is_end)
		return data->size || error_set(error, ERROR_IO, "the manifest became shorter");
	source->phase = PHASE_END;
	log_event(LOG_INFO, "backup.created", "files=%llu bytes=%llu missing=%llu",
		(unsigned long long)source->report.files, (unsigned long long)source->report.bytes,
		(unsigned long long)source->report.missing);
	return true;
}

/* ---- the whole ---- */

bool backup_source_next(struct backup_source *source, struct outgoing_piece *piece,
	struct buf *data, struct error *error)
{
	static bool (*const phases[])(
		struct backup_source *, struct outgoing_piece *, struct buf *, struct error *) = {
		[PHASE_COPY] = copy,
		[PHASE_DATABASE] = give_database,
		[PHASE_BODIES] = give_body,
		[PHASE_TLS] = give_tls,
		[PHASE_MANIFEST] = give_manifest,
	};
	bool ok;

	*piece = (struct outgoing_piece){ .is_end = false };
	/* A phase that has nothing left goes on to the next one. */
	do {
		ok = phases[source->phase](source, piece, data, error);
	} while (ok && !piece->entry[0]);
	piece->done = source->done;
	piece->total = source->total > source->done ? source->total : source->done;
	if (!ok)
		error_prefix(error, "making the backup");
	return ok;
}

struct backup_source *backup_source_new(
	struct service *service, const char *tls_folder, struct error *error)
{
	struct backup_source *source = calloc(1, sizeof *source);

	if (!source) {
		error_set_memory(error);
		return NULL;
	}
	source->service = service;
	buf_init(&source->tls_file, TLS_FILE_MAX);
	snprintf(source->tls_folder, sizeof source->tls_folder, "%s", tls_folder);
	if (list_tls(source, error))
		source->backup = store_backup_begin(service->store, error);
	if (!source->backup)
		backup_source_free(&source);
	return source;
}

void backup_source_free(struct backup_source **source)
{
	struct backup_source *freed = *source;

	if (!freed)
		return;
	file_close(&freed->manifest);
	backup_manifest_close(&freed->writer);
	store_backup_end(&freed->backup);
	buf_wipe(&freed->tls_file);
	free(freed);
	*source = NULL;
}

const struct backup_source_report *backup_source_report(const struct backup_source *source)
{
	return &source->report;
}
