/* ctl_check.c -- `status --check`: one line as the plugins of Nagios, Icinga and the like print it: what, how bad,
 * why, and behind "|" figures to draw. */
#include <string.h>

#include "ctl_internal.h"

static const char *const names[] = { "OK", "WARNING", "CRITICAL" };

static int severity_of(json_t *problem)
{
	const char *severity = json_string_value(json_object_get(problem, "severity"));

	return severity && strcmp(severity, "warning") == 0 ? 1 : 2;
}

/* The first of the worst; NULL: there is none. */
static json_t *worst_of(json_t *problems)
{
	json_t *problem, *worst = NULL;
	size_t index;

	json_array_foreach(problems, index, problem)
	{
		if (!worst || severity_of(problem) > severity_of(worst))
			worst = problem;
	}
	return worst;
}

/* One line, in which "|" would begin the figures. */
static void print_text(FILE *stream, const char *text)
{
	for (; text && *text; text++)
		fputc(*text == '|' || (unsigned char)*text < ' ' ? ' ' : *text, stream);
}

static json_int_t sum_of(json_t *mailboxes, const char *name)
{
	json_t *mailbox;
	size_t index;
	json_int_t sum = 0;

	json_array_foreach(mailboxes, index, mailbox) sum +=
		json_integer_value(json_object_get(mailbox, name));
	return sum;
}

int ctl_check(FILE *stream, json_t *status)
{
	json_t *problems = json_object_get(status, "problems");
	json_t *mailboxes = json_object_get(status, "mailboxes");
	json_t *storage = json_object_get(status, "storage");
	json_t *worst = worst_of(problems);
	size_t count = json_array_size(problems);
	int severity = worst ? severity_of(worst) : 0;
	json_int_t waiting = sum_of(mailboxes, "waiting");

	if (!stream)
		return severity;
	fprintf(stream, "LETTERGATE %s - ", names[severity]);
	if (worst)
		print_text(stream, json_string_value(json_object_get(worst, "text")));
	else
		fprintf(stream, "mailboxes: %zu, messages waiting: %lld",
			json_array_size(mailboxes), (long long)waiting);
	if (count > 1)
		fprintf(stream, " (and %zu more)", count - 1);
	fprintf(stream, " | problems=%zu waiting=%lld waiting_bytes=%lldB free_bytes=%lldB\n",
		count, (long long)waiting, (long long)sum_of(mailboxes, "waiting_bytes"),
		(long long)json_integer_value(json_object_get(storage, "free_bytes")));
	return severity;
}
