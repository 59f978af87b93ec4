/* host.h -- what this machine is called and which addresses it has. */
#ifndef LG_PLATFORM_HOST_H
#define LG_PLATFORM_HOST_H

#include <stddef.h>

#include "base/error.h"

enum { HOST_NAME_SIZE = 256, HOST_ADDRESS_SIZE = 46, HOST_ADDRESSES_MAX = 64 };

/* The fully qualified name when the system knows one, else the short name, else "localhost". Lower
 * case; never fails. */
void host_name(char name[HOST_NAME_SIZE]);
/* Numeric addresses of the interfaces that are up, loopback and link-local ones left out. */
size_t host_addresses(char addresses[HOST_ADDRESSES_MAX][HOST_ADDRESS_SIZE]);

#endif
