/* test_aliases.c -- which addresses may be aliases, and that each leads to its mailbox, however it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/aliases.h"

enum { MANY = 500 };

static void test_what_is_an_alias(void **state)
{
	static const struct {
		const char *text, *alias; /* NULL: none */
	} rows[] = {
		{ "archive@example.com", "archive@example.com" },
		{ " Archive@Example.COM ", "archive@example.com" },
		{ "m\xc3\xbcller@b\xc3\xbc"
		  "cher.example",
			"m\xc3\xbcller@b\xc3\xbc"
			"cher.example" },
		{ "\xc3\x84"
		  "B@example.com",
			"\xc3\x84"
			"b@example.com" },
		{ "\"two words\"@example.com", "\"two words\"@example.com" },
		{ "\"Arch\\ive\"@example.com", "archive@example.com" },
		{ "\"MBX-archive\"@example.com", NULL },
		{ "\"archive@example.com", NULL },
		{ "a+b@[192.0.2.1]", "a+b@[192.0.2.1]" },
		{ "", NULL },
		{ "archive", NULL },
		{ "archive@", NULL },
		{ "@example.com", NULL },
		{ "<archive@example.com>", NULL },
		{ "@relay.example:archive@example.com", NULL },
		{ "archive@example.com, other@example.com", NULL },
		{ "a b@example.com", NULL },
		{ "archive@example.com\r", NULL },
		{ "\xff@example.com", NULL },
		{ "mbx-archive@example.com", NULL },
		{ "MBX-0123456789abcdef0123456789abcdef@example.com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char alias[ALIAS_SIZE];
		struct error error;
		bool ok = alias_parse(bytes_of(rows[i].text), alias, &error);

		if (ok != (rows[i].alias != NULL))
			fail_msg("row %zu", i);
		if (ok)
			assert_string_equal(alias, rows[i].alias);
		else
			assert_int_equal(error.kind, ERROR_INVALID);
	}
}

static void test_length(void **state)
{
	char text[ALIAS_SIZE + 10], alias[ALIAS_SIZE];

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text + 245, "@a.exampl", 9);
	assert_true(alias_parse(bytes_make(text, 254), alias, NULL));
	assert_false(alias_parse(bytes_make(text, 255), alias, NULL));
}

static struct id id_of(unsigned number)
{
	struct id id = { { (uint8_t)number, (uint8_t)(number >> 8) } };

	return id;
}

static bool leads_to(const struct aliases *aliases, const char *address, unsigned number)
{
	struct id found, wanted = id_of(number);

	return aliases_find(aliases, bytes_of(address), &found) && id_is_equal(&found, &wanted);
}

static void test_found(void **state)
{
	static const char *const two[] = { "archive@example.com", "m\xc3\xbcller@example.com" };
	struct aliases aliases = { 0 };
	struct id first = id_of(1), second = id_of(2), found;

	(void)state;
	assert_false(aliases_find(&aliases, bytes_of("archive@example.com"), &found));
	assert_true(aliases_replace(&aliases, &first, two, 2));
	assert_true(leads_to(&aliases, "ARCHIVE@example.COM", 1));
	assert_true(leads_to(&aliases, "M\xc3\xbcLLER@example.com", 1));
	assert_true(leads_to(&aliases, "\"Arch\\ive\"@example.com", 1));
	assert_false(leads_to(&aliases, "\"archive \"@example.com", 1));
	/* Of UTF-8 the case is not folded. */
	assert_false(aliases_find(&aliases, bytes_of("m\xc3\x9cller@example.com"), &found));
	assert_false(aliases_find(&aliases, bytes_of("archive@example.co"), &found));
	assert_false(aliases_find(&aliases, bytes_of(""), &found));
	/* In place of those before, and one can go over to another mailbox. */
	assert_true(aliases_replace(&aliases, &first, two + 1, 1));
	assert_false(aliases_find(&aliases, bytes_of(two[0]), &found));
	assert_true(aliases_replace(&aliases, &second, two, 1));
	assert_true(leads_to(&aliases, two[0], 2));
	assert_true(leads_to(&aliases, two[1], 1));
	assert_true(aliases_replace(&aliases, &first, NULL, 0));
	assert_int_equal(aliases.count, 1);
	aliases_clear(&aliases);
	assert_int_equal(aliases.count, 0);
}

static void test_many(void **state)
{
	struct aliases aliases = { 0 };
	char text[3][32];
	const char *view[] = { text[0], text[1], text[2] };

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct id id = id_of(i);

		for (unsigned j = 0; j < 3; j++)
			snprintf(text[j], sizeof text[j], "a%u.%u@example.com", i * 7919 % MANY, j);
		assert_true(aliases_replace(&aliases, &id, view, 3));
	}
	for (unsigned i = 0; i < MANY; i += 2) {
		struct id id = id_of(i);

		assert_true(aliases_replace(&aliases, &id, NULL, 0));
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text[0], sizeof text[0], "a%u.2@example.com", i * 7919 % MANY);
		assert_int_equal(leads_to(&aliases, text[0], i), i % 2);
	}
	aliases_clear(&aliases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_an_alias),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
