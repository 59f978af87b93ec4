/* random.h -- randomness from the operating system by way of libsodium. Thread-safe. */
#ifndef LG_CRYPTO_RANDOM_H
#define LG_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

void random_bytes(void *data, size_t size);
struct id random_id(void);
uint32_t random_below(uint32_t limit); /* uniform in [0, limit), limit > 0 */

#endif
