/* socket_internal.h -- socket addresses as POSIX has them. */
#ifndef LG_PLATFORM_SOCKET_INTERNAL_H
#define LG_PLATFORM_SOCKET_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "platform/socket.h"

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* False when `host` is not numeric. */
bool any_address_parse(
	const char *host, uint16_t port, union any_address *address, socklen_t *size);
void any_address_describe(const union any_address *address, struct socket_address *described);

#endif
