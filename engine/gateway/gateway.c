/* gateway.c -- one face for the two kinds of gateway. */
#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_client.h"
#include "control/method.h"
#include "host_internal.h"
#include "platform/paths.h"
#include "platform/thread.h"

static const char service_data_folder[] = "/var/lib/lettergate";

struct gateway {
	struct host *host;	       /* hosted */
	struct control_client *client; /* attached */
};

static void fill_error(
	struct gateway_error *filled, enum gateway_failure failure, const struct error *error)
{
	filled->failure = failure;
	snprintf(filled->text, sizeof filled->text, "%s", error->text);
}

struct gateway *gateway_open(const struct gateway_options *options, struct gateway_error *error)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);
	struct error why = { .kind = ERROR_MEMORY, .text = "out of memory" };
	enum gateway_failure failure = GATEWAY_FAILED;

	if (gateway)
		gateway->host = host_open(options, &failure, &why);
	if (gateway && gateway->host)
		return gateway;
	fill_error(error, failure, &why);
	free(gateway);
	return NULL;
}

static struct control_client *connect_to(const char *data_folder, struct error *error)
{
	char path[PATH_SIZE];

	return path_control_socket(data_folder, false, path, error)
		       ? control_client_connect(path, error)
		       : NULL;
}

static struct control_client *connect_anywhere(struct error *error)
{
	struct control_client *client = connect_to(service_data_folder, error);
	char path[PATH_SIZE];

	if (!client && path_default_data(path, error))
		client = connect_to(path, error);
	return client;
}

struct gateway *gateway_attach(const char *data_folder, struct gateway_error *error)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);
	struct error why = { .kind = ERROR_MEMORY, .text = "out of memory" };

	if (gateway)
		gateway->client =
			data_folder ? connect_to(data_folder, &why) : connect_anywhere(&why);
	if (gateway && gateway->client)
		return gateway;
	fill_error(error, why.kind == ERROR_NOT_FOUND ? GATEWAY_NOT_RUNNING : GATEWAY_FAILED, &why);
	if (why.kind == ERROR_NOT_FOUND)
		snprintf(error->text, sizeof error->text,
			"no gateway runs on the data folder %.300s; start lettergated, or name "
			"another "
			"folder with --data",
			data_folder ? data_folder : "of this user");
	free(gateway);
	return NULL;
}

bool gateway_is_hosted(const struct gateway *gateway)
{
	return gateway->host != NULL;
}

void gateway_close(struct gateway **gateway)
{
	if (!*gateway)
		return;
	control_client_close(&(*gateway)->client);
	host_close(&(*gateway)->host);
	free(*gateway);
	*gateway = NULL;
}

void gateway_call(struct gateway *gateway, const char *method, const char *params,
	gateway_answer *answer, void *context)
{
	if (gateway->host)
		control_call(gateway->host->control, method, params, answer, context);
	else
		control_client_call(gateway->client, method, params, answer, context);
}

struct waiting {
	struct mutex *mutex;
	struct condition *changed;
	char *json;
	bool is_answered;
	bool ok;
};

static void take_answer(void *context, const char *result, const char *problem)
{
	struct waiting *waiting = context;
	char *copy = strdup(result ? result : problem);

	mutex_lock(waiting->mutex);
	waiting->json = copy;
	waiting->ok = result != NULL;
	waiting->is_answered = true;
	condition_signal(waiting->changed);
	mutex_unlock(waiting->mutex);
}

bool gateway_call_wait(struct gateway *gateway, const char *method, const char *params, char **json)
{
	struct waiting waiting = { .mutex = mutex_new(NULL), .changed = condition_new(NULL) };

	if (waiting.mutex && waiting.changed) {
		gateway_call(gateway, method, params, take_answer, &waiting);
		mutex_lock(waiting.mutex);
		while (!waiting.is_answered)
			condition_wait(waiting.changed, waiting.mutex);
		mutex_unlock(waiting.mutex);
	}
	mutex_free(&waiting.mutex);
	condition_free(&waiting.changed);
	*json = waiting.json;
	return waiting.ok && waiting.json;
}

bool gateway_subscribe(
	struct gateway *gateway, gateway_notification *on_notification, void *context)
{
	if (gateway->host)
		control_subscribe(gateway->host->control, on_notification, context);
	else
		control_client_subscribe(gateway->client, on_notification, context);
	return true;
}

size_t gateway_method_count(void)
{
	return method_count();
}

bool gateway_method_at(size_t index, struct gateway_method *method)
{
	const struct method_facts *facts;

	if (index >= method_count())
		return false;
	facts = method_at(index);
	*method = (struct gateway_method){ facts->name, facts->summary, facts->command };
	return true;
}
