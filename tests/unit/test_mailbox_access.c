/* test_mailbox_access.c -- passwords, recovery codes and keys exchanged: what opens afterwards and what does not, read
 * from the stored wraps; two changes at once; guessing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/mailbox_keyring.h"
#include "crypto/secret.h"
#include "platform/clock.h"
#include "service/mailbox_access.h"
#include "store/store_keys.h"
#include "test_platform_fixture.h"
#include "test_service_fixture.h"

static const char own[] = "grape lunar vivid oxide";

struct fixture {
	struct service_fixture *base;
	struct service *service;
	struct mailbox_creation made; /* with the first password and code */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	fixture->base = service_fixture_new();
	fixture->service = &fixture->base->service;
	fixture->made.name = "Office";
	if (!mailboxes_create(&fixture->base->mailboxes, &fixture->made, &error))
		fail_msg("%s", error.text);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	service_fixture_free(&fixture->base);
	assert_int_equal(secret_bytes_in_use(), 0);
	free(fixture);
	return 0;
}

static struct store_mailbox stored(const struct fixture *fixture)
{
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;
	struct error error;

	if (!store_mailbox_get(
		    fixture->service->store, &fixture->made.id, &mailbox, &counts, &error))
		fail_msg("%s", error.text);
	return mailbox;
}

/* The phrase opens that mailbox's wrap; *keys, if wanted, is the caller's. */
static bool opens(enum wrap_kind kind, const struct store_mailbox *mailbox, const char *phrase,
	struct mailbox_secret_keys **keys)
{
	struct mailbox_secret_keys *opened = NULL;
	char code[RECOVERY_CODE_SIZE];
	struct bytes wrap = bytes_make(mailbox->password_wrap, mailbox->password_wrap_size);

	if (kind == WRAP_RECOVERY) {
		assert_true(recovery_code_normalise(bytes_of(phrase), code, NULL));
		wrap = bytes_make(mailbox->recovery_wrap, mailbox->recovery_wrap_size);
		phrase = code;
	}
	key_unwrap(kind, &mailbox->id, wrap, bytes_of(phrase), &opened, NULL);
	if (keys)
		*keys = opened;
	else
		secret_free(opened);
	return opened != NULL;
}

static void must(bool ok, const struct error *error)
{
	if (!ok)
		fail_msg("%s", error->text);
}

/* A login would be checked against the same wrap, and mail be sealed to the same key. */
static void check_directory(const struct fixture *fixture)
{
	struct store_mailbox now = stored(fixture);
	struct mailbox_public_keys keys;
	uint8_t wrap[STORE_WRAP_MAX];
	size_t size;

	assert_true(directory_password_wrap(
		fixture->service->directory, &fixture->made.id, wrap, &size, &keys));
	assert_int_equal(size, now.password_wrap_size);
	assert_memory_equal(wrap, now.password_wrap, size);
	assert_int_equal(keys.generation, now.generation);
	assert_memory_equal(keys.box, now.box_key, sizeof keys.box);
	assert_true(mailbox_keys_verify(&keys, &fixture->made.id, NULL));
}

static bool set_password(struct fixture *fixture, const char *phrase, const char *password,
	char generated[GENERATED_PASSWORD_SIZE], struct error *error)
{
	return mailbox_access_set_password(fixture->service, &fixture->made.id, bytes_of(phrase),
		bytes_of(password), generated, error);
}

/* ---- the password ---- */

static void test_password(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox before = stored(fixture), now;
	char first[GENERATED_PASSWORD_SIZE], generated[GENERATED_PASSWORD_SIZE] = "left over";
	struct error error;

	snprintf(first, sizeof first, "%s", fixture->made.generated_password);
	must(set_password(fixture, first, own, generated, &error), &error);
	assert_string_equal(generated, "");
	now = stored(fixture);
	assert_true(opens(WRAP_PASSWORD, &now, own, NULL));
	assert_false(opens(WRAP_PASSWORD, &now, first, NULL));
	/* Keys, code and everything else stay. */
	assert_int_equal(now.generation, before.generation);
	assert_memory_equal(now.box_key, before.box_key, sizeof now.box_key);
	assert_true(opens(WRAP_RECOVERY, &now, fixture->made.recovery_code, NULL));
	check_directory(fixture);

	must(set_password(fixture, own, "", generated, &error), &error);
	assert_int_equal(strlen(generated), GENERATED_PASSWORD_SIZE - 1);
	now = stored(fixture);
	assert_true(opens(WRAP_PASSWORD, &now, generated, NULL));
	assert_false(opens(WRAP_PASSWORD, &now, own, NULL));
	check_directory(fixture);
	/* It is on the disk. */
	service_fixture_reopen(fixture->base);
	now = stored(fixture);
	assert_true(opens(WRAP_PASSWORD, &now, generated, NULL));
	check_directory(fixture);
}

