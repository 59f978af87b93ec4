/* tls_context.c -- what both sides agree to: protocol versions and suites; and whom a connection from here trusts.
 *
 * TLS 1.2 and 1.3 (RFC 8996 ends the older ones), forward secrecy and authenticated encryption only
 * (RFC 9325 4.2). DHE with RSA is among the suites because Exchange on Windows Server 2012 R2 knows
 * AES-GCM with nothing else. Compression, renegotiation and early data are off.
 *
 * All settings are made here and not left to the machine's openssl.cnf. */
#include "tls_context_internal.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "certificate_internal.h"
#include "tls_error_internal.h"

static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+aRSA+AESGCM";
static const char suites_1_3[] =
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";

enum {
	SECURITY_LEVEL = 2, /* 112 bits: RSA and DH of at least 2048 bits, no SHA-1 signatures */
};

/* The order of suites is the server's, but a client without AES in hardware, which puts ChaCha20
 * first, gets that. An end of the connection without close_notify stays an error: it may be an
 * attack. */
static const uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

/* Idle sessions give their buffers back; writes may go out in parts and from another place. */
static const long modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

static bool configure(SSL_CTX *ssl)
{
	SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
	SSL_CTX_set_options(ssl, options);
	/* A server that does not know RFC 5746 is not connected to. */
	SSL_CTX_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET |
					   SSL_OP_LEGACY_SERVER_CONNECT |
					   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	SSL_CTX_set_mode(ssl, modes);
	/* One read(2) for a record with its header, and for short records that came together. */
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, suites) == 1 &&
	       SSL_CTX_set_ciphersuites(ssl, suites_1_3) == 1;
}

SSL_CTX *tls_context_configured(const SSL_METHOD *method, struct error *error)
{
	SSL_CTX *ssl = SSL_CTX_new(method);

	if (ssl && configure(ssl))
		return ssl;
	tls_error_set(error, ERROR_MEMORY, "setting up TLS");
	SSL_CTX_free(ssl);
	return NULL;
}

void tls_context_free(struct tls_context **context)
{
	struct tls_context *freed = *context;

	if (!freed)
		return;
	SSL_CTX_free(freed->client);
	tls_server_set_release(&freed->set);
	mutex_free(&freed->mutex);
	free(freed);
	*context = NULL;
}

/* ---- for connections from here ---- */

/* Trust in these certificates alone, also where one of them is not an authority that signed itself:
 * a person has looked at it and said so. */
static bool trust_file(SSL_CTX *ssl, const char *path, struct error *error)
{
	STACK_OF(X509) *list = certificate_load_all(path, error);
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	bool ok = list != NULL;

	for (int i = 0; ok && i < sk_X509_num(list); i++) {
		ok = X509_STORE_add_cert(store, sk_X509_value(list, i)) == 1;
		if (!ok)
			tls_error_set(error, ERROR_MEMORY, "trusting %s", path);
	}
	sk_X509_pop_free(list, X509_free);
	if (ok)
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return ok;
}

struct tls_context *tls_client_context(const char *authority_file, struct error *error)
{
	struct tls_context *context = calloc(1, sizeof *context);
	bool ok;

	if (!context) {
		error_set_memory(error);
		return NULL;
	}
	context->client = tls_context_configured(TLS_client_method(), error);
	ok = context->client != NULL;
	if (ok)
		SSL_CTX_set_verify(context->client, SSL_VERIFY_PEER, NULL);
	if (ok && authority_file)
		ok = trust_file(context->client, authority_file, error);
	else if (ok)
		ok = SSL_CTX_set_default_verify_paths(context->client) == 1 ||
		     tls_error_set(error, ERROR_IO, "opening the system's trusted certificates");
	ERR_clear_error();
	if (!ok)
		tls_context_free(&context);
	return context;
}
