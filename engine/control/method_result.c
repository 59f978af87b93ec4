/* method_result.c -- what handlers share: reading ids, and building answers. */
#include <time.h>

#include "method_internal.h"

bool method_mailbox(json_t *params, struct id *mailbox, struct error *error)
{
	const char *text = method_text(params, "id");

	if (mailbox_id_parse(bytes_of(text), mailbox))
		return true;
	return error_set(error, ERROR_INVALID,
		"\"%.60s\" is not a mailbox id: that is mbx- and 32 hex digits", text);
}

void method_append(json_t **rows, json_t *row)
{
	if (*rows && json_array_append_new(*rows, row) == 0)
		return;
	if (!*rows)
		json_decref(row);
	json_decref(*rows);
	*rows = NULL;
}

json_t *method_result(json_t *value, struct error *error)
{
	if (!value)
		error_set_memory(error);
	return value;
}

/* RFC 3339, in UTC. */
json_t *method_time(int64_t time_us)
{
	char text[32];
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts;

	if (!time_us || !gmtime_r(&seconds, &parts))
		return json_null();
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return json_string(text);
}
