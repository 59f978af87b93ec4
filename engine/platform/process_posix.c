/* process_posix.c -- limits, signals and facts of this process. */
#include "platform/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

bool process_block_stop_signals(struct error *error)
{
	sigset_t set;

	stop_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set_os(error, errno, "blocking the stop signals");
	return true;
}

void process_wait_for_stop(void)
{
	sigset_t set;
	int signal_number;

	stop_signals(&set);
	while (sigwait(&set, &signal_number) != 0)
		;
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
