/* seal.h -- a message, encrypted to one or more mailboxes while it arrives.
 *
 * A sealed message is a head and a stream. The head names the body and holds one envelope per
 * target: a sealed box (X25519, XSalsa20-Poly1305) with the message key, the ids of body, mailbox
 * and message, and that mailbox's own prologue (the trace headers, which only it may see). The
 * stream is the body once, as an XChaCha20-Poly1305 secretstream in chunks of 64 KiB, the last one
 * tagged. docs/internals/sealed-format.md has the bytes.
 *
 * Truncated, reordered, exchanged or altered parts do not open. One sealer or opener belongs to one
 * thread at a time. */
#ifndef LG_CRYPTO_SEAL_H
#define LG_CRYPTO_SEAL_H

#include "base/buf.h"
#include "crypto/mailbox_keyring.h"

enum {
	SEAL_CHUNK_SIZE = 65536,
	SEAL_CHUNK_OVERHEAD = 17,
	SEAL_TARGETS_MAX = 10,
	SEAL_PROLOGUE_MAX = 16384,
	SEAL_RECEIPT_SIZE = 32 + 16 + 32,
	/* What sealer_new() appends at most. */
	SEAL_HEAD_MAX = 64 + SEAL_TARGETS_MAX * (SEAL_PROLOGUE_MAX + 256),
};

struct seal_target {
	struct id mailbox;
	struct id message;
	const uint8_t *box_key; /* BOX_KEY_SIZE bytes, the mailbox's public key */
	struct bytes prologue;
};

struct sealer;

/* Appends the head, and the 24 octets that open the stream, to *sealed. 1 to SEAL_TARGETS_MAX targets.
 * ERROR_BUSY: no secret memory is free. NULL leaves *sealed as it was. */
struct sealer *sealer_new(const struct id *body, const struct seal_target *targets, size_t count,
	struct buf *sealed, struct error *error);
void sealer_free(struct sealer **sealer); /* wipes; sets NULL */
/* Takes plaintext of any length; appends whole chunks to *sealed as more follows. When *sealed has no
 * room the sealer is dead, since a part would be missing: ERROR_MEMORY, then ERROR_STATE. */
bool sealer_write(
	struct sealer *sealer, struct bytes plain, struct buf *sealed, struct error *error);
/* Appends the last chunk. From here on the sealer holds no key. */
bool sealer_finish(struct sealer *sealer, struct buf *sealed, struct error *error);
/* After sealer_finish(): the SHA-256 of all that sealer_write() took, sealed to the target's mailbox with
 * its message id authenticated (receipt.h opens it). False before, or where there is no such target. */
bool sealer_receipt(const struct sealer *sealer, size_t target, uint8_t receipt[SEAL_RECEIPT_SIZE]);
/* What a body of that many octets adds behind what sealer_new() appended. */
uint64_t seal_stream_size(uint64_t plain_size);

struct opener;

/* Borrows `keyring` until opener_free(). An envelope is tried with the newest keys first. */
struct opener *opener_new(const struct id *mailbox, const struct id *message,
	const struct mailbox_keyring *keyring, struct error *error);
void opener_free(struct opener **opener);
/* Takes sealed bytes in pieces of any length, in order; appends the prologue and then what has
 * verified to *plain. ERROR_CORRUPT from the first byte that does not verify, ERROR_BUSY without
 * secret memory, ERROR_MEMORY without room; the opener is then dead and says the same again. What *plain may grow by: the prologue, and the size of `sealed` plus one chunk. */
bool opener_feed(
	struct opener *opener, struct bytes sealed, struct buf *plain, struct error *error);
/* No more bytes come: opens the last chunk. ERROR_CORRUPT when the message is cut short. */
bool opener_finish(struct opener *opener, struct buf *plain, struct error *error);

#endif
