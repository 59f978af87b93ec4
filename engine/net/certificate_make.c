/* certificate_make.c -- building and signing certificates after the profile of RFC 5280.
 *
 * The invariant: nothing leaves here that does not verify. A server certificate is checked under
 * its authority before it is returned, so that a name outside the authority's constraints, or an
 * authority that has run out, is found by whoever makes the certificate and not by a mail program.
 *
 * All signatures are ECDSA with P-256 and SHA-256, the one on the RSA certificate too: what cannot
 * do ECDSA is an old mail server that encrypts without checking the certificate. */
#include "certificate_internal.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "tls_error_internal.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

enum {
	AUTHORITY_DAYS = 20 * 365 + 5,
	SERVER_DAYS = 397,
	SERIAL_BITS = 159,    /* positive and at most 20 octets (RFC 5280 4.1.2.2) */
	COMMON_NAME_MAX = 64, /* ub-common-name, RFC 5280 appendix A.1 */
	KEY_ID_SIZE = 20,
};

/* Key usage bits, RFC 5280 4.2.1.3. */
enum { DIGITAL_SIGNATURE = 0, KEY_ENCIPHERMENT = 2, KEY_CERT_SIGN = 5, CRL_SIGN = 6 };

static const char authority_prefix[] = "Lettergate authority (";

EVP_PKEY *certificate_make_key(enum certificate_kind kind, struct error *error)
{
	EVP_PKEY *key = kind == CERTIFICATE_SERVER_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	if (!key)
		tls_error_set(error, ERROR_MEMORY, "making a key");
	return key;
}

/* ---- the parts of a certificate; each false with OpenSSL's queue filled ---- */

static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool ok = number &&
		  BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		  !BN_is_zero(number) &&
		  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

	BN_free(number);
	return ok;
}

/* One hour back, for the programs whose clock is behind. */
static bool set_validity(X509 *certificate, int64_t now_s, int64_t end_s)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now_s - HOUR)) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)end_s);
}

static bool set_common_name(X509_NAME *name, const char *text)
{
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
		       (const unsigned char *)text, -1, -1, 0) == 1;
}

/* Owns nothing: the caller frees `value`. */
static bool add_extension(X509 *certificate, int nid, void *value, bool critical)
{
	return value &&
	       X509_add1_ext_i2d(certificate, nid, value, critical, X509V3_ADD_DEFAULT) == 1;
}

static bool add_basic_constraints(X509 *certificate, bool is_authority)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	bool ok = constraints != NULL;

	if (ok && is_authority) {
		constraints->ca = 0xff;
		constraints->pathlen = ASN1_INTEGER_new();
		ok = constraints->pathlen && ASN1_INTEGER_set(constraints->pathlen, 0) == 1;
	}
	ok = ok && add_extension(certificate, NID_basic_constraints, constraints, true);
	BASIC_CONSTRAINTS_free(constraints);
	return ok;
}

/* `second` may be the first one again. */
static bool add_key_usage(X509 *certificate, int first, int second)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool ok = bits && ASN1_BIT_STRING_set_bit(bits, first, 1) == 1 &&
		  ASN1_BIT_STRING_set_bit(bits, second, 1) == 1 &&
		  add_extension(certificate, NID_key_usage, bits, true);

	ASN1_BIT_STRING_free(bits);
	return ok;
}

/* On the authority too: some verifiers, OpenSSL among them, take it for a limit of what is signed
 * below. */
static bool add_server_usage(X509 *certificate)
{
	EXTENDED_KEY_USAGE *usage = EXTENDED_KEY_USAGE_new();
	bool ok = usage && sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_server_auth)) > 0 &&
		  add_extension(certificate, NID_ext_key_usage, usage, false);

	EXTENDED_KEY_USAGE_free(usage);
	return ok;
}

/* The first 160 bits of the key's SHA-256 (RFC 7093 2, method 1). */
static bool add_subject_key_id(X509 *certificate)
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	bool ok = id && X509_pubkey_digest(certificate, EVP_sha256(), digest, NULL) == 1 &&
		  ASN1_OCTET_STRING_set(id, digest, KEY_ID_SIZE) == 1 &&
		  add_extension(certificate, NID_subject_key_identifier, id, false);

	ASN1_OCTET_STRING_free(id);
	return ok;
}

