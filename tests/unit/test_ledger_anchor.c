/* test_ledger_anchor.c -- the block comes back as it went, out of a mail, with other line ends; what is not
 * whole is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/ledger_anchor.h"

static struct ledger_anchor sample(void)
{
	struct ledger_anchor anchor = {
		.head = { .number = 1234, .time_us = 1795493286123456, .generation = 3 }
	};

	memset(&anchor.head.mailbox, 0xab, sizeof anchor.head.mailbox);
	for (size_t i = 0; i < sizeof anchor.head.link; i++)
		anchor.head.link[i] = (uint8_t)i;
	memset(anchor.identity, 0x11, sizeof anchor.identity);
	for (size_t i = 0; i < sizeof anchor.signature; i++)
		anchor.signature[i] = (uint8_t)(255 - i);
	return anchor;
}

static void check_same(const struct ledger_anchor *a, const struct ledger_anchor *b)
{
	assert_true(id_is_equal(&a->head.mailbox, &b->head.mailbox));
	assert_int_equal(a->head.number, b->head.number);
	assert_memory_equal(a->head.link, b->head.link, sizeof a->head.link);
	assert_int_equal(a->head.time_us, b->head.time_us);
	assert_int_equal(a->head.generation, b->head.generation);
	assert_memory_equal(a->identity, b->identity, sizeof a->identity);
	assert_memory_equal(a->signature, b->signature, sizeof a->signature);
}

static void test_there_and_back(void **state)
{
	const struct ledger_anchor anchor = sample();
	struct ledger_anchor found;
	struct bytes rest;
	struct buf text, unix_text;

	(void)state;
	buf_init(&text, 4096);
	buf_init(&unix_text, 4096);
	assert_true(buf_append_text(&text, "Subject: x\r\n\r\nHello\r\n"));
	assert_true(ledger_anchor_append(&anchor, &text));
	assert_true(buf_append_text(&text, "-- \r\n"));
	assert_true(ledger_anchor_parse(buf_view(&text), &found, NULL));
	check_same(&anchor, &found);
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] != '\r')
			assert_true(buf_append_byte(&unix_text, text.data[i]));
	}
	found = (struct ledger_anchor){ 0 };
	assert_true(ledger_anchor_parse(buf_view(&unix_text), &found, NULL));
	check_same(&anchor, &found);
	for (rest = buf_view(&text); rest.size;) {
		struct bytes line = bytes_head(rest, bytes_find(rest, '\n') + 1);

		assert_true(line.size <= 80);
		rest = bytes_skip(rest, line.size);
	}
	buf_clear(&unix_text);
	buf_clear(&text);
}

static void test_not_whole(void **state)
{
	const struct ledger_anchor anchor = sample();
	struct ledger_anchor found;
	struct error error;
	struct buf text;
	size_t opening_size;

	(void)state;
	buf_init(&text, 4096);
	assert_true(ledger_anchor_append(&anchor, &text));
	opening_size = bytes_find(buf_view(&text), '\r');
	/* Without its last line's end it is whole. */
	for (size_t size = 0; size < text.size - 2; size++) {
		assert_false(
			ledger_anchor_parse(bytes_head(buf_view(&text), size), &found, &error));
		assert_int_equal(error.kind, size < opening_size ? ERROR_NOT_FOUND : ERROR_INVALID);
	}
	for (size_t i = 0; i < text.size; i++) {
		uint8_t before = text.data[i];

		text.data[i] = '?';
		if (before != '\r')
			assert_false(ledger_anchor_parse(buf_view(&text), &found, &error));
		text.data[i] = before;
	}
	buf_clear(&text);
}

static void test_maximum(void **state)
{
	const struct ledger_anchor anchor = sample();
	struct buf whole, text;

	(void)state;
	buf_init(&whole, 4096);
	assert_true(ledger_anchor_append(&anchor, &whole));
	for (size_t maximum = 0; maximum < whole.size; maximum++) {
		buf_init(&text, maximum);
		assert_false(ledger_anchor_append(&anchor, &text));
		assert_int_equal(text.size, 0);
		buf_clear(&text);
	}
	buf_clear(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_not_whole),
		cmocka_unit_test(test_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
