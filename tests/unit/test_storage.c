/* test_storage.c -- where a store lies, the part of a move that goes on beside the mail, and lost files brought back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "platform/file.h"
#include "service/storage_move.h"
#include "service/storage_recover.h"
#include "store/store_move.h"
#include "test_ledger_fixture.h"

enum { LARGE = 200000 };

struct fixture {
	struct ledger_fixture *ledger;
	struct service *service;
	const char *data;
	char target[PATH_SIZE]; /* beside the data folder; not there yet */
	struct storage_recovery recovery;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	void *ledger;

	assert_non_null(fixture);
	ledger_set_up(&ledger);
	fixture->ledger = ledger;
	fixture->service = &fixture->ledger->service->service;
	fixture->data = fixture->ledger->service->folder;
	assert_true((size_t)snprintf(fixture->target, sizeof fixture->target, "%s-target",
			    fixture->data) < sizeof fixture->target);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	void *ledger = fixture->ledger;

	ledger_tear_down(&ledger);
	free(fixture);
	return 0;
}

static const char *path_of(const char *folder, const char *name)
{
	static char paths[4][PATH_SIZE];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	assert_true(path_join(folder, name, path, NULL));
	return path;
}

static void save(const char *folder, const char *name, const char *text)
{
	assert_true(file_save(path_of(folder, name), bytes_of(text), NULL));
}

/* ---- the place ---- */

