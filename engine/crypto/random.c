/* random.c -- libsodium's generator, which on every system here is the kernel's own. */
#include "crypto/random.h"

#include <assert.h>
#include <sodium.h>

void random_bytes(void *data, size_t size)
{
	randombytes_buf(data, size);
}

struct id random_id(void)
{
	struct id id;

	randombytes_buf(id.bytes, sizeof id.bytes);
	return id;
}

uint32_t random_below(uint32_t limit)
{
	assert(limit > 0);
	return randombytes_uniform(limit);
}
