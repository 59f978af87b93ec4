/* secret.c -- the slab for secrets: units of 64 bytes, first fit, a bit per unit.
 *
 * The books (which units are taken, how long each block is) lie in ordinary memory: they are no
 * secret, and writing past the end of a block cannot damage them. Free units always hold zeros,
 * since a block is wiped when it is given back; so nothing is left over for the next owner.
 * sodium_malloc() puts guard pages around the slab and locks it without telling whether that
 * worked, therefore it is locked once more here to learn the answer.
 *
 * What a full slab means is left to the caller. */
#include "crypto/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/thread.h"

enum { UNIT_SIZE = 64, UNITS_PER_WORD = 64 };

static struct {
	uint8_t *memory;
	size_t unit_count;
	bool is_locked;
	struct mutex *mutex; /* over all that follows */
	uint64_t *taken;     /* a bit per unit */
	uint32_t *lengths;   /* units of the block that begins here, 0 elsewhere */
	size_t lowest;	     /* every unit below this one is taken */
	size_t taken_count;
} slab;

/* Several gateways may start at once in one process (in tests they do). Spinning is enough for what
 * happens once, and a mutex is one of the things that are made here. */
static atomic_flag is_starting = ATOMIC_FLAG_INIT;

static bool prepare(size_t slab_bytes, struct error *error)
{
	size_t unit_count = slab_bytes / UNIT_SIZE;

	if (!unit_count || unit_count > UINT32_MAX)
		return error_set(error, ERROR_INVALID, "%zu bytes are no size for secret memory",
			slab_bytes);
	if (sodium_init() < 0)
		return error_set(error, ERROR_IO, "the system gives no random numbers");
	slab.mutex = mutex_new(error);
	if (!slab.mutex)
		return false;
	slab.taken = calloc((unit_count + UNITS_PER_WORD - 1) / UNITS_PER_WORD, sizeof *slab.taken);
	slab.lengths = calloc(unit_count, sizeof *slab.lengths);
	slab.memory = sodium_malloc(unit_count * UNIT_SIZE);
	if (!slab.taken || !slab.lengths || !slab.memory) {
		free(slab.taken);
		free(slab.lengths);
		sodium_free(slab.memory);
		slab.memory = NULL;
		mutex_free(&slab.mutex);
		return error_set_memory(error);
	}
	slab.unit_count = unit_count;
	memset(slab.memory, 0, unit_count * UNIT_SIZE);
	slab.is_locked = sodium_mlock(slab.memory, unit_count * UNIT_SIZE) == 0;
	return true;
}

bool secret_start(size_t slab_bytes, struct error *error)
{
	bool ok;

	while (atomic_flag_test_and_set(&is_starting))
		;
	ok = slab.memory || prepare(slab_bytes, error);
	atomic_flag_clear(&is_starting);
	return ok;
}

bool secret_is_locked(void)
{
	return slab.is_locked;
}

static bool is_taken(size_t unit)
{
	return slab.taken[unit / UNITS_PER_WORD] >> unit % UNITS_PER_WORD & 1;
}

static void mark(size_t unit, size_t count, bool taken)
{
	for (; count--; unit++) {
		uint64_t bit = UINT64_C(1) << unit % UNITS_PER_WORD;

		if (taken)
			slab.taken[unit / UNITS_PER_WORD] |= bit;
		else
			slab.taken[unit / UNITS_PER_WORD] &= ~bit;
	}
}

/* The first unit of the first run of `count` free ones, or unit_count. */
static size_t find_run(size_t count)
{
	size_t unit = slab.lowest;
	size_t run = 0;

	while (unit < slab.unit_count) {
		if (unit % UNITS_PER_WORD == 0 && slab.taken[unit / UNITS_PER_WORD] == UINT64_MAX) {
			unit += UNITS_PER_WORD;
			run = 0;
			continue;
		}
		run = is_taken(unit) ? 0 : run + 1;
		unit++;
		if (run == count)
			return unit - count;
	}
	return slab.unit_count;
}

void *secret_new(size_t size)
{
	size_t count = size / UNIT_SIZE + (size % UNIT_SIZE != 0);
	size_t unit;

	assert(slab.memory && size);
	mutex_lock(slab.mutex);
	unit = find_run(count);
	if (unit < slab.unit_count) {
		mark(unit, count, true);
		slab.lengths[unit] = (uint32_t)count;
		slab.taken_count += count;
		if (unit == slab.lowest)
			slab.lowest += count;
	}
	mutex_unlock(slab.mutex);
	return unit < slab.unit_count ? slab.memory + unit * UNIT_SIZE : NULL;
}

/* Our bug, in release builds too: with wrong books one secret would get two owners. */
static void require(bool holds)
{
	assert(holds);
	if (!holds)
		abort();
}

void secret_free(void *secret)
{
	size_t offset = (uintptr_t)secret - (uintptr_t)slab.memory;
	size_t unit = offset / UNIT_SIZE;
	size_t count;

	if (!secret)
		return;
	require(slab.memory && unit < slab.unit_count && offset % UNIT_SIZE == 0);
	mutex_lock(slab.mutex);
	count = slab.lengths[unit];
	require(count != 0);
	sodium_memzero(secret, count * UNIT_SIZE);
	slab.lengths[unit] = 0;
	mark(unit, count, false);
	slab.taken_count -= count;
	if (unit < slab.lowest)
		slab.lowest = unit;
	mutex_unlock(slab.mutex);
}

size_t secret_bytes_in_use(void)
{
	size_t count;

	assert(slab.memory);
	mutex_lock(slab.mutex);
	count = slab.taken_count;
	mutex_unlock(slab.mutex);
	return count * UNIT_SIZE;
}
