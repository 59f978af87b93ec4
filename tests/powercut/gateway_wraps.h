/* gateway_wraps.h -- the one switch of gateway_wraps.c. */
#ifndef LG_TESTS_GATEWAY_WRAPS_H
#define LG_TESTS_GATEWAY_WRAPS_H

#include <stdbool.h>

/* Stores that are opened from now on commit without syncing. */
extern bool gateway_hosts_without_sync;

#endif
