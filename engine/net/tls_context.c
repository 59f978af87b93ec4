/* tls_context.c -- what both sides agree to: protocol versions, suites, certificates, trust.
 *
 * TLS 1.2 and 1.3 (RFC 8996 ends the older ones), forward secrecy and authenticated encryption only
 * (RFC 9325 4.2). DHE with RSA is among the suites because Exchange on Windows Server 2012 R2 knows
 * AES-GCM with nothing else. Compression, renegotiation and early data are off. Tickets resume
 * sessions without memory on this side; their key lives as long as the context.
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
	TICKET_SECONDS = 3600,
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
	SSL_CTX_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ssl, modes);
	/* One read(2) for a record with its header, and for short records that came together. */
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, suites) == 1 &&
	       SSL_CTX_set_ciphersuites(ssl, suites_1_3) == 1;
}

static struct tls_context *new_context(bool is_server, struct error *error)
{
	struct tls_context *context = calloc(1, sizeof *context);

	if (!context) {
		error_set_memory(error);
		return NULL;
	}
	context->is_server = is_server;
	context->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (!context->ssl || !configure(context->ssl)) {
		tls_error_set(error, ERROR_MEMORY, "setting up TLS");
		tls_context_free(&context);
	}
	return context;
}

void tls_context_free(struct tls_context **context)
{
	if (!*context)
		return;
	SSL_CTX_free((*context)->ssl);
	free(*context);
	*context = NULL;
}

/* ---- for connections to here ---- */

/* The chain is what stands in the file behind the certificate, or our own authority: a program that
 * shows the certificate to a person can then offer the authority too. */
static STACK_OF(X509) *
	load_chain(const char *path, X509 *certificate, X509 *authority, struct error *error)
{
	STACK_OF(X509) *chain = certificate_load_all(path, error);

	if (!chain)
		return NULL;
	X509_free(sk_X509_shift(chain));
	if (sk_X509_num(chain) == 0 && authority &&
		X509_check_issued(authority, certificate) == X509_V_OK &&
		X509_add_cert(chain, authority, X509_ADD_FLAG_UP_REF) != 1) {
		tls_error_set(error, ERROR_MEMORY, "using %s", path);
		sk_X509_pop_free(chain, X509_free);
		return NULL;
	}
	return chain;
}

/* The context has a place for each kind of key. Two certificates of one kind are an import that
 * stands in both files; the second then takes the place of the first. */
static bool add_certificate(SSL_CTX *ssl, const char *folder, enum certificate_kind kind,
	X509 *authority, struct error *error)
{
	struct certificate_pair pair;
	STACK_OF(X509) * chain;
	char path[PATH_SIZE];
	bool ok;

	if (!certificate_path(folder, kind, path, error) ||
		!certificate_load_pair(folder, kind, &pair, error))
		return false;
	chain = load_chain(path, pair.certificate, authority, error);
	ok = chain && (SSL_CTX_use_cert_and_key(ssl, pair.certificate, pair.key, chain, 1) == 1 ||
			      tls_error_set(error, ERROR_CORRUPT, "using %s", path));
	sk_X509_pop_free(chain, X509_free);
	certificate_pair_clear(&pair);
	return ok;
}

/* NULL without an error when there is none: imported certificates need none. */
static bool load_authority(const char *folder, X509 **authority, struct error *error)
{
	struct error why;
	char path[PATH_SIZE];

	*authority = NULL;
	if (!certificate_path(folder, CERTIFICATE_AUTHORITY, path, error))
		return false;
	*authority = certificate_load(path, &why);
	if (*authority || why.kind == ERROR_NOT_FOUND)
		return true;
	if (error)
		*error = why;
	return false;
}

struct tls_context *tls_server_context(const char *folder, struct error *error)
{
	static const unsigned char session_context[] = "lettergate";
	struct tls_context *context = new_context(true, error);
	X509 *authority = NULL;
	bool ok = context && load_authority(folder, &authority, error) &&
		  add_certificate(context->ssl, folder, CERTIFICATE_SERVER_EC, authority, error) &&
		  add_certificate(context->ssl, folder, CERTIFICATE_SERVER_RSA, authority, error);

	if (ok) {
		SSL_CTX_set_dh_auto(context->ssl, 1);
		SSL_CTX_set_timeout(context->ssl, TICKET_SECONDS);
		ok = SSL_CTX_set_num_tickets(context->ssl, 1) == 1 &&
		     SSL_CTX_set_session_id_context(
			     context->ssl, session_context, sizeof session_context - 1) == 1;
		if (!ok)
			tls_error_set(error, ERROR_MEMORY, "setting up TLS");
	}
	X509_free(authority);
	ERR_clear_error();
	if (!ok && context)
		tls_context_free(&context);
	return context;
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
	struct tls_context *context = new_context(false, error);
	bool ok;

	if (!context)
		return NULL;
	SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
	if (authority_file)
		ok = trust_file(context->ssl, authority_file, error);
	else
		ok = SSL_CTX_set_default_verify_paths(context->ssl) == 1 ||
		     tls_error_set(error, ERROR_IO, "opening the system's trusted certificates");
	ERR_clear_error();
	if (!ok)
		tls_context_free(&context);
	return context;
}
