/* test_mailbox_export.c -- the messages in each format, in order, whole or not at all; what is damaged is named; who does
 * not know the password gets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/mailbox_export.h"
#include "service/quarantine.h"
#include "test_ledger_fixture.h"

#define PASSWORD "a password of tests"

enum { LARGE = 700000, ENTRIES_MAX = 300, TEXT_MAX = 16 * 1024 * 1024 };

struct entry {
	char name[OUTGOING_ENTRY_SIZE];
	struct buf data;
};

struct outcome {
	struct entry entries[ENTRIES_MAX];
	size_t count;
	struct mailbox_export_report report;
	uint64_t done, total;
	bool is_open; /* the last entry is */
};

static struct mailbox_export *begin(struct ledger_fixture *fixture,
	enum mailbox_export_format format, bool with_collected, const char *password,
	struct error *error)
{
	const struct mailbox_export_options options = { .mailbox = *fixture->id,
		.password = bytes_of(password),
		.format = format,
		.with_collected = with_collected };

	return mailbox_export_new(&fixture->service->service, &options, error);
}

static void take(
	struct outcome *outcome, const struct outgoing_piece *piece, const struct buf *data)
{
	struct entry *entry;

	assert_true(piece->done >= outcome->done && piece->done <= piece->total);
	outcome->done = piece->done;
	outcome->total = piece->total;
	if (!piece->entry[0]) {
		assert_int_equal(data->size, 0);
		return;
	}
	if (!outcome->is_open) {
		assert_true(outcome->count < ENTRIES_MAX);
		strcpy(outcome->entries[outcome->count].name, piece->entry);
		buf_init(&outcome->entries[outcome->count++].data, TEXT_MAX);
	}
	entry = &outcome->entries[outcome->count - 1];
	assert_string_equal(entry->name, piece->entry);
	assert_true(buf_append(&entry->data, buf_view(data)));
	outcome->is_open = !piece->is_entry_end;
}

static struct outcome *export_all(
	struct ledger_fixture *fixture, enum mailbox_export_format format, bool with_collected)
{
	struct outcome *outcome = calloc(1, sizeof *outcome);
	struct outgoing_piece piece = { .is_end = false };
	struct mailbox_export *exported;
	struct error error;
	struct buf data;

	assert_non_null(outcome);
	exported = begin(fixture, format, with_collected, PASSWORD, &error);
	if (!exported)
		fail_msg("%s", error.text);
	buf_init(&data, OUTGOING_PIECE_MAX);
	while (!piece.is_end) {
		data.size = 0;
		if (!mailbox_export_next(exported, &piece, &data, &error))
			fail_msg("%s", error.text);
		take(outcome, &piece, &data);
	}
	assert_false(outcome->is_open);
	assert_int_equal(outcome->done, outcome->total);
	outcome->report = *mailbox_export_report(exported);
	mailbox_export_free(&exported);
	mailbox_export_free(&exported);
	buf_clear(&data);
	return outcome;
}

static void outcome_free(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->count; i++)
		buf_clear(&outcome->entries[i].data);
	free(outcome);
}

static bool contains(const struct buf *data, const char *text)
{
	return memmem(data->data, data->size, text, strlen(text)) != NULL;
}

static void deliver_large(struct ledger_fixture *fixture)
{
	static const char beginning[] = "Subject: large\r\n\r\nFrom here\r\n>From there\r\n";
	char *content = malloc(LARGE + 1);

	memset(content, 'x', LARGE);
	memcpy(content, beginning, sizeof beginning - 1);
	ledger_deliver(fixture, bytes_make((uint8_t *)content, LARGE));
	free(content);
}

static void fill(struct ledger_fixture *fixture)
{
	ledger_deliver_many(fixture, 2);
	deliver_large(fixture);
	ledger_deliver(fixture, bytes_of(""));
}

/* ---- formats ---- */

