/* pop3_client.h -- the client side of POP3 (RFC 1939, 2449) as a pure state machine: writes
 * commands, matches the answers to them in order, takes multi-line answers apart. Decides nothing.
 * Up to POP3_CLIENT_PIPELINE commands may be outstanding. What follows the answer to STLS before
 * the handshake is dropped.
 *
 * A password passes through it, so the caller supplies its memory, as for pop3_server.h. */
#ifndef LG_PROTO_POP3_CLIENT_H
#define LG_PROTO_POP3_CLIENT_H

#include "base/bytes.h"

enum { POP3_CLIENT_PIPELINE = 32 };

enum pop3_client_command {
	POP3_CLIENT_GREETING, /* not sent: the server's banner */
	POP3_CLIENT_CAPA,
	POP3_CLIENT_STLS,
	POP3_CLIENT_AUTH,
	POP3_CLIENT_USER,
	POP3_CLIENT_PASS,
	POP3_CLIENT_STAT,
	POP3_CLIENT_LIST,
	POP3_CLIENT_UIDL,
	POP3_CLIENT_RETR,
	POP3_CLIENT_TOP,
	POP3_CLIENT_DELE,
	POP3_CLIENT_RSET,
	POP3_CLIENT_NOOP,
	POP3_CLIENT_QUIT,
};

enum pop3_client_extension {
	POP3_HAS_STLS = 1 << 0,
	POP3_HAS_USER = 1 << 1,
	POP3_HAS_UIDL = 1 << 2,
	POP3_HAS_TOP = 1 << 3,
	POP3_HAS_PIPELINING = 1 << 4,
};

enum pop3_client_event_kind {
	POP3_CLIENT_EVENT_STATUS,    /* the +OK or -ERR line; .ok, .text */
	POP3_CLIENT_EVENT_CHALLENGE, /* to AUTH: respond; .text is base64 */
	POP3_CLIENT_EVENT_LINE,	     /* a line of CAPA, LIST or UIDL; .text without CRLF */
	POP3_CLIENT_EVENT_BODY,	     /* content of RETR or TOP, dots removed; .text */
	POP3_CLIENT_EVENT_END,	     /* the multi-line answer is complete */
	POP3_CLIENT_EVENT_BROKEN,    /* malformed; nothing more is read */
};

struct pop3_client_event {
	enum pop3_client_event_kind kind;
	enum pop3_client_command command;
	bool ok;
	struct bytes text; /* valid until the next feed; of BODY it lies in what was fed */
};

struct pop3_client;
size_t pop3_client_size(void);
struct pop3_client *pop3_client_init(void *memory);
void pop3_client_clear(struct pop3_client *client); /* wipes */

/* Returns how many bytes were used. Stops at an event; take all events, then offer the rest
 * again. It may use nothing and yet give an event (a CR of the content that was held back). */
size_t pop3_client_feed(struct pop3_client *client, struct bytes in);
bool pop3_client_next_event(struct pop3_client *client, struct pop3_client_event *event);
size_t pop3_client_pull(struct pop3_client *client, uint8_t *space, size_t capacity);

/* Queues a command; false when POP3_CLIENT_PIPELINE are outstanding, when too much of what was
 * queued has not been pulled yet, behind STLS and AUTH until they are answered, or when `argument` is too
 * long or holds a CR, LF or NUL. The argument is what follows the verb; empty or NULL data for
 * none. */
bool pop3_client_send(
	struct pop3_client *client, enum pop3_client_command command, struct bytes argument);
/* After a CHALLENGE: lends the response in base64, or "*". It is sent with CRLF behind it, without being copied or
 * kept; it stays the caller's, until the next event. */
void pop3_client_respond(struct pop3_client *client, struct bytes response);
void pop3_client_tls_started(struct pop3_client *client);
/* Every server doubles a dot behind CRLF (RFC 1939 3). This gateway's doubles it behind a bare
 * LF too (mail/dot.h); set this when such a server is known to be on the other side, or a dot
 * that it added stays in the content. Not set at first: with any other server it would remove a
 * dot too many. */
void pop3_client_set_dots_behind_lf(struct pop3_client *client, bool set);
/* From the last CAPA: pop3_client_extension bits, and what SASL offers (sasl_client.h). */
uint32_t pop3_client_extensions(const struct pop3_client *client);
uint32_t pop3_client_mechanisms(const struct pop3_client *client);

#endif
