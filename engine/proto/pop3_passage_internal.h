/* pop3_passage_internal.h -- what a POP3 server said, on its way to the client: a ring of fixed size, with gates in
 * it. What lies behind a closed gate stays. */
#ifndef LG_PROTO_POP3_PASSAGE_INTERNAL_H
#define LG_PROTO_POP3_PASSAGE_INTERNAL_H

#include "base/bytes.h"

enum {
	/* As much as a few small messages, whose copies can then be kept together. */
	POP3_PASSAGE_SIZE = 64 * 1024,
	POP3_PASSAGE_GATES = 64,
};

struct pop3_gate {
	uint64_t position; /* octets before it since the beginning */
	bool is_open;
};

struct pop3_passage {
	size_t start, size;
	uint64_t taken; /* octets that have left */
	/* A gate's number is its place in the row of all there ever were; the oldest that is kept is gates[first %
	 * POP3_PASSAGE_GATES]. Numbers begin with 1. */
	uint64_t first_gate;
	size_t gate_count;
	struct pop3_gate gates[POP3_PASSAGE_GATES];
	uint8_t data[POP3_PASSAGE_SIZE];
};

void pop3_passage_init(struct pop3_passage *passage);
size_t pop3_passage_room(const struct pop3_passage *passage);
bool pop3_passage_has_gate_room(const struct pop3_passage *passage);
/* What is appended fits: the caller asked for the room. */
void pop3_passage_append(struct pop3_passage *passage, struct bytes bytes);
/* In front of the last octet that was appended, unless that has left. Returns its number. */
uint64_t pop3_passage_add_gate(struct pop3_passage *passage);
void pop3_passage_open_gate(struct pop3_passage *passage, uint64_t number);
bool pop3_passage_has_closed_gate(const struct pop3_passage *passage);
size_t pop3_passage_take(struct pop3_passage *passage, uint8_t *space, size_t capacity);

#endif
