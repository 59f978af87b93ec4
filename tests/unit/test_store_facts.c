/* test_store_facts.c -- name, description, facts and aliases: replaced together or not at all, read for one
 * mailbox and for all, gone with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store_facts.h"
#include "test_store_fixture.h"

struct text {
	struct fixture *fixture;
	char text[4000];
};

static void add(struct text *text, const struct id *mailbox, const char *first, const char *second)
{
	size_t used = strlen(text->text);
	uint64_t number = 1;

	for (; number < 10; number++) {
		const struct id id = make_id('b', number);

		if (id_is_equal(mailbox, &id))
			break;
	}
	snprintf(text->text + used, sizeof text->text - used, "%d:%s%s%s;", (int)number, first,
		second ? "=" : "", second ? second : "");
	/* A row may call the store. */
	counts_of(text->fixture, number);
}

static void add_fact(void *context, const struct id *mailbox, const char *key, const char *value)
{
	add(context, mailbox, key, value);
}

static void add_alias(void *context, const struct id *mailbox, const char *address)
{
	add(context, mailbox, address, NULL);
}

/* 0: of all mailboxes. */
static void assert_told(
	struct fixture *fixture, uint64_t mailbox, const char *facts, const char *aliases)
{
	const struct id id = make_id('b', mailbox);
	struct text text = { .fixture = fixture };
	struct error error = { 0 };

	assert_true(store_fact_each(fixture->store, mailbox ? &id : NULL, add_fact, &text, &error));
	assert_string_equal(text.text, facts);
	text.text[0] = '\0';
	assert_true(
		store_alias_each(fixture->store, mailbox ? &id : NULL, add_alias, &text, &error));
	assert_string_equal(text.text, aliases);
}

static bool edit(struct fixture *fixture, uint64_t mailbox, const struct store_mailbox_edit *edit,
	struct error *error)
{
	const struct id id = make_id('b', mailbox);

	return store_mailbox_edit(fixture->store, &id, edit, error);
}

static const struct store_fact two_facts[] = { { "networks", "10.0.0.0/8" }, { "tenant", "" } };
static const struct store_fact one_fact[] = { { "envelope-headers", "on" } };
static const char *const two_aliases[] = { "journal@a.example", "copies@a.example" };
static const char *const one_alias[] = { "b@b.example" };
static const char *const taken[] = { "new@b.example", "copies@a.example" };

static void fill(struct fixture *fixture)
{
	const struct store_mailbox_edit rows[] = {
		{ .sets_facts = true,
			.facts = two_facts,
			.fact_count = 2,
			.sets_aliases = true,
			.aliases = two_aliases,
			.alias_count = 2 },
		{ .sets_facts = true,
			.facts = one_fact,
			.fact_count = 1,
			.sets_aliases = true,
			.aliases = one_alias,
			.alias_count = 1 },
	};
	struct error error = { 0 };

	for (uint64_t i = 1; i <= 3; i++)
		create_mailbox(fixture, i);
	for (size_t i = 0; i < 2; i++) {
		if (!edit(fixture, i + 1, &rows[i], &error))
			fail_msg("%s", error.text);
	}
}

#define ALL_FACTS "1:networks=10.0.0.0/8;1:tenant=;2:envelope-headers=on;"
#define ALL_ALIASES "1:copies@a.example;1:journal@a.example;2:b@b.example;"

static void test_told_and_read(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture);
	for (int round = 0; round < 2; round++) {
		assert_told(fixture, 0, ALL_FACTS, ALL_ALIASES);
		assert_told(fixture, 1, "1:networks=10.0.0.0/8;1:tenant=;",
			"1:copies@a.example;1:journal@a.example;");
		assert_told(fixture, 2, "2:envelope-headers=on;", "2:b@b.example;");
		assert_told(fixture, 3, "", "");
		fixture_close(fixture);
		assert_true(fixture_open(fixture, NULL));
	}
}

