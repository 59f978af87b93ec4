/* test_hashing.c -- password checks on their threads: right, wrong and unknown, bounded, fair, each answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "service/hashing.h"
#include "store/store_keys.h"
#include "test_service_fixture.h"

static const char right[] = "a password of tests";

enum { SHARE = HASHING_QUEUE_MAX / 4, REQUESTS_MAX = HASHING_QUEUE_MAX + HASHING_THREADS };

struct fixture {
	struct hashing *hashing;
	struct service_mailbox mailbox;
	struct countdown answered;
	/* While it is closed, the answers of both threads wait in front of it. */
	struct mutex *mutex;
	struct condition *opened;
	bool is_closed;
	struct countdown blocked;
	/* in the order of the answers, under the mutex */
	struct hash_request *order[REQUESTS_MAX];
	size_t order_count;
};

static struct fixture *current;

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	if (!secret_start(1024 * 1024, &error))
		return -1;
	service_mailbox_make(&fixture->mailbox, "Office");
	fixture->hashing = hashing_start(&error);
	fixture->mutex = mutex_new(NULL);
	fixture->opened = condition_new(NULL);
	current = fixture;
	*state = fixture;
	return fixture->hashing ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	hashing_stop(&fixture->hashing);
	assert_null(fixture->hashing);
	service_mailbox_clear(&fixture->mailbox);
	assert_int_equal(secret_bytes_in_use(), 0);
	condition_free(&fixture->opened);
	mutex_free(&fixture->mutex);
	free(fixture);
	return 0;
}

static void on_done(struct hash_request *request)
{
	struct fixture *fixture = current;

	mutex_lock(fixture->mutex);
	fixture->order[fixture->order_count++] = request;
	mutex_unlock(fixture->mutex);
	countdown_step(&fixture->answered);
}

static void on_done_wait(struct hash_request *request)
{
	struct fixture *fixture = current;

	(void)request;
	countdown_step(&fixture->blocked);
	mutex_lock(fixture->mutex);
	while (fixture->is_closed)
		condition_wait(fixture->opened, fixture->mutex);
	mutex_unlock(fixture->mutex);
}

static void fill(struct hash_request *request, const struct service_mailbox *mailbox,
	const char *phrase, const char *client)
{
	memset(request, 0, sizeof *request);
	if (mailbox) {
		request->mailbox = mailbox->stored.id;
		request->wrap_size = mailbox->stored.password_wrap_size;
		memcpy(request->wrap, mailbox->stored.password_wrap, request->wrap_size);
	} else {
		request->mailbox = random_id();
	}
	request->phrase_size = strlen(phrase);
	request->phrase = secret_new(request->phrase_size + 1);
	assert_non_null(request->phrase);
	memcpy(request->phrase, phrase, request->phrase_size);
	snprintf(request->client, sizeof request->client, "%s", client);
	request->done = on_done;
	/* What is left over from an earlier use may not be taken for an answer. */
	request->secret_keys = (struct mailbox_secret_keys *)request;
}

static void clear(struct hash_request *request)
{
	secret_free(request->phrase);
	secret_free(request->secret_keys);
}

/* Submits, waits; returns the computing time that this process spent, which does not depend on what else runs. */
static clock_t run(struct fixture *fixture, struct hash_request *request)
{
	clock_t begun = clock();

	countdown_init(&fixture->answered, 1);
	fixture->order_count = 0;
	assert_true(hashing_submit(fixture->hashing, request));
	countdown_wait(&fixture->answered);
	countdown_clear(&fixture->answered);
	return clock() - begun;
}

static void test_answers(void **state)
{
	struct fixture *fixture = *state;
	struct hash_request request;

	fill(&request, &fixture->mailbox, right, "192.0.2.1");
	run(fixture, &request);
	assert_non_null(request.secret_keys);
	assert_true(mailbox_keys_match(&fixture->mailbox.public_keys, request.secret_keys));
	clear(&request);

	fill(&request, &fixture->mailbox, "a password of test", "192.0.2.1");
	run(fixture, &request);
	assert_null(request.secret_keys);
	assert_int_equal(request.error.kind, ERROR_DENIED);
	clear(&request);

	fill(&request, NULL, right, "192.0.2.1");
	run(fixture, &request);
	assert_null(request.secret_keys);
	assert_int_equal(request.error.kind, ERROR_DENIED);
	clear(&request);

	/* A wrap that was damaged is not a wrong password, or not told from one, but never opens. */
	fill(&request, &fixture->mailbox, right, "192.0.2.1");
	request.wrap[0] ^= 1;
	run(fixture, &request);
	assert_null(request.secret_keys);
	assert_int_equal(request.error.kind, ERROR_CORRUPT);
	clear(&request);
}

