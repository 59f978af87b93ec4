/* test_store_lost.c -- files that no row names are given back to a row that does, or delivered once more; whatever else
 * is in bodies/lost stays, and a failure anywhere loses none. */
#include <errno.h>
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
#include "store/store_collected.h"
#include "store/store_lost.h"
#include "test_store_fixture.h"
#include "test_store_watch.h"

enum { LARGE = 100000 };

static char *path_in(const struct fixture *fixture, const char *folder, const struct id *id)
{
	static char paths[4][PATH_SIZE];
	static unsigned turn;
	char name[64], text[ID_TEXT_SIZE];

	id_text(id, text);
	snprintf(name, sizeof name, "%s/%s", folder, text);
	return strcpy(paths[turn++ % 4], fixture_path(fixture, name));
}

static bool is_lost(const struct fixture *fixture, const struct id *id)
{
	return file_exists(path_in(fixture, "bodies/lost", id));
}

static bool is_in_place(const struct fixture *fixture, const struct id *id)
{
	return file_exists(path_in(fixture, "bodies", id));
}

static bool take_id(void *context, const struct id *id)
{
	*(struct id *)context = *id;
	return true;
}

static bool count_id(void *context, const struct id *id)
{
	(void)id;
	return ++*(size_t *)context < 3;
}

/* The store is closed; its one body goes astray. */
static struct id lose_body(struct fixture *fixture)
{
	struct id id = { { 0 } };

	fixture_sql(fixture, "CREATE TABLE kept_bodies AS SELECT * FROM bodies; "
			     "CREATE TABLE kept_messages AS SELECT * FROM messages; "
			     "DELETE FROM messages; DELETE FROM bodies");
	assert_true(fixture_open(fixture, NULL));
	assert_int_equal(fixture_troubles(fixture, NULL), 1);
	assert_true(store_lost_each(fixture->store, take_id, &id, NULL));
	assert_true(is_lost(fixture, &id) && !is_in_place(fixture, &id));
	return id;
}

static void put_rows_back(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_sql(fixture, "INSERT INTO bodies SELECT * FROM kept_bodies; "
			     "INSERT INTO messages SELECT * FROM kept_messages");
	assert_true(fixture_open(fixture, NULL));
}

static struct id one_lost(struct fixture *fixture)
{
	create_mailbox(fixture, 1);
	assert_true(deliver(fixture, 1, LARGE, NULL));
	fixture_close(fixture);
	return lose_body(fixture);
}

static void test_list(void **state)
{
	struct fixture *fixture = *state;
	size_t count = 0;

	assert_true(store_lost_each(fixture->store, count_id, &count, NULL));
	assert_int_equal(count, 0);
	for (uint64_t i = 0; i < 600; i++) {
		struct id id = make_id('l', i);

		assert_true(file_save(path_in(fixture, "bodies/lost", &id), bytes_of("x"), NULL));
		i += i > 10 ? 40 : 0;
	}
	assert_true(file_save(fixture_path(fixture, "bodies/lost/notes"), bytes_of("x"), NULL));
	assert_true(store_lost_each(fixture->store, count_id, &count, NULL));
	/* It was ended. */
	assert_int_equal(count, 3);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, NULL));
}

