/* fuzz_dot.c -- the dot codec against itself cut otherwise, and against readers written the slow way. The
 * first byte seeds the cuts; the rest is a stream for the decoder and a content for the encoder. */
#include <stdlib.h>

#include "base/buf.h"
#include "mail/dot.h"
#include "mail/top.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAXIMUM = 1 << 20 };

static uint32_t seed;

static void check(bool fact)
{
	if (!fact)
		abort();
}

/* Takes a piece off *rest, into memory of exactly its size. */
static struct bytes cut(struct bytes *rest, bool whole, uint8_t **memory)
{
	size_t size = rest->size;

	seed = seed * 1103515245 + 12345;
	if (!whole && 1 + (seed >> 16) % 9 < size)
		size = 1 + (seed >> 16) % 9;
	*memory = malloc(size);
	check(*memory != NULL);
	memcpy(*memory, rest->data, size);
	*rest = bytes_skip(*rest, size);
	return bytes_make(*memory, size);
}

/* How much of the stream was used up to the end, or all of it when the end was not seen. */
static size_t decode(struct bytes in, bool whole, struct buf *content, bool *is_done)
{
	const size_t size = in.size;
	struct dot_decoder decoder;
	size_t left = 0;

	dot_decoder_init(&decoder);
	while (in.size && !dot_decoder_is_done(&decoder)) {
		uint8_t *memory;
		struct bytes offered = cut(&in, whole, &memory), piece;

		while (dot_decoder_next(&decoder, &offered, &piece)) {
			check(piece.size > 0);
			check(buf_append(content, piece));
		}
		left = offered.size;
		check(!left || dot_decoder_is_done(&decoder));
		free(memory);
	}
	*is_done = dot_decoder_is_done(&decoder);
	return size - in.size - left;
}

/* RFC 5321 4.5.2 word for word, for lines that end in CRLF. */
static size_t decode_slowly(struct bytes in, struct buf *content, bool *is_done)
{
	bool at_line_start = true;
	size_t i = 0;

	*is_done = false;
	while (i < in.size) {
		struct bytes rest = bytes_skip(in, i);

		if (at_line_start && rest.size >= 3 && memcmp(rest.data, ".\r\n", 3) == 0) {
			*is_done = true;
			return i + 3;
		}
		/* What could still become the end is held back by a decoder that reads a stream. */
		if (at_line_start && rest.size == 2 && memcmp(rest.data, ".\r", 2) == 0)
			return in.size;
		if (at_line_start && rest.data[0] == '.') {
			at_line_start = false;
			i++;
			continue;
		}
		check(buf_append_byte(content, in.data[i]));
		at_line_start = i && in.data[i] == '\n' && in.data[i - 1] == '\r';
		i++;
	}
	return in.size;
}

static void encode(struct bytes in, bool whole, struct buf *stream)
{
	struct dot_encoder encoder;

	dot_encoder_init(&encoder);
	while (in.size) {
		uint8_t *memory;
		struct bytes offered = cut(&in, whole, &memory), piece;

		while (dot_encoder_next(&encoder, &offered, &piece)) {
			check(piece.size > 0);
			check(buf_append(stream, piece));
		}
		check(!offered.size);
		free(memory);
	}
	check(buf_append(stream, dot_encoder_end(&encoder)));
}

/* A reader that takes every LF for a line end must find the end where the stream ends, and get the
 * content, its missing CRLF added. */
static void check_lax_reader(struct bytes content, struct bytes stream)
{
	struct bytes line;
	struct buf read;

	buf_init(&read, MAXIMUM);
	while (bytes_split(&stream, '\n', &line)) {
		if (bytes_equal_text(line, ".\r") || bytes_equal_text(line, "."))
			break;
		if (line.size && line.data[0] == '.')
			line = bytes_skip(line, 1);
		check(buf_append(&read, line) && buf_append_byte(&read, '\n'));
	}
	check(!stream.size);
	check(bytes_equal(bytes_head(buf_view(&read), content.size), content));
	if (read.size != content.size)
		check(bytes_equal_text(bytes_skip(buf_view(&read), content.size), "\r\n"));
	buf_clear(&read);
}

static size_t top_size(struct bytes message, uint64_t lines, bool whole)
{
	struct top top;
	size_t used = 0;

	top_init(&top, lines);
	while (message.size) {
		uint8_t *memory;
		struct bytes piece = cut(&message, whole, &memory);
		size_t taken = top_feed(&top, piece);

		check(taken == piece.size || (taken < piece.size && top_is_done(&top)));
		used += taken;
		free(memory);
	}
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, parts, slow;
	struct bytes in;
	bool is_done, is_done_cut, is_done_slow;
	size_t used;

	if (!size)
		return 0;
	seed = data[0];
	in = bytes_make(data + 1, size - 1);
	buf_init(&whole, MAXIMUM);
	buf_init(&parts, MAXIMUM);
	buf_init(&slow, MAXIMUM);
	used = decode(in, true, &whole, &is_done);
	check(decode(in, false, &parts, &is_done_cut) == used && is_done_cut == is_done);
	check(decode_slowly(in, &slow, &is_done_slow) == used && is_done_slow == is_done);
	check(bytes_equal(buf_view(&whole), buf_view(&parts)));
	check(bytes_equal(buf_view(&whole), buf_view(&slow)));
	buf_clear(&whole);
	buf_clear(&parts);
	encode(in, true, &whole);
	encode(in, false, &parts);
	check(bytes_equal(buf_view(&whole), buf_view(&parts)));
	if (in.size)
		check_lax_reader(in, buf_view(&whole));
	check(top_size(in, data[0] % 8, true) == top_size(in, data[0] % 8, false));
	buf_clear(&whole);
	buf_clear(&parts);
	buf_clear(&slow);
	return 0;
}
