/* smtp_server_internal.h -- the parts of the SMTP server machine to each other:
 *
 *	smtp_server.c		the machine: feeding, events, replies, the driver's answers
 *	smtp_server_command.c	the command table and its handlers
 *	smtp_server_content.c	what follows DATA and BDAT
 *
 * How order is kept: nothing of the input is looked at while an event has not been taken, an answer is
 * due, or the outbox has no room for all that one command can say (smtp_server_can_go_on). So there is
 * never more than one command in the machine. */
#ifndef LG_PROTO_SMTP_SERVER_INTERNAL_H
#define LG_PROTO_SMTP_SERVER_INTERNAL_H

#include "crlf_line_internal.h"
#include "mail/dot.h"
#include "outbox_internal.h"
#include "proto/smtp_server.h"
#include "smtp_command_internal.h"

enum {
	SMTP_LINE_SIZE = 2048, /* a command with its CRLF */
	SMTP_REPLY_SIZE = 512, /* a reply line with its CRLF (RFC 5321 4.5.3.1.5) */
	SMTP_OUTBOX_SIZE = 2048,
	/* One command's reply, and beside it the 421 of smtp_server_shut_down() at any time. */
	SMTP_STEP_SIZE = 2 * SMTP_REPLY_SIZE,
	SMTP_HOSTNAME_SIZE = 256,
	SMTP_EVENTS = 4,
};

enum smtp_phase {
	SMTP_PHASE_COMMAND,
	SMTP_PHASE_CONTENT, /* behind DATA: up to CRLF.CRLF */
	SMTP_PHASE_CHUNK,   /* behind BDAT: a number of octets */
	SMTP_PHASE_TLS,	    /* everything is dropped until the handshake is done */
	SMTP_PHASE_CLOSED,  /* everything is dropped */
};

/* Which event waits for its answer. */
enum smtp_wait { SMTP_WAIT_NONE, SMTP_WAIT_MAIL, SMTP_WAIT_RCPT, SMTP_WAIT_DATA, SMTP_WAIT_END };

struct smtp_transaction {
	bool exists; /* MAIL was accepted */
	bool utf8;   /* with SMTPUTF8 */
	uint32_t recipients;
	bool has_content; /* DATA or the first BDAT was accepted */
	uint64_t received;
};

struct smtp_server {
	char hostname[SMTP_HOSTNAME_SIZE];
	uint64_t max_message_size;
	uint32_t max_recipients;
	uint32_t announced_recipients;
	uint32_t max_errors;
	uint32_t max_commands;
	bool tls;

	enum smtp_phase phase;
	enum smtp_wait wait;
	bool has_hello;
	bool is_extended; /* by EHLO */
	uint32_t errors;
	uint64_t commands; /* since the last message that was taken */
	struct smtp_transaction transaction;

	/* What flows in SMTP_PHASE_CONTENT and SMTP_PHASE_CHUNK, and what is said at its end. */
	struct dot_decoder decoder;
	struct smtp_chunk chunk; /* .size is what is left of it */
	bool is_by_chunk;
	bool is_swallowed;
	int refusal_code; /* after swallowing */
	char refusal_text[SMTP_REPLY_SIZE];

	struct crlf_line line;
	bool line_was_used; /* its views are the last event's; the next feed may reset it */
	struct outbox outbox;
	struct smtp_event events[SMTP_EVENTS];
	size_t first_event;
	size_t event_count;
	uint8_t line_data[SMTP_LINE_SIZE];
	uint8_t outbox_data[SMTP_OUTBOX_SIZE];
};

/* smtp_server.c */
bool smtp_server_can_go_on(const struct smtp_server *server);
void smtp_server_raise(struct smtp_server *server, struct smtp_event event);
/* As raise, for an event that needs an answer. */
void smtp_server_ask(struct smtp_server *server, enum smtp_wait wait, struct smtp_event event);
/* Writes a one-line reply. Enhanced status codes begin `text` of 2xx, 4xx and 5xx. */
void smtp_server_say(struct smtp_server *server, int code, const char *text);
/* Says no to a command, and counts it; one too many is answered 421 and ends the session. */
void smtp_server_reject(struct smtp_server *server, int code, const char *text);
/* Says no to something well-formed: only a permanent no counts. */
void smtp_server_refuse(struct smtp_server *server, int code, const char *text);
/* ABORT, when there is a transaction. */
void smtp_server_void_transaction(struct smtp_server *server);
/* The last reply, and CLOSE. */
void smtp_server_end(struct smtp_server *server, int code, const char *text);

/* smtp_server_command.c: `line` is a whole line without its CRLF. */
void smtp_server_run_command(struct smtp_server *server, struct bytes line);

/* smtp_server_content.c */
void smtp_server_start_content(struct smtp_server *server); /* DATA was accepted */
/* BDAT with a correct size. Asks for DATA's answer when it is the first of a message. */
void smtp_server_start_chunk(struct smtp_server *server, struct smtp_chunk chunk);
void smtp_server_continue_chunk(struct smtp_server *server); /* the first BDAT was accepted */
/* Takes the announced chunk in without giving it out, then says the refusal. */
void smtp_server_swallow_chunk(struct smtp_server *server, int code, const char *text);
/* Both take content off *in. */
void smtp_server_feed_content(struct smtp_server *server, struct bytes *in);
void smtp_server_feed_chunk(struct smtp_server *server, struct bytes *in);

#endif
