/* powercut_gateway.c -- the proof that what the whole gateway answered survives a power cut.
 *
 *	powercut_gateway [--seed N] [--transactions N] [--cuts N] [--rounds N] [--without-sync]
 *		[--expect-loss] [--work FOLDER]
 *
 * Each round hosts the gateway in this process, lets mail servers and archives at it over TLS while passwords and keys
 * change, mailboxes are exported and backups made, and records what it does to its data folder and what it answers. The
 * recording is then looked at (gateway_order.h) and replayed cut at many points, half of them right behind a promise; on
 * some of the disks a whole gateway starts first and verifies the ledgers. The backups are held against the same notes. --without-sync makes the gateway's store skip its syncs: then both must find something, and
 * --expect-loss turns the exit status round. LETTERGATE_LONG in the environment makes more of everything
 * that is not given. Exit status: 0 as expected, 1 not, 2 usage or trouble. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "gateway_load.h"
#include "gateway_order.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "replay.h"

enum { START_EVERY = 1, FAILURES_MAX = 5 };

struct options {
	uint64_t seed;
	uint64_t transactions;
	uint64_t cuts;
	uint64_t rounds;
	bool without_sync;
	bool expects_loss;
	const char *work;
};

struct result {
	size_t failures;   /* disks and backups that broke a promise */
	size_t violations; /* of the order in the log */
	size_t cuts, answered, collected, passwords, rekeys, exports, backups;
};

struct round {
	struct gateway_load load;
	size_t number, started;
};

/* A certificate that is made new for each disk without one would take most of the time. */
static bool starts_fast(const char *folder)
{
	char path[PATH_SIZE];

	return path_join(folder, "tls/server-rsa.crt", path, NULL) && file_exists(path);
}

static bool check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error)
{
	struct round *round = context;

	if (++round->number % START_EVERY == 0 && starts_fast(folder)) {
		round->started++;
		if (!gateway_load_start_once(folder, error))
			return false;
	}
	return gateway_load_check(&round->load, recording, count, folder, error);
}

static struct recording *record(struct round *round, const char *folder, struct error *error)
{
	struct recording *recording;
	bool ok;

	replay_remove_folder(folder);
	if (!folder_create(folder, error))
		return NULL;
	recording = recorder_start(folder, error);
	if (!recording)
		return NULL;
	ok = gateway_load_run(&round->load, recording, error);
	recorder_stop(recording);
	replay_remove_folder(folder);
	if (ok && recording->has_failed)
		ok = error_set_memory(error);
	if (!ok)
		recording_free(&recording);
	return recording;
}

static void check_backups(
	struct round *round, const struct recording *recording, struct result *result)
{
	for (size_t i = 0; i < round->load.counts.backups; i++) {
		struct error found = { 0 };

		if (gateway_load_check_backup(&round->load, recording, i, &found))
			continue;
		printf("seed %llu, %s\n", (unsigned long long)round->load.seed, found.text);
		result->failures++;
	}
}

/* A check of nothing would always be content. */
static bool has_all(const struct gateway_counts *counts, const struct gateway_order *order)
{
	return order->received && order->deleted && order->bodies && order->changed &&
	       counts->collected && counts->passwords && counts->codes && counts->rekeys &&
	       counts->exports && counts->backups;
}

static void add(struct result *result, const struct gateway_counts *counts,
	const struct gateway_order *order, const struct replay *replay)
{
	result->failures += replay->failures;
	result->violations += order->violations;
	result->cuts += replay->done;
	result->answered += order->answered;
	result->collected += counts->collected;
	result->passwords += counts->passwords;
	result->rekeys += counts->rekeys;
	result->exports += counts->exports;
	result->backups += counts->backups;
}

static void describe(const struct round *round, const struct recording *recording,
	const struct gateway_order *order, const struct replay *replay, const int64_t times[3])
{
	const struct gateway_counts *counts = &round->load.counts;

	printf("seed %llu: %zu transactions, %zu collected, %zu passwords, %zu codes, %zu rekeys, "
	       "%zu exports (%zu put off), %zu backups, %zu events in %.1f s\n"
	       "\torder: %zu received, %zu deleted, %zu bodies in files, %zu replies, %zu changes; "
	       "%zu violations\n"
	       "\tdisks: %zu cuts, %zu of them started as a gateway; %zu failures, %.1f s\n",
		(unsigned long long)round->load.seed, round->load.transactions, counts->collected,
		counts->passwords, counts->codes, counts->rekeys, counts->exports, counts->put_off,
		counts->backups, recording->count, (double)(times[1] - times[0]) / 1e6,
		order->received, order->deleted, order->bodies, order->answered, order->changed,
		order->violations, replay->done, round->started, replay->failures,
		(double)(times[2] - times[1]) / 1e6);
}

