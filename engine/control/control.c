/* control.c -- two threads that take calls from one bounded queue, look them up in the method table, check
 * their parameters and run them. The loop beside them carries the local socket and the notifications. */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "control/json_memory.h"
#include "control_internal.h"
#include "method_internal.h"
#include "platform/queue.h"

enum { THREADS = 2, QUEUE_MAX = 64, LOOP_GRACE_MS = 1000 };

struct control {
	struct control_engine engine;
	struct queue *calls;
	struct thread *threads[THREADS];
	struct loop *loop;
	struct control_server *server;
};

/* ---- running a method ---- */

static json_t *run(struct control *control, struct control_request *request, json_t **problem)
{
	const struct method *method = method_find(request->rpc.method);
	struct error error = { .kind = ERROR_NONE };
	json_t *result = NULL;

	if (!method) {
		error_set(
			&error, ERROR_NOT_FOUND, "there is no method \"%s\"", request->rpc.method);
		*problem = json_rpc_problem(JSON_RPC_METHOD_NOT_FOUND, &error);
	} else if (!method_check_params(method, request->rpc.params, &error)) {
		*problem = json_rpc_problem(JSON_RPC_INVALID_PARAMS, &error);
	} else {
		result = method->run(&control->engine, request->rpc.params, &error);
		if (!result)
			*problem = json_rpc_problem(JSON_RPC_FAILED, &error);
	}
	return result;
}

static void control_thread(void *context)
{
	struct control *control = context;
	struct control_request *request;

	while ((request = queue_pop(control->calls))) {
		json_t *problem = NULL;
		json_t *result = run(control, request, &problem);

		request->done(request, result, problem);
	}
}

bool control_submit(struct control *control, struct control_request *request, struct error *error)
{
	if (queue_push(control->calls, request))
		return true;
	return error_set(error, ERROR_BUSY,
		"too many requests at once, or the gateway is stopping; try again");
}

/* ---- calls in this process ---- */

static void request_free(struct control_request *request)
{
	json_rpc_clear(&request->rpc);
	free(request);
}

static void answer_text(control_answer *answer, void *context, json_t *result, json_t *problem)
{
	char *text = json_dumps(result ? result : problem, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		answer(context, NULL, JSON_RPC_NO_MEMORY);
	else if (result)
		answer(context, text, NULL);
	else
		answer(context, NULL, text);
	json_memory_free_text(text);
	json_decref(result);
	json_decref(problem);
}

static void on_direct_done(struct control_request *request, json_t *result, json_t *problem)
{
	control_answer *answer = request->answer;
	void *context = request->context;

	request_free(request);
	answer_text(answer, context, result, problem);
}

void control_call(struct control *control, const char *method, const char *params,
	control_answer *answer, void *context)
{
	struct control_request *request = calloc(1, sizeof *request);
	enum json_rpc_code code = JSON_RPC_FAILED;
	struct error error;
	json_t *values;

	if (!request) {
		answer_text(answer, context, NULL, NULL);
		return;
	}
	request->done = on_direct_done;
	request->answer = answer;
	request->context = context;
	values = json_rpc_params(params, &code, &error);
	if (values && json_rpc_fill(&request->rpc, method, values, &code, &error)) {
		code = JSON_RPC_FAILED;
		if (control_submit(control, request, &error))
			return;
	}
	request_free(request);
	answer_text(answer, context, NULL, json_rpc_problem(code, &error));
}

void control_subscribe(
	struct control *control, control_notification *on_notification, void *context)
{
	control_server_subscribe(control->server, on_notification, context);
}

struct serving {
	struct control *control;
	const char *socket_path;
	struct error *error;
	bool ok;
};

static void serve_on_loop(void *context)
{
	struct serving *serving = context;

	serving->ok = control_server_listen(
		serving->control->server, serving->socket_path, serving->error);
}

bool control_serve(struct control *control, const char *socket_path, struct error *error)
{
	struct serving serving = { control, socket_path, error, false };

	loop_call(control->loop, serve_on_loop, &serving);
	return serving.ok;
}

/* ---- start and end ---- */

struct control *control_start(const struct control_engine *engine, struct error *error)
{
	struct control *control = calloc(1, sizeof *control);

	if (!control) {
		error_set_memory(error);
		return NULL;
	}
	json_memory_start();
	control->engine = *engine;
	control->calls = queue_new(QUEUE_MAX, error);
	control->loop = loop_start("control", error);
	if (control->calls && control->loop)
		control->server =
			control_server_new(control, control->loop, engine->service->notices, error);
	for (size_t i = 0; control->server && i < THREADS; i++) {
		control->threads[i] = thread_start("method", control_thread, control, error);
		if (!control->threads[i])
			break;
	}
	if (!control->threads[THREADS - 1])
		control_stop(&control);
	return control;
}

void control_stop(struct control **control)
{
	struct control *stopped = *control;

	if (!stopped)
		return;
	/* No wake may reach a loop that has gone; the threads before it, so that their answers find it. */
	if (stopped->server)
		notices_watch(stopped->engine.service->notices, NULL, NULL);
	if (stopped->calls)
		queue_close(stopped->calls);
	for (size_t i = 0; i < THREADS; i++)
		thread_join(&stopped->threads[i]);
	loop_stop(&stopped->loop, LOOP_GRACE_MS);
	control_server_free(&stopped->server);
	queue_free(&stopped->calls);
	free(stopped);
	*control = NULL;
}
