/* fault.c -- every operation that can fail fails once.
 *
 *	fault [--seed N] [--sample N] [--group N] [--kind KIND] [--at N,...] [--jobs N]
 *
 * A run without a fault counts the operations of the session (fault_session.h) and notes who asked for each.
 * Then the session runs again and again with operation N failing, each time in a process of its own. With
 * LETTERGATE_LONG in the environment N is every one, and each has a run to itself; but of the libraries'
 * allocations, which are very many, as many as --sample says, and several fail in one run, one after the other.
 * Else all of it is a sample, in which --group fail in one run. A sample is drawn from the seed; operations
 * that were asked for in ways not seen yet come first. --kind and --at repeat one run and show all it said.
 * How the gateway's threads take turns is not settled: not every run comes to all of its operations.
 *
 * Exit status: 0 all holds, 1 not, 2 usage or trouble. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fault_cheap.h"
#include "fault_memory.h"
#include "fault_session.h"
#include "platform/clock.h"
#include "replay.h"

enum {
	JOBS_MAX = 16,
	/* What every client may wait for several times, and a gateway's end. */
	RUN_S = 90,
	FAILURES_SHOWN = 3, /* of each kind, with all that is known; the others in a line */
	FOLDER_SIZE = 256,
};

struct options {
	uint64_t seed, sample, group, jobs;
	bool is_long;
	const char *kind_name;
	struct fault_group at;
};

/* One run in a process of its own; the record is what it shares with this one. */
struct job {
	pid_t process; /* 0: free */
	struct fault_group group;
	int64_t began_us;
	char folder[FOLDER_SIZE], said[FOLDER_SIZE];
	struct fault_record *record;
};

struct tally {
	size_t runs, armed, fired, bad;
};

struct work {
	const struct options *options;
	char folder[FOLDER_SIZE];
	struct job jobs[JOBS_MAX];
	struct tally tallies[FAULT_KINDS];
	size_t bad;
};

/* ---- one run ---- */

static void print_log_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	fault_spare_begin();
	fprintf(stderr, "%s\n", line);
	fault_spare_end();
}

static volatile sig_atomic_t is_stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	is_stopped = 1;
}

