/* json_memory.h -- memory of JSON values: passwords pass through them, so all of it is
 * overwritten when it is freed. */
#ifndef LG_CONTROL_JSON_MEMORY_H
#define LG_CONTROL_JSON_MEMORY_H

/* Makes jansson use it; before the first JSON value of the process, and harmless when repeated. */
void json_memory_start(void);
/* Frees what json_dumps() gave out. */
void json_memory_free_text(char *text);

#endif
