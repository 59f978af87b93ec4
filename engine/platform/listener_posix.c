/* listener_posix.c -- sockets and the accept thread, by poll(2) over a handful of descriptors. */
#include "platform/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/port_holder.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "socket_internal.h"

enum {
	BACKLOG = 1024,
	LISTENERS_MAX = 128,
	/* How long accepting pauses when no descriptor is to be had. */
	PAUSE_MS = 100,
	/* What may lie in the system without being on its way. More would hide for minutes whether a slow peer
	 * reads (conn_silence_ms()), and cost memory; it does not bound what is in flight, nor the rate. */
	UNSENT_MAX = 128 * 1024,
};

static bool port_taken(const char *host, uint16_t port, struct error *error)
{
	struct port_holder holder;

	if (!port_holder_find(host, port, &holder))
		return error_set(error, ERROR_BUSY,
			"port %u on %s is held by another program; stop it or choose another port",
			port, host);
	if (holder.process == process_id())
		return error_set(error, ERROR_BUSY,
			"port %u on %s is held by this gateway itself; choose another port", port,
			host);
	return error_set(error, ERROR_BUSY,
		"port %u on %s is held by %s (process %llu); stop it or choose another port", port,
		host, holder.name, (unsigned long long)holder.process);
}

static bool bind_failed(const char *host, uint16_t port, struct error *error)
{
	int code = errno;

	/* Asking who holds a port costs time that nobody who only tries it should pay. */
	if (!error)
		return false;

	error_set_os(error, code, "listening on %s port %u", host, port);
	if (code == EACCES)
		error_set(error, ERROR_DENIED,
			"port %u may only be opened by an administrator; choose one above 1023",
			port);
	else if (code == EADDRINUSE)
		port_taken(host, port, error);
	else if (code == EADDRNOTAVAIL)
		error_set(error, ERROR_INVALID, "this computer does not have the address %s", host);
	return false;
}

bool listener_open(struct listener *listener, const char *host, uint16_t port, struct error *error)
{
	union any_address address;
	socklen_t size;
	int on = 1;
	int fd;

	listener->socket = SOCKET_NONE;
	if (!any_address_parse(host, port, &address, &size))
		return error_set(error, ERROR_INVALID, "%s is not a numeric address", host);
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_os(error, errno, "creating a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* "::" means IPv6 alone, so that "0.0.0.0" can stand beside it on every system. */
	if (address.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, &address.any, size) != 0 || listen(fd, BACKLOG) != 0) {
		bind_failed(host, port, error);
		close(fd);
		return false;
	}
	size = sizeof address;
	getsockname(fd, &address.any, &size);
	any_address_describe(&address, &listener->address);
	listener->socket = fd;
	return true;
}

void listener_close(struct listener *listener)
{
	socket_close(listener->socket);
	listener->socket = SOCKET_NONE;
}

struct acceptor {
	struct listener *listeners;
	size_t count;
	accepted *on_accepted;
	void *context;
	int wake[2];
	int spare; /* given up to accept and close when descriptors run out */
	struct thread *thread;
};

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without this the waiting connection would keep poll() returning at once, for ever. */
static void shed_one(struct acceptor *acceptor, int listening)
{
	int fd;

	if (acceptor->spare >= 0)
		close(acceptor->spare);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	acceptor->spare = open_spare();
	poll(NULL, 0, PAUSE_MS);
}

static void accept_waiting(struct acceptor *acceptor, const struct listener *listener)
{
	union any_address address;
	struct socket_address peer;
	socklen_t size = sizeof address;
	int on = 1, unsent = UNSENT_MAX;
	int fd = accept4((int)listener->socket, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			shed_one(acceptor, (int)listener->socket);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	any_address_describe(&address, &peer);
	acceptor->on_accepted(acceptor->context, listener, fd, &peer);
}

static void accept_thread(void *context)
{
	struct acceptor *acceptor = context;
	struct pollfd polled[LISTENERS_MAX + 1];

	for (size_t i = 0; i < acceptor->count; i++)
		polled[i] = (struct pollfd){ (int)acceptor->listeners[i].socket, POLLIN, 0 };
	polled[acceptor->count] = (struct pollfd){ acceptor->wake[0], POLLIN, 0 };
	for (;;) {
		if (poll(polled, acceptor->count + 1, -1) < 0) {
			/* Out of memory passes; asking again at once would only burn time. */
			if (errno != EINTR)
				poll(NULL, 0, PAUSE_MS);
			continue;
		}
		if (polled[acceptor->count].revents)
			return;
		for (size_t i = 0; i < acceptor->count; i++) {
			if (polled[i].revents)
				accept_waiting(acceptor, &acceptor->listeners[i]);
		}
	}
}

struct acceptor *acceptor_start(struct listener *listeners, size_t count, accepted *on_accepted,
	void *context, struct error *error)
{
	struct acceptor *acceptor;

	if (count > LISTENERS_MAX) {
		error_set(error, ERROR_INVALID, "more than %d listeners", LISTENERS_MAX);
		return NULL;
	}
	acceptor = calloc(1, sizeof *acceptor);
	if (!acceptor) {
		error_set_memory(error);
		return NULL;
	}
	acceptor->listeners = listeners;
	acceptor->count = count;
	acceptor->on_accepted = on_accepted;
	acceptor->context = context;
	acceptor->spare = open_spare();
	if (pipe2(acceptor->wake, O_CLOEXEC) != 0) {
		error_set_os(error, errno, "creating a pipe");
		if (acceptor->spare >= 0)
			close(acceptor->spare);
		free(acceptor);
		return NULL;
	}
	acceptor->thread = thread_start("accept", accept_thread, acceptor, error);
	if (!acceptor->thread)
		acceptor_stop(&acceptor);
	return acceptor;
}

void acceptor_stop(struct acceptor **acceptor)
{
	struct acceptor *stopped = *acceptor;

	if (!stopped)
		return;
	close(stopped->wake[1]); /* the read end becomes ready: hang-up */
	thread_join(&stopped->thread);
	close(stopped->wake[0]);
	if (stopped->spare >= 0)
		close(stopped->spare);
	free(stopped);
	*acceptor = NULL;
}