static void test_replaced(void **state)
{
	const struct store_mailbox_edit name = { .name = "Another" };
	const struct store_mailbox_edit facts = {
		.sets_facts = true, .facts = one_fact, .fact_count = 1, .description = "Told anew"
	};
	const struct store_mailbox_edit nothing = { .sets_aliases = true };
	const struct store_mailbox_edit freed = {
		.sets_aliases = true, .aliases = two_aliases, .alias_count = 2
	};
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;
	struct error error = { 0 };

	fill(fixture);
	assert_true(edit(fixture, 1, &name, &error));
	assert_true(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
	assert_string_equal(mailbox.name, "Another");
	assert_string_equal(mailbox.description, "The one numbered 1");
	assert_told(fixture, 0, ALL_FACTS, ALL_ALIASES);

	assert_true(edit(fixture, 1, &facts, &error));
	assert_true(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
	assert_string_equal(mailbox.name, "Another");
	assert_string_equal(mailbox.description, "Told anew");
	assert_told(fixture, 0, "1:envelope-headers=on;2:envelope-headers=on;", ALL_ALIASES);

	/* Given up, and free for another one. */
	assert_true(edit(fixture, 1, &nothing, &error));
	assert_told(fixture, 0, "1:envelope-headers=on;2:envelope-headers=on;", "2:b@b.example;");
	assert_true(edit(fixture, 3, &freed, &error));
	assert_told(fixture, 3, "", "3:copies@a.example;3:journal@a.example;");
	/* Its own again is no conflict. */
	assert_true(edit(fixture, 3, &freed, &error));
}

static void test_one_fact(void **state)
{
	static char long_text[STORE_FACT_VALUE_MAX + 2];
	const struct {
		uint64_t mailbox;
		struct store_fact fact;
		enum error_kind kind; /* ERROR_NONE: it is set */
		const char *facts;
	} rows[] = {
		{ 2, { "reported", "1" }, ERROR_NONE,
			"1:networks=10.0.0.0/8;1:tenant=;2:envelope-headers=on;2:reported=1;" },
		{ 2, { "reported", "22" }, ERROR_NONE,
			"1:networks=10.0.0.0/8;1:tenant=;2:envelope-headers=on;2:reported=22;" },
		{ 1, { "tenant", "a" }, ERROR_NONE,
			"1:networks=10.0.0.0/8;1:tenant=a;2:envelope-headers=on;2:reported=22;" },
		{ 1, { "tenant", long_text }, ERROR_INVALID, NULL },
		{ 1, { "", "a" }, ERROR_INVALID, NULL },
		{ 4, { "tenant", "a" }, ERROR_NOT_FOUND, NULL },
	};
	struct fixture *fixture = *state;
	const char *facts = ALL_FACTS;

	memset(long_text, 'x', sizeof long_text - 1);
	fill(fixture);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct id id = make_id('b', rows[i].mailbox);
		struct error error = { 0 };

		assert_int_equal(store_fact_set(fixture->store, &id, &rows[i].fact, &error),
			rows[i].kind == ERROR_NONE);
		assert_int_equal(error.kind, rows[i].kind);
		facts = rows[i].facts ? rows[i].facts : facts;
		assert_told(fixture, 0, facts, ALL_ALIASES);
	}
}

static void test_refused_whole(void **state)
{
	static const char *const twice[] = { "x@b.example", "x@b.example" };
	static const char *const empty[] = { "" };
	static const struct store_fact same[] = { { "a", "1" }, { "a", "2" } };
	static char long_text[STORE_FACT_VALUE_MAX + 2];
	const struct store_fact long_fact[] = { { "a", long_text } };
	const struct store_fact no_key[] = { { "", "a" } };
	const char *const long_alias[] = { long_text };
	const struct {
		struct store_mailbox_edit edit;
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ { .sets_aliases = true, .aliases = taken, .alias_count = 2 }, ERROR_EXISTS,
			"copies@a.example" },
		{ { .sets_aliases = true, .aliases = twice, .alias_count = 2 }, ERROR_EXISTS,
			"x@b.example" },
		{ { .sets_aliases = true, .aliases = empty, .alias_count = 1 }, ERROR_INVALID,
			"empty" },
		{ { .sets_aliases = true, .aliases = long_alias, .alias_count = 1 }, ERROR_INVALID,
			"too long" },
		{ { .sets_facts = true, .facts = same, .fact_count = 2 }, ERROR_EXISTS, "twice" },
		{ { .sets_facts = true, .facts = long_fact, .fact_count = 1 }, ERROR_INVALID,
			"too long" },
		{ { .sets_facts = true, .facts = no_key, .fact_count = 1 }, ERROR_INVALID, "" },
		{ { .name = long_text }, ERROR_INVALID, "too long" },
		{ { .description = long_text }, ERROR_INVALID, "too long" },
	};
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 2);
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;

	memset(long_text, 'x', sizeof long_text - 1);
	fill(fixture);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_mailbox_edit change = rows[i].edit;
		struct error error = { 0 };

		/* What would go with it is undone. */
		if (!change.name)
			change.name = "Changed";
		if (!change.sets_facts) {
			change.sets_facts = true;
			change.fact_count = 0;
		}
		assert_false(edit(fixture, 2, &change, &error));
		if (error.kind != rows[i].kind || !strstr(error.text, rows[i].says))
			fail_msg("row %zu: %s: %s", i, error_kind_name(error.kind), error.text);
		assert_told(fixture, 0, ALL_FACTS, ALL_ALIASES);
		assert_true(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
		assert_string_equal(mailbox.name, "Mailbox 2");
	}
}

static void test_gone_with_the_mailbox(void **state)
{
	const struct store_mailbox_edit freed = {
		.sets_aliases = true, .aliases = two_aliases, .alias_count = 2
	};
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct text text = { .fixture = fixture };
	struct error error = { 0 };

	fill(fixture);
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	assert_told(fixture, 0, "2:envelope-headers=on;", "2:b@b.example;");
	assert_false(store_fact_each(fixture->store, &id, add_fact, &text, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(store_alias_each(fixture->store, &id, add_alias, &text, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(edit(fixture, 1, &freed, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_true(edit(fixture, 2, &freed, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_told_and_read),
		OPEN(test_replaced),
		OPEN(test_one_fact),
		OPEN(test_refused_whole),
		OPEN(test_gone_with_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
