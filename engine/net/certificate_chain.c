/* certificate_chain.c -- whether a certificate from outside holds, judged as a mail program would: by its path
 * to an authority (RFC 5280 6). What a person then reads says which certificate of the path is the trouble.
 *
 * Trusted are the system's authorities, and those in the bag that issued themselves: an organisation with an
 * authority of its own hands that one in, too. */
#include "certificate_bag_internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "tls_error_internal.h"

enum {
	SECURITY_LEVEL = 2, /* as tls_context.c: what TLS would refuse later is refused here */
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192, /* longer ones cost more for each session than they add */
	NAME_SIZE = 160,
};

X509 *certificate_bag_leaf(const struct certificate_bag *bag, struct error *error)
{
	for (int i = 0; i < sk_X509_num(bag->certificates); i++) {
		X509 *certificate = sk_X509_value(bag->certificates, i);
		bool ok = X509_check_private_key(certificate, bag->key) == 1;

		ERR_clear_error();
		if (ok)
			return certificate;
	}
	error_set(error, ERROR_INVALID,
		"the key belongs to none of the certificates; it must be the key for which the "
		"certificate was requested");
	return NULL;
}

static bool check_kind(EVP_PKEY *key, struct error *error)
{
	static const char *const groups[] = { "prime256v1", "secp384r1", "secp521r1" };
	int bits = EVP_PKEY_get_bits(key);
	char group[64] = "";

	if (EVP_PKEY_is_a(key, "RSA")) {
		if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
			return true;
		return error_set(error, ERROR_INVALID,
			"the key has %d bits; an RSA key needs %d to %d (or take an EC key with "
			"P-256)",
			bits, RSA_BITS_MIN, RSA_BITS_MAX);
	}
	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
	ERR_clear_error();
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		if (strcmp(group, groups[i]) == 0)
			return true;
	}
	return error_set(error, ERROR_INVALID,
		"mail programs do not know this kind of key; take RSA with 2048 bits or more, or "
		"EC with P-256, P-384 or P-521");
}

/* Formats hold the public part, too, so a damaged private part goes with the certificate all the same. */
static bool is_whole(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = context && EVP_PKEY_pairwise_check(context) == 1;

	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return ok;
}

bool certificate_check_key(EVP_PKEY *key, struct error *error)
{
	if (!check_kind(key, error))
		return false;
	return is_whole(key) ||
	       error_set(error, ERROR_INVALID,
		       "the private key is damaged; get the file again from where it was made");
}

/* ---- why a chain does not hold ---- */

static bool explain_missing(X509 *certificate, struct error *error)
{
	char subject[NAME_SIZE], issuer[NAME_SIZE];

	certificate_describe_name(X509_get_subject_name(certificate), subject, sizeof subject);
	certificate_describe_name(X509_get_issuer_name(certificate), issuer, sizeof issuer);
	return error_set(error, ERROR_INVALID,
		"the chain is not complete: \"%s\" was issued by \"%s\", whose certificate is "
		"missing; add it to the file (its issuer offers it as intermediate or chain "
		"certificate)",
		subject, issuer);
}

static bool explain_time(X509 *certificate, bool is_over, struct error *error)
{
	char subject[NAME_SIZE], date[CERTIFICATE_DATE_SIZE];

	certificate_describe_name(X509_get_subject_name(certificate), subject, sizeof subject);
	if (is_over)
		return error_set(error, ERROR_INVALID,
			"the certificate of \"%s\" expired on %s; a new one is needed", subject,
			certificate_date(X509_get0_notAfter(certificate), date));
	return error_set(error, ERROR_INVALID,
		"the certificate of \"%s\" is not valid before %s; is the clock of this computer "
		"right?",
		subject, certificate_date(X509_get0_notBefore(certificate), date));
}

static bool explain_other(X509 *certificate, int code, struct error *error)
{
	static const struct {
		int code;
		const char *text;
	} reasons[] = {
		{ X509_V_ERR_INVALID_PURPOSE,
			"was not issued for that purpose; ask for a certificate for a server" },
		{ X509_V_ERR_INVALID_CA, "may not issue certificates; is it the right chain?" },
		{ X509_V_ERR_EE_KEY_TOO_SMALL, "has a key that is too short" },
		{ X509_V_ERR_CA_KEY_TOO_SMALL, "has a key that is too short" },
		{ X509_V_ERR_CA_MD_TOO_WEAK,
			"was signed with SHA-1 or MD5, which programs no longer accept" },
	};
	const char *text = X509_verify_cert_error_string(code);
	char subject[NAME_SIZE];

	certificate_describe_name(X509_get_subject_name(certificate), subject, sizeof subject);
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (reasons[i].code == code)
			return error_set(error, ERROR_INVALID, "the certificate of \"%s\" %s",
				subject, reasons[i].text);
	}
	return error_set(error, ERROR_INVALID, "the certificate of \"%s\" would be refused: %s",
		subject, text);
}

static bool explain(X509_STORE_CTX *context, X509 *leaf, struct error *error)
{
	int code = X509_STORE_CTX_get_error(context);
	X509 *certificate = X509_STORE_CTX_get_current_cert(context);

	if (!certificate)
		certificate = leaf;
	switch (code) {
	case X509_V_ERR_OUT_OF_MEM:
		return error_set_memory(error);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return explain_missing(certificate, error);
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return explain_time(certificate, code == X509_V_ERR_CERT_HAS_EXPIRED, error);
	default:
		return explain_other(certificate, code, error);
	}
}

/* ---- the chain ---- */

static bool is_self_issued(X509 *certificate)
{
	return X509_self_signed(certificate, 1) == 1;
}

static X509_STORE *new_store(STACK_OF(X509) * others)
{
	X509_STORE *store = X509_STORE_new();
	bool ok = store != NULL;

	/* A system without a trust store leaves those in the bag. */
	if (ok)
		X509_STORE_set_default_paths(store);
	for (int i = 0; ok && i < sk_X509_num(others); i++) {
		X509 *certificate = sk_X509_value(others, i);

		ok = !is_self_issued(certificate) || X509_STORE_add_cert(store, certificate) == 1;
	}
	if (ok)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* Programs have the last one already, or do not trust it (RFC 8446 4.4.2 lets it be left out). */
static STACK_OF(X509) * without_ends(STACK_OF(X509) * chain)
{
	X509_free(sk_X509_shift(chain));
	if (sk_X509_num(chain) > 0)
		X509_free(sk_X509_pop(chain));
	return chain;
}

STACK_OF(X509) * certificate_chain_make(
			 X509 *leaf, STACK_OF(X509) * others, int64_t now_s, struct error *error)
{
	X509_STORE *store = new_store(others);
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = NULL;
	X509_VERIFY_PARAM *rules;

	ERR_clear_error();
	if (!store || !context || X509_STORE_CTX_init(context, store, leaf, others) != 1 ||
		X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1) {
		tls_error_set(error, ERROR_MEMORY, "checking the certificate");
		goto out;
	}
	rules = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(rules, (time_t)now_s);
	X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
	if (X509_verify_cert(context) != 1) {
		explain(context, leaf, error);
		goto out;
	}
	chain = X509_STORE_CTX_get1_chain(context);
	chain = chain ? without_ends(chain) : NULL;
	if (!chain)
		error_set_memory(error);
out:
	ERR_clear_error();
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return chain;
}
