/* fuzz_stream.h -- how the fuzzers of protocol cores cut their input: into segments, which 0xFF
 * ends (a handshake lies between two of them where one is due), and those into pieces of a size
 * that depends on the way of playing. Each piece lies in memory of exactly its size, so that a
 * sanitizer sees a core that looks beyond it or keeps a view. */
#ifndef LG_TESTS_FUZZ_STREAM_H
#define LG_TESTS_FUZZ_STREAM_H

#include <stdlib.h>

#include "base/buf.h"

enum { FUZZ_LOG_MAX = 64 << 20, FUZZ_WHOLE = 0 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool fact)
{
	if (!fact)
		abort();
}

/* `state` is FUZZ_WHOLE for no cuts, else the state of xorshift32. */
static inline size_t fuzz_cut(uint32_t *state, size_t most)
{
	size_t size;

	if (*state == FUZZ_WHOLE || most == 0)
		return most;
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	size = 1 + *state % (*state & 1 << 20 ? 7 : 300);
	return size < most ? size : most;
}

/* The copy is freed by the caller; never NULL. */
static inline uint8_t *fuzz_copy(struct bytes piece)
{
	uint8_t *copy = malloc(piece.size ? piece.size : 1);

	check(copy != NULL);
	if (piece.size)
		memcpy(copy, piece.data, piece.size);
	return copy;
}

static inline void fuzz_log(struct buf *log, struct bytes bytes)
{
	check(buf_append(log, bytes));
}

static inline void fuzz_log_text(struct buf *log, const char *text)
{
	check(buf_append_text(log, text));
}

#endif