static void test_read(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture), none = make_id('n', 1);
	struct store_lost_facts facts;
	struct error error = { 0 };
	struct buf out;

	buf_init(&out, 1000);
	assert_true(store_lost_read(fixture->store, &id, 500, &out, &facts, &error));
	assert_int_equal(out.size, 500);
	assert_int_equal(facts.size, LARGE);
	assert_true(facts.modified_us > INT64_C(1600000000) * 1000000);
	assert_false(store_lost_read(fixture->store, &none, 500, &out, &facts, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	buf_clear(&out);
}

/* ---- back to its row ---- */

static void test_returned(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture);
	struct store_message *messages;
	struct error error = { 0 };
	bool is_named = true;
	size_t count;

	/* Nothing names it yet. */
	assert_true(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_false(is_named);
	assert_true(is_lost(fixture, &id));
	put_rows_back(fixture);
	/* A message that was set aside for want of its bytes is listed again. */
	fixture_close(fixture);
	fixture_sql(fixture, "UPDATE messages SET state = 2");
	assert_true(fixture_open(fixture, NULL));
	assert_int_equal(count_waiting(fixture, 1), 0);
	assert_true(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_true(is_named && is_in_place(fixture, &id) && !is_lost(fixture, &id));
	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	assert_int_equal(count, 1);
	assert_true(is_whole(fixture, &messages[0], 1, LARGE));
	free(messages);
	assert_false(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_int_equal(error.kind, ERROR_IO);
}

static void test_not_its_own(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture);
	struct error error = { 0 };
	bool is_named;

	put_rows_back(fixture);
	assert_int_equal(truncate(path_in(fixture, "bodies/lost", &id), LARGE - 1), 0);
	assert_false(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_non_null(strstr(error.text, "99999 octets, and the message had 100000"));
	assert_true(is_lost(fixture, &id) && !is_in_place(fixture, &id));
	/* One is in its place. */
	assert_int_equal(truncate(path_in(fixture, "bodies/lost", &id), LARGE), 0);
	assert_true(file_save(path_in(fixture, "bodies", &id), bytes_of("short"), NULL));
	assert_int_equal(truncate(path_in(fixture, "bodies", &id), LARGE), 0);
	assert_false(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_true(is_lost(fixture, &id) && is_in_place(fixture, &id));
	/* One that was cut short gives way. */
	assert_int_equal(truncate(path_in(fixture, "bodies", &id), 10), 0);
	assert_true(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_true(is_named && !is_lost(fixture, &id));
}

static void test_return_fails(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture);
	char text[ID_TEXT_SIZE];
	struct error error = { 0 };
	bool is_named;

	put_rows_back(fixture);
	id_text(&id, text);
	fail_file(FILE_OP_RENAME, text, EIO, 1);
	assert_false(store_lost_return(fixture->store, &id, &is_named, &error));
	assert_int_equal(error.kind, ERROR_IO);
	fail_nothing();
	assert_true(is_lost(fixture, &id));
	fail_file(FILE_OP_FOLDER_SYNC, "bodies", EIO, 1);
	assert_false(store_lost_return(fixture->store, &id, &is_named, &error));
	fail_nothing();
	assert_true(is_in_place(fixture, &id));
}

/* ---- delivered once more ---- */

struct again {
	struct store_delivery delivery;
	struct latch latch;
};

static void on_delivered(struct store_delivery *delivery)
{
	latch_count_down(&((struct again *)delivery->context)->latch);
}

static bool deliver_again(
	struct fixture *fixture, const struct id *id, uint64_t mailbox, struct error *error)
{
	struct again *again = calloc(1, sizeof *again);
	bool ok;

	assert_non_null(again);
	again->delivery.body = store_body_of_lost(fixture->store, id, error);
	if (!again->delivery.body) {
		free(again);
		return false;
	}
	assert_int_equal(store_body_size(again->delivery.body), LARGE);
	again->delivery.target_count = 1;
	again->delivery.targets[0] = (struct store_delivery_target){
		.mailbox = make_mailbox(mailbox).id, .message = make_id('m', 16), .size = LARGE + 1
	};
	again->delivery.received_us = 1234567;
	again->delivery.done = on_delivered;
	again->delivery.context = again;
	latch_init(&again->latch, 1);
	store_delivery_submit(fixture->store, &again->delivery);
	assert_true(latch_wait(&again->latch));
	latch_clear(&again->latch);
	ok = again->delivery.ok;
	*error = again->delivery.error;
	free(again);
	return ok;
}

static void test_delivered(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture);
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	if (!deliver_again(fixture, &id, 1, &error))
		fail_msg("%s", error.text);
	assert_true(store_lost_sync(fixture->store, &error));
	assert_true(is_in_place(fixture, &id) && !is_lost(fixture, &id));
	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	assert_int_equal(count, 1);
	assert_int_equal(messages[0].received_us, 1234567);
	assert_true(is_whole(fixture, &messages[0], 1, LARGE));
	free(messages);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), 2);
	/* It is an ordinary one from now on. */
	fixture_close(fixture);
	assert_true(fixture_open(fixture, NULL));
	assert_true(is_in_place(fixture, &id));
	assert_int_equal(fixture_troubles(fixture, NULL), 1);
}

static void test_delivery_fails(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = one_lost(fixture), none = make_id('n', 1);
	char text[ID_TEXT_SIZE];
	struct store_body *body;
	struct error error = { 0 };

	id_text(&id, text);
	assert_null(store_body_of_lost(fixture->store, &none, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	fail_file(FILE_OP_READ, text, EIO, 1);
	assert_null(store_body_of_lost(fixture->store, &id, &error));
	assert_int_equal(error.kind, ERROR_IO);
	fail_nothing();
	/* Let go of. */
	body = store_body_of_lost(fixture->store, &id, &error);
	store_body_free(&body);
	assert_true(is_lost(fixture, &id));
	fail_file(FILE_OP_SYNC, text, EIO, 1);
	assert_false(deliver_again(fixture, &id, 1, &error));
	fail_nothing();
	assert_true(is_lost(fixture, &id));
	fail_file(FILE_OP_RENAME, text, EIO, 1);
	assert_false(deliver_again(fixture, &id, 1, &error));
	fail_nothing();
	assert_true(is_lost(fixture, &id));
	/* No such mailbox: it has gone back to bodies/, and comes from there by the next start. */
	assert_false(deliver_again(fixture, &id, 7, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_true(is_lost(fixture, &id) || is_in_place(fixture, &id));
	fixture_close(fixture);
	assert_true(fixture_open(fixture, NULL));
	assert_true(is_lost(fixture, &id));
	assert_true(deliver_again(fixture, &id, 1, &error));
	assert_int_equal(count_waiting(fixture, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_list),
		OPEN(test_read),
		OPEN(test_returned),
		OPEN(test_not_its_own),
		OPEN(test_return_fails),
		OPEN(test_delivered),
		OPEN(test_delivery_fails),
	};

	failing_files_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
