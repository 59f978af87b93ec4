/* process_posix.c -- limits, signals and facts of this process. */
#include "platform/process.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

bool process_harden(bool not_dumpable, struct error *error)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return error_set_os(error, errno, "switching core dumps off");
	if (not_dumpable && prctl(PR_SET_DUMPABLE, 0) != 0)
		return error_set_os(error, errno, "closing the process to debuggers");
	signal(SIGPIPE, SIG_IGN);
	return true;
}

bool process_raise_file_limit(uint64_t wanted, uint64_t *got, struct error *error)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return error_set_os(error, errno, "asking for the limit of open files");
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : (rlim_t)wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			return error_set_os(error, errno, "raising the limit of open files");
	}
	*got = limit.rlim_cur;
	return true;
}

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

/* The one that wakes means nothing by itself: from outside it does no harm. */
enum { WAKE_SIGNAL = SIGUSR1 };

static void awaited_signals(sigset_t *set)
{
	stop_signals(set);
	sigaddset(set, WAKE_SIGNAL);
}

bool process_block_stop_signals(struct error *error)
{
	sigset_t set;

	awaited_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set_os(error, errno, "blocking the stop signals");
	return true;
}

bool process_wait_for_stop(void)
{
	sigset_t set;
	int signal_number;

	awaited_signals(&set);
	while (sigwait(&set, &signal_number) != 0)
		;
	return signal_number != WAKE_SIGNAL;
}

void process_wake(void)
{
	kill(getpid(), WAKE_SIGNAL);
}

static volatile sig_atomic_t is_stop_wanted;

static void note_stop(int signal_number)
{
	(void)signal_number;
	is_stop_wanted = 1;
}

void process_catch_stop(void)
{
	/* Without SA_RESTART: what waits for the terminal wakes. */
	struct sigaction action = { .sa_handler = note_stop, .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool process_stop_wanted(void)
{
	return is_stop_wanted != 0;
}

bool process_open_files(uint64_t *open, uint64_t *limit)
{
	struct rlimit most;
	DIR *folder = opendir("/proc/self/fd");

	if (!folder)
		return false;
	*open = 0;
	for (struct dirent *entry; (entry = readdir(folder));)
		*open += entry->d_name[0] != '.';
	closedir(folder);
	*open -= 1; /* the folder itself */
	if (getrlimit(RLIMIT_NOFILE, &most) != 0)
		return false;
	*limit = most.rlim_cur;
	return true;
}

bool process_is_logged_by_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	char expected[64];
	struct stat facts;

	if (!named || fstat(STDERR_FILENO, &facts) != 0)
		return false;
	snprintf(expected, sizeof expected, "%llu:%llu", (unsigned long long)facts.st_dev,
		(unsigned long long)facts.st_ino);
	return strcmp(named, expected) == 0;
}

/* glibc gives nearly every thread a heap of its own, up to eight for each core, and what is free in one does not serve
 * the others. Only as many threads as there are cores can get into each other's way. */
void process_share_heaps(void)
{
#ifdef M_ARENA_MAX
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	mallopt(M_ARENA_MAX, (cores < 1 ? 1 : (int)cores) + 1);
#endif
}

uint64_t process_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[256] = "";
	const char *resident;

	if (!file)
		return 0;
	/* "total resident shared ...", in pages (proc(5)). */
	resident = fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
	fclose(file);
	return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t process_id(void)
{
	return (uint64_t)getpid();
}
