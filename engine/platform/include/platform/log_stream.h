/* log_stream.h -- log lines on standard error, for a person or for the journal of systemd.
 *
 * When standard error is the journal (JOURNAL_STREAM of systemd.exec(5) names it), a line begins with its
 * priority as sd-daemon(3) has it, <3> to <7>, and bears no time: the journal keeps its own. Else it begins
 * with time=... */
#ifndef LG_PLATFORM_LOG_STREAM_H
#define LG_PLATFORM_LOG_STREAM_H

#include "base/log.h"

/* Looks once where standard error goes; call before log_stream_write() becomes a sink. */
void log_stream_start(void);
log_sink log_stream_write;

#endif
