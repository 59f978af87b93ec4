/* test_service_fixture.c -- see the header. */
#include "test_service_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "platform/file.h"
#include "test_platform_fixture.h"

enum { PATIENCE_US = 60000000, SLAB_BYTES = 1024 * 1024 };

static const char test_password[] = "a password of tests";

static void no_trouble(void *context, const struct error *trouble)
{
	(void)context;
	if (trouble->kind != ERROR_NONE)
		print_message("store: %s\n", trouble->text);
}

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static void check(bool ok, const struct error *error)
{
	if (!ok)
		fail_msg("%s", error->text);
}

/* One for the process: each costs a hash at its start, and keeps nothing of a test. */
static struct hashing *hashing;

static void stop_hashing(void)
{
	hashing_stop(&hashing);
}

static void start_hashing(void)
{
	struct error error;

	if (hashing)
		return;
	check((hashing = hashing_start(&error)) != NULL, &error);
	atexit(stop_hashing);
}

static void build(struct service_fixture *fixture)
{
	struct service *service = &fixture->service;
	struct store_options options = { .folder = fixture->folder, .on_trouble = no_trouble };
	struct error error;

	check((service->mutex = mutex_new(&error)) != NULL, &error);
	check((service->changing = mutex_new(&error)) != NULL, &error);
	check((service->notices = notices_new(&error)) != NULL, &error);
	check((service->problems = problems_new(service->notices, &error)) != NULL, &error);
	check((service->directory = directory_new(service->problems, &error)) != NULL, &error);
	check((service->maildrops = maildrops_new(&error)) != NULL, &error);
	check((service->login_guard = login_guard_new(service->problems, &error)) != NULL, &error);
	check((service->sessions = sessions_new(&error)) != NULL, &error);
	check((service->store = store_open(&options, &error)) != NULL, &error);
	config_set_defaults(&service->config);
	strcpy(service->hostname, "gateway.example.com");
	service->hashing = hashing;
	fixture->mailboxes = (struct mailboxes){ service->store, service->directory,
		service->notices, service->changing, hashing };
	check(mailboxes_load(&fixture->mailboxes, &error), &error);
	check((fixture->loop = loop_start("test", &error)) != NULL, &error);
}

static void take_down(struct service_fixture *fixture)
{
	struct service *service = &fixture->service;

	loop_stop(&fixture->loop, 1000);
	store_close(&service->store);
	sessions_free(&service->sessions);
	login_guard_free(&service->login_guard);
	maildrops_free(&service->maildrops);
	directory_free(&service->directory);
	problems_free(&service->problems);
	notices_free(&service->notices);
	mutex_free(&service->mutex);
	mutex_free(&service->changing);
}

struct service_fixture *service_fixture_new(void)
{
	struct service_fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;
	void *folder;

	assert_non_null(fixture);
	log_set_sink(ignore_line, NULL);
	check(secret_start(SLAB_BYTES, &error), &error);
	start_hashing();
	assert_int_equal(scratch_set_up(&folder), 0);
	snprintf(fixture->folder, sizeof fixture->folder, "%s", scratch_path(&folder, "data"));
	check(folder_create(fixture->folder, &error), &error);
	fixture->scratch = folder;
	build(fixture);
	return fixture;
}

void service_fixture_free(struct service_fixture **fixture)
{
	take_down(*fixture);
	scratch_tear_down(&(*fixture)->scratch);
	free(*fixture);
	*fixture = NULL;
}

void service_fixture_reopen(struct service_fixture *fixture)
{
	take_down(fixture);
	memset(&fixture->service, 0, sizeof fixture->service);
	build(fixture);
}

void service_mailbox_make(struct service_mailbox *mailbox, const char *name)
{
	/* The least that crypto takes back, so that a test of queues is no test of Argon2. */
	const struct wrap_cost cost = { 12 * 1024, 3 };
	struct store_mailbox *stored = &mailbox->stored;
	struct error error;
	struct buf wrap;

	memset(mailbox, 0, sizeof *mailbox);
	check(mailbox_keys_generate(&mailbox->public_keys, &mailbox->secret_keys, &error), &error);
	stored->id = mailbox_keys_id(&mailbox->public_keys);
	stored->created_us = 1000000;
	snprintf(stored->name, sizeof stored->name, "%s", name);
	memcpy(stored->identity_key, mailbox->public_keys.identity, sizeof stored->identity_key);
	stored->generation = mailbox->public_keys.generation;
	memcpy(stored->box_key, mailbox->public_keys.box, sizeof stored->box_key);
	memcpy(stored->key_signature, mailbox->public_keys.signature, sizeof stored->key_signature);
	buf_init(&wrap, STORE_WRAP_MAX);
	check(key_wrap(WRAP_PASSWORD, &stored->id, mailbox->secret_keys, bytes_of(test_password),
		      &cost, &wrap, &error),
		&error);
	memcpy(stored->password_wrap, wrap.data, wrap.size);
	stored->password_wrap_size = wrap.size;
	buf_clear(&wrap);
}

void service_mailbox_clear(struct service_mailbox *mailbox)
{
	secret_free(mailbox->secret_keys);
	mailbox->secret_keys = NULL;
}

void service_fixture_add(struct service_fixture *fixture, const struct service_mailbox *mailbox)
{
	struct error error;

	check(store_mailbox_create(fixture->service.store, &mailbox->stored, &error), &error);
	check(directory_put(fixture->service.directory, &mailbox->stored, &error), &error);
}

bool has_problem(struct problems *problems, const char *id, struct problem *found)
{
	struct problem *list = calloc(PROBLEMS_MAX, sizeof *list);
	size_t count = problems_list(problems, list, PROBLEMS_MAX);
	bool has = false;

	for (size_t i = 0; i < count && !has; i++) {
		has = strcmp(list[i].id, id) == 0;
		if (has && found)
			*found = list[i];
	}
	free(list);
	return has;
}

void countdown_init(struct countdown *countdown, size_t left)
{
	*countdown = (struct countdown){ mutex_new(NULL), condition_new(NULL), left };
	assert_true(countdown->mutex && countdown->changed);
}

void countdown_clear(struct countdown *countdown)
{
	condition_free(&countdown->changed);
	mutex_free(&countdown->mutex);
}

void countdown_step(struct countdown *countdown)
{
	mutex_lock(countdown->mutex);
	assert_true(countdown->left > 0);
	countdown->left--;
	condition_broadcast(countdown->changed);
	mutex_unlock(countdown->mutex);
}

void countdown_wait(struct countdown *countdown)
{
	bool in_time = true;
	size_t left;

	mutex_lock(countdown->mutex);
	while (countdown->left && in_time)
		in_time = condition_wait_for(countdown->changed, countdown->mutex, PATIENCE_US);
	left = countdown->left;
	mutex_unlock(countdown->mutex);
	assert_int_equal(left, 0);
}
