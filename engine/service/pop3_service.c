/* pop3_service.c -- drives proto/pop3_server.h over net/conn.h: the connection, messages on their way out, the
 * update at the end. The login is in pop3_login.c.
 *
 * A message is opened piece by piece; what does not verify ends the connection without a terminator, so
 * that no archive takes half a message for a whole one. */
#include "service/pop3_service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/secret.h"
#include "platform/clock.h"
#include "platform/file_watch.h"
#include "pop3_session_internal.h"

static void session_free(struct pop3_session *session)
{
	if (session->core) {
		pop3_server_clear(session->core);
		secret_free(session->core);
	}
	collection_free(&session->collection);
	pop3_login_clear(session);
	free(session->removed);
	atomic_fetch_sub(&session->service->session_count, 1);
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

static void raise_damaged(struct pop3_session *session, const struct error *why)
{
	char id[96], text[512];

	snprintf(id, sizeof id, "damaged-message %s", session->mailbox_text);
	snprintf(text, sizeof text, "A message in the mailbox %s does not open: %.300s",
		session->mailbox_text, why->text);
	problems_raise(session->service->problems, clock_wall_us(), PROBLEM_ERROR, id, text,
		"Check the disk, and restore the data folder from a backup if there is one.");
}

static void collection_failed(struct pop3_session *session, const struct error *why)
{
	log_event(LOG_ERROR, "pop3.not-sent", "mailbox=%s why=\"%s\"", session->mailbox_text,
		why->text);
	if (why->kind == ERROR_CORRUPT)
		raise_damaged(session, why);
	collection_free(&session->collection);
	if (session->has_begun)
		conn_abort(session->conn, "a message could not be read to its end");
	else if (why->kind == ERROR_CORRUPT)
		pop3_server_refuse(session->core, "[SYS/PERM] The message is damaged");
	else
		pop3_server_refuse(session->core, "[SYS/TEMP] The message cannot be read now");
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
	session->collection = collection_new(session->service->store, session->loop,
		&session->mailbox, &session->list.messages[event->index], session->keyring, &error);
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

/* ---- the update at the end ---- */

/* For the power-cut test: an intent before the store is asked, a promise before the reply leaves. */
static void promise_removal(const struct pop3_session *session, const char *word)
{
	char promise[64], id[ID_TEXT_SIZE];

	for (size_t i = 0; file_watch_get() && i < session->removal.message_count; i++) {
		id_text(&session->removed[i].id, id);
		snprintf(promise, sizeof promise, "%s %s", word, id);
		file_watch_promise(promise);
	}
}

/* On the loop. */
static void take_removal(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, removal_task);
	struct store_removal *removal = &session->removal;

	if (removal->ok) {
		log_event(LOG_INFO, "pop3.collected", "peer=%s mailbox=%s messages=%zu",
			session->peer.host, session->mailbox_text, removal->message_count);
		notices_note(session->service->notices, NOTICE_MAILBOXES);
		promise_removal(session, "deleted");
	} else {
		log_event(LOG_ERROR, "pop3.not-deleted", "mailbox=%s why=\"%s\"",
			session->mailbox_text, removal->error.text);
	}
	if (!pop3_session_end_waiting(session))
		return;
	if (removal->ok)
		pop3_server_accept(session->core);
	else
		pop3_server_refuse(session->core, "[SYS/TEMP] The messages could not be deleted");
	conn_kick(session->conn);
}

static void on_removed(struct store_removal *removal)
{
	struct pop3_session *session = removal->context;

	loop_post(session->loop, &session->removal_task);
}

static void on_update(struct pop3_session *session)
{
	size_t count = 0;

	session->removed = malloc((session->list.message_count + 1) * sizeof *session->removed);
	if (!session->removed) {
		pop3_server_refuse(session->core, "[SYS/TEMP] The messages could not be deleted");
		return;
	}
	for (size_t i = 0; i < session->list.message_count; i++) {
		if (session->messages[i].is_deleted)
			session->removed[count++] = session->list.messages[i];
	}
	if (!count) {
		pop3_server_accept(session->core);
		return;
	}
	session->removal = (struct store_removal){
		.mailbox = session->mailbox,
		.messages = session->removed,
		.message_count = count,
		.collected_us = clock_wall_us(),
		.done = on_removed,
		.context = session,
	};
	session->removal_task.run = take_removal;
	pop3_session_begin_waiting(session);
	promise_removal(session, "deleting");
	store_removal_submit(session->service->store, &session->removal);
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
		on_update(session);
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

void pop3_service_start(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls)
{
	struct pop3_session *session = session_new(service, loop, peer, implicit_tls);
	struct conn_options options = { .tls = service->tls, .implicit_tls = implicit_tls };
	struct error error;

	if (!session) {
		log_event(LOG_ERROR, "pop3.refused", "peer=%s why=\"no memory for a session\"",
			peer->host);
		atomic_fetch_sub(&service->session_count, 1);
		socket_close(socket);
		return;
	}
	options.handshake_limit_ms = session->settings.tls_timeout_ms;
	session->conn = conn_accept(loop, socket, &options, &handler, session, &error);
	if (session->conn)
		return;
	log_event(LOG_ERROR, "pop3.refused", "peer=%s why=\"%s\"", peer->host, error.text);
	free_when_done(session);
}
