/* test_mailbox_facts.c -- what a mailbox is told, as rows and back; what cannot be read is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/mailbox_facts.h"

static void test_defaults(void **state)
{
	struct mailbox_facts_rows rows;
	struct mailbox_facts facts;

	(void)state;
	mailbox_facts_init(&facts);
	assert_true(facts.envelope_headers);
	assert_false(sender_lock_has_tenant(&facts.lock));
	assert_int_equal(sender_lock_network(&facts.lock, bytes_of("192.0.2.1")), LOCK_PASS);
	mailbox_facts_write(&facts, &rows);
	assert_int_equal(rows.count, 0);
}

static const struct {
	const char *key, *value;
	const char *written; /* NULL: as `value`; "": not at all */
} readable[] = {
	{ "envelope-headers", "off", NULL },
	{ "envelope-headers", "on", "" },
	{ "networks", "192.0.2.0/24 2001:db8::/32 microsoft365", NULL },
	{ "networks", "192.0.2.1,192.0.2.2", "192.0.2.1 192.0.2.2" },
	{ "networks", "", "" },
	{ "networks-allowed", "192.0.2.7", NULL },
	{ "networks-refused", "2001:db8::1", NULL },
	{ "tenant", "Contoso.OnMicrosoft.com", "contoso.onmicrosoft.com" },
	{ "tenants-allowed", "a.example b.example", NULL },
	{ "tenants-refused", "A.example a.example", "a.example" },
	{ "tenant-seen", "contoso.onmicrosoft.com", NULL },
	{ "reported", "10 12", NULL },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
		const char *wanted = readable[i].written ? readable[i].written : readable[i].value;
		struct mailbox_facts_rows rows;
		struct mailbox_facts facts;
		struct error error;

		mailbox_facts_init(&facts);
		if (!mailbox_facts_read(&facts, readable[i].key, readable[i].value, &error))
			fail_msg("row %zu: %s", i, error.text);
		mailbox_facts_write(&facts, &rows);
		assert_int_equal(rows.count, *wanted ? 1 : 0);
		if (!rows.count)
			continue;
		assert_string_equal(rows.row[0].key, readable[i].key);
		assert_string_equal(rows.row[0].value, wanted);
	}
}

static void test_unreadable(void **state)
{
	static const struct {
		const char *key, *value;
	} unreadable[] = {
		{ "envelope-headers", "maybe" },
		{ "networks", "nowhere" },
		{ "networks-allowed", "192.0.2.1/24" },
		{ "tenant", "two words" },
		{ "tenant", "" },
		{ "tenants-allowed", "a.example b/example" },
		{ "tenant-seen", "\xc3\xa4.example" },
		{ "reported", "10" },
		{ "reported", "10 x" },
		{ "colour", "red" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
		struct mailbox_facts facts;
		struct error error;

		mailbox_facts_init(&facts);
		assert_false(
			mailbox_facts_read(&facts, unreadable[i].key, unreadable[i].value, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		assert_non_null(strstr(error.text, unreadable[i].key));
	}
}

/* As much as each list may hold comes back whole. */
static void test_longest(void **state)
{
	struct mailbox_facts_rows rows;
	struct mailbox_facts facts, back;
	struct networks *lists[] = { &facts.lock.networks, &facts.lock.allowed,
		&facts.lock.refused };
	char name[64];

	(void)state;
	mailbox_facts_init(&facts);
	facts.envelope_headers = false;
	for (size_t list = 0; list < 3; list++) {
		for (unsigned i = 0; i < NETWORKS_MAX; i++) {
			struct network network = { .size = 16, .bits = 127 };

			memset(network.address, 0xf1, sizeof network.address);
			network.address[0] = (uint8_t)(i + 1);
			network.address[15] = (uint8_t)(0x10 * (list + 1));
			lists[list]->network[lists[list]->count++] = network;
		}
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "tenant%u.example", i);
		tenants_add(facts.lock.allowed_tenants, name);
		tenants_add(facts.lock.refused_tenants, name);
	}
	memset(facts.lock.tenant, 'a', 253);
	memset(facts.tenant_seen, 'b', 253);
	facts.reported = (struct ledger_reported){ INT64_MAX - 1, INT64_MAX };
	mailbox_facts_write(&facts, &rows);
	assert_int_equal(rows.count, MAILBOX_FACTS_MAX);
	mailbox_facts_init(&back);
	for (size_t i = 0; i < rows.count; i++)
		assert_true(mailbox_facts_read(&back, rows.row[i].key, rows.row[i].value, NULL));
	assert_memory_equal(&back.lock.networks, &facts.lock.networks, sizeof facts.lock.networks);
	assert_memory_equal(&back.lock.allowed, &facts.lock.allowed, sizeof facts.lock.allowed);
	assert_memory_equal(&back.lock.refused, &facts.lock.refused, sizeof facts.lock.refused);
	assert_string_equal(back.lock.allowed_tenants, facts.lock.allowed_tenants);
	assert_string_equal(back.lock.refused_tenants, facts.lock.refused_tenants);
	assert_string_equal(back.lock.tenant, facts.lock.tenant);
	assert_string_equal(back.tenant_seen, facts.tenant_seen);
	assert_int_equal(back.reported.anchor, facts.reported.anchor);
	assert_int_equal(back.reported.row, facts.reported.row);
	assert_false(back.envelope_headers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
