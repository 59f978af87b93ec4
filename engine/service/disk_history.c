/* disk_history.c -- the least-squares line through the samples; only its slope is used. */
#include "service/disk_history.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

enum { SAMPLE_HOURS = 6, LEAST_HOURS = 24, MOST_DAYS = 36500 };

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t mib = UINT64_C(1024) * 1024;

static void add(struct disk_history *history, int64_t hour, uint64_t used_mib)
{
	if (history->count == DISK_HISTORY_SAMPLES) {
		memmove(&history->samples[0], &history->samples[1],
			(DISK_HISTORY_SAMPLES - 1) * sizeof history->samples[0]);
		history->count--;
	}
	history->samples[history->count].hour = hour;
	history->samples[history->count].mib = used_mib;
	history->count++;
}

bool disk_history_note(struct disk_history *history, int64_t now_us, uint64_t used_bytes)
{
	int64_t hour = now_us / hour_us;

	if (history->count) {
		int64_t last = history->samples[history->count - 1].hour;

		if (hour < last)
			history->count = 0;
		else if (hour - last < SAMPLE_HOURS)
			return false;
	}
	add(history, hour, used_bytes / mib);
	return true;
}

bool disk_history_days_left(const struct disk_history *history, uint64_t left_bytes, uint64_t *days)
{
	double count = (double)history->count, hours = 0, sizes = 0, products = 0, squares = 0;
	double slope, left;

	if (!history->count ||
		history->samples[history->count - 1].hour - history->samples[0].hour < LEAST_HOURS)
		return false;
	for (size_t i = 0; i < history->count; i++) {
		double x = (double)(history->samples[i].hour - history->samples[0].hour);
		double y = (double)history->samples[i].mib;

		hours += x;
		sizes += y;
		products += x * y;
		squares += x * x;
	}
	slope = (count * products - hours * sizes) / (count * squares - hours * hours);
	if (slope <= 0)
		return false;
	left = (double)left_bytes / (double)mib / slope / 24;
	*days = left < MOST_DAYS ? (uint64_t)left : MOST_DAYS;
	return true;
}

void disk_history_format(const struct disk_history *history, char text[DISK_HISTORY_TEXT_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < history->count && used < DISK_HISTORY_TEXT_SIZE; i++)
		used += (size_t)snprintf(text + used, DISK_HISTORY_TEXT_SIZE - used, "%s%lld:%llu",
			i ? " " : "", (long long)history->samples[i].hour,
			(unsigned long long)history->samples[i].mib);
}

void disk_history_parse(struct disk_history *history, const char *text)
{
	struct bytes rest = bytes_of(text), word;

	history->count = 0;
	while (bytes_split(&rest, ' ', &word)) {
		size_t colon = bytes_find(word, ':');
		uint64_t hour, used_mib;

		if (!bytes_parse_number(bytes_head(word, colon), INT32_MAX, &hour) ||
			!bytes_parse_number(bytes_skip(word, colon + 1), UINT32_MAX, &used_mib) ||
			(history->count &&
				(int64_t)hour <= history->samples[history->count - 1].hour)) {
			history->count = 0;
			return;
		}
		add(history, (int64_t)hour, used_mib);
	}
}
