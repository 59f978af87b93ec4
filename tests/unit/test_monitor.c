/* test_monitor.c -- the rules over facts that are made up, and the looking over a real store with mail of
 * past weeks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "service/monitor.h"
#include "test_service_fixture.h"

static const int64_t second_us = 1000000;
static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t gib = UINT64_C(1024) * 1024 * 1024;

struct fixture {
	struct service_fixture *service;
	struct problems *problems;
	struct monitor *monitor;
	struct monitor_facts facts; /* all is well */
	struct monitor_mailbox mailbox;
	char silent[96], uncollected[96];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;
	char id[MAILBOX_ID_TEXT_SIZE];

	fixture->service = service_fixture_new();
	fixture->problems = fixture->service->service.problems;
	fixture->monitor = monitor_new(&fixture->service->service, &error);
	assert_non_null(fixture->monitor);
	fixture->mailbox.id.bytes[0] = 7;
	strcpy(fixture->mailbox.name, "Office");
	fixture->mailbox.is_active = true;
	mailbox_id_text(&fixture->mailbox.id, id);
	snprintf(fixture->silent, sizeof fixture->silent, "silent %s", id);
	snprintf(fixture->uncollected, sizeof fixture->uncollected, "uncollected %s", id);
	fixture->facts = (struct monitor_facts){
		.wall_us = 1795493286 * second_us,
		.steady_us = 1000 * second_us,
		.figures = { .used_bytes = gib, .free_bytes = 100 * gib, .reserve_bytes = 2 * gib },
		.open_files = 100,
		.most_files = 1000,
		.is_memory_locked = true,
		.mailboxes = &fixture->mailbox,
		.mailbox_count = 1,
		.silent_limit_hours = 24,
		.uncollected_limit_hours = 48,
	};
	monitor_judge(fixture->monitor, &fixture->facts);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	monitor_free(&fixture->monitor);
	assert_null(fixture->monitor);
	service_fixture_free(&fixture->service);
	free(fixture);
	return 0;
}

static void pass(struct fixture *fixture, int64_t time_us)
{
	fixture->facts.wall_us += time_us;
	fixture->facts.steady_us += time_us;
}

static bool judge(struct fixture *fixture, const char *id, struct problem *problem)
{
	monitor_judge(fixture->monitor, &fixture->facts);
	return has_problem(fixture->problems, id, problem);
}

static size_t problem_count(struct fixture *fixture)
{
	struct problem one;

	return problems_list(fixture->problems, &one, 1);
}

static void test_all_is_well(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 100; i++) {
		pass(fixture, hour_us);
		monitor_judge(fixture->monitor, &fixture->facts);
	}
	assert_int_equal(problem_count(fixture), 0);
}

static void test_silence(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;
	int64_t since_us;

	fixture->mailbox.silent_hours = 24;
	fixture->mailbox.last_received_us = 1795400000 * second_us;
	/* A gateway that has just started waits for what senders try again. */
	assert_false(judge(fixture, fixture->silent, NULL));
	pass(fixture, hour_us);
	assert_true(judge(fixture, fixture->silent, &problem));
	assert_int_equal(problem.severity, PROBLEM_WARNING);
	assert_non_null(strstr(problem.text, "\"Office\" for 24 of the hours"));
	assert_non_null(strstr(problem.text, "2026-11-23T02:13:20Z"));
	assert_non_null(strstr(problem.remedy, "journal"));
	since_us = problem.since_us;
	pass(fixture, hour_us);
	fixture->mailbox.silent_hours = 25;
	assert_true(judge(fixture, fixture->silent, &problem));
	assert_true(problem.since_us == since_us);
	assert_non_null(strstr(problem.text, "25 of the hours"));
	/* What ends it: mail, suspending, the setting, deletion. */
	fixture->mailbox.silent_hours = 0;
	assert_false(judge(fixture, fixture->silent, NULL));
	fixture->mailbox.silent_hours = 30;
	assert_true(judge(fixture, fixture->silent, NULL));
	fixture->mailbox.is_active = false;
	assert_false(judge(fixture, fixture->silent, NULL));
	fixture->mailbox.is_active = true;
	assert_true(judge(fixture, fixture->silent, NULL));
	fixture->facts.silent_limit_hours = 31;
	assert_false(judge(fixture, fixture->silent, NULL));
	fixture->facts.silent_limit_hours = 0;
	assert_false(judge(fixture, fixture->silent, NULL));
	fixture->facts.silent_limit_hours = 1;
	assert_true(judge(fixture, fixture->silent, NULL));
	fixture->facts.mailbox_count = 0;
	assert_false(judge(fixture, fixture->silent, NULL));
}

