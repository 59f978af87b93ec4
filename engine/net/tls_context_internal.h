/* tls_context_internal.h -- what tls.c needs of a context. */
#ifndef LG_NET_TLS_CONTEXT_INTERNAL_H
#define LG_NET_TLS_CONTEXT_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_context {
	SSL_CTX *ssl;
	bool is_server;
};

#endif
