/* test_store_fixture.c -- see the header. */
#include "test_store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "platform/file.h"

enum { LATCH_PATIENCE_US = 60000000 };

/* ---- the folder ---- */

static void remember_trouble(void *context, const struct error *trouble)
{
	struct fixture *fixture = context;
	size_t used;

	mutex_lock(fixture->mutex);
	fixture->trouble_count++;
	fixture->trouble = *trouble;
	used = strlen(fixture->told);
	snprintf(fixture->told + used, sizeof fixture->told - used, "%s\n", trouble->text);
	mutex_unlock(fixture->mutex);
}

struct fixture *fixture_new(void)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *base = getenv("TMPDIR");

	assert_non_null(fixture);
	fixture->mutex = mutex_new(NULL);
	snprintf(fixture->folder, sizeof fixture->folder, "%s/lettergate-store-XXXXXX",
		base ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	return fixture;
}

static bool remove_entry(void *context, const char *name)
{
	char path[PATH_SIZE];

	assert_true(path_join(context, name, path, NULL));
	if (unlink(path) == 0)
		return true;
	assert_true(folder_each(path, remove_entry, path, NULL));
	rmdir(path);
	return true;
}

void fixture_free(struct fixture **fixture)
{
	fixture_close(*fixture);
	assert_true(folder_each((*fixture)->folder, remove_entry, (*fixture)->folder, NULL));
	rmdir((*fixture)->folder);
	mutex_free(&(*fixture)->mutex);
	free(*fixture);
	*fixture = NULL;
}

static bool tell_free(void *context, uint64_t *bytes)
{
	struct fixture *fixture = context;

	*bytes = atomic_load(&fixture->free_bytes);
	return true;
}

bool fixture_open(struct fixture *fixture, struct error *error)
{
	const struct store_options options = {
		.folder = fixture->folder,
		.on_trouble = remember_trouble,
		.context = fixture,
		.ballast_bytes = fixture->ballast_bytes,
		.free_bytes = fixture->owns_free ? tell_free : NULL,
	};

	fixture->store = store_open(&options, error);
	return fixture->store != NULL;
}

void fixture_close(struct fixture *fixture)
{
	store_close(&fixture->store);
}

int fixture_set_up_closed(void **state)
{
	*state = fixture_new();
	return 0;
}

int fixture_set_up(void **state)
{
	struct error error = { 0 };

	*state = fixture_new();
	if (fixture_open(*state, &error))
		return 0;
	print_error("%s\n", error.text);
	return -1;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;

	fixture_free(&fixture);
	return 0;
}

int fixture_troubles(struct fixture *fixture, struct error *last)
{
	int count;

	mutex_lock(fixture->mutex);
	count = fixture->trouble_count;
	if (last)
		*last = fixture->trouble;
	mutex_unlock(fixture->mutex);
	return count;
}

void fixture_wait_to_be_told(struct fixture *fixture, const char *says)
{
	bool is_told = false;

	for (int i = 0; i < 1000 && !is_told; i++) {
		if (i)
			usleep(10000);
		mutex_lock(fixture->mutex);
		is_told = strstr(fixture->told, says) != NULL;
		mutex_unlock(fixture->mutex);
	}
	if (!is_told)
		fail_msg("'%s' is not in: %s", says, fixture->told);
}

const char *fixture_path(const struct fixture *fixture, const char *name)
{
	static char path[PATH_SIZE];

	assert_true(path_join(fixture->folder, name, path, NULL));
	return path;
}

static bool count_entry(void *context, const char *name)
{
	*(size_t *)context += strcmp(name, "lost") != 0;
	return true;
}

size_t fixture_count_files(const struct fixture *fixture, const char *name)
{
	size_t count = 0;

	assert_true(folder_each(fixture_path(fixture, name), count_entry, &count, NULL));
	return count;
}