static void test_place(void **state)
{
	struct fixture *fixture = *state;
	struct storage_request request = { "/from", "/to" }, read;
	char storage[PATH_SIZE];
	struct error error;
	bool found;

	assert_true(storage_place_read(fixture->data, storage, &error));
	assert_string_equal(storage, fixture->data);
	assert_true(storage_place_write(fixture->data, "/srv/mail of the office", &error));
	assert_true(storage_place_read(fixture->data, storage, &error));
	assert_string_equal(storage, "/srv/mail of the office");
	assert_true(storage_place_write(fixture->data, fixture->data, &error));
	assert_false(file_exists(path_of(fixture->data, "storage")));
	assert_true(storage_place_write(fixture->data, fixture->data, &error));
	assert_true(storage_request_read(fixture->data, &read, &found, &error) && !found);
	assert_true(storage_request_write(fixture->data, &request, &error));
	assert_true(storage_request_read(fixture->data, &read, &found, &error) && found);
	assert_string_equal(read.from, "/from");
	assert_string_equal(read.to, "/to");
	assert_true(storage_request_remove(fixture->data, &error));
	assert_true(storage_request_remove(fixture->data, &error));
	assert_true(storage_request_read(fixture->data, &read, &found, &error) && !found);
	strcpy(request.to, "/a\nb");
	assert_false(storage_request_write(fixture->data, &request, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void test_damaged_place(void **state)
{
	static const char *const texts[] = { "", "\n", "relative\n", "../up\n" };
	struct fixture *fixture = *state;
	struct storage_request request;
	char storage[PATH_SIZE], *longest = malloc(3 * PATH_SIZE);
	struct error error;
	bool found;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		save(fixture->data, "storage", texts[i]);
		assert_false(storage_place_read(fixture->data, storage, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		assert_non_null(strstr(error.text, "storage is damaged"));
	}
	save(fixture->data, "storage.move", "/one\n");
	assert_false(storage_request_read(fixture->data, &request, &found, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	memset(longest, 'l', 3 * PATH_SIZE - 1);
	longest[0] = '/';
	longest[PATH_SIZE + 10] = '\n';
	longest[PATH_SIZE + 11] = '\0';
	save(fixture->data, "storage", longest);
	assert_false(storage_place_read(fixture->data, storage, &error));
	free(longest);
}

/* ---- a move ---- */

static struct storage_move *begin(struct fixture *fixture, const char *target, struct error *error)
{
	return storage_move_new(fixture->service, fixture->data, fixture->data, target, error);
}

static void test_move(void **state)
{
	static uint8_t large[LARGE];
	struct fixture *fixture = *state;
	struct storage_request request;
	struct storage_move *move;
	struct error error;
	uint64_t done, total;
	bool is_end = false, found;

	ledger_deliver(fixture->ledger, bytes_make(large, LARGE));
	ledger_deliver(fixture->ledger, bytes_make(large, LARGE));
	move = begin(fixture, fixture->target, &error);
	if (!move)
		fail_msg("%s", error.text);
	assert_string_equal(storage_move_target(move), fixture->target);
	assert_null(begin(fixture, "/other", &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_true(storage_is_marked(fixture->target, fixture->data));
	assert_true(storage_request_read(fixture->data, &request, &found, &error) && !found);
	while (!is_end)
		assert_true(storage_move_next(move, &done, &total, &is_end, &error));
	assert_int_equal(done, total);
	assert_int_equal(total, 2);
	storage_move_free(&move);
	assert_true(storage_request_read(fixture->data, &request, &found, &error) && found);
	assert_string_equal(request.from, fixture->data);
	assert_string_equal(request.to, fixture->target);
	assert_true(storage_is_marked(fixture->target, fixture->data));
	assert_true(file_exists(path_of(fixture->target, "bodies")));
	assert_false(file_exists(path_of(fixture->target, "trial")));
	assert_false(file_exists(path_of(fixture->target, "lettergate.db")));
}

/* Given up before its end, it leaves an empty folder; cut off, what the next attempt replaces. */
static void test_given_up(void **state)
{
	static uint8_t large[LARGE];
	struct fixture *fixture = *state;
	struct storage_request request;
	struct storage_move *move;
	struct error error;
	bool found;

	ledger_deliver(fixture->ledger, bytes_make(large, LARGE));
	move = begin(fixture, fixture->target, &error);
	assert_non_null(move);
	storage_move_free(&move);
	storage_move_free(&move);
	assert_false(store_move_is_store(fixture->target));
	assert_false(storage_is_marked(fixture->target, fixture->data));
	assert_true(storage_request_read(fixture->data, &request, &found, &error) && !found);
	assert_true(storage_mark(fixture->target, fixture->data, &error));
	save(fixture->target, "lettergate.db", "half");
	move = begin(fixture, fixture->target, &error);
	if (!move)
		fail_msg("%s", error.text);
	assert_false(file_exists(path_of(fixture->target, "lettergate.db")));
	storage_move_free(&move);
	/* Another gateway's is not. */
	assert_true(storage_mark(fixture->target, "/another/data/folder", &error));
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
}

static void test_refused_places(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = { .reserve_bytes = UINT64_MAX / 4 };
	char inside[PATH_SIZE];
	struct error error;
	static const struct {
		const char *target;
		enum error_kind kind;
	} rows[] = {
		{ "", ERROR_INVALID },
		{ "relative", ERROR_INVALID },
		{ "../up", ERROR_INVALID },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_null(begin(fixture, rows[i].target, &error));
		assert_int_equal(error.kind, rows[i].kind);
	}
	assert_null(begin(fixture, fixture->data, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	snprintf(inside, sizeof inside, "%s", path_of(fixture->data, "bodies/inner"));
	assert_null(begin(fixture, inside, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_false(file_exists(inside));
	/* By a link, too. */
	assert_int_equal(symlink(path_of(fixture->data, "bodies"), fixture->target), 0);
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_int_equal(unlink(fixture->target), 0);
	/* Not empty, but for what a disk has at its root. */
	assert_int_equal(mkdir(fixture->target, 0700), 0);
	save(fixture->target, "somebody's", "x");
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_true(file_exists(path_of(fixture->target, "somebody's")));
	assert_int_equal(unlink(path_of(fixture->target, "somebody's")), 0);
	assert_int_equal(mkdir(path_of(fixture->target, "lost+found"), 0700), 0);
	store_set_limits(fixture->service->store, &limits);
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	limits.reserve_bytes = 0;
	store_set_limits(fixture->service->store, &limits);
	/* While something else is under way. */
	service_set_doubt(fixture->service, SERVICE_RESTORED, true);
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "backup confirm"));
	service_set_doubt(fixture->service, SERVICE_RESTORED, false);
	atomic_store(&fixture->service->is_taking_backup, true);
	assert_null(begin(fixture, fixture->target, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	atomic_store(&fixture->service->is_taking_backup, false);
	assert_false(atomic_load(&fixture->service->is_moving));
	assert_int_equal(rmdir(path_of(fixture->target, "lost+found")), 0);
	assert_int_equal(rmdir(fixture->target), 0);
}

/* ---- lost files ---- */

static bool recover(struct fixture *fixture)
{
	struct error error;

	if (!storage_recover(fixture->service, &fixture->recovery, &error))
		fail_msg("%s", error.text);
	return fixture->recovery.left == 0;
}

static bool is_said(const struct fixture *fixture, const char *words)
{
	for (size_t i = 0; i < fixture->recovery.left && i < STORAGE_RECOVER_NAMED_MAX; i++) {
		if (strstr(fixture->recovery.texts[i], words))
			return true;
	}
	return false;
}

/* Two large messages whose rows are taken away. */
static void lose(struct fixture *fixture)
{
	static uint8_t large[LARGE];

	memset(large, 'x', sizeof large);
	memcpy(large + LARGE - 2, "\r\n", 2);
	ledger_deliver(fixture->ledger, bytes_make(large, LARGE));
	ledger_deliver(fixture->ledger, bytes_make(large, LARGE));
	ledger_tamper(fixture->ledger, "DELETE FROM messages; DELETE FROM bodies");
	service_fixture_reopen(fixture->ledger->service);
	fixture->ledger->store = fixture->service->store;
}

static void test_recover(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct buf content;
	size_t count;

	assert_true(recover(fixture));
	assert_int_equal(fixture->recovery.found, 0);
	lose(fixture);
	assert_true(recover(fixture));
	assert_int_equal(fixture->recovery.found, 2);
	assert_int_equal(fixture->recovery.added, 2);
	assert_int_equal(fixture->recovery.returned, 0);
	messages = ledger_list(fixture->ledger, &count);
	assert_int_equal(count, 2);
	buf_init(&content, 1 << 20);
	ledger_open_newest(fixture->ledger, &content);
	assert_int_equal(content.size, messages[1].size);
	buf_clear(&content);
	free(messages);
	assert_true(recover(fixture));
	assert_int_equal(fixture->recovery.found, 0);
}

static void test_left(void **state)
{
	struct fixture *fixture = *state;
	struct mailboxes *mailboxes = &fixture->ledger->service->mailboxes;
	const char *lost = path_of(fixture->data, "bodies/lost");
	char folder[PATH_SIZE];
	struct error error;

	snprintf(folder, sizeof folder, "%s", lost);
	lose(fixture);
	save(folder, "00000000000000000000000000000000", "");
	save(folder, "00000000000000000000000000000001", "LGMAIL");
	save(folder, "not an id", "x");
	assert_true(mailboxes_set_status(
		mailboxes, fixture->ledger->id, STORE_MAILBOX_SUSPENDED, &error));
	assert_false(recover(fixture));
	assert_int_equal(fixture->recovery.left, 4);
	assert_int_equal(fixture->recovery.added, 0);
	assert_true(is_said(fixture, "its mailbox is suspended"));
	assert_true(is_said(fixture, "bodies/lost/00000000000000000000000000000001: "));
	assert_true(is_said(fixture, "not a stored message, or not a whole one"));
	assert_true(mailboxes_delete(mailboxes, fixture->ledger->id, &error));
	assert_false(recover(fixture));
	assert_true(is_said(fixture, "is not here"));
	assert_true(file_exists(path_of(folder, "00000000000000000000000000000000")));
}

static void test_many_left(void **state)
{
	struct fixture *fixture = *state;
	const char *lost = path_of(fixture->data, "bodies/lost");
	char folder[PATH_SIZE];

	snprintf(folder, sizeof folder, "%s", lost);
	for (unsigned i = 0; i < STORAGE_RECOVER_NAMED_MAX + 5; i++) {
		char name[40];

		snprintf(name, sizeof name, "%032x", i);
		save(folder, name, "x");
	}
	assert_false(recover(fixture));
	assert_int_equal(fixture->recovery.left, STORAGE_RECOVER_NAMED_MAX + 5);
}

static void test_not_now(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	lose(fixture);
	atomic_store(&fixture->service->is_recovering, true);
	assert_false(storage_recover(fixture->service, &fixture->recovery, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	atomic_store(&fixture->service->is_recovering, false);
	atomic_store(&fixture->service->is_ending, true);
	assert_false(storage_recover(fixture->service, &fixture->recovery, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	atomic_store(&fixture->service->is_ending, false);
	assert_true(recover(fixture));
	assert_int_equal(fixture->recovery.added, 2);
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		OPEN(test_place),
		OPEN(test_damaged_place),
		OPEN(test_move),
		OPEN(test_given_up),
		OPEN(test_refused_places),
		OPEN(test_recover),
		OPEN(test_left),
		OPEN(test_many_left),
		OPEN(test_not_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
