/* certificate_bag.c -- certificates and keys out of the files in which people get them: PEM text (RFC 7468),
 * with several things in a row, or PKCS#12 (RFC 7292, .pfx or .p12).
 *
 * PKCS#12 as Windows exports it is encrypted with RC2 and 3DES, which OpenSSL has in its legacy provider alone.
 * That provider is loaded into a library context of its own, for this file and no longer, so that nothing else can come to use
 * such a cipher. Objects of that context must not outlive it: they leave it as PEM text. */
#include "certificate_bag_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs12err.h>
#include <openssl/provider.h>

#include "tls_error_internal.h"

enum { BAG_MAX = 100 };

bool certificate_bag_init(struct certificate_bag *bag, struct error *error)
{
	*bag = (struct certificate_bag){ sk_X509_new_null(), NULL };
	return bag->certificates || error_set_memory(error);
}

void certificate_bag_clear(struct certificate_bag *bag)
{
	sk_X509_pop_free(bag->certificates, X509_free);
	EVP_PKEY_free(bag->key);
	*bag = (struct certificate_bag){ NULL, NULL };
}

static bool refuse_passphrase(const char *passphrase, struct error *error)
{
	ERR_clear_error();
	if (!passphrase || !*passphrase)
		return error_set(error, ERROR_DENIED,
			"the key is protected by a passphrase: give the passphrase, too");
	return error_set(error, ERROR_DENIED,
		"the passphrase does not open the key: it is another one, or the file is damaged");
}

/* ---- PEM ---- */

/* OpenSSL's errors do not tell a text without a key from one with a damaged key. */
static bool has_text(struct bytes content, const char *text)
{
	size_t size = strlen(text);
	struct bytes rest = content;

	while (rest.size >= size) {
		if (bytes_equal_text(bytes_head(rest, size), text))
			return true;
		rest = bytes_skip(rest, 1);
		rest = bytes_skip(rest, bytes_find(rest, (uint8_t)text[0]));
	}
	return false;
}

static bool add_pem_key(
	struct certificate_bag *bag, struct bytes pem, const char *passphrase, struct error *error)
{
	bool asked;

	if (bag->key || !has_text(pem, "PRIVATE KEY-----"))
		return true;
	bag->key = certificate_parse_key(pem, passphrase, &asked);
	if (bag->key) {
		ERR_clear_error();
		return true;
	}
	if (asked)
		return refuse_passphrase(passphrase, error);
	return tls_error_set(error, ERROR_INVALID,
		"the private key cannot be read; get the file again from where it was made");
}

static bool add_pem(
	struct certificate_bag *bag, struct bytes pem, const char *passphrase, struct error *error)
{
	if (!certificate_parse(pem, bag->certificates))
		return tls_error_set(error, ERROR_INVALID,
			"a certificate cannot be read; get the file again from where it was made");
	ERR_clear_error();
	if (sk_X509_num(bag->certificates) > BAG_MAX)
		return error_set(error, ERROR_INVALID,
			"there are more than %d certificates; give the one of this server and "
			"those of its issuers",
			BAG_MAX);
	return add_pem_key(bag, pem, passphrase, error);
}

/* ---- PKCS#12 ---- */

struct library {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *usual, *legacy;
};

/* Without the legacy provider some files do not open, others do. */
static bool library_open(struct library *library, struct error *error)
{
	*library = (struct library){ .context = OSSL_LIB_CTX_new() };
	if (library->context) {
		library->usual = OSSL_PROVIDER_load(library->context, "default");
		library->legacy = OSSL_PROVIDER_load(library->context, "legacy");
	}
	if (!library->usual)
		return tls_error_set(error, ERROR_MEMORY, "reading PKCS#12");
	ERR_clear_error();
	return true;
}

static void library_close(struct library *library)
{
	if (library->legacy)
		OSSL_PROVIDER_unload(library->legacy);
	if (library->usual)
		OSSL_PROVIDER_unload(library->usual);
	OSSL_LIB_CTX_free(library->context);
}

