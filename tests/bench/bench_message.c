/* bench_message.c -- heads and the pool. */
#include "bench_message.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

enum {
	LINE_SIZE = 80, /* with CRLF */
	/* A prime, so that messages that begin at different lines also end at different ones. */
	POOL_LINES = 8191,
	DOT_EVERY = 16,
	HEAD_MIN = 80, /* holds the longest name */
	KIB = 1024,
	MIB = 1024 * 1024,
};

static uint8_t pool[POOL_LINES * LINE_SIZE];
static uint8_t stuffed_pool[POOL_LINES * (LINE_SIZE + 1)];

static const size_t mix[] = { 8 * KIB, 40 * KIB, 8 * KIB, 200 * KIB, 8 * KIB, 40 * KIB, 8 * KIB,
	40 * KIB, 8 * KIB, 200 * KIB, 8 * KIB, 40 * KIB, 8 * KIB, 2 * MIB, 8 * KIB, 40 * KIB,
	8 * KIB, 200 * KIB, 8 * KIB, 40 * KIB };

enum {
	MIX_COUNT = sizeof mix / sizeof mix[0],
	MIX_STEP = 7, /* has no factor of 20: connections do not send their 2 MiB at once */
};

static size_t stuffed_offset(size_t line)
{
	return line * LINE_SIZE + (line + DOT_EVERY - 1) / DOT_EVERY;
}

void bench_message_make_pool(void)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t state = 0x9e3779b97f4a7c15;

	for (size_t line = 0; line < POOL_LINES; line++) {
		uint8_t *text = pool + line * LINE_SIZE;
		uint8_t *stuffed = stuffed_pool + stuffed_offset(line);

		for (size_t i = 0; i < LINE_SIZE - 2; i++) {
			/* xorshift64: the same on every machine */
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			text[i] = (uint8_t)letters[state >> 58];
		}
		memcpy(text + LINE_SIZE - 2, "\r\n", 2);
		if (line % DOT_EVERY == 0) {
			text[0] = '.';
			*stuffed++ = '.';
		}
		memcpy(stuffed, text, LINE_SIZE);
	}
}

/* 0: it is no size. */
static size_t parse_size(const char *set)
{
	struct bytes text = bytes_of(set);
	size_t unit = 0;
	uint64_t number;

	if (text.size && set[text.size - 1] == 'k')
		unit = KIB;
	if (text.size && set[text.size - 1] == 'm')
		unit = MIB;
	if (!unit || !bytes_parse_number(bytes_make(text.data, text.size - 1), 1024, &number))
		return 0;
	return (size_t)number * unit;
}

bool bench_message_set_is_known(const char *set)
{
	return strcmp(set, "mix") == 0 || parse_size(set) >= BENCH_MESSAGE_SIZE_MIN;
}

static uint32_t hash(const char *name)
{
	uint32_t value = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		value = (value ^ (uint8_t)*name) * 16777619u;
	return value;
}

void bench_message_make(struct bench_message *message, const char *set, const char *prefix,
	unsigned connection, unsigned number)
{
	const size_t place = ((size_t)number + (size_t)connection * MIX_STEP) % MIX_COUNT;
	int written;

	message->size = strcmp(set, "mix") == 0 ? mix[place] : parse_size(set);
	assert(message->size >= BENCH_MESSAGE_SIZE_MIN);
	snprintf(message->name, sizeof message->name, "%.20s-%u-%u", prefix, connection, number);
	message->line_count = (message->size - HEAD_MIN) / LINE_SIZE;
	message->head_size = message->size - message->line_count * LINE_SIZE;
	message->first_line = hash(message->name) % POOL_LINES;

	/* The field is as long as it takes to make the message exactly as large as it shall be. */
	memset(message->head, '-', message->head_size);
	written = snprintf(
		message->head, sizeof message->head, BENCH_MESSAGE_FIELD "%s ", message->name);
	message->head[written] = '-';
	memcpy(message->head + message->head_size - 4, "\r\n\r\n", 4);
}

/* `position` counts lines, from 1 on; 0 is the head. */
bool bench_message_piece(const struct bench_message *message, bool is_dot_stuffed, size_t *position,
	struct bytes *piece)
{
	size_t done, first, last;

	if (*position == 0) {
		*piece = bytes_make(message->head, message->head_size);
		*position = 1;
		return true;
	}
	done = *position - 1;
	if (done == message->line_count)
		return false;
	first = (message->first_line + done) % POOL_LINES;
	last = first + (message->line_count - done);
	if (last > POOL_LINES)
		last = POOL_LINES;
	if (is_dot_stuffed)
		*piece = bytes_make(stuffed_pool + stuffed_offset(first),
			stuffed_offset(last) - stuffed_offset(first));
	else
		*piece = bytes_make(pool + first * LINE_SIZE, (last - first) * LINE_SIZE);
	*position += last - first;
	return true;
}

void bench_message_digest(
	const struct bench_message *message, uint8_t digest[BENCH_MESSAGE_DIGEST_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct bytes piece;
	size_t position = 0;

	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	while (bench_message_piece(message, false, &position, &piece))
		EVP_DigestUpdate(context, piece.data, piece.size);
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
}
