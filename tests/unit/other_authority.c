/* other_authority.c -- see the header. */
#include "other_authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>

#include "certificate_folder.h"

#define DAY INT64_C(86400)

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

void other_make(struct other_certificate *made, const struct other_recipe *recipe)
{
	static long serial = 1000;
	X509 *certificate = X509_new();
	EVP_PKEY *key = recipe->key ? recipe->key : EVP_EC_gen("P-256");
	EVP_PKEY *signing = recipe->issuer ? recipe->issuer->key : key;
	int64_t begin_s = recipe->begin_s ? recipe->begin_s : TEST_NOW_S - DAY;
	int64_t end_s = recipe->end_s ? recipe->end_s : TEST_NOW_S + 100 * DAY;
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_non_null(key);
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)begin_s));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)end_s));
	assert_int_equal(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				 (const unsigned char *)recipe->name, -1, -1, 0),
		1);
	assert_int_equal(X509_set_issuer_name(certificate,
				 recipe->issuer ? X509_get_subject_name(recipe->issuer->certificate)
						: subject),
		1);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	if (recipe->is_authority) {
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
		add_extension(certificate, NID_key_usage, "critical,keyCertSign");
	}
	if (recipe->hosts)
		add_extension(certificate, NID_subject_alt_name, recipe->hosts);
	if (recipe->usage)
		add_extension(certificate, NID_ext_key_usage, recipe->usage);
	assert_true(X509_sign(certificate, signing,
			    EVP_PKEY_is_a(signing, "ED25519") ? NULL : EVP_sha256()) > 0);
	*made = (struct other_certificate){ certificate, key };
}

void other_clear(struct other_certificate *made)
{
	X509_free(made->certificate);
	EVP_PKEY_free(made->key);
	*made = (struct other_certificate){ NULL, NULL };
}

void other_chain_make(struct other_chain *chain, EVP_PKEY *key, int64_t now_s, int days)
{
	struct other_recipe root = { .name = "Other root", .is_authority = true };
	struct other_recipe middle = {
		.name = "Other intermediate", .is_authority = true, .issuer = &chain->root
	};
	struct other_recipe leaf = { .name = "mail.example.org",
		.hosts = "DNS:mail.example.org,DNS:*.web.example.org",
		.issuer = &chain->middle,
		.key = key };

	root.begin_s = middle.begin_s = leaf.begin_s = now_s - DAY;
	root.end_s = middle.end_s = now_s + 3000 * DAY;
	leaf.end_s = now_s + days * DAY;
	other_make(&chain->root, &root);
	other_make(&chain->middle, &middle);
	other_make(&chain->leaf, &leaf);
}

void other_chain_clear(struct other_chain *chain)
{
	other_clear(&chain->root);
	other_clear(&chain->middle);
	other_clear(&chain->leaf);
}

/* ---- as files ---- */

static void append(struct buf *text, BIO *bio)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	assert_true(size > 0);
	assert_true(buf_append(text, bytes_make(data, (size_t)size)));
	BIO_free(bio);
}

void other_add_certificate(struct buf *text, const struct other_certificate *made)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(bio, made->certificate), 1);
	append(text, bio);
}

void other_add_key(struct buf *text, const struct other_certificate *made, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(
		PEM_write_bio_PKCS8PrivateKey(bio, made->key, passphrase ? EVP_aes_256_cbc() : NULL,
			passphrase, passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
		1);
	append(text, bio);
}

void other_add_pkcs12(struct buf *content, const struct other_chain *chain, const char *passphrase,
	bool as_windows)
{
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *usual = OSSL_PROVIDER_load(library, "default");
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(library, "legacy");
	STACK_OF(X509) *others = sk_X509_new_null();
	BIO *bio = BIO_new(BIO_s_mem());
	PKCS12 *store;

	assert_true(usual && legacy);
	assert_true(sk_X509_push(others, chain->root.certificate) > 0);
	assert_true(sk_X509_push(others, chain->middle.certificate) > 0);
	store = PKCS12_create_ex(passphrase, NULL, chain->leaf.key, chain->leaf.certificate, others,
		as_windows ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : 0,
		as_windows ? NID_pbe_WithSHA1And40BitRC2_CBC : 0, 0, 0, 0, library, NULL);
	assert_non_null(store);
	assert_int_equal(i2d_PKCS12_bio(bio, store), 1);
	append(content, bio);
	PKCS12_free(store);
	sk_X509_free(others);
	OSSL_PROVIDER_unload(legacy);
	OSSL_PROVIDER_unload(usual);
	OSSL_LIB_CTX_free(library);
}
