/* method_settings.c -- settings: checked against the option table, used, saved. A value that cannot be used or
 * saved changes nothing. */
#include "method_internal.h"

#include "base/log.h"

static const char *const type_names[] = {
	[CONFIG_TEXT] = "text",
	[CONFIG_COUNT] = "count",
	[CONFIG_SIZE] = "size",
	[CONFIG_DURATION] = "duration",
	[CONFIG_ENDPOINTS] = "endpoints",
	[CONFIG_CHOICE] = "choice",
};

static bool read_value(struct control_engine *engine, const char *key, char text[CONFIG_TEXT_SIZE],
	struct error *error)
{
	bool ok;

	mutex_lock(engine->service->mutex);
	ok = config_get(&engine->service->config, key, text, error);
	mutex_unlock(engine->service->mutex);
	return ok;
}

static json_t *setting_row(const struct config_option *option, const char *value)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:b, s:s}", "key", option->key, "value", value,
		"default", option->default_text, "type", type_names[option->type], "choices",
		option->choices, "needs_restart", option->needs_restart, "help", option->help);
}

json_t *method_settings_list(struct control_engine *engine, json_t *params, struct error *error)
{
	json_t *rows = json_array();

	(void)params;
	for (size_t i = 0; rows && i < config_option_count(); i++) {
		const struct config_option *option = config_option_at(i);
		char text[CONFIG_TEXT_SIZE];

		if (!read_value(engine, option->key, text, error)) {
			json_decref(rows);
			return NULL;
		}
		method_append(&rows, setting_row(option, text));
	}
	return method_result(rows, error);
}

json_t *method_settings_get(struct control_engine *engine, json_t *params, struct error *error)
{
	const char *key = method_text(params, "key");
	char text[CONFIG_TEXT_SIZE];

	if (!read_value(engine, key, text, error))
		return NULL;
	return method_result(setting_row(config_option_find(key), text), error);
}

static bool use(struct control_engine *engine, const char *key, const struct config *config,
	struct error *error)
{
	return !engine->use_setting ||
	       engine->use_setting(engine->use_setting_context, key, config, error);
}

/* With service.changing held: nobody else writes the settings meanwhile. */
static bool change(struct control_engine *engine, const char *key, const char *value,
	char text[CONFIG_TEXT_SIZE], struct error *error)
{
	struct service *service = engine->service;
	struct config before, changed;

	mutex_lock(service->mutex);
	before = changed = service->config;
	mutex_unlock(service->mutex);
	if (!config_set(&changed, key, value, error) || !config_get(&changed, key, text, error) ||
		!use(engine, key, &changed, error))
		return false;
	if (!store_setting_set(service->store, key, text, error)) {
		use(engine, key, &before, NULL);
		return false;
	}
	mutex_lock(service->mutex);
	service->config = changed;
	mutex_unlock(service->mutex);
	return true;
}

json_t *method_settings_set(struct control_engine *engine, json_t *params, struct error *error)
{
	struct service *service = engine->service;
	const char *key = method_text(params, "key");
	const struct config_option *option;
	char text[CONFIG_TEXT_SIZE];
	bool ok;

	mutex_lock(service->changing);
	ok = change(engine, key, method_text(params, "value"), text, error);
	mutex_unlock(service->changing);
	if (!ok)
		return NULL;
	log_event(LOG_INFO, "settings.changed", "key=%s value=\"%s\"", key, text);
	notices_note(service->notices, NOTICE_SETTINGS);
	option = config_option_find(key);
	return method_result(setting_row(option, text), error);
}
