/* tls.c -- one TLS session over a non-blocking socket.
 *
 * Bytes go straight between OpenSSL and the socket. Two invariants: nothing is lost (what OpenSSL
 * holds decrypted or raw comes out of tls_read() before an end or an error), and a session that
 * broke stays broken, whatever is called afterwards. An end of the connection without close_notify
 * is an error (RFC 8446 6.1), since otherwise anybody on the way could cut a message short
 * unnoticed.
 *
 * Connections from here always check the name or address that was dialled (RFC 9525). */
#include "tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "tls_context_internal.h"
#include "tls_error_internal.h"

struct tls_session {
	SSL *ssl;
	struct tls_server_set *set; /* held; NULL on the client's side */
	bool is_broken;
	bool is_drained; /* the last read found no complete record */
	char description[64];
	char server_name[]; /* empty on the server's side */
};

static const struct {
	long code;
	const char *text; /* behind "the certificate of NAME " */
} verify_reasons[] = {
	{ X509_V_ERR_HOSTNAME_MISMATCH, "is for another name" },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, "is for another name" },
	{ X509_V_ERR_CERT_HAS_EXPIRED, "has expired" },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "is not valid yet; is the clock of this computer right?" },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "was not signed by a trusted authority" },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "was not signed by a trusted authority" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "was not signed by a trusted authority" },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "was not signed by a trusted authority" },
	{ X509_V_ERR_CERT_REVOKED, "was revoked" },
	{ X509_V_ERR_INVALID_PURPOSE, "is not one for a server" },
	{ X509_V_ERR_PERMITTED_VIOLATION, "is for a name that its authority may not vouch for" },
	{ X509_V_ERR_EXCLUDED_VIOLATION, "is for a name that its authority may not vouch for" },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "has a key that is too short to be safe" },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "was signed with a key that is too short to be safe" },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "was signed in an outdated way that is no longer safe" },
};

/* ---- creation ---- */

static bool is_numeric(const char *name)
{
	uint8_t address[16];

	return uv_inet_pton(AF_INET, name, address) == 0 ||
	       uv_inet_pton(AF_INET6, name, address) == 0;
}

