/* smtp_session_internal.h -- one SMTP session, as smtp_service.c (the connection, its time limits),
 * smtp_recipient.c (who is a recipient) and smtp_message.c (from DATA to the store's answer) share it. Everything is
 * done on the session's loop. */
#ifndef LG_SERVICE_SMTP_SESSION_INTERNAL_H
#define LG_SERVICE_SMTP_SESSION_INTERNAL_H

#include "mail/header_find.h"
#include "net/conn.h"
#include "proto/smtp_server.h"
#include "service/delivery.h"
#include "service/message_rate.h"

struct smtp_session {
	struct service *service;
	struct loop *loop;
	struct conn *conn; /* NULL once it is gone */
	struct smtp_server *core;
	struct session_place *place;
	struct service_settings settings;
	struct socket_address peer;
	bool implicit_tls;
	bool was_extended;  /* EHLO, not HELO */
	bool has_recipient; /* one was accepted: the peer means it */
	char hello[256];

	/* the transaction */
	char sender[256];
	uint64_t announced_size; /* SIZE; 0: none */
	bool is_utf8;
	struct delivery_targets targets;

	/* its content */
	bool has_content; /* DATA was accepted, and its end not seen */
	struct delivery *delivery;
	uint64_t in_flight; /* its part of service.bytes_in_flight */
	struct message_rate rate;
	bool wants_tenant; /* looked for in the header, and not known yet */
	struct header_find tenant_field;
	char tenant[TENANT_SIZE]; /* empty: none is named */
	bool is_storing;	  /* the delivery is with the store */
	/* The content is swallowed, and this is the answer; 0: none. */
	int refusal_code;
	char refusal_text[80];
};

/* ---- smtp_service.c ---- */

void smtp_session_free_when_done(struct smtp_session *session);
/* The limit of silence that holds now. */
void smtp_session_limit_silence(struct smtp_session *session);

/* ---- smtp_recipient.c ---- */

/* Answers RCPT. */
void smtp_recipient_decide(struct smtp_session *session, const struct address *recipient);

/* ---- smtp_message.c ---- */

void smtp_message_reset(struct smtp_session *session); /* no transaction any more */
void smtp_message_begin(struct smtp_session *session); /* answers DATA */
void smtp_message_take(struct smtp_session *session, struct bytes content);
void smtp_message_end(struct smtp_session *session); /* answers the end, now or when it is stored */

#endif
