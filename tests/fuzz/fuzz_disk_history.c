/* fuzz_disk_history.c -- any text as the history of a disk's use: what is taken is written and read again as it is, its
 * times go upward, and it foretells a number of days that is one. The first two bytes are how much is left. */
#include "service/disk_history.h"

#include "fuzz_stream.h"

static void check_days(const struct disk_history *history, uint64_t left_bytes)
{
	uint64_t days, later;

	if (!disk_history_days_left(history, left_bytes, &days))
		return;
	check(history->count >= 2 && days <= 36500);
	check(disk_history_days_left(history, 2 * left_bytes, &later) && later >= days);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char written[DISK_HISTORY_TEXT_SIZE], *text;
	struct disk_history history, again;

	if (size < 2)
		return 0;
	text = malloc(size - 1);
	check(text != NULL);
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	disk_history_parse(&history, text);
	check(history.count <= DISK_HISTORY_SAMPLES);
	disk_history_format(&history, written);
	disk_history_parse(&again, written);
	check(again.count == history.count);
	for (size_t i = 0; i < history.count; i++) {
		check(again.samples[i].hour == history.samples[i].hour &&
			again.samples[i].mib == history.samples[i].mib);
		check(i == 0 || history.samples[i].hour > history.samples[i - 1].hour);
	}
	check_days(&history, (uint64_t)data[0] << (data[1] % 50));
	free(text);
	return 0;
}
