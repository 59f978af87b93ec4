/* pop3_service.c -- drives proto/pop3_server.h over net/conn.h: the connection, and messages on their way out. The
 * login is in pop3_login.c, the update at the end in pop3_update.c.
 *
 * A message is opened piece by piece; what does not verify ends the connection without a terminator, so
 * that no archive takes half a message for a whole one, and is left out of the next session's list. */
#include "service/pop3_service.h"

#include <stdlib.h>

#include "base/log.h"
#include "crypto/secret.h"
#include "platform/clock.h"
#include "pop3_session_internal.h"
#include "service/quarantine.h"

static void session_free(struct pop3_session *session)
{
	if (session->core) {
		pop3_server_clear(session->core);
		secret_free(session->core);
	}
	collection_free(&session->collection);
	pop3_login_clear(session);
	free(session->removed);
	session_place_leave(&session->place);
	free(session);
}

static void free_when_done(struct pop3_session *session)
{
	if (!session->conn && !session->pending)
		session_free(session);
}

void pop3_session_begin_waiting(struct pop3_session *session)
{
	session->pending++;
	loop_hold(session->loop);
	conn_set_idle_limit(session->conn, 0);
}

bool pop3_session_end_waiting(struct pop3_session *session)
{
	struct loop *loop = session->loop;
	bool is_connected = session->conn != NULL;

	session->pending--;
	if (!is_connected)
		free_when_done(session);
	else if (!session->is_closing)
		conn_set_idle_limit(session->conn, session->settings.pop3_timeout_ms);
	else if (!session->pending)
		pop3_login_release(session);
	/* Last: the loop may end with this, and a session on it has to be gone by then. */
	loop_release(loop);
	return is_connected;
}

/* ---- sending a message ---- */

static void tell_failure(struct pop3_session *session, bool is_damaged)
{
	if (session->has_begun)
		conn_abort(session->conn, "a message could not be read to its end");
	else if (is_damaged)
		pop3_server_refuse(session->core, "[SYS/PERM] The message is damaged");
	else
		pop3_server_refuse(session->core, "[SYS/TEMP] The message cannot be read now");
}

/* On the loop. */
static void take_quarantined(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, quarantine_task);
	const struct store_quarantine *quarantine = &session->quarantine;

	if (!quarantine->ok)
		log_event(LOG_ERROR, "pop3.not-quarantined", "mailbox=%s why=\"%s\"",
			session->mailbox_text, quarantine->error.text);
	if (!pop3_session_end_waiting(session))
		return;
	tell_failure(session, true);
	if (session->conn)
		conn_kick(session->conn);
}

static void on_quarantined(struct store_quarantine *quarantine)
{
	struct pop3_session *session = quarantine->context;

	loop_post(session->loop, &session->quarantine_task);
}

/* The client hears of it after the store: who comes back at once finds a list without the message. */
static void quarantine(struct pop3_session *session, const struct error *why)
{
	struct store_quarantine *quarantine = &session->quarantine;
	char name[STORE_NAME_SIZE];

	directory_name(session->service->directory, &session->mailbox, name);
	quarantine_raise(session->service->problems, clock_wall_us(), &session->mailbox, name,
		&quarantine->message, why->text);
	quarantine->mailbox = session->mailbox;
	quarantine->done = on_quarantined;
	quarantine->context = session;
	session->quarantine_task.run = take_quarantined;
	pop3_session_begin_waiting(session);
	store_quarantine_submit(session->service->store, quarantine);
}

static void collection_failed(struct pop3_session *session, const struct error *why)
{
	log_event(LOG_ERROR, "pop3.not-sent", "mailbox=%s why=\"%s\"", session->mailbox_text,
		why->text);
	collection_free(&session->collection);
	if (why->kind == ERROR_CORRUPT)
		quarantine(session, why);
	else
		tell_failure(session, false);
}

/* On the loop: a piece is there, or none ever will be. */
static void on_piece(void *context, const struct error *why)
{
	struct pop3_session *session = context;
	bool wanted_by_core = session->has_begun;

	if (!pop3_session_end_waiting(session))
		return;
	if (why) {
		collection_failed(session, why);
	} else if (wanted_by_core) {
		session->is_lent = true;
		pop3_server_lend(session->core, collection_piece(session->collection));
	} else {
		/* Only now is it known that the message opens. */
		session->has_begun = true;
		pop3_server_begin(session->core);
	}
	if (session->conn)
		conn_kick(session->conn);
}

static void fetch_piece(struct pop3_session *session)
{
	session->is_lent = false;
	pop3_session_begin_waiting(session);
	collection_fetch(session->collection, on_piece, session);
}

static void on_retrieve(struct pop3_session *session, const struct pop3_event *event)
{
	struct error error;

	/* A TOP may have ended before its message. */
	collection_free(&session->collection);
	session->has_begun = false;
	session->quarantine =
		(struct store_quarantine){ .message = session->list.messages[event->index] };
	session->collection = collection_new(session->service->store, session->loop,
		&session->mailbox, &session->quarantine.message, session->keyring, &error);
	if (session->collection)
		fetch_piece(session);
	else
		collection_failed(session, &error);
}