static void test_eml(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome = export_all(fixture, MAILBOX_EXPORT_EML, false);
	struct store_message *messages;
	size_t count;

	assert_int_equal(outcome->count, 0);
	outcome_free(outcome);
	fill(fixture);
	outcome = export_all(fixture, MAILBOX_EXPORT_EML, false);
	messages = ledger_list(fixture, &count);
	assert_int_equal(outcome->count, 4);
	assert_int_equal(outcome->report.exported, 4);
	assert_int_equal(outcome->report.damaged + outcome->report.gone, 0);
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &outcome->entries[i];
		char begins[32], id[ID_TEXT_SIZE];

		/* As many octets as RETR announces. */
		assert_int_equal(entry->data.size, messages[i].size);
		snprintf(begins, sizeof begins, "%06zu-2", i + 1);
		id_text(&messages[i].id, id);
		id[8] = '\0';
		assert_int_equal(strncmp(entry->name, begins, strlen(begins)), 0);
		assert_non_null(strstr(entry->name, id));
		assert_null(strchr(entry->name, '/'));
		assert_int_equal(
			memcmp(entry->data.data, "Return-Path: <sender@example.org>\r\n", 35), 0);
		assert_int_equal(memcmp(entry->data.data + entry->data.size - 2, "\r\n", 2), 0);
	}
	assert_true(contains(&outcome->entries[1].data, "Subject: message 1\r\n\r\nText.\r\n"));
	assert_true(contains(&outcome->entries[2].data, "\r\nFrom here\r\n>From there\r\nxxxx"));
	free(messages);
	outcome_free(outcome);
}

static void test_maildir(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome, *eml;

	fill(fixture);
	outcome = export_all(fixture, MAILBOX_EXPORT_MAILDIR, false);
	eml = export_all(fixture, MAILBOX_EXPORT_EML, false);
	assert_int_equal(outcome->count, 7);
	assert_string_equal(outcome->entries[0].name, "cur/");
	assert_string_equal(outcome->entries[1].name, "new/");
	assert_string_equal(outcome->entries[2].name, "tmp/");
	for (size_t i = 0; i < 4; i++) {
		const struct entry *entry = &outcome->entries[3 + i];

		assert_int_equal(strncmp(entry->name, "new/", 4), 0);
		assert_null(strpbrk(entry->name + 4, "/:,"));
		assert_true(bytes_equal(buf_view(&entry->data), buf_view(&eml->entries[i].data)));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(entry->name, outcome->entries[3 + k].name);
	}
	outcome_free(outcome);
	outcome_free(eml);
}

static void test_mbox(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome = export_all(fixture, MAILBOX_EXPORT_MBOX, false);
	size_t separators = 0;

	/* An empty one is a file, too. */
	assert_int_equal(outcome->count, 1);
	assert_int_equal(outcome->entries[0].data.size, 0);
	outcome_free(outcome);
	fill(fixture);
	outcome = export_all(fixture, MAILBOX_EXPORT_MBOX, false);
	assert_int_equal(outcome->count, 1);
	assert_int_equal(memcmp(outcome->entries[0].data.data, "From sender@example.org ", 24), 0);
	assert_true(contains(&outcome->entries[0].data, "\n>From here\n>>From there\nxxx"));
	assert_false(contains(&outcome->entries[0].data, "\r"));
	for (size_t i = 0; i + 6 < outcome->entries[0].data.size; i++)
		separators += memcmp(outcome->entries[0].data.data + i, "\nFrom ", 6) == 0;
	assert_int_equal(separators, 3);
	outcome_free(outcome);
}

