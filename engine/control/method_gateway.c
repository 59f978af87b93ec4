/* method_gateway.c -- the gateway as a whole. */
#include "method_internal.h"

/* The program that hosts the engine takes it down and builds it anew. That begins with the control interface, which
 * gives out the answers it has before it ends: this one, too. */
json_t *method_gateway_restart(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	if (!engine->restart) {
		error_set(error, ERROR_STATE,
			"the program that hosts this gateway cannot start it again; end the "
			"program and start it");
		return NULL;
	}
	engine->restart(engine->restart_context);
	return method_result(json_pack("{s:b}", "restarting", 1), error);
}
