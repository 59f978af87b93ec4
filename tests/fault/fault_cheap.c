/* fault_cheap.c -- see the header. */
#include "fault_cheap.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

enum { RSA_BITS = 2048, BALLAST_BYTES = 256 * 1024, SILENCE_US = 2000000 };

struct key {
	long size;
	unsigned char der[4096];
};

static struct key *rsa; /* shared with the processes that are forked */

EVP_PKEY *__real_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *context, const char *properties, const char *type, ...);
EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *context, const char *properties, const char *type, ...);

EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *context, const char *properties, const char *type, ...)
{
	const unsigned char *der = rsa->der;
	const char *curve;
	va_list arguments;

	if (strcmp(type, "RSA") == 0)
		return d2i_AutoPrivateKey(NULL, &der, rsa->size);
	va_start(arguments, type);
	curve = va_arg(arguments, const char *);
	va_end(arguments);
	return __real_EVP_PKEY_Q_keygen(context, properties, type, curve);
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

struct store *__real_store_open(const struct store_options *options, struct error *error);
struct store *__wrap_store_open(const struct store_options *options, struct error *error);

struct store *__wrap_store_open(const struct store_options *options, struct error *error)
{
	struct store_options changed = *options;

	changed.ballast_bytes = BALLAST_BYTES;
	return __real_store_open(&changed, error);
}

struct transfers *__real_transfers_new(int64_t silence_us, struct error *error);
struct transfers *__wrap_transfers_new(int64_t silence_us, struct error *error);

struct transfers *__wrap_transfers_new(int64_t silence_us, struct error *error)
{
	(void)silence_us;
	return __real_transfers_new(SILENCE_US, error);
}

static int make_key(void)
{
	EVP_PKEY *key = __real_EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	unsigned char *der = NULL;
	int size = key ? i2d_PrivateKey(key, &der) : -1;

	if (size <= 0 || (size_t)size > sizeof rsa->der)
		return 1;
	memcpy(rsa->der, der, (size_t)size);
	rsa->size = size;
	return 0;
}

bool fault_cheap_start(void)
{
	int status = 1;
	pid_t child;

	rsa = mmap(NULL, sizeof *rsa, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rsa == MAP_FAILED)
		return false;
	child = fork();
	if (child == 0)
		_exit(make_key());
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}
