/* other_authority.h -- certificates of somebody else, as a person brings them along: made by OpenSSL for the tests
 * of imports, in every form in which they come. */
#ifndef LG_TESTS_OTHER_AUTHORITY_H
#define LG_TESTS_OTHER_AUTHORITY_H

#include <openssl/x509.h>

#include "base/buf.h"

struct other_certificate {
	X509 *certificate;
	EVP_PKEY *key;
};

struct other_recipe {
	const char *name;  /* the common name */
	const char *hosts; /* "DNS:mail.example.org", NULL: none */
	bool is_authority;
	const char *usage;			/* "clientAuth", NULL: none said */
	EVP_PKEY *key;				/* taken; NULL: a new one with P-256 */
	const struct other_certificate *issuer; /* NULL: itself */
	int64_t begin_s, end_s;			/* 0: a day before TEST_NOW_S, 100 days after */
};

void other_make(struct other_certificate *made, const struct other_recipe *recipe);
void other_clear(struct other_certificate *made);

/* A root, an authority below it, and a server's certificate for mail.example.org and *.web.example.org. */
struct other_chain {
	struct other_certificate root, middle, leaf;
};
/* `key` is the leaf's: taken; NULL: P-256. Valid from a day before `now_s` on for `days`. */
void other_chain_make(struct other_chain *chain, EVP_PKEY *key, int64_t now_s, int days);
void other_chain_clear(struct other_chain *chain);

/* Each appends a text; these assert that they work. */
void other_add_certificate(struct buf *text, const struct other_certificate *made);
void other_add_key(struct buf *text, const struct other_certificate *made, const char *passphrase);
/* As Windows exported it for many years (RC2 and 3DES), or as OpenSSL does now. */
void other_add_pkcs12(struct buf *content, const struct other_chain *chain, const char *passphrase,
	bool as_windows);

#endif
