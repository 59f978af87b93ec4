/* test_delivery_collection.c -- mail through sealing and store and back, over a real store and a real loop: byte
 * for byte, however it was cut; what was damaged on the disk is never given out. */
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
#include "service/collection.h"
#include "service/delivery.h"
#include "test_service_fixture.h"

enum { CONTENT_MAX = 1 << 20, COLLECTED_MAX = CONTENT_MAX + 65536 };

struct fixture {
	struct service_fixture *service;
	struct service_mailbox mailboxes[2];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->service = service_fixture_new();
	for (size_t i = 0; i < 2; i++) {
		service_mailbox_make(&fixture->mailboxes[i], i ? "Second" : "First");
		service_fixture_add(fixture->service, &fixture->mailboxes[i]);
	}
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	service_fixture_free(&fixture->service);
	for (size_t i = 0; i < 2; i++)
		service_mailbox_clear(&fixture->mailboxes[i]);
	free(fixture);
	return 0;
}

/* ---- delivering, on the loop as sessions do ---- */

struct sending {
	struct fixture *fixture;
	size_t targets;
	struct bytes content;
	size_t piece; /* 0: cut at random */
	bool has_envelope;
	struct delivery_targets envelope; /* in place of `targets` when there are any */
	bool is_given_up;		  /* discarded after the content */
	struct countdown done;
	bool ok;
	struct error error;
	char id[ID_TEXT_SIZE];
};

static void on_stored(void *context, const struct error *why)
{
	struct sending *sending = context;

	sending->ok = why == NULL;
	if (why)
		sending->error = *why;
	countdown_step(&sending->done);
}

static bool write_all(struct sending *sending, struct delivery *delivery)
{
	struct bytes rest = sending->content;
	unsigned seed = 7;

	while (rest.size) {
		size_t size = sending->piece;

		if (!size)
			size = (seed = seed * 1103515245u + 12345u) >> 14;
		size += !size;
		if (!delivery_write(delivery, bytes_head(rest, size), &sending->error))
			return false;
		rest = bytes_skip(rest, size);
	}
	return true;
}

static void send_on_loop(void *context)
{
	struct sending *sending = context;
	struct service_fixture *service = sending->fixture->service;
	struct delivery_targets targets = { .count = 0 };
	struct trace trace = {
		.return_path = bytes_of("sender@example.org"),
		.hello = bytes_of("mail.example.org"),
		.peer_address = bytes_of("192.0.2.1"),
		.gateway = bytes_of("gateway.example.com"),
		.protocol = "ESMTPS",
		.tls = bytes_of("TLSv1.3"),
		.time_s = 1768435200,
	};
	struct delivery *delivery;

	for (size_t i = 0; i < sending->targets; i++)
		assert_true(
			delivery_targets_add(&targets, &sending->fixture->mailboxes[i].stored.id));
	trace.has_envelope = sending->has_envelope;
	delivery = delivery_begin(&service->service, service->loop,
		sending->envelope.count ? &sending->envelope : &targets, &trace, &sending->error);
	if (!delivery) {
		countdown_step(&sending->done);
		return;
	}
	snprintf(sending->id, sizeof sending->id, "%s", delivery_id(delivery));
	if (write_all(sending, delivery) && !sending->is_given_up &&
		delivery_finish(delivery, on_stored, sending, &sending->error))
		return;
	delivery_discard(&delivery);
	assert_null(delivery);
	countdown_step(&sending->done);
}

static void run_sending(struct sending *sending)
{
	countdown_init(&sending->done, 1);
	loop_call(sending->fixture->service->loop, send_on_loop, sending);
	countdown_wait(&sending->done);
	countdown_clear(&sending->done);
}

static void send(struct fixture *fixture, size_t targets, struct bytes content, size_t piece)
{
	struct sending sending = {
		.fixture = fixture, .targets = targets, .content = content, .piece = piece
	};

	run_sending(&sending);
	if (!sending.ok)
		fail_msg("%s", sending.error.text);
	assert_int_equal(strlen(sending.id), ID_TEXT_SIZE - 1);
}

/* ---- collecting ---- */

static void on_listed(struct store_read *read)
{
	countdown_step(read->context);
}

/* The waiting messages; freed by the caller. */
static struct store_message *list(struct fixture *fixture, size_t mailbox, size_t *count)
{
	struct countdown done;
	struct store_read read = {
		.what = STORE_READ_LIST,
		.mailbox = fixture->mailboxes[mailbox].stored.id,
		.done = on_listed,
		.context = &done,
	};

