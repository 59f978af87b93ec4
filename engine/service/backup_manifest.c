/* backup_manifest.c -- lines in, lines out, and the digest over them. What is read may have been made by anybody: a
 * line has a maximum, and nothing is kept but the last one. */
#include "service/backup_manifest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "platform/file.h"

const char BACKUP_MANIFEST[] = "manifest";
const char BACKUP_DATABASE[] = "lettergate.db";

static const char bodies[] = "bodies/";
static const char tls[] = "tls/";

enum {
	PIECE = 64 * 1024,
	/* 64 hex digits, 20 digits, an entry, and what stands between them. */
	MANIFEST_LINE_MAX = 2 * DIGEST_SIZE + 20 + BACKUP_ENTRY_SIZE + 16,
	HEX_SIZE = 2 * DIGEST_SIZE + 1,
};

/* ---- entries ---- */

static bool begins_with(struct bytes text, const char *prefix, struct bytes *rest)
{
	size_t size = strlen(prefix);

	*rest = bytes_skip(text, size);
	return text.size > size && memcmp(text.data, prefix, size) == 0;
}

bool backup_entry_is_body(const char *entry)
{
	char text[ID_TEXT_SIZE];
	struct bytes name;
	struct id id;

	if (!begins_with(bytes_of(entry), bodies, &name) || !id_parse(name, &id))
		return false;
	/* One name for each: lower case. */
	id_text(&id, text);
	return bytes_equal_text(name, text);
}

static bool is_tls_file(const char *entry)
{
	struct bytes name;

	return begins_with(bytes_of(entry), tls, &name) && name.data[0] != '.' &&
	       bytes_find(name, '/') == name.size;
}

bool backup_entry_is_ours(const char *entry)
{
	return strlen(entry) < BACKUP_ENTRY_SIZE &&
	       (strcmp(entry, BACKUP_MANIFEST) == 0 || strcmp(entry, BACKUP_DATABASE) == 0 ||
		       backup_entry_is_body(entry) || is_tls_file(entry));
}

/* ---- writing ---- */

struct backup_manifest_writer {
	struct file *file;
	struct buf waiting;
	struct digest digest;
	uint64_t count;
};

static bool flush(struct backup_manifest_writer *writer, struct error *error)
{
	bool ok = !writer->waiting.size ||
		  file_write(writer->file, buf_view(&writer->waiting), error);

	writer->waiting.size = 0;
	return ok;
}

static bool write_line(struct backup_manifest_writer *writer, const char *line, struct error *error)
{
	digest_update(&writer->digest, bytes_of(line));
	if (writer->waiting.size + strlen(line) > PIECE && !flush(writer, error))
		return false;
	return buf_append_text(&writer->waiting, line) || error_set_memory(error);
}

struct backup_manifest_writer *backup_manifest_create(
	const char *path, const struct backup_facts *facts, struct error *error)
{
	struct backup_manifest_writer *writer = calloc(1, sizeof *writer);
	char head[256];

	if (!writer) {
		error_set_memory(error);
		return NULL;
	}
	buf_init(&writer->waiting, PIECE);
	digest_init(&writer->digest, NULL);
	snprintf(head, sizeof head, "lettergate-backup %d\nprogram %s\nschema %llu\ncreated %s\n",
		BACKUP_FORMAT, facts->program, (unsigned long long)facts->schema, facts->created);
	writer->file = file_open(path, FILE_CREATE, error);
	if (!writer->file || !write_line(writer, head, error))
		backup_manifest_close(&writer);
	return writer;
}

bool backup_manifest_add(
	struct backup_manifest_writer *writer, const struct backup_line *line, struct error *error)
{
	char text[MANIFEST_LINE_MAX], hex[HEX_SIZE];

	if (line->is_missing) {
		snprintf(text, sizeof text, "missing %s\n", line->entry);
	} else {
		hex_encode(bytes_make(line->digest, sizeof line->digest), hex);
		snprintf(text, sizeof text, "%s %llu %s\n", hex, (unsigned long long)line->size,
			line->entry);
		writer->count++;
	}
	return write_line(writer, text, error);
}

bool backup_manifest_end(struct backup_manifest_writer *writer, struct error *error)
{
	uint8_t digest[DIGEST_SIZE];
	char text[MANIFEST_LINE_MAX], hex[HEX_SIZE];
	struct digest so_far = writer->digest;

	digest_final(&so_far, digest);
	hex_encode(bytes_make(digest, sizeof digest), hex);
	snprintf(text, sizeof text, "end %llu %s\n", (unsigned long long)writer->count, hex);
	return write_line(writer, text, error) && flush(writer, error);
}

void backup_manifest_close(struct backup_manifest_writer **writer)
{
	if (!*writer)
		return;
	file_close(&(*writer)->file);
	buf_clear(&(*writer)->waiting);
	free(*writer);
	*writer = NULL;
}

/* ---- reading ---- */

struct backup_manifest_reader {
	struct file *file;
	uint64_t offset;
	struct buf piece;
	size_t used; /* of the piece */
	struct digest digest;
	uint64_t count;
};

static bool is_damaged(struct error *error)
{
	return error_set(error, ERROR_CORRUPT, "the manifest was changed or cut short");
}

/* A line without its end, valid until the next one. */
static bool read_line(
	struct backup_manifest_reader *reader, struct bytes *line, struct error *error)
{
	struct bytes rest = bytes_skip(buf_view(&reader->piece), reader->used);

