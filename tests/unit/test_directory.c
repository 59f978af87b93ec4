/* test_directory.c -- the mailboxes in memory: found among hundreds, broken ones told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test_service_fixture.h"

enum { MANY = 300 };

static int set_up(void **state)
{
	*state = service_fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct service_fixture *fixture = *state;

	service_fixture_free(&fixture);
	return 0;
}

static struct directory *directory_of(void **state)
{
	return ((struct service_fixture *)*state)->service.directory;
}

/* A store's row with the keys of `model` under another id: broken, but cheap to make by hundreds. */
static struct store_mailbox numbered(const struct service_mailbox *model, unsigned number)
{
	struct store_mailbox mailbox = model->stored;
	uint32_t scattered = number * 2654435761u;

	memset(&mailbox.id, 0x5a, sizeof mailbox.id);
	memcpy(mailbox.id.bytes, &scattered, sizeof scattered);
	mailbox.password_wrap[0] = (uint8_t)number;
	mailbox.password_wrap[1] = (uint8_t)(number >> 8);
	return mailbox;
}

static void test_many(void **state)
{
	struct directory *directory = directory_of(state);
	uint8_t wrap[STORE_WRAP_MAX];
	struct mailbox_public_keys keys;
	struct service_mailbox model;
	size_t size;

	service_mailbox_make(&model, "Model");
	for (unsigned i = 0; i < MANY; i++) {
		struct store_mailbox mailbox = numbered(&model, i);

		assert_int_equal(directory_find(directory, &mailbox.id, NULL), DIRECTORY_UNKNOWN);
		assert_true(directory_put(directory, &mailbox, NULL));
	}
	/* Each is found, and is the right one; every third is taken out. */
	for (unsigned i = 0; i < MANY; i++) {
		struct store_mailbox mailbox = numbered(&model, i);

		assert_true(directory_password_wrap(directory, &mailbox.id, wrap, &size, &keys));
		assert_int_equal(size, mailbox.password_wrap_size);
		assert_int_equal(wrap[0] | wrap[1] << 8, i);
		assert_memory_equal(&keys, &model.public_keys, sizeof keys);
		if (i % 3 == 0)
			directory_remove(directory, &mailbox.id);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct store_mailbox mailbox = numbered(&model, i);

		assert_int_equal(
			directory_password_wrap(directory, &mailbox.id, wrap, &size, &keys),
			i % 3 != 0);
	}
	service_mailbox_clear(&model);
}

static void test_states(void **state)
{
	struct directory *directory = directory_of(state);
	struct mailbox_public_keys keys;
	struct service_mailbox mailbox;

	service_mailbox_make(&mailbox, "Office");
	assert_true(directory_put(directory, &mailbox.stored, NULL));
	assert_int_equal(directory_find(directory, &mailbox.stored.id, &keys), DIRECTORY_ACTIVE);
	assert_memory_equal(&keys, &mailbox.public_keys, sizeof keys);
	directory_set_status(directory, &mailbox.stored.id, STORE_MAILBOX_SUSPENDED);
	assert_int_equal(directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_SUSPENDED);
	directory_set_status(directory, &mailbox.stored.id, STORE_MAILBOX_ACTIVE);
	assert_int_equal(directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_ACTIVE);
	/* Replaced, not added. */
	mailbox.stored.status = STORE_MAILBOX_SUSPENDED;
	assert_true(directory_put(directory, &mailbox.stored, NULL));
	assert_int_equal(directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_SUSPENDED);
	directory_remove(directory, &mailbox.stored.id);
	assert_int_equal(directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_UNKNOWN);
	directory_remove(directory, &mailbox.stored.id);
	directory_set_status(directory, &mailbox.stored.id, STORE_MAILBOX_ACTIVE);
	assert_int_equal(directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_UNKNOWN);
	service_mailbox_clear(&mailbox);
}

static void test_broken(void **state)
{
	struct service_fixture *fixture = *state;
	struct directory *directory = fixture->service.directory;
	/* Where in the stored keys a byte is turned over. */
	static const size_t places[] = {
		offsetof(struct store_mailbox, identity_key),
		offsetof(struct store_mailbox, box_key) + 31,
		offsetof(struct store_mailbox, key_signature) + 40,
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct mailbox_public_keys keys;
		uint8_t wrap[STORE_WRAP_MAX];
		char problem[96], id[MAILBOX_ID_TEXT_SIZE];
		struct service_mailbox mailbox;
		struct problem found;
		size_t size;

		service_mailbox_make(&mailbox, "Office");
		((uint8_t *)&mailbox.stored)[places[i]] ^= 1;
		assert_true(directory_put(directory, &mailbox.stored, NULL));
		assert_int_equal(
			directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_BROKEN);
		/* No change of the status makes it whole. */
		directory_set_status(directory, &mailbox.stored.id, STORE_MAILBOX_ACTIVE);
		assert_int_equal(
			directory_find(directory, &mailbox.stored.id, NULL), DIRECTORY_BROKEN);
		mailbox_id_text(&mailbox.stored.id, id);
		snprintf(problem, sizeof problem, "mailbox-keys %s", id);
		assert_true(has_problem(fixture->service.problems, problem, &found));
		assert_int_equal(found.severity, PROBLEM_ERROR);
		assert_non_null(strstr(found.text, "\"Office\""));
		assert_true(*found.remedy);
		/* Its password can still be checked: the answer is then "not now", not "wrong". */
		assert_true(
			directory_password_wrap(directory, &mailbox.stored.id, wrap, &size, &keys));
		service_mailbox_clear(&mailbox);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
