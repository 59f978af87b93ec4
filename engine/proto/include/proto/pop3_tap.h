/* pop3_tap.h -- between a POP3 client and its server, once both are logged in: passes commands and answers on and
 * gives out the content of every RETR beside. A pure state machine with two sides, in the manner of smtp_server.h.
 *
 * Only commands whose answers' framing is known are passed (RFC 1939, 2449): each is an event that the driver passes
 * or refuses. The driver may ask the server for something itself; the answer goes to the driver alone. Answers keep
 * the order of the commands. An answer of many lines ends at CRLF.CRLF and nowhere else, whatever its first line announces.
 *
 * The last octet of the answer to RETR is held back behind a gate until the driver opens it; what comes behind waits
 * in fixed memory, and then nothing more is read from the server. So a client has never seen the end of
 * a message whose copy was not kept.
 *
 * Nothing secret passes here: the login is over. */
#ifndef LG_PROTO_POP3_TAP_H
#define LG_PROTO_POP3_TAP_H

#include "base/bytes.h"

/* Commands without an answer, of both sides together. */
enum { POP3_TAP_QUEUE = 32 };

enum pop3_tap_command {
	POP3_TAP_CAPA,
	POP3_TAP_STAT,
	POP3_TAP_LIST,
	POP3_TAP_UIDL,
	POP3_TAP_RETR,
	POP3_TAP_TOP,
	POP3_TAP_DELE,
	POP3_TAP_RSET,
	POP3_TAP_NOOP,
	POP3_TAP_QUIT,
};

enum pop3_tap_event_kind {
	POP3_TAP_EVENT_COMMAND, /* from the client; pass or refuse it, now or later */
	POP3_TAP_EVENT_STATUS,	/* the first line of an answer; .ok, .text behind the +OK or -ERR */
	POP3_TAP_EVENT_LINE,	/* of the answer to the driver's UIDL or LIST; .text without CRLF */
	POP3_TAP_EVENT_BODY,	/* content of RETR, dots removed; .text */
	POP3_TAP_EVENT_END,	/* that answer is complete; .gate of a client's RETR */
	POP3_TAP_EVENT_CLOSE,	/* close when everything was pulled (pop3_tap_is_drained) */
	POP3_TAP_EVENT_BROKEN,	/* the server's answer is malformed; nothing more is read from it */
};

struct pop3_tap_event {
	enum pop3_tap_event_kind kind;
	enum pop3_tap_command command;
	uint32_t number; /* of the message; 0: none was given */
	bool is_own;	 /* the driver's command, not the client's */
	bool ok;
	uint64_t gate;
	struct bytes text; /* valid until the next feed of that side */
};

struct pop3_tap;

struct pop3_tap_options {
	/* The server announced PIPELINING; else it gets one command at a time, whatever the client does. */
	bool server_pipelines;
	uint32_t max_errors; /* -ERR answers to nonsense before the end */
};

struct pop3_tap *pop3_tap_new(const struct pop3_tap_options *options); /* NULL: no memory */
void pop3_tap_free(struct pop3_tap **tap);			       /* sets NULL */

/* Each returns how many bytes were used, and stops at an event; take all events, then offer the rest again. Less is
 * used, 0 too, while there is no room: offer it again after a pull, or an answer of the other side. */
size_t pop3_tap_feed_client(struct pop3_tap *tap, struct bytes in);
size_t pop3_tap_feed_server(struct pop3_tap *tap, struct bytes in);
bool pop3_tap_next_event(struct pop3_tap *tap, struct pop3_tap_event *event);
size_t pop3_tap_pull_client(struct pop3_tap *tap, uint8_t *space, size_t capacity);
size_t pop3_tap_pull_server(struct pop3_tap *tap, uint8_t *space, size_t capacity);

/* COMMAND: the server gets it, or the client -ERR and the text, which may begin with a response code. Nothing behind
 * it is looked at before. Do nothing when no command waits, as after a shut down. */
void pop3_tap_pass(struct pop3_tap *tap);
void pop3_tap_refuse(struct pop3_tap *tap, const char *text);
/* Whether the place for a command of the driver's own is free, and takes it: UIDL, LIST, RETR or NOOP. `number` 0: without one. */
bool pop3_tap_ask(struct pop3_tap *tap, enum pop3_tap_command command, uint32_t number);
/* The gate of an END: what is behind it may go out once those before it are open, too. */
void pop3_tap_open_gate(struct pop3_tap *tap, uint64_t gate);

/* The driver ends the session, after BROKEN, too: -ERR and the text where the client waits for the beginning of an
 * answer, then CLOSE. Inside of an answer, and behind a closed gate, nothing is said. */
void pop3_tap_shut_down(struct pop3_tap *tap, const char *text);
/* Nothing is left for the client. False for ever with a gate that is not opened. */
bool pop3_tap_is_drained(const struct pop3_tap *tap);

#endif
