/* control_server.c -- sessions on the local socket, and notifications for them and for this process.
 *
 * A session lives until its connection is gone and all its calls are answered. A change wakes the loop once;
 * what comes within a tenth of a second goes out as one notification. A subscriber that has not read what
 * was sent gets one "resync" when it has, however much it missed. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "control_internal.h"
#include "method_internal.h"
#include "net/local_socket.h"
#include "net/timer.h"

enum { CALLS_MAX = 16, NOTIFY_EVERY_MS = 100 };

struct control_server {
	struct control *control;
	struct loop *loop;
	struct notices *notices;
	struct timer *pause; /* runs while notifications wait */
	struct loop_task wake_task;
	atomic_bool is_woken;
	struct list sessions;
	struct mutex *mutex;
	control_notification *on_notification; /* under the mutex */
	void *context;
};

struct session {
	struct list link;
	struct control_server *server;
	struct local_conn *conn; /* NULL once it is gone */
	unsigned calls;
	bool is_subscribed;
	bool has_missed;
};

/* An answer on its way from a control thread to the session's loop. */
struct reply {
	struct control_request request;
	struct loop_task task;
	struct session *session;
	char *text;
};

static void session_free_when_done(struct session *session)
{
	if (session->conn || session->calls)
		return;
	list_remove(&session->link);
	control_caller_gone(session->server->control, session);
	free(session);
}

static void send_text(struct session *session, const char *text)
{
	if (!session->conn)
		return;
	if (!text || !local_conn_send(session->conn, bytes_of(text)))
		local_conn_close(session->conn);
}

/* Takes `result` and `problem`. A reader of lines has a limit, too. */
static char *response_text(json_t *id, json_t *result, json_t *problem)
{
	char *text = json_rpc_response(id, result, problem);
	struct error error;

	if (!text || strlen(text) <= LOCAL_ANSWER_MAX)
		return text;
	json_memory_free_text(text);
	error_set(&error, ERROR_FULL, "the answer is longer than a line may be (%d bytes)",
		LOCAL_ANSWER_MAX);
	return json_rpc_response(id, NULL, json_rpc_problem(JSON_RPC_FAILED, &error));
}

static void send_response(struct session *session, json_t *id, json_t *result, json_t *problem)
{
	char *text = response_text(id, result, problem);

	send_text(session, text);
	json_memory_free_text(text);
}

/* ---- calls ---- */

static void reply_free(struct reply *reply)
{
	json_memory_free_text(reply->text);
	json_rpc_clear(&reply->request.rpc);
	free(reply);
}

/* On the loop. */
static void deliver_reply(struct loop_task *task)
{
	struct reply *reply = list_entry(task, struct reply, task);
	struct session *session = reply->session;
	struct loop *loop = session->server->loop;

	/* Without an id it was a notification, which is not answered. */
	if (reply->request.rpc.id)
		send_text(session, reply->text);
	reply_free(reply);
	session->calls--;
	session_free_when_done(session);
	loop_release(loop);
}

/* On a control thread. */
static void on_done(struct control_request *request, json_t *result, json_t *problem)
{
	struct reply *reply = list_entry(request, struct reply, request);

	reply->text = response_text(request->rpc.id, result, problem);
	loop_post(reply->session->server->loop, &reply->task);
}

/* Takes the request when it returns true. */
static bool submit(struct session *session, struct json_rpc_request *rpc, struct error *error)
{
	struct reply *reply;

	if (session->calls >= CALLS_MAX)
		return error_set(error, ERROR_BUSY, "too many requests at once on this connection");
	reply = calloc(1, sizeof *reply);
	if (!reply)
		return error_set_memory(error);
	reply->session = session;
	reply->task.run = deliver_reply;
	reply->request.rpc = *rpc;
	reply->request.done = on_done;
	reply->request.caller = session;
	/* Before it is submitted: the answer may be there before this function has returned. */
	session->calls++;
	loop_hold(session->server->loop);
	if (control_submit(session->server->control, &reply->request, error))
		return true;
	session->calls--;
	loop_release(session->server->loop);
	free(reply);
	return false;
}

static void refuse(struct session *session, struct json_rpc_request *rpc, enum json_rpc_code code,
	const struct error *error)
{
	/* What is no request has no id and is answered all the same; a notification is not. For want of memory
	 * nobody knows which it is. */
	if (rpc->id || code != JSON_RPC_FAILED)
		send_response(session, rpc->id, NULL, json_rpc_problem(code, error));
	else if (error->kind == ERROR_MEMORY)
		local_conn_close(session->conn);
	json_rpc_clear(rpc);
}

static void subscribe(struct session *session, struct json_rpc_request *rpc)
{
	session->is_subscribed = true;
	if (rpc->id)
		send_response(session, rpc->id, json_pack("{s:b}", "subscribed", 1), NULL);
	json_rpc_clear(rpc);
}

