/* tls_internal.h -- one TLS session over a non-blocking socket, for conn.c. Bytes go straight
 * between OpenSSL and the socket: no memory BIO, no second buffer. */
#ifndef LG_NET_TLS_INTERNAL_H
#define LG_NET_TLS_INTERNAL_H

#include "base/bytes.h"
#include "net/tls.h"
#include "platform/listener.h"

struct tls_session;

enum tls_result {
	TLS_OK,
	TLS_WANTS_READ,	 /* call again when the socket is readable */
	TLS_WANTS_WRITE, /* ... writable */
	TLS_CLOSED,	 /* the peer's close_notify: an orderly end */
	TLS_BROKEN,	 /* protocol error, reset, end without close_notify: see *error */
};

/* The socket is non-blocking and stays the caller's. `server_name` (client sessions only, and there
 * not NULL): sent as SNI unless numeric, and checked against the certificate. Writing to a peer
 * that has gone raises SIGPIPE where the process does not ignore it (process_harden). */
struct tls_session *tls_session_new(struct tls_context *context, socket_handle socket,
	const char *server_name, struct error *error);
void tls_session_free(struct tls_session **session);
/* ERROR_INVALID: the server's certificate is not valid for that name, which the next attempt will
 * not change. ERROR_IO: anything else that went wrong. */
enum tls_result tls_handshake(struct tls_session *session, struct error *error);
enum tls_result tls_read(struct tls_session *session, uint8_t *space, size_t capacity, size_t *size,
	struct error *error);
/* May write a part; a write that returned WANTS_* is repeated with the same bytes (a moved buffer
 * is fine) or more. */
enum tls_result tls_write(
	struct tls_session *session, struct bytes bytes, size_t *written, struct error *error);
/* Bytes wait inside OpenSSL, so that tls_read() may give more without the socket becoming readable:
 * true only until a read returned WANTS_READ, since the part of a record may stay behind. Whoever
 * reads until WANTS_READ needs not ask. */
bool tls_has_pending(const struct tls_session *session);
/* close_notify, best effort. False: the socket was full; call again when it is writable. */
bool tls_send_close(struct tls_session *session);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; valid as long as the session. */
const char *tls_description(const struct tls_session *session);

#endif
