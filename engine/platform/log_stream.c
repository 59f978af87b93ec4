/* log_stream.c -- the priorities of syslog(3) for our levels. */
#include "platform/log_stream.h"

#include <stdio.h>

#include "platform/clock.h"
#include "platform/process.h"

static const int priorities[] = {
	[LOG_ERROR] = 3,
	[LOG_WARNING] = 4,
	[LOG_INFO] = 6,
	[LOG_DEBUG] = 7,
};

static bool is_journal;

void log_stream_start(void)
{
	is_journal = process_is_logged_by_journal();
}

void log_stream_write(void *context, enum log_level level, const char *line)
{
	char time[CLOCK_TEXT_SIZE];

	(void)context;
	if (is_journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
	else
		fprintf(stderr, "time=%s %s\n", clock_text(clock_wall_us(), time), line);
}
