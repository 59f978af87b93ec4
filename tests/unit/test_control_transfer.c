/* test_control_transfer.c -- transfers through the control interface, in the process and over its socket: what goes in
 * comes out, and a connection's transfers end with it. The methods are the tests' own (test_method_rows.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "control/json_memory.h"
#include "control/transfer_piece.h"
#include "test_control_fixture.h"
#include "test_method_rows.h"
#include "test_platform_fixture.h"

enum { ENTRIES = 5, SIZE = 250000 };

static json_t *parse(struct call call, bool is_result)
{
	json_t *value = json_loads(call.text, JSON_DECODE_ANY, NULL);

	if (call.is_result != is_result)
		fail_msg("%s", call.text);
	assert_non_null(value);
	free(call.text);
	return value;
}

/* `client` NULL: in the process. */
static struct call call_either(
	struct fixture *fixture, struct control_client *client, const char *method, json_t *params)
{
	char *text = json_dumps(params, 0);
	struct call call = client ? call_client(client, method, text)
				  : call_control(fixture->control, method, text);

	json_memory_free_text(text);
	json_decref(params);
	return call;
}

static json_int_t begin(struct fixture *fixture, struct control_client *client, const char *method,
	const char *form, int entries, int size)
{
	json_t *params =
		json_pack("{s:i, s:i, s:s*}", "entries", entries, "size", size, "form", form);
	json_t *answer = parse(call_either(fixture, client, method, params), true);
	json_int_t number = json_integer_value(json_object_get(answer, "transfer"));

	if (form)
		assert_string_equal(json_string_value(json_object_get(answer, "hint")), "begun");
	json_decref(answer);
	return number;
}

static struct call read_call(
	struct fixture *fixture, struct control_client *client, json_int_t number)
{
	return call_either(
		fixture, client, "transfer.read", json_pack("{s:I}", "transfer", number));
}

/* Reads all of it, checking every octet. */
static void read_whole(struct fixture *fixture, struct control_client *client)
{
	json_int_t number = begin(fixture, client, "test.bring", "folder", ENTRIES, SIZE);
	struct transfer_order order = { .is_over = false };
	struct transfer_piece piece;
	size_t index = 0, place = 0;
	json_t *answer = NULL;

	transfer_piece_init(&piece);
	while (!piece.is_end) {
		json_decref(answer);
		answer = parse(read_call(fixture, client, number), true);
		assert_true(transfer_piece_unpack(answer, &piece, NULL));
		assert_true(transfer_order_step(&order, &piece, NULL));
		assert_int_equal(piece.total, ENTRIES);
		for (size_t i = 0; i < piece.data.size; i++) {
			if (piece.data.data[i] != test_octet(index, place++))
				fail_msg("entry %zu differs", index);
		}
		if (piece.is_entry_end) {
			assert_int_equal(place, SIZE);
			index++;
			place = 0;
		}
	}
	assert_int_equal(index, ENTRIES);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(answer, "result"), "entries")),
		ENTRIES);
	json_decref(answer);
	transfer_piece_clear(&piece);
}

static json_t *piece_params(json_int_t number, struct transfer_piece *piece)
{
	json_t *params = transfer_piece_pack(piece);

	json_object_del(params, "progress");
	json_object_set_new(params, "transfer", json_integer(number));
	return params;
}

static void write_whole(struct fixture *fixture, struct control_client *client)
{
	json_int_t number = begin(fixture, client, "test.take", NULL, 2, TRANSFER_PIECE_MAX);
	struct transfer_piece piece;
	json_t *answer;

	transfer_piece_init(&piece);
	for (size_t index = 0; index < 2; index++) {
		transfer_piece_reset(&piece);
		sprintf(piece.entry, "sub%zu/%zu.eml", index, index);
		for (size_t i = 0; i < TRANSFER_PIECE_MAX; i++)
			buf_append_byte(&piece.data, test_octet(index, i));
		piece.is_entry_end = true;
		answer = parse(call_either(fixture, client, "transfer.write",
				       piece_params(number, &piece)),
			true);
		assert_int_equal(json_integer_value(json_object_get(
					 json_object_get(answer, "progress"), "done")),
			index + 1);
		assert_null(json_object_get(answer, "result"));
		json_decref(answer);
	}
	transfer_piece_reset(&piece);
	piece.is_end = true;
	answer = parse(
		call_either(fixture, client, "transfer.write", piece_params(number, &piece)), true);
	assert_non_null(json_object_get(answer, "result"));
	json_decref(answer);
	transfer_piece_clear(&piece);
}

