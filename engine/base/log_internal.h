/* log_internal.h -- what log.c and log_mask.c share. */
#ifndef LG_BASE_LOG_INTERNAL_H
#define LG_BASE_LOG_INTERNAL_H

#include "base/log.h"

/* Copies the line with its addresses shortened; cut at the capacity. */
void log_mask(const char *line, char *masked, size_t capacity);

#endif
