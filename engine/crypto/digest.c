/* digest.c -- libsodium's BLAKE2b behind a struct that may lie anywhere.
 *
 * libsodium wants its state aligned to 64 octets, which no allocation and no struct around it promises. So
 * each step works on an aligned copy: 384 octets to and fro, next to nothing beside the hashing. */
#include "crypto/digest.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(
	sizeof((struct digest *)0)->opaque == sizeof(crypto_generichash_blake2b_state), "BLAKE2b");
_Static_assert(DIGEST_DOMAIN_MAX == crypto_generichash_blake2b_PERSONALBYTES, "BLAKE2b");

static void put_back(crypto_generichash_blake2b_state *state, struct digest *digest)
{
	memcpy(digest->opaque, state, sizeof digest->opaque);
	sodium_memzero(state, sizeof *state);
}

void digest_init(struct digest *digest, const char *domain)
{
	uint8_t personal[DIGEST_DOMAIN_MAX] = { 0 };
	crypto_generichash_blake2b_state state;
	size_t size = domain ? strlen(domain) : 0;

	assert(!domain || (size && size <= sizeof personal));
	if (size)
		memcpy(personal, domain, size);
	crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, DIGEST_SIZE, NULL, personal);
	put_back(&state, digest);
}

void digest_update(struct digest *digest, struct bytes data)
{
	crypto_generichash_blake2b_state state;

	memcpy(&state, digest->opaque, sizeof digest->opaque);
	crypto_generichash_blake2b_update(&state, data.data, data.size);
	put_back(&state, digest);
}

void digest_final(struct digest *digest, uint8_t hash[DIGEST_SIZE])
{
	crypto_generichash_blake2b_state state;

	memcpy(&state, digest->opaque, sizeof digest->opaque);
	crypto_generichash_blake2b_final(&state, hash, DIGEST_SIZE);
	sodium_memzero(&state, sizeof state);
	sodium_memzero(digest->opaque, sizeof digest->opaque);
}
