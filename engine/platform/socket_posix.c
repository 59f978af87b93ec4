/* socket_posix.c -- BSD sockets, never blocking, never raising SIGPIPE. */
#include "platform/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "socket_internal.h"

bool any_address_parse(const char *host, uint16_t port, union any_address *address, socklen_t *size)
{
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		*size = sizeof address->v4;
		return true;
	}
	if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		*size = sizeof address->v6;
		return true;
	}
	return false;
}

void any_address_describe(const union any_address *address, struct socket_address *described)
{
	const struct in6_addr *v6 = &address->v6.sin6_addr;

	described->host[0] = '\0';
	described->port = 0;
	if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->v4.sin_addr, described->host, sizeof described->host);
		described->port = ntohs(address->v4.sin_port);
	} else if (address->any.sa_family == AF_INET6) {
		if (IN6_IS_ADDR_V4MAPPED(v6))
			inet_ntop(
				AF_INET, v6->s6_addr + 12, described->host, sizeof described->host);
		else
			inet_ntop(AF_INET6, v6, described->host, sizeof described->host);
		described->port = ntohs(address->v6.sin6_port);
	}
}

bool socket_connect(
	const struct socket_address *address, socket_handle *handle, struct error *error)
{
	union any_address any;
	socklen_t size;
	int on = 1;
	int fd;

	if (!any_address_parse(address->host, address->port, &any, &size))
		return error_set(
			error, ERROR_INVALID, "%s is not a numeric address", address->host);
	fd = socket(any.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_os(error, errno, "creating a socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, &any.any, size) != 0 && errno != EINPROGRESS) {
		error_set_os(
			error, errno, "connecting to %s port %u", address->host, address->port);
		close(fd);
		return false;
	}
	*handle = fd;
	return true;
}

bool socket_connect_result(socket_handle handle, struct error *error)
{
	int code = 0;
	socklen_t size = sizeof code;

	if (getsockopt((int)handle, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
		code = errno;
	return code == 0 || error_set_os(error, code, "connecting");
}

static enum socket_result failed(const char *what, struct error *error)
{
	if (errno == EWOULDBLOCK)
		return SOCKET_WOULD_BLOCK;
	error_set_os(error, errno, "%s the connection", what);
	return SOCKET_FAILED;
}

enum socket_result socket_read(
	socket_handle handle, uint8_t *space, size_t capacity, size_t *size, struct error *error)
{
	ssize_t got;

	do {
		got = recv((int)handle, space, capacity, 0);
	} while (got < 0 && errno == EINTR);
	*size = got > 0 ? (size_t)got : 0;
	if (got < 0)
		return failed("reading from", error);
	return got == 0 ? SOCKET_END : SOCKET_OK;
}

enum socket_result socket_write(
	socket_handle handle, struct bytes bytes, size_t *written, struct error *error)
{
	ssize_t sent;

	do {
		sent = send((int)handle, bytes.data, bytes.size, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	*written = sent > 0 ? (size_t)sent : 0;
	return sent < 0 ? failed("writing to", error) : SOCKET_OK;
}

void socket_end_writing(socket_handle handle)
{
	shutdown((int)handle, SHUT_WR);
}

void socket_close(socket_handle handle)
{
	if (handle != SOCKET_NONE)
		close((int)handle);
}
