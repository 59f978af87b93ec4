/* test_secret_slabs.c -- secret memory that grows by further slabs and gives them back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "platform/thread.h"

enum { SLAB_BYTES = 64 * 1024, SLABS = 4, BLOCK = 1024, BLOCKS = SLABS * SLAB_BYTES / BLOCK };

static uint8_t *blocks[BLOCKS];

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(SLAB_BYTES, NULL))
		return -1;
	secret_set_max((size_t)SLABS * SLAB_BYTES);
	return 0;
}

static void take(size_t from, size_t until)
{
	for (size_t i = from; i < until; i++) {
		blocks[i] = secret_new(BLOCK);
		assert_non_null(blocks[i]);
		for (size_t j = 0; j < BLOCK; j++)
			assert_int_equal(blocks[i][j], 0);
		memset(blocks[i], (int)(i + 1), BLOCK);
	}
}

/* Nobody else has written into them. */
static void give_back(size_t from, size_t until)
{
	for (size_t i = from; i < until; i++) {
		for (size_t j = 0; j < BLOCK; j++)
			assert_int_equal(blocks[i][j], (uint8_t)(i + 1));
		secret_free(blocks[i]);
	}
}

static void test_grows_to_its_maximum(void **state)
{
	(void)state;
	assert_int_equal(secret_slab_count(), 1);
	for (size_t slab = 0; slab < SLABS; slab++) {
		take(slab * BLOCKS / SLABS, (slab + 1) * BLOCKS / SLABS);
		assert_int_equal(secret_slab_count(), slab + 1);
	}
	assert_null(secret_new(1));
	assert_int_equal(secret_bytes_in_use(), SLABS * SLAB_BYTES);
	/* In whichever slab the room is. */
	give_back(BLOCKS / 2, BLOCKS / 2 + 1);
	take(BLOCKS / 2, BLOCKS / 2 + 1);
	assert_null(secret_new(1));
	give_back(0, BLOCKS);
	assert_int_equal(secret_bytes_in_use(), 0);
	assert_int_equal(secret_slab_count(), 1);
}

/* The first slab stays, whichever are given back first. */
static void test_gives_back_in_any_order(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		take(0, BLOCKS);
		give_back(BLOCKS / 4, BLOCKS / 2);
		/* The second one is empty, and the others are full: it stays for the next. */
		assert_int_equal(secret_slab_count(), SLABS);
		give_back(BLOCKS * 3 / 4, BLOCKS);
		assert_int_equal(secret_slab_count(), SLABS - 1);
		give_back(0, BLOCKS / 4);
		give_back(BLOCKS / 2, BLOCKS * 3 / 4);
		assert_int_equal(secret_slab_count(), 1);
		assert_int_equal(secret_bytes_in_use(), 0);
	}
}

/* A session that comes and goes at the border does not map and unmap a slab each time. */
static void test_is_steady_at_the_border(void **state)
{
	void *first;

	(void)state;
	take(0, BLOCKS / SLABS);
	first = secret_new(BLOCK);
	assert_int_equal(secret_slab_count(), 2);
	for (int i = 0; i < 100; i++) {
		void *again;

		secret_free(first);
		assert_int_equal(secret_slab_count(), 2);
		again = secret_new(BLOCK);
		assert_ptr_equal(again, first);
	}
	secret_free(first);
	give_back(0, BLOCKS / SLABS / 2 - 1);
	assert_int_equal(secret_slab_count(), 2);
	give_back(BLOCKS / SLABS / 2 - 1, BLOCKS / SLABS / 2);
	assert_int_equal(secret_slab_count(), 1);
	give_back(BLOCKS / SLABS / 2, BLOCKS / SLABS);
}

/* What does not fit beside the others gets a slab; what fits into none gets nothing, and no slab either. */
static void test_large_blocks(void **state)
{
	void *small = secret_new(1), *whole;

	(void)state;
	assert_null(secret_new(SLAB_BYTES + 1));
	assert_null(secret_new(SIZE_MAX));
	assert_int_equal(secret_slab_count(), 1);
	whole = secret_new(SLAB_BYTES);
	assert_non_null(whole);
	assert_int_equal(secret_slab_count(), 2);
	secret_free(whole);
	assert_int_equal(secret_slab_count(), 1);
	secret_free(small);
}

static void test_maximum_can_change(void **state)
{
	(void)state;
	take(0, BLOCKS);
	secret_set_max(0);
	give_back(BLOCKS / 4, BLOCKS);
	assert_int_equal(secret_slab_count(), 2);
	/* One slab is kept for the next, but not more than that. */
	take(BLOCKS / 4, BLOCKS / 2);
	assert_null(secret_new(1));
	give_back(0, BLOCKS / 2);
	assert_int_equal(secret_slab_count(), 1);
	secret_set_max((size_t)SLABS * SLAB_BYTES);
}

enum { WORKERS = 4, ROUNDS = 4000, HELD = 100 };

struct worker {
	uint8_t value;
	bool failed;
};

static bool is_filled_with(const uint8_t *bytes, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

/* Wants more than there is now and then, and gives everything back in between. */
static void work(void *context)
{
	struct worker *worker = context;
	uint8_t *held[HELD] = { NULL };
	size_t sizes[HELD] = { 0 };

	for (size_t i = 0; i < ROUNDS; i++) {
		size_t slot = i % HELD;

		if (held[slot] && !is_filled_with(held[slot], sizes[slot], worker->value))
			worker->failed = true;
		secret_free(held[slot]);
		held[slot] = NULL;
		if (i / HELD % 3 == 2)
			continue;
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

static void look(void *context)
{
	bool *failed = context;

	for (int i = 0; i < 2000; i++) {
		size_t count = secret_slab_count();

		*failed = *failed || count < 1 || count > SLABS;
		(void)secret_is_locked();
	}
}

static void test_many_threads(void **state)
{
	struct worker workers[WORKERS];
	struct thread *threads[WORKERS], *looking;
	bool failed = false;
	struct error error;

	(void)state;
	looking = thread_start("looking", look, &failed, &error);
	assert_non_null(looking);
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .value = (uint8_t)(i + 1) };
		threads[i] = thread_start("secret", work, &workers[i], &error);
		assert_non_null(threads[i]);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		thread_join(&threads[i]);
		assert_false(workers[i].failed);
	}
	thread_join(&looking);
	assert_false(failed);
	assert_int_equal(secret_bytes_in_use(), 0);
	assert_int_equal(secret_slab_count(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_its_maximum),
		cmocka_unit_test(test_gives_back_in_any_order),
		cmocka_unit_test(test_is_steady_at_the_border),
		cmocka_unit_test(test_large_blocks),
		cmocka_unit_test(test_maximum_can_change),
		cmocka_unit_test(test_many_threads),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