static bool set_server_name(struct tls_session *session)
{
	const char *name = session->server_name;

	if (is_numeric(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session->ssl), name) == 1;
	SSL_set_hostflags(session->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(session->ssl, name) == 1 &&
	       SSL_set_tlsext_host_name(session->ssl, session->server_name) == 1;
}

struct tls_session *tls_session_new(struct tls_context *context, socket_handle socket,
	const char *server_name, struct error *error)
{
	size_t length = server_name ? strlen(server_name) : 0;
	bool ok, is_server = !context->client;
	struct tls_session *session;

	/* A client that checks no name would accept any server. */
	if (is_server != (length == 0)) {
		error_set(error, ERROR_INVALID, "TLS needs the name of the server, and only there");
		return NULL;
	}
	session = calloc(1, sizeof *session + length + 1);
	if (!session) {
		error_set_memory(error);
		return NULL;
	}
	/* The dot of the root is no part of the name on the wire (RFC 6066 3). */
	if (length > 1 && server_name[length - 1] == '.')
		length--;
	memcpy(session->server_name, server_name ? server_name : "", length);
	if (is_server)
		session->set = tls_server_set_hold(context);
	session->ssl = SSL_new(is_server ? tls_server_set_first(session->set) : context->client);
	/* OpenSSL takes a SOCKET as an int on Windows too; the values fit. */
	ok = session->ssl && SSL_set_fd(session->ssl, (int)socket) == 1 &&
	     (is_server || set_server_name(session));
	if (!ok) {
		tls_error_set(error, ERROR_MEMORY, "starting TLS");
		tls_session_free(&session);
		return NULL;
	}
	if (is_server)
		SSL_set_accept_state(session->ssl);
	else
		SSL_set_connect_state(session->ssl);
	return session;
}

void tls_session_free(struct tls_session **session)
{
	if (!*session)
		return;
	SSL_free((*session)->ssl);
	tls_server_set_release(&(*session)->set);
	free(*session);
	*session = NULL;
}

/* ---- results ---- */

static bool certificate_refused(const struct tls_session *session, struct error *error)
{
	long code = SSL_get_verify_result(session->ssl);
	const char *text = X509_verify_cert_error_string(code);

	for (size_t i = 0; i < sizeof verify_reasons / sizeof verify_reasons[0]; i++) {
		if (verify_reasons[i].code == code)
			return error_set(error, ERROR_INVALID, "the certificate of %.200s %s",
				session->server_name, verify_reasons[i].text);
	}
	return error_set(error, ERROR_INVALID, "the certificate of %.200s is not valid: %s",
		session->server_name, text);
}

/* OpenSSL reports a reset and an end of file as "syscall", with errno for the reason. */
static enum tls_result broken(
	struct tls_session *session, int code, int os_code, struct error *error)
{
	unsigned long first = ERR_peek_error();

	session->is_broken = true;
	if (ERR_GET_LIB(first) == ERR_LIB_SSL &&
		ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		certificate_refused(session, error);
	else if (first || code != SSL_ERROR_SYSCALL)
		tls_error_set_reason(error, ERROR_IO);
	else if (os_code)
		error_set_os(error, os_code, "the connection broke");
	else
		error_set(error, ERROR_IO, "the peer cut the connection");
	ERR_clear_error();
	return TLS_BROKEN;
}

/* What came of a call that returned `returned`; errno must still be that call's. */
static enum tls_result result_of(struct tls_session *session, int returned, struct error *error)
{
	int os_code = errno;
	int code = SSL_get_error(session->ssl, returned);

	switch (code) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return broken(session, code, os_code, error);
	}
}

/* Before every call. False: the session broke earlier. */
static bool begin(const struct tls_session *session, struct error *error)
{
	ERR_clear_error();
	errno = 0;
	if (!session->is_broken)
		return true;
	return error_set(error, ERROR_IO, "the TLS session has broken");
}

/* ---- calls ---- */

enum tls_result tls_handshake(struct tls_session *session, struct error *error)
{
	enum tls_result result;

	if (!begin(session, error))
		return TLS_BROKEN;
	result = result_of(session, SSL_do_handshake(session->ssl), error);
	if (result == TLS_OK)
		snprintf(session->description, sizeof session->description, "%s %s",
			SSL_get_version(session->ssl), SSL_get_cipher_name(session->ssl));
	return result;
}

enum tls_result tls_read(struct tls_session *session, uint8_t *space, size_t capacity, size_t *size,
	struct error *error)
{
	enum tls_result result;

	*size = 0;
	if (!begin(session, error))
		return TLS_BROKEN;
	result = result_of(session, SSL_read_ex(session->ssl, space, capacity, size), error);
	session->is_drained = result != TLS_OK;
	return result;
}

enum tls_result tls_write(
	struct tls_session *session, struct bytes bytes, size_t *written, struct error *error)
{
	*written = 0;
	if (!begin(session, error))
		return TLS_BROKEN;
	/* OpenSSL calls a write of nothing undefined. */
	if (!bytes.size)
		return TLS_OK;
	return result_of(
		session, SSL_write_ex(session->ssl, bytes.data, bytes.size, written), error);
}

/* Part of a record that waits for its rest does not count, or a loop that asks would spin. */
bool tls_has_pending(const struct tls_session *session)
{
	return !session->is_broken && !session->is_drained && SSL_has_pending(session->ssl) == 1;
}

bool tls_send_close(struct tls_session *session)
{
	int code;

	/* SSL_shutdown() must not be called in a handshake or after a fatal error. */
	if (session->is_broken || !SSL_is_init_finished(session->ssl))
		return true;
	ERR_clear_error();
	code = SSL_shutdown(session->ssl);
	code = code < 0 ? SSL_get_error(session->ssl, code) : SSL_ERROR_NONE;
	ERR_clear_error();
	return code != SSL_ERROR_WANT_WRITE;
}

const char *tls_description(const struct tls_session *session)
{
	return session->description;
}
