/* tls.h -- TLS settings (OpenSSL) for both directions: TLS 1.2 and 1.3, forward-secret AEAD suites.
 *
 * A context is shared by all sessions and read-only after creation; a session (tls_session in
 * tls_internal.h, used by conn.c alone) belongs to one loop. Contexts are reference-counted by OpenSSL:
 * freeing one while sessions live is fine, so a new certificate takes effect for new sessions at once. */
#ifndef LG_NET_TLS_H
#define LG_NET_TLS_H

#include "base/error.h"

struct tls_context;

/* With both server certificates of the folder (certificate.h); the client's signature algorithms pick
 * one. ERROR_CORRUPT when a key does not belong to its certificate. */
struct tls_context *tls_server_context(const char *folder, struct error *error);
/* For connections from here. Trusts `authority_file` (PEM) alone, or the system's trust store when NULL.
 * The name or numeric address is always checked. */
struct tls_context *tls_client_context(const char *authority_file, struct error *error);
void tls_context_free(struct tls_context **context);

#endif