static bool run_round(
	const struct options *options, uint64_t number, struct result *result, struct error *error)
{
	struct round round = {
		.load = { .seed = options->seed + number,
			.transactions = (size_t)options->transactions,
			.without_sync = options->without_sync,
			.copies = options->work },
	};
	struct replay replay = {
		.seed = options->seed + number,
		.cuts = (size_t)options->cuts,
		.work = options->work,
		.failures_max = FAILURES_MAX,
		.check = check,
		.context = &round,
	};
	int64_t times[3] = { clock_monotonic_us(), 0, 0 };
	struct gateway_order order;
	struct recording *recording;
	char folder[PATH_SIZE];
	bool ok;

	if (!path_join(options->work, "live", folder, error))
		return false;
	recording = record(&round, folder, error);
	times[1] = clock_monotonic_us();
	ok = recording != NULL;
	if (ok) {
		gateway_order_check(recording, &order);
		ok = replay_run(&replay, recording, error);
	}
	if (ok) {
		check_backups(&round, recording, result);
		times[2] = clock_monotonic_us();
		describe(&round, recording, &order, &replay, times);
		add(result, &round.load.counts, &order, &replay);
		if (!has_all(&round.load.counts, &order))
			ok = error_set(error, ERROR_STATE, "the load left something out");
	}
	gateway_load_clear(&round.load);
	recording_free(&recording);
	return ok;
}

/* ---- the command line ---- */

static bool parse(int count, char **arguments, struct options *options)
{
	const struct {
		const char *name;
		uint64_t *number;
		bool *flag;
		const char **text;
	} table[] = {
		{ "--seed", &options->seed, NULL, NULL },
		{ "--transactions", &options->transactions, NULL, NULL },
		{ "--cuts", &options->cuts, NULL, NULL },
		{ "--rounds", &options->rounds, NULL, NULL },
		{ "--without-sync", NULL, &options->without_sync, NULL },
		{ "--expect-loss", NULL, &options->expects_loss, NULL },
		{ "--work", NULL, NULL, &options->work },
	};
	const size_t rows = sizeof table / sizeof table[0];

	for (int i = 1; i < count; i++) {
		size_t row = 0;

		while (row < rows && strcmp(arguments[i], table[row].name) != 0)
			row++;
		if (row == rows || (!table[row].flag && i + 1 == count))
			return false;
		if (table[row].flag)
			*table[row].flag = true;
		else if (table[row].text)
			*table[row].text = arguments[++i];
		else if (!bytes_parse_number(bytes_of(arguments[++i]), 4000, table[row].number))
			return false;
	}
	return options->transactions >= GATEWAY_MAILBOXES && options->cuts;
}

/* In memory where there is such a folder. The control sockets of the gateways lie there too. */
static bool make_work(char work[PATH_SIZE])
{
	const char *base = file_exists("/dev/shm") ? "/dev/shm" : getenv("TMPDIR");

	snprintf(work, PATH_SIZE, "%s/lettergate-powercut-XXXXXX", base ? base : "/tmp");
	return mkdtemp(work) != NULL;
}

static void drop_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static bool run(const struct options *options, struct result *result, struct error *error)
{
	struct options own = *options;
	char canonical[PATH_SIZE];
	bool ok = true;

	/* The gateway names its files by the canonical path, and so must the recorder. */
	if (!path_canonical(options->work, canonical, error))
		return false;
	own.work = canonical;
	if (setenv("XDG_RUNTIME_DIR", canonical, 1) != 0)
		return error_set_memory(error);
	for (uint64_t i = 0; ok && i < own.rounds; i++)
		ok = run_round(&own, i, result, error);
	return ok;
}

int main(int count, char **arguments)
{
	const char *longer = getenv("LETTERGATE_LONG");
	bool is_long = longer && *longer && strcmp(longer, "0") != 0;
	struct options options = {
		.seed = 1,
		.transactions = is_long ? 400 : 160,
		.cuts = is_long ? 120 : 60,
		.rounds = is_long ? 2 : 1,
	};
	struct result result = { .failures = 0 };
	char work[PATH_SIZE];
	struct error error = { 0 };
	bool ok;

	if (!parse(count, arguments, &options)) {
		fprintf(stderr, "usage: powercut_gateway [--seed N] [--transactions N] [--cuts N] "
				"[--rounds N] [--without-sync] [--expect-loss] [--work FOLDER]\n");
		return 2;
	}
	if (!options.work && !make_work(work)) {
		perror(work);
		return 2;
	}
	log_set_sink(drop_line, NULL);
	options.work = options.work ? options.work : work;
	ok = run(&options, &result, &error);
	if (options.work == work)
		replay_remove_folder(work);
	if (!ok) {
		fprintf(stderr, "powercut_gateway: %s\n", error.text);
		return 2;
	}
	if (!options.expects_loss && !result.failures && !result.violations)
		printf("%zu power cuts, %zu messages acknowledged, %zu collected, %zu passwords "
		       "changed, "
		       "%zu rekeys, %zu exports, %zu backups: nothing lost, nothing came back, the "
		       "ledger verifies\n",
			result.cuts, result.answered, result.collected, result.passwords,
			result.rekeys, result.exports, result.backups);
	if (!options.expects_loss)
		return result.failures || result.violations;
	if (!result.failures || !result.violations)
		fprintf(stderr, "powercut_gateway: something should have been lost, and the order "
				"in the log wrong\n");
	return !result.failures || !result.violations;
}
