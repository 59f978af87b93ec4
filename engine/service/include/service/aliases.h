/* aliases.h -- addresses that lead to mailboxes. An alias is a whole address; the case of its ASCII letters does
 * not matter, what is UTF-8 in it is taken as it is. Not thread-safe: part of the directory. */
#ifndef LG_SERVICE_ALIASES_H
#define LG_SERVICE_ALIASES_H

#include "base/error.h"
#include "base/id.h"

enum { ALIAS_SIZE = 255 }; /* RFC 5321 4.5.3.1.3: a path has 256 octets with its < > */

/* The canonical form. ERROR_INVALID: no address, one without a domain, or one that begins like a mailbox's id. */
bool alias_parse(struct bytes text, char alias[ALIAS_SIZE], struct error *error);

struct alias;

struct aliases {
	struct alias **sorted;
	size_t count, capacity;
};

/* All zero: none. */
void aliases_clear(struct aliases *aliases);
/* In any case. */
bool aliases_find(const struct aliases *aliases, struct bytes address, struct id *mailbox);
/* The aliases of one mailbox, canonical, in place of those it had. False: no memory, and nothing changed. */
bool aliases_replace(struct aliases *aliases, const struct id *mailbox,
	const char *const *addresses, size_t count);

#endif
