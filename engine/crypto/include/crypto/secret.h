/* secret.h -- memory for keys and passwords: slabs that are locked against swapping, left out of core dumps,
 * between guard pages, wiped when freed.
 *
 * One slab is there from the start to the end of the process. Where a maximum allows it, further ones of the same
 * size come when it is full and go when they are empty. Thread-safe. The slabs are bounded; when all are used up
 * secret_new() returns NULL and the caller answers "busy", it never falls back to ordinary memory. Freeing
 * twice, or what is not from here, ends the process in every build. */
#ifndef LG_CRYPTO_SECRET_H
#define LG_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	/* Beside a slab's own octets its pages hold a canary of libsodium: this size and the canary are whole
	 * pages. What is locked is resident, so the one that always stays is small. The 32 of the maximum are
	 * just what RLIMIT_MEMLOCK allows by default (8 MiB). */
	SECRET_SLAB_BYTES = 256 * 1024 - 64,
	SECRET_MAX_BYTES = 32 * SECRET_SLAB_BYTES,
};

/* Sets up the first slab and the random generator; call before anything else of crypto/. Later calls do
 * nothing. A slab that cannot be locked still works: secret_is_locked() then says false, which the
 * gateway raises as a problem. */
bool secret_start(size_t slab_bytes, struct error *error);
/* How much all slabs together may be; until then one. At most 32 slabs. */
void secret_set_max(size_t bytes);
/* Of all slabs that there are now. */
bool secret_is_locked(void);

/* Zeroed, aligned for any object; NULL when there is no room and no further slab. At most a slab at a time. */
void *secret_new(size_t size);
void secret_free(void *secret); /* wipes; NULL is allowed */
/* For tests and status. */
size_t secret_bytes_in_use(void); /* in whole units of 64 bytes */
size_t secret_slab_count(void);

#endif
