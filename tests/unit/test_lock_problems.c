/* test_lock_problems.c -- what is asked of a person, and that it is over when it is decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "service/lock_problems.h"

struct fixture {
	struct notices *notices;
	struct problems *problems;
	struct problem list[PROBLEMS_MAX];
};

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	log_set_sink(ignore_line, NULL);
	fixture->notices = notices_new(NULL);
	fixture->problems = problems_new(fixture->notices, NULL);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	problems_free(&fixture->problems);
	notices_free(&fixture->notices);
	free(fixture);
	return 0;
}

static struct id mailbox_of(uint8_t number)
{
	struct id id = { { number } };

	return id;
}

static size_t raise(struct fixture *fixture, int64_t now_us, uint8_t mailbox,
	enum lock_subject subject, const char *peer, const char *tenant)
{
	struct lock_attempt attempt = { mailbox_of(mailbox), "Office", subject, peer, tenant };

	lock_problem_raise(fixture->problems, now_us, &attempt);
	return problems_list(fixture->problems, fixture->list, PROBLEMS_MAX);
}

static bool stands(struct fixture *fixture, enum lock_subject subject, const char *value)
{
	size_t count = problems_list(fixture->problems, fixture->list, PROBLEMS_MAX);
	struct lock_problem problem;

	for (size_t i = 0; i < count; i++) {
		if (lock_problem_parse(fixture->list[i].id, &problem) &&
			problem.subject == subject && strcmp(problem.value, value) == 0)
			return true;
	}
	return false;
}

static void test_ids(void **state)
{
	struct fixture *fixture = *state;
	struct lock_problem problem;
	char tenant[TENANT_SIZE] = "";
	struct id mailbox = mailbox_of(7);

	memset(tenant, 't', 253);
	assert_int_equal(raise(fixture, 1, 7, LOCK_BY_NETWORK, "2001:db8::1", NULL), 1);
	assert_string_equal(fixture->list[0].id,
		"lock mbx-07000000000000000000000000000000 network 2001:db8::1");
	assert_non_null(strstr(fixture->list[0].text, "\"Office\""));
	assert_non_null(strstr(fixture->list[0].remedy, "--network 2001:db8::1"));
	assert_int_equal(raise(fixture, 2, 7, LOCK_BY_NETWORK, "2001:db8::1", NULL), 1);
	/* The longest of all is whole. */
	assert_int_equal(raise(fixture, 3, 7, LOCK_BY_TENANT, "192.0.2.1", tenant), 2);
	assert_true(stands(fixture, LOCK_BY_TENANT, tenant));
	assert_non_null(strstr(fixture->list[1].remedy, "Until then"));
	assert_int_equal(raise(fixture, 4, 7, LOCK_BY_NO_TENANT, "192.0.2.1", NULL), 3);
	assert_true(stands(fixture, LOCK_BY_NO_TENANT, "192.0.2.1"));
	assert_true(lock_problem_parse(fixture->list[0].id, &problem));
	assert_true(id_is_equal(&problem.mailbox, &mailbox));
	assert_false(lock_problem_parse("clock", &problem));
	assert_false(lock_problem_parse("lock", &problem));
	assert_false(lock_problem_parse("lock nonsense network 192.0.2.1", &problem));
	assert_false(lock_problem_parse(
		"lock mbx-07000000000000000000000000000000 colour red", &problem));
	assert_false(
		lock_problem_parse("lock mbx-07000000000000000000000000000000 network ", &problem));
}

static void test_review(void **state)
{
	struct fixture *fixture = *state;
	struct sender_lock lock = { .tenant = "a.example" };
	struct id mailbox = mailbox_of(1);

	assert_true(networks_parse(bytes_of("198.51.100.0/24"), &lock.networks, NULL));
	raise(fixture, 1, 1, LOCK_BY_NETWORK, "192.0.2.1", NULL);
	raise(fixture, 2, 1, LOCK_BY_NETWORK, "192.0.2.2", NULL);
	raise(fixture, 3, 1, LOCK_BY_TENANT, "192.0.2.1", "b.example");
	raise(fixture, 4, 1, LOCK_BY_NO_TENANT, "192.0.2.3", NULL);
	assert_int_equal(raise(fixture, 5, 2, LOCK_BY_NETWORK, "192.0.2.1", NULL), 5);
	lock_problems_review(fixture->problems, &mailbox, &lock);
	assert_int_equal(problems_list(fixture->problems, fixture->list, PROBLEMS_MAX), 5);
	/* One is allowed, the other mailbox's stays. */
	raise(fixture, 6, 1, LOCK_BY_NO_TENANT, "192.0.2.1", NULL);
	assert_true(networks_parse(bytes_of("192.0.2.1"), &lock.allowed, NULL));
	lock_problems_review(fixture->problems, &mailbox, &lock);
	assert_int_equal(problems_list(fixture->problems, fixture->list, PROBLEMS_MAX), 4);
	assert_false(stands(fixture, LOCK_BY_NO_TENANT, "192.0.2.1"));
	assert_true(stands(fixture, LOCK_BY_NETWORK, "192.0.2.2"));
	assert_true(networks_parse(bytes_of("192.0.2.2 192.0.2.3"), &lock.refused, NULL));
	lock_problems_review(fixture->problems, &mailbox, &lock);
	assert_false(stands(fixture, LOCK_BY_NETWORK, "192.0.2.2"));
	assert_false(stands(fixture, LOCK_BY_NO_TENANT, "192.0.2.3"));
	assert_true(stands(fixture, LOCK_BY_TENANT, "b.example"));
	assert_true(tenants_add(lock.refused_tenants, "b.example"));
	lock_problems_review(fixture->problems, &mailbox, &lock);
	assert_false(stands(fixture, LOCK_BY_TENANT, "b.example"));
	/* Without a lock on tenants nothing is missing. */
	raise(fixture, 7, 1, LOCK_BY_NO_TENANT, "192.0.2.4", NULL);
	lock.tenant[0] = '\0';
	lock_problems_review(fixture->problems, &mailbox, &lock);
	assert_int_equal(problems_list(fixture->problems, fixture->list, PROBLEMS_MAX), 1);
	mailbox = mailbox_of(2);
	lock_problems_forget(fixture->problems, &mailbox);
	assert_int_equal(problems_list(fixture->problems, fixture->list, PROBLEMS_MAX), 0);
}

/* However many tenants a stranger makes up: other problems stay, and the newest do. */
static void test_bounded(void **state)
{
	struct fixture *fixture = *state;
	char tenant[64];
	size_t count = 0;

	problems_raise(fixture->problems, 1, PROBLEM_WARNING, "other", "text", "remedy");
	for (int i = 0; i < 300; i++) {
		snprintf(tenant, sizeof tenant, "tenant%d.example", i);
		count = raise(fixture, 10 + i, 1, LOCK_BY_TENANT, "192.0.2.1", tenant);
	}
	assert_in_range(count, 2, 50);
	assert_string_equal(fixture->list[0].id, "other");
	assert_true(stands(fixture, LOCK_BY_TENANT, "tenant299.example"));
	assert_false(stands(fixture, LOCK_BY_TENANT, "tenant0.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_review, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
