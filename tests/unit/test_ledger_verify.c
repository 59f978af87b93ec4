/* test_ledger_verify.c -- what a verification says of a ledger that is whole, and of each way in which somebody can
 * change one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "platform/file.h"
#include "service/ledger_verify.h"
#include "test_ledger_fixture.h"

#define NOW_US (INT64_C(1795493286) * 1000000)

enum { LARGE = 300000 };

static struct ledger_verification report;

static bool verify(struct ledger_fixture *fixture, const struct ledger_anchor *anchor)
{
	struct error error;

	report.anchor = anchor;
	if (!ledger_verify(&fixture->service->service, fixture->id, NOW_US, &report, &error))
		fail_msg("%s", error.text);
	assert_int_equal(report.ok, report.difference_count == 0);
	assert_ptr_equal(report.anchor, anchor);
	return report.ok;
}

static void must_be_fine(struct ledger_fixture *fixture, const struct ledger_anchor *anchor)
{
	if (!verify(fixture, anchor))
		fail_msg("%s", report.differences[0]);
}

static bool is_told(struct ledger_fixture *fixture, const char *word)
{
	char id[64];
	struct problem problem;

	snprintf(id, sizeof id, "%s ", word);
	mailbox_id_text(fixture->id, id + strlen(id));
	if (!has_problem(fixture->service->service.problems, id, &problem))
		return false;
	assert_int_equal(problem.severity, PROBLEM_ERROR);
	assert_non_null(strstr(problem.text, "\"Journal\""));
	assert_non_null(strstr(problem.remedy, "ledger verify mbx-"));
	return true;
}

/* Among the differences. */
static void assert_says(const char *words)
{
	for (size_t i = 0; i < report.difference_count; i++) {
		if (strstr(report.differences[i], words))
			return;
	}
	fail_msg("\"%s\" is not said, but \"%s\"", words, report.differences[0]);
}

/* Ten rows: 1 and 2 collected and kept, 3 quarantined, 4 to 9 waiting, of which 9 is in a file, and 10 waiting;
 * signed at 4 and 9. */
static void fill(struct ledger_fixture *fixture)
{
	static uint8_t large[LARGE];

	ledger_deliver_many(fixture, 4);
	ledger_sign(fixture, NOW_US - 2);
	ledger_deliver_many(fixture, 4);
	memset(large, 'x', sizeof large);
	ledger_deliver(fixture, bytes_make(large, sizeof large));
	ledger_sign(fixture, NOW_US - 1);
	ledger_deliver_many(fixture, 1);
	ledger_collect(fixture, 2);
	ledger_quarantine_first(fixture);
}

static void test_whole(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct ledger_anchor anchor;

	must_be_fine(fixture, NULL);
	assert_int_equal(report.rows + report.signatures + report.bodies, 0);
	fill(fixture);
	must_be_fine(fixture, NULL);
	assert_int_equal(report.rows, 10);
	assert_int_equal(report.signatures, 2);
	assert_int_equal(report.bodies, 10);
	assert_int_equal(report.older, 0);
	anchor = ledger_anchor_of(fixture);
	must_be_fine(fixture, &anchor);
	service_fixture_reopen(fixture->service);
	fixture->store = fixture->service->service.store;
	must_be_fine(fixture, &anchor);
	assert_false(is_told(fixture, "ledger") || is_told(fixture, "ledger-anchor"));
}

/* More than is read at a time. */
static void test_many(void **state)
{
	struct ledger_fixture *fixture = *state;

	for (int i = 0; i < 70; i++) {
		ledger_deliver_many(fixture, 8);
		ledger_sign(fixture, NOW_US);
	}
	must_be_fine(fixture, NULL);
	assert_int_equal(report.rows, 560);
	assert_int_equal(report.signatures, 70);
	assert_int_equal(report.bodies, 560);
	ledger_tamper(fixture, "UPDATE bodies SET sealed = flip(sealed) WHERE number IN (20, 530)");
	assert_false(verify(fixture, NULL));
	assert_int_equal(report.difference_count, 2);
	assert_says("row 20,");
	assert_says("row 530,");
}

#define WHERE(number) " WHERE number = " #number

