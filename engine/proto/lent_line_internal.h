/* lent_line_internal.h -- the response to a SASL challenge on its way to a server. It holds a password and may be long,
 * so it is lent by the driver and sent without being copied or kept. */
#ifndef LG_PROTO_LENT_LINE_INTERNAL_H
#define LG_PROTO_LENT_LINE_INTERNAL_H

#include "base/bytes.h"

/* LENT_LINE_NONE at the beginning, and when it has been pulled with its CRLF. */
enum lent_line_state { LENT_LINE_NONE, LENT_LINE_WANTED, LENT_LINE_LENT };

struct lent_line {
	enum lent_line_state state;
	struct bytes text; /* what is left of it */
	struct bytes end;  /* and of its CRLF */
};

void lent_line_lend(struct lent_line *line, struct bytes text);
/* Returns how many octets were put into `space`; 0 when none is lent. */
size_t lent_line_pull(struct lent_line *line, uint8_t *space, size_t capacity);

#endif
