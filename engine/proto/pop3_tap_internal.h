/* pop3_tap_internal.h -- the parts of the tap to each other:
 *
 *	pop3_tap.c		events, the driver's answers, what ends a session
 *	pop3_tap_client.c	the client's lines, the table of commands, what the server is sent
 *	pop3_tap_server.c	the server's answers
 *
 * The queue is the invariant: it holds what was asked and not yet answered, in the order in which answers must leave,
 * be it that the gateway itself has the answer. One event waits at most, and neither side is read while it does. */
#ifndef LG_PROTO_POP3_TAP_INTERNAL_H
#define LG_PROTO_POP3_TAP_INTERNAL_H

#include "crlf_line_internal.h"
#include "mail/dot.h"
#include "outbox_internal.h"
#include "pop3_passage_internal.h"
#include "proto/pop3_tap.h"

enum {
	/* RFC 2449 4: 255 with CRLF. */
	POP3_TAP_COMMAND_MAX = 256,
	/* RFC 2449 4 allows 512; some servers write longer errors. */
	POP3_TAP_ANSWER_MAX = 1024,
	/* A verb, two numbers, blanks, CRLF. */
	POP3_TAP_SENT_MAX = 32,
	POP3_TAP_REFUSAL_MAX = 200,
};

enum pop3_tap_shape {
	POP3_TAP_LINE,	       /* the answer is one line */
	POP3_TAP_LINES,	       /* many, each looked at */
	POP3_TAP_CONTENT,      /* many, passed as they are */
	POP3_TAP_KEPT_CONTENT, /* and given out beside */
};

struct pop3_tap_entry {
	enum pop3_tap_command command;
	enum pop3_tap_shape shape;
	uint32_t number, lines;
	bool has_lines;
	bool is_own;
	bool is_sent;
	/* Not for the server: the gateway's own -ERR, which waits for its turn. */
	bool is_refused;
	char refusal[POP3_TAP_REFUSAL_MAX];
};

enum pop3_tap_reading {
	POP3_TAP_READING_STATUS,
	POP3_TAP_READING_LINES,
	POP3_TAP_READING_CONTENT,
	POP3_TAP_READING_NOTHING,
};

struct pop3_tap {
	struct pop3_tap_options options;
	uint32_t errors;
	bool is_closing;  /* nothing is read from the client any more */
	bool is_inside;	  /* it ended inside of an answer that the client was reading */
	bool is_over;	  /* CLOSE was raised */
	bool is_deciding; /* `asked` waits for the driver */
	struct pop3_tap_entry asked;

	bool has_event;
	struct pop3_tap_event event;

	struct pop3_tap_entry queue[POP3_TAP_QUEUE];
	size_t first, count;

	enum pop3_tap_reading reading;
	struct pop3_tap_entry answered; /* whose answer is being read */
	struct dot_decoder decoder;

	struct crlf_line client_line, server_line;
	struct outbox to_server;
	struct pop3_passage to_client;
	uint8_t client_line_data[POP3_TAP_COMMAND_MAX];
	uint8_t server_line_data[POP3_TAP_ANSWER_MAX];
	uint8_t to_server_data[POP3_TAP_QUEUE * POP3_TAP_SENT_MAX];
};

/* ---- pop3_tap.c ---- */

void pop3_tap_raise(struct pop3_tap *tap, enum pop3_tap_event_kind kind, struct bytes text);
/* The last one: nothing is read any more. */
void pop3_tap_end(struct pop3_tap *tap, enum pop3_tap_event_kind kind);
void pop3_tap_push(struct pop3_tap *tap, const struct pop3_tap_entry *entry);
struct pop3_tap_entry pop3_tap_pop(struct pop3_tap *tap);
struct pop3_tap_entry *pop3_tap_entry_at(struct pop3_tap *tap, size_t index);
/* Those whose turn it is, as far as there is room. */
void pop3_tap_say_refusals(struct pop3_tap *tap);
/* "-ERR text" CRLF: it fits where POP3_TAP_ANSWER_MAX octets do. */
void pop3_tap_say_error(struct pop3_tap *tap, const char *text);

/* ---- pop3_tap_client.c ---- */

/* Runs the complete line of the client. */
void pop3_tap_run_line(struct pop3_tap *tap);
/* Sends the server what it may get by now. */
void pop3_tap_send_on(struct pop3_tap *tap);
enum pop3_tap_shape pop3_tap_shape_of(enum pop3_tap_command command, bool has_number);

#endif
