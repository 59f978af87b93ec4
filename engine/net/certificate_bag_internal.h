/* certificate_bag_internal.h -- what a person hands in as "the certificate": taken out of its files
 * (certificate_bag.c), put into order and judged (certificate_chain.c). */
#ifndef LG_NET_CERTIFICATE_BAG_INTERNAL_H
#define LG_NET_CERTIFICATE_BAG_INTERNAL_H

#include "certificate_internal.h"

struct certificate_bag {
	STACK_OF(X509) * certificates; /* in no order; all kinds */
	EVP_PKEY *key;		       /* the first one found; NULL: none so far */
};

bool certificate_bag_init(struct certificate_bag *bag, struct error *error);
void certificate_bag_clear(struct certificate_bag *bag);
/* Adds what a PEM text or a PKCS#12 file holds; empty content is fine. ERROR_INVALID: damaged, or of another form.
 * ERROR_DENIED: the passphrase (NULL: none) does not open it. */
bool certificate_bag_add(struct certificate_bag *bag, struct bytes content, const char *passphrase,
	struct error *error);

/* The certificate that the key belongs to; the bag's. */
X509 *certificate_bag_leaf(const struct certificate_bag *bag, struct error *error);
/* ERROR_INVALID: a kind or size of key that mail programs do not take. */
bool certificate_check_key(EVP_PKEY *key, struct error *error);
/* What to send behind `leaf`: the authorities between it and a trusted or self-issued one, without that one.
 * NULL: ERROR_INVALID says why a program would not accept the certificate now. */
STACK_OF(X509) * certificate_chain_make(
			 X509 *leaf, STACK_OF(X509) * others, int64_t now_s, struct error *error);

#endif
