/* digest.h -- BLAKE2b-256 (RFC 7693) over data that comes in pieces: for the ledger's chain and for what is
 * stored. Needs no secret_start(); the state is no secret and is wiped all the same when it ends.
 *
 * The struct may be embedded, copied and moved, at any alignment. One thread at a time. */
#ifndef LG_CRYPTO_DIGEST_H
#define LG_CRYPTO_DIGEST_H

#include "base/bytes.h"

enum { DIGEST_SIZE = 32, DIGEST_DOMAIN_MAX = 16 };

struct digest {
	uint8_t opaque[384];
};

/* `domain` says what is hashed: 1 to DIGEST_DOMAIN_MAX octets, BLAKE2b's personalisation filled up with
 * zeros, so that a digest made for one purpose is none for another. NULL: plain BLAKE2b-256. */
void digest_init(struct digest *digest, const char *domain);
void digest_update(struct digest *digest, struct bytes data);
/* Ends it: digest_init() comes next, or nothing. */
void digest_final(struct digest *digest, uint8_t hash[DIGEST_SIZE]);

#endif
