/* ledger_anchor.c -- the block is a line that opens it, one line for each field in a fixed order, and a line that
 * closes it:
 *
 *	----- Lettergate ledger anchor 1 -----
 *	mailbox: mbx-...
 *	number: 1234
 *	head: 64 hex digits
 *	signed: microseconds since 1970-01-01 UTC
 *	generation: 1
 *	identity: 64 hex digits
 *	signature: 128 hex digits
 *	----- end -----
 *
 * No line is longer than 78 octets but the signature, which is cut in two ("signature:" twice), so that no mail
 * program folds it. */
#include "service/ledger_anchor.h"

static const char opening[] = "----- Lettergate ledger anchor 1 -----";
static const char closing[] = "----- end -----";

enum { HALF = HEAD_SIGNATURE_SIZE / 2 };

static bool append_hex(struct buf *text, const char *name, const uint8_t *data, size_t size)
{
	char hex[2 * DIGEST_SIZE + 1];

	hex_encode(bytes_make(data, size), hex);
	return buf_printf(text, "%s: %s\r\n", name, hex);
}

bool ledger_anchor_append(const struct ledger_anchor *anchor, struct buf *text)
{
	const struct mailbox_head *head = &anchor->head;
	char mailbox[MAILBOX_ID_TEXT_SIZE];
	size_t before = text->size;

	mailbox_id_text(&head->mailbox, mailbox);
	if (buf_printf(text, "%s\r\nmailbox: %s\r\nnumber: %llu\r\n", opening, mailbox,
		    (unsigned long long)head->number) &&
		append_hex(text, "head", head->link, sizeof head->link) &&
		buf_printf(text, "signed: %lld\r\ngeneration: %u\r\n", (long long)head->time_us,
			(unsigned)head->generation) &&
		append_hex(text, "identity", anchor->identity, sizeof anchor->identity) &&
		append_hex(text, "signature", anchor->signature, HALF) &&
		append_hex(text, "signature", anchor->signature + HALF, HALF) &&
		buf_printf(text, "%s\r\n", closing))
		return true;
	text->size = before;
	return false;
}

/* ---- reading ---- */

static struct bytes next_line(struct bytes *rest)
{
	struct bytes line = bytes_head(*rest, bytes_find(*rest, '\n'));

	*rest = bytes_skip(*rest, line.size + 1);
	if (line.size && line.data[line.size - 1] == '\r')
		line.size--;
	return bytes_trim(line);
}

/* The value of the next line, which must be of that name. */
static bool next_value(struct bytes *rest, const char *name, struct bytes *value)
{
	struct bytes line = next_line(rest);
	size_t colon = bytes_find(line, ':');

	*value = bytes_trim(bytes_skip(line, colon + 1));
	return bytes_equal_nocase(bytes_head(line, colon), bytes_of(name));
}

static bool next_hex(struct bytes *rest, const char *name, uint8_t *data, size_t size)
{
	struct bytes value;

	return next_value(rest, name, &value) && value.size == 2 * size &&
	       hex_decode(value, data, size);
}

static bool next_number(struct bytes *rest, const char *name, uint64_t maximum, uint64_t *number)
{
	struct bytes value;

	return next_value(rest, name, &value) && bytes_parse_number(value, maximum, number);
}

static bool parse_fields(struct bytes *rest, struct ledger_anchor *anchor)
{
	struct mailbox_head *head = &anchor->head;
	uint64_t time_us, generation;
	struct bytes value;

	if (!next_value(rest, "mailbox", &value) || !mailbox_id_parse(value, &head->mailbox) ||
		!next_number(rest, "number", UINT64_MAX, &head->number) ||
		!next_hex(rest, "head", head->link, sizeof head->link) ||
		!next_number(rest, "signed", INT64_MAX, &time_us) ||
		!next_number(rest, "generation", UINT32_MAX, &generation) ||
		!next_hex(rest, "identity", anchor->identity, sizeof anchor->identity) ||
		!next_hex(rest, "signature", anchor->signature, HALF) ||
		!next_hex(rest, "signature", anchor->signature + HALF, HALF))
		return false;
	head->time_us = (int64_t)time_us;
	head->generation = (uint32_t)generation;
	return bytes_equal_text(next_line(rest), closing);
}

bool ledger_anchor_parse(struct bytes text, struct ledger_anchor *anchor, struct error *error)
{
	while (text.size) {
		if (!bytes_equal_text(next_line(&text), opening))
			continue;
		if (parse_fields(&text, anchor))
			return true;
		return error_set(error, ERROR_INVALID,
			"the ledger anchor is not whole: take the report mail as it is, or all "
			"lines from \"%s\" to \"%s\"",
			opening, closing);
	}
	return error_set(error, ERROR_NOT_FOUND,
		"there is no ledger anchor in this text: it begins with the line \"%s\"", opening);
}