	if (bytes_find(rest, '\n') == rest.size && rest.size < MANIFEST_LINE_MAX) {
		size_t before = rest.size;

		buf_consume(&reader->piece, reader->used);
		reader->used = 0;
		if (!file_read_at(reader->file, reader->offset, PIECE, &reader->piece, error))
			return false;
		reader->offset += reader->piece.size - before;
		rest = buf_view(&reader->piece);
	}
	*line = bytes_head(rest, bytes_find(rest, '\n'));
	if (line->size == rest.size || line->size >= MANIFEST_LINE_MAX)
		return is_damaged(error);
	reader->used += line->size + 1;
	return true;
}

static void add_to_digest(struct backup_manifest_reader *reader, struct bytes line)
{
	digest_update(&reader->digest, bytes_make(line.data, line.size + 1));
}

/* "WORD VALUE" */
static bool read_fact(struct backup_manifest_reader *reader, const char *word, struct bytes *value,
	struct error *error)
{
	struct bytes line, found;

	if (!read_line(reader, &line, error))
		return false;
	add_to_digest(reader, line);
	return (bytes_split(&line, ' ', &found) && bytes_equal_text(found, word) &&
		       (*value = line).size) ||
	       error_set(error, ERROR_CORRUPT, "this is no manifest of a backup");
}

static bool read_head(
	struct backup_manifest_reader *reader, struct backup_facts *facts, struct error *error)
{
	struct bytes value = { 0 };

	if (!read_fact(reader, "lettergate-backup", &value, error))
		return false;
	if (!bytes_parse_number(value, UINT32_MAX, &facts->format))
		return is_damaged(error);
	if (facts->format != BACKUP_FORMAT)
		return error_set(error, ERROR_STATE,
			"the backup has format %llu, and this program knows %d: use the version of "
			"Lettergate that made it",
			(unsigned long long)facts->format, BACKUP_FORMAT);
	return (read_fact(reader, "program", &value, error) &&
		       bytes_copy_text(value, facts->program, sizeof facts->program) &&
		       read_fact(reader, "schema", &value, error) &&
		       bytes_parse_number(value, UINT32_MAX, &facts->schema) &&
		       read_fact(reader, "created", &value, error) &&
		       bytes_copy_text(value, facts->created, sizeof facts->created)) ||
	       is_damaged(error);
}

struct backup_manifest_reader *backup_manifest_open(
	const char *path, struct backup_facts *facts, struct error *error)
{
	struct backup_manifest_reader *reader = calloc(1, sizeof *reader);

	memset(facts, 0, sizeof *facts);
	if (!reader) {
		error_set_memory(error);
		return NULL;
	}
	buf_init(&reader->piece, PIECE + MANIFEST_LINE_MAX);
	digest_init(&reader->digest, NULL);
	reader->file = file_open(path, FILE_READ, error);
	if (!reader->file || !read_head(reader, facts, error))
		backup_manifest_free(&reader);
	return reader;
}

static bool is_at_end(struct backup_manifest_reader *reader)
{
	uint64_t size = 0;

	return reader->used == reader->piece.size && file_size(reader->file, &size, NULL) &&
	       size == reader->offset;
}

/* "COUNT HEX" */
static bool check_end(struct backup_manifest_reader *reader, struct bytes rest, struct error *error)
{
	uint8_t digest[DIGEST_SIZE], told[DIGEST_SIZE];
	struct bytes number;
	uint64_t count = 0;

	digest_final(&reader->digest, digest);
	return (bytes_split(&rest, ' ', &number) && bytes_parse_number(number, INT64_MAX, &count) &&
		       count == reader->count && hex_decode(rest, told, sizeof told) &&
		       memcmp(told, digest, sizeof digest) == 0 && is_at_end(reader)) ||
	       is_damaged(error);
}

static bool parse_line(struct bytes first, struct bytes rest, struct backup_line *line)
{
	struct bytes size;

	line->is_missing = bytes_equal_text(first, "missing");
	if (line->is_missing)
		return bytes_copy_text(rest, line->entry, sizeof line->entry) &&
		       backup_entry_is_body(line->entry);
	return hex_decode(first, line->digest, sizeof line->digest) &&
	       bytes_split(&rest, ' ', &size) && bytes_parse_number(size, INT64_MAX, &line->size) &&
	       bytes_copy_text(rest, line->entry, sizeof line->entry) &&
	       backup_entry_is_ours(line->entry);
}

bool backup_manifest_next(struct backup_manifest_reader *reader, struct backup_line *line,
	bool *found, struct error *error)
{
	struct bytes whole, rest, first;

	*line = (struct backup_line){ .size = 0 };
	if (!read_line(reader, &whole, error))
		return false;
	rest = whole;
	if (!bytes_split(&rest, ' ', &first))
		return is_damaged(error);
	*found = !bytes_equal_text(first, "end");
	if (!*found)
		return check_end(reader, rest, error);
	add_to_digest(reader, whole);
	if (!parse_line(first, rest, line))
		return is_damaged(error);
	reader->count += !line->is_missing;
	return true;
}

void backup_manifest_free(struct backup_manifest_reader **reader)
{
	if (!*reader)
		return;
	file_close(&(*reader)->file);
	buf_clear(&(*reader)->piece);
	free(*reader);
	*reader = NULL;
}
