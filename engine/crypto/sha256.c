/* sha256.c -- libsodium's SHA-256 behind a struct that may lie anywhere: as in digest.c each step works on
 * a copy, which here is aligned and typed as libsodium has it. */
#include "crypto/sha256.h"

#include <sodium.h>

_Static_assert(sizeof((struct sha256 *)0)->opaque == sizeof(crypto_hash_sha256_state), "SHA-256");
_Static_assert(SHA256_SIZE == crypto_hash_sha256_BYTES, "SHA-256");

static void put_back(crypto_hash_sha256_state *state, struct sha256 *sha256)
{
	memcpy(sha256->opaque, state, sizeof sha256->opaque);
	sodium_memzero(state, sizeof *state);
}

void sha256_init(struct sha256 *sha256)
{
	crypto_hash_sha256_state state;

	/* libsodium sets all that it reads, but not the block that is not filled yet. */
	memset(&state, 0, sizeof state);
	crypto_hash_sha256_init(&state);
	put_back(&state, sha256);
}

void sha256_update(struct sha256 *sha256, struct bytes data)
{
	crypto_hash_sha256_state state;

	memcpy(&state, sha256->opaque, sizeof state);
	crypto_hash_sha256_update(&state, data.data, data.size);
	put_back(&state, sha256);
}

void sha256_final(struct sha256 *sha256, uint8_t hash[SHA256_SIZE])
{
	crypto_hash_sha256_state state;

	memcpy(&state, sha256->opaque, sizeof state);
	crypto_hash_sha256_final(&state, hash);
	sodium_memzero(&state, sizeof state);
	sha256_clear(sha256);
}

void sha256_clear(struct sha256 *sha256)
{
	sodium_memzero(sha256->opaque, sizeof sha256->opaque);
}
