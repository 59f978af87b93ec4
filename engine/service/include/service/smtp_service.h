/* smtp_service.h -- an SMTP session: joins one connection, the protocol core and the delivery of its
 * messages. Here a recipient is accepted or refused. */
#ifndef LG_SERVICE_SMTP_SERVICE_H
#define LG_SERVICE_SMTP_SERVICE_H

#include "net/conn.h"
#include "service/service.h"

/* On the loop's thread, for a socket that has a place among service.sessions. Owns both from then on; the
 * session frees itself when its connection is gone and nothing it gave to the store is unanswered. */
void smtp_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls, struct session_place *place);

#endif
