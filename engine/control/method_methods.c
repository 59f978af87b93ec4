/* method_methods.c -- the table as a method. */
#include "method_internal.h"

static json_t *parameter_rows(const struct method_facts *facts)
{
	size_t count = method_parameter_count(facts);
	json_t *rows = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &facts->parameters[i];

		if (!method_parameter_is_sent(parameter))
			continue;
		method_append(
			&rows, json_pack("{s:s, s:s, s:b, s:s*, s:s}", "name", parameter->name,
				       "type", method_parameter_type(parameter), "required",
				       parameter->is_required, "choices", parameter->choices,
				       "help", parameter->help));
	}
	return rows;
}

json_t *method_methods(struct control_engine *engine, json_t *params, struct error *error)
{
	json_t *rows = json_array();

	(void)engine;
	(void)params;
	for (size_t i = 0; rows && i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);

		method_append(&rows,
			json_pack("{s:s, s:s, s:s?, s:o, s:s}", "name", facts->name, "summary",
				facts->summary, "command", facts->command, "parameters",
				parameter_rows(facts), "result", facts->result));
	}
	return method_result(rows, error);
}
