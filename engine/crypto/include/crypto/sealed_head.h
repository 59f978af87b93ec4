/* sealed_head.h -- what a sealed message says of itself without any key: which body it is, whose copies it holds and
 * how large they are. Anybody could have written it; that it is true is known when the message opens. Pure. */
#ifndef LG_CRYPTO_SEALED_HEAD_H
#define LG_CRYPTO_SEALED_HEAD_H

#include "crypto/seal.h"

struct sealed_head {
	struct id body;
	struct sealed_head_target {
		struct id mailbox, message;
		uint64_t size; /* prologue and content, without a last CRLF that RETR may supply */
	} targets[SEAL_TARGETS_MAX];
	size_t target_count;
};

/* `beginning` is the first SEAL_HEAD_MAX octets of a message that has `size` of them, or all of it. ERROR_CORRUPT: it
 * is none, of another version, or its size is none that a whole one has. */
bool sealed_head_read(
	struct bytes beginning, uint64_t size, struct sealed_head *head, struct error *error);

#endif
