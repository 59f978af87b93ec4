/* listener.h -- listening sockets and the one thread that accepts on them.
 *
 * Accepted sockets leave as raw handles and are opened on a worker loop. Running out of file
 * descriptors does not spin: a spare one is given up to accept and close what waits, then accepting
 * pauses briefly. */
#ifndef LG_PLATFORM_LISTENER_H
#define LG_PLATFORM_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "platform/socket.h"

/* A bound and listening TCP socket. */
struct listener {
	socket_handle socket;
	struct socket_address address; /* as bound: the port is never 0 */
	void *owner;		       /* the caller's */
};

/* `host` is numeric ("127.0.0.1", "::", "0.0.0.0"); port 0 takes a free one. ERROR_BUSY: in use, with
 * the holder named where the system tells. ERROR_DENIED: below 1024 without the right. */
bool listener_open(struct listener *listener, const char *host, uint16_t port, struct error *error);
void listener_close(struct listener *listener);

struct acceptor;

/* Runs on the accept thread; owns `socket` from then on (non-blocking, TCP_NODELAY, close-on-exec). */
typedef void accepted(void *context, const struct listener *listener, socket_handle socket,
	const struct socket_address *peer);

/* Starts the accept thread over `count` listeners, which stay the caller's and open until after
 * acceptor_stop(). */
struct acceptor *acceptor_start(struct listener *listeners, size_t count, accepted *on_accepted,
	void *context, struct error *error);
void acceptor_stop(struct acceptor **acceptor);

#endif
