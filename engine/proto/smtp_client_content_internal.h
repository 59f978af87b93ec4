/* smtp_client_content_internal.h -- a message on its way to an SMTP server (RFC 5321 4.5.2):
 * lent in pieces, dots doubled while it is copied to where it is sent from. */
#ifndef LG_PROTO_SMTP_CLIENT_CONTENT_INTERNAL_H
#define LG_PROTO_SMTP_CLIENT_CONTENT_INTERNAL_H

#include "base/bytes.h"

enum smtp_content_place {
	SMTP_CONTENT_AT_LINE_START,
	SMTP_CONTENT_IN_LINE,
	SMTP_CONTENT_BEHIND_CR,
};

struct smtp_content {
	enum smtp_content_place place;
	struct bytes piece; /* what is left of it */
};

void smtp_content_start(struct smtp_content *content);
void smtp_content_lend(struct smtp_content *content, struct bytes piece);
/* Fills `space`, or uses up the piece. */
size_t smtp_content_pull(struct smtp_content *content, uint8_t *space, size_t capacity);
/* What ends the content: the missing CRLF and the dot. Constant text. */
const char *smtp_content_end(const struct smtp_content *content);

#endif
