/* monitor.c -- the rules. Each raises or resolves its problem at every look, so that no state of a problem is
 * kept here: raising again only renews the text. */
#include "monitor_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"

enum {
	/* A gateway that was off has missed mail that senders try again within the hour. */
	SETTLING_MINUTES = 60,
	WARN_DAYS = 14,
	ALARM_DAYS = 3,
	JUMP_MINUTES = 5,
	JUMP_SHOWN_HOURS = 24,
	OPEN_FILES_PERCENT = 90,
};

static const int64_t minute_us = INT64_C(60) * 1000000;
static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t low_bytes = UINT64_C(1024) * 1024 * 1024;

static void raise(struct monitor *monitor, const struct monitor_facts *facts,
	enum problem_severity severity, const char *id, const char *text, const char *remedy)
{
	problems_raise(monitor->service->problems, facts->wall_us, severity, id, text, remedy);
}

static void resolve(struct monitor *monitor, const char *id)
{
	problems_resolve(monitor->service->problems, id);
}

/* ---- mailboxes ---- */

static void problem_id(const char *what, const struct id *mailbox, char id[96])
{
	char text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, text);
	snprintf(id, 96, "%s %s", what, text);
}

static void judge_silence(struct monitor *monitor, const struct monitor_facts *facts,
	const struct monitor_mailbox *mailbox)
{
	char id[96], text[512], last[CLOCK_TEXT_SIZE];

	problem_id("silent", &mailbox->id, id);
	if (!facts->silent_limit_hours || !mailbox->is_active ||
		mailbox->silent_hours < facts->silent_limit_hours) {
		resolve(monitor, id);
		return;
	}
	if (facts->steady_us - monitor->started_steady_us < SETTLING_MINUTES * minute_us)
		return;
	snprintf(text, sizeof text,
		"No mail has come to the mailbox \"%.200s\" for %llu of the hours in which it "
		"usually "
		"gets some; the last came at %s.",
		mailbox->name, (unsigned long long)mailbox->silent_hours,
		clock_text(mailbox->last_received_us, last));
	raise(monitor, facts, PROBLEM_WARNING, id, text,
		"Look whether the mail server still sends its copies here (journal rule, "
		"connector), "
		"and whether it reaches this computer. If the mailbox is no longer used, suspend "
		"it.");
}

static void judge_collecting(struct monitor *monitor, const struct monitor_facts *facts,
	const struct monitor_mailbox *mailbox)
{
	int64_t waited_us = facts->wall_us - mailbox->uncollected_since_us;
	char id[96], text[512], since[CLOCK_TEXT_SIZE];

	problem_id("uncollected", &mailbox->id, id);
	if (!facts->uncollected_limit_hours || !mailbox->waiting ||
		!mailbox->uncollected_since_us ||
		waited_us / hour_us < (int64_t)facts->uncollected_limit_hours) {
		resolve(monitor, id);
		return;
	}
	snprintf(text, sizeof text,
		"%llu messages wait in the mailbox \"%.200s\", and nobody has collected any since "
		"%s.",
		(unsigned long long)mailbox->waiting, mailbox->name,
		clock_text(mailbox->uncollected_since_us, since));
	raise(monitor, facts, PROBLEM_WARNING, id, text,
		"Look whether the archive still collects here: the server's name and port, user "
		"name "
		"and password, and whether it trusts the certificate of the gateway. The mail is "
		"kept "
		"until it is collected.");
}

static bool is_among(const struct monitor_facts *facts, const struct id *id)
{
	for (size_t i = 0; i < facts->mailbox_count; i++) {
		if (memcmp(&facts->mailboxes[i].id, id, sizeof *id) == 0)
			return true;
	}
	return false;
}

/* A mailbox that was deleted takes its problems along. */
static void forget_deleted(struct monitor *monitor, const struct monitor_facts *facts)
{
	static const char *const problems[] = { "silent", "uncollected" };
	struct id *judged;
	char id[96];

	for (size_t i = 0; i < monitor->judged_count; i++) {
		if (is_among(facts, &monitor->judged[i]))
			continue;
		for (size_t j = 0; j < sizeof problems / sizeof problems[0]; j++) {
			problem_id(problems[j], &monitor->judged[i], id);
			resolve(monitor, id);
		}
	}
	judged = calloc(facts->mailbox_count + 1, sizeof *judged);
	if (!judged)
		return; /* the older list will do until the next look */
	for (size_t i = 0; i < facts->mailbox_count; i++)
		judged[i] = facts->mailboxes[i].id;
	free(monitor->judged);
	monitor->judged = judged;
	monitor->judged_count = facts->mailbox_count;
}

/* ---- the computer ---- */

/* When the reserve is reached, the store says so itself. */
static void judge_disk(struct monitor *monitor, const struct monitor_facts *facts)
{
	const struct store_figures *figures = &facts->figures;
	uint64_t free_bytes = figures->free_bytes + figures->reusable_bytes, left, days = 0;
	bool fills;
	char text[512];

	left = free_bytes > figures->reserve_bytes ? free_bytes - figures->reserve_bytes : 0;
	fills = disk_history_days_left(&monitor->disk, left, &days) && days < WARN_DAYS;
	if (figures->is_short || (!fills && left >= low_bytes)) {
		resolve(monitor, "disk");
		return;
	}
	if (fills)
		snprintf(text, sizeof text,
			"The disk will be full in about %llu days if as much mail comes as in the "
			"last "
			"days; then no more mail is taken.",
			(unsigned long long)days);
	else
		snprintf(text, sizeof text,
			"The disk has room for %llu MiB of mail; then no more is taken.",
			(unsigned long long)(left / 1024 / 1024));
	raise(monitor, facts, fills && days < ALARM_DAYS ? PROBLEM_ERROR : PROBLEM_WARNING, "disk",
		text,
		"Make room on the disk of the data folder, or let the archive collect what waits. "
		"Collected mail is deleted sooner with a smaller storage.keep-collected-days.");
}

