/* fault_point.c -- see the header. Nothing here allocates: it is called from inside of allocations. */
#include "fault_point.h"

#include <execinfo.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const char *const fault_kind_names[FAULT_KINDS] = {
	"memory",
	"libuv",
	"sqlite",
	"openssl",
	"file",
	"database",
	"step",
};

static struct fault_record *record;
static struct fault_group armed;
static atomic_bool is_armed;
static atomic_size_t counters[FAULT_KINDS], fired;
static _Thread_local unsigned spared;

void fault_point_arm(struct fault_record *shared, const struct fault_group *group)
{
	record = shared;
	armed = *group;
	atomic_store(&fired, 0);
	for (size_t i = 0; i < FAULT_KINDS; i++)
		atomic_store(&counters[i], 0);
	atomic_store(&is_armed, true);
}

void fault_point_disarm(void)
{
	if (!atomic_exchange(&is_armed, false))
		return;
	for (size_t i = 0; i < FAULT_KINDS; i++)
		record->counts[i] = atomic_load(&counters[i]);
}

/* FNV-1a over the return addresses. */
static uint32_t place_of(void *const *frames, int count)
{
	uint32_t hash = 2166136261u;

	for (int i = 0; i < count; i++)
		hash = (hash ^ (uint32_t)(uintptr_t)frames[i]) * 16777619u;
	return hash;
}

static void note_place(enum fault_kind kind, size_t number)
{
	void *frames[FAULT_FRAMES_MAX];

	if (number > FAULT_PLACES_MAX)
		return;
	spared++;
	record->places[kind][number - 1] = place_of(frames, backtrace(frames, FAULT_FRAMES_MAX));
	spared--;
}

static void note_fault(size_t number)
{
	struct fault_firing *firing = &record->firings[atomic_fetch_add(&fired, 1)];

	spared++;
	firing->number = number;
	firing->frame_count = backtrace(firing->frames, FAULT_FRAMES_MAX);
	memcpy(firing->doing, record->doing, sizeof firing->doing);
	record->firing_count = atomic_load(&fired);
	spared--;
}

static bool is_armed_for(enum fault_kind kind, size_t number)
{
	for (size_t i = 0; i < armed.count; i++) {
		if (kind == armed.kind && number == armed.numbers[i])
			return true;
	}
	return false;
}

size_t fault_point(enum fault_kind kind)
{
	size_t number;

	if (spared || !atomic_load(&is_armed))
		return 0;
	number = atomic_fetch_add(&counters[kind], 1) + 1;
	if (record->wants_places)
		note_place(kind, number);
	if (!is_armed_for(kind, number))
		return 0;
	note_fault(number);
	return number;
}

void fault_spare_begin(void)
{
	spared++;
}

void fault_spare_end(void)
{
	spared--;
}
