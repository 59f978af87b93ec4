/* certificate_read.c -- what there is to know about a certificate, for a person to look at. */
#include "certificate_internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdio.h>
#include <time.h>

#include "tls_error_internal.h"

/* The most telling part first. */
void certificate_describe_name(const X509_NAME *name, char *text, size_t size)
{
	static const unsigned long flags = ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT |
					   XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_DN_REV | XN_FLAG_FN_SN;
	BIO *bio = BIO_new(BIO_s_mem());
	int length = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, flags) >= 0)
		length = BIO_read(bio, text, (int)size - 1);
	text[length > 0 ? length : 0] = '\0';
	BIO_free(bio);
}

const char *certificate_date(const ASN1_TIME *time, char text[CERTIFICATE_DATE_SIZE])
{
	struct tm parts;

	text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &parts) == 1)
		strftime(text, CERTIFICATE_DATE_SIZE, "%Y-%m-%d %H:%M UTC", &parts);
	ERR_clear_error();
	return text;
}

/* A name without a dot at its beginning, which X509_check_host() would take for all names below it. */
bool certificate_has_name(X509 *certificate, const char *host)
{
	bool ok = X509_check_ip_asc(certificate, host, 0) == 1 ||
		  (*host && *host != '.' &&
			  X509_check_host(certificate, host, 0,
				  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1);

	ERR_clear_error();
	return ok;
}

static void describe_key(EVP_PKEY *key, char *text, size_t size)
{
	char group[64] = "";
	const char *name = NULL;

	if (key && EVP_PKEY_is_a(key, "EC")) {
		EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
		name = EC_curve_nid2nist(OBJ_txt2nid(group));
		snprintf(text, size, "EC %s", name ? name : group);
	} else if (key && EVP_PKEY_is_a(key, "RSA")) {
		snprintf(text, size, "RSA %d", EVP_PKEY_get_bits(key));
	} else {
		name = key ? EVP_PKEY_get0_type_name(key) : NULL;
		snprintf(text, size, "%s", name ? name : "unknown");
	}
}

static bool describe_digest(X509 *certificate, char text[3 * 32])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	text[0] = '\0';
	if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1 || size != 32)
		return false;
	for (size_t i = 0; i < size; i++)
		snprintf(text + 3 * i, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
	return true;
}

static void describe_alternative_names(X509 *certificate, char *text, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	certificate_names_describe(names, text, size);
	GENERAL_NAMES_free(names);
}

static bool collect(X509 *certificate, enum certificate_kind kind, struct certificate_facts *facts)
{
	certificate_describe_name(
		X509_get_subject_name(certificate), facts->subject, sizeof facts->subject);
	certificate_describe_name(
		X509_get_issuer_name(certificate), facts->issuer, sizeof facts->issuer);
	describe_key(X509_get0_pubkey(certificate), facts->key, sizeof facts->key);
	if (kind == CERTIFICATE_AUTHORITY)
		certificate_names_describe_permitted(
			certificate, facts->names, sizeof facts->names);
	else
		describe_alternative_names(certificate, facts->names, sizeof facts->names);
	return describe_digest(certificate, facts->sha256) &&
	       certificate_time(X509_get0_notBefore(certificate), &facts->not_before_s) &&
	       certificate_time(X509_get0_notAfter(certificate), &facts->not_after_s);
}

bool certificate_read(const char *folder, enum certificate_kind kind,
	struct certificate_facts *facts, struct error *error)
{
	char path[PATH_SIZE];
	X509 *certificate;
	bool ok;

	*facts = (struct certificate_facts){ 0 };
	if (!certificate_path(folder, kind, path, error))
		return false;
	certificate = certificate_load(path, error);
	if (!certificate)
		return false;
	ok = collect(certificate, kind, facts);
	if (!ok)
		tls_error_set(error, ERROR_CORRUPT, "reading %s", path);
	ERR_clear_error();
	X509_free(certificate);
	return ok;
}

bool certificate_is_for(const char *folder, enum certificate_kind kind, const char *host)
{
	char path[PATH_SIZE];
	X509 *certificate = NULL;
	bool ok;

	if (certificate_path(folder, kind, path, NULL))
		certificate = certificate_load(path, NULL);
	ok = certificate && certificate_has_name(certificate, host);
	X509_free(certificate);
	return ok;
}

bool certificate_pem(
	const char *folder, enum certificate_kind kind, struct buf *pem, struct error *error)
{
	char path[PATH_SIZE];
	X509 *certificate;
	bool ok;

	if (!certificate_path(folder, kind, path, error))
		return false;
	certificate = certificate_load(path, error);
	ok = certificate && certificate_write_pem(certificate, pem, error);
	X509_free(certificate);
	return ok;
}