/* What is done in SQL; how many differences that is; what two of them say. */
static const struct {
	const char *sql;
	size_t count;
	const char *says, *also;
} tamperings[] = {
	{ "UPDATE ledger SET size = size + 1" WHERE(5), 2, "row 5 is not the one that was written",
		"of row 5," },
	{ "UPDATE ledger SET received_us = 7" WHERE(5), 2, "row 5 is not the one", "of row 5," },
	{ "UPDATE ledger SET digest = flip(digest)" WHERE(5), 2, "row 5 is not the one",
		"the waiting message of row 5," },
	{ "UPDATE ledger SET receipt = flip(receipt)" WHERE(2), 1, "row 2 is not the one", "" },
	{ "UPDATE ledger SET receipt = x''" WHERE(2), 1, "row 2 is not the one", "" },
	{ "UPDATE ledger SET link = flip(link)" WHERE(5), 2, "row 5 is not the one",
		"row 6 is not the one" },
	{ "UPDATE ledger SET link = flip(link)" WHERE(9), 3, "row 9 is not the one",
		"row 9 was signed in another state" },
	{ "UPDATE ledger SET link = flip(link)" WHERE(10), 1, "row 10 is not the one", "" },
	{ "DELETE FROM ledger" WHERE(1), 2, "row 1 is missing", "the collected message of row 1," },
	{ "DELETE FROM ledger" WHERE(5), 2, "row 5 is missing", "of row 5," },
	{ "DELETE FROM ledger WHERE number BETWEEN 5 AND 7", 4, "rows 5 to 7 are missing",
		"has no row" },
	{ "DELETE FROM ledger" WHERE(9), 3, "row 9 is missing",
		"row 9 was signed and is not there" },
	{ "DELETE FROM ledger" WHERE(10), 2, "row 10 is missing", "of row 10," },
	{ "DELETE FROM ledger", 13, "rows 1 to 10 are missing", "row 9 was signed" },
	/* The rows 5 and 6 exchanged: each chained to the wrong one, and the one behind them. */
	{ "UPDATE ledger SET number = 99" WHERE(5) "; UPDATE ledger SET number = 5" WHERE(
		  6) "; UPDATE ledger SET number = 6" WHERE(99),
		5, "row 5 is not the one", "row 6 is not the one" },
	{ "INSERT INTO ledger SELECT mailbox, 11, received_us, size, digest, link, receipt FROM "
	  "ledger" WHERE(10),
		2, "row 11 is not the one", "ends with row 11, but 10 copies" },
	{ "INSERT INTO ledger SELECT mailbox, 0, received_us, size, digest, link, receipt FROM "
	  "ledger" WHERE(1),
		2, "row 0 stands before the ledger's first", "row 1 is not the one" },
	{ "UPDATE counters SET ledger_before = 2; DELETE FROM ledger WHERE number < 3", 3,
		"row 3 is not the one", "of row 1," },
	{ "UPDATE ledger_signatures SET signature = flip(signature)" WHERE(4), 1,
		"the signature at row 4 is forged", "" },
	{ "UPDATE ledger_signatures SET head = flip(head)" WHERE(4), 1,
		"the signature at row 4 is forged", "" },
	{ "UPDATE ledger_signatures SET generation = 2" WHERE(4), 1,
		"the signature at row 4 is forged", "" },
	{ "UPDATE ledger_signatures SET number = 5" WHERE(4), 1, "the signature at row 5 is forged",
		"" },
	{ "UPDATE bodies SET sealed = flip(sealed)" WHERE(1), 1, "the collected message of row 1,",
		"another content" },
	{ "UPDATE bodies SET sealed = flip(sealed)" WHERE(3), 1,
		"the quarantined message of row 3,", "another content" },
	{ "UPDATE bodies SET sealed = flip(sealed)" WHERE(10), 1, "the waiting message of row 10,",
		"another content" },
	{ "UPDATE bodies SET sealed = (SELECT sealed FROM bodies" WHERE(
		  5) "), sealed_size = (SELECT "
		     "sealed_size FROM bodies" WHERE(5) ")" WHERE(6),
		1, "the waiting message of row 6,", "another content" },
	{ "DELETE FROM messages WHERE ledger_number = 5", 1,
		"8 copies are counted as waiting, and 7", "" },
	{ "UPDATE messages SET ledger_number = 55 WHERE ledger_number = 5", 1, "of row 55,",
		"has no row" },
	{ "UPDATE messages SET size = 5 WHERE ledger_number = 5", 1, "another size or time", "" },
};

/* Undone each time by what was kept beside it. */
static const char keep[] =
	"CREATE TABLE k1 AS SELECT * FROM ledger; CREATE TABLE k2 AS SELECT * FROM "
	"ledger_signatures; "
	"CREATE TABLE k3 AS SELECT * FROM bodies; CREATE TABLE k4 AS SELECT * FROM messages; "
	"CREATE TABLE k5 AS SELECT * FROM counters";
