/* control_client.h -- the same calls towards a gateway in another process, over its local socket. */
#ifndef LG_CONTROL_CONTROL_CLIENT_H
#define LG_CONTROL_CONTROL_CLIENT_H

#include "control/control.h"

struct control_client;

/* ERROR_NOT_FOUND: nobody answers there. Blocking for the moment a local connect takes. */
struct control_client *control_client_connect(const char *socket_path, struct error *error);
/* Calls that were not answered are answered with an error; sets NULL. */
void control_client_close(struct control_client **client);

/* As control_call() and control_subscribe(), on the client's own thread. When the gateway goes, all calls
 * are answered with an error, and a subscriber gets {"method":"closed"}. */
void control_client_call(struct control_client *client, const char *method, const char *params,
	control_answer *answer, void *context);
void control_client_subscribe(
	struct control_client *client, control_notification *on_notification, void *context);

#endif
