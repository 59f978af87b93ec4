/* terminal.h -- the person at the terminal, if there is one. */
#ifndef LG_PLATFORM_TERMINAL_H
#define LG_PLATFORM_TERMINAL_H

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"

bool terminal_is(FILE *stream);

/* Appends a line without its end. From a terminal: shows `prompt` on standard error and reads without showing what is
 * typed; else reads a line of standard input as it is. ERROR_NOT_FOUND: there is no line. ERROR_CANCELLED: a stop
 * signal came (process_catch_stop). ERROR_INVALID: longer than *line may be. */
bool terminal_read_secret(const char *prompt, struct buf *line, struct error *error);

#endif
