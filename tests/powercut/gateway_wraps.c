/* gateway_wraps.c -- what the linker puts before functions of the engine's libraries (--wrap): a store that can be
 * told to commit without syncing and makes a small ballast, and passwords that are hashed in no time, since their
 * cost is not the subject. Nothing in the engine knows of it. */
#include "gateway_wraps.h"

#include <sodium.h>

#include "store/store.h"

enum { BALLAST_BYTES = 256 * 1024 };

bool gateway_hosts_without_sync;

struct store *__real_store_open(const struct store_options *options, struct error *error);
struct store *__wrap_store_open(const struct store_options *options, struct error *error);

struct store *__wrap_store_open(const struct store_options *options, struct error *error)
{
	struct store_options changed = *options;

	changed.without_sync |= gateway_hosts_without_sync;
	if (changed.ballast_bytes)
		changed.ballast_bytes = BALLAST_BYTES;
	return __real_store_open(&changed, error);
}

int __real_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password,
	unsigned long long length, const unsigned char *salt, unsigned long long passes,
	size_t memory, int algorithm);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password,
	unsigned long long length, const unsigned char *salt, unsigned long long passes,
	size_t memory, int algorithm);

int __wrap_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password,
	unsigned long long length, const unsigned char *salt, unsigned long long passes,
	size_t memory, int algorithm)
{
	(void)passes;
	(void)memory;
	return __real_crypto_pwhash(out, size, password, length, salt, crypto_pwhash_OPSLIMIT_MIN,
		crypto_pwhash_MEMLIMIT_MIN, algorithm);
}
