/* local_socket.h -- the local socket of the control interface (a Unix socket, a named pipe on Windows):
 * frames are lines, each with a length cap: a small one for what a client asks, since anybody on the socket can
 * send it before it is read as anything, and a large one for what a gateway answers, since a list of all mailboxes
 * is one line. Everything runs on the given loop. */
#ifndef LG_NET_LOCAL_SOCKET_H
#define LG_NET_LOCAL_SOCKET_H

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"

enum {
	LOCAL_FRAME_MAX = 1024 * 1024,	      /* of a client: a longer line ends the connection */
	LOCAL_ANSWER_MAX = 32 * 1024 * 1024,  /* of a server, the same */
	LOCAL_BACKLOG_MAX = 64 * 1024 * 1024, /* unsent bytes of a reader that is too slow */
};

struct local_conn;

struct local_handler {
	/* Server: a client connected; returns its session, or NULL to refuse it. Client: the connection
	 * stands; `context` is the session and the result is ignored. */
	void *(*on_connected)(void *context, struct local_conn *conn);
	void (*on_frame)(void *session, struct bytes line); /* without the line end */
	void (*on_sent)(void *session);			    /* nothing is left to send */
	/* The last call. `why` is NULL when the other side ended in order. */
	void (*on_closed)(void *session, const struct error *why);
};

struct local_server;

/* On the loop's thread (loop_call). Replaces a socket file that a dead gateway left: call it only while
 * holding the instance lock. The file is for this user alone. The server ends with its loop. */
struct local_server *local_server_start(struct loop *loop, const char *path,
	const struct local_handler *handler, void *context, struct error *error);

/* On the loop's thread. on_connected or on_closed (ERROR_NOT_FOUND: nobody listens there) follows. */
struct local_conn *local_connect(struct loop *loop, const char *path,
	const struct local_handler *handler, void *session, struct error *error);

/* Copies `line` and adds the line end. False: the backlog is full (nothing was sent), or no memory. */
bool local_conn_send(struct local_conn *conn, struct bytes line);
bool local_conn_is_idle(const struct local_conn *conn); /* nothing is left to send */
void local_conn_close(struct local_conn *conn);		/* on_closed follows */

#endif