	countdown_init(&done, 1);
	store_read_submit(fixture->service->service.store, &read);
	countdown_wait(&done);
	countdown_clear(&done);
	if (!read.ok)
		fail_msg("%s", read.error.text);
	*count = read.message_count;
	return read.messages;
}

struct fetching {
	struct fixture *fixture;
	struct service_mailbox *mailbox;
	const struct store_message *message;
	struct mailbox_keyring *keyring;
	struct collection *collection;
	struct buf got;
	struct countdown done;
	bool ok;
	struct error error;
};

static void on_piece(void *context, const struct error *why)
{
	struct fetching *fetching = context;

	if (why) {
		fetching->error = *why;
	} else {
		assert_true(buf_append(&fetching->got, collection_piece(fetching->collection)));
		if (!collection_is_finished(fetching->collection)) {
			collection_fetch(fetching->collection, on_piece, fetching);
			return;
		}
		fetching->ok = true;
	}
	collection_free(&fetching->collection);
	countdown_step(&fetching->done);
}

static void fetch_on_loop(void *context)
{
	struct fetching *fetching = context;
	struct service_fixture *service = fetching->fixture->service;

	fetching->keyring = mailbox_keyring_open(&fetching->mailbox->public_keys,
		fetching->mailbox->secret_keys, NULL, 0, &fetching->error);
	assert_non_null(fetching->keyring);
	fetching->collection =
		collection_new(service->service.store, service->loop, &fetching->mailbox->stored.id,
			fetching->message, fetching->keyring, &fetching->error);
	assert_non_null(fetching->collection);
	collection_fetch(fetching->collection, on_piece, fetching);
}

static bool fetch(struct fixture *fixture, size_t mailbox, const struct store_message *message,
	struct buf *got, struct error *error)
{
	struct fetching fetching = {
		.fixture = fixture, .mailbox = &fixture->mailboxes[mailbox], .message = message
	};

	buf_init(&fetching.got, COLLECTED_MAX);
	countdown_init(&fetching.done, 1);
	loop_call(fixture->service->loop, fetch_on_loop, &fetching);
	countdown_wait(&fetching.done);
	countdown_clear(&fetching.done);
	mailbox_keyring_free(&fetching.keyring);
	*got = fetching.got;
	*error = fetching.error;
	return fetching.ok;
}

/* The newest message of the mailbox is the content below its trace headers, and its size is what RETR sends. */
static void check_newest(struct fixture *fixture, size_t mailbox, struct bytes content)
{
	size_t count, missing = 2;
	struct store_message *messages = list(fixture, mailbox, &count);
	char id[MAILBOX_ID_TEXT_SIZE];
	struct bytes top;
	struct error error;
	struct buf got;

	assert_true(count > 0);
	if (!fetch(fixture, mailbox, &messages[count - 1], &got, &error))
		fail_msg("%s", error.text);
	assert_true(got.size > content.size);
	top = bytes_head(buf_view(&got), got.size - content.size);
	assert_true(bytes_equal(bytes_skip(buf_view(&got), top.size), content));
	assert_true(bytes_starts_with_nocase(top, "Return-Path: <sender@example.org>\r\n"));
	assert_memory_equal(top.data + top.size - 2, "\r\n", 2);
	/* Each mailbox's headers name itself, and no other. */
	mailbox_id_text(&fixture->mailboxes[mailbox].stored.id, id);
	assert_non_null(memmem(top.data, top.size, id, strlen(id)));
	mailbox_id_text(&fixture->mailboxes[1 - mailbox].stored.id, id);
	assert_null(memmem(top.data, top.size, id, strlen(id)));
	if (memcmp(got.data + got.size - 2, "\r\n", 2) == 0)
		missing = 0;
	assert_int_equal(messages[count - 1].size, got.size + missing);
	buf_clear(&got);
	free(messages);
}

/* ---- tests ---- */

static uint8_t content_of_test[CONTENT_MAX];

static struct bytes pattern(size_t size)
{
	uint32_t value = 1;

	for (size_t i = 0; i < size; i++) {
		value = value * 1664525u + 1013904223u;
		content_of_test[i] = (uint8_t)(value >> 24);
	}
	return bytes_make(content_of_test, size);
}

