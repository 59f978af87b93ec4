/* test_mailbox_edit.c -- what a mailbox is told, in the store and in the directory alike, and after a new start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/lock_problems.h"
#include "service/mailbox_edit.h"
#include "service/tenant_notes.h"
#include "test_service_fixture.h"

struct fixture {
	struct service_fixture *service;
	struct service_mailbox mailboxes[2];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->service = service_fixture_new();
	for (size_t i = 0; i < 2; i++) {
		service_mailbox_make(&fixture->mailboxes[i], i ? "Second" : "First");
		service_fixture_add(fixture->service, &fixture->mailboxes[i]);
	}
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	service_fixture_free(&fixture->service);
	for (size_t i = 0; i < 2; i++)
		service_mailbox_clear(&fixture->mailboxes[i]);
	free(fixture);
	return 0;
}

static const struct id *id_of(const struct fixture *fixture, size_t mailbox)
{
	return &fixture->mailboxes[mailbox].stored.id;
}

static struct directory *directory_of(const struct fixture *fixture)
{
	return fixture->service->service.directory;
}

static bool edit(struct fixture *fixture, size_t mailbox, const struct mailbox_edit *change,
	struct error *error)
{
	return mailboxes_edit(&fixture->service->mailboxes, id_of(fixture, mailbox), change, error);
}

static void must_edit(struct fixture *fixture, size_t mailbox, const struct mailbox_edit *change)
{
	struct error error;

	if (!edit(fixture, mailbox, change, &error))
		fail_msg("%s", error.text);
}

static struct mailbox_facts facts_of(const struct fixture *fixture, size_t mailbox)
{
	struct mailbox_facts facts;

	directory_facts(directory_of(fixture), id_of(fixture, mailbox), &facts);
	return facts;
}

/* Which mailbox an address leads to; -1: none. */
static int leads_to(const struct fixture *fixture, const char *text)
{
	struct bytes whole = bytes_of(text);
	size_t at = bytes_find(whole, '@');
	struct address address = { whole, bytes_head(whole, at), bytes_skip(whole, at + 1) };
	struct id found;

	if (directory_find_address(directory_of(fixture), &address, &found) == DIRECTORY_UNKNOWN)
		return -1;
	return id_is_equal(&found, id_of(fixture, 1));
}

static void check_all(const struct fixture *fixture)
{
	struct mailbox_facts facts = facts_of(fixture, 0);
	char name[STORE_NAME_SIZE];

	directory_name(directory_of(fixture), id_of(fixture, 0), name);
	assert_string_equal(name, "Renamed");
	assert_false(facts.envelope_headers);
	assert_string_equal(facts.lock.tenant, "contoso.example");
	assert_int_equal(sender_lock_network(&facts.lock, bytes_of("192.0.2.9")), LOCK_PASS);
	assert_int_equal(sender_lock_network(&facts.lock, bytes_of("198.51.100.1")), LOCK_UNKNOWN);
	assert_int_equal(leads_to(fixture, "ARCHIVE@example.com"), 0);
	assert_int_equal(leads_to(fixture, "other@example.com"), 0);
	assert_true(facts_of(fixture, 1).envelope_headers);
}

static void test_edit(void **state)
{
	static const char *const aliases[] = { "Archive@Example.com", "other@example.com" };
	struct fixture *fixture = *state;
	bool off = false;
	struct mailbox_edit all = { .name = "Renamed",
		.description = "new",
		.sets_aliases = true,
		.aliases = aliases,
		.alias_count = 2,
		.envelope_headers = &off,
		.networks = "192.0.2.0/24",
		.tenant = "Contoso.example" };
	struct mailbox_edit change;

	must_edit(fixture, 0, &all);
	check_all(fixture);
	service_fixture_reopen(fixture->service);
	check_all(fixture);
	/* What is not given stays. */
	change = (struct mailbox_edit){ .description = "newer" };
	must_edit(fixture, 0, &change);
	check_all(fixture);
	change = (struct mailbox_edit){ .networks = "", .tenant = "" };
	must_edit(fixture, 0, &change);
	assert_string_equal(facts_of(fixture, 0).lock.tenant, "");
	assert_int_equal(facts_of(fixture, 0).lock.networks.count, 0);
	assert_false(facts_of(fixture, 0).envelope_headers);
	change = (struct mailbox_edit){
		.sets_aliases = true, .aliases = aliases + 1, .alias_count = 1
	};
	must_edit(fixture, 0, &change);
	assert_int_equal(leads_to(fixture, "archive@example.com"), -1);
	must_edit(fixture, 1,
		&(struct mailbox_edit){
			.sets_aliases = true, .aliases = aliases, .alias_count = 1 });
	assert_int_equal(leads_to(fixture, "archive@example.com"), 1);
	service_fixture_reopen(fixture->service);
	assert_int_equal(leads_to(fixture, "archive@example.com"), 1);
	assert_int_equal(leads_to(fixture, "other@example.com"), 0);
}

