/* host_posix.c -- gethostname, the resolver's canonical name, getifaddrs. */
#include "platform/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A name of letters, digits, hyphens and dots that may stand in a certificate. */
static bool is_usable(const char *name)
{
	if (!*name || strlen(name) >= HOST_NAME_SIZE || strcmp(name, "localhost.localdomain") == 0)
		return false;
	for (const char *c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
			return false;
	}
	return true;
}

static void copy_lower(const char *from, char name[HOST_NAME_SIZE])
{
	size_t i;

	for (i = 0; from[i] && i < HOST_NAME_SIZE - 1; i++)
		name[i] = (char)tolower((unsigned char)from[i]);
	name[i] = '\0';
}

void host_name(char name[HOST_NAME_SIZE])
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_family = AF_UNSPEC };
	struct addrinfo *found = NULL;
	char own[HOST_NAME_SIZE] = "";

	if (gethostname(own, sizeof own - 1) != 0 || !is_usable(own)) {
		copy_lower("localhost", name);
		return;
	}
	copy_lower(own, name);
	if (strchr(own, '.') || getaddrinfo(own, NULL, &hints, &found) != 0)
		return;
	if (found->ai_canonname && strchr(found->ai_canonname, '.') &&
		is_usable(found->ai_canonname))
		copy_lower(found->ai_canonname, name);
	freeaddrinfo(found);
}

static bool address_text(const struct sockaddr *address, char text[HOST_ADDRESS_SIZE])
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;
		uint32_t host = ntohl(v4->sin_addr.s_addr);

		if (host >> 16 == 0xa9fe) /* 169.254/16, link-local */
			return false;
		return inet_ntop(AF_INET, &v4->sin_addr, text, HOST_ADDRESS_SIZE) != NULL;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)address;

		if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			return false;
		return inet_ntop(AF_INET6, &v6->sin6_addr, text, HOST_ADDRESS_SIZE) != NULL;
	}
	return false;
}

size_t host_addresses(char addresses[HOST_ADDRESSES_MAX][HOST_ADDRESS_SIZE])
{
	struct ifaddrs *all = NULL;
	size_t count = 0;

	if (getifaddrs(&all) != 0)
		return 0;
	for (struct ifaddrs *one = all; one && count < HOST_ADDRESSES_MAX; one = one->ifa_next) {
		if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || (one->ifa_flags & IFF_LOOPBACK))
			continue;
		if (address_text(one->ifa_addr, addresses[count]))
			count++;
	}
	freeifaddrs(all);
	return count;
}
