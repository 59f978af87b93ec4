/* tls_error_internal.h -- OpenSSL's errors as error values, for certificate*.c and tls*.c. */
#ifndef LG_NET_TLS_ERROR_INTERNAL_H
#define LG_NET_TLS_ERROR_INTERNAL_H

#include "base/error.h"

/* The reason of the first entry in this thread's OpenSSL error queue, which is emptied. Returns
 * false. Lack of memory becomes ERROR_MEMORY whatever `kind` says. */
bool tls_error_set_reason(struct error *error, enum error_kind kind);
/* The same behind "what: ". */
bool tls_error_set(struct error *error, enum error_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
