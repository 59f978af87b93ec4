/* mbox.c -- octet by octet through a line's start, in runs through the rest, so that it does not matter where
 * a message is cut into pieces.
 *
 * The extra ">" goes behind those that are there: "From " is held back until it is whole, and what stands
 * before it is out already. */
#include "mail/mbox.h"

#include "mail/trace_header.h"

static const char from[] = "From ";

enum { FROM_SIZE = sizeof from - 1 };

/* "Tue Nov 24 04:08:06 2026" out of "Tue, 24 Nov 2026 04:08:06 +0000" (RFC 4155 appendix A: as asctime
 * writes it, in UTC). */
static bool append_date(int64_t time_s, struct buf *out)
{
	char date[MAIL_DATE_SIZE];

	mail_date_text(time_s, date);
	return buf_printf(out, "%.3s %.3s %c%c %.8s %.4s\n", date, date + 8,
		date[5] == '0' ? ' ' : date[5], date[6], date + 17, date + 12);
}

bool mbox_begin(struct mbox_writer *writer, struct bytes sender, int64_t time_s, struct buf *out)
{
	bool ok = buf_append_text(out, from);

	*writer = (struct mbox_writer){ .at_start = true };
	if (!sender.size)
		ok = ok && buf_append_text(out, "MAILER-DAEMON");
	for (size_t i = 0; ok && i < sender.size; i++) {
		uint8_t c = sender.data[i];

		ok = buf_append_byte(out, c <= ' ' || c == 127 ? '_' : c);
	}
	return ok && buf_append_byte(out, ' ') && append_date(time_s, out);
}

/* The line does not begin with "From ": what was held back of it goes out. */
static bool release(struct mbox_writer *writer, struct buf *out)
{
	struct bytes held = bytes_make(from, writer->matched);

	writer->matched = 0;
	writer->at_start = writer->at_start && !held.size;
	writer->in_line = writer->in_line || held.size;
	return buf_append(out, held);
}

static bool put(struct mbox_writer *writer, uint8_t c, struct buf *out)
{
	if (writer->at_start && c == (uint8_t)from[writer->matched]) {
		if (++writer->matched < FROM_SIZE)
			return true;
		return buf_append_byte(out, '>') && release(writer, out);
	}
	if (!release(writer, out) || !buf_append_byte(out, c))
		return false;
	writer->at_start = c == '\n' || (writer->at_start && c == '>');
	writer->in_line = c != '\n';
	return true;
}

/* How much of the piece is text inside of a line. */
static size_t run_of(struct bytes piece)
{
	size_t cr = bytes_find(piece, '\r');

	return bytes_find(bytes_head(piece, cr), '\n');
}

bool mbox_write(struct mbox_writer *writer, struct bytes piece, struct buf *out)
{
	while (piece.size) {
		uint8_t c = piece.data[0];
		size_t run = writer->at_start || writer->has_cr ? 0 : run_of(piece);

		if (run) {
			if (!buf_append(out, bytes_head(piece, run)))
				return false;
			writer->in_line = true;
			piece = bytes_skip(piece, run);
			continue;
		}
		if (writer->has_cr && c != '\n' && !put(writer, '\r', out))
			return false;
		writer->has_cr = c == '\r';
		if (c != '\r' && !put(writer, c, out))
			return false;
		piece = bytes_skip(piece, 1);
	}
	return true;
}

bool mbox_end(struct mbox_writer *writer, struct buf *out)
{
	bool ok = !writer->has_cr || put(writer, '\r', out);

	return ok && release(writer, out) && buf_append_text(out, writer->in_line ? "\n\n" : "\n");
}
