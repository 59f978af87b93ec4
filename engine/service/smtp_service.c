/* smtp_service.c -- drives proto/smtp_server.h over net/conn.h. The core decides what is SMTP; who is a
 * recipient is decided in smtp_recipient.c, what becomes of content in smtp_message.c. Here are the
 * connection and its time limits. */
#include "service/smtp_service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/clock.h"
#include "smtp_session_internal.h"

/* RCPTs of one transaction, however many of them lead to one mailbox. RFC 5321 4.5.3.1.8 asks for 100. */
enum { RECIPIENTS_MAX = 1000 };

void smtp_session_free_when_done(struct smtp_session *session)
{
	if (session->conn || session->is_storing)
		return;
	smtp_message_reset(session);
	smtp_server_free(&session->core);
	session_place_leave(&session->place);
	free(session);
}

/* ---- time ---- */

/* Before a recipient was accepted it is asked in short steps whether connections are scarce by now. */
static uint64_t silence_step_ms(const struct smtp_session *session)
{
	const struct service_settings *settings = &session->settings;

	if (session->has_recipient ||
		settings->smtp_pressure_timeout_ms > settings->smtp_timeout_ms)
		return settings->smtp_timeout_ms;
	return settings->smtp_pressure_timeout_ms;
}

void smtp_session_limit_silence(struct smtp_session *session)
{
	conn_set_idle_limit(session->conn, silence_step_ms(session));
}

/* A step of silence has passed. False: it is enough. */
static bool may_be_silent(struct smtp_session *session)
{
	const struct service_settings *settings = &session->settings;
	uint64_t silence_ms = conn_silence_ms(session->conn);
	uint64_t step_ms = silence_step_ms(session);

	if (silence_ms >= settings->smtp_timeout_ms ||
		(!session->has_recipient && sessions_are_scarce(session->service->sessions)))
		return false;
	if (step_ms > settings->smtp_timeout_ms - silence_ms)
		step_ms = settings->smtp_timeout_ms - silence_ms;
	conn_set_idle_limit(session->conn, step_ms);
	return true;
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
	smtp_message_reset(session);
	bytes_copy_text(event->address.whole, session->sender, sizeof session->sender);
	session->announced_size = event->size;
	session->is_utf8 = event->utf8;
	smtp_server_accept(session->core);
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
		smtp_recipient_decide(session, &event->address);
		break;
	case SMTP_EVENT_DATA:
		smtp_message_begin(session);
		break;
	case SMTP_EVENT_BODY:
		smtp_message_take(session, event->text);
		break;
	case SMTP_EVENT_END:
		smtp_message_end(session);
		break;
	case SMTP_EVENT_ABORT:
		if (!session->is_storing)
			smtp_message_reset(session);
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

static void shut_down(struct smtp_session *session, const char *text)
{
	smtp_server_shut_down(session->core, text);
	handle_events(session);
}

/* ---- the connection ---- */

static void conn_opened(void *context)
{
	struct smtp_session *session = context;

	if (!session->implicit_tls && conn_is_tls(session->conn))
		smtp_server_tls_started(session->core);
	smtp_session_limit_silence(session);
}

static size_t feed(struct smtp_session *session, struct bytes in)
{
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

/* Between the chunks of BDAT, too, and where the core swallows what is too large. */
static bool is_receiving(const struct smtp_session *session)
{
	return session->has_content || smtp_server_is_in_content(session->core);
}

static size_t conn_input(void *context, struct bytes in)
{
	struct smtp_session *session = context;
	size_t used;

	if (!session->has_recipient) {
		session_place_renew(session->place);
		smtp_session_limit_silence(session);
	}
	used = feed(session, in);
	if (!is_receiving(session))
		session->rate.is_running = false;
	else if (message_rate_is_too_slow(&session->rate, clock_monotonic_us(), used,
			 session->settings.smtp_min_rate)) {
		log_event(LOG_WARNING, "smtp.too-slow", "peer=%s octets=%llu", session->peer.host,
			(unsigned long long)session->rate.octets);
		shut_down(session, "4.4.2 The message comes too slowly");
	}
	return used;
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

	if (reason == CONN_IDLE && may_be_silent(session))
		return;
	shut_down(session,
		reason == CONN_IDLE ? "4.4.2 Idle for too long" : "4.3.2 The gateway is stopping");
}

static void conn_closed(void *context, const struct error *why)
{
	struct smtp_session *session = context;

	if (why)
		log_event(LOG_DEBUG, "smtp.closed", "peer=%s why=\"%s\"", session->peer.host,
			why->text);
	session->conn = NULL;
	smtp_session_free_when_done(session);
}

static const struct conn_handler handler = { conn_opened, conn_input, conn_output, conn_ends,
	conn_closed };

/* Somebody else needs the place. It is not waited for that the peer reads the last reply: the places of silent peers
 * are to be free at once. */
static bool give_way(void *context)
{
	struct smtp_session *session = context;

	if (session->has_recipient)
		return false;
	log_event(LOG_INFO, "smtp.gave-way", "peer=%s", session->peer.host);
	shut_down(session, "4.3.2 Too many connections, try again later");
	conn_kick(session->conn);
	conn_abort(session->conn, "it gave way to another connection");
	return true;
}

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
		.max_recipients = RECIPIENTS_MAX,
		.announced_recipients = session->settings.max_recipients,
		.max_errors = session->settings.max_errors,
		.max_commands = session->settings.max_commands,
	};
	session->core = smtp_server_new(&options);
	if (session->core)
		return session;
	free(session);
	return NULL;
}

void smtp_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls, struct session_place *place)
{
	struct smtp_session *session = session_new(service, loop, peer, implicit_tls);
	struct conn_options options = { .tls = service->tls, .implicit_tls = implicit_tls };
	struct error error;

	if (!session) {
		log_event(LOG_ERROR, "smtp.refused", "peer=%s why=\"out of memory\"", peer->host);
		session_place_leave(&place);
		socket_close(socket);
		return;
	}
	session->place = place;
	session_place_take(place, give_way, session);
	options.handshake_limit_ms = session->settings.tls_timeout_ms;
	session->conn = conn_accept(loop, socket, &options, &handler, session, &error);
	if (session->conn)
		return;
	log_event(LOG_ERROR, "smtp.refused", "peer=%s why=\"%s\"", peer->host, error.text);
	smtp_session_free_when_done(session);
}
