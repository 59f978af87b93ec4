/* gateway_content.c -- every octet of a transaction out of its number, so that a message that is found
 * anywhere can be held against what was sent. Lines begin with dots now and then, and there are bare CRs
 * and LFs and octets above 127, since these are what a gateway is tempted to change. */
#include <stdio.h>

#include "gateway_load.h"
#include "replay.h"

enum { SIZE_MAX_OCTETS = 300 * 1024, LINE_MAX = 120 };

static const char mark[] = "X-Powercut: ";

static uint64_t start_random(uint64_t seed, uint64_t number)
{
	uint64_t random = seed * 0x9e3779b97f4a7c15u ^ number;

	replay_random(&random);
	return random;
}

/* Half of them small, some around the size where a sealed body gets a file of its own, a fifth large. */
static size_t draw_size(uint64_t *random)
{
	uint64_t kind = replay_random(random) % 10;

	if (kind < 5)
		return (size_t)(100 + replay_random(random) % 4000);
	if (kind < 7)
		return (size_t)(8000 + replay_random(random) % 1500);
	if (kind < 8)
		return (size_t)(STORE_INLINE_MAX - 2000 + replay_random(random) % 3000);
	return (size_t)(70000 + replay_random(random) % (SIZE_MAX_OCTETS - 70000));
}

unsigned gateway_targets(uint64_t seed, uint64_t number)
{
	uint64_t random = start_random(seed, number) + 1;
	unsigned first = 1u << replay_random(&random) % GATEWAY_MAILBOXES;

	if (replay_random(&random) % 3)
		return first;
	return first | (unsigned)(replay_random(&random) % (1u << GATEWAY_MAILBOXES));
}

static void fill_line(uint64_t *random, uint8_t *line, size_t size)
{
	static const uint8_t odd[] = { '.', '\r', '\n', 0xe4, '\t', '.', 0xff, 'x' };
	uint64_t value = replay_random(random);
	bool has_odd = value % 7 == 0;

	for (size_t i = 0; i < size; i++) {
		line[i] = (uint8_t)('a' + (value >> i % 32) % 26);
		if (has_odd && replay_random(random) % 16 == 0)
			line[i] = odd[replay_random(random) % sizeof odd];
	}
	if (value % 5 == 0)
		line[0] = '.';
	/* A CR at the end would make the line's end another one. */
	if (line[size - 1] == '\r')
		line[size - 1] = 'r';
}

static bool append_line(uint64_t *random, struct buf *content)
{
	size_t size = 1 + (size_t)(replay_random(random) % LINE_MAX);
	uint8_t *space;

	if (!buf_reserve(content, size + 2, &space))
		return false;
	fill_line(random, space, size);
	memcpy(space + size, "\r\n", 2);
	buf_commit(content, size + 2);
	return true;
}

bool gateway_content(uint64_t seed, uint64_t number, struct buf *content)
{
	uint64_t random = start_random(seed, number);
	size_t size = draw_size(&random);
	bool ok;

	buf_init(content, size + 1000);
	ok = buf_printf(
		content, "%s%llu\r\nSubject: power\r\n\r\n", mark, (unsigned long long)number);
	while (ok && content->size < size)
		ok = append_line(&random, content);
	return ok;
}

bool gateway_content_find(struct bytes message, uint64_t *number, size_t *begin)
{
	struct bytes rest = message, line;

	while (bytes_split(&rest, '\n', &line)) {
		if (line.size <= sizeof mark || memcmp(line.data, mark, sizeof mark - 1) != 0)
			continue;
		*begin = (size_t)(line.data - message.data);
		line = bytes_skip(line, sizeof mark - 1);
		return bytes_parse_number(bytes_head(line, line.size - 1), UINT64_MAX, number);
	}
	return false;
}

bool gateway_content_compare(const struct gateway_load *load, struct bytes message,
	uint64_t *number, struct error *error)
{
	struct buf sent;
	size_t begin = 0;
	bool ok;

	if (!gateway_content_find(message, number, &begin) || !*number ||
		*number > load->transactions)
		return error_set(error, ERROR_CORRUPT, "it is none that was sent");
	ok = gateway_content(load->seed, *number, &sent)
		     ? bytes_equal(bytes_skip(message, begin), buf_view(&sent)) ||
			       error_set(error, ERROR_CORRUPT, "it differs from transaction %llu",
				       (unsigned long long)*number)
		     : error_set_memory(error);
	buf_clear(&sent);
	return ok;
}
