/* top.c -- counts lines with memchr. The state is that of the current line and no more, so pieces may be
 * cut anywhere. A line with nothing but its line end (LF or CRLF) ends the header. */
#include "mail/top.h"

void top_init(struct top *top, uint64_t body_lines)
{
	*top = (struct top){ .lines_left = body_lines, .in_header = true };
}

static void see_text(struct top *top, struct bytes text)
{
	if (!text.size)
		return;
	if (top->line == TOP_LINE_EMPTY && bytes_equal_text(text, "\r"))
		top->line = TOP_LINE_CR;
	else
		top->line = TOP_LINE_TEXT;
}

static void end_line(struct top *top)
{
	if (!top->in_header)
		top->lines_left--;
	else if (top->line != TOP_LINE_TEXT)
		top->in_header = false;
	top->line = TOP_LINE_EMPTY;
	top->done = !top->in_header && !top->lines_left;
}

size_t top_feed(struct top *top, struct bytes piece)
{
	size_t used = 0;

	while (!top->done && used < piece.size) {
		struct bytes rest = bytes_skip(piece, used);
		size_t lf = bytes_find(rest, '\n');

		see_text(top, bytes_head(rest, lf));
		if (lf == rest.size)
			return piece.size;
		end_line(top);
		used += lf + 1;
	}
	return used;
}

bool top_is_done(const struct top *top)
{
	return top->done;
}
