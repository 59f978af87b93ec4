/* dot.h -- the dot transparency of SMTP (RFC 5321 4.5.2) and POP3 (RFC 1939 3), without copying: both
 * directions give out pieces that are views into the input or into constant text.
 *
 * The two are strict on purpose. For the decoder only CRLF.CRLF ends a message and only CRLF begins a
 * line; a bare CR or LF is content and stays. The encoder is POP3's: it doubles a dot behind any LF, so
 * that a reader that takes a bare LF for a line end cannot be led to a false end of the message. */
#ifndef LG_MAIL_DOT_H
#define LG_MAIL_DOT_H

#include "base/bytes.h"

struct dot_decoder {
	uint8_t state;
};

/* Starts at the beginning of a line: a message may begin with a dot. */
void dot_decoder_init(struct dot_decoder *decoder);
/* Takes bytes off *in until a piece of content is complete. True: *piece holds content (valid as long
 * as the input). False: no more content in *in; then either the end was seen (dot_decoder_is_done,
 * *in is what follows CRLF.CRLF) or *in is empty and more is needed. */
bool dot_decoder_next(struct dot_decoder *decoder, struct bytes *in, struct bytes *piece);
bool dot_decoder_is_done(const struct dot_decoder *decoder);

struct dot_encoder {
	uint8_t state;
};

void dot_encoder_init(struct dot_encoder *encoder);
/* As above: true with a piece to send, false when *in is used up. */
bool dot_encoder_next(struct dot_encoder *encoder, struct bytes *in, struct bytes *piece);
/* What ends the message: CRLF when the content did not end in one, then ".\r\n". */
struct bytes dot_encoder_end(const struct dot_encoder *encoder);

#endif
