/* powercut.c -- the proof that what was acknowledged survives a power cut.
 *
 *	powercut [--seed N] [--deliveries N] [--cuts N] [--rounds N] [--forget KIND]... [--without-sync]
 *		[--fail-syncs ONE_IN] [--expect-loss] [--work FOLDER]
 *
 * Each round records a load and replays it cut at many points. Some of the disks lose power a second
 * time, while the store is starting on them. --fail-syncs lets one sync in so many fail while the load
 * runs, and drops what it should have written. --forget body|log|database|folder takes one kind of sync
 * for not having happened, and --without-sync makes the store skip them all: with these something must
 * be lost, and --expect-loss turns the exit status round. Exit status: 0 as expected, 1 not, 2 usage or
 * trouble. */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "replay.h"
#include "store/store.h"

struct options {
	uint64_t seed;
	uint64_t deliveries;
	uint64_t cuts;
	uint64_t rounds;
	unsigned forget;
	uint64_t fail_one_in;
	bool without_sync;
	bool expects_loss;
	const char *work;
};

enum { SECOND_EVERY = 8, SECOND_CUTS = 3, FAILURES_MAX = 5 };

/* ---- one round ---- */

struct round {
	const struct options *options;
	struct load load;
	char work[PATH_SIZE], second_work[PATH_SIZE];
	size_t second_cuts;
	size_t number;
};

/* The notes of the first recording hold for the disks of the second. */
struct second {
	struct round *round;
	const struct recording *recording;
	size_t count;
};

static bool check_second(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	struct second *second = context;

	(void)recording;
	(void)count;
	return load_check(&second->round->load, second->recording, second->count, folder, error);
}

/* Power goes while the store starts on what the first cut left, and then while it closes. */
static bool cut_again(struct second *second, const char *folder, struct error *error)
{
	const struct store_options options = { .folder = folder };
	struct replay replay = {
		.seed = second->round->options->seed + second->count,
		.cuts = SECOND_CUTS,
		.work = second->round->second_work,
		.check = check_second,
		.context = second,
	};
	struct recording *recording;
	struct store *store;
	bool ok;

	if (!path_join(second->round->work, "second", second->round->second_work, error) ||
		!folder_create(second->round->second_work, error))
		return false;
	recording = recorder_start(folder, error);
	if (!recording)
		return false;
	store = store_open(&options, error);
	ok = store != NULL;
	store_close(&store);
	recorder_stop(recording);
	ok = ok && replay_run(&replay, recording, error);
	second->round->second_cuts += replay.done;
	if (ok && replay.failures)
		ok = error_set(error, ERROR_CORRUPT, "a second power cut lost what the first left");
	recording_free(&recording);
	return ok;
}

static bool check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	struct round *round = context;
	struct second second = { round, recording, count };

	/* First, since the check changes the disk. */
	if (++round->number % SECOND_EVERY == 0 && !cut_again(&second, folder, error))
		return false;
	return load_check(&round->load, recording, count, folder, error);
}

static struct recording *record(struct round *round, struct error *error)
{
	char folder[PATH_SIZE];
	struct recording *recording;
	bool ok;

	if (!path_join(round->work, "live", folder, error))
		return NULL;
	replay_remove_folder(folder);
	if (!folder_create(folder, error))
		return NULL;
	recording = recorder_start(folder, error);
	if (!recording)
		return NULL;
	ok = load_run(&round->load, recording, error);
	recorder_stop(recording);
	replay_remove_folder(folder);
	if (ok && recording->has_failed)
		ok = error_set_memory(error);
	if (!ok)
		recording_free(&recording);
	return recording;
}

static size_t count_events(const struct recording *recording, enum event_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < recording->count; i++)
		count += recording->events[i].kind == kind;
	return count;
}

static size_t count_notes(const struct recording *recording, const char *begin)
{
	size_t count = 0;

	for (size_t i = 0; i < recording->count; i++)
		count += recording->events[i].kind == EVENT_PROMISE &&
			 strncmp(recording->events[i].path, begin, strlen(begin)) == 0;
	return count;
}