/* As a person types the code; the code stays in force. */
static void test_password_by_code(void **state)
{
	struct fixture *fixture = *state;
	char typed[RECOVERY_CODE_SIZE], generated[GENERATED_PASSWORD_SIZE];
	struct store_mailbox now;
	struct error error;

	snprintf(typed, sizeof typed, "%s", fixture->made.recovery_code);
	for (char *at = typed; *at; at++)
		*at = *at == '-' ? ' ' : *at >= 'A' ? (char)(*at - 'A' + 'a') : *at;
	must(set_password(fixture, typed, own, generated, &error), &error);
	now = stored(fixture);
	assert_true(opens(WRAP_PASSWORD, &now, own, NULL));
	assert_true(opens(WRAP_RECOVERY, &now, fixture->made.recovery_code, NULL));
	check_directory(fixture);
}

/* A password may look like a code: it is one all the same. */
static void test_password_that_looks_like_a_code(void **state)
{
	struct fixture *fixture = *state;
	char code[RECOVERY_CODE_SIZE], generated[GENERATED_PASSWORD_SIZE];
	struct error error;

	recovery_code_generate(code);
	must(set_password(fixture, fixture->made.generated_password, code, generated, &error),
		&error);
	must(set_password(fixture, code, own, generated, &error), &error);
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox before = stored(fixture), now;
	char generated[GENERATED_PASSWORD_SIZE], code[RECOVERY_CODE_SIZE] = "";
	struct mailbox_rekeyed rekeyed;
	struct error error;
	struct id nobody = fixture->made.id;

	assert_false(set_password(fixture, "wrong", own, generated, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_non_null(strstr(error.text, "neither the password"));
	/* Weak ones are told before anything is tried: that is no wrong password. */
	assert_false(set_password(fixture, "wrong", "Office123456", generated, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "easy to guess"));
	/* Only a password is one for the rest. */
	assert_false(mailbox_access_create_recovery(fixture->service, &fixture->made.id,
		bytes_of(fixture->made.recovery_code), code, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(code, "");
	assert_false(mailbox_access_rekey(
		fixture->service, &fixture->made.id, bytes_of("wrong"), &rekeyed, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	nobody.bytes[3] ^= 1;
	assert_false(mailbox_access_withdraw_recovery(
		fixture->service, &nobody, bytes_of("wrong"), &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	now = stored(fixture);
	assert_memory_equal(&now, &before, sizeof now);
	check_directory(fixture);
}

/* ---- the code ---- */

static void test_recovery(void **state)
{
	struct fixture *fixture = *state;
	struct bytes password = bytes_of(fixture->made.generated_password);
	const struct id *id = &fixture->made.id;
	char code[RECOVERY_CODE_SIZE], generated[GENERATED_PASSWORD_SIZE];
	struct store_mailbox now;
	struct error error;

	must(mailbox_access_create_recovery(fixture->service, id, password, code, &error), &error);
	now = stored(fixture);
	assert_true(opens(WRAP_RECOVERY, &now, code, NULL));
	assert_false(opens(WRAP_RECOVERY, &now, fixture->made.recovery_code, NULL));
	assert_true(opens(WRAP_PASSWORD, &now, fixture->made.generated_password, NULL));
	assert_false(set_password(fixture, fixture->made.recovery_code, own, generated, &error));
	assert_int_equal(error.kind, ERROR_DENIED);

	must(mailbox_access_withdraw_recovery(fixture->service, id, password, &error), &error);
	assert_int_equal(stored(fixture).recovery_wrap_size, 0);
	assert_false(set_password(fixture, code, own, generated, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_false(mailbox_access_withdraw_recovery(fixture->service, id, password, &error));
	assert_int_equal(error.kind, ERROR_STATE);

	must(mailbox_access_create_recovery(fixture->service, id, password, code, &error), &error);
	must(set_password(fixture, code, own, generated, &error), &error);
}

/* ---- the keys ---- */

/* The keys open the chain of old ones down to the first generation. */
static bool opens_everything(
	const struct fixture *fixture, const struct mailbox_secret_keys *secret_keys)
{
	struct store_old_key kept[STORE_GENERATIONS_MAX - 1];
	struct mailbox_old_key old[STORE_GENERATIONS_MAX];
	struct mailbox_public_keys keys;
	struct mailbox_keyring *keyring;
	size_t count = 0;

	directory_find(fixture->service->directory, &fixture->made.id, &keys);
	assert_true(store_mailbox_old_keys(
		fixture->service->store, &fixture->made.id, kept, &count, NULL));
	for (size_t i = 0; i < count; i++) {
		old[i].generation = kept[i].generation;
		memcpy(old[i].box, kept[i].box_key, sizeof old[i].box);
		assert_int_equal(kept[i].sealed_secret_size, sizeof old[i].sealed_secret);
		memcpy(old[i].sealed_secret, kept[i].sealed_secret, sizeof old[i].sealed_secret);
	}
	keyring = mailbox_keyring_open(&keys, secret_keys, old, count, NULL);
	if (!keyring)
		return false;
	mailbox_keyring_free(&keyring);
	return true;
}

static void test_rekey(void **state)
{
	struct fixture *fixture = *state;
	const char *password = fixture->made.generated_password;
	struct store_mailbox before = stored(fixture), now;
	struct mailbox_secret_keys *keys;
	struct mailbox_rekeyed rekeyed;
	struct error error;

	for (uint32_t generation = 2; generation <= 3; generation++) {
		must(mailbox_access_rekey(fixture->service, &fixture->made.id, bytes_of(password),
			     &rekeyed, &error),
			&error);
		assert_int_equal(rekeyed.generation, generation);
		now = stored(fixture);
		assert_int_equal(now.generation, generation);
		assert_memory_not_equal(now.box_key, before.box_key, sizeof now.box_key);
		assert_memory_equal(now.identity_key, before.identity_key, sizeof now.identity_key);
		check_directory(fixture);
		/* The new wraps: the same password, a new code. */
		assert_true(opens(WRAP_PASSWORD, &now, password, &keys));
		assert_true(opens_everything(fixture, keys));
		secret_free(keys);
		assert_true(opens(WRAP_RECOVERY, &now, rekeyed.recovery_code, &keys));
		assert_true(opens_everything(fixture, keys));
		secret_free(keys);
		assert_false(opens(WRAP_RECOVERY, &now, fixture->made.recovery_code, NULL));
		/* An old copy of the wraps still opens, to keys that nothing new is sealed to. */
		assert_true(opens(WRAP_PASSWORD, &before, password, &keys));
		assert_false(opens_everything(fixture, keys));
		secret_free(keys);
		before = now;
	}
	service_fixture_reopen(fixture->base);
	check_directory(fixture);
}

/* The case it is for: somebody has a copy and the password of then. */
static void test_rekey_after_a_new_password(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox copy = stored(fixture), now;
	char generated[GENERATED_PASSWORD_SIZE];
	struct mailbox_secret_keys *keys;
	struct mailbox_rekeyed rekeyed;
	struct error error;

	must(set_password(fixture, fixture->made.generated_password, own, generated, &error),
		&error);
	/* The password alone takes nothing from him. */
	assert_true(opens(WRAP_PASSWORD, &copy, fixture->made.generated_password, &keys));
	assert_true(opens_everything(fixture, keys));
	secret_free(keys);
	must(mailbox_access_rekey(
		     fixture->service, &fixture->made.id, bytes_of(own), &rekeyed, &error),
		&error);
	now = stored(fixture);
	assert_false(opens(WRAP_PASSWORD, &now, fixture->made.generated_password, NULL));
	assert_false(opens(WRAP_RECOVERY, &now, fixture->made.recovery_code, NULL));
	assert_true(opens(WRAP_PASSWORD, &copy, fixture->made.generated_password, &keys));
	assert_false(opens_everything(fixture, keys));
	secret_free(keys);
	assert_true(opens(WRAP_RECOVERY, &copy, fixture->made.recovery_code, &keys));
	assert_false(opens_everything(fixture, keys));
	secret_free(keys);
}

static void test_rekey_without_a_code(void **state)
{
	struct fixture *fixture = *state;
	struct bytes password = bytes_of(fixture->made.generated_password);
	struct mailbox_rekeyed rekeyed;
	struct error error;

	must(mailbox_access_withdraw_recovery(
		     fixture->service, &fixture->made.id, password, &error),
		&error);
	must(mailbox_access_rekey(fixture->service, &fixture->made.id, password, &rekeyed, &error),
		&error);
	assert_string_equal(rekeyed.recovery_code, "");
	assert_int_equal(stored(fixture).recovery_wrap_size, 0);
}

/* ---- two at once ---- */

enum { CHANGERS = 3 };

struct changer {
	struct fixture *fixture;
	const char *phrase;
	void (*change)(struct changer *changer);
	bool ok;
	struct error error;
	char made[GENERATED_PASSWORD_SIZE];
};

static void change_password(struct changer *changer)
{
	changer->ok =
		set_password(changer->fixture, changer->phrase, "", changer->made, &changer->error);
}

static void change_code(struct changer *changer)
{
	changer->ok = mailbox_access_create_recovery(changer->fixture->service,
		&changer->fixture->made.id, bytes_of(changer->phrase), changer->made,
		&changer->error);
}

static void change_keys(struct changer *changer)
{
	struct mailbox_rekeyed rekeyed;

	changer->ok = mailbox_access_rekey(changer->fixture->service, &changer->fixture->made.id,
		bytes_of(changer->phrase), &rekeyed, &changer->error);
	snprintf(changer->made, sizeof changer->made, "%s", rekeyed.recovery_code);
}

static void run_changer(void *context)
{
	struct changer *changer = context;

	changer->change(changer);
}

/* All of them begin with what is stored now; returns how many are told that theirs is in force. */
static size_t change_at_once(struct fixture *fixture, struct changer changers[CHANGERS],
	void (*const changes[CHANGERS])(struct changer *changer), const char *password)
{
	struct thread *threads[CHANGERS];
	size_t in_force = 0;

	for (size_t i = 0; i < CHANGERS; i++) {
		changers[i] = (struct changer){
			.fixture = fixture, .phrase = password, .change = changes[i]
		};
		threads[i] = thread_start("changing", run_changer, &changers[i], NULL);
		assert_non_null(threads[i]);
	}
	for (size_t i = 0; i < CHANGERS; i++) {
		thread_join(&threads[i]);
		in_force += changers[i].ok;
		/* Or it came so late that the password was not right any more. */
		if (!changers[i].ok && changers[i].error.kind != ERROR_STATE &&
			changers[i].error.kind != ERROR_DENIED)
			fail_msg("%s", changers[i].error.text);
	}
	return in_force;
}

/* What one of them was told to be in force is; nothing that was told is lost to another change. */
static void test_passwords_at_once(void **state)
{
	static void (*const changes[CHANGERS])(
		struct changer *) = { change_password, change_password, change_password };
	struct fixture *fixture = *state;
	struct changer changers[CHANGERS];
	struct store_mailbox now;

	assert_int_equal(
		change_at_once(fixture, changers, changes, fixture->made.generated_password), 1);
	now = stored(fixture);
	for (size_t i = 0; i < CHANGERS; i++) {
		if (changers[i].ok)
			assert_true(opens(WRAP_PASSWORD, &now, changers[i].made, NULL));
		else
			assert_string_equal(changers[i].made, "");
	}
	check_directory(fixture);
}

static void test_codes_at_once(void **state)
{
	static void (*const changes[CHANGERS])(
		struct changer *) = { change_code, change_code, change_keys };
	struct fixture *fixture = *state;
	struct changer changers[CHANGERS];
	struct store_mailbox now;
	size_t in_force, opening = 0;

	/* One after the other they may all be done; the last one's code is the one. */
	in_force = change_at_once(fixture, changers, changes, fixture->made.generated_password);
	assert_in_range(in_force, 1, CHANGERS);
	now = stored(fixture);
	for (size_t i = 0; i < CHANGERS; i++)
		opening += changers[i].ok && opens(WRAP_RECOVERY, &now, changers[i].made, NULL);
	assert_int_equal(opening, 1);
	check_directory(fixture);
}

/* ---- guessing ---- */

static void test_guessing(void **state)
{
	struct fixture *fixture = *state;
	struct mailbox_access access;
	struct error error;
	int64_t begun_us = clock_monotonic_us();
	size_t tried = 0, told = 0;

	for (; tried < 20; tried++) {
		assert_false(mailbox_access_open(fixture->service, &fixture->made.id,
			MAILBOX_PASSWORD, bytes_of("a guess"), &access, &error));
		told += error.kind == ERROR_BUSY;
		if (error.kind == ERROR_BUSY)
			break;
		assert_int_equal(error.kind, ERROR_DENIED);
	}
	/* Three are free, the fourth waits. */
	assert_int_equal(told, 1);
	assert_int_equal(tried, LOGIN_FREE_FAILURES + 1);
	assert_non_null(strstr(error.text, "wait 1 seconds"));
	/* Each was hashed at the cost of a login. */
	assert_true(clock_monotonic_us() - begun_us > 80000);
	/* The right one, too: else the silence would tell; and then it is taken. */
	assert_false(mailbox_access_open(fixture->service, &fixture->made.id, MAILBOX_PASSWORD,
		bytes_of(fixture->made.generated_password), &access, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	for (int i = 0; i < 100 && error.kind == ERROR_BUSY; i++) {
		sleep_ms(50);
		error.kind = ERROR_NONE;
		mailbox_access_open(fixture->service, &fixture->made.id, MAILBOX_PASSWORD,
			bytes_of(fixture->made.generated_password), &access, &error);
	}
	assert_int_equal(error.kind, ERROR_NONE);
	assert_non_null(access.secret_keys);
	mailbox_access_close(&access);
	assert_null(access.secret_keys);
}

static void test_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct service_mailbox damaged, exchanged;
	struct mailbox_access access;
	struct error error;

	service_mailbox_make(&damaged, "Damaged");
	damaged.stored.box_key[5] ^= 4;
	service_fixture_add(fixture->base, &damaged);
	assert_false(mailbox_access_open(fixture->service, &damaged.stored.id, MAILBOX_PASSWORD,
		bytes_of("a password of tests"), &access, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_null(access.secret_keys);
	service_mailbox_clear(&damaged);

	/* A wrap of other keys, which its own password opens. */
	service_mailbox_make(&exchanged, "Exchanged");
	{
		struct mailbox_public_keys public_keys;
		struct mailbox_secret_keys *foreign;
		const struct wrap_cost cost = { 12 * 1024, 3 };
		struct buf wrap;

		assert_true(mailbox_keys_generate(&public_keys, &foreign, NULL));
		buf_init(&wrap, STORE_WRAP_MAX);
		assert_true(key_wrap(WRAP_PASSWORD, &exchanged.stored.id, foreign,
			bytes_of("of the thief"), &cost, &wrap, NULL));
		memcpy(exchanged.stored.password_wrap, wrap.data, wrap.size);
		buf_clear(&wrap);
		secret_free(foreign);
	}
	service_fixture_add(fixture->base, &exchanged);
	assert_false(mailbox_access_open(fixture->service, &exchanged.stored.id, MAILBOX_PASSWORD,
		bytes_of("of the thief"), &access, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_null(access.secret_keys);
	service_mailbox_clear(&exchanged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_password, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_password_by_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_password_that_looks_like_a_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_recovery, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rekey, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rekey_after_a_new_password, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rekey_without_a_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_passwords_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_codes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guessing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
