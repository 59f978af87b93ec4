/* gateway_options_internal.h -- a copy of what a gateway was opened with, for when it is started again. */
#ifndef LG_GATEWAY_GATEWAY_OPTIONS_INTERNAL_H
#define LG_GATEWAY_GATEWAY_OPTIONS_INTERNAL_H

#include "base/error.h"
#include "gateway/gateway.h"

/* Zero is empty. */
struct gateway_options_copy {
	struct gateway_options options; /* points into what follows */
	struct gateway_override *overrides;
	char *text;
};

bool gateway_options_copy(struct gateway_options_copy *copy, const struct gateway_options *options,
	struct error *error);
void gateway_options_clear(struct gateway_options_copy *copy); /* also after a copy that failed */

#endif