/* *failures counts the broken disks. */
static bool run_round(
	const struct options *options, uint64_t number, size_t *failures, struct error *error)
{
	struct round round = {
		.options = options,
		.load = { .seed = options->seed + number,
			.deliveries = (size_t)options->deliveries,
			.without_sync = options->without_sync,
			.fail_one_in = (unsigned)options->fail_one_in },
	};
	struct replay replay = {
		.seed = options->seed + number,
		.cuts = (size_t)options->cuts,
		.forget = options->forget,
		.work = round.work,
		.failures_max = FAILURES_MAX,
		.check = check,
		.context = &round,
	};
	int64_t start = clock_monotonic_us();
	struct recording *recording;
	bool ok;

	snprintf(round.work, sizeof round.work, "%s", options->work);
	recording = record(&round, error);
	if (!recording)
		return false;
	ok = replay_run(&replay, recording, error);
	*failures += replay.failures;
	printf("seed %llu: %zu events, %zu notes (%zu kept, %zu removed, %zu brought back), %zu "
	       "failed syncs; %zu cuts and %zu second cuts, %zu failures, %.1f s\n",
		(unsigned long long)round.load.seed, recording->count,
		count_events(recording, EVENT_PROMISE), count_notes(recording, "store kept "),
		count_notes(recording, "store removed "),
		count_notes(recording, "store returning "),
		count_events(recording, EVENT_SYNC_FAILED), replay.done, round.second_cuts,
		replay.failures, (double)(clock_monotonic_us() - start) / 1e6);
	recording_free(&recording);
	return ok;
}

/* ---- the command line ---- */

static bool parse_forget(const char *name, unsigned *forget)
{
	static const struct {
		const char *name;
		unsigned flag;
	} kinds[] = {
		{ "body", FORGET_BODY_SYNC },
		{ "log", FORGET_LOG_SYNC },
		{ "database", FORGET_DATABASE_SYNC },
		{ "folder", FORGET_FOLDER_SYNC },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*forget |= kinds[i].flag;
			return true;
		}
	}
	return false;
}

static bool parse_number(const char *text, uint64_t *number)
{
	return bytes_parse_number(bytes_of(text), UINT64_MAX, number);
}

static bool parse(int count, char **arguments, struct options *options)
{
	for (int i = 1; i < count; i++) {
		const char *option = arguments[i];
		const char *value = i + 1 < count ? arguments[i + 1] : "";
		bool takes_value = true;
		bool ok = true;

		if (strcmp(option, "--seed") == 0)
			ok = parse_number(value, &options->seed);
		else if (strcmp(option, "--deliveries") == 0)
			ok = parse_number(value, &options->deliveries);
		else if (strcmp(option, "--cuts") == 0)
			ok = parse_number(value, &options->cuts);
		else if (strcmp(option, "--rounds") == 0)
			ok = parse_number(value, &options->rounds);
		else if (strcmp(option, "--fail-syncs") == 0)
			ok = parse_number(value, &options->fail_one_in);
		else if (strcmp(option, "--forget") == 0)
			ok = parse_forget(value, &options->forget);
		else if (strcmp(option, "--work") == 0)
			options->work = value;
		else
			takes_value = false;
		if (strcmp(option, "--without-sync") == 0)
			options->without_sync = true;
		else if (strcmp(option, "--expect-loss") == 0)
			options->expects_loss = true;
		else if (!takes_value)
			ok = false;
		if (!ok)
			return false;
		i += takes_value;
	}
	return true;
}

/* In memory where there is such a folder: a thousand disks are written. */
static bool make_work(char work[PATH_SIZE])
{
	const char *base = file_exists("/dev/shm") ? "/dev/shm" : getenv("TMPDIR");

	snprintf(work, PATH_SIZE, "%s/lettergate-powercut-XXXXXX", base ? base : "/tmp");
	return mkdtemp(work) != NULL;
}

int main(int count, char **arguments)
{
	struct options options = { .seed = 1, .deliveries = 600, .cuts = 300, .rounds = 1 };
	char work[PATH_SIZE];
	struct error error = { 0 };
	size_t failures = 0;
	bool ok = true;

	if (!parse(count, arguments, &options)) {
		fprintf(stderr,
			"usage: powercut [--seed N] [--deliveries N] [--cuts N] [--rounds N] "
			"[--forget body|log|database|folder] [--without-sync] "
			"[--fail-syncs ONE_IN] [--expect-loss] [--work FOLDER]\n");
		return 2;
	}
	if (!options.work) {
		if (!make_work(work)) {
			perror(work);
			return 2;
		}
		options.work = work;
	}
	for (uint64_t i = 0; ok && i < options.rounds; i++)
		ok = run_round(&options, i, &failures, &error);
	if (options.work == work)
		replay_remove_folder(work);
	if (!ok) {
		fprintf(stderr, "powercut: %s\n", error.text);
		return 2;
	}
	if (options.expects_loss && !failures)
		fprintf(stderr, "powercut: something should have been lost, and was not\n");
	return (failures > 0) != options.expects_loss;
}
