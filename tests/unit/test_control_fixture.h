/* test_control_fixture.h -- the control interface of an engine over a store of its own, served on a socket in a folder
 * of its own, and calls that wait. Everything here asserts that it works. */
#ifndef LG_TESTS_CONTROL_FIXTURE_H
#define LG_TESTS_CONTROL_FIXTURE_H

#include "control/control_client.h"
#include "test_service_fixture.h"

enum { PATIENCE_MS = 20000 };

struct fixture {
	struct service_fixture *service;
	struct control_engine engine;
	struct control *control;
	char socket_path[PATH_SIZE];
	struct mutex *mutex;
	char notifications[32][256];
	size_t notification_count;
};

/* For cmocka: *state becomes one. */
int control_set_up(void **state);
int control_tear_down(void **state);
/* After a control_stop(). */
void control_fixture_start(struct fixture *fixture);
struct control_client *attach(struct fixture *fixture);

struct call {
	struct countdown *left;
	char *text; /* of the result or the problem; freed by the test */
	bool is_result;
	unsigned answers;
};

/* The answer of a `struct call`. */
void take_answer(void *context, const char *result, const char *problem);
struct call call_control(struct control *control, const char *method, const char *params);
struct call call_client(struct control_client *client, const char *method, const char *params);

#endif
