/* gateway.c -- one face for the two kinds of gateway. The host of one that starts again goes away and comes back
 * under the same handle: a call pins it for as long as it is handed over. */
#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_client.h"
#include "control/method.h"
#include "gateway_options_internal.h"
#include "host_internal.h"
#include "platform/paths.h"
#include "platform/thread.h"

static const char service_data_folder[] = "/var/lib/lettergate";

struct gateway {
	struct control_client *client; /* attached */
	/* hosted */
	struct gateway_options_copy options;
	struct mutex *mutex;
	struct condition *unpinned;
	/* under the mutex */
	struct host *host; /* NULL while it starts again */
	unsigned pins;	   /* calls that are being handed to it */
	gateway_notification *on_notification;
	void *notification_context;
};

static const char restarting_problem[] =
	"{\"code\":-32000,\"message\":\"the gateway is starting again; try again in a "
	"moment\",\"data\":{\"kind\":\"busy\"}}";

static void fill_error(
	struct gateway_error *filled, enum gateway_failure failure, const struct error *error)
{
	filled->failure = failure;
	snprintf(filled->text, sizeof filled->text, "%s", error->text);
}

static bool open_host(struct gateway *gateway, const struct gateway_options *options,
	enum gateway_failure *failure, struct error *error)
{
	gateway->mutex = mutex_new(error);
	gateway->unpinned = gateway->mutex ? condition_new(error) : NULL;
	if (!gateway->unpinned || !gateway_options_copy(&gateway->options, options, error))
		return false;
	gateway->host = host_open(&gateway->options.options, failure, error);
	return gateway->host != NULL;
}

struct gateway *gateway_open(const struct gateway_options *options, struct gateway_error *error)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);
	struct error why = { .kind = ERROR_MEMORY, .text = "out of memory" };
	enum gateway_failure failure = GATEWAY_FAILED;

	if (gateway && open_host(gateway, options, &failure, &why))
		return gateway;
	fill_error(error, failure, &why);
	gateway_close(&gateway);
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
	return !gateway->client;
}

void gateway_close(struct gateway **gateway)
{
	struct gateway *closed = *gateway;

	if (!closed)
		return;
	control_client_close(&closed->client);
	host_close(&closed->host);
	gateway_options_clear(&closed->options);
	mutex_free(&closed->mutex);
	condition_free(&closed->unpinned);
	free(closed);
	*gateway = NULL;
}

/* The host, which stays until unpin(); NULL while it starts again. */
static struct host *pin(struct gateway *gateway)
{
	struct host *host;

	mutex_lock(gateway->mutex);
	host = gateway->host;
	gateway->pins += host != NULL;
	mutex_unlock(gateway->mutex);
	return host;
}

static void unpin(struct gateway *gateway)
{
	mutex_lock(gateway->mutex);
	gateway->pins--;
	condition_broadcast(gateway->unpinned);
	mutex_unlock(gateway->mutex);
}

void gateway_call(struct gateway *gateway, const char *method, const char *params,
	gateway_answer *answer, void *context)
{
	struct host *host;

	if (gateway->client) {
		control_client_call(gateway->client, method, params, answer, context);
		return;
	}
	host = pin(gateway);
	if (!host) {
		answer(context, NULL, restarting_problem);
		return;
	}
	control_call(host->control, method, params, answer, context);
	unpin(gateway);
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
	struct host *host;

	if (gateway->client) {
		control_client_subscribe(gateway->client, on_notification, context);
		return true;
	}
	mutex_lock(gateway->mutex);
	gateway->on_notification = on_notification;
	gateway->notification_context = context;
	mutex_unlock(gateway->mutex);
	host = pin(gateway);
	if (host) {
		control_subscribe(host->control, on_notification, context);
		unpin(gateway);
	}
	return true;
}

/* ---- starting again ---- */

/* What is handed over meanwhile is refused; what was handed over is answered by its end. */
static struct host *take_host(struct gateway *gateway)
{
	struct host *host;

	mutex_lock(gateway->mutex);
	host = gateway->host;
	gateway->host = NULL;
	while (gateway->pins)
		condition_wait(gateway->unpinned, gateway->mutex);
	mutex_unlock(gateway->mutex);
	return host;
}

static void give_host(struct gateway *gateway, struct host *host)
{
	mutex_lock(gateway->mutex);
	control_subscribe(host->control, gateway->on_notification, gateway->notification_context);
	gateway->host = host;
	mutex_unlock(gateway->mutex);
	/* Whatever the subscriber knew may have changed. */
	notices_note(host->service.notices, NOTICES_ALL);
}

bool gateway_restart(struct gateway *gateway, struct gateway_error *error)
{
	struct error why = { .kind = ERROR_STATE, .text = "this gateway runs elsewhere" };
	enum gateway_failure failure = GATEWAY_FAILED;
	struct host *host = NULL;

	if (!gateway->client) {
		host = take_host(gateway);
		host_close(&host);
		host = host_open(&gateway->options.options, &failure, &why);
	}
	if (!host) {
		fill_error(error, failure, &why);
		return false;
	}
	give_host(gateway, host);
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
