/* key_wrap_internal.h -- where things lie in a wrap (docs/internals/sealed-format.md), for key_wrap.c
 * and for the tests that damage wraps on purpose. */
#ifndef LG_CRYPTO_KEY_WRAP_INTERNAL_H
#define LG_CRYPTO_KEY_WRAP_INTERNAL_H

#include "base/bytes.h"
#include "base/id.h"

enum {
	WRAP_VERSION = 1,
	WRAP_SALT_SIZE = 16,
	WRAP_NONCE_SIZE = 24,
	WRAP_CHECKSUM_SIZE = 16,

	WRAP_AT_VERSION = 0,
	WRAP_AT_KIND = 1,
	WRAP_AT_MEMORY = 2,
	WRAP_AT_PASSES = 6,
	WRAP_AT_SALT = 10,
	WRAP_AT_NONCE = WRAP_AT_SALT + WRAP_SALT_SIZE,
	WRAP_HEADER_SIZE = WRAP_AT_NONCE + WRAP_NONCE_SIZE,
	WRAP_SECRETS_SIZE = 32 + 32, /* the identity's seed, the box key */
	WRAP_AT_CHECKSUM = WRAP_HEADER_SIZE + WRAP_SECRETS_SIZE + 16,
	WRAP_SIZE = WRAP_AT_CHECKSUM + WRAP_CHECKSUM_SIZE,
};

/* What a wrap may ask for. The least is the OWASP minimum for passwords (12 MiB, 3 passes), so that
 * no wrap is cheap to guess at; the most is what one of the hashing threads can bear: a quarter of a
 * GiB, and about ten times the time of the default. */
enum {
	WRAP_MEMORY_KIB_MIN = 12 * 1024,
	WRAP_MEMORY_KIB_MAX = 256 * 1024,
	WRAP_PASSES_MIN = 3,
	WRAP_PASSES_MAX = 8,
	WRAP_PHRASE_MAX = 1024,
};

/* Over the mailbox id and all of the wrap before it. Anyone can compute it: it tells a damaged disk
 * from a wrong password, without the cost of hashing. */
void key_wrap_checksum(const struct id *mailbox, const uint8_t wrap[WRAP_AT_CHECKSUM],
	uint8_t checksum[WRAP_CHECKSUM_SIZE]);

#endif