static PKCS12 *decode(struct bytes content, const struct library *library)
{
	const unsigned char *at = content.data;
	PKCS12 *store = PKCS12_init_ex(NID_pkcs7_data, library->context, NULL);

	/* It frees the store when it fails. */
	return store ? d2i_PKCS12(&store, &at, (long)content.size) : NULL;
}

/* BIO of secure memory: wiped when it is freed. */
static BIO *write_as_pem(EVP_PKEY *key, X509 *certificate, STACK_OF(X509) * others)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio != NULL;

	if (ok && key)
		ok = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (ok && certificate)
		ok = PEM_write_bio_X509(bio, certificate) == 1;
	for (int i = 0; ok && i < sk_X509_num(others); i++)
		ok = PEM_write_bio_X509(bio, sk_X509_value(others, i)) == 1;
	if (ok)
		return bio;
	BIO_free(bio);
	return NULL;
}

static bool refuse_pkcs12(const char *passphrase, struct error *error)
{
	unsigned long code = ERR_peek_last_error();

	if (ERR_GET_LIB(code) == ERR_LIB_PKCS12 &&
		ERR_GET_REASON(code) == PKCS12_R_MAC_VERIFY_FAILURE)
		return refuse_passphrase(passphrase, error);
	tls_error_set(error, ERROR_INVALID,
		"the PKCS#12 file cannot be opened; export it again (on Windows with the "
		"encryption AES256-SHA256), or give certificate and key as PEM");
	return false;
}

static BIO *open_pkcs12(PKCS12 *store, const char *passphrase, struct error *error)
{
	STACK_OF(X509) *others = NULL;
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	BIO *pem = NULL;

	if (PKCS12_parse(store, passphrase, &key, &certificate, &others) != 1) {
		refuse_pkcs12(passphrase, error);
	} else {
		pem = write_as_pem(key, certificate, others);
		if (!pem)
			tls_error_set(error, ERROR_MEMORY, "reading PKCS#12");
	}
	EVP_PKEY_free(key);
	X509_free(certificate);
	sk_X509_pop_free(others, X509_free);
	return pem;
}

static bool refuse_form(struct bytes content, struct error *error)
{
	const unsigned char *at = content.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)content.size);
	bool is_certificate = certificate != NULL;

	X509_free(certificate);
	ERR_clear_error();
	if (is_certificate)
		return error_set(error, ERROR_INVALID,
			"the certificate is in binary form (DER); turn it into PEM first: openssl "
			"x509 -inform DER -in FILE -out FILE.pem");
	return error_set(error, ERROR_INVALID,
		"this is neither PEM text (it has a line -----BEGIN ...-----) nor PKCS#12 (.pfx, "
		".p12)");
}

static bool add_pkcs12(struct certificate_bag *bag, struct bytes content, const char *passphrase,
	struct error *error)
{
	struct library library;
	PKCS12 *store = NULL;
	BIO *pem = NULL;
	bool ok = false;
	char *text;
	long size;

	if (!library_open(&library, error))
		goto out;
	store = decode(content, &library);
	if (!store) {
		refuse_form(content, error);
		goto out;
	}
	pem = open_pkcs12(store, passphrase, error);
	if (!pem)
		goto out;
	size = BIO_get_mem_data(pem, &text);
	ok = add_pem(bag, bytes_make(text, (size_t)size), NULL, error);
out:
	ERR_clear_error();
	BIO_free(pem);
	PKCS12_free(store);
	library_close(&library);
	return ok;
}

bool certificate_bag_add(struct certificate_bag *bag, struct bytes content, const char *passphrase,
	struct error *error)
{
	if (!content.size)
		return true;
	return has_text(content, "-----BEGIN ") ? add_pem(bag, content, passphrase, error)
						: add_pkcs12(bag, content, passphrase, error);
}
