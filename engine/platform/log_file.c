/* log_file.c -- a buffer that lines go into, a thread that empties it into the file.
 *
 * `waiting` belongs to whoever holds the mutex; `writing` is the thread's own. After a failed write the file is
 * closed, and when it is opened again its size tells how much of the last piece had arrived: no line is lost or
 * doubled by a disk that was full for a while. */
#include "platform/log_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/paths.h"
#include "platform/thread.h"

static const char file_name[] = "lettergate.log";
static const int64_t retry_default_us = INT64_C(60) * 1000000;

struct log_file {
	char folder[PATH_SIZE];
	char path[PATH_SIZE];
	int64_t retry_us;
	void (*on_trouble)(void *context, const struct error *trouble);
	void *context;
	struct mutex *mutex;
	struct condition *changed;
	struct thread *thread;
	/* under the mutex */
	struct buf waiting;
	uint64_t lost; /* lines that found no room */
	uint64_t max_size, keep;
	bool is_ending;
	/* the thread's */
	struct buf writing;
	struct file *file;
	uint64_t size;	       /* of the file, without what a failed write may have left */
	bool is_failing;       /* a trouble was told */
	bool is_size_doubtful; /* a write failed: the file may be larger than `size` */
};

/* ---- the sink ---- */

static bool append(struct log_file *log, const char *line)
{
	char time[CLOCK_TEXT_SIZE];

	return buf_printf(&log->waiting, "time=%s %s\n", clock_text(clock_wall_us(), time), line);
}

void log_file_write(void *context, enum log_level level, const char *line)
{
	struct log_file *log = context;
	char lost[64];

	(void)level;
	mutex_lock(log->mutex);
	if (log->lost) {
		snprintf(lost, sizeof lost, "level=warning event=log.lost lines=%llu",
			(unsigned long long)log->lost);
		if (append(log, lost))
			log->lost = 0;
	}
	if (log->lost || !append(log, line))
		log->lost++;
	condition_signal(log->changed);
	mutex_unlock(log->mutex);
}

/* ---- putting aside ---- */

static bool numbered(const struct log_file *log, uint64_t number, char path[PATH_SIZE])
{
	return snprintf(path, PATH_SIZE, "%s.%llu", log->path, (unsigned long long)number) <
	       PATH_SIZE;
}

/* What a larger log.keep left goes, too. */
static bool remove_beyond(struct log_file *log, uint64_t keep, struct error *error)
{
	char path[PATH_SIZE];

	for (uint64_t i = keep ? keep : 1; i <= LOG_FILE_KEEP_MAX; i++) {
		if (!numbered(log, i, path))
			return error_set(error, ERROR_INVALID, "%s is too long", log->path);
		if (file_exists(path) && !file_remove(path, error))
			return false;
	}
	return true;
}

static bool put_aside(struct log_file *log, uint64_t keep, struct error *error)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	file_close(&log->file);
	if (!remove_beyond(log, keep, error))
		return false;
	if (!keep)
		return file_remove(log->path, error);
	for (uint64_t i = keep - 1; i >= 1; i--) {
		if (!numbered(log, i, from) || !numbered(log, i + 1, to))
			return error_set(error, ERROR_INVALID, "%s is too long", log->path);
		if (file_exists(from) && !file_rename(from, to, error))
			return false;
	}
	return numbered(log, 1, to) && file_rename(log->path, to, error);
}

/* ---- writing ---- */

static bool open_file(struct log_file *log, struct error *error)
{
	uint64_t size = 0;

	if (log->file)
		return true;
	if (!folder_create(log->folder, error))
		return false;
	log->file = file_open(log->path, FILE_APPEND, error);
	if (!log->file || !file_size(log->file, &size, error)) {
		file_close(&log->file);
		return false;
	}
	if (log->is_size_doubtful && size > log->size && size - log->size <= log->writing.size)
		buf_consume(&log->writing, (size_t)(size - log->size));
	log->is_size_doubtful = false;
	log->size = size;
	return true;
}

/* As many whole lines as fit. A line that fits into no file is let into an empty one. */
static struct bytes next_piece(const struct log_file *log, uint64_t max_size)
{
	struct bytes all = buf_view(&log->writing);
	uint64_t room = max_size > log->size ? max_size - log->size : 0;
	size_t end = 0;

