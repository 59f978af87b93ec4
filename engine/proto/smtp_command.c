/* smtp_command.c -- the grammar of the commands. Blanks are tolerated where senders put them (behind the
 * colon, at the end of the line), nothing else is. */
#include "smtp_command_internal.h"

#include "base/utf8.h"

static bool refuse(struct smtp_refusal *refusal, int code, const char *text)
{
	*refusal = (struct smtp_refusal){ code, text };
	return false;
}

void smtp_command_split(struct bytes line, struct bytes *verb, struct bytes *argument)
{
	size_t length;

	line = bytes_trim(line);
	length = bytes_find(line, ' ');
	*verb = bytes_head(line, length);
	*argument = bytes_trim(bytes_skip(line, length));
}

/* "FROM:" or "TO:" and a path; *rest is what follows. UTF-8 is taken for now, and *is_ascii says whether
 * the path would be one without it: SMTPUTF8 stands behind the path. */
static bool take_path(struct bytes *rest, const char *word, struct address *address, bool *is_ascii)
{
	struct bytes again;
	struct address ignored;

	if (!bytes_starts_with_nocase(*rest, word))
		return false;
	*rest = again = bytes_trim(bytes_skip(*rest, strlen(word)));
	*is_ascii = address_parse_path(&again, false, &ignored);
	return address_parse_path(rest, true, address) && (!rest->size || rest->data[0] == ' ');
}

static bool parse_parameters(struct bytes text, bool extended, enum smtp_parameter_owner owner,
	struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	text = bytes_trim(text);
	if (text.size && !extended)
		return refuse(refusal, 555, "5.5.4 Parameters need EHLO");
	return smtp_parameter_parse(text, owner, parameters, refusal);
}

bool smtp_command_parse_mail(
	struct bytes argument, bool extended, struct smtp_path *path, struct smtp_refusal *refusal)
{
	bool is_ascii;

	*path = (struct smtp_path){ 0 };
	if (!take_path(&argument, "FROM:", &path->address, &is_ascii))
		return refuse(refusal, 501, "5.5.4 Syntax: MAIL FROM:<address>");
	if (!parse_parameters(
		    argument, extended, SMTP_PARAMETER_OF_MAIL, &path->parameters, refusal))
		return false;
	/* RFC 6531 3.5 has 550 for a sender and 553 for a recipient. */
	if (!is_ascii && !path->parameters.utf8)
		return refuse(refusal, 550, "5.6.7 A non-ASCII sender needs SMTPUTF8");
	return true;
}

bool smtp_command_parse_rcpt(struct bytes argument, bool extended, bool utf8,
	struct smtp_path *path, struct smtp_refusal *refusal)
{
	bool is_ascii;

	*path = (struct smtp_path){ .parameters.utf8 = utf8 };
	if (!take_path(&argument, "TO:", &path->address, &is_ascii) ||
		address_is_null(&path->address))
		return refuse(refusal, 501, "5.5.4 Syntax: RCPT TO:<address>");
	if (!parse_parameters(
		    argument, extended, SMTP_PARAMETER_OF_RCPT, &path->parameters, refusal))
		return false;
	if (!is_ascii && !utf8)
		return refuse(refusal, 553, "5.6.7 A non-ASCII recipient needs SMTPUTF8 in MAIL");
	return true;
}

bool smtp_command_parse_vrfy(struct bytes argument, struct smtp_refusal *refusal)
{
	struct bytes word;

	if (!utf8_is_valid(argument))
		return refuse(refusal, 501, "5.5.4 The name is not UTF-8");
	/* The first word is the name, whatever it is. */
	bytes_split(&argument, ' ', &word);
	while (bytes_split(&argument, ' ', &word)) {
		if (bytes_starts_with_nocase(word, "SMTPUTF8="))
			return refuse(refusal, 501, "5.5.4 SMTPUTF8 takes no value");
	}
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
