/* gateway_options.c -- all texts lie in one block. */
#include "gateway_options_internal.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t size_of_all(const struct gateway_options *options)
{
	size_t size = size_of(options->data_folder);

	for (size_t i = 0; i < options->override_count; i++)
		size += size_of(options->overrides[i].key) + size_of(options->overrides[i].value);
	return size;
}

/* Puts the text at *end, which goes on behind it. */
static const char *put(char **end, const char *text)
{
	const char *begin = *end;

	if (!text)
		return NULL;
	memcpy(*end, text, size_of(text));
	*end += size_of(text);
	return begin;
}

bool gateway_options_copy(struct gateway_options_copy *copy, const struct gateway_options *options,
	struct error *error)
{
	size_t count = options->override_count;
	char *end;

	*copy = (struct gateway_options_copy){ .options = *options };
	/* One more than is needed: none of nothing is no failure. */
	copy->text = end = malloc(size_of_all(options) + 1);
	copy->overrides = calloc(count + 1, sizeof *copy->overrides);
	if (!copy->text || !copy->overrides)
		return error_set_memory(error);
	copy->options.data_folder = put(&end, options->data_folder);
	copy->options.overrides = copy->overrides;
	for (size_t i = 0; i < count; i++) {
		copy->overrides[i].key = put(&end, options->overrides[i].key);
		copy->overrides[i].value = put(&end, options->overrides[i].value);
	}
	return true;
}

void gateway_options_clear(struct gateway_options_copy *copy)
{
	free(copy->text);
	free(copy->overrides);
	*copy = (struct gateway_options_copy){ .text = NULL };
}
