/* ledger_export.c -- one table of columns makes both formats: CSV (RFC 4180) with a line of names, and a JSON object
 * whose rows are objects, a line each. All values are digits and hex, so that nothing needs quoting. */
#include "service/ledger_export.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/receipt.h"
#include "platform/clock.h"
#include "service/ledger_signatures.h"
#include "service/mailbox_access.h"

enum {
	CELL_SIZE = 2 * STORE_RECEIPT_MAX + 1,
	/* A row of JSON: all cells, their names and marks. */
	ROW_MAX = 2048,
};

struct ledger_export {
	struct service *service;
	struct id mailbox;
	enum ledger_export_format format;
	uint8_t identity[IDENTITY_KEY_SIZE];
	struct mailbox_keyring *keyring; /* NULL: receipts stay closed */
	struct ledger_signatures signatures;
	uint64_t next, last;
	bool has_begun;
	struct ledger_export_report report;
	/* of the piece under way */
	struct buf *data;
	bool has_failed;
	struct error error;
};

/* ---- columns ---- */

struct cells {
	const struct store_ledger_row *row;
	const struct store_signature *signature; /* NULL: the row has none */
	const uint8_t *sha256;			 /* NULL: not known */
};

/* An empty text: there is no value. */
typedef void write_cell(const struct cells *cells, char text[CELL_SIZE]);

static void write_unsigned(uint64_t value, char text[CELL_SIZE])
{
	snprintf(text, CELL_SIZE, "%llu", (unsigned long long)value);
}

static void write_number(const struct cells *cells, char text[CELL_SIZE])
{
	write_unsigned(cells->row->number, text);
}

static void write_received(const struct cells *cells, char text[CELL_SIZE])
{
	clock_text(cells->row->received_us, text);
}

static void write_received_us(const struct cells *cells, char text[CELL_SIZE])
{
	snprintf(text, CELL_SIZE, "%lld", (long long)cells->row->received_us);
}

static void write_size(const struct cells *cells, char text[CELL_SIZE])
{
	write_unsigned(cells->row->size, text);
}

static void write_digest(const struct cells *cells, char text[CELL_SIZE])
{
	hex_encode(bytes_make(cells->row->digest, sizeof cells->row->digest), text);
}

static void write_link(const struct cells *cells, char text[CELL_SIZE])
{
	hex_encode(bytes_make(cells->row->link, sizeof cells->row->link), text);
}

static void write_receipt(const struct cells *cells, char text[CELL_SIZE])
{
	hex_encode(bytes_make(cells->row->receipt, cells->row->receipt_size), text);
}

static void write_signed(const struct cells *cells, char text[CELL_SIZE])
{
	if (cells->signature)
		clock_text(cells->signature->signed_us, text);
}

static void write_signed_us(const struct cells *cells, char text[CELL_SIZE])
{
	if (cells->signature)
		snprintf(text, CELL_SIZE, "%lld", (long long)cells->signature->signed_us);
}

static void write_generation(const struct cells *cells, char text[CELL_SIZE])
{
	if (cells->signature)
		write_unsigned(cells->signature->generation, text);
}

static void write_signature(const struct cells *cells, char text[CELL_SIZE])
{
	if (cells->signature)
		hex_encode(
			bytes_make(cells->signature->signature, sizeof cells->signature->signature),
			text);
}

static void write_sha256(const struct cells *cells, char text[CELL_SIZE])
{
	if (cells->sha256)
		hex_encode(bytes_make(cells->sha256, SHA256_SIZE), text);
}

static const struct column {
	const char *name;
	bool is_text;	/* in quotation marks in JSON */
	bool is_opened; /* only where receipts are */
	write_cell *write;
} columns[] = {
	{ "number", false, false, write_number },
	{ "received", true, false, write_received },
	{ "received_us", false, false, write_received_us },
	{ "size", false, false, write_size },
	{ "digest", true, false, write_digest },
	{ "link", true, false, write_link },
	{ "receipt", true, false, write_receipt },
	{ "signed", true, false, write_signed },
	{ "signed_us", false, false, write_signed_us },
	{ "generation", false, false, write_generation },
	{ "signature", true, false, write_signature },
	{ "sha256", true, true, write_sha256 },
};

enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

/* ---- formats ---- */

static bool append_csv_cell(struct buf *data, const struct column *column, const char *text)
{
	(void)column;
	return buf_append_text(data, text);
}

static bool append_json_cell(struct buf *data, const struct column *column, const char *text)
{
	const char *mark = column->is_text && *text ? "\"" : "";

	return buf_printf(data, "\"%s\":%s%s%s", column->name, mark, *text ? text : "null", mark);
}

static bool append_csv_begin(struct ledger_export *exported)
{
	bool ok = true;

	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (exported->keyring || !columns[i].is_opened)
			ok = ok &&
			     buf_printf(exported->data, "%s%s", i ? "," : "", columns[i].name);
	}
	return ok && buf_append_text(exported->data, "\r\n");
}

static bool append_json_begin(struct ledger_export *exported)
{
	char mailbox[MAILBOX_ID_TEXT_SIZE], identity[2 * IDENTITY_KEY_SIZE + 1];

	mailbox_id_text(&exported->mailbox, mailbox);
	hex_encode(bytes_make(exported->identity, sizeof exported->identity), identity);
	return buf_printf(exported->data, "{\"mailbox\":\"%s\",\"identity\":\"%s\",\"rows\":[",
		mailbox, identity);
}