static void test_texts(void **state)
{
	struct fixture *fixture = *state;
	static const char *const texts[] = { "", "x", "\n", "\r", "\r\n", "Subject: a\r\n\r\nb\r\n",
		"no final newline", "bare\nlf\n", "ends in cr\r", "\r\n.\r\n", ".\r\n..\r\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		send(fixture, 1, bytes_of(texts[i]), 1);
		check_newest(fixture, 0, bytes_of(texts[i]));
	}
}

static void test_sizes(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = { 1, 4095, 65535, 65536, 65537, 131072, 200001, CONTENT_MAX };
	static const size_t pieces[] = { 0, 1021, 65536, CONTENT_MAX };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
			send(fixture, 1, pattern(sizes[i]), pieces[j]);
			check_newest(fixture, 0, pattern(sizes[i]));
		}
	}
}

/* CRLF at the very end, cut between its two octets, is a line's end: nothing is missing. */
static void test_line_end_is_cut(void **state)
{
	struct fixture *fixture = *state;
	struct bytes content = pattern(65537);

	memcpy(content_of_test + 65535, "\r\n", 2);
	send(fixture, 1, content, 65536);
	check_newest(fixture, 0, content);
}

static void test_two_targets(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = { 0, 5, 70000 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		send(fixture, 2, pattern(sizes[i]), 0);
		check_newest(fixture, 0, pattern(sizes[i]));
		check_newest(fixture, 1, pattern(sizes[i]));
	}
}

static void test_targets(void **state)
{
	struct delivery_targets targets = { .count = 0 };
	struct id id = { { 0 } };

	(void)state;
	for (size_t i = 0; i < STORE_TARGETS_MAX; i++) {
		id.bytes[0] = (uint8_t)i;
		assert_true(delivery_targets_add(&targets, &id));
		assert_true(delivery_targets_add(&targets, &id));
		assert_int_equal(targets.count, i + 1);
	}
	id.bytes[0] = STORE_TARGETS_MAX;
	assert_false(delivery_targets_add(&targets, &id));
	id.bytes[0] = 0;
	assert_true(delivery_targets_add(&targets, &id));
	assert_int_equal(targets.count, STORE_TARGETS_MAX);
}

/* Each recipient once, each mailbox its own, and as many as have room. */
static void test_recipients(void **state)
{
	struct delivery_targets targets = { .count = 0 };
	struct id one = { { 1 } }, other = { { 2 } };
	char address[64];
	size_t count = 0;

	(void)state;
	assert_true(delivery_targets_add_recipient(&targets, &one, bytes_of("a@example.com")));
	assert_true(delivery_targets_have(&targets, &one));
	assert_false(delivery_targets_have(&targets, &other));
	do
		snprintf(address, sizeof address, "recipient.%04zu@example.com", ++count);
	while (count < 10000 && delivery_targets_add_recipient(&targets, &one, bytes_of(address)));
	assert_in_range(count, 300, 500);
	/* Full for one is not full for all, and what is there already is there. */
	assert_true(delivery_targets_add_recipient(&targets, &one, bytes_of("a@example.com")));
	assert_true(delivery_targets_add_recipient(&targets, &other, bytes_of(address)));
	assert_false(delivery_targets_add_recipient(&targets, &one, bytes_of(address)));
	assert_int_equal(targets.count, 2);
	delivery_targets_clear(&targets);
	assert_int_equal(targets.count, 0);
}

static void add_longest(struct delivery_targets *targets, const struct id *mailbox)
{
	char address[255];
	size_t count = 0;

	memset(address, 'x', sizeof address);
	do
		snprintf(address, sizeof address, "%0*zu", 254, ++count);
	while (delivery_targets_add_recipient(targets, mailbox, bytes_of(address)));
	assert_true(count > 40);
}

static struct bytes top_of(struct fixture *fixture, size_t mailbox, struct buf *got)
{
	size_t count, end;
	struct store_message *messages = list(fixture, mailbox, &count);
	struct error error;

	assert_true(count > 0);
	if (!fetch(fixture, mailbox, &messages[count - 1], got, &error))
		fail_msg("%s", error.text);
	free(messages);
	end = got->size - strlen("content\r\n");
	return bytes_make(got->data, end);
}

static bool holds(struct bytes top, const char *text)
{
	return memmem(top.data, top.size, text, strlen(text)) != NULL;
}