static void on_body_wanted(struct pop3_session *session)
{
	if (!session->is_lent && collection_piece(session->collection).size) {
		session->is_lent = true;
		pop3_server_lend(session->core, collection_piece(session->collection));
	} else if (collection_is_finished(session->collection)) {
		pop3_server_end(session->core);
		collection_free(&session->collection);
	} else {
		fetch_piece(session);
	}
}

/* ---- the connection ---- */

/* The maildrop is given back when the session cannot touch it any more (RFC 1939 6): the next one need not wait
 * until the client has read the last reply. */
static void on_close(struct pop3_session *session)
{
	session->is_closing = true;
	pop3_login_cancel(session);
	if (!session->pending)
		pop3_login_release(session);
	conn_finish(session->conn);
}

static void handle(struct pop3_session *session, const struct pop3_event *event)
{
	switch (event->kind) {
	case POP3_EVENT_STLS:
		conn_start_tls(session->conn);
		break;
	case POP3_EVENT_LOGIN:
		pop3_login_begin(session, event);
		break;
	case POP3_EVENT_RETRIEVE:
		on_retrieve(session, event);
		break;
	case POP3_EVENT_BODY_WANTED:
		on_body_wanted(session);
		break;
	case POP3_EVENT_UPDATE:
		pop3_update_begin(session);
		break;
	case POP3_EVENT_CLOSE:
		on_close(session);
		break;
	}
}

static bool handle_events(struct pop3_session *session)
{
	struct pop3_event event;
	bool any = false;

	for (; pop3_server_next_event(session->core, &event); any = true)
		handle(session, &event);
	return any;
}

void pop3_session_end(struct pop3_session *session, const char *text)
{
	pop3_server_shut_down(session->core, text);
	handle_events(session);
	conn_kick(session->conn);
}

static void conn_opened(void *context)
{
	struct pop3_session *session = context;

	if (!session->implicit_tls && conn_is_tls(session->conn))
		pop3_server_tls_started(session->core);
	conn_set_idle_limit(session->conn, session->settings.pop3_timeout_ms);
}

static size_t conn_input(void *context, struct bytes in)
{
	struct pop3_session *session = context;
	size_t total = 0, used;
	bool any;

	if (session->has_maildrop)
		session_place_settle(session->place);
	else
		session_place_renew(session->place);
	do {
		used = pop3_server_feed(session->core, bytes_skip(in, total));
		total += used;
		any = handle_events(session);
	} while ((used || any) && total < in.size);
	return total;
}

/* Fills the space across events: a small message, its end and the next reply leave in one write. */
static size_t conn_output(void *context, uint8_t *space, size_t capacity)
{
	struct pop3_session *session = context;
	size_t total = 0, size;
	bool any;

	do {
		size = pop3_server_pull(session->core, space + total, capacity - total);
		total += size;
		any = handle_events(session);
	} while ((size || any) && total < capacity);
	return total;
}

static void conn_ends(void *context, enum conn_end reason)
{
	struct pop3_session *session = context;

	pop3_server_shut_down(session->core, reason == CONN_IDLE
						     ? "[SYS/TEMP] Idle for too long"
						     : "[SYS/TEMP] The gateway is stopping");
	handle_events(session);
}

static void conn_closed(void *context, const struct error *why)
{
	struct pop3_session *session = context;

	if (why)
		log_event(LOG_DEBUG, "pop3.closed", "peer=%s why=\"%s\"", session->peer.host,
			why->text);
	session->conn = NULL;
	free_when_done(session);
}

static const struct conn_handler handler = { conn_opened, conn_input, conn_output, conn_ends,
	conn_closed };

static struct pop3_session *session_new(struct service *service, struct loop *loop,
	const struct socket_address *peer, bool implicit_tls)
{
	struct pop3_session *session = calloc(1, sizeof *session);
	struct pop3_server_options options = { .tls = implicit_tls };
	void *memory = session ? secret_new(pop3_server_size()) : NULL;

	if (!memory) {
		free(session);
		return NULL;
	}
	session->service = service;
	session->loop = loop;
	session->peer = *peer;
	session->implicit_tls = implicit_tls;
	service_settings(service, &session->settings);
	options.hostname = session->settings.hostname;
	options.max_errors = session->settings.max_errors;
	options.version = LETTERGATE_VERSION;
	session->core = pop3_server_init(memory, &options);
	return session;
}

/* Somebody else needs the place, and this client has not logged in. */
static bool give_way(void *context)
{
	struct pop3_session *session = context;

	if (session->pending || session->has_maildrop || session->is_closing)
		return false;
	log_event(LOG_INFO, "pop3.gave-way", "peer=%s", session->peer.host);
	pop3_session_end(session, "[SYS/TEMP] Too many connections");
	conn_abort(session->conn, "it gave way to another connection");
	return true;
}

void pop3_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls, struct session_place *place)
{
	struct pop3_session *session = session_new(service, loop, peer, implicit_tls);
	struct conn_options options = { .tls = service->tls, .implicit_tls = implicit_tls };
	struct error error;

	if (!session) {
		log_event(LOG_ERROR, "pop3.refused", "peer=%s why=\"no memory for a session\"",
			peer->host);
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
	log_event(LOG_ERROR, "pop3.refused", "peer=%s why=\"%s\"", peer->host, error.text);
	free_when_done(session);
}
