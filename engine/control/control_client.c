/* control_client.c -- one connection on a loop of its own. Requests are numbered; answers are matched by
 * number, so that they may come in any order. */
#include "control/control_client.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/json_memory.h"
#include "json_rpc_internal.h"
#include "net/local_socket.h"

struct control_client {
	struct loop *loop;
	const char *socket_path; /* while connecting */
	struct mutex *mutex;
	struct condition *changed;
	/* under the mutex */
	bool is_decided, is_connected;
	struct error failure;
	control_notification *on_notification;
	void *notification_context;
	/* on the loop */
	struct local_conn *conn;
	struct list waiting;
	json_int_t next_id;
};

struct call {
	struct list link;
	struct loop_task task;
	struct control_client *client;
	json_int_t id;
	json_t *request; /* owned, until it is sent */
	control_answer *answer;
	void *context;
};

static void answer_problem(
	control_answer *answer, void *context, enum json_rpc_code code, const struct error *error)
{
	json_t *problem = json_rpc_problem(code, error);
	char *json = json_memory_dump(problem, JSON_COMPACT);

	answer(context, NULL, json ? json : JSON_RPC_NO_MEMORY);
	json_memory_free_text(json);
	json_decref(problem);
}

static void fail_call(struct call *call, enum error_kind kind, const char *why)
{
	struct error error;

	error_set(&error, kind, "%s", why);
	answer_problem(call->answer, call->context, JSON_RPC_FAILED, &error);
}

static void call_free(struct call *call)
{
	json_decref(call->request);
	free(call);
}

/* ---- what comes back ---- */

static void notify(struct control_client *client, const char *text)
{
	mutex_lock(client->mutex);
	if (client->on_notification)
		client->on_notification(client->notification_context, text);
	mutex_unlock(client->mutex);
}

static struct call *take_call(struct control_client *client, json_int_t id)
{
	struct list *link;

	list_for_each (link, &client->waiting) {
		struct call *call = list_entry(link, struct call, link);

		if (call->id == id) {
			list_remove(link);
			return call;
		}
	}
	return NULL;
}

static void answer(struct call *call, json_t *response)
{
	json_t *result = json_object_get(response, "result");
	json_t *problem = json_object_get(response, "error");
	char *text = json_memory_dump(result ? result : problem, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!result && !problem)
		fail_call(call, ERROR_IO, "the gateway's answer is empty");
	else if (!text)
		fail_call(call, ERROR_MEMORY, "out of memory");
	else if (result)
		call->answer(call->context, text, NULL);
	else
		call->answer(call->context, NULL, text);
	json_memory_free_text(text);
}

static void on_frame(void *context, struct bytes line)
{
	struct control_client *client = context;
	json_t *message = json_memory_load(line, 0, NULL);
	json_t *id = json_object_get(message, "id");
	struct call *call;
	char *text;

	/* Whose answer it was is not known: all who wait are told. */
	if (!message) {
		local_conn_close(client->conn);
	} else if (json_is_integer(id)) {
		call = take_call(client, json_integer_value(id));
		if (call) {
			answer(call, message);
			call_free(call);
		}
	} else if (json_object_get(message, "method")) {
		text = json_memory_dump(message, JSON_COMPACT);
		if (text)
			notify(client, text);
		json_memory_free_text(text);
	}
	json_decref(message);
}

static void fail_all(struct control_client *client, const char *why)
{
	struct list *link, *following;

	list_for_each_safe (link, following, &client->waiting) {
		struct call *call = list_entry(link, struct call, link);

		fail_call(call, ERROR_CANCELLED, why);
		call_free(call);
	}
	list_init(&client->waiting);
}

static void decide(struct control_client *client, bool is_connected, const struct error *why)
{
	mutex_lock(client->mutex);
	/* It may end before the one that waits has seen that it was connected. */
	if (!is_connected && why)
		client->failure = *why;
	else if (!is_connected)
		error_set(&client->failure, ERROR_CANCELLED, "the gateway has ended");
	client->is_decided = true;
	client->is_connected = is_connected;
	condition_signal(client->changed);
	mutex_unlock(client->mutex);
}

static void *on_connected(void *context, struct local_conn *conn)
{
	struct control_client *client = context;

	(void)conn;
	decide(client, true, NULL);
	return client;
}

static void on_closed(void *context, const struct error *why)
{
	struct control_client *client = context;
	bool was_connected;

	mutex_lock(client->mutex);
	was_connected = client->is_connected;
	mutex_unlock(client->mutex);
	client->conn = NULL;
	fail_all(client, "the gateway has ended");
	if (was_connected)
		notify(client, "{\"jsonrpc\":\"2.0\",\"method\":\"closed\"}");
	decide(client, false, why);
}