static void test_collecting(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;

	fixture->mailbox.waiting = 5;
	fixture->mailbox.uncollected_since_us = fixture->facts.wall_us;
	pass(fixture, 48 * hour_us - 1);
	assert_false(judge(fixture, fixture->uncollected, NULL));
	pass(fixture, 1);
	assert_true(judge(fixture, fixture->uncollected, &problem));
	assert_non_null(strstr(problem.text, "5 messages wait in the mailbox \"Office\""));
	assert_non_null(strstr(problem.text, "2026-11-24T04:08:06Z"));
	/* A suspended mailbox is collected, too. */
	fixture->mailbox.is_active = false;
	assert_true(judge(fixture, fixture->uncollected, NULL));
	fixture->facts.uncollected_limit_hours = 0;
	assert_false(judge(fixture, fixture->uncollected, NULL));
	fixture->facts.uncollected_limit_hours = 48;
	assert_true(judge(fixture, fixture->uncollected, NULL));
	fixture->mailbox.waiting = 0;
	assert_false(judge(fixture, fixture->uncollected, NULL));
	fixture->mailbox.waiting = 1;
	fixture->mailbox.uncollected_since_us = 0; /* not known */
	assert_false(judge(fixture, fixture->uncollected, NULL));
	fixture->mailbox.uncollected_since_us = 1;
	assert_true(judge(fixture, fixture->uncollected, NULL));
	fixture->facts.mailbox_count = 0;
	assert_false(judge(fixture, fixture->uncollected, NULL));
}

static void test_clock(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;

	pass(fixture, 60 * second_us);
	fixture->facts.wall_us += 299 * second_us; /* mended in small steps */
	assert_false(judge(fixture, "clock", NULL));
	pass(fixture, 60 * second_us);
	fixture->facts.wall_us += 2 * hour_us;
	assert_true(judge(fixture, "clock", &problem));
	assert_non_null(
		strstr(problem.text, "set forward by 120 minutes; it says 2026-11-24T06:15"));
	pass(fixture, 24 * hour_us - 1);
	assert_true(judge(fixture, "clock", NULL));
	pass(fixture, 1);
	assert_false(judge(fixture, "clock", NULL));
	fixture->facts.wall_us -= 10 * hour_us;
	assert_true(judge(fixture, "clock", &problem));
	assert_non_null(strstr(problem.text, "set back by 600 minutes"));
}

static void test_memory_lock(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;

	fixture->facts.is_memory_locked = false;
	assert_true(judge(fixture, "memory-lock", &problem));
	assert_int_equal(problem.severity, PROBLEM_WARNING);
	assert_non_null(strstr(problem.remedy, "ulimit -l"));
	fixture->facts.is_memory_locked = true;
	assert_false(judge(fixture, "memory-lock", NULL));
}

static void test_open_files(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;

	fixture->facts.open_files = 899;
	assert_false(judge(fixture, "open-files-low", NULL));
	fixture->facts.open_files = 900;
	assert_true(judge(fixture, "open-files-low", &problem));
	assert_non_null(strstr(problem.text, "900 files and connections open and may have 1000"));
	fixture->facts.most_files = 0;
	assert_false(judge(fixture, "open-files-low", NULL));
}

static void test_low_disk(void **state)
{
	struct fixture *fixture = *state;
	struct store_figures *figures = &fixture->facts.figures;
	struct problem problem;

	figures->free_bytes = 3 * gib;
	assert_false(judge(fixture, "disk", NULL));
	figures->free_bytes = 3 * gib - 1024 * 1024;
	assert_true(judge(fixture, "disk", &problem));
	assert_int_equal(problem.severity, PROBLEM_WARNING);
	assert_non_null(strstr(problem.text, "room for 1023 MiB"));
	/* Free pages of the database are room, too. */
	figures->reusable_bytes = gib;
	assert_false(judge(fixture, "disk", NULL));
	figures->reusable_bytes = 0;
	figures->free_bytes = gib;
	assert_true(judge(fixture, "disk", &problem));
	assert_non_null(strstr(problem.text, "room for 0 MiB"));
	/* Then the store says it. */
	figures->is_short = true;
	assert_false(judge(fixture, "disk", NULL));
}

/* ---- looking ---- */

static void on_stored(struct store_delivery *delivery)
{
	countdown_step(delivery->context);
}

