/* reception.c -- one table of doors: which setting names the endpoints, which protocol speaks there, whether
 * TLS comes first.
 *
 * Endpoints that change while the gateway runs are opened before those that they replace are closed, except where
 * both cannot be open at once; when one cannot be opened, the old ones stay. */
#include "service/reception.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/clock.h"
#include "platform/listener.h"
#include "service/pop3_service.h"
#include "service/smtp_service.h"

typedef void start_session(struct service *service, struct loop *loop, socket_handle socket,
	const struct socket_address *peer, bool implicit_tls, struct session_place *place);

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

enum { DOOR_COUNT = sizeof doors / sizeof doors[0] };

static_assert((int)RECEPTION_LISTENERS_MAX == (int)DOOR_COUNT * (int)CONFIG_ENDPOINTS_MAX,
	"there is room for every endpoint of every door");

/* What is open at a time. A change of the settings makes the next one and takes over what stays. */
struct opened {
	struct listener listeners[RECEPTION_LISTENERS_MAX];
	struct reception_listener facts[RECEPTION_LISTENERS_MAX];
	struct config_endpoint wanted[RECEPTION_LISTENERS_MAX]; /* as the setting has it */
	size_t count;
	struct acceptor *acceptor;
};

struct reception {
	struct service *service;
	struct mutex *mutex;
	struct opened *opened; /* changed under the mutex, by the thread of the change */
	struct config_endpoints wanted[DOOR_COUNT];
	struct loop **loops;
	size_t loop_count;
};

const char *reception_kind_name(enum reception_kind kind)
{
	return doors[kind].name;
}

bool reception_kind_is_implicit_tls(enum reception_kind kind)
{
	return doors[kind].implicit_tls;
}

/* ---- opening ---- */

static const struct config_endpoints *endpoints_of(
	const struct config *config, enum reception_kind kind)
{
	return (const void *)((const char *)config + doors[kind].endpoints);
}

static void problem_id(
	enum reception_kind kind, const struct config_endpoint *endpoint, char id[96])
{
	snprintf(id, 96, "%s %s:%u", doors[kind].setting, endpoint->host, endpoint->port);
}

static void raise_unreachable(struct reception *reception, enum reception_kind kind,
	const struct config_endpoint *endpoint, const struct error *why)
{
	char id[96], text[512], remedy[256];

	problem_id(kind, endpoint, id);
	snprintf(text, sizeof text, "The gateway cannot be reached for %s: %.400s",
		doors[kind].name, why->text);
	snprintf(remedy, sizeof remedy,
		"Free the port and set %s again, or choose another port: lettergatectl settings "
		"set %s ADDRESS:PORT",
		doors[kind].setting, doors[kind].setting);
	problems_raise(
		reception->service->problems, clock_wall_us(), PROBLEM_ERROR, id, text, remedy);
}

static void take_over(struct opened *opened, enum reception_kind kind,
	const struct config_endpoint *endpoint, const struct listener *listener)
{
	size_t i = opened->count++;

	opened->wanted[i] = *endpoint;
	opened->facts[i] = (struct reception_listener){ kind, listener->address };
	opened->listeners[i] = *listener;
	opened->listeners[i].owner = &opened->facts[i];
}

static bool open_endpoint(struct opened *opened, enum reception_kind kind,
	const struct config_endpoint *endpoint, struct error *error)
{
	struct listener listener;

	if (!listener_open(&listener, endpoint->host, endpoint->port, error))
		return false;
	take_over(opened, kind, endpoint, &listener);
	return true;
}

/* At the start: what cannot be opened is a problem. */
static void open_door(struct reception *reception, enum reception_kind kind)
{
	const struct config_endpoints *wanted = &reception->wanted[kind];
	struct error error;

	for (size_t i = 0; i < wanted->count; i++) {
		if (!open_endpoint(reception->opened, kind, &wanted->endpoint[i], &error))
			raise_unreachable(reception, kind, &wanted->endpoint[i], &error);
	}
}

struct reception *reception_open(
	struct service *service, const struct config *config, struct error *error)
{
	struct reception *reception = calloc(1, sizeof *reception);
	size_t wanted = 0;

	if (!reception || !(reception->opened = calloc(1, sizeof *reception->opened)) ||
		!(reception->mutex = mutex_new(NULL))) {
		error_set_memory(error);
		reception_close(&reception);
		return NULL;
	}
	reception->service = service;
	sessions_set_max(service->sessions, (size_t)config->limits_sessions);
	for (size_t kind = 0; kind < DOOR_COUNT; kind++) {
		reception->wanted[kind] = *endpoints_of(config, (enum reception_kind)kind);
		wanted += reception->wanted[kind].count;
		open_door(reception, (enum reception_kind)kind);
	}
	if (wanted && !reception->opened->count) {
		error_set(error, ERROR_STATE,
			"none of the ports could be opened: another program uses them, or they "
			"need an "
			"administrator. Choose others with the settings listen.*");
		reception_close(&reception);
	}
	return reception;
}

/* ---- accepting ---- */

