/* pop3_body.c -- one copy from the lent piece into the space, nothing in between.
 *
 * Invariant: a piece is looked at only between its lending and the change to POP3_BODY_WANTING, so
 * the lender may reuse its memory then. TOP ends inside of a piece by itself. The encoder doubles
 * a dot behind any LF and supplies a missing last CRLF (mail/dot.h). */
#include "pop3_body_internal.h"

#include <assert.h>

void pop3_body_start(struct pop3_body *body, bool whole, uint64_t lines)
{
	*body = (struct pop3_body){ .state = POP3_BODY_WANTING, .is_top = !whole };
	dot_encoder_init(&body->encoder);
	top_init(&body->top, lines);
}

void pop3_body_lend(struct pop3_body *body, struct bytes piece)
{
	assert(body->state == POP3_BODY_WANTING);
	if (body->is_top)
		piece = bytes_head(piece, top_feed(&body->top, piece));
	body->piece = piece;
	body->state = POP3_BODY_LENT;
}

void pop3_body_end(struct pop3_body *body)
{
	assert(body->state == POP3_BODY_WANTING);
	body->encoded = dot_encoder_end(&body->encoder);
	body->state = POP3_BODY_ENDING;
}

/* More to copy; changes the state where there is none. */
static bool next_encoded(struct pop3_body *body)
{
	switch (body->state) {
	case POP3_BODY_LENT:
		if (dot_encoder_next(&body->encoder, &body->piece, &body->encoded))
			return true;
		body->encoded = bytes_make(NULL, 0);
		body->state = POP3_BODY_WANTING;
		if (!body->is_top || !top_is_done(&body->top))
			return false;
		pop3_body_end(body);
		return true;
	case POP3_BODY_ENDING:
		body->state = POP3_BODY_NONE;
		return false;
	default:
		return false;
	}
}

size_t pop3_body_pull(struct pop3_body *body, uint8_t *space, size_t capacity)
{
	size_t used = 0;

	while (body->encoded.size || next_encoded(body)) {
		struct bytes now = bytes_head(body->encoded, capacity - used);

		if (now.size)
			memcpy(space + used, now.data, now.size);
		used += now.size;
		body->encoded = bytes_skip(body->encoded, now.size);
		if (used == capacity && body->encoded.size)
			break;
	}
	return used;
}
