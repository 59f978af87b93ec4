/* config_hostname.c -- the rule of the option "hostname": what RFC 1123 2.1 and RFC 1034 3.5 call a
 * host name, or a numeric address for a gateway that has no name.
 *
 * The name goes into greetings, mailbox addresses and certificates, so nothing passes here that one
 * of them could not carry. Names in other scripts are written in their A-label form (RFC 5890),
 * which every protocol takes. */
#include "config_internal.h"

#include <assert.h>
#include <stdio.h>

enum { NAME_MAX_OCTETS = 253, LABEL_MAX_OCTETS = 63 }; /* RFC 1035 2.3.4, without the root */

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_label(struct bytes label)
{
	if (label.size < 1 || label.size > LABEL_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < label.size; i++) {
		if (!is_letter_or_digit(label.data[i]) && label.data[i] != '-')
			return false;
	}
	return label.data[0] != '-' && label.data[label.size - 1] != '-';
}

static bool is_number(struct bytes label)
{
	for (size_t i = 0; i < label.size; i++) {
		if (label.data[i] < '0' || label.data[i] > '9')
			return false;
	}
	return true;
}

/* A last label of digits alone would make the name look like an address (RFC 1123 2.1). */
bool config_is_host_name(struct bytes name)
{
	struct bytes rest = name, label = { NULL, 0 };

	if (!name.size || name.size > NAME_MAX_OCTETS || name.data[name.size - 1] == '.')
		return false;
	while (bytes_split(&rest, '.', &label)) {
		if (!is_label(label))
			return false;
	}
	return !is_number(label);
}

static bool has_other_script(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] >= 0x80)
			return true;
	}
	return false;
}

bool config_hostname_parse(struct bytes text, char *hostname, size_t size, struct error *error)
{
	struct config_address address;

	assert(size > NAME_MAX_OCTETS);
	text = bytes_trim(text);
	hostname[0] = '\0';
	if (!text.size)
		return true;
	if (config_address_parse(text, &address)) {
		config_address_format(&address, hostname);
		return true;
	}
	/* A dot at the end names the root, which nobody writes down elsewhere. */
	if (text.data[text.size - 1] == '.')
		text.size--;
	if (has_other_script(text))
		return error_set(error, ERROR_INVALID,
			"write letters outside a-z in the form that begins with xn--");
	if (!config_is_host_name(text) || !bytes_copy_text(text, hostname, size))
		return error_set(error, ERROR_INVALID,
			"give a host name such as gateway.example.com (letters, digits, hyphens "
			"and "
			"dots), a numeric address, or nothing to use the computer's own name");
	for (char *c = hostname; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	return true;
}
