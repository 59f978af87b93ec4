/* crlf_line.c -- searches for LF and looks back for its CR, so that long input is crossed by
 * memchr.
 *
 * Invariant: `size` octets of `data` are the line so far, or the line is too long and `size` is
 * 0. */
#include "crlf_line_internal.h"

#include <assert.h>

#include "base/buf.h"

void crlf_line_init(struct crlf_line *line, uint8_t *data, size_t capacity)
{
	assert(capacity >= 2);
	*line = (struct crlf_line){ .data = data, .capacity = capacity };
}

static void append(struct crlf_line *line, struct bytes part)
{
	if (line->is_too_long)
		return;
	if (part.size > line->capacity - line->size) {
		memory_wipe(line->data, line->size);
		line->size = 0;
		line->is_too_long = true;
		return;
	}
	memcpy(line->data + line->size, part.data, part.size);
	line->size += part.size;
}

bool crlf_line_take(struct crlf_line *line, struct bytes *in)
{
	if (line->is_complete)
		crlf_line_reset(line);
	while (in->size) {
		size_t lf = bytes_find(*in, '\n');
		bool has_lf = lf < in->size;
		struct bytes part = bytes_head(*in, lf + 1);
		bool cr_before_lf = lf ? part.data[lf - 1] == '\r' : line->ends_in_cr;

		append(line, part);
		line->ends_in_cr = part.data[part.size - 1] == '\r';
		*in = bytes_skip(*in, part.size);
		line->is_complete = has_lf && cr_before_lf;
		if (line->is_complete)
			return true;
	}
	return false;
}

struct bytes crlf_line_text(const struct crlf_line *line)
{
	return bytes_make(line->data, line->size >= 2 ? line->size - 2 : 0);
}

bool crlf_line_is_clean(const struct crlf_line *line)
{
	struct bytes text = crlf_line_text(line);

	return bytes_find(text, '\r') == text.size && bytes_find(text, '\n') == text.size &&
	       bytes_find(text, '\0') == text.size;
}

void crlf_line_reset(struct crlf_line *line)
{
	memory_wipe(line->data, line->size);
	line->size = 0;
	line->is_complete = false;
	line->is_too_long = false;
	line->ends_in_cr = false;
}
