/* test_ledger_export.c -- the rows as CSV and as JSON, with and without the password, whole and with rows that are
 * missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "service/ledger_export.h"
#include "test_ledger_fixture.h"

#define PASSWORD "a password of tests"
#define HEAD                                                                                \
	"number,received,received_us,size,digest,link,receipt,signed,signed_us,generation," \
	"signature"

enum { TEXT_MAX = 4 * 1024 * 1024 };

struct outcome {
	struct buf text;
	struct ledger_export_report report;
	size_t pieces;
};

static void export_all(struct ledger_fixture *fixture, enum ledger_export_format format,
	const char *password, struct outcome *outcome)
{
	struct ledger_export_options options = {
		.mailbox = *fixture->id, .password = bytes_of(password), .format = format
	};
	struct error error;
	struct ledger_export *exported =
		ledger_export_new(&fixture->service->service, &options, &error);
	struct buf piece;
	bool is_end = false;

	if (!exported)
		fail_msg("%s", error.text);
	*outcome = (struct outcome){ .pieces = 0 };
	buf_init(&outcome->text, TEXT_MAX);
	buf_init(&piece, OUTGOING_PIECE_MAX);
	while (!is_end) {
		piece.size = 0;
		if (!ledger_export_next(exported, &piece, &is_end, &error))
			fail_msg("%s", error.text);
		assert_true(buf_append(&outcome->text, buf_view(&piece)));
		outcome->pieces++;
	}
	outcome->report = *ledger_export_report(exported);
	ledger_export_free(&exported);
	ledger_export_free(&exported);
	buf_clear(&piece);
	assert_non_null(buf_text(&outcome->text));
}

static size_t count_lines(const struct buf *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->size; i++)
		count += text->data[i] == '\n';
	return count;
}

/* The cell of that column in a line of CSV. */
static struct bytes cell(struct bytes line, size_t column)
{
	struct bytes found = bytes_of("");

	assert_true(line.size && line.data[line.size - 1] == '\r');
	line.size--;
	for (size_t i = 0; i <= column; i++) {
		if (!bytes_split(&line, ',', &found)) {
			assert_int_equal(i, column);
			return line;
		}
	}
	return found;
}

static void test_csv(void **state)
{
	struct ledger_fixture *fixture = *state;
	static const char content[] = "Subject: message 1\r\n\r\nText.\r\n";
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct outcome outcome;
	struct bytes rest, line;
	struct sha256 sha256;

	ledger_deliver_many(fixture, 3);
	ledger_sign(fixture, INT64_C(1795493286) * 1000000);
	ledger_deliver_many(fixture, 1);
	export_all(fixture, LEDGER_EXPORT_CSV, "", &outcome);
	assert_int_equal(outcome.report.rows, 4);
	assert_int_equal(outcome.report.total, 4);
	assert_int_equal(outcome.report.signatures, 1);
	assert_int_equal(outcome.report.unopened, 0);
	rest = buf_view(&outcome.text);
	assert_true(bytes_split(&rest, '\n', &line));
	assert_true(bytes_equal_text(line, HEAD "\r"));
	for (size_t number = 1; number <= 4; number++) {
		char text[8];

		assert_true(bytes_split(&rest, '\n', &line));
		snprintf(text, sizeof text, "%zu", number);
		assert_true(bytes_equal_text(cell(line, 0), text));
		assert_int_equal(cell(line, 4).size, 64);
		assert_int_equal(cell(line, 5).size, 64);
		assert_int_equal(cell(line, 6).size, 2 * (16 + 80));
		assert_true(
			bytes_equal_text(cell(line, 7), number == 3 ? "2026-11-24T04:08:06Z" : ""));
		assert_true(bytes_equal_text(cell(line, 10), "") == (number != 3));
	}
	assert_int_equal(rest.size, 0);
	buf_clear(&outcome.text);

	export_all(fixture, LEDGER_EXPORT_CSV, PASSWORD, &outcome);
	assert_int_equal(outcome.report.unopened, 0);
	rest = buf_view(&outcome.text);
	assert_true(bytes_split(&rest, '\n', &line));
	assert_true(bytes_equal_text(line, HEAD ",sha256\r"));
	assert_true(bytes_split(&rest, '\n', &line) && bytes_split(&rest, '\n', &line));
	sha256_init(&sha256);
	sha256_update(&sha256, bytes_of(content));
	sha256_final(&sha256, digest);
	hex_encode(bytes_make(digest, sizeof digest), hex);
	assert_true(bytes_equal_text(cell(line, 11), hex));
	buf_clear(&outcome.text);
}