static void judge_open_files(struct monitor *monitor, const struct monitor_facts *facts)
{
	char text[512];

	if (facts->open_files * 100 < facts->most_files * OPEN_FILES_PERCENT ||
		!facts->most_files) {
		resolve(monitor, "open-files-low");
		return;
	}
	snprintf(text, sizeof text,
		"The gateway has %llu files and connections open and may have %llu; then it takes "
		"no "
		"more connections.",
		(unsigned long long)facts->open_files, (unsigned long long)facts->most_files);
	raise(monitor, facts, PROBLEM_WARNING, "open-files-low", text,
		"Raise the limit of open files (ulimit -n, or LimitNOFILE= of the service), or "
		"lower "
		"limits.sessions.");
}

/* It comes in slabs as sessions need it, and each may be refused its lock. */
static void judge_memory(struct monitor *monitor, const struct monitor_facts *facts)
{
	if (facts->is_memory_locked)
		resolve(monitor, "memory-lock");
	else
		raise(monitor, facts, PROBLEM_WARNING, "memory-lock",
			"Memory that holds keys and passwords could not be locked: it may be "
			"written to the swap space.",
			"Raise the limit of locked memory (ulimit -l, or LimitMEMLOCK= of the "
			"service) to at least 8 MiB, or encrypt the swap space.");
}

static void judge_clock(struct monitor *monitor, const struct monitor_facts *facts)
{
	int64_t jump_us = (facts->wall_us - monitor->last_wall_us) -
			  (facts->steady_us - monitor->last_steady_us);
	int64_t minutes = (jump_us < 0 ? -jump_us : jump_us) / minute_us;
	char text[512], now[CLOCK_TEXT_SIZE];

	if (monitor->last_steady_us && minutes >= JUMP_MINUTES) {
		snprintf(text, sizeof text,
			"The clock of this computer was set %s by %lld minutes; it says %s now.",
			jump_us < 0 ? "back" : "forward", (long long)minutes,
			clock_text(facts->wall_us, now));
		raise(monitor, facts, PROBLEM_WARNING, "clock", text,
			"Check date and time, and let the computer set its clock by the network. "
			"The "
			"times of received mail come from this clock.");
		monitor->jumped_steady_us = facts->steady_us;
	} else if (monitor->jumped_steady_us &&
		   facts->steady_us - monitor->jumped_steady_us >= JUMP_SHOWN_HOURS * hour_us) {
		resolve(monitor, "clock");
		monitor->jumped_steady_us = 0;
	}
	monitor->last_wall_us = facts->wall_us;
	monitor->last_steady_us = facts->steady_us;
}

void monitor_judge(struct monitor *monitor, const struct monitor_facts *facts)
{
	if (!monitor->last_steady_us)
		monitor->started_steady_us = facts->steady_us;
	judge_clock(monitor, facts);
	judge_open_files(monitor, facts);
	judge_memory(monitor, facts);
	judge_disk(monitor, facts);
	for (size_t i = 0; i < facts->mailbox_count; i++) {
		judge_silence(monitor, facts, &facts->mailboxes[i]);
		judge_collecting(monitor, facts, &facts->mailboxes[i]);
	}
	forget_deleted(monitor, facts);
}

/* ---- life ---- */

struct monitor *monitor_new(struct service *service, struct error *error)
{
	struct monitor *monitor = calloc(1, sizeof *monitor);

	if (!monitor) {
		error_set_memory(error);
		return NULL;
	}
	monitor->service = service;
	monitor->mutex = mutex_new(error);
	monitor->wakes = monitor->mutex ? condition_new(error) : NULL;
	if (!monitor->wakes)
		monitor_free(&monitor);
	return monitor;
}

void monitor_free(struct monitor **freed)
{
	struct monitor *monitor = *freed;

	if (!monitor)
		return;
	monitor_stop(monitor);
	condition_free(&monitor->wakes);
	mutex_free(&monitor->mutex);
	free(monitor->judged);
	free(monitor->watched);
	free(monitor);
	*freed = NULL;
}

static void monitor_thread(void *context)
{
	struct monitor *monitor = context;

	mutex_lock(monitor->mutex);
	while (!monitor->is_ending) {
		mutex_unlock(monitor->mutex);
		monitor_look(monitor);
		mutex_lock(monitor->mutex);
		if (!monitor->is_ending)
			condition_wait_for(monitor->wakes, monitor->mutex, minute_us);
	}
	mutex_unlock(monitor->mutex);
}

bool monitor_start(struct monitor *monitor, struct error *error)
{
	monitor->thread = thread_start("monitor", monitor_thread, monitor, error);
	return monitor->thread != NULL;
}

void monitor_stop(struct monitor *monitor)
{
	if (!monitor->thread)
		return;
	mutex_lock(monitor->mutex);
	monitor->is_ending = true;
	condition_signal(monitor->wakes);
	mutex_unlock(monitor->mutex);
	thread_join(&monitor->thread);
}