static bool add_authority_key_id(X509 *certificate, X509 *authority)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(authority);
	AUTHORITY_KEYID *key_id;
	bool ok;

	if (!id)
		return true;
	key_id = AUTHORITY_KEYID_new();
	ok = key_id && (key_id->keyid = ASN1_OCTET_STRING_dup(id)) != NULL &&
	     add_extension(certificate, NID_authority_key_identifier, key_id, false);
	AUTHORITY_KEYID_free(key_id);
	return ok;
}

static X509 *new_certificate(EVP_PKEY *key, int64_t now_s, int64_t end_s)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, X509_VERSION_3) == 1 &&
		set_serial(certificate) && set_validity(certificate, now_s, end_s) &&
		X509_set_pubkey(certificate, key) == 1)
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* OpenSSL says that it has signed also when it had no memory for an ECDSA signature, and leaves it empty; such a
 * certificate, once on the disk, would be read by nobody. */
static bool sign(X509 *certificate, EVP_PKEY *key)
{
	return X509_sign(certificate, key, EVP_sha256()) > 0 && X509_verify(certificate, key) == 1;
}

/* ---- the authority ---- */

static const char *first_host(const struct certificate_names *names)
{
	return names->count ? names->hosts[0] : "localhost";
}

/* The tag keeps the authorities of two installations, or of two attempts, apart in a list. */
static bool set_authority_name(X509 *certificate, const struct certificate_names *names)
{
	char text[COMMON_NAME_MAX + 1];
	uint8_t tag[3];
	int room = (int)(COMMON_NAME_MAX - (sizeof authority_prefix - 1) - sizeof ", 012345)" + 1);

	if (RAND_bytes(tag, sizeof tag) != 1)
		return false;
	snprintf(text, sizeof text, "%s%.*s, %02X%02X%02X)", authority_prefix, room,
		first_host(names), tag[0], tag[1], tag[2]);
	return set_common_name(X509_get_subject_name(certificate), text) &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1;
}

static bool add_constraints(X509 *certificate, const GENERAL_NAMES *names)
{
	NAME_CONSTRAINTS *constraints = certificate_names_constrain(names);
	bool ok = add_extension(certificate, NID_name_constraints, constraints, true);

	NAME_CONSTRAINTS_free(constraints);
	return ok;
}

X509 *certificate_make_authority(
	EVP_PKEY *key, const struct certificate_names *names, int64_t now_s, struct error *error)
{
	GENERAL_NAMES *list = certificate_names_make(names, error);
	X509 *certificate;

	if (!list)
		return NULL;
	certificate = new_certificate(key, now_s, now_s + AUTHORITY_DAYS * DAY);
	if (!certificate || !set_authority_name(certificate, names) ||
		!add_basic_constraints(certificate, true) ||
		!add_key_usage(certificate, KEY_CERT_SIGN, CRL_SIGN) ||
		!add_server_usage(certificate) || !add_subject_key_id(certificate) ||
		!add_constraints(certificate, list) || !sign(certificate, key)) {
		tls_error_set(error, ERROR_MEMORY, "making the authority's certificate");
		X509_free(certificate);
		certificate = NULL;
	}
	GENERAL_NAMES_free(list);
	return certificate;
}

/* ---- the servers ---- */

/* A name too long for this field stands in the alternative names alone, where it is looked for. */
static bool set_server_name(
	X509 *certificate, const struct certificate_names *names, X509 *authority)
{
	const char *host = first_host(names);

	return set_common_name(X509_get_subject_name(certificate),
		       strlen(host) <= COMMON_NAME_MAX ? host : "Lettergate") &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1;
}

