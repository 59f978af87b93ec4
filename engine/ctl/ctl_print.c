/* ctl_print.c -- answers for people: a value alone as it is, an object as "key: value" lines, a list as one such
 * block each. Whatever a method returns can be shown; nothing here knows the methods but those whose answer
 * is meant to be read differently. */
#include <string.h>

#include "ctl_internal.h"

static void print_value(json_t *value)
{
	if (json_is_string(value))
		fputs(json_string_value(value), stdout);
	else if (json_is_null(value))
		fputs("-", stdout);
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", stdout);
	else
		json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
}

static bool is_block(json_t *value)
{
	return json_is_object(value) || (json_is_array(value) && json_array_size(value) > 0);
}

static void print_block(json_t *value, int indent);

static void print_object(json_t *object, int indent)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		printf("%*s%s:", indent, "", key);
		if (is_block(value)) {
			putchar('\n');
			print_block(value, indent + 2);
		} else {
			putchar(' ');
			if (json_is_array(value))
				fputs("none", stdout);
			else
				print_value(value);
			putchar('\n');
		}
	}
}

static void print_block(json_t *value, int indent)
{
	json_t *element;
	size_t index;

	if (json_is_object(value)) {
		print_object(value, indent);
		return;
	}
	json_array_foreach(value, index, element)
	{
		if (index && json_is_object(element))
			putchar('\n');
		if (json_is_object(element)) {
			print_object(element, indent);
		} else {
			printf("%*s", indent, "");
			print_value(element);
			putchar('\n');
		}
	}
}

/* A line of a step each, as a person follows it. */
static void print_selftest(json_t *report)
{
	json_t *step;
	size_t index;

	json_array_foreach(json_object_get(report, "steps"), index, step)
	{
		const char *text = json_string_value(json_object_get(step, "text"));

		printf("%-6s %s (%lld ms)%s%s\n",
			json_is_true(json_object_get(step, "ok")) ? "ok" : "FAILED",
			json_string_value(json_object_get(step, "name")),
			(long long)json_integer_value(json_object_get(step, "duration_ms")),
			text && *text ? ": " : "", text ? text : "");
	}
	puts(json_is_true(json_object_get(report, "ok"))
			? "The self-test has passed: mail comes in by every listener and goes out "
			  "unchanged."
			: "The self-test has failed.");
}

static void print_methods(json_t *rows)
{
	json_t *row;
	size_t index;

	json_array_foreach(rows, index, row)
		printf("%-20s %s\n", json_string_value(json_object_get(row, "name")),
			json_string_value(json_object_get(row, "summary")));
}

static void print_settings(json_t *rows)
{
	json_t *row;
	size_t index;

	json_array_foreach(rows, index, row)
		printf("%s = %s\n    %s\n", json_string_value(json_object_get(row, "key")),
			json_string_value(json_object_get(row, "value")),
			json_string_value(json_object_get(row, "help")));
}

static void print_setting(json_t *row)
{
	puts(json_string_value(json_object_get(row, "value")));
}

static void print_changed_setting(json_t *row)
{
	printf("%s = %s\n", json_string_value(json_object_get(row, "key")),
		json_string_value(json_object_get(row, "value")));
	if (json_is_true(json_object_get(row, "needs_restart")))
		puts("It takes effect after `lettergatectl restart`.");
}

static void print_certificate(json_t *result)
{
	const char *pem = json_string_value(json_object_get(result, "pem"));

	if (pem)
		fputs(pem, stdout);
	else
		print_block(result, 0);
}

static void print_mailboxes(json_t *rows)
{
	if (json_array_size(rows))
		print_block(rows, 0);
	else
		puts("There is no mailbox yet: lettergatectl mailbox create --name NAME makes "
		     "one.");
}

static void print_restarted(json_t *result)
{
	(void)result;
	puts("The gateway has started again.");
}

static const struct {
	const char *method;
	void (*print)(json_t *result);
} printers[] = {
	{ "selftest", print_selftest },
	{ "methods", print_methods },
	{ "settings.list", print_settings },
	{ "settings.get", print_setting },
	{ "settings.set", print_changed_setting },
	{ "certificate.show", print_certificate },
	{ "mailbox.list", print_mailboxes },
	{ "gateway.restart", print_restarted },
};

void ctl_print(const struct method_facts *method, json_t *result)
{
	for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
		if (strcmp(printers[i].method, method->name) == 0) {
			printers[i].print(result);
			return;
		}
	}
	print_block(result, 0);
}
