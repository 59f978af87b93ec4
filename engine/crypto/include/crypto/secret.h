/* secret.h -- memory for keys and passwords: one slab per process, locked against swapping, left out
 * of core dumps, between guard pages, wiped when freed.
 *
 * Thread-safe. The slab is bounded; when it is used up secret_new() returns NULL and the caller
 * answers "busy", it never falls back to ordinary memory. Freeing twice, or what is not from here,
 * ends the process in every build. */
#ifndef LG_CRYPTO_SECRET_H
#define LG_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Sets up the slab and the random generator; call before anything else of crypto/. Later calls do
 * nothing. A slab that cannot be locked still works: secret_is_locked() then says false, which the
 * gateway raises as a problem. */
bool secret_start(size_t slab_bytes, struct error *error);
bool secret_is_locked(void);

void *secret_new(size_t size);	/* zeroed, aligned for any object; NULL when the slab is full */
void secret_free(void *secret); /* wipes; NULL is allowed */
/* In whole units of 64 bytes, for tests and status. */
size_t secret_bytes_in_use(void);

#endif