static void test_json(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome outcome;
	char mailbox[MAILBOX_ID_TEXT_SIZE], begins[100];

	mailbox_id_text(fixture->id, mailbox);
	export_all(fixture, LEDGER_EXPORT_JSON, "", &outcome);
	snprintf(begins, sizeof begins, "{\"mailbox\":\"%s\",\"identity\":\"", mailbox);
	assert_int_equal(strncmp((char *)outcome.text.data, begins, strlen(begins)), 0);
	assert_non_null(strstr((char *)outcome.text.data, "\"rows\":[\n]}\n"));
	buf_clear(&outcome.text);
	ledger_deliver_many(fixture, 2);
	ledger_sign(fixture, 1);
	export_all(fixture, LEDGER_EXPORT_JSON, PASSWORD, &outcome);
	assert_int_equal(count_lines(&outcome.text), 4);
	assert_non_null(strstr((char *)outcome.text.data, "[\n{\"number\":1,\"received\":\""));
	assert_non_null(strstr((char *)outcome.text.data, "\"signed\":null,\"signed_us\":null"));
	assert_non_null(strstr((char *)outcome.text.data, "},\n{\"number\":2,"));
	assert_non_null(strstr((char *)outcome.text.data, "\"signed_us\":1,\"generation\":1"));
	assert_non_null(strstr((char *)outcome.text.data, "\"}\n]}\n"));
	buf_clear(&outcome.text);
}

/* More than one piece, and more signatures than are read at a time; what comes meanwhile is not in it. */
static void test_many(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome outcome;

	for (int i = 0; i < 70; i++) {
		ledger_deliver_many(fixture, 8);
		ledger_sign(fixture, i + 1);
	}
	export_all(fixture, LEDGER_EXPORT_JSON, PASSWORD, &outcome);
	assert_true(outcome.pieces > 1);
	assert_int_equal(outcome.report.rows, 560);
	assert_int_equal(outcome.report.signatures, 70);
	assert_int_equal(outcome.report.unopened, 0);
	assert_int_equal(count_lines(&outcome.text), 562);
	buf_clear(&outcome.text);
}

static void test_tampered(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct outcome outcome;

	ledger_deliver_many(fixture, 6);
	ledger_sign(fixture, 1);
	/* A receipt of another message, one that is cut short, and one that is none. */
	ledger_tamper(fixture,
		"UPDATE ledger SET receipt = flip(receipt) WHERE number = 1; "
		"UPDATE ledger SET receipt = substr(receipt, 1, 40) WHERE number = 2; "
		"UPDATE ledger SET receipt = x'' WHERE number = 3; "
		"UPDATE ledger SET receipt = substr(receipt, 1, 16) WHERE number = 4");
	export_all(fixture, LEDGER_EXPORT_CSV, PASSWORD, &outcome);
	assert_int_equal(outcome.report.rows, 6);
	/* The last of them says whose copy it was, and promised nothing. */
	assert_int_equal(outcome.report.unopened, 3);
	buf_clear(&outcome.text);
	ledger_tamper(fixture, "DELETE FROM ledger WHERE number IN (2, 6)");
	export_all(fixture, LEDGER_EXPORT_CSV, "", &outcome);
	assert_int_equal(outcome.report.rows, 4);
	assert_int_equal(outcome.report.total, 6);
	buf_clear(&outcome.text);
	ledger_tamper(fixture, "DELETE FROM ledger");
	export_all(fixture, LEDGER_EXPORT_JSON, "", &outcome);
	assert_int_equal(outcome.report.rows, 0);
	assert_non_null(strstr((char *)outcome.text.data, "\"rows\":[\n]}\n"));
	buf_clear(&outcome.text);
}

static void test_refused(void **state)
{
	struct ledger_fixture *fixture = *state;
	struct ledger_export_options options = { .mailbox = *fixture->id,
		.password = bytes_of("wrong") };
	struct error error;

	ledger_deliver_many(fixture, 1);
	assert_null(ledger_export_new(&fixture->service->service, &options, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	options.mailbox.bytes[0] ^= 1;
	options.password = bytes_of("");
	assert_null(ledger_export_new(&fixture->service->service, &options, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, ledger_set_up, ledger_tear_down)
	const struct CMUnitTest tests[] = {
		OPEN(test_csv),
		OPEN(test_json),
		OPEN(test_many),
		OPEN(test_tampered),
		OPEN(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
