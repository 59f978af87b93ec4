/* pop3_listing_internal.h -- the lines of LIST and UIDL, made while they are pulled, so that a
 * maildrop of any size is listed in fixed memory (RFC 1939 5 and 7). */
#ifndef LG_PROTO_POP3_LISTING_INTERNAL_H
#define LG_PROTO_POP3_LISTING_INTERNAL_H

#include "proto/pop3_server.h"

/* A number, a blank, the longer of a number and an id, CRLF. */
enum { POP3_LISTING_LINE_MAX = 20 + 1 + 32 + 2 };

enum pop3_listing_kind { POP3_LISTING_SIZES, POP3_LISTING_IDS };

struct pop3_listing {
	struct pop3_maildrop maildrop;
	enum pop3_listing_kind kind;
	size_t next;
	bool is_active;
	/* A line that did not fit into the space at once. */
	uint8_t line[POP3_LISTING_LINE_MAX];
	size_t line_size;
	size_t line_sent;
};

/* Writes "NUMBER SIZE" or "NUMBER ID" and CRLF; returns the length. */
size_t pop3_listing_line(enum pop3_listing_kind kind, const struct pop3_message *message,
	size_t number, uint8_t line[POP3_LISTING_LINE_MAX]);

void pop3_listing_start(
	struct pop3_listing *listing, enum pop3_listing_kind kind, struct pop3_maildrop maildrop);
/* Fills `space` with the lines of what is not deleted, then the final dot; not active any more when
 * all was pulled. */
size_t pop3_listing_pull(struct pop3_listing *listing, uint8_t *space, size_t capacity);

#endif
