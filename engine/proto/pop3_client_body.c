/* pop3_client_body.c -- takes the doubled dots out of a message. Those behind CRLF, and the end,
 * are the work of the strict decoder (mail/dot.h). For a server that doubles behind a bare LF as
 * well, a second pass over what the decoder gives takes those out; the two do not meet, because
 * removing a dot never brings a CR and an LF together. */
#include "pop3_client_body_internal.h"

void pop3_client_body_start(struct pop3_client_body *body, bool dots_behind_lf)
{
	*body = (struct pop3_client_body){ .dots_behind_lf = dots_behind_lf };
	dot_decoder_init(&body->decoder);
}

static enum pop3_lf_place place_behind(enum pop3_lf_place before, struct bytes run)
{
	uint8_t last = run.data[run.size - 1];
	bool cr_before =
		run.size > 1 ? run.data[run.size - 2] == '\r' : before == POP3_LF_BEHIND_CR;

	if (last == '\n' && !cr_before)
		return POP3_LF_BEHIND_BARE_LF;
	return last == '\r' ? POP3_LF_BEHIND_CR : POP3_LF_NOWHERE;
}

/* The piece up to where the next doubled dot may be. False: the piece was nothing but such a
 * dot. */
static bool next_run(struct pop3_client_body *body, struct bytes *run)
{
	size_t size = 0;

	if (body->place == POP3_LF_BEHIND_BARE_LF) {
		if (body->piece.data[0] == '.')
			body->piece = bytes_skip(body->piece, 1);
		body->place = POP3_LF_NOWHERE;
	}
	while (size < body->piece.size && body->place != POP3_LF_BEHIND_BARE_LF) {
		struct bytes rest = bytes_skip(body->piece, size);
		struct bytes line = bytes_head(rest, bytes_find(rest, '\n') + 1);

		body->place = place_behind(body->place, line);
		size += line.size;
	}
	*run = bytes_head(body->piece, size);
	body->piece = bytes_skip(body->piece, size);
	return size > 0;
}

bool pop3_client_body_next(struct pop3_client_body *body, struct bytes *in, struct bytes *piece)
{
	for (;;) {
		if (body->piece.size && next_run(body, piece))
			return true;
		if (!dot_decoder_next(&body->decoder, in, piece))
			return false;
		if (!body->dots_behind_lf)
			return true;
		body->piece = *piece;
	}
}

bool pop3_client_body_is_done(const struct pop3_client_body *body)
{
	return !body->piece.size && dot_decoder_is_done(&body->decoder);
}
