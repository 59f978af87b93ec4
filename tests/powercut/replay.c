/* replay.c -- where to cut, and the loop over the cuts. disk.c knows what a cut leaves. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk.h"
#include "platform/file.h"

uint64_t replay_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static bool remove_entry(void *context, const char *name)
{
	char path[PATH_SIZE];

	if (path_join(context, name, path, NULL) && unlink(path) != 0)
		replay_remove_folder(path);
	return true;
}

void replay_remove_folder(const char *path)
{
	char copy[PATH_SIZE];

	snprintf(copy, sizeof copy, "%s", path);
	if (folder_each(copy, remove_entry, copy, NULL))
		rmdir(copy);
}

static int compare(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return left < right ? -1 : left > right;
}

/* Ascending; half of them right behind a promise, where the most is promised and the least synced. */
static size_t *choose_cuts(
	const struct replay *replay, const struct recording *recording, uint64_t *random)
{
	size_t *cuts = calloc(replay->cuts, sizeof *cuts);
	size_t *promises = calloc(recording->count + 1, sizeof *promises);
	size_t count = 0;

	if (!cuts || !promises)
		abort();
	for (size_t i = recording->first; i < recording->count; i++) {
		if (recording->events[i].kind == EVENT_PROMISE)
			promises[count++] = i + 1;
	}
	for (size_t i = 0; i < replay->cuts; i++) {
		if (count && i % 2)
			cuts[i] = promises[replay_random(random) % count];
		else
			cuts[i] = recording->first +
				  replay_random(random) % (recording->count - recording->first + 1);
	}
	free(promises);
	qsort(cuts, replay->cuts, sizeof *cuts, compare);
	return cuts;
}

static void report(const struct replay *replay, const struct recording *recording, size_t cut,
	uint64_t seed, const struct error *error)
{
	char last[PATH_SIZE + 200] = "nothing";

	if (cut)
		event_describe(&recording->events[cut - 1], last, sizeof last);
	printf("seed %llu, cut %zu of %zu (draw %llu), after '%s':\n\t%s\n",
		(unsigned long long)replay->seed, cut, recording->count, (unsigned long long)seed,
		last, error->text);
}

bool replay_run(struct replay *replay, const struct recording *recording, struct error *error)
{
	uint64_t random = replay->seed;
	struct disk *disk = disk_new(recording, replay->forget);
	size_t *cuts = choose_cuts(replay, recording, &random);
	char folder[PATH_SIZE];
	bool ok = path_join(replay->work, "disk", folder, error);

	replay->done = replay->failures = 0;
	for (size_t i = 0; ok && i < replay->cuts; i++) {
		uint64_t seed = replay_random(&random);
		struct error found = { 0 };

		disk_advance(disk, cuts[i]);
		replay_remove_folder(folder);
		ok = disk_cut(disk, seed, folder, error);
		if (!ok)
			break;
		replay->done++;
		if (replay->check(replay->context, recording, cuts[i], folder, &found))
			continue;
		report(replay, recording, cuts[i], seed, &found);
		replay->failures++;
		if (replay->failures_max && replay->failures >= replay->failures_max)
			break;
	}
	if (ok)
		replay_remove_folder(folder);
	free(cuts);
	disk_free(&disk);
	return ok;
}