/* Nothing of a change that is refused stays. */
static void test_refused(void **state)
{
	static const char *const taken[] = { "new@example.com", "taken@example.com" };
	static const char *const bad[] = { "mbx-x@example.com" };
	struct fixture *fixture = *state;
	const struct mailbox_edit changes[] = {
		{ .name = " ", .tenant = "b.example" },
		{ .name = "Other", .networks = "nowhere" },
		{ .name = "Other", .tenant = "two words" },
		{ .name = "Other", .sets_aliases = true, .aliases = bad, .alias_count = 1 },
		{ .name = "Other",
			.tenant = "b.example",
			.sets_aliases = true,
			.aliases = taken,
			.alias_count = 2 },
	};
	char name[STORE_NAME_SIZE];
	struct error error;
	struct id nobody = { { 9 } };

	must_edit(fixture, 1,
		&(struct mailbox_edit){
			.sets_aliases = true, .aliases = taken + 1, .alias_count = 1 });
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		if (edit(fixture, 0, &changes[i], &error))
			fail_msg("row %zu", i);
		assert_true(*error.text);
	}
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_non_null(strstr(error.text, "taken@example.com"));
	directory_name(directory_of(fixture), id_of(fixture, 0), name);
	assert_string_equal(name, "First");
	assert_string_equal(facts_of(fixture, 0).lock.tenant, "");
	assert_int_equal(leads_to(fixture, "new@example.com"), -1);
	assert_int_equal(leads_to(fixture, "taken@example.com"), 1);
	assert_false(mailboxes_edit(&fixture->service->mailboxes, &nobody,
		&(struct mailbox_edit){ .tenant = "b.example" }, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_delete(void **state)
{
	static const char *const aliases[] = { "archive@example.com" };
	struct fixture *fixture = *state;
	const struct mailboxes *mailboxes = &fixture->service->mailboxes;
	struct problems *problems = fixture->service->service.problems;
	struct lock_attempt attempt = { *id_of(fixture, 0), "First", LOCK_BY_NETWORK, "192.0.2.1",
		NULL };
	struct mailbox_edit change = { .sets_aliases = true,
		.aliases = aliases,
		.alias_count = 1,
		.networks = "microsoft365" };
	struct problem list[PROBLEMS_MAX];

	must_edit(fixture, 0, &change);
	lock_problem_raise(problems, 1, &attempt);
	assert_true(
		mailboxes_set_status(mailboxes, id_of(fixture, 0), STORE_MAILBOX_SUSPENDED, NULL));
	assert_true(mailboxes_delete(mailboxes, id_of(fixture, 0), NULL));
	assert_int_equal(leads_to(fixture, "archive@example.com"), -1);
	assert_int_equal(problems_list(problems, list, PROBLEMS_MAX), 0);
	must_edit(fixture, 1, &change);
	assert_int_equal(leads_to(fixture, "archive@example.com"), 1);
}

static bool judge(struct fixture *fixture, bool allows, const char *network, const char *tenant,
	struct error *error)
{
	struct mailbox_judgement judgement = { allows, network, tenant };

	return mailboxes_judge(&fixture->service->mailboxes, id_of(fixture, 0), &judgement, error);
}

static enum lock_verdict network(const struct fixture *fixture, const char *host)
{
	struct mailbox_facts facts = facts_of(fixture, 0);

	return sender_lock_network(&facts.lock, bytes_of(host));
}

static enum lock_verdict tenant(const struct fixture *fixture, const char *name)
{
	struct mailbox_facts facts = facts_of(fixture, 0);

	return sender_lock_tenant(&facts.lock, name);
}

static void test_judge(void **state)
{
	struct fixture *fixture = *state;
	struct problems *problems = fixture->service->service.problems;
	struct lock_attempt attempt = { *id_of(fixture, 0), "First", LOCK_BY_NETWORK, "192.0.2.1",
		NULL };
	struct problem list[PROBLEMS_MAX];
	struct error error;
	char text[64];
	int allowed = 0;

	must_edit(fixture, 0,
		&(struct mailbox_edit){ .networks = "microsoft365", .tenant = "a.example" });
	lock_problem_raise(problems, 1, &attempt);
	assert_int_equal(network(fixture, "192.0.2.1"), LOCK_UNKNOWN);
	assert_true(judge(fixture, true, "192.0.2.1", NULL, &error));
	assert_int_equal(network(fixture, "192.0.2.1"), LOCK_PASS);
	assert_int_equal(problems_list(problems, list, PROBLEMS_MAX), 0);
	/* The contrary is said of the same, and outlives a start. */
	assert_true(judge(fixture, false, "192.0.2.1", NULL, &error));
	assert_true(judge(fixture, true, NULL, "B.example", &error));
	assert_true(judge(fixture, false, NULL, "c.example", &error));
	service_fixture_reopen(fixture->service);
	assert_int_equal(network(fixture, "192.0.2.1"), LOCK_REFUSED);
	assert_int_equal(tenant(fixture, "b.example"), LOCK_PASS);
	assert_int_equal(tenant(fixture, "c.example"), LOCK_REFUSED);
	assert_true(judge(fixture, true, NULL, "c.example", &error));
	assert_int_equal(tenant(fixture, "c.example"), LOCK_PASS);
	assert_int_equal(tenant(fixture, "d.example"), LOCK_UNKNOWN);
	assert_false(judge(fixture, true, "nowhere", NULL, &error));
	assert_false(judge(fixture, true, "", NULL, &error));
	assert_false(judge(fixture, true, NULL, "two words", &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	/* The list ends somewhere, in words. */
	do
		snprintf(text, sizeof text, "198.51.100.%d", ++allowed);
	while (judge(fixture, true, text, NULL, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_int_equal(allowed, NETWORKS_MAX + 1);
	assert_int_equal(network(fixture, "198.51.100.1"), LOCK_PASS);
}

static void test_tenant_seen(void **state)
{
	struct fixture *fixture = *state;
	const struct mailboxes *mailboxes = &fixture->service->mailboxes;
	struct tenant_notes *notes = tenant_notes_start(mailboxes, NULL);

	assert_true(directory_note_tenant(directory_of(fixture), id_of(fixture, 0), "a.example"));
	assert_false(directory_note_tenant(directory_of(fixture), id_of(fixture, 0), "b.example"));
	tenant_notes_add(notes, id_of(fixture, 0), "a.example");
	tenant_notes_add(notes, id_of(fixture, 0), "b.example");
	tenant_notes_stop(&notes);
	assert_null(notes);
	assert_string_equal(facts_of(fixture, 0).tenant_seen, "a.example");
	service_fixture_reopen(fixture->service);
	assert_string_equal(facts_of(fixture, 0).tenant_seen, "a.example");
	assert_string_equal(facts_of(fixture, 1).tenant_seen, "");
	/* Confirmed: there is nothing more to be seen. */
	must_edit(fixture, 0, &(struct mailbox_edit){ .tenant = "a.example" });
	assert_string_equal(facts_of(fixture, 0).tenant_seen, "");
	assert_false(directory_note_tenant(directory_of(fixture), id_of(fixture, 0), "b.example"));
	assert_true(mailboxes_note_tenant(mailboxes, id_of(fixture, 0), "b.example", NULL));
	assert_string_equal(facts_of(fixture, 0).tenant_seen, "");
}

/* A lock that cannot be read lets nobody in, and refuses nobody for good. */
static void test_unreadable(void **state)
{
	struct fixture *fixture = *state;
	const struct store_fact fact = { "networks", "a-preset-of-another-version" };
	const struct store_mailbox_edit damage = {
		.sets_facts = true, .facts = &fact, .fact_count = 1
	};
	struct problem problem;
	struct error error;
	char id[96];

	assert_true(store_mailbox_edit(
		fixture->service->service.store, id_of(fixture, 0), &damage, &error));
	service_fixture_reopen(fixture->service);
	assert_int_equal(
		directory_find(directory_of(fixture), id_of(fixture, 0), NULL), DIRECTORY_BROKEN);
	assert_int_equal(
		directory_find(directory_of(fixture), id_of(fixture, 1), NULL), DIRECTORY_ACTIVE);
	strcpy(id, "mailbox-facts ");
	mailbox_id_text(id_of(fixture, 0), id + strlen(id));
	assert_true(has_problem(fixture->service->service.problems, id, &problem));
	assert_int_equal(problem.severity, PROBLEM_ERROR);
	assert_non_null(strstr(problem.remedy, "--networks LIST --tenant NAME"));
	assert_false(judge(fixture, true, "192.0.2.1", NULL, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_false(edit(fixture, 0, &(struct mailbox_edit){ .networks = "" }, &error));
	must_edit(fixture, 0, &(struct mailbox_edit){ .name = "Other" });
	assert_int_equal(
		directory_find(directory_of(fixture), id_of(fixture, 0), NULL), DIRECTORY_BROKEN);
	must_edit(fixture, 0, &(struct mailbox_edit){ .networks = "192.0.2.1", .tenant = "" });
	assert_int_equal(
		directory_find(directory_of(fixture), id_of(fixture, 0), NULL), DIRECTORY_ACTIVE);
	assert_false(has_problem(fixture->service->service.problems, id, NULL));
	assert_int_equal(network(fixture, "192.0.2.2"), LOCK_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_edit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_judge, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tenant_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
