/* sha256.h -- SHA-256 (FIPS 180-4) over data that comes in pieces: for what people compare with other
 * programs, such as the content of a message. For digests of our own there is digest.h.
 *
 * The struct may be embedded, copied and moved, at any alignment; it holds up to 64 octets of the data:
 * what is hashed half-way and given up is wiped by sha256_clear(). One thread at a time. */
#ifndef LG_CRYPTO_SHA256_H
#define LG_CRYPTO_SHA256_H

#include "base/bytes.h"

enum { SHA256_SIZE = 32 };

struct sha256 {
	uint8_t opaque[104];
};

void sha256_init(struct sha256 *sha256);
void sha256_update(struct sha256 *sha256, struct bytes data);
/* Ends it and wipes: sha256_init() comes next, or nothing. */
void sha256_final(struct sha256 *sha256, uint8_t hash[SHA256_SIZE]);
void sha256_clear(struct sha256 *sha256);

#endif
