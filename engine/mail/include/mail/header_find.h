/* header_find.h -- finds one field in the header of a message that comes in pieces (RFC 5322 2.2). The first
 * field of that name counts. The header ends with its first empty line; a line ends at CRLF or a bare LF, a
 * folded value is unfolded (2.2.3). Memory is fixed: what is longer than the value's space is cut. */
#ifndef LG_MAIL_HEADER_FIND_H
#define LG_MAIL_HEADER_FIND_H

#include "base/bytes.h"

enum { HEADER_NAME_MAX = 40, HEADER_VALUE_SIZE = 256 };

enum header_find_state {
	HEADER_LINE_START,
	HEADER_NAME,  /* so far it is the name */
	HEADER_OTHER, /* in a line of no interest */
	HEADER_VALUE,
	HEADER_VALUE_END, /* behind the value's line: is it folded? */
	HEADER_DONE,
};

struct header_find {
	const char *name; /* without colon; compared without case; borrowed */
	enum header_find_state state;
	size_t matched; /* octets of the name */
	bool has_cr;	/* the line so far is a CR alone */
	bool is_found;
	char value[HEADER_VALUE_SIZE]; /* trimmed when done */
	size_t value_size;
};

void header_find_init(struct header_find *find, const char *name);
/* Any piece of the message, in order; what follows the header is passed over. */
void header_find_feed(struct header_find *find, struct bytes piece);
/* The header's end was seen, or the field: no more need be fed. */
bool header_find_is_done(const struct header_find *find);
/* Once it is done, or the message has ended: the value without blanks around it, or NULL: there is none. */
const char *header_find_value(struct header_find *find);

#endif
