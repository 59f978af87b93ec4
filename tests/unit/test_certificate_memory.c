/* test_certificate_memory.c -- whichever of OpenSSL's allocations fails, a certificate that is given out is whole: signed,
 * and read again from its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "certificate_internal.h"

static const struct certificate_names names = { { "gateway.example.com", "192.0.2.7" }, 2 };
static const int64_t now_s = 1796000000;

static size_t counted, failing; /* the number of the one that fails; 0: none */

static bool fails(void)
{
	return ++counted == failing;
}

static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size && !fails() ? malloc(size) : NULL;
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(memory, size);
}

static void release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

static void check_text(X509 *certificate)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	struct buf pem;

	buf_init(&pem, 65536);
	assert_true(certificate_write_pem(certificate, &pem, NULL));
	assert_true(certificate_parse(buf_view(&pem), list));
	assert_int_equal(sk_X509_num(list), 1);
	assert_int_equal(X509_cmp(sk_X509_value(list, 0), certificate), 0);
	sk_X509_pop_free(list, X509_free);
	buf_clear(&pem);
}

/* False: none was given out. */
static bool make_one(EVP_PKEY *key, size_t number, size_t *used)
{
	struct error error = { .kind = ERROR_NONE };
	X509 *certificate;

	counted = 0;
	failing = number;
	certificate = certificate_make_authority(key, &names, now_s, &error);
	failing = 0;
	*used = counted;
	ERR_clear_error();
	if (!certificate) {
		assert_int_not_equal(error.kind, ERROR_NONE);
		return false;
	}
	assert_int_equal(X509_verify(certificate, key), 1);
	check_text(certificate);
	X509_free(certificate);
	return true;
}

static void test_authority(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	size_t count, used, refused = 0;

	(void)state;
	assert_non_null(key);
	/* What is looked up for the first time is remembered. */
	assert_true(make_one(key, 0, &count));
	assert_true(make_one(key, 0, &count));
	for (size_t i = 1; i <= count; i++)
		refused += !make_one(key, i, &used);
	/* Of many it needs not all. */
	assert_true(refused > 50 && refused < count);
	assert_true(make_one(key, 0, &used));
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_authority) };

	if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
