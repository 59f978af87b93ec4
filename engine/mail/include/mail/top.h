/* top.h -- finds where the answer to POP3's TOP ends (RFC 1939 7): behind the header, the blank line
 * and a number of body lines. Fed with the message in pieces of any size. A line ends at LF. */
#ifndef LG_MAIL_TOP_H
#define LG_MAIL_TOP_H

#include "base/bytes.h"

enum top_line { TOP_LINE_EMPTY, TOP_LINE_CR, TOP_LINE_TEXT }; /* what the line holds so far */

struct top {
	uint64_t lines_left;
	enum top_line line;
	bool in_header;
	bool done;
};

void top_init(struct top *top, uint64_t body_lines);
/* How many bytes of `piece` belong to the answer; less than all of it when the end is inside. */
size_t top_feed(struct top *top, struct bytes piece);
bool top_is_done(const struct top *top);

#endif
