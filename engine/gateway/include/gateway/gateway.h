/* gateway.h -- the gateway as front ends see it: the only header of the engine that they include.
 *
 * A gateway is either hosted in this process (gateway_open) or runs elsewhere and is reached over its
 * local socket (gateway_attach). After that both are the same: JSON-RPC methods by name, answers and
 * notifications as JSON text. `lettergatectl methods` lists them; gateway_method_at() gives the table.
 *
 * Calls are asynchronous and may be made from any thread. Callbacks run on a thread of the gateway (the
 * answer to a call that is refused at once: inside gateway_call()) and must only hand on: a front end queues
 * them to its own loop. */
#ifndef LG_GATEWAY_GATEWAY_H
#define LG_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway;

enum gateway_failure {
	GATEWAY_FAILED,	     /* see the text */
	GATEWAY_NOT_RUNNING, /* attach: no gateway on that data folder */
	GATEWAY_IN_USE,	     /* open: another gateway runs on it; attach instead */
};

struct gateway_error {
	enum gateway_failure failure;
	char text[512]; /* for a person: what happened, why, what to do */
};

/* One KEY=VALUE that overrides a saved setting for this run. */
struct gateway_override {
	const char *key;
	const char *value;
};

struct gateway_options {
	const char *data_folder; /* NULL: the default of this user */
	const struct gateway_override *overrides;
	size_t override_count;
	/* Somebody asked for a restart (method gateway.restart): the program is to call gateway_restart() soon.
	 * On a thread of the gateway: it must only hand on. NULL: the method is refused. */
	void (*on_restart)(void *context);
	void *context;
};

/* Hosts the engine: returns once all listeners are bound. NULL with *error filled when it cannot. */
struct gateway *gateway_open(const struct gateway_options *options, struct gateway_error *error);
/* Reaches a gateway that runs on that data folder (NULL: the service's, else this user's). */
struct gateway *gateway_attach(const char *data_folder, struct gateway_error *error);
bool gateway_is_hosted(const struct gateway *gateway);
/* Hosted: stops the engine in order and starts it again on the same data folder, with the options it was opened
 * with. Not from a callback, nor while gateway_close() runs. The handle and the subscription stay; calls meanwhile
 * are refused as busy, and the subscriber is told at the end that everything changed. False: it could not be started again;
 * gateway_close() is what is left, or another try. */
bool gateway_restart(struct gateway *gateway, struct gateway_error *error);
/* Hosted: stops the engine in order (sessions are told, what was submitted is finished). Attached: lets go.
 * No callback runs after. Sets NULL. */
void gateway_close(struct gateway **gateway);

/* `result` is the JSON text of the result, or NULL and then `problem` is a JSON-RPC error object
 * {"code","message","data":{"kind"}}. Valid during the call. Each call is answered exactly once. */
typedef void gateway_answer(void *context, const char *result, const char *problem);
/* `params`: a JSON object as text, or NULL. */
void gateway_call(struct gateway *gateway, const char *method, const char *params,
	gateway_answer *answer, void *context);
/* Waits for the answer. True: *json is the result, false: the error object. free() it. */
bool gateway_call_wait(
	struct gateway *gateway, const char *method, const char *params, char **json);

/* `notification` is a JSON object {"method","params"}: "changed" with the topics that changed, "resync"
 * when some were missed, "closed" when an attached gateway has gone. One subscriber; NULL ends it. */
typedef void gateway_notification(void *context, const char *notification);
bool gateway_subscribe(
	struct gateway *gateway, gateway_notification *on_notification, void *context);

/* The method table, for help texts. */
struct gateway_method {
	const char *name;
	const char *summary;
	const char *command; /* how lettergatectl spells it, NULL: not there */
};

size_t gateway_method_count(void);
bool gateway_method_at(size_t index, struct gateway_method *method);

#endif
