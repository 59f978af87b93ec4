/* address.h -- envelope addresses as RFC 5321 4.1.2 writes them. */
#ifndef LG_MAIL_ADDRESS_H
#define LG_MAIL_ADDRESS_H

#include "base/bytes.h"

/* Views into the parsed text. */
struct address {
	struct bytes whole; /* local@domain as written, without < > and source route; empty: <> */
	struct bytes local_part; /* as written: a quoted string keeps its quotes */
	struct bytes domain;	 /* empty only for <> and for <postmaster> */
};

/* Reads a Path or Reverse-path at the start of *rest, and takes it off. A source route
 * (<@a,@b:user@domain>) is accepted and ignored, as RFC 5321 appendix C asks. Total length at most 254
 * octets; the local part may take all of them, since the 64 of RFC 5321 4.5.3.1.1 is what everybody must
 * accept, and senders that write the recipient into their bounce address exceed it. With `utf8` a
 * character of well-formed UTF-8 that is no control character passes for a letter (RFC 6531 3.3), and
 * nothing else differs: a path that is taken with it alone is one that needs SMTPUTF8. False:
 * malformed, *rest is unchanged. */
bool address_parse_path(struct bytes *rest, bool utf8, struct address *address);
bool address_is_null(const struct address *address);
/* The same address, or local part, as short as it can be said: what is quoted means what it holds (RFC 5321 4.1.2), so
 * "a"@b is a@b. It is accepted again, and has no more octets. What begins with no quoted string is copied as
 * it is. False: it has no room, with its NUL, or holds one. */
bool address_simplify(struct bytes text, char *simple, size_t capacity);
/* A domain or an address literal as EHLO takes it. Octets over 127 pass for letters here: there are
 * computers that are named so and say it, and the name decides nothing (RFC 5321 4.1.4). */
bool address_is_domain(struct bytes text);

#endif
