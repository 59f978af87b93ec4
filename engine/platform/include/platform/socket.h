/* socket.h -- non-blocking TCP sockets as raw handles: what net/ needs below libuv and OpenSSL. */
#ifndef LG_PLATFORM_SOCKET_H
#define LG_PLATFORM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

typedef intptr_t socket_handle; /* a file descriptor, or a SOCKET on Windows */
#define SOCKET_NONE ((socket_handle)-1)

struct socket_address {
	char host[46]; /* numeric, IPv4-mapped IPv6 written as IPv4 */
	uint16_t port;
};

enum socket_result {
	SOCKET_OK,
	SOCKET_WOULD_BLOCK,
	SOCKET_END, /* reading: the peer has sent all */
	SOCKET_FAILED,
};

/* Begins to connect; *socket becomes writable when that has ended, socket_connect_result() says how. */
bool socket_connect(
	const struct socket_address *address, socket_handle *socket, struct error *error);
bool socket_connect_result(socket_handle socket, struct error *error);

enum socket_result socket_read(
	socket_handle socket, uint8_t *space, size_t capacity, size_t *size, struct error *error);
enum socket_result socket_write(
	socket_handle socket, struct bytes bytes, size_t *written, struct error *error);
void socket_end_writing(socket_handle socket); /* the peer reads an end; reading goes on */
void socket_close(socket_handle socket);

#endif
