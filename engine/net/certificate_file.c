/* certificate_file.c -- certificates and keys in their PEM files (RFC 7468).
 *
 * Files go through platform/file.h alone, never through OpenSSL's own: they are owner-only from the
 * first moment, whole or not there, and tests can fail each step. Key text in memory is wiped. */
#include "certificate_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "platform/file.h"
#include "tls_error_internal.h"

enum { FILE_MAX = 1024 * 1024, CHAIN_MAX = 1000 };

static const struct {
	const char *name, *certificate, *key;
} files[] = {
	[CERTIFICATE_AUTHORITY] = { "authority", "authority.crt", "authority.key" },
	[CERTIFICATE_SERVER_EC] = { "server-ec", "server-ec.crt", "server-ec.key" },
	[CERTIFICATE_SERVER_RSA] = { "server-rsa", "server-rsa.crt", "server-rsa.key" },
	/* Key and certificate come together from outside, so they are exchanged in one step. */
	[CERTIFICATE_IMPORTED] = { "imported", "imported.pem", "imported.pem" },
};

const char *certificate_kind_name(enum certificate_kind kind)
{
	return files[kind].name;
}

void certificate_pair_clear(struct certificate_pair *pair)
{
	X509_free(pair->certificate);
	EVP_PKEY_free(pair->key);
	*pair = (struct certificate_pair){ NULL, NULL };
}

bool certificate_path(
	const char *folder, enum certificate_kind kind, char path[PATH_SIZE], struct error *error)
{
	return path_join(folder, files[kind].certificate, path, error);
}

bool certificate_key_path(
	const char *folder, enum certificate_kind kind, char path[PATH_SIZE], struct error *error)
{
	return path_join(folder, files[kind].key, path, error);
}

static BIO *open_text(struct bytes pem)
{
	return BIO_new_mem_buf(pem.size ? (const void *)pem.data : "", (int)pem.size);
}

/* The end of the text is "no start line" too. */
static bool at_end(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

bool certificate_parse(struct bytes pem, STACK_OF(X509) * list)
{
	BIO *bio = open_text(pem);
	X509 *certificate;
	bool ok = bio != NULL;

	while (ok && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		ok = sk_X509_num(list) < CHAIN_MAX && sk_X509_push(list, certificate) > 0;
		if (!ok)
			X509_free(certificate);
	}
	BIO_free(bio);
	return ok && at_end();
}

STACK_OF(X509) * certificate_load_all(const char *path, struct error *error)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	struct buf content;
	bool ok;

	buf_init(&content, FILE_MAX);
	ok = (list || error_set_memory(error)) && file_load(path, &content, error);
	if (ok && (!certificate_parse(buf_view(&content), list) || sk_X509_num(list) == 0))
		ok = tls_error_set(error, ERROR_CORRUPT,
			"%s holds no readable certificate; restore it from a backup", path);
	ERR_clear_error();
	buf_wipe(&content); /* someone may keep the key in the same file */
	if (ok)
		return list;
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

X509 *certificate_load(const char *path, struct error *error)
{
	STACK_OF(X509) *list = certificate_load_all(path, error);
	X509 *first = list ? sk_X509_shift(list) : NULL;

	sk_X509_pop_free(list, X509_free);
	return first;
}

struct opening {
	const char *passphrase;
	bool *asked;
};

/* Without it OpenSSL would ask on the terminal. */
static int give_passphrase(char *space, int size, int writing, void *context)
{
	const struct opening *opening = context;
	size_t length = opening->passphrase ? strlen(opening->passphrase) : 0;

	(void)writing;
	*opening->asked = true;
	if (!length || length > (size_t)size)
		return -1;
	memcpy(space, opening->passphrase, length);
	return (int)length;
}

EVP_PKEY *certificate_parse_key(struct bytes pem, const char *passphrase, bool *asked)
{
	struct opening opening = { passphrase, asked };
	BIO *bio = open_text(pem);
	EVP_PKEY *key;

	*asked = false;
	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &opening) : NULL;
	BIO_free(bio);
	return key;
}

EVP_PKEY *certificate_load_key(const char *path, struct error *error)
{
	struct buf content;
	bool has_password;
	EVP_PKEY *key = NULL;

	buf_init(&content, FILE_MAX);
	if (file_load(path, &content, error)) {
		key = certificate_parse_key(buf_view(&content), NULL, &has_password);
		if (!key && has_password)
			error_set(error, ERROR_INVALID,
				"%s is protected by a password; store the key without one", path);
		else if (!key)
			tls_error_set(error, ERROR_CORRUPT,
				"%s holds no readable key; restore it from a backup", path);
	}
	ERR_clear_error();
	buf_wipe(&content);
	return key;
}

bool certificate_load_pair(const char *folder, enum certificate_kind kind,
	struct certificate_pair *pair, struct error *error)
{
	char path[PATH_SIZE], key_path[PATH_SIZE];

	*pair = (struct certificate_pair){ NULL, NULL };
	if (!certificate_path(folder, kind, path, error) ||
		!certificate_key_path(folder, kind, key_path, error))
		return false;
	pair->certificate = certificate_load(path, error);
	pair->key = pair->certificate ? certificate_load_key(key_path, error) : NULL;
	if (pair->key && X509_check_private_key(pair->certificate, pair->key) != 1)
		tls_error_set(error, ERROR_CORRUPT,
			"%s and %s do not belong together; restore both from a backup", path,
			key_path);
	else if (pair->key)
		return true;
	certificate_pair_clear(pair);
	return false;
}

static struct bytes content_of(BIO *bio)
{
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);

	return bytes_make(data, size > 0 ? (size_t)size : 0);
}

bool certificate_write_pem(X509 *certificate, struct buf *pem, struct error *error)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, certificate) == 1;

	if (!ok)
		tls_error_set(error, ERROR_MEMORY, "writing a certificate");
	else if (!(ok = buf_append(pem, content_of(bio))))
		error_set_memory(error);
	BIO_free(bio);
	return ok;
}

bool certificate_save(const char *path, X509 *certificate, struct error *error)
{
	struct buf pem;
	bool ok;

	buf_init(&pem, FILE_MAX);
	ok = certificate_write_pem(certificate, &pem, error) &&
	     file_save(path, buf_view(&pem), error);
	buf_clear(&pem);
	return ok;
}

bool certificate_save_key(const char *path, EVP_PKEY *key, struct error *error)
{
	/* Its memory is wiped when it is freed. */
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (ok)
		ok = file_save(path, content_of(bio), error);
	else
		tls_error_set(error, ERROR_MEMORY, "writing a key");
	BIO_free(bio);
	return ok;
}

bool certificate_save_all(const char *path, EVP_PKEY *key, X509 *certificate,
	STACK_OF(X509) * chain, struct error *error)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		  PEM_write_bio_X509(bio, certificate) == 1;

	for (int i = 0; ok && i < sk_X509_num(chain); i++)
		ok = PEM_write_bio_X509(bio, sk_X509_value(chain, i)) == 1;
	if (ok)
		ok = file_save(path, content_of(bio), error);
	else
		tls_error_set(error, ERROR_MEMORY, "writing a certificate");
	ERR_clear_error();
	BIO_free(bio);
	return ok;
}
