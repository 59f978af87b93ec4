/* method.c -- the method table. Adding a method is a row here and a handler in the file of its subject. */
#include "method_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAILBOX_PARAMETER                                                                    \
	{                                                                                    \
		"id", PARAMETER_POSITION, true, "ID", "The mailbox: mbx- and 32 hex digits." \
	}

static const struct method methods[] = {
	{ { "status", "status", "What the gateway does, what it listens on, what needs a person.",
		  { { NULL, 0, false, NULL, NULL } } },
		method_status },
	{ { "selftest", "selftest",
		  "Sends a message through every listener and back, and compares it.",
		  { { NULL, 0, false, NULL, NULL } } },
		method_selftest },
	{ { "methods", "methods", "The methods of the control interface.",
		  { { NULL, 0, false, NULL, NULL } } },
		method_methods },
	{ { "settings.list", "settings list", "All settings with their values and what they mean.",
		  { { NULL, 0, false, NULL, NULL } } },
		method_settings_list },
	{ { "settings.get", "settings get", "One setting.",
		  { { "key", PARAMETER_POSITION, true, "KEY", "The setting." } } },
		method_settings_get },
	{ { "settings.set", "settings set",
		  "Changes a setting, and says whether the gateway must be started again for it.",
		  { { "key", PARAMETER_POSITION, true, "KEY", "The setting." },
			  { "value", PARAMETER_POSITION, true, "VALUE", "Its new value." } } },
		method_settings_set },
	{ { "mailbox.create", "mailbox create",
		  "Makes a mailbox; its password and recovery code are shown this once.",
		  { { "name", PARAMETER_OPTION, true, "--name", "What people call it." },
			  { "description", PARAMETER_OPTION, false, "--description",
				  "What it is for." },
			  { "password", PARAMETER_STDIN, false, "--password-stdin",
				  "Take the password from standard input instead of making "
				  "one." } } },
		method_mailbox_create },
	{ { "mailbox.list", "mailbox list", "All mailboxes with their counts.",
		  { { NULL, 0, false, NULL, NULL } } },
		method_mailbox_list },
	{ { "mailbox.show", "mailbox show", "One mailbox.", { MAILBOX_PARAMETER } },
		method_mailbox_show },
	{ { "mailbox.suspend", "mailbox suspend",
		  "Takes no more mail for now: senders are asked to try again later.",
		  { MAILBOX_PARAMETER } },
		method_mailbox_suspend },
	{ { "mailbox.resume", "mailbox resume", "Takes mail again.", { MAILBOX_PARAMETER } },
		method_mailbox_resume },
	{ { "mailbox.delete", "mailbox delete",
		  "Deletes a suspended mailbox and all the mail in it, for good.",
		  { MAILBOX_PARAMETER,
			  { "confirmed", PARAMETER_CONSENT, true, "--yes", "Yes, delete it." } } },
		method_mailbox_delete },
	{ { "certificate.show", "certificate show",
		  "The certificates of this installation; --ca prints the one that others are to "
		  "trust.",
		  { { "ca", PARAMETER_FLAG, false, "--ca",
			  "Only the certificate of the authority, as PEM." } } },
		method_certificate_show },
};

enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

size_t method_count(void)
{
	return METHOD_COUNT;
}

const struct method_facts *method_at(size_t index)
{
	return &methods[index].facts;
}

const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		if (strcmp(methods[i].facts.name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

static const struct method_parameter *find_parameter(const struct method *method, const char *name)
{
	const struct method_parameter *parameter = method->facts.parameters;

	for (size_t i = 0; i < METHOD_PARAMETERS_MAX && parameter[i].name; i++) {
		if (strcmp(parameter[i].name, name) == 0)
			return &parameter[i];
	}
	return NULL;
}

static bool has_right_type(const struct method_parameter *parameter, json_t *value)
{
	if (parameter->form == PARAMETER_FLAG || parameter->form == PARAMETER_CONSENT)
		return json_is_boolean(value);
	/* A text with a NUL inside would be cut silently. */
	return json_is_string(value) &&
	       strlen(json_string_value(value)) == json_string_length(value);
}

bool method_check_params(const struct method *method, json_t *params, struct error *error)
{
	const struct method_parameter *parameter = method->facts.parameters;
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		const struct method_parameter *known = find_parameter(method, name);

		if (!known)
			return error_set(error, ERROR_INVALID, "%s has no parameter \"%.60s\"",
				method->facts.name, name);
		if (!has_right_type(known, value))
			return error_set(error, ERROR_INVALID,
				"the parameter \"%s\" of %s has the wrong type", name,
				method->facts.name);
	}
	for (size_t i = 0; i < METHOD_PARAMETERS_MAX && parameter[i].name; i++) {
		value = json_object_get(params, parameter[i].name);
		if (parameter[i].is_required && !value)
			return error_set(error, ERROR_INVALID, "%s needs the parameter \"%s\"",
				method->facts.name, parameter[i].name);
		if (parameter[i].form == PARAMETER_CONSENT && !json_is_true(value))
			return error_set(error, ERROR_INVALID, "%s needs to be confirmed",
				method->facts.name);
	}
	return true;
}

const char *method_text(json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

bool method_flag(json_t *params, const char *name)
{
	return json_is_true(json_object_get(params, name));
}

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

json_t *method_methods(struct control_engine *engine, json_t *params, struct error *error)
{
	json_t *rows = json_array();

	(void)engine;
	(void)params;
	for (size_t i = 0; rows && i < METHOD_COUNT; i++) {
		const struct method_facts *facts = &methods[i].facts;
		json_t *parameters = json_array();

		for (size_t j = 0; j < METHOD_PARAMETERS_MAX && facts->parameters[j].name; j++) {
			const struct method_parameter *parameter = &facts->parameters[j];

			method_append(&parameters,
				json_pack("{s:s, s:b, s:s}", "name", parameter->name, "required",
					parameter->is_required, "help", parameter->help));
		}
		method_append(&rows, json_pack("{s:s, s:s, s:s?, s:o}", "name", facts->name,
					     "summary", facts->summary, "command", facts->command,
					     "parameters", parameters));
	}
	return method_result(rows, error);
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
