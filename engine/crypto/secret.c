/* secret.c -- slabs for secrets: units of 64 bytes, first fit, a bit per unit.
 *
 * The books (which units are taken, how long each block is) lie in ordinary memory: they are no
 * secret, and writing past the end of a block cannot damage them. Free units always hold zeros,
 * since a block is wiped when it is given back; so nothing is left over for the next owner.
 * sodium_malloc() puts guard pages around a slab and locks it without telling whether that
 * worked, therefore it is locked once more here to learn the answer.
 *
 * A block goes into the first slab that has room, so that the later ones run empty. An empty one is given back
 * once the others have half a slab free: at that border sessions that come and go would otherwise map
 * and unmap it each time.
 *
 * What it means that all is full is left to the caller. */
#include "crypto/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/thread.h"

enum { UNIT_SIZE = 64, UNITS_PER_WORD = 64, SLABS_MAX = 32 };

struct slab {
	uint8_t *memory; /* NULL: there is none in this place */
	bool is_locked;
	uint64_t *taken;   /* a bit per unit */
	uint32_t *lengths; /* units of the block that begins here, 0 elsewhere */
	size_t lowest;	   /* every unit below this one is taken */
	size_t taken_count;
};

static struct {
	struct mutex *mutex; /* over all that follows but unit_count */
	size_t unit_count;   /* of each slab */
	size_t slabs_allowed;
	struct slab slabs[SLABS_MAX]; /* the first one stays */
} pool;

/* Several gateways may start at once in one process (in tests they do). Spinning is enough for what
 * happens once, and a mutex is one of the things that are made here. */
static atomic_flag is_starting = ATOMIC_FLAG_INIT;

/* ---- slabs ---- */

static void slab_clear(struct slab *slab)
{
	free(slab->taken);
	free(slab->lengths);
	sodium_free(slab->memory);
	memset(slab, 0, sizeof *slab);
}

static bool slab_init(struct slab *slab)
{
	size_t bytes = pool.unit_count * UNIT_SIZE;

	slab->taken = calloc(
		(pool.unit_count + UNITS_PER_WORD - 1) / UNITS_PER_WORD, sizeof *slab->taken);
	slab->lengths = calloc(pool.unit_count, sizeof *slab->lengths);
	slab->memory = sodium_malloc(bytes);
	if (!slab->taken || !slab->lengths || !slab->memory) {
		slab_clear(slab);
		return false;
	}
	memset(slab->memory, 0, bytes);
	slab->is_locked = sodium_mlock(slab->memory, bytes) == 0;
	return true;
}

static bool is_taken(const struct slab *slab, size_t unit)
{
	return slab->taken[unit / UNITS_PER_WORD] >> unit % UNITS_PER_WORD & 1;
}

static void mark(struct slab *slab, size_t unit, size_t count, bool taken)
{
	for (; count--; unit++) {
		uint64_t bit = UINT64_C(1) << unit % UNITS_PER_WORD;

		if (taken)
			slab->taken[unit / UNITS_PER_WORD] |= bit;
		else
			slab->taken[unit / UNITS_PER_WORD] &= ~bit;
	}
}

/* The first unit of the first run of `count` free ones, or unit_count. */
static size_t find_run(const struct slab *slab, size_t count)
{
	size_t unit = slab->lowest;
	size_t run = 0;

	while (unit < pool.unit_count) {
		if (unit % UNITS_PER_WORD == 0 &&
			slab->taken[unit / UNITS_PER_WORD] == UINT64_MAX) {
			unit += UNITS_PER_WORD;
			run = 0;
			continue;
		}
		run = is_taken(slab, unit) ? 0 : run + 1;
		unit++;
		if (run == count)
			return unit - count;
	}
	return pool.unit_count;
}

/* NULL: it has no room. */
static void *slab_take(struct slab *slab, size_t count)
{
	size_t unit = find_run(slab, count);

	if (unit == pool.unit_count)
		return NULL;
	mark(slab, unit, count, true);
	slab->lengths[unit] = (uint32_t)count;
	slab->taken_count += count;
	if (unit == slab->lowest)
		slab->lowest += count;
	return slab->memory + unit * UNIT_SIZE;
}

/* Our bug, in release builds too: with wrong books one secret would get two owners. */
static void require(bool holds)
{
	assert(holds);
	if (!holds)
		abort();
}

static void slab_give_back(struct slab *slab, uint8_t *secret)
{
	size_t offset = (size_t)(secret - slab->memory);
	size_t unit = offset / UNIT_SIZE;
	size_t count;

	require(offset % UNIT_SIZE == 0);
	count = slab->lengths[unit];
	require(count != 0);
	sodium_memzero(secret, count * UNIT_SIZE);
	slab->lengths[unit] = 0;
	mark(slab, unit, count, false);
	slab->taken_count -= count;
	if (unit < slab->lowest)
		slab->lowest = unit;
}