static const char put_back[] =
	"PRAGMA foreign_keys = OFF; BEGIN; "
	"DELETE FROM ledger; INSERT INTO ledger SELECT * FROM k1; "
	"DELETE FROM ledger_signatures; INSERT INTO ledger_signatures SELECT * FROM k2; "
	"DELETE FROM bodies; INSERT INTO bodies SELECT * FROM k3; "
	"DELETE FROM messages; INSERT INTO messages SELECT * FROM k4; "
	"DELETE FROM counters; INSERT INTO counters SELECT * FROM k5; COMMIT";

static void test_tampering(void **state)
{
	struct ledger_fixture *fixture = *state;

	fill(fixture);
	ledger_sql(fixture, keep);
	for (size_t i = 0; i < sizeof tamperings / sizeof tamperings[0]; i++) {
		ledger_tamper(fixture, tamperings[i].sql);
		verify(fixture, NULL);
		if (report.difference_count != tamperings[i].count)
			fail_msg("%s: %zu differences, the first: %s", tamperings[i].sql,
				report.difference_count, report.differences[0]);
		assert_says(tamperings[i].says);
		assert_says(tamperings[i].also);
		assert_true(is_told(fixture, "ledger"));
		assert_false(is_told(fixture, "ledger-anchor"));
		ledger_tamper(fixture, put_back);
		must_be_fine(fixture, NULL);
		assert_false(is_told(fixture, "ledger"));
	}
}

static bool note_file(void *context, const char *name)
{
	if (strcmp(name, "lost") != 0)
		snprintf(context, PATH_SIZE, "%s", name);
	return true;
}

static void test_body_files(void **state)
{
	struct ledger_fixture *fixture = *state;
	char folder[PATH_SIZE], name[PATH_SIZE] = "", path[PATH_SIZE];
	FILE *file;

	fill(fixture);
	assert_true(path_join(fixture->service->folder, "bodies", folder, NULL));
	assert_true(folder_each(folder, note_file, name, NULL));
	assert_true(path_join(folder, name, path, NULL));
	file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, LARGE / 2, SEEK_SET), 0);
	assert_true(fputc('?', file) != EOF);
	assert_int_equal(fclose(file), 0);
	assert_false(verify(fixture, NULL));
	assert_int_equal(report.difference_count, 1);
	assert_says("the waiting message of row 9,");
	assert_says("another content");
	assert_int_equal(truncate(path, LARGE), 0);
	assert_false(verify(fixture, NULL));
	assert_int_equal(report.difference_count, 1);
	assert_says("cannot be read whole");
	assert_int_equal(unlink(path), 0);
	assert_false(verify(fixture, NULL));
	assert_int_equal(report.difference_count, 1);
	assert_says("cannot be read whole");
	/* Deleted, it is no message any more of which anything could be said. */
	ledger_tamper(fixture, "DELETE FROM messages WHERE ledger_number = 9; "
			       "UPDATE counters SET waiting = 7, collected = 3");
	must_be_fine(fixture, NULL);
	assert_int_equal(report.bodies, 9);
}

static void test_older(void **state)
{
	struct ledger_fixture *fixture = *state;

	fill(fixture);
	/* As a migration leaves it: the first row, were it from before the ledger. */
	ledger_tamper(fixture, "UPDATE messages SET ledger_number = 0 WHERE ledger_number = 7");
	must_be_fine(fixture, NULL);
	assert_int_equal(report.older, 1);
	assert_int_equal(report.bodies, 9);
}

/* ---- anchors ---- */