/* A socket on its way from the accept thread to its loop. */
struct handover {
	struct loop_task task;
	struct service *service;
	struct loop *loop;
	const struct door *door;
	socket_handle socket;
	struct socket_address peer;
	struct session_place *place;
};

static void receive(struct loop_task *task)
{
	struct handover *handover = list_entry(task, struct handover, task);

	handover->door->start(handover->service, handover->loop, handover->socket, &handover->peer,
		handover->door->implicit_tls, handover->place);
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

static const struct {
	const char *smtp, *pop3; /* what the peer is told */
	const char *log;
} refusals[] = {
	[SESSION_REFUSED_FULL] = { "421 4.3.2 Too many connections, try again later\r\n",
		"-ERR [SYS/TEMP] Too many connections\r\n", "limits.sessions is reached" },
	[SESSION_REFUSED_PEER] = { "421 4.7.0 Too many connections from your address\r\n",
		"-ERR [SYS/TEMP] Too many connections from your address\r\n",
		"limits.sessions-per-address is reached" },
	[SESSION_REFUSED_MEMORY] = { "421 4.3.0 Try again later\r\n",
		"-ERR [SYS/TEMP] Try again later\r\n", "out of memory" },
};

/* A few octets into a socket that is new never wait. Where TLS comes first nothing can be said. */
static void refuse(const struct door *door, socket_handle socket, const struct socket_address *peer,
	enum session_refusal why)
{
	bool is_smtp = door->start == smtp_service_start;
	struct bytes said = bytes_of(is_smtp ? refusals[why].smtp : refusals[why].pop3);
	size_t written;

	log_event(LOG_WARNING, "reception.refused", "peer=%s why=\"%s\"", peer->host,
		refusals[why].log);
	if (!door->implicit_tls)
		socket_write(socket, said, &written, NULL);
	socket_close(socket);
}

/* On the accept thread. A place is taken here, since a burst is accepted faster than the loops begin its sessions;
 * and before the session is posted, which is what sessions.h asks for. */
static void on_accepted(void *context, const struct listener *listener, socket_handle socket,
	const struct socket_address *peer)
{
	struct reception *reception = context;
	struct service *service = reception->service;
	const struct reception_listener *facts = listener->owner;
	const struct door *door = &doors[facts->kind];
	struct loop *loop = least_loaded(reception);
	enum session_refusal why = SESSION_REFUSED_MEMORY;
	struct handover *handover = malloc(sizeof *handover);
	struct session_place *place = NULL;
	struct service_settings settings;

	service_settings(service, &settings);
	if (handover)
		place = sessions_enter(
			service->sessions, loop, peer, settings.max_sessions_of_peer, &why);
	if (!place) {
		free(handover);
		refuse(door, socket, peer, why);
		return;
	}
	*handover = (struct handover){
		.task.run = receive,
		.service = service,
		.loop = loop,
		.door = door,
		.socket = socket,
		.peer = *peer,
		.place = place,
	};
	loop_post(loop, &handover->task);
}

static bool start_accepting(struct reception *reception, struct opened *opened, struct error *error)
{
	opened->acceptor =
		acceptor_start(opened->listeners, opened->count, on_accepted, reception, error);
	return opened->acceptor != NULL;
}

bool reception_start(
	struct reception *reception, struct loop **loops, size_t loop_count, struct error *error)
{
	reception->loops = loops;
	reception->loop_count = loop_count;
	return start_accepting(reception, reception->opened, error);
}

void reception_close(struct reception **closed)
{
	struct reception *reception = *closed;
	struct opened *opened = reception ? reception->opened : NULL;

	if (!reception)
		return;
	if (opened) {
		acceptor_stop(&opened->acceptor);
		for (size_t i = 0; i < opened->count; i++)
			listener_close(&opened->listeners[i]);
	}
	free(opened);
	mutex_free(&reception->mutex);
	free(reception);
	*closed = NULL;
}

void reception_set_max_sessions(struct reception *reception, size_t max_sessions)
{
	sessions_set_max(reception->service->sessions, max_sessions);
}

size_t reception_listeners(
	struct reception *reception, struct reception_listener listeners[RECEPTION_LISTENERS_MAX])
{
	size_t count;

	mutex_lock(reception->mutex);
	count = reception->opened->count;
	memcpy(listeners, reception->opened->facts, count * sizeof *listeners);
	mutex_unlock(reception->mutex);
	return count;
}

/* ---- other endpoints while it runs ---- */

struct rebinding {
	struct reception *reception;
	enum reception_kind kind;
	const struct config_endpoints *wanted;
	struct opened *old;
	struct opened *next; /* NULL once it is in use */
	size_t kept;	     /* listeners of `next` that are taken over from `old` */
	bool stays[RECEPTION_LISTENERS_MAX];
	bool is_closed[RECEPTION_LISTENERS_MAX]; /* of `old`, to make room for one of `next` */
};

static bool is_same(const struct config_endpoint *one, const struct config_endpoint *other)
{
	return one->port == other->port && strcmp(one->host, other->host) == 0;
}

static bool is_wanted(const struct rebinding *change, const struct config_endpoint *endpoint)
{
	for (size_t i = 0; i < change->wanted->count; i++) {
		if (is_same(&change->wanted->endpoint[i], endpoint))
			return true;
	}
	return false;
}

/* What listens where it is still wanted goes on without a gap. */
static void keep_what_stays(struct rebinding *change)
{
	for (size_t i = 0; i < change->old->count; i++) {
		const struct config_endpoint *endpoint = &change->old->wanted[i];
		enum reception_kind kind = change->old->facts[i].kind;

		change->stays[i] = kind != change->kind || is_wanted(change, endpoint);
		if (change->stays[i])
			take_over(change->next, kind, endpoint, &change->old->listeners[i]);
	}
	change->kept = change->next->count;
}

static bool is_open(const struct rebinding *change, const struct config_endpoint *endpoint)
{
	for (size_t i = 0; i < change->next->count; i++) {
		if (change->next->facts[i].kind == change->kind &&
			is_same(&change->next->wanted[i], endpoint))
			return true;
	}
	return false;
}

/* Whether one that goes has the port; it is closed if so. Its address and the new one may overlap (127.0.0.1 and
 * 0.0.0.0), so that both cannot be open at once. */
static bool make_room(struct rebinding *change, uint16_t port)
{
	bool made = false;

	for (size_t i = 0; i < change->old->count; i++) {
		struct listener *listener = &change->old->listeners[i];

		if (change->stays[i] || change->is_closed[i] || listener->address.port != port)
			continue;
		listener_close(listener);
		change->is_closed[i] = made = true;
	}
	return made;
}

static bool open_new(struct rebinding *change, struct error *error)
{
	for (size_t i = 0; i < change->wanted->count; i++) {
		const struct config_endpoint *endpoint = &change->wanted->endpoint[i];
		struct error why;

		if (is_open(change, endpoint) ||
			open_endpoint(change->next, change->kind, endpoint, &why))
			continue;
		if (why.kind == ERROR_BUSY && make_room(change, endpoint->port) &&
			open_endpoint(change->next, change->kind, endpoint, &why))
			continue;
		return error_set(error, why.kind,
			"%.400s: lettergatectl settings set %s ADDRESS:PORT", why.text,
			doors[change->kind].setting);
	}
	return true;
}

static void use(struct rebinding *change)
{
	mutex_lock(change->reception->mutex);
	change->reception->opened = change->next;
	mutex_unlock(change->reception->mutex);
	change->next = NULL;
}

/* As it was, as far as that can be: a port that was given up for a moment may be somebody else's by now. */
static void go_back(struct rebinding *change)
{
	struct opened *old = change->old, *next = change->next;
	struct error error;

	for (size_t i = change->kept; i < next->count; i++)
		listener_close(&next->listeners[i]);
	next->count = 0;
	for (size_t i = 0; i < old->count; i++) {
		struct listener listener = old->listeners[i];

		if (change->is_closed[i] && !listener_open(&listener, old->wanted[i].host,
						    old->facts[i].address.port, &error))
			raise_unreachable(change->reception, change->kind, &old->wanted[i], &error);
		else
			take_over(next, old->facts[i].kind, &old->wanted[i], &listener);
	}
	if (!start_accepting(change->reception, next, &error))
		problems_raise(change->reception->service->problems, clock_wall_us(), PROBLEM_ERROR,
			"reception",
			"The gateway takes no connections: the system gave it no thread.",
			"Start the gateway again.");
	use(change);
}

static void go_on(struct rebinding *change)
{
	struct reception *reception = change->reception;
	struct config_endpoints *wanted = &reception->wanted[change->kind];
	char id[96];

	use(change);
	for (size_t i = 0; i < change->old->count; i++) {
		if (!change->stays[i])
			listener_close(&change->old->listeners[i]);
	}
	for (size_t i = 0; i < wanted->count; i++) {
		problem_id(change->kind, &wanted->endpoint[i], id);
		problems_resolve(reception->service->problems, id);
	}
	*wanted = *change->wanted;
}

static bool find_kind(const char *setting, enum reception_kind *kind)
{
	for (size_t i = 0; i < DOOR_COUNT; i++) {
		if (strcmp(doors[i].setting, setting) == 0) {
			*kind = (enum reception_kind)i;
			return true;
		}
	}
	return false;
}

bool reception_rebind(struct reception *reception, const char *setting, const struct config *config,
	struct error *error)
{
	struct rebinding change = { .reception = reception, .old = reception->opened };
	bool ok;

	if (!find_kind(setting, &change.kind))
		return error_set(error, ERROR_NOT_FOUND, "%s names no listeners", setting);
	change.wanted = endpoints_of(config, change.kind);
	change.next = calloc(1, sizeof *change.next);
	if (!change.next)
		return error_set_memory(error);
	keep_what_stays(&change);
	/* One thread accepts at a time; who connects meanwhile waits in the queue of the system. */
	acceptor_stop(&change.old->acceptor);
	ok = open_new(&change, error) && start_accepting(reception, change.next, error);
	if (ok)
		go_on(&change);
	else
		go_back(&change);
	free(change.old);
	return ok;
}
