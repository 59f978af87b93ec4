/* sasl.h -- the server side of the SASL mechanisms (RFC 4422) by which a client says who it is: PLAIN
 * (RFC 4616) and LOGIN (draft-murchison-sasl-login, obsolete, but what many mail programs choose).
 *
 * Pure, and without memory of its own: a response is decoded in place, a name that must outlive its line
 * goes into memory that the owner lends. Both hold secrets; the owner wipes them. What the protocol
 * wraps around an exchange ("+ ", "*", "=") is the protocol's. */
#ifndef LG_PROTO_SASL_H
#define LG_PROTO_SASL_H

#include "base/bytes.h"

struct sasl_mechanism; /* a row of the table */

enum sasl_outcome {
	SASL_CONTINUES, /* send sasl_challenge(), feed the response */
	SASL_COMPLETE,	/* .user and .password are there, neither is empty */
	SASL_MALFORMED, /* not base64, or not what the mechanism prescribes */
	SASL_REFUSED,	/* well-formed, but asks to act for somebody else (RFC 4616 2) */
};

struct sasl {
	const struct sasl_mechanism *mechanism; /* NULL: no exchange is under way */
	size_t step;
	uint8_t *name_space;
	size_t name_capacity;
	struct bytes user;
	struct bytes password;
};

/* NULL: no such mechanism. */
const struct sasl_mechanism *sasl_find(struct bytes name);
/* The mechanisms by their names, the one that clients should prefer first. */
size_t sasl_mechanism_count(void);
const char *sasl_mechanism_name(size_t index);

/* A user name of more than `name_capacity` octets is malformed. */
void sasl_begin(struct sasl *sasl, const struct sasl_mechanism *mechanism, uint8_t *name_space,
	size_t name_capacity);
/* In base64, "" for an empty one. */
const char *sasl_challenge(const struct sasl *sasl);
/* The client's response to the challenge, as base64, which is overwritten. The views in *sasl look into
 * it and into the name space. Any outcome but SASL_CONTINUES is the last. */
enum sasl_outcome sasl_respond(struct sasl *sasl, uint8_t *text, size_t size);
/* Forgets the exchange, and wipes the name space. Harmless when none is under way. */
void sasl_end(struct sasl *sasl);

#endif