static void test_anchor(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct ledger_anchor anchor, other;
	struct service_mailbox stranger;
	struct error error;

	fill(fixture);
	anchor = ledger_anchor_of(fixture);
	must_be_fine(fixture, &anchor);
	/* Forged in each of its parts: it proves nothing, and is no difference. */
	for (size_t i = 0; i < 4; i++) {
		uint8_t *parts[] = { anchor.head.link, anchor.identity, anchor.signature,
			(uint8_t *)&anchor.head.number };

		parts[i][0] ^= 1;
		report.anchor = &anchor;
		assert_false(ledger_verify(
			&fixture->service->service, fixture->id, NOW_US, &report, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		parts[i][0] ^= 1;
	}
	/* Another mailbox's. */
	service_mailbox_make(&stranger, "Other");
	other = anchor;
	other.head.mailbox = stranger.stored.id;
	report.anchor = &other;
	assert_false(
		ledger_verify(&fixture->service->service, fixture->id, NOW_US, &report, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_false(is_told(fixture, "ledger") || is_told(fixture, "ledger-anchor"));
	service_mailbox_clear(&stranger);
}

static void sign_anchor(struct ledger_fixture *fixture, struct ledger_anchor *anchor)
{
	mailbox_head_sign(fixture->keyring, &anchor->head, anchor->signature);
}

/* What only the anchor shows is not taken back by a verification without it. */
static void assert_anchor_tells(
	struct ledger_fixture *fixture, const struct ledger_anchor *anchor, const char *says)
{
	assert_false(verify(fixture, anchor));
	assert_int_equal(report.difference_count, 1);
	assert_says(says);
	assert_true(is_told(fixture, "ledger-anchor"));
	assert_false(is_told(fixture, "ledger"));
	must_be_fine(fixture, NULL);
	assert_true(is_told(fixture, "ledger-anchor"));
}

static void test_anchor_differs(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct ledger_anchor anchor, changed;

	fill(fixture);
	anchor = changed = ledger_anchor_of(fixture);
	changed.head.link[3] ^= 1;
	sign_anchor(fixture, &changed);
	assert_anchor_tells(fixture, &changed, "the anchor has another state of its row");
	must_be_fine(fixture, &anchor);
	assert_false(is_told(fixture, "ledger-anchor"));
	changed = anchor;
	changed.head.number = 11;
	sign_anchor(fixture, &changed);
	assert_anchor_tells(fixture, &changed, "an earlier state of the data folder was put back");
	must_be_fine(fixture, &anchor);
	changed = anchor;
	changed.head.generation = 2;
	sign_anchor(fixture, &changed);
	assert_anchor_tells(fixture, &changed, "the anchor knows encryption key 2");
	must_be_fine(fixture, &anchor);
	assert_false(is_told(fixture, "ledger-anchor"));
}

/* Rows taken away with everything that could tell, and all of it computed anew: whole in itself, but not what the
 * archive's anchor has. */
static void test_rollback(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct ledger_anchor anchor;

	fill(fixture);
	anchor = ledger_anchor_of(fixture);
	ledger_tamper(fixture, "DELETE FROM messages WHERE ledger_number > 8; DELETE FROM ledger "
			       "WHERE number > 8; "
			       "DELETE FROM ledger_signatures WHERE number > 8; "
			       "UPDATE counters SET received = 8, waiting = 6");
	assert_anchor_tells(
		fixture, &anchor, "the anchor knows 9 rows, and the ledger ends with 8");
	/* Others in their place. */
	ledger_deliver_many(fixture, 3);
	assert_anchor_tells(fixture, &anchor, "the anchor has another state of its row");
}

/* ---- what cannot be done ---- */

static void test_refused(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct service *service = &fixture->service->service;
	struct id nobody = { { 1 } };
	struct error error;

	fill(fixture);
	report.anchor = NULL;
	assert_false(ledger_verify(service, &nobody, NOW_US, &report, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	atomic_store(&service->is_verifying, true);
	assert_false(ledger_verify(service, fixture->id, NOW_US, &report, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	atomic_store(&service->is_verifying, false);
	atomic_store(&service->is_ending, true);
	assert_false(ledger_verify(service, fixture->id, NOW_US, &report, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	atomic_store(&service->is_ending, false);
	must_be_fine(fixture, NULL);
}

/* All that differs is counted, the first ones are listed. */
static void test_many_differences(void **state)
{
	struct ledger_fixture *fixture = *state;

	ledger_deliver_many(fixture, LEDGER_DIFFERENCES_MAX + 10);
	ledger_tamper(fixture, "UPDATE ledger SET receipt = flip(receipt)");
	assert_false(verify(fixture, NULL));
	assert_int_equal(report.difference_count, LEDGER_DIFFERENCES_MAX + 10);
	for (size_t i = 0; i < LEDGER_DIFFERENCES_MAX; i++)
		assert_non_null(strstr(report.differences[i], "is not the one"));
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, ledger_set_up, ledger_tear_down)
	const struct CMUnitTest tests[] = {
		OPEN(test_whole),
		OPEN(test_many),
		OPEN(test_tampering),
		OPEN(test_body_files),
		OPEN(test_older),
		OPEN(test_anchor),
		OPEN(test_anchor_differs),
		OPEN(test_rollback),
		OPEN(test_refused),
		OPEN(test_many_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