static void test_whole(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);
	int finished = test_finished_count;

	read_whole(fixture, NULL);
	read_whole(fixture, client);
	write_whole(fixture, NULL);
	write_whole(fixture, client);
	assert_int_equal(test_finished_count, finished + 4);
	assert_int_equal(test_open_count, 0);
	control_client_close(&client);
}

static void expect_problem(struct call call, const char *kind)
{
	json_t *problem = parse(call, false);
	json_t *found = json_object_get(json_object_get(problem, "data"), "kind");

	assert_string_equal(json_string_value(found), kind);
	json_decref(problem);
}

/* A number is of use on the connection alone that it was given to. */
static void test_owner(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *one = attach(fixture), *other = attach(fixture);
	json_int_t number = begin(fixture, one, "test.bring", "folder", ENTRIES, SIZE);
	json_t *answer;

	expect_problem(read_call(fixture, other, number), "not-found");
	expect_problem(read_call(fixture, NULL, number), "not-found");
	expect_problem(call_either(fixture, other, "transfer.cancel",
			       json_pack("{s:I}", "transfer", number)),
		"not-found");
	json_decref(parse(read_call(fixture, one, number), true));
	assert_int_equal(test_open_count, 1);
	answer = parse(call_either(fixture, one, "transfer.cancel",
			       json_pack("{s:I}", "transfer", number)),
		true);
	assert_true(json_is_true(json_object_get(answer, "cancelled")));
	json_decref(answer);
	assert_int_equal(test_open_count, 0);
	expect_problem(read_call(fixture, one, number), "not-found");
	control_client_close(&one);
	control_client_close(&other);
}

static void wait_for_open(int count)
{
	for (int i = 0; i < PATIENCE_MS / 5 && test_open_count != count; i++)
		sleep_ms(5);
	assert_int_equal(test_open_count, count);
}

static void test_connection_ends(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *one = attach(fixture), *other = attach(fixture);
	int finished = test_finished_count;
	json_int_t number;

	begin(fixture, one, "test.bring", "folder", ENTRIES, SIZE);
	begin(fixture, one, "test.take", NULL, ENTRIES, SIZE);
	number = begin(fixture, other, "test.bring", "file", 1, 10);
	assert_int_equal(test_open_count, 3);
	control_client_close(&one);
	wait_for_open(1);
	json_decref(parse(read_call(fixture, other, number), true));
	/* And those of the process with the engine. */
	begin(fixture, NULL, "test.bring", "folder", ENTRIES, SIZE);
	control_stop(&fixture->control);
	assert_int_equal(test_open_count, 0);
	assert_int_equal(test_finished_count, finished);
	control_client_close(&other);
	control_fixture_start(fixture);
}

static void test_failures(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);
	json_int_t number = begin(fixture, client, "test.take", NULL, ENTRIES, SIZE);

	/* A name that leads elsewhere ends it before its sink sees it. */
	expect_problem(call_either(fixture, client, "transfer.write",
			       json_pack("{s:I, s:s, s:s}", "transfer", number, "entry",
				       "../sub0/0.eml", "data", "AAAA")),
		"invalid");
	assert_int_equal(test_open_count, 0);
	expect_problem(read_call(fixture, client, 0), "not-found");
	number = begin(fixture, client, "test.bring", "folder", 0, 0);
	json_decref(parse(read_call(fixture, client, number), true));
	assert_int_equal(test_open_count, 0);
	control_client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(test_owner, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_connection_ends, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(test_failures, control_set_up, control_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