static void deliver(struct fixture *fixture, const struct id *mailbox, int64_t received_us)
{
	struct store *store = fixture->service->service.store;
	struct store_delivery delivery = { .target_count = 1, .received_us = received_us };
	static uint32_t serial;
	struct countdown done;
	struct id message = { { 0 } };

	serial++;
	memcpy(message.bytes, &serial, sizeof serial);
	delivery.body = store_body_new(store, &message);
	assert_non_null(delivery.body);
	assert_true(store_body_append(delivery.body, bytes_of("sealed"), NULL));
	delivery.targets[0] = (struct store_delivery_target){
		.mailbox = *mailbox, .message = message, .size = 6
	};
	delivery.done = on_stored;
	delivery.context = &done;
	countdown_init(&done, 1);
	store_delivery_submit(store, &delivery);
	countdown_wait(&done);
	countdown_clear(&done);
	assert_true(delivery.ok);
}

/* Mail each hour for two weeks, and none for the last hours. */
static void deliver_weeks(struct fixture *fixture, const struct id *mailbox, int silent_hours)
{
	int64_t now_us = clock_wall_us();

	for (int hour = 2 * 7 * 24; hour > silent_hours; hour--)
		deliver(fixture, mailbox, now_us - hour * hour_us);
}

static void test_look(void **state)
{
	struct fixture *fixture = *state;
	struct service_mailbox silent, lively;
	struct monitor *monitor;
	char id[MAILBOX_ID_TEXT_SIZE], uncollected[2][96], silent_id[96];
	struct problem problem;
	struct error error;

	service_mailbox_make(&silent, "Silent");
	service_mailbox_make(&lively, "Lively");
	service_fixture_add(fixture->service, &silent);
	service_fixture_add(fixture->service, &lively);
	deliver_weeks(fixture, &silent.stored.id, 30);
	deliver(fixture, &lively.stored.id, clock_wall_us() - 47 * hour_us);
	deliver(fixture, &lively.stored.id, clock_wall_us());
	mailbox_id_text(&silent.stored.id, id);
	snprintf(uncollected[0], sizeof uncollected[0], "uncollected %s", id);
	snprintf(silent_id, sizeof silent_id, "silent %s", id);
	mailbox_id_text(&lively.stored.id, id);
	snprintf(uncollected[1], sizeof uncollected[1], "uncollected %s", id);
	monitor = monitor_new(&fixture->service->service, &error);
	monitor_look(monitor);
	assert_true(has_problem(fixture->problems, uncollected[0], &problem));
	assert_non_null(strstr(problem.text, "306 messages wait in the mailbox \"Silent\""));
	assert_false(has_problem(fixture->problems, uncollected[1], NULL));
	/* Not yet: the monitor has just started. */
	assert_false(has_problem(fixture->problems, silent_id, NULL));
	assert_true(config_set(
		&fixture->service->service.config, "alerts.uncollected-hours", "46", &error));
	monitor_look(monitor);
	assert_true(has_problem(fixture->problems, uncollected[1], &problem));
	assert_non_null(strstr(problem.text, "2 messages"));
	assert_true(mailboxes_set_status(
		&fixture->service->mailboxes, &silent.stored.id, STORE_MAILBOX_SUSPENDED, &error));
	assert_true(mailboxes_delete(&fixture->service->mailboxes, &silent.stored.id, &error));
	monitor_look(monitor);
	assert_false(has_problem(fixture->problems, uncollected[0], NULL));
	monitor_free(&monitor);
	service_mailbox_clear(&silent);
	service_mailbox_clear(&lively);
}

struct found {
	char text[256];
};

static void take_row(void *context, const char *key, const char *value)
{
	struct found *found = context;

	if (strcmp(key, "state.disk-history") == 0)
		snprintf(found->text, sizeof found->text, "%s", value);
}

/* The thread looks at once, and what it learned of the disk outlives it. */
static void test_thread(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->service->service.store;
	long long hours = clock_wall_us() / hour_us;
	struct found found = { "" };
	char kept[64];
	struct error error;

	snprintf(kept, sizeof kept, "%lld:1", hours - 30);
	assert_true(store_setting_set(store, "state.disk-history", kept, &error));
	assert_true(monitor_start(fixture->monitor, &error));
	monitor_stop(fixture->monitor);
	monitor_stop(fixture->monitor);
	assert_true(store_setting_each(store, take_row, &found, &error));
	/* The fixture's judging was its first look: the old row is not read after it. */
	assert_true(strlen(found.text) > 0);
	monitor_free(&fixture->monitor);
	assert_true(store_setting_set(store, "state.disk-history", kept, &error));
	fixture->monitor = monitor_new(&fixture->service->service, &error);
	monitor_look(fixture->monitor);
	assert_true(store_setting_each(store, take_row, &found, &error));
	assert_memory_equal(found.text, kept, strlen(kept));
	snprintf(kept, sizeof kept, ":1 %lld:", hours);
	assert_non_null(strstr(found.text, kept));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_is_well, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_collecting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_low_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_look, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thread, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
