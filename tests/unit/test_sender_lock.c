/* test_sender_lock.c -- who may deliver: each rule of the lock, alone and against the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "service/sender_lock.h"

static void parse(const char *text, struct networks *networks)
{
	assert_true(networks_parse(bytes_of(text), networks, NULL));
}

static void test_networks(void **state)
{
	static const struct {
		const char *networks, *allowed, *refused, *host;
		enum lock_verdict verdict;
	} rows[] = {
		{ "", "", "", "192.0.2.1", LOCK_PASS },
		{ "", "", "192.0.2.1", "192.0.2.1", LOCK_REFUSED },
		{ "", "", "192.0.2.1", "192.0.2.2", LOCK_PASS },
		{ "microsoft365", "", "", "40.92.1.1", LOCK_PASS },
		{ "microsoft365", "", "", "192.0.2.1", LOCK_UNKNOWN },
		{ "microsoft365", "192.0.2.1", "", "192.0.2.1", LOCK_PASS },
		{ "microsoft365", "192.0.2.0/24", "192.0.2.1", "192.0.2.1", LOCK_REFUSED },
		{ "microsoft365", "", "40.92.1.1", "40.92.1.1", LOCK_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sender_lock lock = { .tenant = "" };

		parse(rows[i].networks, &lock.networks);
		parse(rows[i].allowed, &lock.allowed);
		parse(rows[i].refused, &lock.refused);
		if (sender_lock_network(&lock, bytes_of(rows[i].host)) != rows[i].verdict)
			fail_msg("row %zu", i);
	}
}

static void test_tenants(void **state)
{
	static const struct {
		const char *locked, *allowed, *refused, *tenant;
		enum lock_verdict verdict;
	} rows[] = {
		{ "", "", "", "a.example", LOCK_PASS },
		{ "", "", "a.example", "a.example", LOCK_REFUSED },
		{ "a.example", "", "", "A.Example", LOCK_PASS },
		{ "a.example", "", "", "b.example", LOCK_UNKNOWN },
		{ "a.example", "", "", "a.example.net", LOCK_UNKNOWN },
		{ "a.example", "", "", "", LOCK_UNKNOWN },
		{ "a.example", "c.example b.example", "", "B.example", LOCK_PASS },
		{ "a.example", "b.example", "b.example", "b.example", LOCK_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sender_lock lock = { .networks = { .count = 0 } };

		snprintf(lock.tenant, sizeof lock.tenant, "%s", rows[i].locked);
		snprintf(lock.allowed_tenants, sizeof lock.allowed_tenants, "%s", rows[i].allowed);
		snprintf(lock.refused_tenants, sizeof lock.refused_tenants, "%s", rows[i].refused);
		if (sender_lock_tenant(&lock, rows[i].tenant) != rows[i].verdict)
			fail_msg("row %zu", i);
		assert_int_equal(
			sender_lock_has_tenant(&lock), rows[i].locked[0] || rows[i].refused[0]);
	}
}

static void test_without_tenant(void **state)
{
	static const struct {
		const char *networks, *allowed, *refused, *tenant;
		enum lock_verdict verdict;
	} rows[] = {
		{ "", "", "", "", LOCK_PASS },
		{ "", "", "", "a.example", LOCK_UNKNOWN },
		/* The lock's own networks are Exchange Online's. */
		{ "192.0.2.0/24", "", "", "a.example", LOCK_UNKNOWN },
		{ "", "192.0.2.1", "", "a.example", LOCK_PASS },
		{ "", "192.0.2.2", "", "a.example", LOCK_UNKNOWN },
		{ "", "192.0.2.0/24", "192.0.2.1", "a.example", LOCK_REFUSED },
		{ "", "", "192.0.2.1", "", LOCK_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sender_lock lock = { .tenant = "" };

		snprintf(lock.tenant, sizeof lock.tenant, "%s", rows[i].tenant);
		snprintf(lock.refused_tenants, sizeof lock.refused_tenants, "b.example");
		parse(rows[i].networks, &lock.networks);
		parse(rows[i].allowed, &lock.allowed);
		parse(rows[i].refused, &lock.refused);
		if (sender_lock_no_tenant(&lock, bytes_of("192.0.2.1")) != rows[i].verdict)
			fail_msg("row %zu", i);
	}
}

static void test_lists_of_tenants(void **state)
{
	char tenants[TENANTS_TEXT_SIZE] = "";
	char name[64];
	int count = 0;

	(void)state;
	assert_true(tenants_add(tenants, "a.example"));
	assert_true(tenants_add(tenants, "b.example"));
	assert_true(tenants_add(tenants, "A.EXAMPLE"));
	assert_true(tenants_add(tenants, "c.example"));
	assert_string_equal(tenants, "a.example b.example c.example");
	tenants_remove(tenants, "B.example");
	assert_string_equal(tenants, "a.example c.example");
	tenants_remove(tenants, "nobody.example");
	tenants_remove(tenants, "a.example");
	tenants_remove(tenants, "c.example");
	assert_string_equal(tenants, "");
	do
		snprintf(name, sizeof name, "tenant%d.example", count++);
	while (tenants_add(tenants, name));
	assert_true(strlen(tenants) < TENANTS_TEXT_SIZE);
	assert_true(count > 100);
	assert_true(tenants_contain(tenants, "tenant0.example"));
	assert_false(tenants_contain(tenants, name));
}

static void test_what_is_a_tenant(void **state)
{
	char longest[256];
	struct error error;

	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_true(tenant_check(bytes_of("contoso.onmicrosoft.com"), NULL));
	assert_true(tenant_check(bytes_make(longest, 253), NULL));
	assert_false(tenant_check(bytes_make(longest, 254), &error));
	assert_false(tenant_check(bytes_of(""), &error));
	assert_false(tenant_check(bytes_of("a b"), &error));
	assert_false(tenant_check(bytes_of("a\"b"), &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_without_tenant),
		cmocka_unit_test(test_lists_of_tenants),
		cmocka_unit_test(test_what_is_a_tenant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
