/* test_top.c -- where the answer to TOP ends, for each row whole, byte by byte and cut at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/top.h"

static const struct {
	const char *message;
	uint64_t lines;
	size_t used;
	bool is_done;
} rows[] = {
	{ "", 0, 0, false },
	{ "A: b\r\n\r\nbody\r\n", 0, 8, true },
	{ "A: b\r\n\r\nbody\r\n", 1, 14, true },
	{ "A: b\r\n\r\nbody\r\n", 2, 14, false },
	{ "A: b\r\n\r\nbody", 1, 12, false },
	{ "A: b\r\n\r\n1\r\n2\r\n3\r\n", 2, 14, true },
	{ "A: b\r\n\r\n\r\n\r\n3\r\n", 2, 12, true },
	{ "A: b\n\n1\n2\n", 1, 8, true },
	{ "A: b\r\n", 0, 6, false },
	{ "\r\nbody\r\n", 0, 2, true },
	{ "\nbody\r\n", 1, 7, true },
	/* Not empty lines: two CRs, a blank, a CR and text. */
	{ "A: b\r\n\r\r\nc\r\n", 0, 12, false },
	{ "A: b\r\n \r\n\r\nc", 0, 11, true },
	{ "A: b\r\n\rx\r\n\r\n", 0, 12, true },
	{ "A: b\r\n\r\n1\r\n2\r\n", UINT64_MAX, 14, false },
};

static void test_rows(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int manner = 0; manner < 20; manner++) {
			struct bytes rest = bytes_of(rows[i].message);
			size_t used = 0;
			struct top top;

			top_init(&top, rows[i].lines);
			while (rest.size) {
				size_t most = manner == 0   ? rest.size
					      : manner == 1 ? 1
							    : 1 + (seed >> 16) % 4;
				struct bytes piece = bytes_head(rest, most);
				size_t taken = top_feed(&top, piece);

				seed = seed * 1103515245 + 12345;
				assert_true(taken == piece.size || top_is_done(&top));
				used += taken;
				rest = bytes_skip(rest, piece.size);
			}
			if (used != rows[i].used || top_is_done(&top) != rows[i].is_done)
				fail_msg("row %zu, manner %d: %zu", i, manner, used);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
