/* random_text.h -- repeatable randomness and the texts that line-based protocols stumble over:
 * dots, CR and LF in any mixture, with long runs between. */
#ifndef LG_TESTS_RANDOM_TEXT_H
#define LG_TESTS_RANDOM_TEXT_H

#include "base/buf.h"

/* xorshift32; *state is never 0. */
static inline uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline size_t random_below(uint32_t *state, size_t limit)
{
	return random_next(state) % limit;
}

/* At least 1, at most `most`; small sizes are as likely as large ones. */
static inline size_t random_cut(uint32_t *state, size_t most)
{
	static const size_t spans[] = { 1, 3, 16, 128, 4096 };
	size_t size = 1 + random_below(state, spans[random_below(state, 5)]);

	return size < most ? size : most;
}

static inline bool random_text(uint32_t *state, size_t parts, struct buf *text)
{
	static const char *const words[] = { ".", "..", "\r", "\n", "\r\n", "\r\n.", "\n.",
		"\r\n.\r\n", "\n.\n", "\r\n.\r", ".\r\n", "a", "\r\n\r\n", "Subject: x" };

	while (parts--) {
		size_t pick = random_below(state, sizeof words / sizeof words[0] + 1);

		if (pick < sizeof words / sizeof words[0]) {
			if (!buf_append_text(text, words[pick]))
				return false;
			continue;
		}
		for (size_t i = random_below(state, 300); i; i--) {
			if (!buf_append_byte(text, (uint8_t)random_next(state)))
				return false;
		}
	}
	return true;
}

#endif
