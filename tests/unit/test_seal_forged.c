/* test_seal_forged.c -- a second writer of the format, made of libsodium's functions and the format
 * page alone. Where it keeps the rules the opener reads it; where it breaks one, with all keys in
 * hand, so that every authentication holds, the opener refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

enum {
	FULL = SEAL_CHUNK_SIZE,
	CHUNKS_MAX = 2,
	MORE = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
	PUSH = crypto_secretstream_xchacha20poly1305_TAG_PUSH,
	REKEY = crypto_secretstream_xchacha20poly1305_TAG_REKEY,
	LAST = crypto_secretstream_xchacha20poly1305_TAG_FINAL,
	UNCHANGED = -1,
	/* Inside the letter. */
	AT_BODY = 32,
	AT_MAILBOX = 48,
	AT_MESSAGE = 64,
};

struct chunk {
	size_t size;
	int tag;
	bool has_prefix; /* as additional data */
};

struct forgery {
	const char *what;
	struct chunk chunks[CHUNKS_MAX];
	size_t chunk_count;
	int letter_change; /* the octet of the letter that is not what it should be */
	bool opens;
};

static uint8_t pattern[2 * FULL];
static struct test_mailbox mailbox;

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_pattern(pattern, sizeof pattern);
	test_mailbox_init(&mailbox, "Return-Path: <>\r\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_mailbox_clear(&mailbox);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

static void append(struct buf *buf, const void *data, size_t size)
{
	assert_true(buf_append(buf, bytes_make(data, size)));
}

static uint8_t *room(struct buf *buf, size_t size)
{
	uint8_t *space;

	assert_true(buf_reserve(buf, size, &space));
	buf_commit(buf, size);
	return space;
}

static void forge(const struct forgery *forgery, struct buf *sealed)
{
	crypto_secretstream_xchacha20poly1305_state stream;
	struct id body = random_id();
	struct buf letter;
	size_t at = 0;
	uint8_t prefix[24];

	buf_init(sealed, FIXTURE_SEALED_MAX);
	buf_init(&letter, FIXTURE_SEALED_MAX);
	append(sealed, "LGMAIL\0\1", 8);
	append(sealed, body.bytes, 16);
	memcpy(prefix, sealed->data, sizeof prefix);
	append(sealed, "\1", 1);

	crypto_secretstream_xchacha20poly1305_keygen(room(&letter, 32));
	append(&letter, body.bytes, 16);
	append(&letter, mailbox.id.bytes, 16);
	append(&letter, mailbox.message.bytes, 16);
	append(&letter, mailbox.prologue.data, mailbox.prologue.size);
	if (forgery->letter_change != UNCHANGED)
		letter.data[forgery->letter_change] ^= 1;

	append(sealed, mailbox.id.bytes, 16);
	append(sealed, mailbox.message.bytes, 16);
	assert_true(buf_append_u16(sealed, (uint16_t)(letter.size + 48)));
	assert_int_equal(crypto_box_seal(room(sealed, letter.size + 48), letter.data, letter.size,
				 mailbox.public_keys.box),
		0);
	crypto_secretstream_xchacha20poly1305_init_push(&stream, room(sealed, 24), letter.data);
	for (size_t i = 0; i < forgery->chunk_count; i++) {
		const struct chunk *chunk = &forgery->chunks[i];

		crypto_secretstream_xchacha20poly1305_push(&stream, room(sealed, chunk->size + 17),
			NULL, pattern + at, chunk->size, chunk->has_prefix ? prefix : NULL,
			chunk->has_prefix ? sizeof prefix : 0, (uint8_t)chunk->tag);
		at += chunk->size;
	}
	buf_clear(&letter);
}

static const struct forgery forgeries[] = {
	{ "nothing", { { 0, LAST, true } }, 1, UNCHANGED, true },
	{ "a short body", { { 5, LAST, true } }, 1, UNCHANGED, true },
	{ "a full chunk", { { FULL, LAST, true } }, 1, UNCHANGED, true },
	{ "two chunks", { { FULL, MORE, true }, { 5, LAST, false } }, 2, UNCHANGED, true },
	{ "two full ones", { { FULL, MORE, true }, { FULL, LAST, false } }, 2, UNCHANGED, true },

	{ "no chunk", { { 0, LAST, true } }, 0, UNCHANGED, false },
	{ "no last chunk", { { FULL, MORE, true } }, 1, UNCHANGED, false },
	{ "no last chunk", { { 5, MORE, true } }, 1, UNCHANGED, false },
	{ "no last chunk", { { 0, MORE, true } }, 1, UNCHANGED, false },
	{ "an empty one more", { { FULL, MORE, true }, { 0, LAST, false } }, 2, UNCHANGED, false },
	{ "a short one first", { { 5, MORE, true }, { 5, LAST, false } }, 2, UNCHANGED, false },
	{ "one behind the last", { { FULL, LAST, true }, { 5, LAST, false } }, 2, UNCHANGED,
		false },
	{ "a tag of no meaning", { { 5, PUSH, true } }, 1, UNCHANGED, false },
	{ "a tag of no meaning", { { 5, REKEY, true } }, 1, UNCHANGED, false },
	{ "a tag of no meaning", { { FULL, PUSH, true }, { 5, LAST, false } }, 2, UNCHANGED,
		false },
	{ "a tag of no meaning", { { FULL, REKEY, true }, { 5, LAST, false } }, 2, UNCHANGED,
		false },
	{ "no prefix", { { 5, LAST, false } }, 1, UNCHANGED, false },
	{ "two prefixes", { { FULL, MORE, true }, { 5, LAST, true } }, 2, UNCHANGED, false },
	{ "another body inside", { { 5, LAST, true } }, 1, AT_BODY, false },
	{ "another body inside", { { 5, LAST, true } }, 1, AT_BODY + 15, false },
	{ "another mailbox inside", { { 5, LAST, true } }, 1, AT_MAILBOX, false },
	{ "another mailbox inside", { { 5, LAST, true } }, 1, AT_MAILBOX + 15, false },
	{ "another message inside", { { 5, LAST, true } }, 1, AT_MESSAGE, false },
	{ "another message inside", { { 5, LAST, true } }, 1, AT_MESSAGE + 15, false },
};

static void test_forgeries(void **state)
{
	static const size_t pieces[] = { 1 << 20, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
		const struct forgery *forgery = &forgeries[i];
		struct bytes body = { pattern, 0 };
		struct buf sealed;

		forge(forgery, &sealed);
		for (size_t j = 0; j < forgery->chunk_count; j++)
			body.size += forgery->chunks[j].size;
		for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
			struct error error = { .kind = ERROR_NONE };
			struct buf plain;

			buf_init(&plain, FIXTURE_SEALED_MAX);
			if (test_open(&mailbox, buf_view(&sealed), pieces[j], &plain, &error) !=
				forgery->opens)
				fail_msg("%s", forgery->what);
			if (forgery->opens)
				assert_true(test_is_message(&mailbox, body, buf_view(&plain)));
			else
				assert_int_equal(error.kind, ERROR_CORRUPT);
			/* Of chunks that break a rule nothing is given out. */
			assert_true(
				(plain.size - (plain.size ? mailbox.prologue.size : 0)) % FULL ==
					0 ||
				forgery->opens);
			buf_clear(&plain);
		}
		buf_clear(&sealed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forgeries) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
