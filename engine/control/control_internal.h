/* control_internal.h -- calls on their way, and what control.c and control_server.c share. */
#ifndef LG_CONTROL_CONTROL_INTERNAL_H
#define LG_CONTROL_CONTROL_INTERNAL_H

#include <jansson.h>

#include "control/control.h"
#include "json_rpc_internal.h"

/* One call, owned by the queue and then by a control thread. */
struct control_request {
	struct json_rpc_request rpc; /* owned */
	/* On a control thread; takes the one of `result` and `problem` that is not NULL. */
	void (*done)(struct control_request *request, json_t *result, json_t *problem);
	void *context;
	control_answer *answer;
	const void *caller; /* the connection that owns what the call begins */
};

/* Nothing of the caller is left: what it began ends. Any thread. */
void control_caller_gone(struct control *control, const void *caller);

/* False: refused, the request stays the caller's (the control is busy or ends). */
bool control_submit(struct control *control, struct control_request *request, struct error *error);

struct control_server;

/* On its loop. One server per control: it carries the local socket and all notifications. */
struct control_server *control_server_new(
	struct control *control, struct loop *loop, struct notices *notices, struct error *error);
/* After its loop has ended. */
void control_server_free(struct control_server **server);
bool control_server_listen(
	struct control_server *server, const char *socket_path, struct error *error);
void control_server_subscribe(
	struct control_server *server, control_notification *on_notification, void *context);

#endif