void fixture_sql(const struct fixture *fixture, const char *sql)
{
	sqlite3 *database = NULL;

	assert_int_equal(
		sqlite3_open(fixture_path(fixture, "lettergate.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

size_t fixture_count_rows(const struct fixture *fixture, const char *table)
{
	sqlite3 *database = NULL;
	sqlite3_stmt *count = NULL;
	char sql[200];
	size_t rows;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	assert_int_equal(
		sqlite3_open(fixture_path(fixture, "lettergate.db"), &database), SQLITE_OK);
	/* The log is the store's to tidy away. */
	sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(database, 5000);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &count, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(count), SQLITE_ROW);
	rows = (size_t)sqlite3_column_int64(count, 0);
	sqlite3_finalize(count);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	return rows;
}

void fixture_wait_for_rows(const struct fixture *fixture, const char *table, size_t count)
{
	for (int i = 0; i < 1000 && fixture_count_rows(fixture, table) != count; i++)
		usleep(10000);
	assert_int_equal(fixture_count_rows(fixture, table), count);
}

void fixture_wait_for_files(const struct fixture *fixture, size_t count)
{
	for (int i = 0; i < 1000 && fixture_count_files(fixture, "bodies") != count; i++)
		usleep(10000);
	assert_int_equal(fixture_count_files(fixture, "bodies"), count);
}

/* ---- made from numbers ---- */

static uint64_t mix(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x7fb5d329728ea185u;
	value ^= value >> 27;
	value *= 0x81dadef4bc2dd44du;
	return value ^ value >> 33;
}

struct id make_id(char kind, uint64_t number)
{
	struct id id;

	for (size_t i = 0; i < 2; i++) {
		uint64_t half = mix(number * 2 + i + ((uint64_t)(uint8_t)kind << 56));

		memcpy(id.bytes + 8 * i, &half, sizeof half);
	}
	return id;
}

struct store_mailbox make_mailbox(uint64_t number)
{
	struct store_mailbox mailbox = { .created_us = (int64_t)(1000000 + number) };

	mailbox.id = make_id('b', number);
	mailbox.generation = 1;
	snprintf(mailbox.name, sizeof mailbox.name, "Mailbox %u", (unsigned)number);
	snprintf(mailbox.description, sizeof mailbox.description, "The one numbered %u",
		(unsigned)number);
	memset(mailbox.identity_key, (int)(1 + number % 200), sizeof mailbox.identity_key);
	memset(mailbox.box_key, (int)(2 + number % 200), sizeof mailbox.box_key);
	memset(mailbox.key_signature, (int)(3 + number % 200), sizeof mailbox.key_signature);
	mailbox.password_wrap_size = 100 + number % 400;
	memset(mailbox.password_wrap, 0x77, mailbox.password_wrap_size);
	mailbox.recovery_wrap_size = number % 2 ? 0 : STORE_WRAP_MAX;
	memset(mailbox.recovery_wrap, 0x66, mailbox.recovery_wrap_size);
	return mailbox;
}

void create_mailbox(struct fixture *fixture, uint64_t number)
{
	const struct store_mailbox mailbox = make_mailbox(number);
	struct error error = { 0 };

	if (!store_mailbox_create(fixture->store, &mailbox, &error))
		fail_msg("%s", error.text);
}

struct buf make_sealed(uint64_t number, size_t size)
{
	struct buf sealed;
	uint8_t *space;

	buf_init(&sealed, size + 8);
	assert_true(buf_reserve(&sealed, size + 8, &space));
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = mix(number * 0x100000001b3u + i);

		memcpy(space + i, &word, sizeof word);
	}
	buf_commit(&sealed, size);
	return sealed;
}

/* ---- latches ---- */

void latch_init(struct latch *latch, size_t count)
{
	*latch = (struct latch){
		.mutex = mutex_new(NULL), .changed = condition_new(NULL), .count = count
	};
}

void latch_clear(struct latch *latch)
{
	condition_free(&latch->changed);
	mutex_free(&latch->mutex);
}

void latch_count_down(struct latch *latch)
{
	mutex_lock(latch->mutex);
	latch->count--;
	condition_broadcast(latch->changed);
	mutex_unlock(latch->mutex);
}

bool latch_wait(struct latch *latch)
{
	bool in_time = true;

	mutex_lock(latch->mutex);
	while (latch->count && in_time)
		in_time = condition_wait_for(latch->changed, latch->mutex, LATCH_PATIENCE_US);
	mutex_unlock(latch->mutex);
	return in_time;
}

/* ---- deliveries ---- */

struct store_delivery *delivery_new(struct fixture *fixture, uint64_t number, size_t size,
	uint64_t first_mailbox, size_t mailboxes)
{
	struct store_delivery *delivery = calloc(1, sizeof *delivery);
	struct id body = make_id('y', number);
	struct buf sealed = make_sealed(number, size);
	struct error error = { 0 };
	struct bytes rest = buf_view(&sealed);

	assert_non_null(delivery);
	delivery->body = store_body_new(fixture->store, &body);
	assert_non_null(delivery->body);
	while (rest.size) {
		struct bytes piece = bytes_head(rest, 65536);

		if (!store_body_append(delivery->body, piece, &error))
			fail_msg("%s", error.text);
		rest = bytes_skip(rest, piece.size);
	}
	buf_clear(&sealed);
	delivery->target_count = mailboxes;
	delivery->received_us = (int64_t)(2000000 + number);
	for (size_t i = 0; i < mailboxes; i++) {
		delivery->targets[i].mailbox = make_id('b', first_mailbox + i);
		delivery->targets[i].message = make_id('m', 16 * number + i);
		delivery->targets[i].size = size + 1;
		delivery->targets[i].receipt_size = number % (STORE_RECEIPT_MAX + 1);
		memset(delivery->targets[i].receipt, (int)(number % 250),
			delivery->targets[i].receipt_size);
	}
	return delivery;
}

void delivery_free(struct store_delivery *delivery)
{
	store_body_free(&delivery->body);
	free(delivery);
}

static void delivery_done(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

bool deliver_to(struct fixture *fixture, uint64_t number, size_t size, uint64_t first_mailbox,
	size_t mailboxes, struct error *error)
{
	struct store_delivery *delivery =
		delivery_new(fixture, number, size, first_mailbox, mailboxes);
	struct latch latch;
	bool ok;

	latch_init(&latch, 1);
	delivery->done = delivery_done;
	delivery->context = &latch;
	store_delivery_submit(fixture->store, delivery);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	ok = delivery->ok;
	if (error)
		*error = delivery->error;
	assert_null(delivery->body);
	delivery_free(delivery);
	return ok;
}

bool deliver(struct fixture *fixture, uint64_t number, size_t size, struct error *error)
{
	return deliver_to(fixture, number, size, 1, 1, error);
}

/* ---- reading and removing ---- */

static void read_done(struct store_read *read)
{
	latch_count_down(read->context);
}

static bool perform_read(struct fixture *fixture, struct store_read *read, struct error *error)
{
	struct latch latch;

	latch_init(&latch, 1);
	read->done = read_done;
	read->context = &latch;
	store_read_submit(fixture->store, read);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	if (error)
		*error = read->error;
	return read->ok;
}

bool list_mailbox(struct fixture *fixture, uint64_t mailbox, struct store_message **messages,
	size_t *count, struct error *error)
{
	struct store_read read = { .what = STORE_READ_LIST, .mailbox = make_id('b', mailbox) };
	bool ok = perform_read(fixture, &read, error);

	*messages = read.messages;
	*count = read.message_count;
	return ok;
}

size_t count_waiting(struct fixture *fixture, uint64_t mailbox)
{
	struct store_message *messages;
	size_t count;

	assert_true(list_mailbox(fixture, mailbox, &messages, &count, NULL));
	free(messages);
	return count;
}

bool read_piece(struct fixture *fixture, const struct store_message *message, uint64_t offset,
	size_t at_most, struct buf *sealed, bool *is_end, struct error *error)
{
	struct store_read read = { .what = STORE_READ_BODY,
		.message = *message,
		.offset = offset,
		.at_most = at_most,
		.sealed = *sealed };
	bool ok = perform_read(fixture, &read, error);

	*sealed = read.sealed;
	*is_end = read.is_end;
	return ok;
}

bool is_whole(
	struct fixture *fixture, const struct store_message *message, uint64_t number, size_t size)
{
	struct buf expected = make_sealed(number, size);
	struct buf sealed;
	struct error error = { 0 };
	bool is_end = false;
	bool ok;

	buf_init(&sealed, size + 1);
	ok = read_piece(fixture, message, 0, size + 1, &sealed, &is_end, &error);
	if (!ok)
		print_message("%s\n", error.text);
	ok = ok && is_end && bytes_equal(buf_view(&sealed), buf_view(&expected));
	buf_clear(&sealed);
	buf_clear(&expected);
	return ok;
}

static void removal_done(struct store_removal *removal)
{
	latch_count_down(removal->context);
}

bool remove_messages_at(struct fixture *fixture, uint64_t mailbox,
	const struct store_message *messages, size_t count, int64_t collected_us,
	struct error *error)
{
	struct latch latch;
	struct store_removal removal = {
		.mailbox = make_id('b', mailbox),
		.messages = messages,
		.message_count = count,
		.collected_us = collected_us,
		.done = removal_done,
		.context = &latch,
	};

	latch_init(&latch, 1);
	store_removal_submit(fixture->store, &removal);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	if (error)
		*error = removal.error;
	return removal.ok;
}

bool remove_messages(struct fixture *fixture, uint64_t mailbox,
	const struct store_message *messages, size_t count, struct error *error)
{
	return remove_messages_at(fixture, mailbox, messages, count, 3000000, error);
}

void set_limits(struct fixture *fixture, int64_t keep_us, uint64_t reserve_bytes)
{
	const struct store_limits limits = { .reserve_bytes = reserve_bytes,
		.keep_collected_us = keep_us };

	store_set_limits(fixture->store, &limits);
}

struct store_mailbox_counts counts_of(struct fixture *fixture, uint64_t mailbox)
{
	const struct id id = make_id('b', mailbox);
	struct store_mailbox_counts counts;
	struct store_mailbox found;
	struct error error = { 0 };

	if (!store_mailbox_get(fixture->store, &id, &found, &counts, &error))
		fail_msg("%s", error.text);
	assert_int_equal(counts.received, counts.waiting + counts.collected);
	assert_int_equal(counts.received_bytes, counts.waiting_bytes + counts.collected_bytes);
	return counts;
}
