/* smtp_service.c -- drives proto/smtp_server.h over net/conn.h. The core decides what is SMTP; this file
 * decides who is a recipient, and answers for the store: 250 only from delivery's `done`. Passing and
 * doubtful troubles are 4xx; 5xx is for what will never work (docs/architecture.md). */
#include "service/smtp_service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/clock.h"
#include "proto/smtp_server.h"
#include "service/delivery.h"

struct smtp_session {
	struct service *service;
	struct loop *loop;
	struct conn *conn; /* NULL once it is gone */
	struct smtp_server *core;
	struct service_settings settings;
	struct socket_address peer;
	bool implicit_tls;
	bool was_extended; /* EHLO, not HELO */
	char hello[256];
	char sender[256];
	struct delivery_targets targets;
	struct delivery *delivery;
	bool is_storing; /* the delivery is with the store */
	bool has_failed; /* the content is swallowed, `failure` is the answer */
	struct error failure;
};

static void free_when_done(struct smtp_session *session)
{
	if (session->conn || session->is_storing)
		return;
	delivery_discard(&session->delivery);
	smtp_server_free(&session->core);
	atomic_fetch_sub(&session->service->session_count, 1);
	free(session);
}

static void reset_transaction(struct smtp_session *session)
{
	delivery_discard(&session->delivery);
	session->targets.count = 0;
	session->has_failed = false;
	session->sender[0] = '\0';
}

/* Nothing that can be helped by trying again may be a 5xx. */
static void reply_failure(struct smtp_session *session, const struct error *why)
{
	if (why->kind == ERROR_FULL)
		smtp_server_reply(session->core, 452, "4.3.1 No room for the message now");
	else
		smtp_server_reply(session->core, 451,
			"4.3.0 The message cannot be stored now, try again later");
	log_event(
		LOG_ERROR, "smtp.not-stored", "peer=%s why=\"%s\"", session->peer.host, why->text);
}

static void fail(struct smtp_session *session, const struct error *why)
{
	session->failure = *why;
	session->has_failed = true;
	delivery_discard(&session->delivery);
}

/* ---- events of the core ---- */

static void on_plaintext(struct smtp_session *session, const struct smtp_event *event)
{
	char id[96], text[512], sender[LOG_QUOTED_SIZE];

	log_quote(event->address.whole, sender);
	snprintf(id, sizeof id, "plaintext %s", session->peer.host);
	snprintf(text, sizeof text,
		"The mail server at %s tried to send mail without encryption (from %s).",
		session->peer.host, sender);
	problems_raise(session->service->problems, clock_wall_us(), PROBLEM_WARNING, id, text,
		"Switch TLS (STARTTLS) on in that server. Until then its mail waits there.");
}

static void on_mail(struct smtp_session *session, const struct smtp_event *event)
{
	reset_transaction(session);
	bytes_copy_text(event->address.whole, session->sender, sizeof session->sender);
	smtp_server_accept(session->core);
}

/* Where a recipient is refused. A full mailbox id is taken at any domain, so that a changed host name loses
 * nothing. */
static void on_recipient(struct smtp_session *session, const struct smtp_event *event)
{
	struct id mailbox;
	struct bytes domain = event->address.domain;

	if (!mailbox_id_parse(event->address.local_part, &mailbox)) {
		if (!domain.size ||
			bytes_equal_nocase(domain, bytes_of(session->settings.hostname)))
			smtp_server_reply(session->core, 550, "5.1.1 No such mailbox here");
		else
			smtp_server_reply(session->core, 550, "5.7.1 No relaying");
		return;
	}
	switch (directory_find(session->service->directory, &mailbox, NULL)) {
	case DIRECTORY_ACTIVE:
		/* RFC 5321 4.5.3.1.10: the sender gives the rest of them in another transaction. */
		if (delivery_targets_add(&session->targets, &mailbox))
			smtp_server_accept(session->core);
		else
			smtp_server_reply(session->core, 452, "4.5.3 Too many recipients");
		break;
	case DIRECTORY_SUSPENDED:
		smtp_server_reply(session->core, 450, "4.2.1 The mailbox is suspended");
		break;
	case DIRECTORY_BROKEN:
		smtp_server_reply(session->core, 451, "4.3.0 The mailbox cannot take mail now");
		break;
	case DIRECTORY_UNKNOWN:
		smtp_server_reply(session->core, 550, "5.1.1 No such mailbox here");
		break;
	}
}

static void on_data(struct smtp_session *session)
{
	const char *tls = conn_tls_description(session->conn);
	struct trace trace = {
		.return_path = bytes_of(session->sender),
		.hello = bytes_of(session->hello),
		.peer_address = bytes_of(session->peer.host),
		.gateway = bytes_of(session->settings.hostname),
		.protocol = session->was_extended ? "ESMTPS" : "SMTP",
		.tls = bytes_of(tls),
		.time_s = clock_wall_us() / 1000000,
	};
	struct error error;

	session->delivery =
		delivery_begin(session->service, session->loop, &session->targets, &trace, &error);
	if (session->delivery)
		smtp_server_accept(session->core);
	else
		reply_failure(session, &error);
}

static void on_body(struct smtp_session *session, struct bytes content)
{
	struct error error;

	if (!session->has_failed && session->delivery &&
		!delivery_write(session->delivery, content, &error))
		fail(session, &error);
}

