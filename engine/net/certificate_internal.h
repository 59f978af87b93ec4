/* certificate_internal.h -- what the certificate files share: files and their parts
 * (certificate_file.c), names (certificate_names.c), making (certificate_make.c), reading. What only an
 * import needs is in certificate_bag_internal.h. OpenSSL's objects
 * are freed with OpenSSL's functions; every function here leaves OpenSSL's error queue empty. */
#ifndef LG_NET_CERTIFICATE_INTERNAL_H
#define LG_NET_CERTIFICATE_INTERNAL_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "net/certificate.h"
#include "platform/paths.h"

/* A certificate with its private key; either may be NULL where that is said. */
struct certificate_pair {
	X509 *certificate;
	EVP_PKEY *key;
};

void certificate_pair_clear(struct certificate_pair *pair);

/* ---- certificate_file.c ---- */

bool certificate_path(
	const char *folder, enum certificate_kind kind, char path[PATH_SIZE], struct error *error);
bool certificate_key_path(
	const char *folder, enum certificate_kind kind, char path[PATH_SIZE], struct error *error);
/* All certificates of a PEM file, at least one. ERROR_NOT_FOUND, ERROR_CORRUPT. */
STACK_OF(X509) * certificate_load_all(const char *path, struct error *error);
/* The first one. */
X509 *certificate_load(const char *path, struct error *error);
EVP_PKEY *certificate_load_key(const char *path, struct error *error);
/* The same from PEM texts that may hold other things, too. Both leave OpenSSL's queue to the caller: it says why the
 * first one returned false, or the second NULL (PEM_R_NO_START_LINE: there was none).
 * `list` gets all certificates, maybe none. *asked tells whether the key is protected by a passphrase. */
bool certificate_parse(struct bytes pem, STACK_OF(X509) * list);
EVP_PKEY *certificate_parse_key(struct bytes pem, const char *passphrase, bool *asked);
/* Both files of `kind`. ERROR_CORRUPT when the key belongs to another certificate. */
bool certificate_load_pair(const char *folder, enum certificate_kind kind,
	struct certificate_pair *pair, struct error *error);
bool certificate_save(const char *path, X509 *certificate, struct error *error);
bool certificate_save_key(const char *path, EVP_PKEY *key, struct error *error);
/* Key, certificate and what stands behind it in `chain`, in one file. */
bool certificate_save_all(const char *path, EVP_PKEY *key, X509 *certificate,
	STACK_OF(X509) * chain, struct error *error);
/* The certificate's PEM text behind what is in *pem. */
bool certificate_write_pem(X509 *certificate, struct buf *pem, struct error *error);

/* ---- certificate_names.c ---- */

/* The hosts with "localhost", 127.0.0.1 and ::1, each once. NULL: ERROR_INVALID names the host that
 * cannot stand in a certificate. */
GENERAL_NAMES *certificate_names_make(const struct certificate_names *names, struct error *error);
/* The constraint that permits these names and no others. NULL: no memory. */
NAME_CONSTRAINTS *certificate_names_constrain(const GENERAL_NAMES *names);
/* "gateway.example.com, localhost, 127.0.0.1", cut where `text` ends. */
void certificate_names_describe(const GENERAL_NAMES *names, char *text, size_t size);
/* The same of what an authority's constraints permit; empty when it has none. */
void certificate_names_describe_permitted(X509 *authority, char *text, size_t size);

/* ---- certificate_make.c ---- */

EVP_PKEY *certificate_make_key(enum certificate_kind kind, struct error *error);
/* Signed by itself. */
X509 *certificate_make_authority(
	EVP_PKEY *key, const struct certificate_names *names, int64_t now_s, struct error *error);
/* Signed by the authority, and verified under it: names that the authority may not vouch for are
 * ERROR_STATE. */
X509 *certificate_make_server(EVP_PKEY *key, const struct certificate_pair *authority,
	const struct certificate_names *names, int64_t now_s, struct error *error);
/* Whether the certificate was made by some Lettergate authority, whichever. */
bool certificate_is_ours(X509 *certificate);
/* Seconds since 1970-01-01 UTC. */
bool certificate_time(const ASN1_TIME *time, int64_t *seconds);

/* ---- certificate_read.c ---- */

/* "CN=gateway.example.com": nothing that could steer a terminal. */
void certificate_describe_name(const X509_NAME *name, char *text, size_t size);
/* "2026-11-24 04:08 UTC" */
enum { CERTIFICATE_DATE_SIZE = 32 };
const char *certificate_date(const ASN1_TIME *time, char text[CERTIFICATE_DATE_SIZE]);
bool certificate_has_name(X509 *certificate, const char *host);

#endif
