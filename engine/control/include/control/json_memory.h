/* json_memory.h -- memory of JSON values: passwords pass through them, so all of it is
 * overwritten when it is freed. And texts become values and values texts here, since jansson itself goes on when memory
 * runs out in the middle, and leaves something out. */
#ifndef LG_CONTROL_JSON_MEMORY_H
#define LG_CONTROL_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"

/* Makes jansson use it; before the first JSON value of the process, and harmless when repeated. */
void json_memory_start(void);
/* As json_loadb(), which nobody else calls. NULL: ERROR_INVALID with the place, and nothing of the text, which may
 * hold a password; ERROR_MEMORY. */
json_t *json_memory_load(struct bytes text, size_t flags, struct error *error);
/* As json_dumps(), which nobody else calls. NULL: no memory, or no value. */
char *json_memory_dump(const json_t *value, size_t flags);
/* Whether memory ran out on this thread for a value since json_memory_begin(): then one that was put together
 * meanwhile may lack something, since json_pack() leaves out what is optional ("s*"). */
void json_memory_begin(void);
bool json_memory_has_run_out(void);
/* Frees what json_memory_dump() gave out. */
void json_memory_free_text(char *text);

#endif
