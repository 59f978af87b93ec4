/* monitor.h -- looks once a minute for what nobody would notice in time: a mailbox that has fallen silent, mail that
 * nobody collects, a disk that fills, open files that run out, memory that is not locked, a clock that jumps. What it finds is a problem;
 * what is over is resolved. docs/internals/operation.md.
 *
 * monitor_judge() is the rules alone: what is known is passed in, the time included. monitor_look() asks the
 * store and the system. The caller's thread runs both, one at a time. */
#ifndef LG_SERVICE_MONITOR_H
#define LG_SERVICE_MONITOR_H

#include "service/service.h"

struct monitor;

/* A mailbox as the rules see it. */
struct monitor_mailbox {
	struct id id;
	char name[STORE_NAME_SIZE];
	bool is_active;
	uint64_t silent_hours; /* usual ones */
	int64_t last_received_us;
	uint64_t waiting;
	/* When the oldest waiting message came, or mail was last collected, whichever is later; 0: not known. */
	int64_t uncollected_since_us;
};

struct monitor_facts {
	int64_t wall_us;
	int64_t steady_us; /* goes on while the computer sleeps, and is never set */
	struct store_figures figures;
	uint64_t open_files, most_files; /* 0: not known */
	bool is_memory_locked;		 /* the memory of secrets */
	const struct monitor_mailbox *mailboxes;
	size_t mailbox_count;
	uint64_t silent_limit_hours, uncollected_limit_hours; /* the settings; 0: off */
};

struct monitor *monitor_new(struct service *service, struct error *error);
void monitor_free(struct monitor **monitor);

void monitor_judge(struct monitor *monitor, const struct monitor_facts *facts);
void monitor_look(struct monitor *monitor);

/* Looks now and every minute, on a thread of its own, until monitor_stop(). */
bool monitor_start(struct monitor *monitor, struct error *error);
void monitor_stop(struct monitor *monitor); /* also when it was not started */

#endif
