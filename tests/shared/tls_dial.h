/* tls_dial.h -- a client's connection to the gateway, blocking, over OpenSSL.
 *
 * Deliberately not the gateway's own net/: the load shall wait in plain calls, on threads of its own. The
 * server's certificate is checked against the gateway's authority. */
#ifndef LG_TESTS_TLS_DIAL_H
#define LG_TESTS_TLS_DIAL_H

#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/error.h"

struct tls_dial {
	int socket;
	SSL *tls;	     /* NULL: plain */
	uint8_t data[16384]; /* what was read and not used */
	size_t begin, end;
};

/* One for each thread: libcrypto keeps facts about the certificates in it, out of TSan's sight. */
SSL_CTX *tls_dial_context(const char *authority_file, struct error *error);
/* To 127.0.0.1. Every later call gives up after half a minute. */
bool tls_dial_open(struct tls_dial *dial, uint16_t port, struct error *error);
bool tls_dial_start_tls(struct tls_dial *dial, SSL_CTX *context, struct error *error);
bool tls_dial_write(struct tls_dial *dial, struct bytes bytes, struct error *error);
/* Reads when nothing is left; the end of the stream is an error. */
bool tls_dial_fill(struct tls_dial *dial, struct error *error);
void tls_dial_close(struct tls_dial *dial);

static inline struct bytes tls_dial_view(const struct tls_dial *dial)
{
	return bytes_make(dial->data + dial->begin, dial->end - dial->begin);
}

#endif