static bool fill_server(X509 *certificate, EVP_PKEY *key, const struct certificate_pair *authority,
	const struct certificate_names *names, GENERAL_NAMES *list)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;

	return set_server_name(certificate, names, authority->certificate) &&
	       add_basic_constraints(certificate, false) &&
	       add_key_usage(certificate, DIGITAL_SIGNATURE,
		       is_rsa ? KEY_ENCIPHERMENT : DIGITAL_SIGNATURE) &&
	       add_server_usage(certificate) &&
	       add_extension(certificate, NID_subject_alt_name, list, false) &&
	       add_subject_key_id(certificate) &&
	       add_authority_key_id(certificate, authority->certificate) &&
	       sign(certificate, authority->key);
}

static bool refuse_names(X509 *authority, const GENERAL_NAMES *wanted, struct error *error)
{
	char may[160], wants[160];

	certificate_names_describe_permitted(authority, may, sizeof may);
	certificate_names_describe(wanted, wants, sizeof wants);
	return error_set(error, ERROR_STATE,
		"the authority was made for %s only and may not vouch for %s; a new authority is "
		"needed, which the mail programs must then be told to trust",
		may, wants);
}

static bool explain(int code, X509 *authority, const GENERAL_NAMES *names, struct error *error)
{
	switch (code) {
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
		return refuse_names(authority, names, error);
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return error_set(error, ERROR_STATE,
			"the authority has expired; a new one is needed, which the mail programs "
			"must then be told to trust");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return error_set(error, ERROR_STATE,
			"the authority is not valid yet: this computer's clock is wrong, or was "
			"when the authority was made");
	default:
		return error_set(error, ERROR_CORRUPT,
			"what the authority signs does not verify: %s",
			X509_verify_cert_error_string(code));
	}
}

static bool verify(X509 *certificate, X509 *authority, const GENERAL_NAMES *names, int64_t now_s,
	struct error *error)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool ok = false;

	if (!store || !context || X509_STORE_add_cert(store, authority) != 1 ||
		X509_STORE_CTX_init(context, store, certificate, NULL) != 1 ||
		X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1) {
		tls_error_set(error, ERROR_MEMORY, "verifying a certificate");
		goto out;
	}
	X509_STORE_CTX_set_time(context, 0, (time_t)now_s);
	ok = X509_verify_cert(context) == 1;
	if (!ok)
		explain(X509_STORE_CTX_get_error(context), authority, names, error);
out:
	ERR_clear_error();
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return ok;
}

X509 *certificate_make_server(EVP_PKEY *key, const struct certificate_pair *authority,
	const struct certificate_names *names, int64_t now_s, struct error *error)
{
	GENERAL_NAMES *list = certificate_names_make(names, error);
	int64_t end_s = now_s - HOUR + SERVER_DAYS * DAY, authority_end_s;
	X509 *certificate = NULL;
	bool ok = false;

	if (!list)
		return NULL;
	/* A certificate that outlives its authority only hides when the trouble begins. */
	if (certificate_time(X509_get0_notAfter(authority->certificate), &authority_end_s) &&
		authority_end_s < end_s)
		end_s = authority_end_s;
	certificate = new_certificate(key, now_s, end_s);
	if (!certificate || !fill_server(certificate, key, authority, names, list))
		tls_error_set(error, ERROR_MEMORY, "making a server certificate");
	else
		ok = verify(certificate, authority->certificate, list, now_s, error);
	if (!ok) {
		X509_free(certificate);
		certificate = NULL;
	}
	GENERAL_NAMES_free(list);
	return certificate;
}

bool certificate_is_ours(X509 *certificate)
{
	char issuer[COMMON_NAME_MAX * 4];
	int size = X509_NAME_get_text_by_NID(
		X509_get_issuer_name(certificate), NID_commonName, issuer, sizeof issuer);

	return size > 0 && strncmp(issuer, authority_prefix, sizeof authority_prefix - 1) == 0;
}

bool certificate_time(const ASN1_TIME *time, int64_t *seconds)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, rest = 0;
	bool ok = epoch && ASN1_TIME_diff(&days, &rest, epoch, time) == 1;

	ASN1_TIME_free(epoch);
	ERR_clear_error();
	*seconds = ok ? days * DAY + rest : 0;
	return ok;
}
