/* crlf_line_internal.h -- collects one line of a protocol out of input that is cut anywhere.
 *
 * Only CRLF ends a line; a bare CR or LF stays in it, for the caller to refuse. The memory is
 * fixed: a line that does not fit is swallowed to its end and reported as too long. Lines may
 * carry passwords, so what is dropped is overwritten. */
#ifndef LG_PROTO_CRLF_LINE_INTERNAL_H
#define LG_PROTO_CRLF_LINE_INTERNAL_H

#include "base/bytes.h"

struct crlf_line {
	uint8_t *data;	 /* the owner's array */
	size_t capacity; /* the longest line, its CRLF included; at least 2 */
	size_t size;
	bool is_complete;
	bool is_too_long;
	bool ends_in_cr; /* the last octet taken, kept when the line is too long to be */
};

void crlf_line_init(struct crlf_line *line, uint8_t *data, size_t capacity);
/* Takes bytes off *in. True: the line is complete, *in begins behind its CRLF. The next call
 * drops it and begins a new one. */
bool crlf_line_take(struct crlf_line *line, struct bytes *in);
/* Without the CRLF. Empty when the line was too long. */
struct bytes crlf_line_text(const struct crlf_line *line);
/* Neither CR nor LF nor NUL inside, so that the line can be passed on as one. */
bool crlf_line_is_clean(const struct crlf_line *line);
void crlf_line_reset(struct crlf_line *line); /* wipes; a new line begins */

#endif