/* The first wants the envelope, the second does not. */
static void test_envelope(void **state)
{
	struct fixture *fixture = *state;
	struct directory *directory = fixture->service->service.directory;
	const struct id *ids[] = { &fixture->mailboxes[0].stored.id,
		&fixture->mailboxes[1].stored.id };
	struct sending sending = {
		.fixture = fixture, .targets = 2, .content = bytes_of("content\r\n")
	};
	struct mailbox_facts facts;
	struct bytes top;
	struct buf got;

	mailbox_facts_init(&facts);
	facts.envelope_headers = false;
	assert_true(directory_set_facts(directory, ids[1], &facts, NULL));
	sending.has_envelope = true;
	delivery_targets_add_recipient(&sending.envelope, ids[0], bytes_of("blind@example.com"));
	delivery_targets_add_recipient(&sending.envelope, ids[1], bytes_of("other@example.com"));
	delivery_targets_add_recipient(&sending.envelope, ids[0], bytes_of("alias@example.com"));
	run_sending(&sending);
	assert_true(sending.ok);
	top = top_of(fixture, 0, &got);
	assert_true(holds(top, "\r\nX-Envelope-From: <sender@example.org>\r\n"
			       "X-Envelope-To: <blind@example.com>, <alias@example.com>\r\n"));
	assert_false(holds(top, "other@example.com"));
	buf_clear(&got);
	top = top_of(fixture, 1, &got);
	assert_false(holds(top, "X-Envelope"));
	buf_clear(&got);
	/* As long as it can get, it fits. */
	delivery_targets_clear(&sending.envelope);
	facts.envelope_headers = true;
	assert_true(directory_set_facts(directory, ids[1], &facts, NULL));
	add_longest(&sending.envelope, ids[0]);
	add_longest(&sending.envelope, ids[1]);
	run_sending(&sending);
	if (!sending.ok)
		fail_msg("%s", sending.error.text);
	top = top_of(fixture, 1, &got);
	assert_true(top.size > 10000);
	buf_clear(&got);
	/* Mail of the gateway's own has no envelope. */
	sending.has_envelope = false;
	run_sending(&sending);
	top = top_of(fixture, 0, &got);
	assert_false(holds(top, "X-Envelope"));
	buf_clear(&got);
	delivery_targets_clear(&sending.envelope);
}

static bool count_file(void *context, const char *name)
{
	*(size_t *)context += strcmp(name, "lost") != 0;
	return true;
}

static size_t body_files(struct fixture *fixture)
{
	char path[PATH_SIZE];
	size_t count = 0;

	assert_true(path_join(fixture->service->folder, "bodies", path, NULL));
	assert_true(folder_each(path, count_file, &count, NULL));
	return count;
}

static void test_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct sending sending = { .fixture = fixture,
		.targets = 2,
		.content = pattern(CONTENT_MAX),
		.piece = 65536,
		.is_given_up = true };
	struct store_message *messages;
	size_t count;

	run_sending(&sending);
	assert_int_equal(body_files(fixture), 0);
	messages = list(fixture, 0, &count);
	assert_int_equal(count, 0);
	free(messages);
	/* The same to its end leaves one file for both. */
	send(fixture, 2, pattern(CONTENT_MAX), 65536);
	assert_int_equal(body_files(fixture), 1);
}

/* A mailbox that takes no mail is refused before the content, not after it. */
static void test_not_taken(void **state)
{
	struct fixture *fixture = *state;
	struct directory *directory = fixture->service->service.directory;
	const struct id *second = &fixture->mailboxes[1].stored.id;
	struct sending sending = { .fixture = fixture, .targets = 2, .content = bytes_of("x") };

	directory_set_status(directory, second, STORE_MAILBOX_SUSPENDED);
	run_sending(&sending);
	assert_false(sending.ok);
	assert_int_equal(sending.error.kind, ERROR_STATE);
	assert_string_equal(sending.id, "");
	directory_remove(directory, second);
	run_sending(&sending);
	assert_false(sending.ok);
	assert_string_equal(sending.id, "");
}

/* Suspended while the content came: the store has the last word, and none has the message. */
static void test_suspended_meanwhile(void **state)
{
	struct fixture *fixture = *state;
	const struct id *second = &fixture->mailboxes[1].stored.id;
	struct sending sending = { .fixture = fixture, .targets = 2, .content = bytes_of("x") };
	struct store_message *messages;
	size_t count;

	assert_true(store_mailbox_set_status(
		fixture->service->service.store, second, STORE_MAILBOX_SUSPENDED, NULL));
	run_sending(&sending);
	assert_false(sending.ok);
	assert_int_equal(sending.error.kind, ERROR_STATE);
	assert_int_equal(strlen(sending.id), ID_TEXT_SIZE - 1);
	messages = list(fixture, 0, &count);
	assert_int_equal(count, 0);
	free(messages);
}

