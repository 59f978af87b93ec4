/* mbox.h -- messages as one mbox file (RFC 4155, in the quoting of mboxrd: a line that is "From " behind any
 * number of ">" gets one more, so that taking one off gives the line back).
 *
 * A line of an mbox file ends in LF. So CRLF becomes LF here, and this is the one form of export from which
 * the octets as they were received cannot be told: a bare LF looks like a line's end. */
#ifndef LG_MAIL_MBOX_H
#define LG_MAIL_MBOX_H

#include "base/buf.h"

struct mbox_writer {
	uint8_t matched; /* octets of "From " at the line's start, held back */
	bool at_start;	 /* of a line, or behind the ">" there */
	bool has_cr;	 /* a CR is held back */
	bool in_line;	 /* the last line is not ended */
};

/* The separator line of a message: the envelope sender (empty: MAILER-DAEMON) and the time it came. Blanks
 * and control characters in the sender become "_". All three append to *out; false: it is at its maximum, and
 * what was appended is a part. */
bool mbox_begin(struct mbox_writer *writer, struct bytes sender, int64_t time_s, struct buf *out);
/* One call appends at most 6 octets for 5 of `piece`, and 6 more. */
bool mbox_write(struct mbox_writer *writer, struct bytes piece, struct buf *out);
/* Ends the message: its last line, and an empty one. */
bool mbox_end(struct mbox_writer *writer, struct buf *out);

#endif
