/* conn.h -- one TCP connection, plain or TLS, on one loop.
 *
 * It fits the pulled protocol cores: the connection offers input and asks for output, and the session
 * above never waits. Backpressure is built in: while output cannot leave, no input is read; input
 * that the session does not take is kept (one read's worth at most) and nothing more is read until it
 * is. All functions and callbacks run on the connection's loop. */
#ifndef LG_NET_CONN_H
#define LG_NET_CONN_H

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/tls.h"
#include "platform/socket.h"

struct conn;

enum conn_end {
	CONN_IDLE,     /* the idle limit passed */
	CONN_STOPPING, /* the gateway stops */
};

struct conn_handler {
	/* The connection is up: accepted or connected, or the TLS handshake is done. */
	void (*on_open)(void *session);
	/* Takes input; returns how many bytes were used. What is left is offered again after
	 * conn_kick() or once output has left. */
	size_t (*on_input)(void *session, struct bytes in);
	/* Writes up to `capacity` bytes to send into `space`; 0 when there is nothing. */
	size_t (*on_output)(void *session, uint8_t *space, size_t capacity);
	/* The session should say goodbye and conn_finish(). */
	void (*on_end)(void *session, enum conn_end reason);
	/* The last call: the connection is gone. `why` is NULL after conn_finish(), else what broke it
	 * (the peer closing is "the peer closed the connection"). */
	void (*on_closed)(void *session, const struct error *why);
};

struct conn_options {
	struct tls_context
		*tls; /* for implicit TLS and for conn_start_tls(); borrowed until on_closed */
	bool implicit_tls;
	uint64_t handshake_limit_ms;
	const char *server_name; /* client connections: checked against the certificate; copied */
};

/* Takes an accepted socket. NULL when it cannot: the socket is closed then. on_open comes later. */
struct conn *conn_accept(struct loop *loop, socket_handle socket,
	const struct conn_options *options, const struct conn_handler *handler, void *session,
	struct error *error);
/* Connects from here; on_open or on_closed comes later. */
struct conn *conn_connect(struct loop *loop, const struct socket_address *address,
	const struct conn_options *options, const struct conn_handler *handler, void *session,
	struct error *error);

/* The session's state changed outside of a callback: offers kept input and asks for output. From inside
 * of a callback, of this or of another connection of the loop, it takes effect once that has returned. */
void conn_kick(struct conn *conn);
/* Both take effect in the running callback's round; outside of a callback conn_kick() comes after.
 *
 * conn_start_tls(): as a server after the go-ahead was given out, or as a client: once all output is sent, whatever was
 * read is discarded (RFC 3207 5: nothing sent before the handshake may count) and the handshake runs.
 * on_open follows.
 *
 * conn_finish(): sends what is left, ends TLS, lets the peer read it all, closes. */
void conn_start_tls(struct conn *conn);
void conn_finish(struct conn *conn);
/* Closes at once. on_closed still comes later, with `why`. */
void conn_abort(struct conn *conn, const char *why);

/* on_end(CONN_IDLE) after so long without a byte in either direction, and again after as long when the
 * session does not finish; 0: none, the start. */
void conn_set_idle_limit(struct conn *conn, uint64_t limit_ms);

/* How long no byte has moved in either direction. What the peer's system has taken, but the peer has not
 * read, has moved. */
uint64_t conn_silence_ms(const struct conn *conn);

bool conn_is_tls(const struct conn *conn);
const char *conn_tls_description(const struct conn *conn); /* "" without TLS */

#endif
