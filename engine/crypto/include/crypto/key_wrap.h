/* key_wrap.h -- the secret keys of a mailbox, encrypted under a password or a recovery code.
 *
 * Argon2id (RFC 9106) turns the phrase into a key, XChaCha20-Poly1305 encrypts under it with the
 * mailbox id and the kind authenticated. The cost is written into the wrap and its bounds are
 * checked when it is read, so that a tampered wrap can ask neither for all memory nor for a
 * worthless hash. Neither phrase is stored. Each call takes a tenth of a second or more and the
 * memory of its cost: for hashing threads, never for a loop. */
#ifndef LG_CRYPTO_KEY_WRAP_H
#define LG_CRYPTO_KEY_WRAP_H

#include "base/buf.h"
#include "crypto/mailbox_keys.h"

enum wrap_kind { WRAP_PASSWORD = 1, WRAP_RECOVERY = 2 };

struct wrap_cost {
	uint32_t memory_kib;
	uint32_t passes;
};

extern const struct wrap_cost WRAP_COST_DEFAULT; /* 64 MiB, 3 passes */

enum { WRAP_SIZE_MAX = 512 };

/* Appends the wrap to *wrapped. ERROR_INVALID: an empty phrase, one over 1024 octets, or a cost that
 * would not be taken back. ERROR_MEMORY, ERROR_BUSY: try again. */
bool key_wrap(enum wrap_kind kind, const struct id *mailbox,
	const struct mailbox_secret_keys *secret_keys, struct bytes phrase,
	const struct wrap_cost *cost, struct buf *wrapped, struct error *error);

/* *secret_keys in secret memory. ERROR_DENIED: not this phrase. ERROR_CORRUPT: not a wrap, or out of
 * bounds. ERROR_MEMORY, ERROR_BUSY: try again. */
bool key_unwrap(enum wrap_kind kind, const struct id *mailbox, struct bytes wrapped,
	struct bytes phrase, struct mailbox_secret_keys **secret_keys, struct error *error);

/* A generated password: 8 groups of 4 from 31 unambiguous lower-case letters and digits joined by
 * hyphens, 158 bits; nothing that a shell, a URL or a form mangles. */
enum { GENERATED_PASSWORD_SIZE = 40 };
void password_generate(char text[GENERATED_PASSWORD_SIZE]);

/* A recovery code: 128 random bits and a check digit pair in groups of 4 upper-case characters, to
 * be read from paper. recovery_code_normalise() takes what a person typed (blanks, hyphens, case,
 * O for 0, I and L for 1) and gives the canonical form that is wrapped under; ERROR_INVALID when the
 * check digits do not fit, so that a typing error is told from a wrong code. */
enum { RECOVERY_CODE_SIZE = 40 };
void recovery_code_generate(char text[RECOVERY_CODE_SIZE]);
bool recovery_code_normalise(
	struct bytes typed, char text[RECOVERY_CODE_SIZE], struct error *error);

#endif
