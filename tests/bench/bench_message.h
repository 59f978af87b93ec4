/* bench_message.h -- the messages of the load: everything about one follows from its name and its size, so that
 * nothing is made while the clock runs.
 *
 * A message is a head of one field, "X-Bench: NAME ...", and an empty line, and then lines of 80 octets out of
 * a pool of random text, beginning at a place that the name decides. Every 16th line of the pool begins with a
 * dot. The pool exists twice: as it is, and with the dots doubled as DATA wants it (RFC 5321 4.5.2). */
#ifndef LG_TESTS_BENCH_MESSAGE_H
#define LG_TESTS_BENCH_MESSAGE_H

#include "base/bytes.h"

#define BENCH_MESSAGE_FIELD "X-Bench: "

enum {
	BENCH_MESSAGE_NAME_SIZE = 48,
	BENCH_MESSAGE_HEAD_MAX = 200,
	BENCH_MESSAGE_DIGEST_SIZE = 32,
	BENCH_MESSAGE_SIZE_MIN = 512,
};

struct bench_message {
	char name[BENCH_MESSAGE_NAME_SIZE];
	size_t size;
	char head[BENCH_MESSAGE_HEAD_MAX];
	size_t head_size;
	size_t first_line; /* in the pool */
	size_t line_count;
};

/* Before anything else, by one thread. */
void bench_message_make_pool(void);
/* A size ("8k", "2m") or "mix": 50 % 8 KiB, 30 % 40 KiB, 15 % 200 KiB, 5 % 2 MiB. False: no such set. */
bool bench_message_set_is_known(const char *set);
/* Message `number` of connection `connection`; each twenty of a connection have the shares of "mix" exactly.
 * `prefix` keeps the names of several loads apart. */
void bench_message_make(struct bench_message *message, const char *set, const char *prefix,
	unsigned connection, unsigned number);

/* The pieces of a message in turn: begin with *position 0; false behind the last one. */
bool bench_message_piece(const struct bench_message *message, bool is_dot_stuffed, size_t *position,
	struct bytes *piece);
/* SHA-256 of the content. */
void bench_message_digest(
	const struct bench_message *message, uint8_t digest[BENCH_MESSAGE_DIGEST_SIZE]);

#endif
