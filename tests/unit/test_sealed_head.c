/* test_sealed_head.c -- what is read without a key is what was sealed; whatever is no whole message is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/sealed_head.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

static const char *const prologues[] = { "Return-Path: <>\r\n", "", "Received: by x\r\n" };

enum { TARGETS = 3, LARGEST = 3 * SEAL_CHUNK_SIZE };

static void seal(struct test_mailbox mailboxes[TARGETS], const struct id *body, size_t size,
	struct buf *sealed)
{
	uint8_t *plain = calloc(1, size + 1);

	assert_non_null(plain);
	test_pattern(plain, size);
	test_seal(body, mailboxes, TARGETS, bytes_make(plain, size), 10000, sealed);
	free(plain);
}

static void make(struct test_mailbox mailboxes[TARGETS])
{
	for (size_t i = 0; i < TARGETS; i++)
		test_mailbox_init(&mailboxes[i], prologues[i]);
}

static void clear(struct test_mailbox mailboxes[TARGETS])
{
	for (size_t i = 0; i < TARGETS; i++)
		test_mailbox_clear(&mailboxes[i]);
}

static bool read_whole(const struct buf *sealed, struct sealed_head *head, struct error *error)
{
	return sealed_head_read(
		bytes_head(buf_view(sealed), SEAL_HEAD_MAX), sealed->size, head, error);
}

static void test_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, SEAL_CHUNK_SIZE - 1, SEAL_CHUNK_SIZE,
		SEAL_CHUNK_SIZE + 1, 2 * SEAL_CHUNK_SIZE, LARGEST };
	const struct id body = random_id();
	struct test_mailbox mailboxes[TARGETS];

	(void)state;
	make(mailboxes);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct sealed_head head;
		struct error error;
		struct buf sealed;

		buf_init(&sealed, FIXTURE_SEALED_MAX);
		seal(mailboxes, &body, sizes[i], &sealed);
		if (!read_whole(&sealed, &head, &error))
			fail_msg("%zu: %s", sizes[i], error.text);
		assert_true(id_is_equal(&head.body, &body));
		assert_int_equal(head.target_count, TARGETS);
		for (size_t k = 0; k < TARGETS; k++) {
			assert_true(id_is_equal(&head.targets[k].mailbox, &mailboxes[k].id));
			assert_true(id_is_equal(&head.targets[k].message, &mailboxes[k].message));
			assert_int_equal(head.targets[k].size, strlen(prologues[k]) + sizes[i]);
		}
		/* Sizes that no whole message has: without the last chunk's mark, and one that would be empty. */
		assert_int_equal(
			sealed_head_read(buf_view(&sealed),
				sealed.size + SEAL_CHUNK_SIZE + SEAL_CHUNK_OVERHEAD, &head, NULL),
			sizes[i] > 0);
		buf_clear(&sealed);
	}
	clear(mailboxes);
}

static void test_not_whole(void **state)
{
	const struct id body = random_id();
	struct test_mailbox mailboxes[TARGETS];
	struct sealed_head head;
	struct error error;
	struct buf sealed;

	(void)state;
	make(mailboxes);
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	seal(mailboxes, &body, 100, &sealed);
	/* Up to the first chunk's last octet something is missing for certain; behind it only the opener can tell. */
	for (size_t size = 0; size < sealed.size - 100; size++) {
		assert_false(
			sealed_head_read(bytes_head(buf_view(&sealed), size), size, &head, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
	}
	assert_false(sealed_head_read(buf_view(&sealed), sealed.size - 1, &head, &error));
	for (size_t i = 0; i < 8; i++) {
		sealed.data[i] ^= 1;
		assert_false(read_whole(&sealed, &head, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		sealed.data[i] ^= 1;
	}
	/* The version, the count of targets, the size of an envelope. */
	sealed.data[7] = 9;
	assert_false(read_whole(&sealed, &head, &error));
	assert_non_null(strstr(error.text, "has format 9"));
	sealed.data[7] = 1;
	for (unsigned count = 0; count < 256; count++) {
		sealed.data[24] = (uint8_t)count;
		assert_int_equal(read_whole(&sealed, &head, &error) && head.target_count == TARGETS,
			count == TARGETS);
	}
	sealed.data[24] = TARGETS;
	for (unsigned high = 0; high < 256; high += 85) {
		sealed.data[25 + 32] = (uint8_t)high;
		assert_int_equal(read_whole(&sealed, &head, &error), high == 0);
	}
	sealed.data[25 + 32] = 0;
	sealed.data[25 + 33] = 127;
	assert_false(read_whole(&sealed, &head, &error));
	buf_clear(&sealed);
	clear(mailboxes);
}

static int start(void **state)
{
	(void)state;
	return secret_start(FIXTURE_SLAB_BYTES, NULL) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_not_whole),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
