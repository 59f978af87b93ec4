/* address.c -- the grammar of RFC 5321 4.1.2 and 4.1.3, with what RFC 6531 3.3 adds to it, each rule a
 * function that takes what it matches off the front of a view.
 *
 * Invariant: nothing that was accepted holds a control character, and a blank only inside of a quoted
 * local part, so an address can be written into a command, a header or a log line as it is.
 *
 * More is accepted than the grammar has where real mail has it, since a refusal here is a permanent
 * one: dots side by side or at the ends of a local part, and underscores in domains. What a local
 * part means is its own host's affair (RFC 5321 2.3.11). */
#include "mail/address.h"

#include "base/utf8.h"

enum { ADDRESS_MAXIMUM = 254, DOMAIN_MAXIMUM = 255, LABEL_MAXIMUM = 63 };

/* Whether an octet over 127 may stand where a letter may. */
enum high_octets { HIGH_REFUSED, HIGH_ACCEPTED };

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_atext(uint8_t c)
{
	return is_letter_or_digit(c) || (c && memchr("!#$%&'*+-/=?^_`{|}~", c, 19));
}

static bool is_high(uint8_t c, enum high_octets high)
{
	return c >= 128 && high == HIGH_ACCEPTED;
}

static bool take(struct bytes *rest, uint8_t wanted)
{
	if (!rest->size || rest->data[0] != wanted)
		return false;
	*rest = bytes_skip(*rest, 1);
	return true;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
static bool take_quoted(struct bytes *rest, enum high_octets high)
{
	take(rest, '"');
	while (rest->size && rest->data[0] != '"') {
		bool escapes = take(rest, '\\');

		if (!rest->size)
			return false;
		if ((rest->data[0] < ' ' || rest->data[0] > 126) &&
			(escapes || !is_high(rest->data[0], high)))
			return false;
		*rest = bytes_skip(*rest, 1);
	}
	return take(rest, '"');
}

static bool take_local_part(struct bytes *rest, enum high_octets high)
{
	size_t size = 0;

	if (rest->size && rest->data[0] == '"')
		return take_quoted(rest, high);
	while (size < rest->size && (is_atext(rest->data[size]) || rest->data[size] == '.' ||
					    is_high(rest->data[size], high)))
		size++;
	*rest = bytes_skip(*rest, size);
	return size > 0;
}

/* sub-domain = Let-dig [Ldh-str], or a U-label (RFC 6531 3.3), whose 63 octets are those of its form in
 * ASCII (RFC 5890 2.3.2.1): in UTF-8 it may have more. */
static bool take_label(struct bytes *rest, enum high_octets high)
{
	bool is_ascii = true;
	size_t size = 0;

	while (size < rest->size &&
		(is_letter_or_digit(rest->data[size]) || rest->data[size] == '-' ||
			rest->data[size] == '_' || is_high(rest->data[size], high)))
		is_ascii = rest->data[size++] < 128 && is_ascii;
	if (!size || (is_ascii && size > LABEL_MAXIMUM) || rest->data[0] == '-' ||
		rest->data[size - 1] == '-')
		return false;
	*rest = bytes_skip(*rest, size);
	return true;
}

static bool is_ipv4(struct bytes text)
{
	struct bytes part;
	int parts = 0;

	if (text.size && text.data[text.size - 1] == '.')
		return false;
	while (bytes_split(&text, '.', &part)) {
		uint64_t number;

		parts++;
		if (part.size > 3 || !bytes_parse_number(part, 255, &number))
			return false;
	}
	return parts == 4;
}

static bool is_hex_group(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
			return false;
	}
	return text.size >= 1 && text.size <= 4;
}

/* IPv6-full, -comp, IPv6v4-full and -comp: eight groups, or fewer and "::" once. */
static bool is_ipv6(struct bytes text)
{
	bool is_compressed = false;
	int groups = 0;

	if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
		is_compressed = true;
		text = bytes_skip(text, 2);
	}
	while (text.size) {
		struct bytes group = bytes_head(text, bytes_find(text, ':'));

		if (group.size == text.size && is_ipv4(group)) {
			groups += 2;
			break;
		}
		if (!is_hex_group(group))
			return false;
		groups++;
		text = bytes_skip(text, group.size);
		if (!text.size)
			break;
		text = bytes_skip(text, 1);
		if (!text.size)
			return false;
		if (text.data[0] == ':') {
			if (is_compressed)
				return false;
			is_compressed = true;
			text = bytes_skip(text, 1);
		}
	}
	return is_compressed ? groups < 8 : groups == 8;
}

/* General-address-literal = Standardized-tag ":" 1*dcontent, of which only what addresses are made of is
 * taken: dcontent has the brackets and quotes that everybody who reads a path looks for. */
