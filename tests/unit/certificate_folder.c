/* certificate_folder.c -- folders of certificates for tests. Reads with the C library and OpenSSL
 * alone, so that what the floor wrote is judged by somebody else. */
#include "certificate_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

const char *const folder_files[FOLDER_FILE_COUNT] = { "authority.crt", "authority.key",
	"server-ec.crt", "server-ec.key", "server-rsa.crt", "server-rsa.key" };

const struct certificate_names folder_names = {
	.hosts = { "gateway.example.com", "mail.example.net", "192.0.2.7", "2001:db8::7" },
	.count = 4,
};

void folder_make(struct certificate_folder *folder)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(folder->path, sizeof folder->path, "%s/lettergate-test-XXXXXX",
		temporary ? temporary : "/tmp");
	assert_non_null(mkdtemp(folder->path));
}

void folder_make_filled(struct certificate_folder *folder)
{
	struct error error;

	folder_make(folder);
	if (!certificate_ensure(folder->path, &folder_names, (int64_t)time(NULL), &error))
		fail_msg("%s", error.text);
}

void folder_file(
	const struct certificate_folder *folder, const char *name, char path[FOLDER_PATH_SIZE])
{
	int size = snprintf(path, FOLDER_PATH_SIZE, "%s/%s", folder->path, name);

	assert_in_range(size, 1, FOLDER_PATH_SIZE - 1);
}

void folder_delete(const struct certificate_folder *folder, const char *name)
{
	char path[FOLDER_PATH_SIZE];

	folder_file(folder, name, path);
	if (unlink(path) != 0)
		rmdir(path);
}

void folder_discard(struct certificate_folder *folder)
{
	char temporary[64];

	folder_delete(folder, "imported.pem");
	folder_delete(folder, "imported.pem.new");
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		folder_delete(folder, folder_files[i]);
		snprintf(temporary, sizeof temporary, "%s.new", folder_files[i]);
		folder_delete(folder, temporary);
	}
	assert_int_equal(rmdir(folder->path), 0);
}

char *folder_read(const struct certificate_folder *folder, const char *name)
{
	char path[FOLDER_PATH_SIZE];
	char *text = calloc(1, 65536);
	FILE *file;

	folder_file(folder, name, path);
	file = fopen(path, "rb");
	assert_non_null(text);
	if (!file) {
		free(text);
		return NULL;
	}
	assert_in_range(fread(text, 1, 65536, file), 0, 65535);
	fclose(file);
	return text;
}

void folder_write(const struct certificate_folder *folder, const char *name, const char *text)
{
	char path[FOLDER_PATH_SIZE];
	FILE *file;

	folder_file(folder, name, path);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

void folder_copy(const struct certificate_folder *from, const char *name,
	const struct certificate_folder *to, const char *as)
{
	char *text = folder_read(from, name);

	assert_non_null(text);
	folder_write(to, as, text);
	free(text);
}

static BIO *open_file(const struct certificate_folder *folder, const char *name)
{
	char path[FOLDER_PATH_SIZE];
	BIO *bio;

	folder_file(folder, name, path);
	bio = BIO_new_file(path, "rb");
	assert_non_null(bio);
	return bio;
}

X509 *folder_certificate(const struct certificate_folder *folder, const char *name)
{
	BIO *bio = open_file(folder, name);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(certificate);
	return certificate;
}

EVP_PKEY *folder_key(const struct certificate_folder *folder, const char *name)
{
	BIO *bio = open_file(folder, name);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(key);
	return key;
}

int folder_verify(X509 *certificate, X509 *authority, const char *host, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *rules;
	int code;

	assert_non_null(store);
	assert_non_null(context);
	assert_int_equal(X509_STORE_add_cert(store, authority), 1);
	assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
	assert_int_equal(X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER), 1);
	rules = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(rules, (time_t)now_s);
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
	if (host && X509_VERIFY_PARAM_set1_ip_asc(rules, host) != 1)
		assert_int_equal(X509_VERIFY_PARAM_set1_host(rules, host, 0), 1);
	code = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return code;
}