/* For a thread that waits: the same hashes, in the same queue. */
static void test_waiting(void **state)
{
	struct fixture *fixture = *state;
	const struct id *id = &fixture->mailbox.stored.id;
	struct mailbox_secret_keys *opened = NULL;
	struct buf wrapped;
	struct error error;

	buf_init(&wrapped, STORE_WRAP_MAX);
	assert_true(hashing_wrap(fixture->hashing, WRAP_RECOVERY, id, fixture->mailbox.secret_keys,
		bytes_of(right), &wrapped, &error));
	assert_true(hashing_unwrap(fixture->hashing, WRAP_RECOVERY, id, buf_view(&wrapped),
		bytes_of(right), &opened, &error));
	assert_true(mailbox_keys_match(&fixture->mailbox.public_keys, opened));
	secret_free(opened);
	opened = NULL;
	assert_false(hashing_unwrap(fixture->hashing, WRAP_RECOVERY, id, buf_view(&wrapped),
		bytes_of("wrong"), &opened, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_false(hashing_unwrap(fixture->hashing, WRAP_PASSWORD, id, buf_view(&wrapped),
		bytes_of(right), &opened, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_false(hashing_wrap(fixture->hashing, WRAP_PASSWORD, id, fixture->mailbox.secret_keys,
		bytes_of(""), &wrapped, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_null(opened);
	buf_clear(&wrapped);
}

static void rewrap(const struct store_mailbox *stored, const struct mailbox_secret_keys *secret,
	struct buf *wrap)
{
	const struct wrap_cost cost = { 12 * 1024, 3 };

	buf_init(wrap, STORE_WRAP_MAX);
	assert_true(
		key_wrap(WRAP_PASSWORD, &stored->id, secret, bytes_of(right), &cost, wrap, NULL));
}

static void expect_keyring(struct fixture *fixture, struct hash_request *request)
{
	run(fixture, request);
	assert_non_null(request->secret_keys);
	assert_non_null(request->keyring);
	mailbox_keyring_free(&request->keyring);
	clear(request);
}

/* With a store the keyring is opened, too: with the old keys that belong to it, before and after a rekey. */
static void test_keyring(void **state)
{
	struct fixture *fixture = *state;
	struct service_fixture *services = service_fixture_new();
	struct service_mailbox *mailbox = &fixture->mailbox;
	struct mailbox_public_keys new_public;
	struct mailbox_secret_keys *new_secret;
	struct mailbox_old_key old;
	struct hash_request request;
	struct buf wrap;

	service_fixture_add(services, mailbox);
	fill(&request, mailbox, right, "192.0.2.1");
	request.store = services->service.store;
	request.public_keys = mailbox->public_keys;
	expect_keyring(fixture, &request);

	assert_true(mailbox_keys_rekey(
		&mailbox->public_keys, mailbox->secret_keys, &new_public, &new_secret, &old, NULL));
	rewrap(&mailbox->stored, new_secret, &wrap);
	{
		struct store_rekey rekey = {
			.expected = bytes_make(
				mailbox->stored.password_wrap, mailbox->stored.password_wrap_size),
			.generation = new_public.generation,
			.password = buf_view(&wrap),
			.sealed_secret = bytes_make(old.sealed_secret, sizeof old.sealed_secret),
		};

		memcpy(rekey.box_key, new_public.box, sizeof rekey.box_key);
		memcpy(rekey.key_signature, new_public.signature, sizeof rekey.key_signature);
		assert_true(store_mailbox_rekey(
			services->service.store, &mailbox->stored.id, &rekey, NULL));
	}
	/* A login that looked the mailbox up just before. */
	fill(&request, mailbox, right, "192.0.2.1");
	request.store = services->service.store;
	request.public_keys = mailbox->public_keys;
	expect_keyring(fixture, &request);

	fill(&request, mailbox, right, "192.0.2.1");
	memcpy(request.wrap, wrap.data, wrap.size);
	request.wrap_size = wrap.size;
	request.store = services->service.store;
	request.public_keys = new_public;
	expect_keyring(fixture, &request);

	/* Keys that do not fit: the password is right, and nothing is opened. */
	fill(&request, mailbox, right, "192.0.2.1");
	request.store = services->service.store;
	request.public_keys = new_public;
	run(fixture, &request);
	assert_null(request.keyring);
	assert_int_equal(request.error.kind, ERROR_CORRUPT);
	clear(&request);
	buf_clear(&wrap);
	secret_free(new_secret);
	service_fixture_free(&services);
}

static clock_t cost_of(struct fixture *fixture, const struct service_mailbox *mailbox)
{
	struct hash_request request;
	clock_t cost;

	fill(&request, mailbox, "wrong all the same", "192.0.2.1");
	cost = run(fixture, &request);
	assert_null(request.secret_keys);
	clear(&request);
	return cost;
}

static void test_unknown_costs_as_much(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox *stored = &fixture->mailbox.stored;
	clock_t known, unknown;
	struct buf wrap;

	buf_init(&wrap, STORE_WRAP_MAX);
	assert_true(key_wrap(WRAP_PASSWORD, &stored->id, fixture->mailbox.secret_keys,
		bytes_of(right), &WRAP_COST_DEFAULT, &wrap, NULL));
	memcpy(stored->password_wrap, wrap.data, wrap.size);
	stored->password_wrap_size = wrap.size;
	buf_clear(&wrap);
	known = cost_of(fixture, &fixture->mailbox);
	unknown = cost_of(fixture, NULL);
	assert_in_range(unknown, known / 2, known * 2);
}

/* Both threads stand in front of the closed gate, the queue is empty. */
static void block_threads(struct fixture *fixture, struct hash_request blocking[HASHING_THREADS])
{
	fixture->is_closed = true;
	countdown_init(&fixture->blocked, HASHING_THREADS);
	for (size_t i = 0; i < HASHING_THREADS; i++) {
		fill(&blocking[i], &fixture->mailbox, right, "blocking");
		blocking[i].done = on_done_wait;
		assert_true(hashing_submit(fixture->hashing, &blocking[i]));
	}
	countdown_wait(&fixture->blocked);
	countdown_clear(&fixture->blocked);
}

static void open_gate(struct fixture *fixture)
{
	mutex_lock(fixture->mutex);
	fixture->is_closed = false;
	condition_broadcast(fixture->opened);
	mutex_unlock(fixture->mutex);
}

static void test_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct hash_request blocking[HASHING_THREADS], waiting[HASHING_QUEUE_MAX], late;
	char client[32];

	block_threads(fixture, blocking);
	countdown_init(&fixture->answered, HASHING_QUEUE_MAX);
	for (size_t i = 0; i < HASHING_QUEUE_MAX; i++) {
		snprintf(client, sizeof client, "192.0.2.%zu", i / SHARE);
		fill(&waiting[i], &fixture->mailbox, "wrong", client);
		assert_true(hashing_submit(fixture->hashing, &waiting[i]));
		if (i % SHARE != SHARE - 1)
			continue;
		/* This client has its share; the queue has room for others. */
		fill(&late, &fixture->mailbox, "wrong", client);
		assert_false(hashing_submit(fixture->hashing, &late));
		secret_free(late.phrase);
	}
	fill(&late, &fixture->mailbox, "wrong", "198.51.100.1");
	assert_false(hashing_submit(fixture->hashing, &late));
	secret_free(late.phrase);
	assert_false(hashing_unwrap(fixture->hashing, WRAP_PASSWORD, &fixture->mailbox.stored.id,
		bytes_of("no wrap"), bytes_of(right), &late.secret_keys, &late.error));
	assert_int_equal(late.error.kind, ERROR_BUSY);
	open_gate(fixture);
	/* What was taken is finished, even when the end comes first; what was refused is not. */
	hashing_stop(&fixture->hashing);
	assert_int_equal(fixture->order_count, HASHING_QUEUE_MAX);
	countdown_clear(&fixture->answered);
	for (size_t i = 0; i < HASHING_QUEUE_MAX; i++) {
		assert_int_equal(waiting[i].error.kind, ERROR_DENIED);
		clear(&waiting[i]);
	}
	for (size_t i = 0; i < HASHING_THREADS; i++)
		clear(&blocking[i]);
}

/* A guesser fills its share first; the archive that comes after is served before the guesser's second. */
static void test_fair(void **state)
{
	struct fixture *fixture = *state;
	struct hash_request blocking[HASHING_THREADS], guesses[SHARE], archive;
	size_t place = 0;

	block_threads(fixture, blocking);
	countdown_init(&fixture->answered, SHARE + 1);
	for (size_t i = 0; i < SHARE; i++) {
		fill(&guesses[i], &fixture->mailbox, "wrong", "203.0.113.66");
		assert_true(hashing_submit(fixture->hashing, &guesses[i]));
	}
	fill(&archive, &fixture->mailbox, right, "192.0.2.1");
	assert_true(hashing_submit(fixture->hashing, &archive));
	open_gate(fixture);
	countdown_wait(&fixture->answered);
	while (fixture->order[place] != &archive)
		place++;
	/* Beside it one guess ran, and another may have begun when that one was done. */
	assert_in_range(place, 0, 2);
	assert_non_null(archive.secret_keys);
	countdown_clear(&fixture->answered);
	clear(&archive);
	for (size_t i = 0; i < SHARE; i++)
		clear(&guesses[i]);
	for (size_t i = 0; i < HASHING_THREADS; i++)
		clear(&blocking[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waiting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keyring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_costs_as_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fair, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
