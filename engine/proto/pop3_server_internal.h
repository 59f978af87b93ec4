/* pop3_server_internal.h -- what the machine (pop3_server.c), its commands (pop3_command.c) and AUTH
 * (pop3_auth.c) share.
 *
 * Invariants: at most one event waits; while one does, or an answer, a handshake, a listing or a
 * body is due, no command is looked at, so that answers keep the order of the commands. */
#ifndef LG_PROTO_POP3_SERVER_INTERNAL_H
#define LG_PROTO_POP3_SERVER_INTERNAL_H

#include "base/error.h"
#include "crlf_line_internal.h"
#include "outbox_internal.h"
#include "pop3_body_internal.h"
#include "pop3_listing_internal.h"
#include "proto/pop3_server.h"
#include "proto/sasl.h"

enum {
	/* RFC 2449 4 allows commands of 255 octets, but a response to AUTH is as long as it is (RFC 5034 4):
	 * the longest that PLAIN needs here, an address twice and a password of 255 octets, fits. */
	POP3_COMMAND_MAX = 1024,
	/* RFC 2449 4: the first line of an answer with its CRLF. CAPA's whole answer fits too. */
	POP3_REPLY_MAX = 512,
	/* The answers to a few pipelined commands, before they are pulled. */
	POP3_OUTBOX_SIZE = 2048,
	/* An address of the greatest length (RFC 5321 4.5.3.1) is 254 octets. */
	POP3_USER_MAX = 320,
};

enum pop3_state {
	POP3_IN_AUTHORIZATION = 1 << 0,
	POP3_IN_TRANSACTION = 1 << 1,
};

enum pop3_due {
	POP3_DUE_NOTHING,
	POP3_DUE_LOGIN,
	POP3_DUE_RETRIEVE,
	POP3_DUE_PIECE,
	POP3_DUE_UPDATE,
	POP3_DUE_HANDSHAKE,
	POP3_DUE_CLOSE, /* for good */
};

struct pop3_server {
	struct pop3_server_options options;
	enum pop3_state state;
	enum pop3_due due;
	bool is_tls;
	uint32_t errors;

	bool has_event;
	struct pop3_event event;

	bool has_user;
	size_t user_size;
	struct sasl sasl; /* while an exchange is under way the next line is a response */
	struct pop3_maildrop maildrop;
	/* Of what is not deleted, so that STAT and DELE cost the same in any maildrop. */
	size_t kept_count;
	uint64_t kept_size;

	struct crlf_line line;
	struct outbox outbox;
	struct pop3_listing listing;
	struct pop3_body body;

	uint8_t user[POP3_USER_MAX];
	uint8_t line_data[POP3_COMMAND_MAX];
	uint8_t outbox_data[POP3_OUTBOX_SIZE];
};

/* Each is one answer line; CRLF is added, anything that is not printable ASCII becomes '?'. */
void pop3_server_ok(struct pop3_server *server, const char *format, ...) PRINTF_LIKE(2, 3);
void pop3_server_error(struct pop3_server *server, const char *text);
void pop3_server_challenge(struct pop3_server *server, const char *base64);
/* -ERR to what no sane client sends; too many of them end the session. */
void pop3_server_nonsense(struct pop3_server *server, const char *text);

void pop3_server_raise(struct pop3_server *server, enum pop3_event_kind kind, enum pop3_due due);
void pop3_server_close(struct pop3_server *server);
/* Wipes what a login has brought so far, the line included. */
void pop3_server_forget_login(struct pop3_server *server);

/* Runs the complete line in server->line. */
void pop3_command_run(struct pop3_server *server);

/* AUTH with its arguments: a view into server->line, not empty. */
void pop3_auth_run(struct pop3_server *server, struct bytes arguments);
/* The complete line in server->line is the response to a challenge. */
void pop3_auth_respond(struct pop3_server *server);

#endif
