/* log_file.h -- log lines in a file that is put aside when it has grown, never at the cost of the gateway.
 *
 * The sink only copies a line into a bounded buffer; a thread of its own writes. A disk that is full, slow or
 * away therefore stops nobody: what finds no room is counted and told by a line `event=log.lost` when there is
 * room again. Every line bears the time at which it was logged.
 *
 * lettergate.log is the present file, lettergate.log.1 the one before it, and so on. Owner-only. Every file operation
 * passes the watch (file_watch.h). */
#ifndef LG_PLATFORM_LOG_FILE_H
#define LG_PLATFORM_LOG_FILE_H

#include <stdint.h>

#include "base/log.h"

struct log_file;

struct log_file_options {
	const char *folder; /* created when it is missing */
	uint64_t max_size;  /* octets of one file; a longer line has a file of its own */
	uint64_t keep;	    /* files put aside, at most LOG_FILE_KEEP_MAX */
	int64_t retry_us;   /* how long to wait after a failure; 0: a minute */
	/* Told from the writing thread when it begins to fail, and with ERROR_NONE when it works again. It may
	 * log. */
	void (*on_trouble)(void *context, const struct error *trouble);
	void *context;
};

enum { LOG_FILE_KEEP_MAX = 100, LOG_FILE_WAITING_MAX = 256 * 1024 };

/* Nothing but a lack of memory fails it: a folder that cannot be written to is a trouble. */
struct log_file *log_file_start(const struct log_file_options *options, struct error *error);
/* Writes what waits, if it can, and ends; sets NULL. The sink must be out of use before. */
void log_file_stop(struct log_file **log);
/* From the next line on. */
void log_file_set_limits(struct log_file *log, uint64_t max_size, uint64_t keep);
/* The sink; its context is the struct log_file. */
log_sink log_file_write;

#endif
