/* aliases.c -- an array of addresses in the order of their octets, searched by halves. Each is kept in the one form
 * that all its ways of being written have in common: ASCII letters in lower case, no needless quotes. */
#include "service/aliases.h"

#include <stdlib.h>
#include <string.h>

#include "mail/address.h"

struct alias {
	struct id mailbox;
	char address[ALIAS_SIZE];
};

static bool fold(struct bytes text, char folded[ALIAS_SIZE])
{
	if (!address_simplify(text, folded, ALIAS_SIZE))
		return false;
	for (char *c = folded; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	return true;
}

bool alias_parse(struct bytes text, char alias[ALIAS_SIZE], struct error *error)
{
	char path[ALIAS_SIZE + 2] = "<", folded[ALIAS_SIZE];
	struct bytes rest = bytes_trim(text);
	struct address address;

	if (!rest.size || !fold(rest, folded))
		return error_set(error, ERROR_INVALID,
			"an alias is a whole address of up to %d bytes, for example "
			"archive@example.com",
			ALIAS_SIZE - 1);
	strcat(strcat(path, folded), ">");
	rest = bytes_of(path);
	if (!address_parse_path(&rest, true, &address) || rest.size || !address.domain.size ||
		!bytes_equal_text(address.whole, folded))
		return error_set(error, ERROR_INVALID,
			"\"%.100s\" is no whole address: write one such as archive@example.com",
			folded);
	if (bytes_starts_with_nocase(address.whole, "mbx-"))
		return error_set(error, ERROR_INVALID,
			"an alias does not begin with mbx-, as the addresses of mailboxes do");
	memcpy(alias, folded, ALIAS_SIZE);
	return true;
}

void aliases_clear(struct aliases *aliases)
{
	for (size_t i = 0; i < aliases->count; i++)
		free(aliases->sorted[i]);
	free(aliases->sorted);
	*aliases = (struct aliases){ 0 };
}

/* Its place, or where it belongs. */
static bool search(const struct aliases *aliases, const char *address, size_t *place)
{
	size_t low = 0, high = aliases->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(aliases->sorted[middle]->address, address);

		if (order == 0) {
			*place = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*place = low;
	return false;
}

bool aliases_find(const struct aliases *aliases, struct bytes address, struct id *mailbox)
{
	char folded[ALIAS_SIZE];
	size_t place;

	if (!fold(address, folded) || !search(aliases, folded, &place))
		return false;
	*mailbox = aliases->sorted[place]->mailbox;
	return true;
}

static void insert(struct aliases *aliases, struct alias *alias)
{
	size_t place;

	/* The store has each only once. */
	if (search(aliases, alias->address, &place)) {
		free(aliases->sorted[place]);
	} else {
		memmove(aliases->sorted + place + 1, aliases->sorted + place,
			(aliases->count - place) * sizeof *aliases->sorted);
		aliases->count++;
	}
	aliases->sorted[place] = alias;
}

static void remove_all(struct aliases *aliases, const struct id *mailbox)
{
	size_t kept = 0;

	for (size_t i = 0; i < aliases->count; i++) {
		if (id_is_equal(&aliases->sorted[i]->mailbox, mailbox))
			free(aliases->sorted[i]);
		else
			aliases->sorted[kept++] = aliases->sorted[i];
	}
	aliases->count = kept;
}

static bool reserve(struct aliases *aliases, size_t count)
{
	size_t needed = aliases->count + count;
	struct alias **sorted;

	if (needed <= aliases->capacity)
		return true;
	sorted = realloc(aliases->sorted, 2 * needed * sizeof *sorted);
	if (!sorted)
		return false;
	aliases->sorted = sorted;
	aliases->capacity = 2 * needed;
	return true;
}

/* All that can fail comes first. */
bool aliases_replace(struct aliases *aliases, const struct id *mailbox,
	const char *const *addresses, size_t count)
{
	struct alias **made = calloc(count + 1, sizeof *made);
	bool ok = made && reserve(aliases, count);

	for (size_t i = 0; ok && i < count; i++) {
		made[i] = calloc(1, sizeof *made[i]);
		ok = made[i] && bytes_copy_text(bytes_of(addresses[i]), made[i]->address,
					sizeof made[i]->address);
		if (ok)
			made[i]->mailbox = *mailbox;
	}
	if (ok)
		remove_all(aliases, mailbox);
	for (size_t i = 0; made && i < count; i++) {
		if (ok)
			insert(aliases, made[i]);
		else
			free(made[i]);
	}
	free(made);
	return ok;
}
