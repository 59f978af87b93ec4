/* mailbox_facts.c -- a table of keys, each with its place in the struct and its kind; a kind reads and writes
 * one value. An empty value is the default, and is not kept. */
#include "service/mailbox_facts.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

/* ---- kinds ---- */

typedef bool read_value(const char *value, void *field, struct error *error);
typedef void write_value(const void *field, char value[MAILBOX_FACT_VALUE_SIZE]);

static bool read_switch(const char *value, void *field, struct error *error)
{
	bool is_on = strcmp(value, "on") == 0;

	if (!is_on && strcmp(value, "off") != 0)
		return error_set(error, ERROR_INVALID, "it is on or off");
	*(bool *)field = is_on;
	return true;
}

/* On unless it is switched off. */
static void write_switch(const void *field, char value[MAILBOX_FACT_VALUE_SIZE])
{
	snprintf(value, MAILBOX_FACT_VALUE_SIZE, "%s", *(const bool *)field ? "" : "off");
}

static bool read_networks(const char *value, void *field, struct error *error)
{
	return networks_parse(bytes_of(value), field, error);
}

static_assert((int)MAILBOX_FACT_VALUE_SIZE >= (int)NETWORKS_TEXT_SIZE &&
		      (int)MAILBOX_FACT_VALUE_SIZE >= (int)TENANTS_TEXT_SIZE,
	"the longest value has room");

static void write_networks(const void *field, char value[MAILBOX_FACT_VALUE_SIZE])
{
	networks_format(field, value);
}

static bool read_tenant(const char *value, void *field, struct error *error)
{
	return tenant_parse(bytes_of(value), field, error);
}

static void write_tenant(const void *field, char value[MAILBOX_FACT_VALUE_SIZE])
{
	snprintf(value, MAILBOX_FACT_VALUE_SIZE, "%s", (const char *)field);
}

static bool read_tenants(const char *value, void *field, struct error *error)
{
	struct bytes rest = bytes_of(value), word;
	char tenant[TENANT_SIZE];

	*(char *)field = '\0';
	while (bytes_split(&rest, ' ', &word)) {
		if (!tenant_parse(word, tenant, error))
			return false;
		if (!tenants_add(field, tenant))
			return error_set(error, ERROR_INVALID, "there are too many tenants");
	}
	return true;
}

static bool read_reported(const char *value, void *field, struct error *error)
{
	struct bytes rest = bytes_of(value), anchor;
	struct ledger_reported reported;

	if (!bytes_split(&rest, ' ', &anchor) ||
		!bytes_parse_number(anchor, INT64_MAX, &reported.anchor) ||
		!bytes_parse_number(rest, INT64_MAX, &reported.row))
		return error_set(error, ERROR_INVALID, "it is not two numbers");
	*(struct ledger_reported *)field = reported;
	return true;
}

static void write_reported(const void *field, char value[MAILBOX_FACT_VALUE_SIZE])
{
	const struct ledger_reported *reported = field;

	*value = '\0';
	if (reported->row)
		snprintf(value, MAILBOX_FACT_VALUE_SIZE, "%llu %llu",
			(unsigned long long)reported->anchor, (unsigned long long)reported->row);
}

/* ---- keys ---- */

static const char reported_key[] = "reported";

#define FIELD(name) offsetof(struct mailbox_facts, name)

static const struct fact {
	const char *key;
	size_t offset;
	read_value *read;
	write_value *write;
} facts_table[] = {
	{ "envelope-headers", FIELD(envelope_headers), read_switch, write_switch },
	{ "networks", FIELD(lock.networks), read_networks, write_networks },
	{ "networks-allowed", FIELD(lock.allowed), read_networks, write_networks },
	{ "networks-refused", FIELD(lock.refused), read_networks, write_networks },
	{ "tenant", FIELD(lock.tenant), read_tenant, write_tenant },
	{ "tenants-allowed", FIELD(lock.allowed_tenants), read_tenants, write_tenant },
	{ "tenants-refused", FIELD(lock.refused_tenants), read_tenants, write_tenant },
	{ "tenant-seen", FIELD(tenant_seen), read_tenant, write_tenant },
	{ reported_key, FIELD(reported), read_reported, write_reported },
};

enum { FACT_COUNT = sizeof facts_table / sizeof facts_table[0] };

static_assert((int)FACT_COUNT == (int)MAILBOX_FACTS_MAX, "each key has a row");

void mailbox_facts_init(struct mailbox_facts *facts)
{
	*facts = (struct mailbox_facts){ .envelope_headers = true };
}

bool mailbox_facts_read(
	struct mailbox_facts *facts, const char *key, const char *value, struct error *error)
{
	struct error why = { .text = "nothing is known of it" };

	for (size_t i = 0; i < FACT_COUNT; i++) {
		const struct fact *fact = &facts_table[i];

		if (strcmp(fact->key, key) != 0)
			continue;
		if (fact->read(value, (char *)facts + fact->offset, &why))
			return true;
	}
	return error_set(error, ERROR_CORRUPT, "what the mailbox was told of \"%.64s\": %.300s",
		key, why.text);
}

void mailbox_facts_write(const struct mailbox_facts *facts, struct mailbox_facts_rows *rows)
{
	rows->count = 0;
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const struct fact *fact = &facts_table[i];
		char *value = rows->value[rows->count];

		fact->write((const char *)facts + fact->offset, value);
		if (*value)
			rows->row[rows->count++] = (struct store_fact){ fact->key, value };
	}
}

/* ---- the store's ---- */

struct loading {
	struct mailbox_facts *facts;
	struct error *error;
	bool ok;
};

static void take_row(void *context, const struct id *mailbox, const char *key, const char *value)
{
	struct loading *loading = context;

	(void)mailbox;
	if (!mailbox_facts_read(loading->facts, key, value, loading->error))
		loading->ok = false;
}

bool mailbox_facts_load(struct store *store, const struct id *mailbox, struct mailbox_facts *facts,
	struct error *error)
{
	struct loading loading = { facts, error, true };

	mailbox_facts_init(facts);
	return store_fact_each(store, mailbox, take_row, &loading, error) && loading.ok;
}

bool mailbox_facts_set_reported(struct store *store, const struct id *mailbox,
	const struct ledger_reported *reported, struct error *error)
{
	char value[MAILBOX_FACT_VALUE_SIZE];
	const struct store_fact fact = { reported_key, value };

	write_reported(reported, value);
	return store_fact_set(store, mailbox, &fact, error);
}
