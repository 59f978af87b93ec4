/* arrivals.h -- in which hours of the week a mailbox usually gets mail, and for how many of them it has got none.
 * Pure: times are passed in.
 *
 * An hour of the week (UTC) is usual when mail came in it in most of the last weeks: each week counts three
 * tenths, all before it seven. A silence that was long enough to be reported teaches nothing, else a mailbox that
 * broke would soon be one that never gets mail. */
#ifndef LG_SERVICE_ARRIVALS_H
#define LG_SERVICE_ARRIVALS_H

#include <stdint.h>

enum { ARRIVALS_HOURS = 7 * 24 };

struct arrivals {
	uint8_t weight[ARRIVALS_HOURS]; /* 0: not known yet */
	int64_t last_hour;		/* since 1970, of the last arrival; -1: none */
};

void arrivals_init(struct arrivals *arrivals);
/* In the order of time; an earlier one changes nothing. `reported_hours`: a silence of as many is no rule. */
void arrivals_note(struct arrivals *arrivals, int64_t time_us, uint64_t reported_hours);
/* Whole usual hours since the last arrival. */
uint64_t arrivals_silent_hours(const struct arrivals *arrivals, int64_t now_us);

#endif
