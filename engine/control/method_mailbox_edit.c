/* method_mailbox_edit.c -- what a mailbox is told: changed by mailbox.edit, by mailbox.allow and mailbox.refuse, which
 * are the answers to problems of locks, and shown by mailbox.show. */
#include "method_internal.h"

#include <string.h>

#include "service/mailbox_edit.h"

json_t *method_mailbox_edit(struct control_engine *engine, json_t *params, struct error *error)
{
	const char *aliases[METHOD_LIST_MAX];
	const char *envelope_headers = method_text(params, "envelope_headers");
	json_t *list = method_list(params, "aliases");
	bool is_on = envelope_headers && strcmp(envelope_headers, "on") == 0;
	struct mailbox_edit edit = {
		.name = method_text(params, "name"),
		.description = method_text(params, "description"),
		.sets_aliases = list != NULL,
		.aliases = aliases,
		.alias_count = json_array_size(list),
		.envelope_headers = envelope_headers ? &is_on : NULL,
		.networks = method_text(params, "networks"),
		.tenant = method_text(params, "tenant"),
	};
	struct id id;

	for (size_t i = 0; i < edit.alias_count; i++)
		aliases[i] = json_string_value(json_array_get(list, i));
	if (!method_mailbox(params, &id, error) ||
		!mailboxes_edit(&engine->mailboxes, &id, &edit, error))
		return NULL;
	return method_mailbox_show(engine, params, error);
}

static json_t *judge(
	struct control_engine *engine, json_t *params, bool allows, struct error *error)
{
	struct mailbox_judgement judgement = {
		.allows = allows,
		.network = method_text(params, "network"),
		.tenant = method_text(params, "tenant"),
	};
	struct id id;

	if (!method_mailbox(params, &id, error))
		return NULL;
	if (!judgement.network == !judgement.tenant) {
		error_set(error, ERROR_INVALID, "name either a network or a tenant");
		return NULL;
	}
	if (!mailboxes_judge(&engine->mailboxes, &id, &judgement, error))
		return NULL;
	return method_mailbox_show(engine, params, error);
}

json_t *method_mailbox_allow(struct control_engine *engine, json_t *params, struct error *error)
{
	return judge(engine, params, true, error);
}

json_t *method_mailbox_refuse(struct control_engine *engine, json_t *params, struct error *error)
{
	return judge(engine, params, false, error);
}

/* ---- mailbox.show ---- */

static void add_alias(void *context, const struct id *mailbox, const char *address)
{
	(void)mailbox;
	method_append(context, json_string(address));
}

static json_t *networks_text(const struct networks *networks)
{
	char text[NETWORKS_TEXT_SIZE];

	networks_format(networks, text);
	return json_string(text);
}

json_t *method_mailbox_told(
	struct control_engine *engine, const struct id *mailbox, struct error *error)
{
	json_t *aliases = json_array();
	struct mailbox_facts facts;

	if (!store_alias_each(engine->service->store, mailbox, add_alias, &aliases, error)) {
		json_decref(aliases);
		return NULL;
	}
	directory_facts(engine->service->directory, mailbox, &facts);
	return method_result(
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:s}", "aliases", aliases,
			"envelope_headers", facts.envelope_headers ? "on" : "off", "networks",
			networks_text(&facts.lock.networks), "networks_allowed",
			networks_text(&facts.lock.allowed), "networks_refused",
			networks_text(&facts.lock.refused), "tenant", facts.lock.tenant,
			"tenants_allowed", facts.lock.allowed_tenants, "tenants_refused",
			facts.lock.refused_tenants, "tenant_seen", facts.tenant_seen),
		error);
}
