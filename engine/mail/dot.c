/* dot.c -- both directions look for LF with memchr and cut a piece only where a dot must go or come, so
 * that a message without such lines passes as one view.
 *
 * Decoder (RFC 5321 4.1.1.4, 4.5.2): the invariant is that everything before *in that is content has
 * been given out. Held back are only a dot at the beginning of a line, which is never content, and a
 * CR behind it, which is content unless LF follows; that CR is then given out as constant text,
 * since the input that held it may be gone.
 *
 * Encoder (RFC 1939 3): a dot is doubled by giving out a piece that ends in it and leaving it in *in, so
 * that the next piece begins with it again. */
#include "mail/dot.h"

enum decoder_state {
	DECODER_LINE_START, /* at the beginning, or CRLF came last */
	DECODER_IN_LINE,
	DECODER_CR,	/* in a line, CR came last */
	DECODER_DOT,	/* a dot began the line */
	DECODER_DOT_CR, /* and CR came behind it */
	DECODER_DONE,
};

enum encoder_state {
	ENCODER_LINE_START,
	ENCODER_BARE_LF, /* a dot is doubled here too, but the line was not ended by CRLF */
	ENCODER_IN_LINE,
	ENCODER_CR,
};

void dot_decoder_init(struct dot_decoder *decoder)
{
	decoder->state = DECODER_LINE_START;
}

bool dot_decoder_is_done(const struct dot_decoder *decoder)
{
	return decoder->state == DECODER_DONE;
}

/* Takes content up to the next line that begins with a dot; *in is not empty and begins with content. */
static struct bytes take_content(struct dot_decoder *decoder, struct bytes *in)
{
	const uint8_t *data = in->data;
	size_t at = 0, size = in->size;
	struct bytes piece = *in;

	for (;;) {
		size_t lf = at + bytes_find(bytes_skip(*in, at), '\n');
		bool ends_line;

		if (lf == size) {
			decoder->state = data[size - 1] == '\r' ? DECODER_CR : DECODER_IN_LINE;
			break;
		}
		ends_line = lf ? data[lf - 1] == '\r' : decoder->state == DECODER_CR;
		at = lf + 1;
		if (at == size) {
			decoder->state = ends_line ? DECODER_LINE_START : DECODER_IN_LINE;
			break;
		}
		if (ends_line && data[at] == '.') {
			decoder->state = DECODER_DOT;
			*in = bytes_skip(*in, at + 1);
			return bytes_head(piece, at);
		}
	}
	*in = bytes_skip(*in, size);
	return piece;
}

bool dot_decoder_next(struct dot_decoder *decoder, struct bytes *in, struct bytes *piece)
{
	while (in->size && decoder->state != DECODER_DONE) {
		const uint8_t next = in->data[0];

		if (decoder->state == DECODER_LINE_START && next == '.') {
			decoder->state = DECODER_DOT;
		} else if (decoder->state == DECODER_DOT && next == '\r') {
			decoder->state = DECODER_DOT_CR;
		} else if (decoder->state == DECODER_DOT_CR && next == '\n') {
			decoder->state = DECODER_DONE;
		} else if (decoder->state == DECODER_DOT_CR) {
			decoder->state = DECODER_CR;
			*piece = bytes_of("\r");
			return true;
		} else {
			if (decoder->state == DECODER_DOT)
				decoder->state = DECODER_IN_LINE;
			*piece = take_content(decoder, in);
			return true;
		}
		*in = bytes_skip(*in, 1);
	}
	return false;
}

void dot_encoder_init(struct dot_encoder *encoder)
{
	encoder->state = ENCODER_LINE_START;
}

static uint8_t state_behind(const struct dot_encoder *encoder, struct bytes piece)
{
	uint8_t last = piece.data[piece.size - 1];
	bool cr_before =
		piece.size > 1 ? piece.data[piece.size - 2] == '\r' : encoder->state == ENCODER_CR;

	if (last == '\n')
		return cr_before ? ENCODER_LINE_START : ENCODER_BARE_LF;
	return last == '\r' ? ENCODER_CR : ENCODER_IN_LINE;
}

bool dot_encoder_next(struct dot_encoder *encoder, struct bytes *in, struct bytes *piece)
{
	const bool at_line_start =
		encoder->state == ENCODER_LINE_START || encoder->state == ENCODER_BARE_LF;
	size_t at = 0;

	if (!in->size)
		return false;
	if (at_line_start && in->data[0] == '.') {
		encoder->state = ENCODER_IN_LINE;
		*piece = bytes_head(*in, 1);
		return true;
	}
	while (at < in->size) {
		at += bytes_find(bytes_skip(*in, at), '\n') + 1;
		if (at < in->size && in->data[at] == '.') {
			encoder->state = ENCODER_IN_LINE;
			*piece = bytes_head(*in, at + 1);
			*in = bytes_skip(*in, at);
			return true;
		}
	}
	encoder->state = state_behind(encoder, *in);
	*piece = *in;
	*in = bytes_skip(*in, in->size);
	return true;
}

struct bytes dot_encoder_end(const struct dot_encoder *encoder)
{
	return bytes_of(encoder->state == ENCODER_LINE_START ? ".\r\n" : "\r\n.\r\n");
}