/* ---- all slabs; under the mutex ---- */

static struct slab *slab_of(const void *secret)
{
	for (size_t i = 0; i < SLABS_MAX; i++) {
		struct slab *slab = &pool.slabs[i];

		/* As numbers: the pointer may be of anywhere. */
		if (slab->memory &&
			(uintptr_t)secret - (uintptr_t)slab->memory < pool.unit_count * UNIT_SIZE)
			return slab;
	}
	return NULL;
}

static void *take_from_present(size_t count)
{
	void *secret = NULL;

	for (size_t i = 0; !secret && i < SLABS_MAX; i++) {
		if (pool.slabs[i].memory)
			secret = slab_take(&pool.slabs[i], count);
	}
	return secret;
}

static void *take_from_another(size_t count)
{
	for (size_t i = 0; i < pool.slabs_allowed; i++) {
		struct slab *slab = &pool.slabs[i];

		if (!slab->memory)
			return slab_init(slab) ? slab_take(slab, count) : NULL;
	}
	return NULL;
}

static void give_back_empty_slabs(void)
{
	size_t free_count = 0;

	for (size_t i = 0; i < SLABS_MAX; i++) {
		if (pool.slabs[i].memory)
			free_count += pool.unit_count - pool.slabs[i].taken_count;
	}
	for (size_t i = SLABS_MAX - 1; i > 0; i--) {
		struct slab *slab = &pool.slabs[i];

		if (!slab->memory || slab->taken_count ||
			free_count - pool.unit_count < pool.unit_count / 2)
			continue;
		slab_clear(slab);
		free_count -= pool.unit_count;
	}
}

/* ---- what others call ---- */

static bool prepare(size_t slab_bytes, struct error *error)
{
	size_t unit_count = slab_bytes / UNIT_SIZE;

	if (!unit_count || unit_count > UINT32_MAX)
		return error_set(error, ERROR_INVALID, "%zu bytes are no size for secret memory",
			slab_bytes);
	if (sodium_init() < 0)
		return error_set(error, ERROR_IO, "the system gives no random numbers");
	pool.mutex = mutex_new(error);
	if (!pool.mutex)
		return false;
	pool.unit_count = unit_count;
	pool.slabs_allowed = 1;
	if (slab_init(&pool.slabs[0]))
		return true;
	mutex_free(&pool.mutex);
	return error_set_memory(error);
}

bool secret_start(size_t slab_bytes, struct error *error)
{
	bool ok;

	while (atomic_flag_test_and_set(&is_starting))
		;
	ok = pool.mutex || prepare(slab_bytes, error);
	atomic_flag_clear(&is_starting);
	return ok;
}

void secret_set_max(size_t bytes)
{
	size_t allowed;

	assert(pool.mutex);
	allowed = bytes / (pool.unit_count * UNIT_SIZE);
	mutex_lock(pool.mutex);
	pool.slabs_allowed = allowed < 1 ? 1 : allowed > SLABS_MAX ? SLABS_MAX : allowed;
	mutex_unlock(pool.mutex);
}

bool secret_is_locked(void)
{
	bool is_locked = true;

	assert(pool.mutex);
	mutex_lock(pool.mutex);
	for (size_t i = 0; i < SLABS_MAX; i++) {
		if (pool.slabs[i].memory && !pool.slabs[i].is_locked)
			is_locked = false;
	}
	mutex_unlock(pool.mutex);
	return is_locked;
}

void *secret_new(size_t size)
{
	size_t count = size / UNIT_SIZE + (size % UNIT_SIZE != 0);
	void *secret = NULL;

	assert(pool.mutex && size);
	if (count > pool.unit_count)
		return NULL;
	mutex_lock(pool.mutex);
	secret = take_from_present(count);
	if (!secret)
		secret = take_from_another(count);
	mutex_unlock(pool.mutex);
	return secret;
}

void secret_free(void *secret)
{
	struct slab *slab;

	if (!secret)
		return;
	require(pool.mutex != NULL);
	mutex_lock(pool.mutex);
	slab = slab_of(secret);
	require(slab != NULL);
	slab_give_back(slab, secret);
	give_back_empty_slabs();
	mutex_unlock(pool.mutex);
}

size_t secret_bytes_in_use(void)
{
	size_t count = 0;

	assert(pool.mutex);
	mutex_lock(pool.mutex);
	for (size_t i = 0; i < SLABS_MAX; i++)
		count += pool.slabs[i].taken_count;
	mutex_unlock(pool.mutex);
	return count * UNIT_SIZE;
}

size_t secret_slab_count(void)
{
	size_t count = 0;

	assert(pool.mutex);
	mutex_lock(pool.mutex);
	for (size_t i = 0; i < SLABS_MAX; i++)
		count += pool.slabs[i].memory != NULL;
	mutex_unlock(pool.mutex);
	return count;
}