/* On the loop: the store has answered. The delivery frees itself after this. */
static void on_stored(void *context, const struct error *why)
{
	struct smtp_session *session = context;
	char reply[64];

	session->is_storing = false;
	snprintf(reply, sizeof reply, "2.0.0 Kept as %s", delivery_id(session->delivery));
	if (!why)
		log_event(LOG_INFO, "smtp.stored", "peer=%s id=%s", session->peer.host,
			delivery_id(session->delivery));
	session->delivery = NULL;
	if (!session->conn) {
		free_when_done(session);
		return;
	}
	if (why)
		reply_failure(session, why);
	else
		smtp_server_reply(session->core, 250, reply);
	reset_transaction(session);
	conn_set_idle_limit(session->conn, session->settings.smtp_timeout_ms);
	conn_kick(session->conn);
}

static void on_end(struct smtp_session *session)
{
	struct error error;

	if (!session->has_failed && !delivery_finish(session->delivery, on_stored, session, &error))
		fail(session, &error);
	if (session->has_failed) {
		reply_failure(session, &session->failure);
		reset_transaction(session);
		return;
	}
	session->is_storing = true;
	/* The store takes as long as it takes: that is not the client's silence. */
	conn_set_idle_limit(session->conn, 0);
}

static void handle(struct smtp_session *session, const struct smtp_event *event)
{
	switch (event->kind) {
	case SMTP_EVENT_HELLO:
		session->was_extended = event->extended;
		bytes_copy_text(event->text, session->hello, sizeof session->hello);
		break;
	case SMTP_EVENT_STARTTLS:
		conn_start_tls(session->conn);
		break;
	case SMTP_EVENT_PLAINTEXT:
		on_plaintext(session, event);
		break;
	case SMTP_EVENT_MAIL:
		on_mail(session, event);
		break;
	case SMTP_EVENT_RCPT:
		on_recipient(session, event);
		break;
	case SMTP_EVENT_DATA:
		on_data(session);
		break;
	case SMTP_EVENT_BODY:
		on_body(session, event->text);
		break;
	case SMTP_EVENT_END:
		on_end(session);
		break;
	case SMTP_EVENT_ABORT:
		if (!session->is_storing)
			reset_transaction(session);
		break;
	case SMTP_EVENT_CLOSE:
		conn_finish(session->conn);
		break;
	}
}

static bool handle_events(struct smtp_session *session)
{
	struct smtp_event event;
	bool any = false;

	for (; smtp_server_next_event(session->core, &event); any = true)
		handle(session, &event);
	return any;
}

/* ---- the connection ---- */

static void conn_opened(void *context)
{
	struct smtp_session *session = context;

	if (!session->implicit_tls && conn_is_tls(session->conn))
		smtp_server_tls_started(session->core);
	conn_set_idle_limit(session->conn, session->settings.smtp_timeout_ms);
}

static size_t conn_input(void *context, struct bytes in)
{
	struct smtp_session *session = context;
	size_t total = 0, used;
	bool any;

	do {
		used = smtp_server_feed(session->core, bytes_skip(in, total));
		total += used;
		/* It may use nothing and still have an event (a CR that was held back). */
		any = handle_events(session);
	} while ((used || any) && total < in.size);
	return total;
}

static size_t conn_output(void *context, uint8_t *space, size_t capacity)
{
	struct smtp_session *session = context;
	size_t total = 0, size;
	bool any;

	do {
		size = smtp_server_pull(session->core, space + total, capacity - total);
		total += size;
		any = handle_events(session);
	} while ((size || any) && total < capacity);
	return total;
}

static void conn_ends(void *context, enum conn_end reason)
{
	struct smtp_session *session = context;

	smtp_server_shut_down(session->core,
		reason == CONN_IDLE ? "4.4.2 Idle for too long" : "4.3.2 The gateway is stopping");
	handle_events(session);
}

static void conn_closed(void *context, const struct error *why)
{
	struct smtp_session *session = context;

	if (why)
		log_event(LOG_DEBUG, "smtp.closed", "peer=%s why=\"%s\"", session->peer.host,
			why->text);
	session->conn = NULL;
	free_when_done(session);
}

static const struct conn_handler handler = { conn_opened, conn_input, conn_output, conn_ends,
	conn_closed };

static struct smtp_session *session_new(struct service *service, struct loop *loop,
	const struct socket_address *peer, bool implicit_tls)
{
	struct smtp_session *session = calloc(1, sizeof *session);
	struct smtp_server_options options;

	if (!session)
		return NULL;
	session->service = service;
	session->loop = loop;
	session->peer = *peer;
	session->implicit_tls = implicit_tls;
	service_settings(service, &session->settings);
	options = (struct smtp_server_options){
		.hostname = session->settings.hostname,
		.max_message_size = session->settings.max_message_size,
		.tls = implicit_tls,
		.max_recipients = session->settings.max_recipients,
		.max_errors = session->settings.max_errors,
	};
	session->core = smtp_server_new(&options);
	if (session->core)
		return session;
	free(session);
	return NULL;
}

void smtp_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls)
{
	struct smtp_session *session = session_new(service, loop, peer, implicit_tls);
	struct conn_options options = { .tls = service->tls, .implicit_tls = implicit_tls };
	struct error error;

	if (!session) {
		log_event(LOG_ERROR, "smtp.refused", "peer=%s why=\"out of memory\"", peer->host);
		atomic_fetch_sub(&service->session_count, 1);
		socket_close(socket);
		return;
	}
	options.handshake_limit_ms = session->settings.tls_timeout_ms;
	session->conn = conn_accept(loop, socket, &options, &handler, session, &error);
	if (session->conn)
		return;
	log_event(LOG_ERROR, "smtp.refused", "peer=%s why=\"%s\"", peer->host, error.text);
	free_when_done(session);
}
