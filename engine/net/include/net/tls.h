/* tls.h -- TLS settings (OpenSSL) for both directions: TLS 1.2 and 1.3, forward-secret AEAD suites.
 *
 * A context is shared by all sessions; a session (tls_session in tls_internal.h, used by conn.c alone) belongs
 * to one loop. What a session uses of a context lives as long as the session, so that certificates can be
 * exchanged, and contexts freed, while sessions live. */
#ifndef LG_NET_TLS_H
#define LG_NET_TLS_H

#include "base/error.h"

struct tls_context;

/* With the certificates of the folder (certificate.h). A client that names a server gets the certificate with
 * that name; one that names none, or an unknown one, the imported certificate if there is one, else the
 * installation's own. Of the own two the client's signature algorithms pick one. ERROR_CORRUPT when a key does not belong to
 * its certificate. An imported certificate that cannot be read is left out: the own ones still receive
 * mail, and tls_server_context_reload() says why. */
struct tls_context *tls_server_context(const char *folder, struct error *error);
/* Reads the folder again: new sessions use what is there now, running ones go on as they are, tickets given out
 * before are worth nothing. When anything cannot be read, nothing changes. Any thread; blocking. */
bool tls_server_context_reload(
	struct tls_context *context, const char *folder, struct error *error);
/* For connections from here. Trusts `authority_file` (PEM) alone, or the system's trust store when NULL.
 * The name or numeric address is always checked. */
struct tls_context *tls_client_context(const char *authority_file, struct error *error);
void tls_context_free(struct tls_context **context);

#endif
