/* pop3_body_internal.h -- a message on its way out: the answer to RETR or TOP behind its first line
 * (RFC 1939 3, 5 and 7). Pieces are lent, dots are doubled while they are copied to where they are
 * sent from. */
#ifndef LG_PROTO_POP3_BODY_INTERNAL_H
#define LG_PROTO_POP3_BODY_INTERNAL_H

#include "mail/dot.h"
#include "mail/top.h"

enum pop3_body_state {
	POP3_BODY_NONE,	   /* no answer under way, or it was pulled whole */
	POP3_BODY_WANTING, /* the next piece or the end is due */
	POP3_BODY_LENT,
	POP3_BODY_ENDING,
};

struct pop3_body {
	enum pop3_body_state state;
	bool is_top;
	struct top top;
	struct dot_encoder encoder;
	struct bytes piece;   /* lent, not encoded yet */
	struct bytes encoded; /* to be copied out next */
};

/* `lines` counts for TOP only. */
void pop3_body_start(struct pop3_body *body, bool whole, uint64_t lines);
void pop3_body_lend(struct pop3_body *body, struct bytes piece);
void pop3_body_end(struct pop3_body *body);
/* Goes as far as the piece reaches; the state says what comes next. */
size_t pop3_body_pull(struct pop3_body *body, uint8_t *space, size_t capacity);

#endif
