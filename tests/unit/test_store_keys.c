/* test_store_keys.c -- wraps and box keys exchanged, each change held against what it was made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/thread.h"
#include "store/store_keys.h"
#include "test_store_fixture.h"

static struct store_mailbox get(struct fixture *fixture, uint64_t number)
{
	const struct id id = make_id('b', number);
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;
	struct error error = { 0 };

	if (!store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error))
		fail_msg("%s", error.text);
	return mailbox;
}

static struct bytes password_of(const struct store_mailbox *mailbox)
{
	return bytes_make(mailbox->password_wrap, mailbox->password_wrap_size);
}

static struct bytes recovery_of(const struct store_mailbox *mailbox)
{
	return bytes_make(mailbox->recovery_wrap, mailbox->recovery_wrap_size);
}

static void assert_wraps(
	struct fixture *fixture, uint64_t number, struct bytes password, struct bytes recovery)
{
	const struct store_mailbox mailbox = get(fixture, number);

	assert_true(bytes_equal(password_of(&mailbox), password));
	assert_true(bytes_equal(recovery_of(&mailbox), recovery));
}

static void test_wraps(void **state)
{
	static const struct bytes none = { NULL, 0 };
	const struct bytes new_password = bytes_of("a new password's wrap");
	const struct bytes new_recovery = bytes_of("a new recovery code's wrap");
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 2), unknown = make_id('b', 3);
	struct store_wraps_change change = { .password = new_password };
	struct store_mailbox before;
	struct error error = { 0 };

	create_mailbox(fixture, 2);
	before = get(fixture, 2);
	change.expected = password_of(&before);
	assert_true(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_wraps(fixture, 2, new_password, recovery_of(&before));
	/* Made from what is not there any more. */
	change.password = bytes_of("the loser's");
	assert_false(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_wraps(fixture, 2, new_password, recovery_of(&before));

	change = (struct store_wraps_change){ .expected = new_password, .sets_recovery = true };
	assert_true(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_wraps(fixture, 2, new_password, none);
	change.recovery = new_recovery;
	assert_true(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_wraps(fixture, 2, new_password, new_recovery);
	change.password = bytes_of("both at once");
	change.recovery = bytes_of("and this");
	assert_true(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_wraps(fixture, 2, bytes_of("both at once"), bytes_of("and this"));

	change.expected = change.password;
	change.password = bytes_make(before.password_wrap, STORE_WRAP_MAX + 1);
	assert_false(store_mailbox_set_wraps(fixture->store, &id, &change, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	change.password = none;
	assert_false(store_mailbox_set_wraps(fixture->store, &unknown, &change, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_wraps(fixture, 2, bytes_of("both at once"), bytes_of("and this"));
}

/* ---- two at once ---- */

enum { RIVALS = 8 };

struct rival {
	struct fixture *fixture;
	struct bytes expected;
	char wrap[20];
	bool ok;
	struct error error;
	struct thread *thread;
};

static void change_wraps(void *context)
{
	struct rival *rival = context;
	const struct store_wraps_change change = { .expected = rival->expected,
		.password = bytes_of(rival->wrap) };
	const struct id id = make_id('b', 1);

	rival->ok = store_mailbox_set_wraps(rival->fixture->store, &id, &change, &rival->error);
}

static void test_changes_do_not_cross(void **state)
{
	struct fixture *fixture = *state;
	struct rival rivals[RIVALS];
	struct store_mailbox before, after;
	size_t winners = 0;

	create_mailbox(fixture, 1);
	before = get(fixture, 1);
	for (size_t i = 0; i < RIVALS; i++) {
		rivals[i] = (struct rival){ .fixture = fixture, .expected = password_of(&before) };
		snprintf(rivals[i].wrap, sizeof rivals[i].wrap, "wrap %zu", i);
		rivals[i].thread = thread_start("rival", change_wraps, &rivals[i], NULL);
		assert_non_null(rivals[i].thread);
	}
	for (size_t i = 0; i < RIVALS; i++)
		thread_join(&rivals[i].thread);
	after = get(fixture, 1);
	for (size_t i = 0; i < RIVALS; i++) {
		winners += rivals[i].ok;
		if (rivals[i].ok)
			assert_true(bytes_equal(password_of(&after), bytes_of(rivals[i].wrap)));
		else
			assert_int_equal(rivals[i].error.kind, ERROR_STATE);
	}
	assert_int_equal(winners, 1);
}

/* ---- generations ---- */

static char wraps[STORE_GENERATIONS_MAX + 2][20];

/* What generation has: a box key, a signature, a wrap, and, when it is over, a sealed secret. */
static struct store_rekey make_rekey(const struct store_mailbox *now, uint32_t generation)
{
	struct store_rekey rekey = { .expected = password_of(now), .generation = generation };

	snprintf(wraps[generation], sizeof wraps[generation], "wrap %u", generation);
	memset(rekey.box_key, (int)generation, sizeof rekey.box_key);
	memset(rekey.key_signature, (int)(100 + generation), sizeof rekey.key_signature);
	rekey.password = bytes_of(wraps[generation]);
	rekey.sealed_secret = bytes_of(wraps[generation]);
	return rekey;
}

static size_t count_old_keys(struct fixture *fixture)
{
	struct store_old_key keys[STORE_GENERATIONS_MAX - 1];
	const struct id id = make_id('b', 1);
	struct error error = { 0 };
	size_t count = 0;

	assert_true(store_mailbox_old_keys(fixture->store, &id, keys, &count, &error));
	return count;
}

static void test_rekey(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1), unknown = make_id('b', 9);
	struct store_old_key keys[STORE_GENERATIONS_MAX - 1];
	struct store_mailbox first, now;
	struct store_rekey rekey;
	struct error error = { 0 };
	size_t count = 0;

	create_mailbox(fixture, 1);
	first = get(fixture, 1);
	assert_int_equal(count_old_keys(fixture), 0);
	for (uint32_t generation = 2; generation <= STORE_GENERATIONS_MAX; generation++) {
		now = get(fixture, 1);
		rekey = make_rekey(&now, generation);
		if (!store_mailbox_rekey(fixture->store, &id, &rekey, &error))
			fail_msg("%s", error.text);
		now = get(fixture, 1);
		assert_int_equal(now.generation, generation);
		assert_memory_equal(now.box_key, rekey.box_key, sizeof now.box_key);
		assert_memory_equal(
			now.key_signature, rekey.key_signature, sizeof now.key_signature);
		assert_memory_equal(now.identity_key, first.identity_key, sizeof now.identity_key);
		assert_wraps(fixture, 1, rekey.password, (struct bytes){ NULL, 0 });
		assert_int_equal(count_old_keys(fixture), generation - 1);
	}
	rekey = make_rekey(&now, STORE_GENERATIONS_MAX + 1);
	assert_false(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "32 keys"));

	assert_true(store_mailbox_old_keys(fixture->store, &id, keys, &count, &error));
	for (size_t i = 0; i < count; i++) {
		uint32_t generation = STORE_GENERATIONS_MAX - 1 - (uint32_t)i;

		assert_int_equal(keys[i].generation, generation);
		assert_int_equal(keys[i].box_key[0],
			generation == 1 ? first.box_key[0] : (uint8_t)generation);
		assert_true(bytes_equal_text(
			bytes_make(keys[i].sealed_secret, keys[i].sealed_secret_size),
			wraps[generation + 1]));
	}
	assert_false(store_mailbox_old_keys(fixture->store, &unknown, keys, &count, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* They go with the mailbox. */
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	fixture_close(fixture);
	fixture_sql(fixture, "CREATE TEMP TABLE proof (n CHECK (n = 0));"
			     "INSERT INTO proof SELECT count(*) FROM old_keys;");
}

static void test_a_rekey_is_refused_whole(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 3, 1000000 };
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct store_mailbox before, after;
	struct store_rekey rekey;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	before = get(fixture, 1);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		rekey = make_rekey(&before, 2);
		rekey.generation = wrong[i];
		assert_false(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
		assert_int_equal(error.kind, ERROR_STATE);
	}
	rekey = make_rekey(&before, 2);
	rekey.expected = bytes_of("another wrap");
	assert_false(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	rekey = make_rekey(&before, 2);
	rekey.sealed_secret = bytes_make(before.password_wrap, STORE_OLD_SECRET_MAX + 1);
	assert_false(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	rekey = make_rekey(&before, 2);
	rekey.password.size = 0;
	assert_false(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
	assert_int_equal(error.kind, ERROR_INVALID);

	after = get(fixture, 1);
	assert_int_equal(after.generation, 1);
	assert_memory_equal(after.box_key, before.box_key, sizeof after.box_key);
	assert_wraps(fixture, 1, password_of(&before), recovery_of(&before));
	assert_int_equal(count_old_keys(fixture), 0);
}

static void count_down(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

/* What was sealed to the key before is mail like any other: its secret is kept. */
static void test_mail_sealed_before_a_rekey_is_taken(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct store_delivery *sealed;
	struct store_message *messages;
	struct store_mailbox now;
	struct store_rekey rekey;
	struct latch latch;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	sealed = delivery_new(fixture, 1, 3000, 1, 1);
	now = get(fixture, 1);
	rekey = make_rekey(&now, 2);
	assert_true(store_mailbox_rekey(fixture->store, &id, &rekey, &error));
	latch_init(&latch, 1);
	sealed->done = count_down;
	sealed->context = &latch;
	store_delivery_submit(fixture->store, sealed);
	assert_true(latch_wait(&latch));
	assert_true(sealed->ok);
	delivery_free(sealed);
	latch_clear(&latch);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 1);
	assert_true(is_whole(fixture, messages, 1, 3000));
	free(messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_wraps),
		OPEN(test_changes_do_not_cross),
		OPEN(test_rekey),
		OPEN(test_a_rekey_is_refused_whole),
		OPEN(test_mail_sealed_before_a_rekey_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
