/* smtp_client.h -- the client side of SMTP (RFC 5321) as a pure state machine.
 *
 * The driver issues commands; the machine writes them, matches the replies to them in order and
 * gives each out as an event. It decides nothing: which command comes next is the driver's
 * business. Up to SMTP_CLIENT_PIPELINE commands may be outstanding. Server lines over 1000
 * octets, malformed replies and replies to nothing end in SMTP_CLIENT_EVENT_BROKEN, after which
 * nothing more is read. What follows the reply to STARTTLS before the handshake is dropped (RFC
 * 3207 4.2). */
#ifndef LG_PROTO_SMTP_CLIENT_H
#define LG_PROTO_SMTP_CLIENT_H

#include "base/bytes.h"

enum { SMTP_CLIENT_PIPELINE = 32 };

enum smtp_client_command {
	SMTP_CLIENT_GREETING, /* not sent: the server's first reply */
	SMTP_CLIENT_EHLO,
	SMTP_CLIENT_STARTTLS,
	SMTP_CLIENT_AUTH, /* 334 is a challenge: respond */
	SMTP_CLIENT_MAIL,
	SMTP_CLIENT_RCPT,
	SMTP_CLIENT_DATA,
	SMTP_CLIENT_BDAT,    /* sent by smtp_client_send_chunk() */
	SMTP_CLIENT_CONTENT, /* the reply to the end of the content */
	SMTP_CLIENT_RSET,
	SMTP_CLIENT_QUIT,
};

enum smtp_client_extension {
	SMTP_HAS_STARTTLS = 1 << 0,
	SMTP_HAS_PIPELINING = 1 << 1,
	SMTP_HAS_SIZE = 1 << 2,
	SMTP_HAS_8BITMIME = 1 << 3,
	SMTP_HAS_CHUNKING = 1 << 4,
	SMTP_HAS_SMTPUTF8 = 1 << 5,
	SMTP_HAS_DSN = 1 << 6,
	SMTP_HAS_ENHANCED_CODES = 1 << 7,
};

enum smtp_client_event_kind {
	SMTP_CLIENT_EVENT_LINE, /* of a reply that goes on; not of greeting and EHLO */
	SMTP_CLIENT_EVENT_REPLY,
	SMTP_CLIENT_EVENT_BROKEN,
};

struct smtp_client_event {
	enum smtp_client_event_kind kind;
	enum smtp_client_command command; /* what the reply answers */
	int code;	   /* BROKEN: of a reply to nothing (421 while content flows), else 0 */
	struct bytes text; /* of the line, of REPLY the last one; valid until the next feed */
};

struct smtp_client;
struct smtp_client *smtp_client_new(void); /* NULL: no memory */
void smtp_client_free(struct smtp_client **client);

/* Returns how many bytes were used. Stops at an event; take it, then offer the rest again. */
size_t smtp_client_feed(struct smtp_client *client, struct bytes in);
bool smtp_client_next_event(struct smtp_client *client, struct smtp_client_event *event);
size_t smtp_client_pull(struct smtp_client *client, uint8_t *space, size_t capacity);

/* Queues a command; false when SMTP_CLIENT_PIPELINE are outstanding, when nothing may follow the
 * last one before it is answered (DATA, STARTTLS, AUTH), while content flows, after BROKEN, or when
 * `argument` is too long or holds a CR or LF. It is what follows the verb ("FROM:<a@example.com>
 * SIZE=10"); NULL for none. Greeting, chunks and content are not sent by this. */
bool smtp_client_send(
	struct smtp_client *client, enum smtp_client_command command, const char *argument);
/* After a REPLY to AUTH with 334: lends the response in base64, or "*". It is sent with CRLF behind it, without being
 * copied or kept; it stays the caller's, until the next event. */
void smtp_client_respond(struct smtp_client *client, struct bytes response);
/* BDAT (RFC 3030), when smtp_client_send() could send: so much content follows, to be lent as below and sent as it
 * is; nothing ends it. Each chunk has its own reply. */
bool smtp_client_send_chunk(struct smtp_client *client, uint64_t size, bool is_last);
/* After 354: lends content, to be dot-stuffed as it is pulled; call again when
 * smtp_client_wants_content(). smtp_client_end_content() adds the final dot and awaits its
 * reply. */
void smtp_client_lend_content(struct smtp_client *client, struct bytes piece);
bool smtp_client_wants_content(const struct smtp_client *client);
void smtp_client_end_content(struct smtp_client *client);
void smtp_client_tls_started(struct smtp_client *client);

/* From the last EHLO reply: smtp_client_extension bits, what AUTH offers (sasl_client.h), and the SIZE value (0: none). */
uint32_t smtp_client_extensions(const struct smtp_client *client);
uint32_t smtp_client_mechanisms(const struct smtp_client *client);
uint64_t smtp_client_size_limit(const struct smtp_client *client);

#endif
