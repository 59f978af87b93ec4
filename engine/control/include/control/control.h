/* control.h -- the control interface of a hosted engine: JSON-RPC 2.0 methods, called directly or over the
 * local socket. docs/internals/control-interface.md.
 *
 * Methods run on two control threads and may block there. Notifications tell that topics changed, never
 * more often than ten times a second; the watcher asks again. */
#ifndef LG_CONTROL_CONTROL_H
#define LG_CONTROL_CONTROL_H

#include "net/loop.h"
#include "platform/paths.h"
#include "service/certificates.h"
#include "service/ledger_reporter.h"
#include "service/mailboxes.h"
#include "service/reception.h"
#include "service/service.h"

/* What the methods work on; the gateway's, for the life of the control. */
struct control_engine {
	struct service *service;
	struct mailboxes mailboxes;
	struct certificates *certificates;
	struct reception *reception;
	struct loop *worker; /* carries the self-test's connections */
	struct ledger_reporter *reporter;
	char data_folder[PATH_SIZE];
	char storage_folder
		[PATH_SIZE]; /* of database and bodies: the data folder, unless they were moved */
	char tls_folder[PATH_SIZE];
	int64_t started_us; /* monotonic */
	/* Makes a setting act that has another value in `changed` than in service->config, which is changed
	 * after. False: it cannot, and the old value acts. NULL: nothing acts on settings. */
	bool (*use_setting)(
		void *context, const char *key, const struct config *changed, struct error *error);
	void *use_setting_context;
	/* Asks the program that hosts the engine to take it down and build it anew, soon and on another
	 * thread; NULL: it cannot. */
	void (*restart)(void *context);
	void *restart_context;
	/* The control's own, for handlers: the transfers, and on whose behalf this call runs. */
	struct transfers *transfers;
	const void *caller;
};

struct control;

struct control *control_start(const struct control_engine *engine, struct error *error);
/* Answers what was called, then ends; sets NULL. */
void control_stop(struct control **control);

/* `result` is JSON text, or NULL and `problem` is a JSON-RPC error object. On a control thread (or the
 * caller's, when the call is refused at once); exactly once. */
typedef void control_answer(void *context, const char *result, const char *problem);
void control_call(struct control *control, const char *method, const char *params,
	control_answer *answer, void *context);

/* `notification` is a JSON object as text. On the control loop's thread. One subscriber in the process; NULL
 * ends it, and after that call none comes. */
typedef void control_notification(void *context, const char *notification);
void control_subscribe(
	struct control *control, control_notification *on_notification, void *context);

/* Serves the local socket, too. */
bool control_serve(struct control *control, const char *socket_path, struct error *error);

#endif
