/* smtp_server.h -- the server side of SMTP (RFC 5321) as a pure state machine.
 *
 * Bytes in, events out, answers in, bytes out; everything is pulled, nothing calls back. No socket,
 * clock, disk or thread: tests and fuzzers drive exactly what ships. Its memory is fixed at creation,
 * so feeding cannot fail.
 *
 * The driver's loop:
 *
 *	used = smtp_server_feed(server, in);		(stops at an event, or when it must be answered)
 *	while (smtp_server_next_event(server, &event))
 *		... act; smtp_server_reply() or _accept() now or later ...
 *	size = smtp_server_pull(server, space, capacity);	(send it)
 *
 * Replies leave in the order of the commands, however many were pipelined (RFC 2920): nothing behind
 * a command that waits for its answer is looked at. Feed returns less than it was given, 0 too, while
 * an answer is due or replies have not been pulled; offer the rest again then.
 *
 * Only CRLF ends a command and only CRLF.CRLF ends the content of DATA: a bare LF or CR never does, so
 * nothing can be smuggled behind one. What was fed before the handshake is never run behind it.
 *
 * Extensions: PIPELINING, SIZE (1870), 8BITMIME (6152), STARTTLS (3207), CHUNKING (3030, without
 * BINARYMIME), SMTPUTF8 (6531), LIMITS (9422: RCPTMAX), ENHANCEDSTATUSCODES (2034). The parameters of DSN
 * (3461) are taken and given out, but DSN is not announced: who announces it must send delivery
 * reports, and the gateway sends no mail. */
#ifndef LG_PROTO_SMTP_SERVER_H
#define LG_PROTO_SMTP_SERVER_H

#include "base/bytes.h"
#include "mail/address.h"

struct smtp_server;

struct smtp_server_options {
	const char *hostname;	   /* in greeting and EHLO; copied */
	uint64_t max_message_size; /* octets, announced by SIZE */
	bool tls;		   /* the connection is encrypted from the start */
	uint32_t max_recipients; /* RCPTs accepted in one transaction, announced; 452 4.5.3 above */
	uint32_t announced_recipients; /* by LIMITS, if it is not max_recipients; 0: that */
	uint32_t max_errors;	       /* 5xx answers; the next one is 421 4.7.0 and the end */
	/* Commands without a message that was taken (END accepted), one more is 421 4.7.0 and the end;
	 * 0: no limit. Chunks of content are no commands here: max_message_size bounds them. */
	uint32_t max_commands;
};

enum smtp_event_kind {
	SMTP_EVENT_HELLO, /* EHLO or HELO was answered; .text is the name given */
	SMTP_EVENT_STARTTLS, /* 220 is ready to be pulled: send it, do the handshake, drop all input read
				 before it, then smtp_server_tls_started() */
	SMTP_EVENT_PLAINTEXT, /* MAIL without TLS was refused with 451 4.7.0; .address is the sender */
	SMTP_EVENT_MAIL,      /* accept or reply; .address, .size (0: not given), .utf8, .dsn */
	SMTP_EVENT_RCPT,      /* accept or reply; .address, .dsn */
	SMTP_EVENT_DATA,      /* the content begins: accept (354 goes out for DATA) or reply */
	SMTP_EVENT_BODY,      /* .text is content, dots removed; valid until the next feed */
	SMTP_EVENT_END,	      /* the content is complete: accept (250) or reply, after it is safe */
	SMTP_EVENT_ABORT, /* the transaction since MAIL is void: RSET, EHLO, an error, QUIT, too large */
	SMTP_EVENT_CLOSE, /* close the connection when everything was pulled and sent */
};

/* What a sender wants of delivery reports, as written (RFC 3461 4), each of correct syntax and without
 * blanks: fit to be passed on behind "RET=" and so on. Empty: not given. */
struct smtp_dsn {
	struct bytes ret, envid;    /* MAIL */
	struct bytes notify, orcpt; /* RCPT; with SMTPUTF8 orcpt may hold UTF-8 (RFC 6533 3) */
};

struct smtp_event {
	enum smtp_event_kind kind;
	struct bytes text;
	struct address address; /* views, valid until the next feed */
	struct smtp_dsn dsn;	/* views, valid until the next feed */
	uint64_t size;
	bool extended; /* HELLO: it was EHLO */
	bool utf8;     /* MAIL: SMTPUTF8 was given; only then addresses hold UTF-8, well-formed */
};

struct smtp_server *smtp_server_new(
	const struct smtp_server_options *options); /* NULL: no memory */
void smtp_server_free(struct smtp_server **server); /* sets NULL */

/* Takes bytes from the peer; returns how many were used. */
size_t smtp_server_feed(struct smtp_server *server, struct bytes in);
/* One event at a time; false when there is none. An event that needs an answer is given once. */
bool smtp_server_next_event(struct smtp_server *server, struct smtp_event *event);
/* Answers the event that waits; does nothing when none does, as after a shut down. `text` begins with
 * the enhanced status code (RFC 3463), which is left out again after HELO. A code below 400 accepts,
 * 421 closes. A refused DATA or END voids the transaction (no ABORT). */
void smtp_server_reply(struct smtp_server *server, int code, const char *text);
void smtp_server_accept(struct smtp_server *server); /* the fitting 2xx or 354 */
bool smtp_server_needs_answer(const struct smtp_server *server);
/* Copies out bytes for the peer; returns how many, 0 when there are none. */
size_t smtp_server_pull(struct smtp_server *server, uint8_t *space, size_t capacity);

/* The handshake is done: forgets everything said before it (RFC 3207 4.2). */
void smtp_server_tls_started(struct smtp_server *server);
/* Ends the session from this side ("4.4.2 idle for too long"): 421, then a CLOSE event. Any
 * transaction is void (ABORT comes first), and so is the event that waits for its answer. */
void smtp_server_shut_down(struct smtp_server *server, const char *text);
/* For time limits: whether a transaction has at least one recipient, or content is flowing. */
bool smtp_server_is_in_transaction(const struct smtp_server *server);
/* Content flows, be it that it is swallowed. */
bool smtp_server_is_in_content(const struct smtp_server *server);

#endif
