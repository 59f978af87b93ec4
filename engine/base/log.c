/* log.c -- formatting, cleaning and handing over of log lines. The line is built in a fixed array:
 * logging neither allocates nor fails. */
#include "log_internal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static struct sink {
	log_sink *write;
	void *context;
} stream, file;
static _Atomic(enum log_level) current_level = LOG_INFO;
static atomic_bool is_masking;
/* Lines are handed over one at a time, and a sink that was taken away gets none. Spinning is enough:
 * it is held for one write to a stream, and base/ sits below the floor that has mutexes. */
static atomic_flag sink_busy = ATOMIC_FLAG_INIT;

static void lock(void)
{
	while (atomic_flag_test_and_set(&sink_busy))
		;
}

static void unlock(void)
{
	atomic_flag_clear(&sink_busy);
}

void log_set_sink(log_sink *sink, void *context)
{
	lock();
	stream = (struct sink){ sink, context };
	unlock();
}

void log_set_file_sink(log_sink *sink, void *context)
{
	lock();
	file = (struct sink){ sink, context };
	unlock();
}

void log_set_masking(bool masks_addresses)
{
	atomic_store(&is_masking, masks_addresses);
}

void log_set_level(enum log_level level)
{
	atomic_store(&current_level, level);
}

bool log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_is_enabled(enum log_level level)
{
	return level <= atomic_load(&current_level);
}

static void clean(char *line)
{
	for (; *line; line++) {
		if ((unsigned char)*line < ' ' || *line == 127)
			*line = '?';
	}
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char line[LOG_LINE_SIZE], masked[LOG_LINE_SIZE];
	const char *shown = line;
	va_list args;
	int used;

	if (!log_is_enabled(level))
		return;
	used = snprintf(line, sizeof line, "level=%s event=%s%s", level_names[level], event,
		*format ? " " : "");
	if (used > 0 && (size_t)used < sizeof line) {
		va_start(args, format);
		vsnprintf(line + used, sizeof line - (size_t)used, format, args);
		va_end(args);
	}
	clean(line);
	if (atomic_load(&is_masking)) {
		log_mask(line, masked, sizeof masked);
		shown = masked;
	}
	lock();
	if (stream.write)
		stream.write(stream.context, level, shown);
	else
		fprintf(stderr, "%s\n", shown);
	if (file.write)
		file.write(file.context, level, shown);
	unlock();
}

const char *log_quote(struct bytes value, char text[LOG_QUOTED_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	text[used++] = '"';
	for (size_t i = 0; i < value.size && used < LOG_QUOTED_SIZE - 8; i++) {
		uint8_t c = value.data[i];

		if (c < ' ' || c >= 127 || c == '"' || c == '\\') {
			text[used++] = '\\';
			text[used++] = 'x';
			text[used++] = digits[c >> 4];
			text[used++] = digits[c & 15];
		} else {
			text[used++] = (char)c;
		}
	}
	text[used++] = '"';
	text[used] = '\0';
	return text;
}
