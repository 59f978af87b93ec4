/* test_control_fixture.c -- the engine is a service fixture with a reception that listens nowhere. */
#include "test_control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "test_platform_fixture.h"

void control_fixture_start(struct fixture *fixture)
{
	struct error error;

	fixture->control = control_start(&fixture->engine, &error);
	if (!fixture->control || !control_serve(fixture->control, fixture->socket_path, &error))
		fail_msg("%s", error.text);
}

int control_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct service_fixture *service = fixture->service = service_fixture_new();
	struct error error;

	fixture->engine = (struct control_engine){
		.service = &service->service,
		.mailboxes = service->mailboxes,
		.worker = service->loop,
		.started_us = clock_monotonic_us(),
	};
	fixture->engine.reception =
		reception_open(&service->service, &service->service.config, &error);
	if (!fixture->engine.reception)
		fail_msg("%s", error.text);
	snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s",
		scratch_path(&service->scratch, "control.sock"));
	fixture->mutex = mutex_new(NULL);
	control_fixture_start(fixture);
	*state = fixture;
	return 0;
}

int control_tear_down(void **state)
{
	struct fixture *fixture = *state;

	control_stop(&fixture->control);
	assert_null(fixture->control);
	reception_close(&fixture->engine.reception);
	service_fixture_free(&fixture->service);
	mutex_free(&fixture->mutex);
	free(fixture);
	return 0;
}

struct control_client *attach(struct fixture *fixture)
{
	struct error error;
	struct control_client *client = control_client_connect(fixture->socket_path, &error);

	if (!client)
		fail_msg("%s", error.text);
	return client;
}

/* ---- calls ---- */

void take_answer(void *context, const char *result, const char *problem)
{
	struct call *call = context;

	/* One of the two, and once. */
	assert_true((result == NULL) != (problem == NULL));
	call->answers++;
	call->is_result = result != NULL;
	call->text = strdup(result ? result : problem);
	countdown_step(call->left);
}

struct call call_control(struct control *control, const char *method, const char *params)
{
	struct countdown left;
	struct call call = { .left = &left };

	countdown_init(&left, 1);
	control_call(control, method, params, take_answer, &call);
	countdown_wait(&left);
	countdown_clear(&left);
	return call;
}

struct call call_client(struct control_client *client, const char *method, const char *params)
{
	struct countdown left;
	struct call call = { .left = &left };

	countdown_init(&left, 1);
	control_client_call(client, method, params, take_answer, &call);
	countdown_wait(&left);
	countdown_clear(&left);
	return call;
}