struct body_file {
	struct fixture *fixture;
	char path[PATH_SIZE];
};

static bool note_file(void *context, const char *name)
{
	struct body_file *file = context;
	char folder[PATH_SIZE];

	if (strcmp(name, "lost") == 0)
		return true;
	return path_join(file->fixture->service->folder, "bodies", folder, NULL) &&
	       path_join(folder, name, file->path, NULL);
}

static void find_body(struct fixture *fixture, struct body_file *file)
{
	char folder[PATH_SIZE];

	*file = (struct body_file){ .fixture = fixture };
	assert_true(path_join(fixture->service->folder, "bodies", folder, NULL));
	assert_true(folder_each(folder, note_file, file, NULL));
	assert_true(*file->path);
}

static void turn_over_byte(const char *path, long place, int whence)
{
	FILE *file = fopen(path, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, place, whence), 0);
	byte = fgetc(file);
	assert_true(byte != EOF);
	assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
	assert_true(fputc(byte ^ 1, file) != EOF);
	assert_int_equal(fclose(file), 0);
}

/* Fetches what is damaged; what was given out before that is the true beginning of the message. */
static void check_corrupt(struct fixture *fixture, struct bytes content, size_t at_most)
{
	size_t count;
	struct store_message *messages = list(fixture, 0, &count);
	struct error error;
	struct buf got;
	size_t top = messages[0].size - content.size;

	assert_int_equal(count, 1);
	assert_false(fetch(fixture, 0, &messages[0], &got, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_true(*error.text);
	assert_true(got.size <= at_most);
	if (got.size > top)
		assert_memory_equal(got.data + top, content.data, got.size - top);
	buf_clear(&got);
	free(messages);
}

static void test_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct bytes content = pattern(300000);
	struct body_file file;
	uint64_t size;
	struct file *opened;

	memcpy(content_of_test + content.size - 2, "\r\n", 2);
	send(fixture, 1, content, 0);
	find_body(fixture, &file);
	/* In the first chunk: nothing at all is given out. */
	turn_over_byte(file.path, 20000, SEEK_SET);
	check_corrupt(fixture, content, 0);
	turn_over_byte(file.path, 20000, SEEK_SET);
	/* In the head: the keys do not open. */
	turn_over_byte(file.path, 40, SEEK_SET);
	check_corrupt(fixture, content, 0);
	turn_over_byte(file.path, 40, SEEK_SET);
	/* In the last chunk: what came before it may have gone out, the end never does. */
	turn_over_byte(file.path, -5, SEEK_END);
	check_corrupt(fixture, content, content.size - 1);
	turn_over_byte(file.path, -5, SEEK_END);
	check_newest(fixture, 0, content);
	/* Cut short. */
	opened = file_open(file.path, FILE_READ, NULL);
	assert_true(file_size(opened, &size, NULL));
	file_close(&opened);
	assert_int_equal(truncate(file.path, (off_t)size - 1), 0);
	check_corrupt(fixture, content, content.size - 1);
	assert_int_equal(unlink(file.path), 0);
	check_corrupt(fixture, content, 0);
}

/* With the keys of another mailbox nothing opens. */
static void test_foreign_keys(void **state)
{
	struct fixture *fixture = *state;
	struct service_mailbox swapped = fixture->mailboxes[0];
	struct store_message *messages;
	struct error error;
	struct buf got;
	size_t count;

	send(fixture, 1, bytes_of("secret"), 0);
	messages = list(fixture, 0, &count);
	fixture->mailboxes[0].public_keys = fixture->mailboxes[1].public_keys;
	fixture->mailboxes[0].secret_keys = fixture->mailboxes[1].secret_keys;
	assert_false(fetch(fixture, 0, &messages[0], &got, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_int_equal(got.size, 0);
	buf_clear(&got);
	fixture->mailboxes[0] = swapped;
	free(messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_line_end_is_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_targets, set_up, tear_down),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test_setup_teardown(test_envelope, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_suspended_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign_keys, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