static void on_frame(void *context, struct bytes line)
{
	struct session *session = context;
	struct json_rpc_request rpc;
	enum json_rpc_code code;
	struct error error;

	if (!json_rpc_parse(line, &rpc, &code, &error))
		refuse(session, &rpc, code, &error);
	else if (strcmp(rpc.method, "subscribe") == 0)
		subscribe(session, &rpc);
	else if (!submit(session, &rpc, &error))
		refuse(session, &rpc, JSON_RPC_FAILED, &error);
}

/* ---- sessions ---- */

static void *on_connected(void *context, struct local_conn *conn)
{
	struct control_server *server = context;
	struct session *session = calloc(1, sizeof *session);

	if (!session)
		return NULL;
	session->server = server;
	session->conn = conn;
	list_append(&server->sessions, &session->link);
	return session;
}

static void on_sent(void *context)
{
	struct session *session = context;

	if (!session->has_missed)
		return;
	session->has_missed = false;
	send_text(session, "{\"jsonrpc\":\"2.0\",\"method\":\"resync\"}");
}

static void on_closed(void *context, const struct error *why)
{
	struct session *session = context;

	if (why)
		log_event(LOG_DEBUG, "control.closed", "why=\"%s\"", why->text);
	session->conn = NULL;
	session_free_when_done(session);
}

static const struct local_handler handler = { on_connected, on_frame, on_sent, on_closed };

bool control_server_listen(
	struct control_server *server, const char *socket_path, struct error *error)
{
	return local_server_start(server->loop, socket_path, &handler, server, error) != NULL;
}

/* ---- notifications ---- */

static const struct {
	enum notice_topic topic;
	const char *name;
} topic_names[] = {
	{ NOTICE_STATUS, "status" },
	{ NOTICE_MAILBOXES, "mailboxes" },
	{ NOTICE_PROBLEMS, "problems" },
	{ NOTICE_SETTINGS, "settings" },
	{ NOTICE_CERTIFICATES, "certificates" },
};

static char *changed_text(uint32_t topics)
{
	json_t *names = json_array();
	json_t *notification;
	char *text;

	for (size_t i = 0; i < sizeof topic_names / sizeof topic_names[0]; i++) {
		if (topics & topic_names[i].topic)
			method_append(&names, json_string(topic_names[i].name));
	}
	notification = json_pack("{s:s, s:s, s:{s:o}}", "jsonrpc", "2.0", "method", "changed",
		"params", "topics", names);
	text = notification ? json_memory_dump(notification, JSON_COMPACT) : NULL;
	json_decref(notification);
	return text;
}

static void notify_sessions(struct control_server *server, const char *text)
{
	struct list *link, *following;

	list_for_each_safe (link, following, &server->sessions) {
		struct session *session = list_entry(link, struct session, link);

		if (!session->is_subscribed || !session->conn)
			continue;
		if (local_conn_is_idle(session->conn))
			send_text(session, text);
		else
			session->has_missed = true;
	}
}

/* On the loop. */
static void notify(void *context)
{
	struct control_server *server = context;
	uint32_t topics;
	char *text;

	atomic_store(&server->is_woken, false);
	topics = notices_take(server->notices);
	if (!topics)
		return;
	text = changed_text(topics);
	if (!text) {
		/* No memory: noted again, they are tried again. */
		notices_note(server->notices, topics);
		return;
	}
	notify_sessions(server, text);
	mutex_lock(server->mutex);
	if (server->on_notification)
		server->on_notification(server->context, text);
	mutex_unlock(server->mutex);
	json_memory_free_text(text);
}

/* On the loop. */
static void begin_pause(struct loop_task *task)
{
	struct control_server *server = list_entry(task, struct control_server, wake_task);

	timer_start(server->pause, NOTIFY_EVERY_MS, 0);
}

/* From any thread. */
static void wake(void *context)
{
	struct control_server *server = context;

	if (!atomic_exchange(&server->is_woken, true))
		loop_post(server->loop, &server->wake_task);
}

void control_server_subscribe(
	struct control_server *server, control_notification *on_notification, void *context)
{
	mutex_lock(server->mutex);
	server->on_notification = on_notification;
	server->context = context;
	mutex_unlock(server->mutex);
}

struct starting {
	struct control_server *server;
	struct error *error;
};

static void start_timer(void *context)
{
	struct starting *starting = context;

	starting->server->pause =
		timer_new(starting->server->loop, notify, starting->server, starting->error);
}

struct control_server *control_server_new(
	struct control *control, struct loop *loop, struct notices *notices, struct error *error)
{
	struct control_server *server = calloc(1, sizeof *server);
	struct starting starting = { server, error };

	if (!server) {
		error_set_memory(error);
		return NULL;
	}
	server->control = control;
	server->loop = loop;
	server->notices = notices;
	server->wake_task.run = begin_pause;
	list_init(&server->sessions);
	server->mutex = mutex_new(error);
	if (server->mutex)
		loop_call(loop, start_timer, &starting);
	if (!server->pause) {
		mutex_free(&server->mutex);
		free(server);
		return NULL;
	}
	notices_watch(notices, wake, server);
	return server;
}

void control_server_free(struct control_server **server)
{
	if (!*server)
		return;
	timer_free(&(*server)->pause);
	mutex_free(&(*server)->mutex);
	free(*server);
	*server = NULL;
}
