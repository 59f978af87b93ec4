/* pop3_passage.c -- a ring and a queue of positions in it.
 *
 * Invariant: gates are in the order of their positions, and none that is kept lies before `taken`. */
#include "pop3_passage_internal.h"

#include <assert.h>

void pop3_passage_init(struct pop3_passage *passage)
{
	passage->start = passage->size = 0;
	passage->taken = 0;
	passage->first_gate = 1;
	passage->gate_count = 0;
}

size_t pop3_passage_room(const struct pop3_passage *passage)
{
	return POP3_PASSAGE_SIZE - passage->size;
}

bool pop3_passage_has_gate_room(const struct pop3_passage *passage)
{
	return passage->gate_count < POP3_PASSAGE_GATES;
}

void pop3_passage_append(struct pop3_passage *passage, struct bytes bytes)
{
	assert(bytes.size <= pop3_passage_room(passage));
	while (bytes.size) {
		size_t end = (passage->start + passage->size) % POP3_PASSAGE_SIZE;
		struct bytes run = bytes_head(bytes, POP3_PASSAGE_SIZE - end);

		memcpy(passage->data + end, run.data, run.size);
		passage->size += run.size;
		bytes = bytes_skip(bytes, run.size);
	}
}

static struct pop3_gate *gate_at(struct pop3_passage *passage, uint64_t number)
{
	return &passage->gates[number % POP3_PASSAGE_GATES];
}

uint64_t pop3_passage_add_gate(struct pop3_passage *passage)
{
	uint64_t number = passage->first_gate + passage->gate_count;

	assert(passage->size && pop3_passage_has_gate_room(passage));
	*gate_at(passage, number) =
		(struct pop3_gate){ .position = passage->taken + passage->size - 1 };
	passage->gate_count++;
	return number;
}

static void drop_open_gates(struct pop3_passage *passage)
{
	while (passage->gate_count && gate_at(passage, passage->first_gate)->is_open) {
		passage->first_gate++;
		passage->gate_count--;
	}
}

void pop3_passage_open_gate(struct pop3_passage *passage, uint64_t number)
{
	assert(number >= passage->first_gate && number < passage->first_gate + passage->gate_count);
	gate_at(passage, number)->is_open = true;
	drop_open_gates(passage);
}

bool pop3_passage_has_closed_gate(const struct pop3_passage *passage)
{
	return passage->gate_count > 0;
}

size_t pop3_passage_take(struct pop3_passage *passage, uint8_t *space, size_t capacity)
{
	size_t may_leave = passage->size, used = 0;

	if (passage->gate_count)
		may_leave =
			(size_t)(gate_at(passage, passage->first_gate)->position - passage->taken);
	if (may_leave > capacity)
		may_leave = capacity;
	while (used < may_leave) {
		size_t run = POP3_PASSAGE_SIZE - passage->start;

		if (run > may_leave - used)
			run = may_leave - used;
		memcpy(space + used, passage->data + passage->start, run);
		passage->start = (passage->start + run) % POP3_PASSAGE_SIZE;
		used += run;
	}
	passage->size -= used;
	passage->taken += used;
	return used;
}
