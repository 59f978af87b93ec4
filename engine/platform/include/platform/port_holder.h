/* port_holder.h -- which program listens on a TCP port, for the text of a bind that failed. */
#ifndef LG_PLATFORM_PORT_HOLDER_H
#define LG_PLATFORM_PORT_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

struct port_holder {
	uint64_t process;
	char name[64]; /* as the system shows it; printable */
};

/* `host` is numeric: who holds the port there, or at all addresses of this computer. False when nobody does, or
 * when the system does not tell (another user's program, for one who is no administrator). Slow: it looks at
 * every process. */
bool port_holder_find(const char *host, uint16_t port, struct port_holder *holder);

#endif
