/* password_strength.h -- whether a password that a person thought up would stand against somebody who has a copy of
 * the data folder and can guess as fast as Argon2id lets him. docs/decisions/zxcvbn.md.
 *
 * Passwords that the gateway makes need no check. Takes some milliseconds; for threads that may block. */
#ifndef LG_SERVICE_PASSWORD_STRENGTH_H
#define LG_SERVICE_PASSWORD_STRENGTH_H

#include "base/bytes.h"
#include "base/error.h"

enum {
	PASSWORD_SHORTEST = 12, /* octets */
	PASSWORD_LONGEST = 128,
	PASSWORD_BITS_LEAST = 50, /* by the estimate of zxcvbn */
};

/* What is known of the mailbox counts as guessed at once: `name` and `address` (or the host name alone while there is no
 * address), and each word of them. ERROR_INVALID: too short, too long, with control characters, or easy to
 * guess; the text says what to do. ERROR_BUSY: no secret memory is free. */
bool password_strength_check(
	struct bytes password, const char *name, const char *address, struct error *error);

#endif
