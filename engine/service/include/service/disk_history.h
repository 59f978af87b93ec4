/* disk_history.h -- how much the store has grown in the last days, and when the disk will be full at that rate.
 * Pure: times are passed in. A text stands for it, so that it outlives the program. */
#ifndef LG_SERVICE_DISK_HISTORY_H
#define LG_SERVICE_DISK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DISK_HISTORY_SAMPLES = 28, /* four a day for a week */
	DISK_HISTORY_TEXT_SIZE = 1024,
};

struct disk_history {
	struct {
		int64_t hour; /* since 1970 */
		uint64_t mib;
	} samples[DISK_HISTORY_SAMPLES];
	size_t count;
};

/* True when it has become a sample: six hours after the one before. A clock that was set back begins anew. */
bool disk_history_note(struct disk_history *history, int64_t now_us, uint64_t used_bytes);
/* Days until `left_bytes` more are used, along the line that fits the samples best. False when they cover less
 * than a day, or when the store does not grow. */
bool disk_history_days_left(
	const struct disk_history *history, uint64_t left_bytes, uint64_t *days);

void disk_history_format(const struct disk_history *history, char text[DISK_HISTORY_TEXT_SIZE]);
/* What is none is an empty history. */
void disk_history_parse(struct disk_history *history, const char *text);

#endif
