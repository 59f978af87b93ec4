/* pop3_service.h -- a POP3 session: joins one connection, the protocol core, the password check, and the
 * sealed messages of one mailbox, which are opened on the way out and never stored in the clear. */
#ifndef LG_SERVICE_POP3_SERVICE_H
#define LG_SERVICE_POP3_SERVICE_H

#include "net/conn.h"
#include "service/service.h"

/* On the loop's thread, for a socket that has a place among service.sessions. Owns both from then on; the
 * session frees itself when its connection is gone and nothing it asked of other threads is unanswered. */
void pop3_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls, struct session_place *place);

#endif
