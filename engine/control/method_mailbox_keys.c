/* method_mailbox_keys.c -- the password, the recovery code and the keys of a mailbox. What is made here leaves once, in
 * the answer. */
#include "method_internal.h"

#include <string.h>

#include "service/mailbox_access.h"

static struct bytes secret(json_t *params, const char *name)
{
	return bytes_of(method_text(params, name));
}

/* What is made stands in it only when something was made; what is NULL is left out. */
static json_t *changed(const struct id *mailbox, const char *name, const char *made)
{
	char id[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, id);
	return json_pack("{s:s, s:s*}", "changed", id, name, made);
}

json_t *method_mailbox_password(struct control_engine *engine, json_t *params, struct error *error)
{
	bool generates = method_flag(params, "generate");
	char generated[GENERATED_PASSWORD_SIZE];
	const char *password = method_text(params, "new_password");
	json_t *result;
	struct id id;

	if (!method_mailbox(params, &id, error))
		return NULL;
	if (generates == (password && *password)) {
		error_set(error, ERROR_INVALID,
			"give either a new password or --generate, which makes one");
		return NULL;
	}
	if (!mailbox_access_set_password(engine->service, &id, secret(params, "password"),
		    bytes_of(generates ? "" : password), generated, error))
		return NULL;
	result = changed(&id, "password", generates ? generated : NULL);
	memory_wipe(generated, sizeof generated);
	return method_result(result, error);
}

json_t *method_mailbox_recovery(struct control_engine *engine, json_t *params, struct error *error)
{
	bool creates = strcmp(method_text(params, "action"), "create") == 0;
	struct bytes password = secret(params, "password");
	char code[RECOVERY_CODE_SIZE] = "";
	json_t *result = NULL;
	struct id id;

	if (!method_mailbox(params, &id, error))
		return NULL;
	if (creates ? mailbox_access_create_recovery(engine->service, &id, password, code, error)
		    : mailbox_access_withdraw_recovery(engine->service, &id, password, error))
		result = method_result(changed(&id, "recovery_code", creates ? code : NULL), error);
	memory_wipe(code, sizeof code);
	return result;
}

json_t *method_mailbox_rekey(struct control_engine *engine, json_t *params, struct error *error)
{
	struct mailbox_rekeyed rekeyed;
	char text[MAILBOX_ID_TEXT_SIZE];
	const char *note = NULL;
	json_t *result;
	struct id id;

	if (!method_mailbox(params, &id, error) ||
		!mailbox_access_rekey(
			engine->service, &id, secret(params, "password"), &rekeyed, error))
		return NULL;
	if (*rekeyed.recovery_code)
		note = "The recovery code from before does not open the new keys. This is the "
		       "new one.";
	mailbox_id_text(&id, text);
	result = json_pack("{s:s, s:I, s:s*, s:s*}", "changed", text, "generation",
		(json_int_t)rekeyed.generation, "recovery_code",
		note ? rekeyed.recovery_code : NULL, "note", note);
	memory_wipe(&rekeyed, sizeof rekeyed);
	return method_result(result, error);
}
