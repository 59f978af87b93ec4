/* smtp_command.c -- the grammar of the commands. MAIL's parameters are rows of a table; RCPT has none,
 * since no extension that brings one is offered. Blanks are tolerated where senders put them (behind
 * the colon, at the end of the line), nothing else is. */
#include "smtp_command_internal.h"

struct parameter {
	const char *keyword;
	/* `value` has no data when there was no "=". */
	bool (*parse)(struct bytes value, struct smtp_path *path, struct smtp_refusal *refusal);
};

static bool refuse(struct smtp_refusal *refusal, int code, const char *text)
{
	*refusal = (struct smtp_refusal){ code, text };
	return false;
}

static bool parse_size(struct bytes value, struct smtp_path *path, struct smtp_refusal *refusal)
{
	/* size-value = 1*20DIGIT (RFC 1870 3): twenty digits can be more than 64 bits hold. */
	if (!value.size || value.size > 20)
		return refuse(refusal, 501, "5.5.4 SIZE takes a number");
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return refuse(refusal, 501, "5.5.4 SIZE takes a number");
	}
	if (!bytes_parse_number(value, UINT64_MAX, &path->size))
		path->size = UINT64_MAX;
	return true;
}

static bool parse_body(struct bytes value, struct smtp_path *path, struct smtp_refusal *refusal)
{
	(void)path;
	if (bytes_equal_nocase(value, bytes_of("7BIT")) ||
		bytes_equal_nocase(value, bytes_of("8BITMIME")))
		return true;
	if (bytes_equal_nocase(value, bytes_of("BINARYMIME")))
		return refuse(refusal, 555, "5.6.1 BINARYMIME is not offered");
	return refuse(refusal, 501, "5.5.4 BODY takes 7BIT or 8BITMIME");
}

static const struct parameter mail_parameters[] = {
	{ "SIZE", parse_size },
	{ "BODY", parse_body },
};

enum { MAIL_PARAMETERS = sizeof mail_parameters / sizeof mail_parameters[0] };

void smtp_command_split(struct bytes line, struct bytes *verb, struct bytes *argument)
{
	size_t length;

	line = bytes_trim(line);
	length = bytes_find(line, ' ');
	*verb = bytes_head(line, length);
	*argument = bytes_trim(bytes_skip(line, length));
}

/* "FROM:" or "TO:" and a path; *rest is what follows. */
static bool take_path(struct bytes *rest, const char *word, struct address *address)
{
	if (!bytes_starts_with_nocase(*rest, word))
		return false;
	*rest = bytes_trim(bytes_skip(*rest, strlen(word)));
	return address_parse_path(rest, false, address) && (!rest->size || rest->data[0] == ' ');
}

/* esmtp-keyword: letters, digits and hyphens, no hyphen first. */
static bool is_keyword(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!is_letter && !(c >= '0' && c <= '9') && (c != '-' || !i))
			return false;
	}
	return text.size > 0;
}

static bool parse_parameter(
	struct bytes text, uint32_t *seen, struct smtp_path *path, struct smtp_refusal *refusal)
{
	size_t equals = bytes_find(text, '=');
	struct bytes keyword = bytes_head(text, equals), value = bytes_skip(text, equals + 1);

	if (!is_keyword(keyword) || (equals < text.size && !value.size))
		return refuse(refusal, 501, "5.5.4 Syntax error in the parameters");
	for (size_t i = 0; i < MAIL_PARAMETERS; i++) {
		if (!bytes_equal_nocase(keyword, bytes_of(mail_parameters[i].keyword)))
			continue;
		if (*seen & 1u << i)
			return refuse(refusal, 501, "5.5.4 The same parameter twice");
		*seen |= 1u << i;
		return mail_parameters[i].parse(value, path, refusal);
	}
	return refuse(refusal, 555, "5.5.4 Parameter not recognized");
}

bool smtp_command_parse_mail(
	struct bytes argument, bool extended, struct smtp_path *path, struct smtp_refusal *refusal)
{
	struct bytes parameter;
	uint32_t seen = 0;

	*path = (struct smtp_path){ 0 };
	if (!take_path(&argument, "FROM:", &path->address))
		return refuse(refusal, 501, "5.5.4 Syntax: MAIL FROM:<address>");
	argument = bytes_trim(argument);
	if (argument.size && !extended)
		return refuse(refusal, 555, "5.5.4 Parameters need EHLO");
	while (bytes_split(&argument, ' ', &parameter)) {
		if (parameter.size && !parse_parameter(parameter, &seen, path, refusal))
			return false;
	}
	return true;
}

bool smtp_command_parse_rcpt(
	struct bytes argument, struct smtp_path *path, struct smtp_refusal *refusal)
{
	*path = (struct smtp_path){ 0 };
	if (!take_path(&argument, "TO:", &path->address) || address_is_null(&path->address))
		return refuse(refusal, 501, "5.5.4 Syntax: RCPT TO:<address>");
	if (argument.size)
		return refuse(refusal, 555, "5.5.4 RCPT takes no parameters");
	return true;
}

struct smtp_chunk smtp_command_parse_bdat(struct bytes argument)
{
	struct smtp_chunk chunk = { 0 };
	struct bytes size;

	if (!bytes_split(&argument, ' ', &size) ||
		!bytes_parse_number(size, UINT64_MAX, &chunk.size))
		return chunk;
	argument = bytes_trim(argument);
	chunk.has_size = true;
	chunk.is_last = bytes_equal_nocase(argument, bytes_of("LAST"));
	chunk.is_correct = chunk.is_last || !argument.size;
	return chunk;
}
