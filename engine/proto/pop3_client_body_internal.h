/* pop3_client_body_internal.h -- the content of RETR and TOP as the client reads it (RFC 1939
 * 3). */
#ifndef LG_PROTO_POP3_CLIENT_BODY_INTERNAL_H
#define LG_PROTO_POP3_CLIENT_BODY_INTERNAL_H

#include "mail/dot.h"

enum pop3_lf_place { POP3_LF_NOWHERE, POP3_LF_BEHIND_CR, POP3_LF_BEHIND_BARE_LF };

struct pop3_client_body {
	struct dot_decoder decoder;
	bool dots_behind_lf; /* the server doubles dots behind a bare LF too */
	enum pop3_lf_place place;
	struct bytes piece; /* decoded, not given out yet */
};

void pop3_client_body_start(struct pop3_client_body *body, bool dots_behind_lf);
/* True: *piece is content. False: *in is used up, or the body is complete. */
bool pop3_client_body_next(struct pop3_client_body *body, struct bytes *in, struct bytes *piece);
bool pop3_client_body_is_done(const struct pop3_client_body *body);

#endif