/* More than are looked up at a time, of several states that take turns. */
static void test_many(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome;

	ledger_deliver_many(fixture, 280);
	ledger_collect(fixture, 140);
	ledger_quarantine_first(fixture);
	outcome = export_all(fixture, MAILBOX_EXPORT_EML, false);
	assert_int_equal(outcome->report.exported, 139);
	assert_int_equal(outcome->report.damaged, 1);
	outcome_free(outcome);
	outcome = export_all(fixture, MAILBOX_EXPORT_EML, true);
	assert_int_equal(outcome->report.exported, 279);
	for (size_t i = 0; i < 140; i++) {
		char subject[40];

		snprintf(subject, sizeof subject, "Subject: message %zu\r\n", i);
		assert_true(contains(&outcome->entries[i].data, subject));
	}
	outcome_free(outcome);
}

/* ---- damage ---- */

static bool has_damaged(struct ledger_fixture *fixture, size_t number)
{
	char id[100] = "damaged-message ";

	mailbox_id_text(fixture->id, id + strlen(id));
	snprintf(id + strlen(id), 20, " %zu", number);
	return has_problem(fixture->service->service.problems, id, NULL);
}

static void test_damaged(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome;
	struct store_message *messages;
	size_t count;

	fill(fixture);
	messages = ledger_list(fixture, &count);
	ledger_tamper(fixture, "UPDATE bodies SET sealed = flip(sealed) WHERE number = 2");
	for (int round = 0; round < 2; round++) {
		/* In no format a part of it goes out, and it is named each time. */
		outcome = export_all(fixture, MAILBOX_EXPORT_MBOX, false);
		assert_int_equal(outcome->report.exported, 3);
		assert_int_equal(outcome->report.damaged, 1);
		assert_true(id_is_equal(&outcome->report.named[0].message, &messages[1].id));
		assert_int_equal(outcome->report.named[0].received_us, messages[1].received_us);
		assert_false(contains(&outcome->entries[0].data, "Subject: message 1\n"));
		outcome_free(outcome);
		assert_true(has_damaged(fixture, 2));
	}
	free(messages);
	free(ledger_list(fixture, &count));
	assert_int_equal(count, 3);
	quarantine_forget(fixture->service->service.problems, fixture->id);
	assert_false(has_damaged(fixture, 2));
}

static void test_cut_short(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome;

	fill(fixture);
	/* Cut in the middle of a chunk, and to nothing. */
	ledger_tamper(fixture, "UPDATE bodies SET sealed = substr(sealed, 1, length(sealed) - 3), "
			       "sealed_size = sealed_size - 3 WHERE number = 1; "
			       "UPDATE bodies SET sealed = x'', sealed_size = 0 WHERE number = 4");
	outcome = export_all(fixture, MAILBOX_EXPORT_EML, false);
	assert_int_equal(outcome->report.exported, 2);
	assert_int_equal(outcome->report.damaged, 2);
	outcome_free(outcome);
}

/* Another mailbox's message in the place of one of this one's. */
static void test_exchanged(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome *outcome;

	ledger_deliver_many(fixture, 3);
	ledger_tamper(fixture, "UPDATE messages SET body = 1 WHERE number = 2");
	outcome = export_all(fixture, MAILBOX_EXPORT_EML, false);
	assert_int_equal(outcome->report.exported, 2);
	assert_int_equal(outcome->report.damaged, 1);
	outcome_free(outcome);
}

/* ---- what goes on meanwhile ---- */

static void test_collected_meanwhile(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct store_limits limits = { .keep_collected_us = 0 };
	struct outgoing_piece piece = { .is_end = false };
	struct mailbox_export *exported;
	struct error error;
	struct buf data;

	store_set_limits(fixture->store, &limits);
	ledger_deliver_many(fixture, 5);
	exported = begin(fixture, MAILBOX_EXPORT_EML, false, PASSWORD, &error);
	assert_non_null(exported);
	buf_init(&data, OUTGOING_PIECE_MAX);
	assert_true(mailbox_export_next(exported, &piece, &data, &error));
	ledger_collect(fixture, 4);
	while (!piece.is_end) {
		data.size = 0;
		assert_true(mailbox_export_next(exported, &piece, &data, &error));
	}
	assert_int_equal(mailbox_export_report(exported)->exported, 2);
	assert_int_equal(mailbox_export_report(exported)->gone, 3);
	assert_int_equal(mailbox_export_report(exported)->damaged, 0);
	mailbox_export_free(&exported);
	buf_clear(&data);
}