	if (all.size <= room)
		return all;
	for (size_t i = 0; i < room; i++) {
		if (all.data[i] == '\n')
			end = i + 1;
	}
	if (!end && !log->size)
		end = bytes_find(all, '\n') + 1;
	return bytes_head(all, end);
}

static bool write_all(struct log_file *log, uint64_t max_size, uint64_t keep, struct error *error)
{
	/* Opening may find that all of it is there already. */
	while (log->writing.size && open_file(log, error) && log->writing.size) {
		struct bytes piece = next_piece(log, max_size);

		if (!piece.size) {
			if (!put_aside(log, keep, error))
				return false;
			continue;
		}
		if (!file_write(log->file, piece, error)) {
			log->is_size_doubtful = true;
			file_close(&log->file);
			return false;
		}
		log->size += piece.size;
		buf_consume(&log->writing, piece.size);
	}
	return log->writing.size == 0;
}

static void tell(struct log_file *log, bool ok, const struct error *error)
{
	const struct error none = { .kind = ERROR_NONE };

	if (ok != log->is_failing)
		return;
	log->is_failing = !ok;
	if (log->on_trouble)
		log->on_trouble(log->context, ok ? &none : error);
}

/* With the mutex held. What an earlier failure left is written first. */
static void take_waiting(struct log_file *log)
{
	struct buf empty = log->writing;

	if (empty.size)
		return;
	log->writing = log->waiting;
	log->waiting = empty;
}

/* With the mutex held: until there is something to do. A failing disk is left alone for a while. */
static void wait(struct log_file *log, bool has_failed)
{
	int64_t until_us = clock_monotonic_us() + log->retry_us, now_us;

	while (!log->is_ending && !has_failed && !log->waiting.size)
		condition_wait(log->changed, log->mutex);
	while (!log->is_ending && has_failed && (now_us = clock_monotonic_us()) < until_us)
		condition_wait_for(log->changed, log->mutex, until_us - now_us);
}

static void writing_thread(void *context)
{
	struct log_file *log = context;
	struct error error;
	bool ok = true, is_last = false;

	mutex_lock(log->mutex);
	while (!is_last) {
		uint64_t max_size, keep;

		wait(log, !ok);
		take_waiting(log);
		max_size = log->max_size;
		keep = log->keep;
		is_last = log->is_ending && !log->waiting.size;
		mutex_unlock(log->mutex);
		ok = write_all(log, max_size, keep, &error);
		tell(log, ok, &error);
		mutex_lock(log->mutex);
		is_last = is_last || (log->is_ending && !ok);
	}
	mutex_unlock(log->mutex);
}

/* ---- life ---- */

static bool make(struct log_file *log, const struct log_file_options *options, struct error *error)
{
	if (!bytes_copy_text(bytes_of(options->folder), log->folder, sizeof log->folder) ||
		!path_join(log->folder, file_name, log->path, error))
		return error_set(error, ERROR_INVALID, "the path of the log folder is too long");
	buf_init(&log->waiting, LOG_FILE_WAITING_MAX);
	buf_init(&log->writing, LOG_FILE_WAITING_MAX);
	log->retry_us = options->retry_us ? options->retry_us : retry_default_us;
	log->on_trouble = options->on_trouble;
	log->context = options->context;
	log->max_size = options->max_size;
	log->keep = options->keep;
	return (log->mutex = mutex_new(error)) && (log->changed = condition_new(error)) &&
	       (log->thread = thread_start("log", writing_thread, log, error));
}

struct log_file *log_file_start(const struct log_file_options *options, struct error *error)
{
	struct log_file *log = calloc(1, sizeof *log);

	if (!log)
		error_set_memory(error);
	else if (!make(log, options, error))
		log_file_stop(&log);
	return log;
}

void log_file_stop(struct log_file **stopped)
{
	struct log_file *log = *stopped;

	if (!log)
		return;
	if (log->thread) {
		mutex_lock(log->mutex);
		log->is_ending = true;
		condition_signal(log->changed);
		mutex_unlock(log->mutex);
	}
	thread_join(&log->thread);
	file_close(&log->file);
	buf_clear(&log->waiting);
	buf_clear(&log->writing);
	condition_free(&log->changed);
	mutex_free(&log->mutex);
	free(log);
	*stopped = NULL;
}

void log_file_set_limits(struct log_file *log, uint64_t max_size, uint64_t keep)
{
	mutex_lock(log->mutex);
	log->max_size = max_size;
	log->keep = keep;
	mutex_unlock(log->mutex);
}
