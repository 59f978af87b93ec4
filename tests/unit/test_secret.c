/* test_secret.c -- the slab: what it gives out is zeroed, aligned, wiped, bounded, one owner's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "platform/thread.h"

enum { SLAB_BYTES = 256 * 1024 };

static bool is_filled_with(const uint8_t *bytes, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

static int set_up(void **state)
{
	(void)state;
	return secret_start(SLAB_BYTES, NULL) ? 0 : -1;
}

static void test_starting_again_changes_nothing(void **state)
{
	struct error error;
	uint8_t *kept = secret_new(100);

	(void)state;
	assert_non_null(kept);
	memset(kept, 0x5a, 100);
	assert_true(secret_start(SLAB_BYTES * 2, &error));
	assert_true(is_filled_with(kept, 100, 0x5a));
	assert_null(secret_new(SLAB_BYTES + 1));
	secret_free(kept);
	assert_int_equal(secret_bytes_in_use(), 0);
}

static void test_sizes(void **state)
{
	static const struct {
		size_t size;
		size_t in_use;
	} rows[] = {
		{ 1, 64 },
		{ 63, 64 },
		{ 64, 64 },
		{ 65, 128 },
		{ 96, 128 },
		{ 4096, 4096 },
		{ 4097, 4160 },
		{ 65535, 65536 },
		{ 65536, 65536 },
		{ SLAB_BYTES, SLAB_BYTES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t *secret = secret_new(rows[i].size);

		assert_non_null(secret);
		assert_int_equal((uintptr_t)secret % 64, 0);
		assert_true(is_filled_with(secret, rows[i].size, 0));
		assert_int_equal(secret_bytes_in_use(), rows[i].in_use);
		memset(secret, 0xff, rows[i].size);
		secret_free(secret);
		assert_int_equal(secret_bytes_in_use(), 0);
	}
	assert_null(secret_new(SLAB_BYTES + 1));
	secret_free(NULL);
}

static void test_wiped_when_freed(void **state)
{
	uint8_t *secret = secret_new(1000);
	uint8_t *next = secret_new(1000);
	volatile uint8_t *freed = secret;

	(void)state;
	memset(secret, 0xaa, 1000);
	memset(next, 0xbb, 1000);
	secret_free(secret);
	/* The slab stays mapped, so that looking is allowed here. */
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(freed[i], 0);
	assert_true(is_filled_with(next, 1000, 0xbb));
	secret_free(next);
}

static void test_holes_are_used_again(void **state)
{
	uint8_t *blocks[8];
	uint8_t *small, *large;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		blocks[i] = secret_new(640);
	secret_free(blocks[2]);
	secret_free(blocks[5]);
	secret_free(blocks[6]);
	large = secret_new(1280);
	assert_ptr_equal(large, blocks[5]);
	small = secret_new(600);
	assert_ptr_equal(small, blocks[2]);
	secret_free(blocks[0]);
	secret_free(blocks[1]);
	/* Two neighbours are one hole. */
	assert_ptr_equal(secret_new(1280), blocks[0]);
	secret_free(blocks[0]);
	secret_free(small);
	secret_free(large);
	secret_free(blocks[3]);
	secret_free(blocks[4]);
	secret_free(blocks[7]);
	assert_int_equal(secret_bytes_in_use(), 0);
}

static void test_exhausted(void **state)
{
	static uint8_t *blocks[SLAB_BYTES / 64];
	size_t count = 0;

	(void)state;
	while (count < SLAB_BYTES / 64) {
		blocks[count] = secret_new(64);
		assert_non_null(blocks[count]);
		count++;
	}
	assert_null(secret_new(1));
	assert_int_equal(secret_bytes_in_use(), SLAB_BYTES);

	/* Every other unit free: room, but not for two in a row. */
	for (size_t i = 0; i < count; i += 2)
		secret_free(blocks[i]);
	assert_null(secret_new(65));
	assert_ptr_equal(secret_new(64), blocks[0]);
	assert_ptr_equal(secret_new(64), blocks[2]);
	secret_free(blocks[0]);
	secret_free(blocks[2]);
	secret_free(blocks[count - 3]);
	assert_ptr_equal(secret_new(192), blocks[count - 4]);
	secret_free(blocks[count - 4]);
	for (size_t i = 1; i < count; i += 2) {
		if (i != count - 3)
			secret_free(blocks[i]);
	}
	assert_int_equal(secret_bytes_in_use(), 0);
}

/* The search passes over 64 full units at a time: what is free on both sides is not one hole. */
static void test_no_hole_across_a_full_stretch(void **state)
{
	static uint8_t *blocks[SLAB_BYTES / 64];

	(void)state;
	for (size_t i = 0; i < SLAB_BYTES / 64; i++)
		blocks[i] = secret_new(64);
	secret_free(blocks[63]);
	secret_free(blocks[128]);
	assert_null(secret_new(128));
	blocks[63] = secret_new(64);
	blocks[128] = secret_new(64);
	for (size_t i = 0; i < SLAB_BYTES / 64; i++)
		secret_free(blocks[i]);
	assert_int_equal(secret_bytes_in_use(), 0);
}

enum { WORKERS = 4, ROUNDS = 3000, HELD = 16 };

struct worker {
	uint8_t value;
	bool failed;
};

/* Takes and gives back blocks of all sizes; nobody else may write into them. */
static void work(void *context)
{
	struct worker *worker = context;
	uint8_t *held[HELD] = { NULL };
	size_t sizes[HELD] = { 0 };

	if (!secret_start(SLAB_BYTES, NULL))
		worker->failed = true;
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t slot = random_below(HELD);

		if (held[slot]) {
			if (!is_filled_with(held[slot], sizes[slot], worker->value))
				worker->failed = true;
			secret_free(held[slot]);
		}
		sizes[slot] = 1 + random_below(2000);
		held[slot] = secret_new(sizes[slot]);
		if (!held[slot])
			continue;
		if (!is_filled_with(held[slot], sizes[slot], 0))
			worker->failed = true;
		memset(held[slot], worker->value, sizes[slot]);
	}
	for (size_t i = 0; i < HELD; i++)
		secret_free(held[i]);
}

static void test_many_threads(void **state)
{
	struct worker workers[WORKERS];
	struct thread *threads[WORKERS];
	struct error error;

	(void)state;
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .value = (uint8_t)(i + 1) };
		threads[i] = thread_start("secret", work, &workers[i], &error);
		assert_non_null(threads[i]);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		thread_join(&threads[i]);
		assert_false(workers[i].failed);
	}
	assert_int_equal(secret_bytes_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starting_again_changes_nothing),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_wiped_when_freed),
		cmocka_unit_test(test_holes_are_used_again),
		cmocka_unit_test(test_exhausted),
		cmocka_unit_test(test_no_hole_across_a_full_stretch),
		cmocka_unit_test(test_many_threads),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
