/* log.h -- one line per event: `level=info event=smtp.stored peer=... size=...`.
 *
 * Only service/ and the front ends log; lower floors return errors. No secret and no message
 * content is ever passed here. Whatever a peer sent goes through log_quote(), so that it can
 * neither forge a line nor steer a terminal; as a second net every finished line is checked for
 * control characters. Thread-safe. */
#ifndef LG_BASE_LOG_H
#define LG_BASE_LOG_H

#include "base/bytes.h"
#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Gets a whole line without a line end. Called by any thread, one call at a time; must not wait for a
 * disk, and must not log. */
typedef void log_sink(void *context, enum log_level level, const char *line);

enum { LOG_LINE_SIZE = 1024 };

/* Every line goes to two places: the program's own stream (standard error without a sink), and the log file of
 * a hosted gateway (nowhere without one). Both act at once and may be called at any time; NULL takes the sink
 * away: it is not called after. */
void log_set_sink(log_sink *sink, void *context);
void log_set_file_sink(log_sink *sink, void *context);
void log_set_level(enum log_level level);
/* Shortens the addresses of computers and people in every line: 192.0.2.x, 2001:db8:1::x, a...@example.com
 * (with an ellipsis). Here and not where lines are made, so that no event can forget it. */
void log_set_masking(bool masks_addresses);
bool log_level_parse(const char *name, enum log_level *level);

bool log_is_enabled(enum log_level level);
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

enum { LOG_QUOTED_SIZE = 204 };
/* The peer's bytes as one quoted value, cut at about 100 bytes; returns `text`. */
const char *log_quote(struct bytes value, char text[LOG_QUOTED_SIZE]);

#endif
