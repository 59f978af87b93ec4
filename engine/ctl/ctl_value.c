/* ctl_value.c -- values that are not on the command line: contents of files, and secrets, which no argument list may
 * hold. */
#include "base/base64.h"
#include "base/utf8.h"
#include "ctl_internal.h"
#include "platform/file.h"
#include "platform/terminal.h"

enum { SECRET_MAX = 1024 };

/* Text as it is, for everybody to read; else base64. */
static json_t *file_value(struct bytes content)
{
	json_t *value = NULL;
	struct buf text;

	if (utf8_is_valid(content) && bytes_find(content, '\0') == content.size)
		return json_stringn(content.size ? (const char *)content.data : "", content.size);
	buf_init(&text, base64_encoded_size(METHOD_FILE_MAX));
	if (base64_encode(content, &text))
		value = json_pack("{s:s%}", "base64", (const char *)text.data, text.size);
	buf_wipe(&text);
	return value;
}

json_t *ctl_read_file(const char *path, struct error *error)
{
	json_t *value = NULL;
	struct buf content;

	buf_init(&content, METHOD_FILE_MAX);
	if (file_load(path, &content, error)) {
		value = file_value(buf_view(&content));
		if (!value)
			error_set_memory(error);
	}
	/* It may be a key. */
	buf_wipe(&content);
	return value;
}

static bool read_again(const char *prompt, struct bytes first, struct error *error)
{
	char again[128];
	struct buf line;
	bool ok;

	snprintf(again, sizeof again, "%s, again", prompt);
	buf_init(&line, SECRET_MAX);
	ok = terminal_read_secret(again, &line, error);
	if (ok && !bytes_equal(buf_view(&line), first))
		ok = error_set(error, ERROR_INVALID, "the two are not the same: nothing was done");
	buf_wipe(&line);
	return ok;
}

json_t *ctl_read_secret(const char *prompt, bool is_new, struct error *error)
{
	json_t *value = NULL;
	struct buf line;

	buf_init(&line, SECRET_MAX);
	if (terminal_read_secret(prompt, &line, error) &&
		(!is_new || !terminal_is(stdin) || read_again(prompt, buf_view(&line), error))) {
		value = json_stringn(line.size ? (const char *)line.data : "", line.size);
		if (!value)
			error_set(error, ERROR_INVALID, "what was given is not UTF-8 text");
	}
	buf_wipe(&line);
	return value;
}
