/* fault_cheap.h -- what would take most of the time of some thousand runs and is not their subject: Argon2's
 * cost, the search for RSA keys, a ballast of full size, the minute after which a transfer ends whose number got lost.
 * Wrapped by the linker. */
#ifndef LG_TESTS_FAULT_CHEAP_H
#define LG_TESTS_FAULT_CHEAP_H

#include <stdbool.h>

/* Makes the RSA key that every run gets, in a process of its own: no library is used in this one. */
bool fault_cheap_start(void);

#endif
