/* tls_server_context.c -- with which certificates the gateway answers, and how they are exchanged while it runs.
 *
 * A set is what serves at one time: the installation's own pair (ECDSA and RSA) and, if there is one, the
 * imported certificate. A session holds the set that it began with. Exchanging certificates is
 * therefore making another set and pointing to it.
 *
 * Each set has ticket keys of its own, which OpenSSL draws at random and keeps in memory alone (RFC 5077,
 * RFC 8446 4.6.1). A ticket is worth nothing to another set or another run of the gateway: the client
 * then makes a full handshake, as if it had none. Whoever wants short-lived ticket keys (RFC 9325 3.4)
 * reloads every day. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "certificate_internal.h"
#include "tls_context_internal.h"
#include "tls_error_internal.h"

enum { TICKET_SECONDS = 3600 };

struct tls_server_set {
	atomic_size_t holders;
	SSL_CTX *first; /* the imported certificate if there is one, else the own ones */
	SSL_CTX *own;	/* NULL: `first` has them */
};

/* ---- which certificate a client gets ---- */

static bool is_for(SSL_CTX *ssl, const char *name)
{
	return certificate_has_name(SSL_CTX_get0_certificate(ssl), name);
}

/* RFC 6066 3. A name that no certificate has is not refused: whoever minds will look at the certificate. Tickets
 * stay those of `first`, from which the session was made. */
static int choose(SSL *ssl, int *alert, void *context)
{
	const struct tls_server_set *set = context;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name && !is_for(set->first, name) && is_for(set->own, name))
		SSL_set_SSL_CTX(ssl, set->own);
	ERR_clear_error();
	return SSL_TLSEXT_ERR_OK;
}

/* ---- making a set ---- */

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

/* The context has a place for each kind of key. Two certificates of one kind are a pair that a person has put
 * into both files; the second then takes the place of the first. */
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

/* NULL without an error when there is none: foreign certificates need none. */
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

static SSL_CTX *new_context(struct error *error)
{
	static const unsigned char session_context[] = "lettergate";
	SSL_CTX *ssl = tls_context_configured(TLS_server_method(), error);

	if (!ssl)
		return NULL;
	/* Parameters of OpenSSL's own for DHE, as strong as the key that signs them, thus 2048 bits or more. */
	SSL_CTX_set_dh_auto(ssl, 1);
	SSL_CTX_set_timeout(ssl, TICKET_SECONDS);
	if (SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
		SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1) ==
			1)
		return ssl;
	tls_error_set(error, ERROR_MEMORY, "setting up TLS");
	SSL_CTX_free(ssl);
	return NULL;
}

static SSL_CTX *load_own(const char *folder, struct error *error)
{
	SSL_CTX *ssl = new_context(error);
	X509 *authority = NULL;

	if (ssl &&
		(!load_authority(folder, &authority, error) ||
			!add_certificate(ssl, folder, CERTIFICATE_SERVER_EC, authority, error) ||
			!add_certificate(ssl, folder, CERTIFICATE_SERVER_RSA, authority, error))) {
		SSL_CTX_free(ssl);
		ssl = NULL;
	}
	X509_free(authority);
	return ssl;
}

/* The own RSA certificate stands beside an imported one of another kind, for programs that know RSA alone. They
 * are old mail servers that look at nobody's certificate; those that do get the imported one first.
 * An imported RSA certificate takes its place. It comes last: is_for() asks for that one. */
static SSL_CTX *load_imported(const char *folder, struct error *error)
{
	SSL_CTX *ssl = new_context(error);

	if (ssl && add_certificate(ssl, folder, CERTIFICATE_SERVER_RSA, NULL, error) &&
		add_certificate(ssl, folder, CERTIFICATE_IMPORTED, NULL, error))
		return ssl;
	SSL_CTX_free(ssl);
	return NULL;
}

static bool add_imported(struct tls_server_set *set, const char *folder, struct error *error)
{
	SSL_CTX *imported = load_imported(folder, error);

	if (!imported)
		return false;
	set->own = set->first;
	set->first = imported;
	SSL_CTX_set_tlsext_servername_callback(imported, choose);
	SSL_CTX_set_tlsext_servername_arg(imported, set);
	return true;
}

static bool has_imported(const char *folder)
{
	struct certificate_facts facts;
	struct error error;

	return certificate_read(folder, CERTIFICATE_IMPORTED, &facts, &error) ||
	       error.kind != ERROR_NOT_FOUND;
}

static struct tls_server_set *set_new(const char *folder, bool needs_imported, struct error *error)
{
	struct tls_server_set *set = calloc(1, sizeof *set);

	if (!set) {
		error_set_memory(error);
		return NULL;
	}
	atomic_init(&set->holders, 1);
	set->first = load_own(folder, error);
	if (!set->first ||
		(has_imported(folder) && !add_imported(set, folder, error) && needs_imported))
		tls_server_set_release(&set);
	ERR_clear_error();
	return set;
}

/* ---- the set of now ---- */

struct tls_server_set *tls_server_set_hold(struct tls_context *context)
{
	struct tls_server_set *set;

	mutex_lock(context->mutex);
	set = context->set;
	atomic_fetch_add(&set->holders, 1);
	mutex_unlock(context->mutex);
	return set;
}

void tls_server_set_release(struct tls_server_set **set)
{
	struct tls_server_set *released = *set;

	*set = NULL;
	if (!released || atomic_fetch_sub(&released->holders, 1) > 1)
		return;
	SSL_CTX_free(released->first);
	SSL_CTX_free(released->own);
	free(released);
}

SSL_CTX *tls_server_set_first(const struct tls_server_set *set)
{
	return set->first;
}

bool tls_server_can_use(
	X509 *certificate, EVP_PKEY *key, STACK_OF(X509) * chain, struct error *error)
{
	SSL_CTX *ssl = new_context(error);
	bool ok = ssl && (SSL_CTX_use_cert_and_key(ssl, certificate, key, chain, 1) == 1 ||
				 tls_error_set(error, ERROR_INVALID,
					 "the certificate cannot be used for TLS"));

	SSL_CTX_free(ssl);
	ERR_clear_error();
	return ok;
}

struct tls_context *tls_server_context(const char *folder, struct error *error)
{
	struct tls_context *context = calloc(1, sizeof *context);

	if (!context) {
		error_set_memory(error);
		return NULL;
	}
	context->mutex = mutex_new(error);
	context->set = context->mutex ? set_new(folder, false, error) : NULL;
	if (!context->set)
		tls_context_free(&context);
	return context;
}

bool tls_server_context_reload(struct tls_context *context, const char *folder, struct error *error)
{
	struct tls_server_set *replaced, *set = set_new(folder, true, error);

	if (!set)
		return false;
	mutex_lock(context->mutex);
	replaced = context->set;
	context->set = set;
	mutex_unlock(context->mutex);
	tls_server_set_release(&replaced);
	return true;
}
