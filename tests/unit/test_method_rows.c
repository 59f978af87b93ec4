/* test_method_rows.c -- test.bring gives `entries` entries of `size` octets each, test.take wants the same, test.echo
 * gives back its parameters. */
#include "test_method_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "method_internal.h"
#include "transfer_internal.h"

enum { PIECE = 100000 };

atomic_int test_open_count, test_finished_count;

uint8_t test_octet(size_t index, size_t place)
{
	return (uint8_t)((index * 31 + place * 7 + place / 251) % 251);
}

struct stream {
	size_t entries, size, fails_at;
	size_t index, place;
};

static struct stream *stream_new(json_t *params)
{
	struct stream *stream = calloc(1, sizeof *stream);
	uint64_t number;

	atomic_fetch_add(&test_open_count, 1);
	stream->entries = method_number(params, "entries", &number) ? number : 1;
	stream->size = method_number(params, "size", &number) ? number : 0;
	stream->fails_at = method_number(params, "fails_at", &number) ? number : SIZE_MAX;
	return stream;
}

static void stream_free(void *context)
{
	atomic_fetch_sub(&test_open_count, 1);
	free(context);
}

static json_t *stream_finish(void *context, struct error *error)
{
	struct stream *stream = context;

	if (stream->index != stream->entries) {
		error_set(
			error, ERROR_CORRUPT, "%zu entries of %zu", stream->index, stream->entries);
		return NULL;
	}
	atomic_fetch_add(&test_finished_count, 1);
	return json_pack("{s:I}", "entries", (json_int_t)stream->entries);
}

static void name_of(size_t index, char *name, size_t capacity)
{
	snprintf(name, capacity, "sub%zu/%zu.eml", index % 2, index);
}

static bool stream_read(void *context, struct transfer_piece *piece, struct error *error)
{
	struct stream *stream = context;
	size_t size = stream->size - stream->place < PIECE ? stream->size - stream->place : PIECE;

	piece->done = stream->index;
	piece->total = stream->entries;
	if (stream->index == stream->fails_at)
		return error_set(error, ERROR_CORRUPT, "this entry cannot be read");
	piece->is_end = stream->index == stream->entries;
	if (piece->is_end)
		return true;
	name_of(stream->index, piece->entry, sizeof piece->entry);
	for (size_t i = 0; i < size; i++)
		buf_append_byte(&piece->data, test_octet(stream->index, stream->place++));
	piece->is_entry_end = stream->place == stream->size;
	if (piece->is_entry_end) {
		stream->index++;
		stream->place = 0;
	}
	return true;
}

static bool stream_write(void *context, struct transfer_piece *piece, struct error *error)
{
	struct stream *stream = context;
	char name[64];

	if (stream->index == stream->fails_at)
		return error_set(error, ERROR_FULL, "this entry cannot be kept");
	if (!*piece->entry)
		return true;
	name_of(stream->index, name, sizeof name);
	if (strcmp(name, piece->entry) != 0)
		return error_set(error, ERROR_INVALID, "%s came, not %s", piece->entry, name);
	for (size_t i = 0; i < piece->data.size; i++) {
		if (piece->data.data[i] != test_octet(stream->index, stream->place++))
			return error_set(error, ERROR_CORRUPT, "%s differs", name);
	}
	if (piece->is_entry_end && stream->place != stream->size)
		return error_set(error, ERROR_CORRUPT, "%s has another size", name);
	if (piece->is_entry_end) {
		stream->index++;
		stream->place = 0;
	}
	piece->done = stream->index;
	return true;
}

static json_t *bring(struct control_engine *engine, json_t *params, struct error *error)
{
	static const struct transfer_source file = { TRANSFER_FILE, stream_read, NULL,
		stream_free };
	static const struct transfer_source folder = { TRANSFER_FOLDER, stream_read, stream_finish,
		stream_free };
	json_t *answer = transfer_begin_read(engine,
		strcmp(method_text(params, "form"), "file") == 0 ? &file : &folder,
		stream_new(params), error);

	if (answer)
		json_object_set_new(answer, "hint", json_string("begun"));
	return answer;
}

