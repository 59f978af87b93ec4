/* transfer_piece.c -- names, order and JSON of the pieces of a transfer. */
#include "control/transfer_piece.h"

#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

void transfer_piece_init(struct transfer_piece *piece)
{
	memset(piece, 0, sizeof *piece);
	buf_init(&piece->data, TRANSFER_PIECE_MAX);
}

void transfer_piece_reset(struct transfer_piece *piece)
{
	if (piece->data.data)
		memory_wipe(piece->data.data, piece->data.size);
	piece->data.size = 0;
	piece->entry[0] = '\0';
	piece->is_entry_end = piece->is_end = false;
}

void transfer_piece_clear(struct transfer_piece *piece)
{
	buf_wipe(&piece->data);
}

/* ---- names ---- */

static bool is_allowed(uint8_t c)
{
	return c >= ' ' && c != 0x7f && c != '\\' && c != ':';
}

/* Windows ignores dots and blanks at the end, so that "..." could be ".." there. */
static bool is_part(struct bytes part)
{
	uint8_t last = part.size ? part.data[part.size - 1] : '.';

	for (size_t i = 0; i < part.size; i++) {
		if (!is_allowed(part.data[i]))
			return false;
	}
	return last != '.' && last != ' ';
}

bool transfer_entry_is_valid(const char *entry)
{
	struct bytes rest = bytes_of(entry), part;

	if (!rest.size || rest.size >= TRANSFER_ENTRY_SIZE || !utf8_is_valid(rest) ||
		rest.data[rest.size - 1] == '/')
		return false;
	while (bytes_split(&rest, '/', &part)) {
		if (!is_part(part))
			return false;
	}
	return true;
}

bool transfer_entry_is_folder(const char *entry)
{
	size_t size = strlen(entry);
	char name[TRANSFER_ENTRY_SIZE];

	return size && entry[size - 1] == '/' &&
	       bytes_copy_text(bytes_make(entry, size - 1), name, sizeof name) &&
	       transfer_entry_is_valid(name);
}

/* ---- order ---- */

static bool is_name(const struct transfer_piece *piece)
{
	return transfer_entry_is_valid(piece->entry) ||
	       (transfer_entry_is_folder(piece->entry) && !piece->data.size && piece->is_entry_end);
}

static bool out_of_order(const char *why, struct error *error)
{
	return error_set(error, ERROR_INVALID, "the transfer is out of order: %s", why);
}

bool transfer_order_step(
	struct transfer_order *order, const struct transfer_piece *piece, struct error *error)
{
	if (order->is_over)
		return out_of_order("a piece behind the last one", error);
	if (*piece->entry && !is_name(piece))
		return out_of_order("a name that is not allowed", error);
	if (!*piece->entry && (piece->data.size || piece->is_entry_end || !piece->is_end))
		return out_of_order("a piece without a name", error);
	if (*order->open && strcmp(order->open, piece->entry) != 0)
		return out_of_order("an entry begins before the one before it has ended", error);
	if (piece->is_end && *piece->entry && !piece->is_entry_end)
		return out_of_order("the end inside an entry", error);
	memcpy(order->open, piece->is_entry_end ? "" : piece->entry,
		piece->is_entry_end ? 1 : strlen(piece->entry) + 1);
	order->is_over = piece->is_end;
	return true;
}

/* ---- JSON ---- */

json_t *transfer_piece_pack(const struct transfer_piece *piece)
{
	json_t *value = NULL;
	struct buf data;

	buf_init(&data, base64_encoded_size(TRANSFER_PIECE_MAX));
	if (base64_encode(buf_view(&piece->data), &data))
		value = json_pack("{s:s, s:s%, s:b, s:b, s:{s:I, s:I}}", "entry", piece->entry,
			"data", data.size ? (const char *)data.data : "", data.size, "entry_end",
			piece->is_entry_end, "end", piece->is_end, "progress", "done",
			(json_int_t)piece->done, "total", (json_int_t)piece->total);
	buf_wipe(&data);
	return value;
}

static bool is_flag_or_missing(const json_t *value)
{
	return !value || json_is_boolean(value);
}

static uint64_t count_of(const json_t *progress, const char *name)
{
	json_int_t count = json_integer_value(json_object_get(progress, name));

	return count > 0 ? (uint64_t)count : 0;
}

static struct bytes text_of(const json_t *value)
{
	return bytes_make(json_string_value(value), json_string_length(value));
}

bool transfer_piece_unpack(json_t *value, struct transfer_piece *piece, struct error *error)
{
	const json_t *entry = json_object_get(value, "entry");
	const json_t *data = json_object_get(value, "data");
	const json_t *entry_end = json_object_get(value, "entry_end");
	const json_t *end = json_object_get(value, "end");
	const json_t *progress = json_object_get(value, "progress");

	transfer_piece_reset(piece);
	if (!json_is_object(value) || (entry && !json_is_string(entry)) ||
		(data && !json_is_string(data)) || !is_flag_or_missing(entry_end) ||
		!is_flag_or_missing(end))
		return error_set(error, ERROR_INVALID, "not a piece of a transfer");
	if (!bytes_copy_text(text_of(entry), piece->entry, sizeof piece->entry) ||
		(*piece->entry && !transfer_entry_is_valid(piece->entry) &&
			!transfer_entry_is_folder(piece->entry)))
		return error_set(error, ERROR_INVALID, "the name of an entry is not allowed");
	piece->is_entry_end = json_is_true(entry_end);
	piece->is_end = json_is_true(end);
	piece->done = count_of(progress, "done");
	piece->total = count_of(progress, "total");
	if (base64_decode(text_of(data), &piece->data, error))
		return true;
	error_prefix(error, "the data of a transfer");
	/* More than a piece may hold is the other side's doing. */
	if (json_string_length(data) / 4 * 3 > TRANSFER_PIECE_MAX && error)
		error->kind = ERROR_INVALID;
	return false;
}
