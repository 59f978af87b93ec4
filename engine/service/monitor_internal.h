/* monitor_internal.h -- what the rules (monitor.c) and the looking (monitor_look.c) share. */
#ifndef LG_SERVICE_MONITOR_INTERNAL_H
#define LG_SERVICE_MONITOR_INTERNAL_H

#include "service/arrivals.h"
#include "service/disk_history.h"
#include "service/monitor.h"

/* What is remembered of a mailbox between two looks. */
struct watched {
	struct id id;
	struct arrivals arrivals;
	uint64_t next_number;	/* of the ledger: what is to be read yet */
	uint64_t oldest_number; /* of the oldest waiting message, by its place in the ledger */
	int64_t oldest_us;
	bool is_there; /* at this look */
};

struct monitor {
	struct service *service;
	struct disk_history disk;
	int64_t started_steady_us, last_steady_us, last_wall_us; /* 0: no look yet */
	int64_t jumped_steady_us;				 /* 0: no jump is a problem now */
	/* ids of mailboxes whose problems may stand */
	struct id *judged;
	size_t judged_count;
	/* monitor_look.c */
	struct watched *watched;
	size_t watched_count;
	/* the thread */
	struct thread *thread;
	struct mutex *mutex;
	struct condition *wakes;
	bool is_ending; /* under the mutex */
};

#endif
