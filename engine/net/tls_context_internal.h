/* tls_context_internal.h -- what tls.c needs of a context, and what the two kinds of context share. */
#ifndef LG_NET_TLS_CONTEXT_INTERNAL_H
#define LG_NET_TLS_CONTEXT_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "platform/thread.h"

/* What a server serves with at one time; counted, since sessions go on with what they began with. */
struct tls_server_set;

struct tls_context {
	SSL_CTX *client;	    /* connections from here; NULL: it is a server's */
	struct mutex *mutex;	    /* a server's: guards `set` */
	struct tls_server_set *set; /* a server's, never NULL */
};

/* ---- tls_context.c ---- */

/* Versions, suites and the like, as every connection has them. NULL: *error says why. */
SSL_CTX *tls_context_configured(const SSL_METHOD *method, struct error *error);

/* ---- tls_server_context.c ---- */

/* For a new session: the set of now, held until it is released. */
struct tls_server_set *tls_server_set_hold(struct tls_context *context);
void tls_server_set_release(struct tls_server_set **set);
/* Where each session begins; the client's server name may then lead it elsewhere. */
SSL_CTX *tls_server_set_first(const struct tls_server_set *set);
/* Whether a server could serve with it, e.g. whether the key is strong enough. */
bool tls_server_can_use(
	X509 *certificate, EVP_PKEY *key, STACK_OF(X509) * chain, struct error *error);

#endif
