/* store_facts.h -- what a mailbox is told beyond its keys: name and description, facts (a key, a value;
 * what they mean is service's), and aliases, the addresses that lead to it. All of it goes with the
 * mailbox. */
#ifndef LG_STORE_STORE_FACTS_H
#define LG_STORE_STORE_FACTS_H

#include "store/store.h"

enum {
	STORE_FACT_KEY_SIZE = 65,
	STORE_FACT_VALUE_MAX = 65536,
	STORE_ALIAS_SIZE = 321, /* 64 octets, "@", 255 (RFC 5321 4.5.3.1) and NUL */
};

struct store_fact {
	const char *key, *value;
};

/* Everything in one transaction, or nothing. */
struct store_mailbox_edit {
	const char *name, *description; /* NULL: as it is */
	/* Replaces all of them; what is not named is gone. */
	bool sets_facts;
	const struct store_fact *facts;
	size_t fact_count;
	bool sets_aliases;
	const char *const *aliases; /* compared octet for octet: give them in one case */
	size_t alias_count;
};

/* ERROR_EXISTS names the alias that leads to another mailbox, or the alias or fact that was given twice.
 * ERROR_INVALID: longer than the sizes above, or an empty key or alias. */
bool store_mailbox_edit(struct store *store, const struct id *mailbox,
	const struct store_mailbox_edit *edit, struct error *error);

/* One fact alone, in place of the one of that key; the others stay. ERROR_INVALID as above. */
bool store_fact_set(struct store *store, const struct id *mailbox, const struct store_fact *fact,
	struct error *error);

/* Of one mailbox (ERROR_NOT_FOUND when there is none), in the order of their keys; with `mailbox` NULL of
 * all, mailbox by mailbox. `row` may call the store. */
typedef void store_fact_row(
	void *context, const struct id *mailbox, const char *key, const char *value);
bool store_fact_each(struct store *store, const struct id *mailbox, store_fact_row *row,
	void *context, struct error *error);
typedef void store_alias_row(void *context, const struct id *mailbox, const char *address);
bool store_alias_each(struct store *store, const struct id *mailbox, store_alias_row *row,
	void *context, struct error *error);

#endif
