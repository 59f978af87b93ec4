/* fault_letters.h -- what was sent, what was promised about it, and what is found of it.
 *
 * A try that was not answered may have been kept: then once. What was answered 250 is there once, until an
 * archive asked for its deletion; what was answered as deleted never comes back. */
#ifndef LG_TESTS_FAULT_LETTERS_H
#define LG_TESTS_FAULT_LETTERS_H

#include "base/buf.h"
#include "base/error.h"

enum { LETTERS_MAX = 256, LETTERS_LARGE = 150 * 1024 };

struct letter {
	size_t size; /* octets of the content, about */
	bool is_answered;
	/* a bit for each mailbox */
	unsigned targets, asked, deleted, found;
};

struct letters {
	struct letter list[LETTERS_MAX];
	size_t count;
};

/* NULL: too many. Each try is a letter of its own. */
struct letter *letters_new(struct letters *letters, size_t size, unsigned targets);
/* As it goes over the line, without the final dot; clear `content`. */
bool letters_content(const struct letters *letters, const struct letter *letter,
	struct buf *content, struct error *error);

/* Before a mailbox is read. */
void letters_expect(struct letters *letters, unsigned mailbox);
/* A message as it was handed out: false when it should not be there, or is not what was sent. */
bool letters_found(
	struct letters *letters, unsigned mailbox, struct bytes message, struct error *error);
/* After it was read: whether all is there that must be. */
bool letters_complete(const struct letters *letters, unsigned mailbox, struct error *error);
/* What was found there is asked to go; then it is gone for certain. */
void letters_ask(struct letters *letters, unsigned mailbox);
void letters_delete(struct letters *letters, unsigned mailbox);

#endif