static const struct format {
	bool (*begin)(struct ledger_export *exported);
	const char *row_begin, *first_row_begin, *row_end, *end;
	bool (*append_cell)(struct buf *data, const struct column *column, const char *text);
} formats[] = {
	[LEDGER_EXPORT_CSV] = { append_csv_begin, "", "", "\r\n", "", append_csv_cell },
	[LEDGER_EXPORT_JSON] = { append_json_begin, ",\n{", "\n{", "}", "\n]}\n",
		append_json_cell },
};

static bool append_row(struct ledger_export *exported, const struct cells *cells)
{
	const struct format *format = &formats[exported->format];
	bool ok = buf_append_text(exported->data,
		exported->report.rows ? format->row_begin : format->first_row_begin);

	for (size_t i = 0; ok && i < COLUMN_COUNT; i++) {
		char text[CELL_SIZE] = "";

		if (columns[i].is_opened && !exported->keyring)
			continue;
		columns[i].write(cells, text);
		ok = (!i || buf_append_byte(exported->data, ',')) &&
		     format->append_cell(exported->data, &columns[i], text);
	}
	return ok && buf_append_text(exported->data, format->row_end);
}

/* ---- rows ---- */

/* Behind the id of the message, as delivery.c puts it down. */
static bool open_receipt(struct ledger_export *exported, const struct store_ledger_row *row,
	uint8_t sha256[SHA256_SIZE])
{
	struct id message;

	/* A copy that was found again has none but the id (storage_recover.h). */
	if (!exported->keyring || row->receipt_size == sizeof message)
		return false;
	if (row->receipt_size == sizeof message + SEAL_RECEIPT_SIZE) {
		memcpy(message.bytes, row->receipt, sizeof message.bytes);
		if (receipt_open(row->receipt + sizeof message, &exported->mailbox, &message,
			    exported->keyring, sha256, NULL))
			return true;
	}
	exported->report.unopened++;
	return false;
}

static bool find_signature(struct ledger_export *exported, uint64_t number,
	const struct store_signature **signature, struct error *error)
{
	for (;;) {
		if (!ledger_signatures_peek(&exported->signatures, signature, error))
			return false;
		if (!*signature || (*signature)->number >= number)
			break;
		ledger_signatures_skip(&exported->signatures);
	}
	if (*signature && (*signature)->number > number)
		*signature = NULL;
	return true;
}

static bool visit_row(void *context, const struct store_ledger_row *row)
{
	struct ledger_export *exported = context;
	uint8_t sha256[SHA256_SIZE];
	struct cells cells = { .row = row };

	if (row->number > exported->last || exported->data->size + ROW_MAX > OUTGOING_PIECE_MAX)
		return false;
	if (!find_signature(exported, row->number, &cells.signature, &exported->error)) {
		exported->has_failed = true;
		return false;
	}
	cells.sha256 = open_receipt(exported, row, sha256) ? sha256 : NULL;
	if (!append_row(exported, &cells)) {
		exported->has_failed = true;
		return error_set_memory(&exported->error);
	}
	exported->report.rows++;
	exported->report.signatures += cells.signature != NULL;
	exported->next = row->number + 1;
	return true;
}

bool ledger_export_next(
	struct ledger_export *exported, struct buf *data, bool *is_end, struct error *error)
{
	const struct format *format = &formats[exported->format];
	uint64_t before = exported->report.rows;

	exported->data = data;
	if (!exported->has_begun && !format->begin(exported))
		return error_set_memory(error);
	exported->has_begun = true;
	if (!store_ledger_each(exported->service->store, &exported->mailbox, exported->next,
		    visit_row, exported, error))
		return false;
	if (exported->has_failed) {
		*error = exported->error;
		return false;
	}
	/* Rows that are missing, at the end too, do not keep it from ending. */
	*is_end = exported->next > exported->last || exported->report.rows == before;
	return !*is_end || buf_append_text(data, format->end) || error_set_memory(error);
}

const struct ledger_export_report *ledger_export_report(const struct ledger_export *exported)
{
	return &exported->report;
}

/* ---- beginning and end ---- */

/* The end before the keys: what was received up to it opens with them. */
static bool begin(struct ledger_export *exported, const struct ledger_export_options *options,
	struct error *error)
{
	struct store *store = exported->service->store;
	struct store_mailbox_counts counts;
	struct store_ledger_head head;
	struct store_mailbox *mailbox = malloc(sizeof *mailbox);
	uint32_t generation;
	bool ok;

	if (!mailbox)
		return error_set_memory(error);
	ok = store_mailbox_get(store, &options->mailbox, mailbox, &counts, error) &&
	     store_ledger_head(store, &options->mailbox, &head, error);
	if (ok) {
		memcpy(exported->identity, mailbox->identity_key, sizeof exported->identity);
		exported->last = head.number;
		exported->report.total = head.number + 1 - head.first;
		ledger_signatures_init(&exported->signatures, store, &options->mailbox);
		if (options->password.size)
			exported->keyring = mailbox_access_keyring(exported->service,
				&options->mailbox, options->password, &generation, error);
		ok = exported->keyring || !options->password.size;
	}
	free(mailbox);
	return ok;
}

struct ledger_export *ledger_export_new(
	struct service *service, const struct ledger_export_options *options, struct error *error)
{
	struct ledger_export *exported = calloc(1, sizeof *exported);

	if (!exported) {
		error_set_memory(error);
		return NULL;
	}
	exported->service = service;
	exported->mailbox = options->mailbox;
	exported->format = options->format;
	if (!begin(exported, options, error))
		ledger_export_free(&exported);
	return exported;
}

void ledger_export_free(struct ledger_export **exported)
{
	if (!*exported)
		return;
	mailbox_keyring_free(&(*exported)->keyring);
	free(*exported);
	*exported = NULL;
}