/* A part of it is out: what was written cannot be the whole mailbox. */
static void test_collected_in_the_middle(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct store_limits limits = { .keep_collected_us = 0 };
	struct outgoing_piece piece = { .is_end = false };
	struct mailbox_export *exported;
	struct error error;
	struct buf data;
	bool ok = true;

	store_set_limits(fixture->store, &limits);
	deliver_large(fixture);
	exported = begin(fixture, MAILBOX_EXPORT_EML, false, PASSWORD, &error);
	assert_non_null(exported);
	buf_init(&data, OUTGOING_PIECE_MAX);
	assert_true(mailbox_export_next(exported, &piece, &data, &error));
	assert_false(piece.is_entry_end);
	ledger_collect(fixture, 1);
	while (ok && !piece.is_end) {
		data.size = 0;
		ok = mailbox_export_next(exported, &piece, &data, &error);
	}
	assert_false(ok);
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "begin the export again"));
	mailbox_export_free(&exported);
	buf_clear(&data);
}

/* Mail of a key that is not at hand must not pass for damaged. */
static void test_new_keys_meanwhile(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outgoing_piece piece = { .is_end = false };
	struct mailbox_export *exported;
	struct error error;
	struct buf data;
	size_t count;
	bool ok = true;

	ledger_deliver_many(fixture, 2);
	exported = begin(fixture, MAILBOX_EXPORT_EML, false, PASSWORD, &error);
	assert_non_null(exported);
	ledger_tamper(fixture, "UPDATE mailboxes SET generation = 2; "
			       "UPDATE bodies SET sealed = flip(sealed)");
	buf_init(&data, OUTGOING_PIECE_MAX);
	while (ok && !piece.is_end) {
		data.size = 0;
		ok = mailbox_export_next(exported, &piece, &data, &error);
	}
	assert_false(ok);
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "new keys meanwhile"));
	mailbox_export_free(&exported);
	buf_clear(&data);
	free(ledger_list(fixture, &count));
	assert_int_equal(count, 2);
}

static void test_refused(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct id before = fixture->mailbox.stored.id;
	struct error error;

	fill(fixture);
	assert_null(begin(fixture, MAILBOX_EXPORT_EML, false, "wrong", &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_null(begin(fixture, MAILBOX_EXPORT_EML, false, "", &error));
	fixture->mailbox.stored.id.bytes[0] ^= 1;
	assert_null(begin(fixture, MAILBOX_EXPORT_EML, false, PASSWORD, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	fixture->mailbox.stored.id = before;
}

/* Let go of in the middle of a long message. */
static void test_given_up(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outgoing_piece piece;
	struct mailbox_export *exported;
	struct error error;
	struct buf data;

	deliver_large(fixture);
	exported = begin(fixture, MAILBOX_EXPORT_MBOX, false, PASSWORD, &error);
	assert_non_null(exported);
	buf_init(&data, OUTGOING_PIECE_MAX);
	assert_true(mailbox_export_next(exported, &piece, &data, &error));
	assert_false(piece.is_entry_end || piece.is_end);
	mailbox_export_free(&exported);
	assert_null(exported);
	buf_clear(&data);
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, ledger_set_up, ledger_tear_down)
	const struct CMUnitTest tests[] = {
		OPEN(test_eml),
		OPEN(test_maildir),
		OPEN(test_mbox),
		OPEN(test_many),
		OPEN(test_damaged),
		OPEN(test_cut_short),
		OPEN(test_exchanged),
		OPEN(test_collected_meanwhile),
		OPEN(test_collected_in_the_middle),
		OPEN(test_new_keys_meanwhile),
		OPEN(test_refused),
		OPEN(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
