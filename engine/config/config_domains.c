/* config_domains.c -- the rule of the option "domains": host names (RFC 1123 2.1) with blanks between them.
 *
 * The list is one text, so that it is saved and shown as it is typed; whoever asks whether a domain is on it
 * reads that text, which is short. */
#include "config_internal.h"

#include <stdio.h>

static bool next_domain(struct bytes *rest, struct bytes *domain)
{
	while (bytes_split(rest, ' ', domain)) {
		if (domain->size)
			return true;
	}
	return false;
}

bool config_domains_have(const char *domains, struct bytes domain)
{
	struct bytes rest = bytes_of(domains), one;

	while (next_domain(&rest, &one)) {
		if (bytes_equal_nocase(one, domain))
			return true;
	}
	return false;
}

static bool add(char *domains, size_t size, struct bytes domain)
{
	size_t used = strlen(domains);
	int added;

	if (config_domains_have(domains, domain))
		return true;
	added = snprintf(
		domains + used, size - used, "%s%.*s", used ? " " : "", BYTES_ARGS(domain));
	if ((size_t)added >= size - used)
		return false;
	for (char *c = domains + used; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	return true;
}

bool config_domains_parse(struct bytes text, char *domains, size_t size, struct error *error)
{
	char blanks[4 * CONFIG_DOMAINS_SIZE];
	struct bytes rest, domain;

	domains[0] = '\0';
	if (!bytes_copy_text(text, blanks, sizeof blanks))
		return error_set(error, ERROR_INVALID, "give fewer domains");
	for (char *c = blanks; *c; c++)
		*c = (char)(*c == '\t' || *c == '\r' || *c == '\n' ? ' ' : *c);
	rest = bytes_of(blanks);
	while (next_domain(&rest, &domain)) {
		if (!config_is_host_name(domain))
			return error_set(error, ERROR_INVALID,
				"give domains such as example.com, separated by blanks; letters "
				"outside a-z in the form that begins with xn--");
		if (!add(domains, size, domain))
			return error_set(error, ERROR_INVALID, "give fewer domains");
	}
	return true;
}
