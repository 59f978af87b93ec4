/* control.c -- two threads that take calls from one bounded queue, look them up in the method table, check
 * their parameters and run them. The loop beside them carries the local socket and the notifications. */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "control/json_memory.h"
#include "control_internal.h"
#include "method_internal.h"
#include "platform/queue.h"
#include "transfer_internal.h"

enum { THREADS = 2, QUEUE_MAX = 64, LOOP_GRACE_MS = 1000 };

/* Each with the engine of its own, in which it notes whose call it runs: a handler may keep the pointer for a
 * transfer that goes on after the call. */
struct runner {
	struct control *control;
	struct control_engine engine;
	struct thread *thread;
};

struct control {
	struct queue *calls;
	struct transfers *transfers;
	struct notices *notices;
	struct runner runners[THREADS];
	struct loop *loop;
	struct control_server *server;
};

/* ---- running a method ---- */

static json_t *run(struct control_engine *engine, struct control_request *request, json_t **problem)
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
		json_memory_begin();
		result = method->run(engine, request->rpc.params, &error);
		if (result && json_memory_has_run_out()) {
			json_decref(result);
			result = NULL;
			error_set_memory(&error);
		}
		if (!result)
			*problem = json_rpc_problem(JSON_RPC_FAILED, &error);
	}
	return result;
}

static void control_thread(void *context)
{
	struct runner *runner = context;
	struct control_request *request;

	while ((request = queue_pop(runner->control->calls))) {
		json_t *problem = NULL;
		json_t *result;

		runner->engine.caller = request->caller;
		result = run(&runner->engine, request, &problem);
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

void control_caller_gone(struct control *control, const void *caller)
{
	transfers_abandon(control->transfers, caller);
}

/* ---- calls in this process ---- */

static void request_free(struct control_request *request)
{
	json_rpc_clear(&request->rpc);
	free(request);
}

static void answer_text(control_answer *answer, void *context, json_t *result, json_t *problem)
{
	char *text = json_memory_dump(result ? result : problem, JSON_COMPACT | JSON_ENCODE_ANY);

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
	request->caller = control;
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

static bool start_runner(struct control *control, struct runner *runner,
	const struct control_engine *engine, struct error *error)
{
	runner->control = control;
	runner->engine = *engine;
	runner->engine.transfers = control->transfers;
	runner->thread = thread_start("method", control_thread, runner, error);
	return runner->thread != NULL;
}

static bool start(struct control *control, const struct control_engine *engine, struct error *error)
{
	control->notices = engine->service->notices;
	control->calls = queue_new(QUEUE_MAX, error);
	if (control->calls)
		control->transfers = transfers_new(INT64_C(1000000) * TRANSFER_SILENCE_S, error);
	if (control->transfers)
		control->loop = loop_start("control", error);
	if (control->loop)
		control->server =
			control_server_new(control, control->loop, control->notices, error);
	if (!control->server)
		return false;
	for (size_t i = 0; i < THREADS; i++) {
		if (!start_runner(control, &control->runners[i], engine, error))
			return false;
	}
	return true;
}

struct control *control_start(const struct control_engine *engine, struct error *error)
{
	struct control *control = calloc(1, sizeof *control);

	if (!control) {
		error_set_memory(error);
		return NULL;
	}
	json_memory_start();
	if (!start(control, engine, error))
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
		notices_watch(stopped->notices, NULL, NULL);
	if (stopped->calls)
		queue_close(stopped->calls);
	for (size_t i = 0; i < THREADS; i++)
		thread_join(&stopped->runners[i].thread);
	loop_stop(&stopped->loop, LOOP_GRACE_MS);
	control_server_free(&stopped->server);
	/* The sessions' ends reach them: after the loop. */
	transfers_free(&stopped->transfers);
	queue_free(&stopped->calls);
	free(stopped);
	*control = NULL;
}
