/* sasl_client.h -- the client side of the SASL mechanisms by which the gateway passes a login on: PLAIN (RFC 4616),
 * LOGIN (draft-murchison-sasl-login), OAUTHBEARER (RFC 7628) and XOAUTH2, its forerunner at Google and Microsoft.
 *
 * Pure. What is written holds a secret; its space is the caller's, who wipes it. */
#ifndef LG_PROTO_SASL_CLIENT_H
#define LG_PROTO_SASL_CLIENT_H

#include "base/bytes.h"

enum sasl_client_mechanism {
	SASL_CLIENT_PLAIN,
	SASL_CLIENT_LOGIN,
	SASL_CLIENT_XOAUTH2,
	SASL_CLIENT_OAUTHBEARER,
	SASL_CLIENT_MECHANISMS,
	SASL_CLIENT_NONE = SASL_CLIENT_MECHANISMS,
};

struct sasl_credentials {
	struct bytes user;
	struct bytes password; /* empty: there is a token */
	struct bytes token;    /* of OAuth 2.0 (RFC 6750) */
};

/* What a server offers, as bits (1 << mechanism): the words behind AUTH in the reply to EHLO (RFC 4954 3) or
 * behind SASL in the answer to CAPA (RFC 5034 6). Unknown ones are left out. */
uint32_t sasl_client_offered(struct bytes words);
/* The one to use for these credentials; SASL_CLIENT_NONE: the server takes none of them. */
enum sasl_client_mechanism sasl_client_choose(
	uint32_t offered, const struct sasl_credentials *credentials);
const char *sasl_client_name(enum sasl_client_mechanism mechanism);

/* The response to the challenge number `step` (0 is the first, empty or not) in base64. Returns its size; 0: it does
 * not fit, cannot be written in this mechanism, or there is no such step. A challenge behind a token says what is
 * wrong with it (RFC 7628 3.2.2), and is for whoever brought the token. */
size_t sasl_client_respond(enum sasl_client_mechanism mechanism, size_t step,
	const struct sasl_credentials *credentials, uint8_t *space, size_t capacity);

#endif
