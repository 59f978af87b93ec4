/* pop3_server.h -- the server side of POP3 (RFC 1939, 2449, 2595, 5034, 6856) as a pure state machine.
 *
 * The same manner as smtp_server.h: bytes in, events out, answers in, bytes out, pulled. After login
 * it works on a maildrop that the caller lends: an array of ids and sizes, in which DELE sets marks.
 * LIST, UIDL and STAT are answered from it alone, produced piece by piece as they are pulled, so that
 * 100,000 lines need no memory. Commands may be pipelined; answers keep their order.
 *
 * A password may pass through the machine, so the caller supplies its memory (secret memory) and the
 * machine overwrites a line as soon as it was used. */
#ifndef LG_PROTO_POP3_SERVER_H
#define LG_PROTO_POP3_SERVER_H

#include "base/bytes.h"
#include "base/id.h"

struct pop3_server;

struct pop3_server_options {
	const char *hostname; /* in the banner; borrowed for the machine's life */
	bool tls;	      /* encrypted from the start */
	uint32_t max_errors;  /* -ERR answers to nonsense before the end */
	/* Shown by CAPA behind the login (RFC 2449 6.9), so that strangers do not learn it; borrowed; NULL:
	 * the name alone is shown, to everybody. */
	const char *version;
};

/* One message of the maildrop; number n is element n - 1. The unique-id is the id in hex. */
struct pop3_message {
	struct id id;
	uint64_t size; /* octets as RETR sends them, without dot-stuffing */
	bool is_deleted;
};

struct pop3_maildrop {
	struct pop3_message *messages;
	size_t count;
};

enum pop3_event_kind {
	POP3_EVENT_STLS,  /* +OK is ready to be pulled: as SMTP_EVENT_STARTTLS */
	POP3_EVENT_LOGIN, /* PASS or AUTH: log in or refuse; .user and .password valid until then */
	POP3_EVENT_RETRIEVE,	/* begin or refuse; .index, .whole, .lines */
	POP3_EVENT_BODY_WANTED, /* lend the next piece, or end */
	POP3_EVENT_UPDATE,	/* QUIT after login: delete what is marked, then accept or refuse */
	POP3_EVENT_CLOSE,	/* close when everything was pulled and sent */
};

struct pop3_event {
	enum pop3_event_kind kind;
	struct bytes user;
	struct bytes password;
	size_t index; /* into maildrop.messages */
	bool whole;   /* RETR; else TOP: header, blank line and .lines lines */
	uint64_t lines;
};

size_t pop3_server_size(void); /* bytes of memory for one machine */
struct pop3_server *pop3_server_init(void *memory, const struct pop3_server_options *options);
void pop3_server_clear(struct pop3_server *server); /* wipes; the memory stays the caller's */

size_t pop3_server_feed(struct pop3_server *server, struct bytes in);
bool pop3_server_next_event(struct pop3_server *server, struct pop3_event *event);
size_t pop3_server_pull(struct pop3_server *server, uint8_t *space, size_t capacity);
bool pop3_server_needs_answer(const struct pop3_server *server);

/* LOGIN: the maildrop is lent until pop3_server_clear(). */
void pop3_server_log_in(struct pop3_server *server, struct pop3_maildrop maildrop);
/* Answers LOGIN, RETRIEVE or UPDATE with -ERR and the text, which may begin with a response code
 * ("[AUTH] ...", RFC 2449 8, 3206). */
void pop3_server_refuse(struct pop3_server *server, const char *text);
/* RETRIEVE: +OK, then BODY_WANTED comes until the end. For TOP the machine itself stops early: it
 * then asks for no more and ends the answer. */
void pop3_server_begin(struct pop3_server *server);
/* BODY_WANTED: `piece` stays valid until the next event or pop3_server_clear(). */
void pop3_server_lend(struct pop3_server *server, struct bytes piece);
/* BODY_WANTED: that was all; the missing CRLF and the terminating dot follow. A body that fails
 * half-way is not ended: the driver closes the connection. */
void pop3_server_end(struct pop3_server *server);
/* UPDATE: what was marked is gone for good. */
void pop3_server_accept(struct pop3_server *server);

void pop3_server_tls_started(struct pop3_server *server);
/* The driver ends the session ("[SYS/TEMP] ..."): -ERR, then CLOSE. Deletes nothing. Inside of a
 * multi-line answer nothing is said, and the answer is not ended. Answers that come later, from
 * another thread, are ignored. */
void pop3_server_shut_down(struct pop3_server *server, const char *text);
bool pop3_server_is_logged_in(const struct pop3_server *server);

#endif
