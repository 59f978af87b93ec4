/* test_mailboxes.c -- made, changed and deleted in store and directory alike; what is refused says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/secret.h"
#include "test_service_fixture.h"

static int set_up(void **state)
{
	*state = service_fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct service_fixture *fixture = *state;

	service_fixture_free(&fixture);
	assert_int_equal(secret_bytes_in_use(), 0);
	return 0;
}

static void create(struct service_fixture *fixture, struct mailbox_creation *creation)
{
	struct error error;

	if (!mailboxes_create(&fixture->mailboxes, creation, &error))
		fail_msg("%s", error.text);
}

static enum directory_state state_of(struct service_fixture *fixture, const struct id *id)
{
	return directory_find(fixture->service.directory, id, NULL);
}

static bool get(struct service_fixture *fixture, const struct id *id, struct store_mailbox *stored)
{
	struct store_mailbox_counts counts;

	return store_mailbox_get(fixture->service.store, id, stored, &counts, NULL);
}

/* The wrap opens with the phrase, to the keys that the mailbox's id was made from. */
static void check_wrap(enum wrap_kind kind, const struct store_mailbox *stored, const uint8_t *wrap,
	size_t wrap_size, const char *phrase)
{
	struct mailbox_secret_keys *secret_keys = NULL;
	struct mailbox_public_keys public_keys;
	struct error error;

	memcpy(public_keys.identity, stored->identity_key, sizeof public_keys.identity);
	public_keys.generation = stored->generation;
	memcpy(public_keys.box, stored->box_key, sizeof public_keys.box);
	memcpy(public_keys.signature, stored->key_signature, sizeof public_keys.signature);
	if (!key_unwrap(kind, &stored->id, bytes_make(wrap, wrap_size), bytes_of(phrase),
		    &secret_keys, &error))
		fail_msg("%s", error.text);
	assert_true(mailbox_keys_verify(&public_keys, &stored->id, NULL));
	assert_true(mailbox_keys_match(&public_keys, secret_keys));
	secret_free(secret_keys);
}