static const struct local_handler handler = { on_connected, on_frame, NULL, on_closed };

/* ---- what goes out ---- */

/* On the loop. */
static void send_call(struct loop_task *task)
{
	struct call *call = list_entry(task, struct call, task);
	struct control_client *client = call->client;
	bool is_sent = false;
	char *text = NULL;

	call->id = ++client->next_id;
	if (json_object_set_new(call->request, "id", json_integer(call->id)) == 0)
		text = json_memory_dump(call->request, JSON_COMPACT);
	if (!client->conn)
		fail_call(call, ERROR_CANCELLED, "the gateway has ended");
	else if (!text)
		fail_call(call, ERROR_MEMORY, "out of memory");
	else if (strlen(text) > LOCAL_FRAME_MAX)
		fail_call(call, ERROR_INVALID, "the parameters are too long");
	else if (!local_conn_send(client->conn, bytes_of(text)))
		fail_call(call, ERROR_BUSY, "too many requests at once; try again");
	else
		is_sent = true;
	if (is_sent)
		list_append(&client->waiting, &call->link);
	else
		call_free(call);
	json_memory_free_text(text);
}

/* The same check as in the gateway, so that what is no request is refused alike in both. */
static struct call *call_new(
	const char *method, const char *params, enum json_rpc_code *code, struct error *error)
{
	struct json_rpc_request rpc = { .id = NULL };
	json_t *values = json_rpc_params(params, code, error);
	struct call *call = NULL;

	if (!values || !json_rpc_fill(&rpc, method, values, code, error))
		return NULL;
	call = calloc(1, sizeof *call);
	if (call)
		call->request = json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", rpc.method,
			"params", rpc.params);
	json_rpc_clear(&rpc);
	if (call && call->request)
		return call;
	*code = JSON_RPC_FAILED;
	error_set_memory(error);
	free(call);
	return NULL;
}

void control_client_call(struct control_client *client, const char *method, const char *params,
	control_answer *answer_function, void *context)
{
	enum json_rpc_code code = JSON_RPC_FAILED;
	struct error error;
	struct call *call = call_new(method, params, &code, &error);

	if (!call) {
		answer_problem(answer_function, context, code, &error);
		return;
	}
	call->client = client;
	call->answer = answer_function;
	call->context = context;
	call->task.run = send_call;
	loop_post(client->loop, &call->task);
}

static void ignore_answer(void *context, const char *result, const char *problem)
{
	(void)context;
	(void)result;
	(void)problem;
}

void control_client_subscribe(
	struct control_client *client, control_notification *on_notification, void *context)
{
	mutex_lock(client->mutex);
	client->on_notification = on_notification;
	client->notification_context = context;
	mutex_unlock(client->mutex);
	if (on_notification)
		control_client_call(client, "subscribe", NULL, ignore_answer, NULL);
}

/* ---- start and end ---- */

static void connect_now(void *context)
{
	struct control_client *client = context;
	struct error error;

	client->conn = local_connect(client->loop, client->socket_path, &handler, client, &error);
	if (!client->conn)
		decide(client, false, &error);
}

static bool wait_for_connection(struct control_client *client, struct error *error)
{
	bool is_connected;

	mutex_lock(client->mutex);
	while (!client->is_decided)
		condition_wait(client->changed, client->mutex);
	is_connected = client->is_connected;
	if (!is_connected)
		*error = client->failure;
	mutex_unlock(client->mutex);
	return is_connected;
}

struct control_client *control_client_connect(const char *socket_path, struct error *error)
{
	struct control_client *client = calloc(1, sizeof *client);

	if (!client) {
		error_set_memory(error);
		return NULL;
	}
	json_memory_start();
	list_init(&client->waiting);
	client->socket_path = socket_path;
	client->mutex = mutex_new(error);
	client->changed = condition_new(error);
	if (client->mutex && client->changed)
		client->loop = loop_start("control-client", error);
	if (client->loop) {
		loop_call(client->loop, connect_now, client);
		if (wait_for_connection(client, error))
			return client;
	}
	control_client_close(&client);
	return NULL;
}

void control_client_close(struct control_client **client)
{
	struct control_client *closed = *client;

	if (!closed)
		return;
	if (closed->mutex) {
		mutex_lock(closed->mutex);
		closed->on_notification = NULL;
		mutex_unlock(closed->mutex);
	}
	loop_stop(&closed->loop, 0);
	mutex_free(&closed->mutex);
	condition_free(&closed->changed);
	free(closed);
	*client = NULL;
}
