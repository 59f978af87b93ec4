/* reception.c -- one table of doors: which setting names the endpoints, which protocol speaks there, whether
 * TLS comes first. */
#include "service/reception.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/clock.h"
#include "platform/listener.h"
#include "service/pop3_service.h"
#include "service/smtp_service.h"

typedef void start_session(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls);

static const struct door {
	const char *name;
	const char *setting;
	size_t endpoints; /* offset in struct config */
	start_session *start;
	bool implicit_tls;
} doors[] = {
	[RECEPTION_SMTP] = { "smtp", "listen.smtp", offsetof(struct config, listen_smtp),
		smtp_service_start, false },
	[RECEPTION_SMTPS] = { "smtps", "listen.smtps", offsetof(struct config, listen_smtps),
		smtp_service_start, true },
	[RECEPTION_SUBMISSION] = { "submission", "listen.submission",
		offsetof(struct config, listen_submission), smtp_service_start, false },
	[RECEPTION_POP3] = { "pop3", "listen.pop3", offsetof(struct config, listen_pop3),
		pop3_service_start, false },
	[RECEPTION_POP3S] = { "pop3s", "listen.pop3s", offsetof(struct config, listen_pop3s),
		pop3_service_start, true },
};

enum { DOOR_COUNT = sizeof doors / sizeof doors[0], OPEN_MAX = DOOR_COUNT * CONFIG_ENDPOINTS_MAX };

struct reception {
	struct service *service;
	struct listener listeners[OPEN_MAX];
	struct reception_listener facts[OPEN_MAX];
	size_t count;
	struct loop **loops;
	size_t loop_count;
	struct acceptor *acceptor;
	size_t max_sessions;
};

const char *reception_kind_name(enum reception_kind kind)
{
	return doors[kind].name;
}

bool reception_kind_is_implicit_tls(enum reception_kind kind)
{
	return doors[kind].implicit_tls;
}

static void problem_id(const struct door *door, const struct config_endpoint *endpoint, char id[96])
{
	snprintf(id, 96, "%s %s:%u", door->setting, endpoint->host, endpoint->port);
}

static void open_endpoint(struct reception *reception, enum reception_kind kind,
	const struct config_endpoint *endpoint)
{
	struct listener *listener = &reception->listeners[reception->count];
	struct reception_listener *facts = &reception->facts[reception->count];
	char id[96], text[512], remedy[160];
	struct error error;

	problem_id(&doors[kind], endpoint, id);
	if (listener_open(listener, endpoint->host, endpoint->port, &error)) {
		problems_resolve(reception->service->problems, id);
		facts->kind = kind;
		facts->address = listener->address;
		listener->owner = facts;
		reception->count++;
		return;
	}
	snprintf(text, sizeof text, "The gateway cannot be reached for %s: %.400s",
		doors[kind].name, error.text);
	snprintf(remedy, sizeof remedy,
		"Free the port, or choose another one in the setting %s, and start the gateway "
		"again.",
		doors[kind].setting);
	problems_raise(
		reception->service->problems, clock_wall_us(), PROBLEM_ERROR, id, text, remedy);
}

struct reception *reception_open(
	struct service *service, const struct config *config, struct error *error)
{
	struct reception *reception = calloc(1, sizeof *reception);
	size_t wanted = 0;

	if (!reception) {
		error_set_memory(error);
		return NULL;
	}
	reception->service = service;
	reception->max_sessions = (size_t)config->limits_sessions;
	for (size_t kind = 0; kind < DOOR_COUNT; kind++) {
		const struct config_endpoints *endpoints =
			(const void *)((const char *)config + doors[kind].endpoints);

		wanted += endpoints->count;
		for (size_t i = 0; i < endpoints->count; i++)
			open_endpoint(
				reception, (enum reception_kind)kind, &endpoints->endpoint[i]);
	}
	if (wanted && !reception->count) {
		error_set(error, ERROR_STATE,
			"none of the ports could be opened: another program uses them, or they "
			"need an "
			"administrator. Choose others with the settings listen.*");
		reception_close(&reception);
	}
	return reception;
}

/* A socket on its way from the accept thread to its loop. */
struct handover {
	struct loop_task task;
	struct service *service;
	struct loop *loop;
	const struct door *door;
	socket_handle socket;
	struct socket_address peer;
};

static void receive(struct loop_task *task)
{
	struct handover *handover = list_entry(task, struct handover, task);

	handover->door->start(handover->service, handover->loop, handover->socket, &handover->peer,
		handover->door->implicit_tls);
	free(handover);
}

static struct loop *least_loaded(const struct reception *reception)
{
	struct loop *best = reception->loops[0];

	for (size_t i = 1; i < reception->loop_count; i++) {
		if (loop_load(reception->loops[i]) < loop_load(best))
			best = reception->loops[i];
	}
	return best;
}

static void refuse(socket_handle socket, const struct socket_address *peer, const char *why)
{
	log_event(LOG_WARNING, "reception.refused", "peer=%s why=\"%s\"", peer->host, why);
	socket_close(socket);
}

/* On the accept thread. */
static void on_accepted(void *context, const struct listener *listener, socket_handle socket,
	const struct socket_address *peer)
{
	struct reception *reception = context;
	const struct reception_listener *facts = listener->owner;
	atomic_size_t *sessions = &reception->service->session_count;
	struct handover *handover;

	/* Counted here, since a burst is accepted faster than the loops begin its sessions. */
	if (atomic_fetch_add(sessions, 1) >= reception->max_sessions) {
		atomic_fetch_sub(sessions, 1);
		refuse(socket, peer, "limits.sessions is reached");
		return;
	}
	handover = malloc(sizeof *handover);
	if (!handover) {
		atomic_fetch_sub(sessions, 1);
		refuse(socket, peer, "out of memory");
		return;
	}
	*handover = (struct handover){
		.task.run = receive,
		.service = reception->service,
		.loop = least_loaded(reception),
		.door = &doors[facts->kind],
		.socket = socket,
		.peer = *peer,
	};
	loop_post(handover->loop, &handover->task);
}

bool reception_start(
	struct reception *reception, struct loop **loops, size_t loop_count, struct error *error)
{
	reception->loops = loops;
	reception->loop_count = loop_count;
	reception->acceptor = acceptor_start(
		reception->listeners, reception->count, on_accepted, reception, error);
	return reception->acceptor != NULL;
}

void reception_close(struct reception **reception)
{
	if (!*reception)
		return;
	acceptor_stop(&(*reception)->acceptor);
	for (size_t i = 0; i < (*reception)->count; i++)
		listener_close(&(*reception)->listeners[i]);
	free(*reception);
	*reception = NULL;
}

size_t reception_listener_count(const struct reception *reception)
{
	return reception->count;
}

const struct reception_listener *reception_listener_at(
	const struct reception *reception, size_t index)
{
	return &reception->facts[index];
}