static void test_life(void **state)
{
	struct service_fixture *fixture = *state;
	struct mailbox_creation creation = { .name = "B\xc3\xbcro", .description = "all mail" };
	char canonical[RECOVERY_CODE_SIZE];
	struct store_mailbox stored;
	struct error error;

	create(fixture, &creation);
	assert_int_equal(notices_take(fixture->service.notices), NOTICE_MAILBOXES);
	assert_true(get(fixture, &creation.id, &stored));
	assert_string_equal(stored.name, "B\xc3\xbcro");
	assert_string_equal(stored.description, "all mail");
	assert_true(stored.created_us > 0);
	check_wrap(WRAP_PASSWORD, &stored, stored.password_wrap, stored.password_wrap_size,
		creation.generated_password);
	assert_true(recovery_code_normalise(bytes_of(creation.recovery_code), canonical, &error));
	check_wrap(
		WRAP_RECOVERY, &stored, stored.recovery_wrap, stored.recovery_wrap_size, canonical);
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_ACTIVE);

	/* While it takes mail it cannot be deleted. */
	assert_false(mailboxes_delete(&fixture->mailboxes, &creation.id, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "suspend it first"));
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_ACTIVE);

	assert_true(mailboxes_set_status(
		&fixture->mailboxes, &creation.id, STORE_MAILBOX_SUSPENDED, &error));
	assert_int_equal(notices_take(fixture->service.notices), NOTICE_MAILBOXES);
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_SUSPENDED);
	/* It is on the disk. */
	service_fixture_reopen(fixture);
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_SUSPENDED);
	assert_true(mailboxes_set_status(
		&fixture->mailboxes, &creation.id, STORE_MAILBOX_ACTIVE, &error));
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_ACTIVE);
	assert_true(mailboxes_set_status(
		&fixture->mailboxes, &creation.id, STORE_MAILBOX_SUSPENDED, &error));
	assert_true(mailboxes_delete(&fixture->mailboxes, &creation.id, &error));
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_UNKNOWN);
	assert_false(get(fixture, &creation.id, &stored));
	service_fixture_reopen(fixture);
	assert_int_equal(state_of(fixture, &creation.id), DIRECTORY_UNKNOWN);
	assert_false(mailboxes_delete(&fixture->mailboxes, &creation.id, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(mailboxes_set_status(
		&fixture->mailboxes, &creation.id, STORE_MAILBOX_ACTIVE, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_own_password(void **state)
{
	struct service_fixture *fixture = *state;
	struct mailbox_creation creation = {
		.name = "Own",
		.password = bytes_of("grape lunar vivid oxide"),
		.generated_password = "left over",
	};
	struct store_mailbox stored;

	create(fixture, &creation);
	assert_string_equal(creation.generated_password, "");
	assert_true(get(fixture, &creation.id, &stored));
	assert_string_equal(stored.description, "");
	check_wrap(WRAP_PASSWORD, &stored, stored.password_wrap, stored.password_wrap_size,
		"grape lunar vivid oxide");
}

static void test_without_recovery(void **state)
{
	struct service_fixture *fixture = *state;
	struct mailbox_creation creation = {
		.name = "No sheet",
		.without_recovery = true,
		.recovery_code = "left over",
	};
	struct store_mailbox stored;

	create(fixture, &creation);
	assert_string_equal(creation.recovery_code, "");
	assert_true(get(fixture, &creation.id, &stored));
	assert_int_equal(stored.recovery_wrap_size, 0);
	check_wrap(WRAP_PASSWORD, &stored, stored.password_wrap, stored.password_wrap_size,
		creation.generated_password);
}

/* The self-test's: nobody is told, and it goes without being suspended, at the latest at the next start. */
static void test_temporary(void **state)
{
	struct service_fixture *fixture = *state;
	struct mailbox_creation one = { .name = "Test", .is_temporary = true }, other = one;
	struct error error;

	create(fixture, &one);
	create(fixture, &other);
	assert_int_equal(state_of(fixture, &one.id), DIRECTORY_ACTIVE);
	assert_true(mailboxes_delete(&fixture->mailboxes, &one.id, &error));
	assert_int_equal(state_of(fixture, &one.id), DIRECTORY_UNKNOWN);
	assert_int_equal(notices_take(fixture->service.notices), 0);
	service_fixture_reopen(fixture);
	assert_int_equal(state_of(fixture, &other.id), DIRECTORY_UNKNOWN);
}

static char long_text[2000];

static void test_refused(void **state)
{
	struct service_fixture *fixture = *state;
	/* `length`: of an "x" repeated, where a text would be too long to write down. */
	static const struct {
		const char *name, *description, *password;
		size_t name_length, description_length, password_length;
		const char *words; /* NULL: it is taken */
	} rows[] = {
		{ .name = "", .words = "the name of a mailbox" },
		{ .name = " \t ", .words = "the name of a mailbox" },
		{ .name = "   ", .words = "the name of a mailbox" },
		{ .name = "a\nb", .words = "the name of a mailbox" },
		{ .name = "a\x1b[2J", .words = "the name of a mailbox" },
		{ .name = "a\x7f", .words = "the name of a mailbox" },
		{ .name = "a\xff", .words = "the name of a mailbox" },
		{ .name = "\xc3", .words = "the name of a mailbox" },
		{ .name = "\xe0\x80\x80", .words = "the name of a mailbox" },
		{ .name = "\xed\xa0\x80", .words = "the name of a mailbox" },
		{ .name_length = STORE_NAME_SIZE, .words = "the name of a mailbox" },
		{ .name_length = STORE_NAME_SIZE - 1 },
		{ .name = "a", .description = "\r", .words = "the description of a mailbox" },
		{ .name = "a", .description = "\x80", .words = "the description of a mailbox" },
		{ .name = "a",
			.description_length = STORE_DESCRIPTION_SIZE,
			.words = "the description of a mailbox" },
		{ .name = "a", .description_length = STORE_DESCRIPTION_SIZE - 1 },
		{ .name = "a", .password = "eleven byte", .words = "a password has 12 to 128" },
		{ .name = "a", .password_length = 129, .words = "a password has 12 to 128" },
		{ .name = "a", .password_length = 128, .words = "easy to guess" },
		{ .name = "Grape Lunar",
			.password = "grape lunar vivid",
			.words = "easy to guess" },
		{ .name = "a", .password = "grape lunar vivid" },
		{ .name = "a",
			.password = "twelve\nbytes",
			.words = "a password has no control characters" },
	};

	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *end = long_text + sizeof long_text - 1;
		struct mailbox_creation creation = {
			.name = rows[i].name_length ? end - rows[i].name_length : rows[i].name,
			.description = rows[i].description_length ? end - rows[i].description_length
								  : rows[i].description,
			.password = bytes_of(rows[i].password_length ? end - rows[i].password_length
								     : rows[i].password),
			.generated_password = "left over",
		};
		struct error error = { .kind = ERROR_NONE };
		bool ok = mailboxes_create(&fixture->mailboxes, &creation, &error);

		if (ok != (rows[i].words == NULL))
			fail_msg("row %zu: %s", i, error.text);
		if (ok)
			continue;
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_non_null(strstr(error.text, rows[i].words));
	}
}

enum { CHANGES = 60 };

struct changer {
	struct service_fixture *fixture;
	struct id id;
	enum store_mailbox_status status;
};

static void change_often(void *context)
{
	struct changer *changer = context;

	for (int i = 0; i < CHANGES; i++)
		mailboxes_set_status(
			&changer->fixture->mailboxes, &changer->id, changer->status, NULL);
}

/* Whoever changes it last, store and directory say the same. */
static void test_two_change(void **state)
{
	struct service_fixture *fixture = *state;
	struct service_mailbox mailbox;
	struct store_mailbox stored;

	service_mailbox_make(&mailbox, "Contested");
	service_fixture_add(fixture, &mailbox);
	for (int round = 0; round < 5; round++) {
		struct changer suspends = { fixture, mailbox.stored.id, STORE_MAILBOX_SUSPENDED };
		struct changer resumes = { fixture, mailbox.stored.id, STORE_MAILBOX_ACTIVE };
		struct thread *one = thread_start("one", change_often, &suspends, NULL);
		struct thread *other = thread_start("other", change_often, &resumes, NULL);

		assert_true(one && other);
		thread_join(&one);
		thread_join(&other);
		assert_true(get(fixture, &mailbox.stored.id, &stored));
		assert_int_equal(state_of(fixture, &mailbox.stored.id),
			stored.status == STORE_MAILBOX_SUSPENDED ? DIRECTORY_SUSPENDED
								 : DIRECTORY_ACTIVE);
	}
	service_mailbox_clear(&mailbox);
}

static void test_load_broken(void **state)
{
	struct service_fixture *fixture = *state;
	char problem[96] = "mailbox-keys ";
	struct service_mailbox mailbox;

	service_mailbox_make(&mailbox, "Damaged");
	mailbox.stored.box_key[5] ^= 4;
	service_fixture_add(fixture, &mailbox);
	service_fixture_reopen(fixture);
	assert_int_equal(state_of(fixture, &mailbox.stored.id), DIRECTORY_BROKEN);
	mailbox_id_text(&mailbox.stored.id, problem + strlen(problem));
	assert_true(has_problem(fixture->service.problems, problem, NULL));
	service_mailbox_clear(&mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_own_password, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_recovery, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_temporary, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_load_broken, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