static int run_child(const struct job *job)
{
	int file = open(job->said, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	/* It shall not outlive a parent that is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0 ||
		mkdir(job->folder, 0700) != 0 || setenv("XDG_RUNTIME_DIR", job->folder, 1) != 0)
		return 2;
	close(file);
	log_set_sink(print_log_line, NULL);
	return !fault_session_run(job->record, job->folder, &job->group);
}

static bool start(struct job *job, const struct fault_group *group, bool wants_places)
{
	memset(job->record, 0, offsetof(struct fault_record, places));
	job->record->wants_places = wants_places;
	job->group = *group;
	job->began_us = clock_monotonic_us();
	replay_remove_folder(job->folder);
	job->process = fork();
	if (job->process == 0)
		_exit(run_child(job));
	return job->process > 0;
}

/* True: it has ended. */
static bool has_ended(struct job *job, int *status)
{
	bool is_late =
		is_stopped || clock_monotonic_us() - job->began_us > INT64_C(1000000) * RUN_S;

	if (is_late) {
		snprintf(job->record->failure, sizeof job->record->failure, "it %s, at: %.150s",
			is_stopped ? "was stopped from outside" : "hangs", job->record->doing);
		kill(job->process, SIGKILL);
	}
	if (waitpid(job->process, status, is_late ? 0 : WNOHANG) != job->process)
		return false;
	job->process = 0;
	return true;
}

/* ---- what is said about it ---- */

/* AddressSanitizer's. The forked process had its code at the same addresses. */
__attribute__((weak)) void __sanitizer_symbolize_pc(
	void *address, const char *format, char *text, size_t size);

static void print_firing(const struct fault_firing *firing)
{
	char text[600];

	printf("\t%zu failed in: %s\n", firing->number, firing->doing);
	fflush(stdout);
	if (!__sanitizer_symbolize_pc) {
		backtrace_symbols_fd(firing->frames, firing->frame_count, STDOUT_FILENO);
		return;
	}
	for (int i = 0; i < firing->frame_count; i++) {
		__sanitizer_symbolize_pc((char *)firing->frames[i] - 1, "%f %S", text, sizeof text);
		printf("\t\t%s\n", text);
	}
}

static void print_file(const char *path, long most)
{
	FILE *file = fopen(path, "r");
	char line[1000];

	if (!file)
		return;
	if (fseek(file, -most, SEEK_END) != 0)
		rewind(file);
	while (fgets(line, sizeof line, file))
		printf("\t| %s", line);
	fclose(file);
}

static void print_outcome(const struct job *job, int status)
{
	const struct fault_record *record = job->record;

	printf("--kind %s --at ", fault_kind_names[job->group.kind]);
	for (size_t i = 0; i < job->group.count; i++)
		printf("%s%zu", i ? "," : "", job->group.numbers[i]);
	printf(": %s\n", *record->failure ? record->failure
			 : status	  ? "the process ended by itself"
					  : "all holds");
}

static void report(const struct job *job, int status, bool with_log)
{
	const struct fault_record *record = job->record;

	print_outcome(job, status);
	if (WIFSIGNALED(status))
		printf("\tended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	printf("\tlast at: %s\n", record->doing);
	for (size_t i = 0; i < record->firing_count; i++)
		print_firing(&record->firings[i]);
	print_file(job->said, with_log ? 100000 : 6000);
	fflush(stdout);
}

static void take_end(struct work *work, struct job *job, int status)
{
	struct tally *tally = &work->tallies[job->group.kind];
	bool is_bad = status != 0 || *job->record->failure;

	tally->runs++;
	tally->armed += job->group.count;
	tally->fired += job->record->firing_count;
	tally->bad += is_bad;
	work->bad += is_bad;
	if (is_bad && tally->bad <= FAILURES_SHOWN)
		report(job, status, false);
	else if (is_bad)
		print_outcome(job, status);
	replay_remove_folder(job->folder);
}

/* ---- many runs ---- */

static void pause_briefly(void)
{
	const struct timespec rest = { .tv_nsec = 2000000 };

	nanosleep(&rest, NULL);
}

/* Returns how many still run. */
static size_t reap(struct work *work)
{
	size_t busy = 0;
	int status;

	for (size_t i = 0; i < work->options->jobs; i++) {
		struct job *job = &work->jobs[i];

		if (!job->process)
			continue;
		if (has_ended(job, &status))
			take_end(work, job, status);
		else
			busy++;
	}
	return busy;
}

static bool run_one(struct work *work, const struct fault_group *group)
{
	struct job *job = work->jobs;

	while (reap(work) == work->options->jobs)
		pause_briefly();
	while (job->process)
		job++;
	return start(job, group, false);
}

/* The first `wanted` of the list become those to run: each way to an operation once, then others. */
static void choose(const uint32_t *places, size_t *numbers, size_t count, size_t wanted)
{
	static bool is_seen[1 << 20];
	size_t chosen = 0;

	memset(is_seen, 0, sizeof is_seen);
	for (size_t i = 0; i < count && chosen < wanted; i++) {
		size_t number = numbers[i];
		bool *seen = &is_seen[places[number - 1] % (sizeof is_seen / sizeof *is_seen)];

		if (*seen)
			continue;
		*seen = true;
		numbers[i] = numbers[chosen];
		numbers[chosen++] = number;
	}
}

static int by_number(const void *a, const void *b)
{
	size_t one = *(const size_t *)a, other = *(const size_t *)b;

	return (one > other) - (one < other);
}

static size_t *shuffled(size_t count, uint64_t seed)
{
	size_t *numbers = calloc(count + 1, sizeof *numbers);
	uint64_t random = seed;

	for (size_t i = 0; numbers && i < count; i++) {
		size_t place = (size_t)(replay_random(&random) % (i + 1));

		numbers[i] = numbers[place];
		numbers[place] = i + 1;
	}
	return numbers;
}

/* How a sample is shared out, in percent; and which are so many that the long form takes a sample, too. */
static const struct {
	unsigned share;
	bool is_always_sampled;
} plans[FAULT_KINDS] = {
	[FAULT_MEMORY] = { 30, false },
	[FAULT_LIBUV] = { 5, false },
	[FAULT_SQLITE] = { 15, true },
	[FAULT_OPENSSL] = { 15, true },
	[FAULT_FILE] = { 12, false },
	[FAULT_DATABASE] = { 12, false },
	[FAULT_STEP] = { 11, false },
};

static void print_tally(const struct work *work, enum fault_kind kind, size_t count, double time_s)
{
	const struct tally *tally = &work->tallies[kind];

	printf("%-8s %6zu operations: %5zu of %5zu failed in %4zu runs; %zu bad; %.1f s\n",
		fault_kind_names[kind], count, tally->fired, tally->armed, tally->runs, tally->bad,
		time_s);
	fflush(stdout);
}

static bool run_kind(struct work *work, enum fault_kind kind, const struct fault_record *clean)
{
	const struct options *options = work->options;
	bool is_sampled = !options->is_long || plans[kind].is_always_sampled;
	size_t count =
		clean->counts[kind] < FAULT_PLACES_MAX ? clean->counts[kind] : FAULT_PLACES_MAX;
	size_t wanted = is_sampled ? options->sample * plans[kind].share / 100 + 1 : count;
	size_t *numbers = shuffled(count, options->seed + (uint64_t)kind), runs;
	uint64_t size = is_sampled ? options->group : 1;
	struct fault_group group = { .kind = kind };
	int64_t began_us = clock_monotonic_us();
	bool ok = numbers != NULL;

	if (!ok)
		return false;
	wanted = wanted < count ? wanted : count;
	choose(clean->places[kind], numbers, count, wanted);
	qsort(numbers, wanted, sizeof *numbers, by_number);
	runs = (wanted + (size_t)size - 1) / (size_t)size;
	/* Those of a run are as far from each other as can be: what fails once may well succeed at its second try. */
	for (size_t i = 0; ok && i < runs && !is_stopped; i++) {
		group.count = 0;
		for (size_t n = i; n < wanted; n += runs)
			group.numbers[group.count++] = numbers[n];
		ok = run_one(work, &group);
	}
	while (reap(work))
		pause_briefly();
	print_tally(work, kind, count, (double)(clock_monotonic_us() - began_us) / 1e6);
	free(numbers);
	return ok;
}

static struct fault_record *new_record(void)
{
	void *record = mmap(NULL, sizeof(struct fault_record), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return record == MAP_FAILED ? NULL : record;
}

static bool prepare(struct work *work)
{
	for (size_t i = 0; i < work->options->jobs; i++) {
		struct job *job = &work->jobs[i];

		snprintf(job->folder, sizeof job->folder, "%.200s/%zu", work->folder, i);
		snprintf(job->said, sizeof job->said, "%.200s/%zu.log", work->folder, i);
		job->record = new_record();
		if (!job->record)
			return false;
	}
	return true;
}

/* The run without a fault; false when that fails already. */
static bool run_clean(struct work *work, struct fault_record *clean)
{
	struct job *job = work->jobs;
	struct fault_record *own = job->record;
	bool ok;

	job->record = clean;
	ok = start(job, &(struct fault_group){ .count = 0 }, true);
	while (reap(work))
		pause_briefly();
	memset(work->tallies, 0, sizeof work->tallies);
	job->record = own;
	return ok && !work->bad;
}

static size_t sum_fired(const struct work *work, enum fault_kind first, enum fault_kind last)
{
	size_t sum = 0;

	for (size_t i = first; i <= last; i++)
		sum += work->tallies[i].fired;
	return sum;
}

static bool run_all(struct work *work)
{
	struct fault_record *clean = new_record();
	const struct options *options = work->options;
	size_t armed = 0, fired;
	bool ok = clean && run_clean(work, clean);

	for (size_t i = 0; ok && i < FAULT_KINDS && !is_stopped; i++) {
		if (!options->kind_name || options->at.kind == i)
			ok = run_kind(work, (enum fault_kind)i, clean);
		armed += work->tallies[i].armed;
	}
	fired = sum_fired(work, 0, FAULT_KINDS - 1);
	printf("%zu allocations, %zu file operations, %zu steps failed once; %zu runs lost "
	       "something\n",
		sum_fired(work, FAULT_MEMORY, FAULT_OPENSSL),
		sum_fired(work, FAULT_FILE, FAULT_DATABASE),
		sum_fired(work, FAULT_STEP, FAULT_STEP), work->bad);
	/* Some are not come to, since threads take turns; most must be, or nothing is shown. */
	return ok && !is_stopped && !work->bad && fired * 10 >= armed * 8;
}

static bool run_at(struct work *work)
{
	struct job *job = work->jobs;
	int status = 0;

	if (!start(job, &work->options->at, false))
		return false;
	while (!has_ended(job, &status))
		pause_briefly();
	report(job, status, true);
	replay_remove_folder(job->folder);
	return status == 0 && !*job->record->failure;
}

/* ---- the command line ---- */

static bool parse_at(const char *text, struct fault_group *at)
{
	struct bytes rest = bytes_of(text), part;

	for (at->count = 0; bytes_split(&rest, ',', &part); at->count++) {
		uint64_t number = 0;

		if (at->count == FAULT_GROUP_MAX ||
			!bytes_parse_number(part, FAULT_PLACES_MAX, &number) || !number)
			return false;
		at->numbers[at->count] = (size_t)number;
	}
	return true;
}

static bool parse_kind(const char *name, enum fault_kind *kind)
{
	for (size_t i = 0; i < FAULT_KINDS; i++) {
		if (strcmp(name, fault_kind_names[i]) != 0)
			continue;
		*kind = (enum fault_kind)i;
		return true;
	}
	return false;
}

static bool parse_one(const char *name, const char *value, struct options *options)
{
	const struct {
		const char *name;
		uint64_t *number, most;
	} table[] = {
		{ "--seed", &options->seed, UINT32_MAX },
		{ "--sample", &options->sample, 1000000 },
		{ "--group", &options->group, FAULT_GROUP_MAX },
		{ "--jobs", &options->jobs, JOBS_MAX },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (strcmp(name, table[i].name) == 0)
			return bytes_parse_number(
				       bytes_of(value), table[i].most, table[i].number) &&
			       *table[i].number;
	}
	if (strcmp(name, "--at") == 0)
		return parse_at(value, &options->at);
	options->kind_name = value;
	return strcmp(name, "--kind") == 0 && parse_kind(value, &options->at.kind);
}

static bool parse(int count, char **arguments, struct options *options)
{
	for (int i = 1; i < count; i += 2) {
		if (i + 1 == count || !parse_one(arguments[i], arguments[i + 1], options))
			return false;
	}
	return !options->at.count || options->kind_name;
}

/* In memory where there is such a folder: what is synced there costs nothing. */
static bool make_work(char work[FOLDER_SIZE])
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

	snprintf(work, FOLDER_SIZE, "%s/lettergate-fault-XXXXXX", base ? base : "/tmp");
	return mkdtemp(work) != NULL;
}

int main(int count, char **arguments)
{
	const char *longer = getenv("LETTERGATE_LONG");
	bool is_long = longer && *longer && strcmp(longer, "0") != 0;
	struct options options = {
		.seed = 1,
		.sample = is_long ? 20000 : 300,
		.group = 8,
		.jobs = 2,
		.is_long = is_long,
	};
	struct work work = { .options = &options };
	void *frame;
	bool ok;

	if (!parse(count, arguments, &options)) {
		fprintf(stderr, "usage: fault [--seed N] [--sample N] [--group N] [--kind KIND] "
				"[--at N,...] [--jobs N]\n");
		return 2;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	signal(SIGPIPE, SIG_IGN);
	/* It loads what it needs at its first call. */
	backtrace(&frame, 1);
	if (!fault_memory_start() || !fault_cheap_start() || !make_work(work.folder)) {
		fprintf(stderr, "fault: the libraries do not take the hooks, or no folder\n");
		return 2;
	}
	ok = prepare(&work) && (options.at.count ? run_at(&work) : run_all(&work));
	replay_remove_folder(work.folder);
	return !ok;
}
