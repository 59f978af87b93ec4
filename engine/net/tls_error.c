/* tls_error.c -- what OpenSSL's reasons mean to the person who has to do something about them.
 *
 * OpenSSL keeps a queue of errors per thread. Every function of this floor that calls it leaves the
 * queue empty, since an old entry would be taken for the reason of the next failure
 * (SSL_get_error(3)). */
#include "tls_error_internal.h"

#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/sslerr.h>
#include <openssl/x509err.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	int library, reason;
	const char *text;
} reasons[] = {
	{ ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING,
		"the connection was cut without the closing message of TLS" },
	{ ERR_LIB_SSL, SSL_R_HTTP_REQUEST, "the peer speaks HTTP, not TLS" },
	{ ERR_LIB_SSL, SSL_R_HTTPS_PROXY_REQUEST, "the peer speaks HTTP, not TLS" },
	{ ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER,
		"the peer does not speak TLS here; one side may be set to another port or kind "
		"of encryption" },
	{ ERR_LIB_SSL, SSL_R_PACKET_LENGTH_TOO_LONG, "the peer does not speak TLS here" },
	{ ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL,
		"the peer knows only outdated TLS; TLS 1.2 or 1.3 is needed" },
	{ ERR_LIB_SSL, SSL_R_VERSION_TOO_LOW,
		"the peer knows only outdated TLS; TLS 1.2 or 1.3 is needed" },
	{ ERR_LIB_SSL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
		"the peer and this gateway know no common version of TLS; TLS 1.2 or 1.3 is "
		"needed" },
	{ ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER,
		"the peer offers no encryption that is safe enough (ECDHE or DHE with AES-GCM or "
		"ChaCha20 is needed)" },
	{ ERR_LIB_SSL, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
		"the peer knows only outdated signatures; SHA-256 or better is needed" },
	{ ERR_LIB_SSL, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
		"the peer accepts neither an ECDSA nor an RSA certificate" },
	{ ERR_LIB_SSL, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
		"the peer found no encryption that both sides know" },
	{ ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
		"the peer does not trust the authority of the certificate" },
	{ ERR_LIB_SSL, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refuses the certificate" },
	{ ERR_LIB_SSL, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refuses the certificate" },
	{ ERR_LIB_SSL, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		"the peer says that the certificate has expired" },
	{ ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
		"a record was damaged on the way" },
	{ ERR_LIB_PEM, PEM_R_NO_START_LINE, "it is not in PEM form" },
	{ ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, "the key belongs to another certificate" },
	{ ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH, "the key belongs to another certificate" },
};

static const char *reason_of(unsigned long code)
{
	const char *text;

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (ERR_GET_LIB(code) == reasons[i].library &&
			ERR_GET_REASON(code) == reasons[i].reason)
			return reasons[i].text;
	}
	text = ERR_reason_error_string(code);
	return text ? text : "OpenSSL gives no reason";
}

bool tls_error_set_reason(struct error *error, enum error_kind kind)
{
	unsigned long code = ERR_peek_error();

	ERR_clear_error();
	if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
		return error_set_memory(error);
	return error_set(error, kind, "%s", reason_of(code));
}

bool tls_error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	char what[300];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	tls_error_set_reason(error, kind);
	error_prefix(error, "%s", what);
	return false;
}
