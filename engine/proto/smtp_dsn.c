/* smtp_dsn.c -- the grammars of RFC 3461 4, a function for each parameter.
 *
 * Invariant: what is accepted has neither blank nor control character, so it can be written into a
 * command; and its xtext decodes to printable ASCII (4.2, 4.4), so that a report that quotes it gets no
 * second line from it. */
#include "smtp_dsn_internal.h"

#include "base/utf8.h"

/* 4.4 and 4.2 give them to the parameter; senders count the value alone. */
enum { ENVID_MAXIMUM = 100, ORCPT_MAXIMUM = 500 };

static bool is_word(struct bytes value, const char *word)
{
	return bytes_equal_nocase(value, bytes_of(word));
}

bool smtp_dsn_is_ret(struct bytes value)
{
	return is_word(value, "FULL") || is_word(value, "HDRS");
}

/* "NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY") */
bool smtp_dsn_is_notify(struct bytes value)
{
	const bool ends_in_comma = value.size && value.data[value.size - 1] == ',';
	struct bytes element;

	if (is_word(value, "NEVER"))
		return true;
	if (!value.size || ends_in_comma)
		return false;
	while (bytes_split(&value, ',', &element)) {
		if (!is_word(element, "SUCCESS") && !is_word(element, "FAILURE") &&
			!is_word(element, "DELAY"))
			return false;
	}
	return true;
}

/* hexchar = "+" and two upper case hexadecimal digits, here of a printable character alone. */
static bool is_hexchar(struct bytes text)
{
	uint8_t octet;

	if (text.size < 3 || !hex_decode(bytes_head(bytes_skip(text, 1), 2), &octet, 1))
		return false;
	return text.data[1] < 'a' && text.data[2] < 'a' && octet >= ' ' && octet <= '~';
}

/* xtext = *(xchar / hexchar); 0 at what is neither. */
static size_t xtext_size(struct bytes text)
{
	if (text.data[0] == '+')
		return is_hexchar(text) ? 3 : 0;
	return text.data[0] > ' ' && text.data[0] <= '~' && text.data[0] != '=';
}

/* "\x{...}", by which RFC 6533 3 writes UTF-8 in ASCII, needs no rule: it is made of xchars. */
static bool is_xtext(struct bytes text, bool utf8)
{
	if (utf8 && !utf8_is_text(text))
		return false;
	while (text.size) {
		const size_t size = utf8 && text.data[0] >= 128 ? 1 : xtext_size(text);

		if (!size)
			return false;
		text = bytes_skip(text, size);
	}
	return true;
}

bool smtp_dsn_is_envid(struct bytes value)
{
	return value.size && value.size <= ENVID_MAXIMUM && is_xtext(value, false);
}

/* atom = 1*<any CHAR except specials, SPACE and CTLs> (RFC 822 3.3), here without "=", which no
 * esmtp-value has (RFC 5321 4.1.2). */
static bool is_atom(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (c <= ' ' || c > '~' || memchr("()<>@,;:\\\".[]=", c, 14))
			return false;
	}
	return text.size > 0;
}

/* addr-type ";" xtext. Which types are registered is not looked at: it grows. */
bool smtp_dsn_is_orcpt(struct bytes value, bool utf8)
{
	const size_t semicolon = bytes_find(value, ';');
	const struct bytes type = bytes_head(value, semicolon);

	return semicolon < value.size && value.size <= ORCPT_MAXIMUM && is_atom(type) &&
	       is_xtext(bytes_skip(value, semicolon + 1), utf8 && is_word(type, "utf-8"));
}
