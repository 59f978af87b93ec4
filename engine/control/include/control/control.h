/* control.h -- the control interface of a hosted engine: JSON-RPC 2.0 methods, called directly or over the
 * local socket. docs/internals/control-interface.md.
 *
 * Methods run on two control threads and may block there. Notifications tell that topics changed, never
 * more often than ten times a second; the watcher asks again. */
#ifndef LG_CONTROL_CONTROL_H
#define LG_CONTROL_CONTROL_H

#include "net/loop.h"
#include "platform/paths.h"
#include "service/mailboxes.h"
#include "service/reception.h"
#include "service/service.h"

/* What the methods work on; the gateway's, for the life of the control. */
struct control_engine {
	struct service *service;
	struct mailboxes mailboxes;
	struct reception *reception;
	struct loop *worker; /* carries the self-test's connections */
	char data_folder[PATH_SIZE];
	char tls_folder[PATH_SIZE];
	char authority_file[PATH_SIZE];
	int64_t started_us; /* monotonic */
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
