/* test_mbox.c -- messages as mbox, each cut at every place; and that taking one ">" off gives them back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mail/mbox.h"

#define TIME 1795493286 /* Tue, 24 Nov 2026 04:08:06 UTC */
#define LINE "From a@b Tue Nov 24 04:08:06 2026\n"

static const struct {
	const char *message, *mbox;
} rows[] = {
	{ "", "\n" },
	{ "a", "a\n\n" },
	{ "a\r\n", "a\n\n" },
	{ "a\n", "a\n\n" },
	{ "a\r\n\r\n", "a\n\n\n" },
	{ "From x\r\n", ">From x\n\n" },
	{ ">From x\r\n", ">>From x\n\n" },
	{ ">>>From x\r\n", ">>>>From x\n\n" },
	{ ">a From \r\n", ">a From \n\n" },
	{ "> From \r\n", "> From \n\n" },
	{ "From", "From\n\n" },
	{ "From\r\nFrom a", "From\n>From a\n\n" },
	{ "Fro>m \r\nfrom x\r\nFFrom x", "Fro>m \nfrom x\nFFrom x\n\n" },
	{ "a\rFrom x\r\n", "a\rFrom x\n\n" },
	{ "\rFrom x\r\n", "\rFrom x\n\n" },
	{ "a\r\r\nFrom x", "a\r\n>From x\n\n" },
	{ "Fr\rom x\r", "Fr\rom x\r\n\n" },
	{ ">", ">\n\n" },
	{ ">\r", ">\r\n\n" },
};

static void write_cut(struct bytes message, size_t cut, struct buf *out)
{
	struct mbox_writer writer;

	buf_init(out, 4096);
	assert_true(mbox_begin(&writer, bytes_of("a@b"), TIME, out));
	assert_true(mbox_write(&writer, bytes_head(message, cut), out));
	assert_true(mbox_write(&writer, bytes_skip(message, cut), out));
	assert_true(mbox_end(&writer, out));
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes message = bytes_of(rows[i].message);

		for (size_t cut = 0; cut <= message.size; cut++) {
			char expected[256];
			struct buf out;

			write_cut(message, cut, &out);
			snprintf(expected, sizeof expected, LINE "%s", rows[i].mbox);
			assert_string_equal(buf_text(&out), expected);
			buf_clear(&out);
		}
	}
}

static void test_separator(void **state)
{
	static const struct {
		const char *sender;
		int64_t time_s;
		const char *line;
	} lines[] = {
		{ "", TIME, "From MAILER-DAEMON Tue Nov 24 04:08:06 2026\n" },
		{ "a b\t\x7f@c", 951868800, "From a_b__@c Wed Mar  1 00:00:00 2000\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct mbox_writer writer;
		struct buf out;

		buf_init(&out, 4096);
		assert_true(mbox_begin(&writer, bytes_of(lines[i].sender), lines[i].time_s, &out));
		assert_string_equal(buf_text(&out), lines[i].line);
		buf_clear(&out);
	}
}

/* A reader by the book: a message ends before an empty line that a separator or the end follows, and each
 * line of ">" and "From " loses one ">". */
static void test_a_reader_gets_it_back(void **state)
{
	static const char alphabet[] = ">From \n\nx";

	(void)state;
	for (uint32_t seed = 1; seed < 3000; seed++) {
		struct bytes rest;
		char message[64], got[128] = "";
		struct buf out;
		size_t size, used = 0;
		uint32_t random = seed;

		random = random * 1664525 + 1013904223;
		size = (random >> 16) % (sizeof message - 2);
		for (size_t i = 0; i < size; i++) {
			random = random * 1664525 + 1013904223;
			message[i] = alphabet[(random >> 16) % (sizeof alphabet - 1)];
		}
		message[size++] = '\n';
		message[size] = '\0';
		write_cut(bytes_of(message), seed % size, &out);
		rest = bytes_skip(buf_view(&out), sizeof LINE - 1);
		assert_int_equal(rest.data[rest.size - 1], '\n');
		rest.size--;
		while (rest.size) {
			struct bytes line = bytes_head(rest, bytes_find(rest, '\n') + 1);
			size_t quotes = 0;

			assert_false(line.size >= 5 && memcmp(line.data, "From ", 5) == 0);
			while (line.data[quotes] == '>')
				quotes++;
			if (quotes && line.size >= quotes + 5 &&
				memcmp(line.data + quotes, "From ", 5) == 0)
				used += (size_t)sprintf(got + used, "%.*s", (int)(line.size - 1),
					(const char *)line.data + 1);
			else
				used += (size_t)sprintf(got + used, "%.*s", BYTES_ARGS(line));
			rest = bytes_skip(rest, line.size);
		}
		assert_string_equal(got, message);
		buf_clear(&out);
	}
}

static void test_maximum(void **state)
{
	struct buf whole;

	(void)state;
	write_cut(bytes_of(">From x\r\nFro\r"), 3, &whole);
	for (size_t maximum = 0; maximum < whole.size; maximum++) {
		struct mbox_writer writer;
		struct buf out;

		buf_init(&out, maximum);
		assert_false(mbox_begin(&writer, bytes_of("a@b"), TIME, &out) &&
			     mbox_write(&writer, bytes_of(">From x\r\nFro\r"), &out) &&
			     mbox_end(&writer, &out));
		buf_clear(&out);
	}
	buf_clear(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_separator),
		cmocka_unit_test(test_a_reader_gets_it_back),
		cmocka_unit_test(test_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