static bool is_general_literal(struct bytes text)
{
	size_t colon = bytes_find(text, ':');
	struct bytes tag = bytes_head(text, colon), content = bytes_skip(text, colon + 1);

	if (!take_label(&tag, HIGH_REFUSED) || tag.size || !content.size)
		return false;
	for (size_t i = 0; i < content.size; i++) {
		uint8_t c = content.data[i];

		if (!is_letter_or_digit(c) && c != '.' && c != ':' && c != '-')
			return false;
	}
	return true;
}

static bool take_literal(struct bytes *rest)
{
	static const char ipv6_tag[] = "IPv6:";
	struct bytes inside;
	size_t close = bytes_find(*rest, ']');

	if (close == rest->size)
		return false;
	inside = bytes_skip(bytes_head(*rest, close), 1);
	*rest = bytes_skip(*rest, close + 1);
	if (bytes_starts_with_nocase(inside, ipv6_tag))
		return is_ipv6(bytes_skip(inside, sizeof ipv6_tag - 1));
	return is_ipv4(inside) || is_general_literal(inside);
}

static bool take_domain(struct bytes *rest, enum high_octets high)
{
	const size_t before = rest->size;

	if (rest->size && rest->data[0] == '[')
		return take_literal(rest) && before - rest->size <= DOMAIN_MAXIMUM;
	do {
		if (!take_label(rest, high))
			return false;
	} while (take(rest, '.'));
	return before - rest->size <= DOMAIN_MAXIMUM;
}

/* A-d-l ":", which RFC 5321 appendix C has servers accept and ignore. */
static bool skip_source_route(struct bytes *rest, enum high_octets high)
{
	if (!rest->size || rest->data[0] != '@')
		return true;
	do {
		if (!take(rest, '@') || !take_domain(rest, high))
			return false;
	} while (take(rest, ','));
	return take(rest, ':');
}

static bool take_mailbox(struct bytes *rest, enum high_octets high, struct address *address)
{
	struct bytes start = *rest;

	if (!take_local_part(rest, high))
		return false;
	address->local_part = bytes_head(start, start.size - rest->size);
	if (take(rest, '@')) {
		address->domain = *rest;
		if (!take_domain(rest, high))
			return false;
		address->domain.size -= rest->size;
	} else if (!bytes_equal_nocase(address->local_part, bytes_of("postmaster"))) {
		return false;
	}
	address->whole = bytes_head(start, start.size - rest->size);
	return address->whole.size <= ADDRESS_MAXIMUM;
}

bool address_parse_path(struct bytes *rest, bool utf8, struct address *address)
{
	const enum high_octets high = utf8 ? HIGH_ACCEPTED : HIGH_REFUSED;
	struct bytes at = *rest;

	*address = (struct address){ 0 };
	if (!take(&at, '<'))
		return false;
	if (take(&at, '>')) {
		*rest = at;
		return true;
	}
	if (!skip_source_route(&at, high) || !take_mailbox(&at, high, address) || !take(&at, '>'))
		return false;
	if (utf8 && !utf8_is_text(bytes_head(*rest, rest->size - at.size)))
		return false;
	*rest = at;
	return true;
}

bool address_is_null(const struct address *address)
{
	return address->whole.size == 0;
}

/* ---- quotes ---- */

/* The octet at the front of what was quoted, behind its backslash. */
static uint8_t next_quoted(struct bytes *quoted)
{
	uint8_t c;

	take(quoted, '\\');
	c = quoted->data[0];
	*quoted = bytes_skip(*quoted, 1);
	return c;
}

static bool needs_quotes(struct bytes quoted)
{
	if (!quoted.size)
		return true;
	while (quoted.size) {
		uint8_t c = next_quoted(&quoted);

		if (!is_atext(c) && c != '.' && !is_high(c, HIGH_ACCEPTED))
			return true;
	}
	return false;
}

bool address_simplify(struct bytes text, char *simple, size_t capacity)
{
	struct bytes rest = text, quoted;
	bool is_quoted;

	if (!text.size || text.data[0] != '"' || !take_quoted(&rest, HIGH_ACCEPTED))
		return bytes_copy_text(text, simple, capacity);
	if (text.size >= capacity)
		return false;
	quoted = bytes_make(text.data + 1, text.size - rest.size - 2);
	is_quoted = needs_quotes(quoted);
	if (is_quoted)
		*simple++ = '"';
	while (quoted.size) {
		uint8_t c = next_quoted(&quoted);

		if (c == '"' || c == '\\')
			*simple++ = '\\';
		*simple++ = (char)c;
	}
	if (is_quoted)
		*simple++ = '"';
	return bytes_copy_text(rest, simple, rest.size + 1);
}

bool address_is_domain(struct bytes text)
{
	return take_domain(&text, HIGH_ACCEPTED) && !text.size;
}