static json_t *take(struct control_engine *engine, json_t *params, struct error *error)
{
	static const struct transfer_sink sink = { stream_write, stream_finish, stream_free };

	return transfer_begin_write(engine, &sink, stream_new(params), error);
}

static json_t *echo(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)engine;
	(void)error;
	return json_incref(params);
}

#define ROW(name_, form_, ...)                                                         \
	{                                                                              \
		.name = name_, .form = PARAMETER_##form_, .help = "Help.", __VA_ARGS__ \
	}
#define SIZES                                                  \
	ROW("entries", NUMBER, .command_name = "--entries"),   \
		ROW("size", NUMBER, .command_name = "--size"), \
		ROW("fails_at", NUMBER, .command_name = "--fails-at")

static const struct method rows[] = {
	{ { "test.bring", "test bring", "Brings.",
		  { ROW("form", POSITION, .command_name = "FORM", .is_required = true,
			    .choices = "file|folder"),
			  SIZES,
			  ROW("to", TARGET, .command_name = "--to PATH", .is_required = true) },
		  "{hint}" },
		bring },
	{ { "test.take", "test take", "Takes.",
		  { ROW("path", SOURCE, .command_name = "PATH", .is_required = true), SIZES },
		  "{}" },
		take },
	{ { "test.echo", "test echo", "Echoes.",
		  { ROW("id", POSITION, .command_name = "ID", .is_required = true),
			  ROW("action", POSITION, .command_name = "ACTION",
				  .choices = "create|withdraw"),
			  ROW("name", OPTION, .command_name = "--name N"),
			  ROW("switch", OPTION, .command_name = "--switch", .choices = "on|off"),
			  ROW("days", NUMBER, .command_name = "--days N"),
			  ROW("aliases", LIST, .command_name = "--alias A"),
			  ROW("colours", LIST, .command_name = "--colour C",
				  .choices = "red|green"),
			  ROW("flag", FLAG, .command_name = "--flag"),
			  ROW("file", FILE, .command_name = "--file"),
			  ROW("stdin", STDIN, .command_name = "--line-stdin"),
			  ROW("check", LOCAL_FLAG, .command_name = "--check") },
		  "what it got" },
		echo },
	{ { "test.secrets", "test secrets", "Has secrets.",
		  { ROW("old", SECRET, .command_name = "Old password", .is_required = true),
			  ROW("new", NEW_SECRET, .command_name = "New password",
				  .is_required = true),
			  ROW("code", SECRET, .command_name = "Code"),
			  ROW("confirmed", CONSENT, .command_name = "--yes", .is_required = true) },
		  "what it got" },
		echo },
	{ { "transfer.read", NULL, "Reads.",
		  { ROW("transfer", NUMBER, .command_name = "N", .is_required = true) }, "" },
		method_transfer_read },
	{ { "transfer.write", NULL, "Writes.",
		  { ROW("transfer", NUMBER, .command_name = "N", .is_required = true),
			  ROW("entry", OPTION, .command_name = "--entry"),
			  ROW("data", OPTION, .command_name = "--data"),
			  ROW("entry_end", FLAG, .command_name = "--entry-end"),
			  ROW("end", FLAG, .command_name = "--end") },
		  "" },
		method_transfer_write },
	{ { "transfer.cancel", NULL, "Cancels.",
		  { ROW("transfer", NUMBER, .command_name = "N", .is_required = true) }, "" },
		method_transfer_cancel },
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

size_t method_count(void)
{
	return ROW_COUNT;
}

const struct method_facts *method_at(size_t index)
{
	return &rows[index].facts;
}

const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].facts.name, name) == 0)
			return &rows[i];
	}
	return NULL;
}
