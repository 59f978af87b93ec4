/* test_dot.c -- the dot codec: tables, each row whole, byte by byte and cut at random, and properties of
 * random contents made of the characters that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/dot.h"

enum { MAXIMUM = 4096, ROUNDS = 20000, CUTS = 20 };

static uint32_t seed = 1;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* 0: whole, 1: byte by byte, else at random. */
static size_t cut(int manner, size_t most)
{
	size_t size = manner == 0 ? most : manner == 1 ? 1 : 1 + next_random() % 7;

	return size < most ? size : most;
}

/* Returns whether the end was seen; *rest is what follows it. Each piece of input lies in memory of
 * exactly its size. */
static bool decode(struct bytes in, int manner, struct buf *content, struct bytes *rest)
{
	struct dot_decoder decoder;

	dot_decoder_init(&decoder);
	while (in.size && !dot_decoder_is_done(&decoder)) {
		size_t size = cut(manner, in.size);
		uint8_t *memory = malloc(size);
		struct bytes offered = bytes_make(memory, size), piece;

		assert_non_null(memory);
		memcpy(memory, in.data, size);
		while (dot_decoder_next(&decoder, &offered, &piece)) {
			assert_true(piece.size > 0);
			assert_true(buf_append(content, piece));
		}
		assert_true(dot_decoder_is_done(&decoder) || !offered.size);
		in = bytes_skip(in, size - offered.size);
		free(memory);
	}
	*rest = in;
	return dot_decoder_is_done(&decoder);
}

static void encode(struct bytes in, int manner, struct buf *encoded)
{
	struct dot_encoder encoder;

	dot_encoder_init(&encoder);
	while (in.size) {
		size_t size = cut(manner, in.size);
		uint8_t *memory = malloc(size);
		struct bytes offered = bytes_make(memory, size), piece;

		assert_non_null(memory);
		memcpy(memory, in.data, size);
		while (dot_encoder_next(&encoder, &offered, &piece)) {
			assert_true(piece.size > 0);
			assert_true(buf_append(encoded, piece));
		}
		assert_int_equal(offered.size, 0);
		in = bytes_skip(in, size);
		free(memory);
	}
	assert_true(buf_append(encoded, dot_encoder_end(&encoder)));
}

static void test_decode(void **state)
{
	static const struct {
		const char *stream, *content, *rest;
		bool is_done;
	} rows[] = {
		{ "", "", "", false },
		{ ".\r\n", "", "", true },
		{ ".\r\nQUIT\r\n", "", "QUIT\r\n", true },
		{ "a\r\n.\r\nQUIT", "a\r\n", "QUIT", true },
		{ "a\r\n.\r", "a\r\n", "", false },
		{ "..\r\n.\r\n", ".\r\n", "", true },
		{ ".a\r\n...\r\n.\r\n", "a\r\n..\r\n", "", true },
		{ "a.\r\nb..c\r\n.\r\n", "a.\r\nb..c\r\n", "", true },
		{ "\r\n\r\n.\r\n", "\r\n\r\n", "", true },
		/* Nothing but CRLF.CRLF ends it. */
		{ "a\n.\n", "a\n.\n", "", false },
		{ "a\n.\r\n", "a\n.\r\n", "", false },
		{ "a\r.\r\n", "a\r.\r\n", "", false },
		{ "a\r.\r", "a\r.\r", "", false },
		{ "a\r\n.\n", "a\r\n\n", "", false },
		{ "a\r\n.\rb", "a\r\n\rb", "", false },
		{ "a\r\n.\r\r\n.\r\nQ", "a\r\n\r\r\n", "Q", true },
		{ "a\r\n.\r\r.\r\n", "a\r\n\r\r.\r\n", "", false },
		{ "a\r\r\n.\r\n", "a\r\r\n", "", true },
		{ "a\n\r\n.\r\n", "a\n\r\n", "", true },
		/* A dot behind a bare LF does not begin a line, so it is not removed either. */
		{ "a\n..b\r\n.\r\n", "a\n..b\r\n", "", true },
		{ "\n.\r\n.\r\n", "\n.\r\n", "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int manner = 0; manner < CUTS; manner++) {
			struct buf content;
			struct bytes rest;

			buf_init(&content, MAXIMUM);
			assert_int_equal(decode(bytes_of(rows[i].stream), manner, &content, &rest),
				rows[i].is_done);
			if (!bytes_equal_text(buf_view(&content), rows[i].content) ||
				!bytes_equal_text(rest, rows[i].rest))
				fail_msg("row %zu, manner %d", i, manner);
			buf_clear(&content);
		}
	}
}

