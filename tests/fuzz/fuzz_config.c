/* fuzz_config.c -- any key of the table set to any text: what is accepted must come back from get
 * as a text that set accepts and get repeats, with the same value; what is refused must change
 * nothing and say why. The first byte picks the key; 255 makes the text up to the first "=" the
 * key. */
#include <stdlib.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fact)
{
	if (!fact)
		abort();
}

static void check_accepted(struct config *config, const char *key)
{
	char text[CONFIG_TEXT_SIZE], again[CONFIG_TEXT_SIZE];
	struct config copy;
	struct error error;

	check(config_get(config, key, text, &error));
	config_set_defaults(&copy);
	check(config_set(&copy, key, text, &error));
	check(memcmp(&copy, config, sizeof copy) == 0);
	check(config_get(&copy, key, again, &error));
	check(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, before;
	struct error error = { .kind = ERROR_NONE };
	const char *key;
	char *text, *value;

	if (size == 0 || !(text = malloc(size)))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	value = text;
	key = config_option_at(data[0] % config_option_count())->key;
	if (data[0] == 255 && (value = strchr(text, '=')) != NULL) {
		*value++ = '\0';
		key = text;
	}
	config_set_defaults(&config);
	before = config;
	if (!value) {
		check(!config_get(&config, text, (char[CONFIG_TEXT_SIZE]){ 0 }, &error) ||
			config_option_find(text));
	} else if (config_set(&config, key, value, &error)) {
		check_accepted(&config, key);
	} else {
		check(error.kind == ERROR_INVALID || error.kind == ERROR_NOT_FOUND);
		check((error.kind == ERROR_NOT_FOUND) == !config_option_find(key));
		check(error.text[0] != '\0');
		check(memcmp(&config, &before, sizeof config) == 0);
	}
	free(text);
	return 0;
}
