/* wire_script.c -- reads the dialogues of wire.h: the line prefixes, and the escapes in their texts. */
#include "wire_script_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAXIMUM = 1 << 20 };

static const struct {
	const char *prefix;
	enum step_kind kind;
} step_prefixes[] = {
	{ "OPTION ", STEP_OPTION },
	{ "C:", STEP_PEER },
	{ "S:", STEP_CORE },
	{ "EVENT:", STEP_EVENT },
	{ "DO:", STEP_DO },
};

void must(bool done)
{
	if (!done) {
		fprintf(stderr, "wire: out of memory, or a text over its maximum\n");
		abort();
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One character or escape at *at. False: not an escape. */
static bool unescape_one(const char **at, struct buf *out)
{
	static const char letters[] = "rnt\\", values[] = "\r\n\t\\";
	const char *text = *at, *letter;

	if (*text != '\\') {
		must(buf_append_byte(out, (uint8_t)*text));
		*at = text + 1;
		return true;
	}
	letter = text[1] ? strchr(letters, text[1]) : NULL;
	if (letter) {
		must(buf_append_byte(out, (uint8_t)values[letter - letters]));
		*at = text + 2;
		return true;
	}
	if (text[1] == 'x' && hex_value(text[2]) >= 0 && hex_value(text[3]) >= 0) {
		must(buf_append_byte(out, (uint8_t)(hex_value(text[2]) << 4 | hex_value(text[3]))));
		*at = text + 4;
		return true;
	}
	return false;
}

/* "\*N{text}" at *at. */
static bool unescape_repetition(const char **at, struct buf *out)
{
	struct buf part;
	char *end;
	unsigned long times = strtoul(*at + 2, &end, 10);
	bool ok = false;

	buf_init(&part, WIRE_TEXT_MAXIMUM);
	if (end == *at + 2 || *end != '{')
		goto out;
	for (end++; *end && *end != '}';) {
		const char *next = end;

		if (!unescape_one(&next, &part))
			goto out;
		end += next - end;
	}
	if (*end != '}')
		goto out;
	while (times--)
		must(buf_append(out, buf_view(&part)));
	*at = end + 1;
	ok = true;
out:
	buf_clear(&part);
	return ok;
}

/* *is_cut: the text ended in "\c". */
static bool unescape(const char *text, struct buf *out, bool *is_cut)
{
	*is_cut = false;
	while (*text) {
		if (strcmp(text, "\\c") == 0) {
			*is_cut = true;
			return true;
		}
		if (text[0] == '\\' && text[1] == '*') {
			if (!unescape_repetition(&text, out))
				return false;
		} else if (!unescape_one(&text, out)) {
			return false;
		}
	}
	return true;
}

static bool parse_step(const char *line, struct step *step)
{
	const size_t kinds = sizeof step_prefixes / sizeof step_prefixes[0];
	bool is_cut;

	for (size_t i = 0; i < kinds; i++) {
		size_t length = strlen(step_prefixes[i].prefix);

		if (strncmp(line, step_prefixes[i].prefix, length) != 0)
			continue;
		step->kind = step_prefixes[i].kind;
		line += length;
		if (step->kind != STEP_OPTION && *line && *line++ != ' ')
			return false;
		if (!unescape(line, &step->text, &is_cut))
			return false;
		if (!is_cut && (step->kind == STEP_PEER || step->kind == STEP_CORE))
			must(buf_append_text(&step->text, "\r\n"));
		return true;
	}
	return false;
}

void script_clear(struct script *script)
{
	for (size_t i = 0; i < script->count; i++)
		buf_clear(&script->steps[i].text);
	free(script->steps);
}

static bool script_parse(struct script *script, char *text)
{
	unsigned line = 0;
	char *end;

	for (; *text; text = end) {
		struct step *step;

		line++;
		end = strchr(text, '\n');
		if (end)
			*end++ = '\0';
		else
			end = text + strlen(text);
		if (*text == '\0' || *text == '#')
			continue;
		step = realloc(script->steps, (script->count + 1) * sizeof *script->steps);
		must(step != NULL);
		script->steps = step;
		step += script->count++;
		*step = (struct step){ .line = line };
		buf_init(&step->text, WIRE_TEXT_MAXIMUM);
		if (!parse_step(text, step)) {
			printf("%s:%u: not a line of a dialogue: %s\n", script->path, line, text);
			return false;
		}
	}
	return true;
}

bool script_read(struct script *script, const char *path)
{
	char *text = calloc(1, FILE_MAXIMUM + 1);
	FILE *file = fopen(path, "rb");
	size_t size = 0;
	bool ok = false;

	must(text != NULL);
	*script = (struct script){ .path = path };
	if (!file) {
		printf("%s: cannot be opened\n", path);
		goto out;
	}
	size = fread(text, 1, FILE_MAXIMUM + 1, file);
	if (ferror(file) || size > FILE_MAXIMUM || strlen(text) != size) {
		printf("%s: unreadable, over 1 MiB, or holds a NUL\n", path);
		goto out;
	}
	ok = script_parse(script, text);
out:
	if (file)
		fclose(file);
	free(text);
	return ok;
}
