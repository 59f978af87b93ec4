/* arrivals.c -- a weight for each hour of the week, moved three tenths towards what the week brought. */
#include "service/arrivals.h"

#include <stdbool.h>
#include <string.h>

enum { NEVER = 1, ALWAYS = 255, USUAL = 128, GAP_HOURS_MAX = 53 * ARRIVALS_HOURS };

static const int64_t hour_us = INT64_C(3600) * 1000000;

void arrivals_init(struct arrivals *arrivals)
{
	memset(arrivals, 0, sizeof *arrivals);
	arrivals->last_hour = -1;
}

static void learn(struct arrivals *arrivals, int64_t hour, bool came)
{
	uint8_t *weight = &arrivals->weight[hour % ARRIVALS_HOURS];
	int target = came ? ALWAYS : NEVER;

	*weight = (uint8_t)(*weight ? *weight + (target - *weight) * 3 / 10 : target);
}

/* Whole hours strictly between the two. */
static uint64_t usual_hours(const struct arrivals *arrivals, int64_t from, int64_t to)
{
	uint64_t count = 0;

	if (to - from > GAP_HOURS_MAX)
		from = to - GAP_HOURS_MAX;
	for (int64_t hour = from + 1; hour < to; hour++)
		count += arrivals->weight[hour % ARRIVALS_HOURS] >= USUAL;
	return count;
}

void arrivals_note(struct arrivals *arrivals, int64_t time_us, uint64_t reported_hours)
{
	int64_t hour = time_us / hour_us, last = arrivals->last_hour;

	if (time_us < 0 || hour <= last)
		return;
	if (last >= 0 && hour - last < GAP_HOURS_MAX &&
		(!reported_hours || usual_hours(arrivals, last, hour) < reported_hours)) {
		for (int64_t empty = last + 1; empty < hour; empty++)
			learn(arrivals, empty, false);
	}
	learn(arrivals, hour, true);
	arrivals->last_hour = hour;
}

uint64_t arrivals_silent_hours(const struct arrivals *arrivals, int64_t now_us)
{
	if (arrivals->last_hour < 0)
		return 0;
	return usual_hours(arrivals, arrivals->last_hour, now_us / hour_us);
}