static void test_encode(void **state)
{
	static const struct {
		const char *content, *stream;
	} rows[] = {
		{ "", ".\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ ".", "..\r\n.\r\n" },
		{ "..\r\n", "...\r\n.\r\n" },
		{ "a\r\n.\r\n.b\r\n", "a\r\n..\r\n..b\r\n.\r\n" },
		{ "a.\r\nb", "a.\r\nb\r\n.\r\n" },
		{ "a\n.\nb\n", "a\n..\nb\n\r\n.\r\n" },
		{ "a\n.b\r\n", "a\n..b\r\n.\r\n" },
		{ "a\r.b\r", "a\r.b\r\r\n.\r\n" },
		{ "\n", "\n\r\n.\r\n" },
		{ "a\r", "a\r\r\n.\r\n" },
		{ "a\r\r\n.", "a\r\r\n..\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int manner = 0; manner < CUTS; manner++) {
			struct buf stream;

			buf_init(&stream, MAXIMUM);
			encode(bytes_of(rows[i].content), manner, &stream);
			if (!bytes_equal_text(buf_view(&stream), rows[i].stream))
				fail_msg("row %zu, manner %d", i, manner);
			buf_clear(&stream);
		}
	}
}

static void random_content(struct buf *content)
{
	size_t size = next_random() % 40;

	while (size--)
		assert_true(buf_append_byte(content, (uint8_t) "..\r\n\r\na"[next_random() % 7]));
}

static bool ends_in_crlf(struct bytes text)
{
	return text.size >= 2 && memcmp(text.data + text.size - 2, "\r\n", 2) == 0;
}

static bool has_dot_behind_bare_lf(struct bytes text)
{
	for (size_t i = 1; i < text.size; i++) {
		if (text.data[i] == '.' && text.data[i - 1] == '\n' &&
			(i == 1 || text.data[i - 2] != '\r'))
			return true;
	}
	return false;
}

/* What a reader that takes every LF for a line end makes of it; the end must be where the stream ends. */
static void decode_at_any_lf(struct bytes stream, struct buf *content)
{
	struct bytes line;

	while (bytes_split(&stream, '\n', &line)) {
		if (bytes_equal_text(line, ".\r") || bytes_equal_text(line, ".")) {
			assert_int_equal(stream.size, 0);
			return;
		}
		if (line.size && line.data[0] == '.')
			line = bytes_skip(line, 1);
		assert_true(buf_append(content, line));
		assert_true(buf_append_byte(content, '\n'));
	}
	fail_msg("no end");
}

static void test_round_trip(void **state)
{
	int strict = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct buf content, stream, back, lax;
		struct bytes rest;

		buf_init(&content, MAXIMUM);
		buf_init(&stream, MAXIMUM);
		buf_init(&back, MAXIMUM);
		buf_init(&lax, MAXIMUM);
		random_content(&content);
		encode(buf_view(&content), 2, &stream);
		if (!ends_in_crlf(buf_view(&content)) && content.size)
			assert_true(buf_append_text(&content, "\r\n"));
		if (content.size) {
			decode_at_any_lf(buf_view(&stream), &lax);
			assert_true(bytes_equal(buf_view(&lax), buf_view(&content)));
		}
		if (!has_dot_behind_bare_lf(buf_view(&content))) {
			strict++;
			assert_true(decode(buf_view(&stream), 2, &back, &rest));
			assert_int_equal(rest.size, 0);
			assert_true(bytes_equal(buf_view(&back), buf_view(&content)));
		}
		buf_clear(&content);
		buf_clear(&stream);
		buf_clear(&back);
		buf_clear(&lax);
	}
	assert_in_range(strict, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

static void test_decoding_does_not_depend_on_cuts(void **state)
{
	int done = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct buf stream, whole, parts;
		struct bytes rest, rest_of_parts;
		bool is_done;

		buf_init(&stream, MAXIMUM);
		buf_init(&whole, MAXIMUM);
		buf_init(&parts, MAXIMUM);
		random_content(&stream);
		is_done = decode(buf_view(&stream), 0, &whole, &rest);
		assert_int_equal(
			decode(buf_view(&stream), 1 + round % 2, &parts, &rest_of_parts), is_done);
		assert_true(bytes_equal(buf_view(&whole), buf_view(&parts)));
		assert_int_equal(rest.size, rest_of_parts.size);
		done += is_done;
		buf_clear(&stream);
		buf_clear(&whole);
		buf_clear(&parts);
	}
	assert_true(done > ROUNDS / 100);
}

/* The reason for views: a message in which no line begins with a dot passes in one piece. */
static void test_one_piece(void **state)
{
	const struct bytes text = bytes_of("Subject: x\r\n\r\nhello.\r\nworld\n\r\n");
	struct dot_decoder decoder;
	struct dot_encoder encoder;
	struct bytes in = text, piece;

	(void)state;
	dot_decoder_init(&decoder);
	assert_true(dot_decoder_next(&decoder, &in, &piece));
	assert_ptr_equal(piece.data, text.data);
	assert_int_equal(piece.size, text.size);
	in = text;
	dot_encoder_init(&encoder);
	assert_true(dot_encoder_next(&encoder, &in, &piece));
	assert_ptr_equal(piece.data, text.data);
	assert_int_equal(piece.size, text.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_decoding_does_not_depend_on_cuts),
		cmocka_unit_test(test_one_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
