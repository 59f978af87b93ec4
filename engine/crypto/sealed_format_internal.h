/* sealed_format_internal.h -- the sizes of what a sealed message is made of, shared by the sealer and
 * the opener. docs/internals/sealed-format.md is the essay.
 *
 *	prefix		"LGMAIL", version (2), body id (16)
 *	count		of targets (1)
 *	targets		mailbox id (16), message id (16), envelope size (2), envelope
 *	stream header	(24)
 *	chunks		up to 64 KiB of body and 17 octets each, the last one tagged
 *
 * An envelope is a sealed box of: message key (32), body id (16), mailbox id (16), message id (16),
 * prologue. */
#ifndef LG_CRYPTO_SEALED_FORMAT_INTERNAL_H
#define LG_CRYPTO_SEALED_FORMAT_INTERNAL_H

#include <sodium.h>

#include "crypto/seal.h"

#define SEALED_MAGIC "LGMAIL"

enum {
	SEALED_VERSION = 1,
	SEALED_MAGIC_SIZE = 6,
	/* The prefix is also the additional data of the first chunk. */
	SEALED_PREFIX_SIZE = SEALED_MAGIC_SIZE + 2 + (int)sizeof(struct id),
	SEALED_COUNT_SIZE = 1,
	SEALED_TARGET_SIZE = 2 * (int)sizeof(struct id) + 2,
	SEALED_KEY_SIZE = 32,
	SEALED_BOX_OVERHEAD = 48,
	SEALED_STREAM_HEADER_SIZE = 24,
	SEALED_CHUNK_MAX = SEAL_CHUNK_SIZE + SEAL_CHUNK_OVERHEAD,

	/* Inside an envelope, in front of the prologue. */
	LETTER_FIXED_SIZE = SEALED_KEY_SIZE + 3 * (int)sizeof(struct id),
	ENVELOPE_MIN = SEALED_BOX_OVERHEAD + LETTER_FIXED_SIZE,
	ENVELOPE_MAX = ENVELOPE_MIN + SEAL_PROLOGUE_MAX,
};

_Static_assert(sizeof SEALED_MAGIC - 1 == SEALED_MAGIC_SIZE, "the magic");
_Static_assert(SEALED_KEY_SIZE == crypto_secretstream_xchacha20poly1305_KEYBYTES, "the key");
_Static_assert(SEALED_BOX_OVERHEAD == crypto_box_SEALBYTES, "the sealed box");
_Static_assert(SEALED_STREAM_HEADER_SIZE == crypto_secretstream_xchacha20poly1305_HEADERBYTES,
	"the stream header");
_Static_assert(SEAL_CHUNK_OVERHEAD == crypto_secretstream_xchacha20poly1305_ABYTES, "a chunk");
_Static_assert(ENVELOPE_MAX <= UINT16_MAX, "an envelope's size has two octets");
_Static_assert(SEALED_PREFIX_SIZE + SEALED_COUNT_SIZE +
			       SEAL_TARGETS_MAX * (SEALED_TARGET_SIZE + ENVELOPE_MAX) +
			       SEALED_STREAM_HEADER_SIZE <=
		       SEAL_HEAD_MAX,
	"the head");

#endif
