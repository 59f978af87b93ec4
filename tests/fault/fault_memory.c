/* fault_memory.c -- see the header. libsodium has no hooks: the one function of it that allocates is wrapped
 * itself. */
#include "fault_memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "fault_point.h"

/* ---- the engine ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__real_sodium_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_sodium_malloc(size_t size);

static bool fails(enum fault_kind kind)
{
	if (!fault_point(kind))
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails(FAULT_MEMORY) ? NULL : __real_strdup(text);
}

void *__wrap_sodium_malloc(size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_sodium_malloc(size);
}

/* ---- libuv ---- */

static void *uv_malloc(size_t size)
{
	return fails(FAULT_LIBUV) ? NULL : __real_malloc(size);
}

/* libuv ends the process when its table of descriptors cannot grow, and leaves nobody a choice: not failed. */
static void *uv_realloc(void *memory, size_t size)
{
	return __real_realloc(memory, size);
}

static void *uv_calloc(size_t count, size_t size)
{
	return fails(FAULT_LIBUV) ? NULL : __real_calloc(count, size);
}

/* ---- OpenSSL ---- */

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size && !fails(FAULT_OPENSSL) ? __real_malloc(size) : NULL;
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails(FAULT_OPENSSL) ? NULL : __real_realloc(memory, size);
}

static void openssl_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

/* ---- SQLite ---- */

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
	return fails(FAULT_SQLITE) ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *memory, int size)
{
	return fails(FAULT_SQLITE) ? NULL : sqlite_own.xRealloc(memory, size);
}

/* Without lookaside memory each allocation comes here. */
static bool start_sqlite(void)
{
	sqlite3_mem_methods methods;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) != SQLITE_OK)
		return false;
	methods = sqlite_own;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
	       sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
}

bool fault_memory_start(void)
{
	return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1 &&
	       uv_replace_allocator(uv_malloc, uv_realloc, uv_calloc, free) == 0 && start_sqlite();
}

static bool settle_libuv(void)
{
	uv_loop_t loop;

	return uv_loop_init(&loop) == 0 && uv_loop_close(&loop) == 0;
}

/* What OpenSSL looks up for the first time and does not get, it takes for missing as long as the process lives, or
 * loses hold of. */
static bool settle_openssl(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *text = BIO_new(BIO_s_mem());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	EVP_PKEY *read = NULL;
	bool ok = context && text && key &&
		  PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		  (read = PEM_read_bio_PrivateKey(text, NULL, NULL, NULL)) != NULL;

	EVP_PKEY_free(read);
	EVP_PKEY_free(key);
	BIO_free(text);
	SSL_CTX_free(context);
	return ok;
}

bool fault_memory_settle(void)
{
	return settle_libuv() && settle_openssl();
}
