/* test_ctl_files.c -- files from pieces and pieces from files: what was received is there whole or not at all, below
 * the path that was named and nowhere else, and overwrites nothing. */
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

#include "ctl_transfer_internal.h"
#include "test_platform_fixture.h"

static bool take(struct ctl_receiver *receiver, const char *entry, const char *data, bool is_end)
{
	struct transfer_piece piece;
	struct error error;
	bool ok;

	transfer_piece_init(&piece);
	snprintf(piece.entry, sizeof piece.entry, "%s", entry);
	buf_append_text(&piece.data, data);
	piece.is_entry_end = *entry != '\0';
	piece.is_end = is_end;
	ok = ctl_receiver_take(receiver, &piece, &error);
	transfer_piece_clear(&piece);
	return ok;
}

static void check_content(void **state, const char *name, const char *expected)
{
	char *content = read_file(scratch_path(state, name));

	if (!content || strcmp(content, expected) != 0)
		fail_msg("%s: %s", name, content ? content : "is not there");
	free(content);
}

static bool exists(void **state, const char *name)
{
	return access(scratch_path(state, name), F_OK) == 0;
}

static void test_file(void **state)
{
	struct ctl_receiver receiver;

	assert_true(ctl_receiver_begin(&receiver, scratch_path(state, "mail.mbox"), true, NULL));
	assert_true(exists(state, "mail.mbox.part"));
	assert_true(take(&receiver, "whatever.mbox", "From ...\n", true));
	assert_false(exists(state, "mail.mbox"));
	assert_true(ctl_receiver_finish(&receiver, NULL));
	ctl_receiver_clear(&receiver);
	check_content(state, "mail.mbox", "From ...\n");
	assert_false(exists(state, "mail.mbox.part"));
	assert_int_equal(mode_of(scratch_path(state, "mail.mbox")), 0600);
	/* An empty one. */
	assert_true(ctl_receiver_begin(&receiver, scratch_path(state, "empty"), true, NULL));
	assert_true(take(&receiver, "", "", true));
	assert_true(ctl_receiver_finish(&receiver, NULL));
	ctl_receiver_clear(&receiver);
	check_content(state, "empty", "");
	/* One file is one. */
	assert_true(ctl_receiver_begin(&receiver, scratch_path(state, "two"), true, NULL));
	assert_true(take(&receiver, "a", "a", false));
	assert_false(take(&receiver, "b", "b", true));
	ctl_receiver_clear(&receiver);
	assert_false(exists(state, "two"));
	assert_false(exists(state, "two.part"));
}

static void test_folder(void **state)
{
	char path[SCRATCH_PATH_SIZE + 4];
	struct ctl_receiver receiver;

	/* A new one and an empty one. */
	assert_int_equal(mkdir(scratch_path(state, "old"), 0700), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s//", scratch_path(state, i ? "old" : "new"));
		assert_true(ctl_receiver_check(path, NULL));
		assert_true(ctl_receiver_begin(&receiver, path, false, NULL));
		assert_true(take(&receiver, "a/b/1.eml", "one", false));
		assert_true(take(&receiver, "a/2.eml", "", false));
		assert_true(take(&receiver, "3.eml", "three", true));
		assert_true(ctl_receiver_finish(&receiver, NULL));
		ctl_receiver_clear(&receiver);
		check_content(state, i ? "old/a/b/1.eml" : "new/a/b/1.eml", "one");
		check_content(state, i ? "old/a/2.eml" : "new/a/2.eml", "");
		check_content(state, i ? "old/3.eml" : "new/3.eml", "three");
	}
	assert_false(exists(state, "new.part"));
	assert_false(exists(state, "old.part"));
}

/* What is there stays as it is. */
static void test_nothing_overwritten(void **state)
{
	struct ctl_receiver receiver;
	struct error error;

	write_file(scratch_path(state, "file"), "mine");
	assert_int_equal(mkdir(scratch_path(state, "full"), 0700), 0);
	write_file(scratch_path(state, "full/x"), "mine");
	write_file(scratch_path(state, "cut.part"), "mine");
	for (int is_file = 0; is_file < 2; is_file++) {
		static const char *const names[] = { "file", "full", "cut" };

		for (size_t i = 0; i < 3; i++) {
			assert_false(ctl_receiver_begin(
				&receiver, scratch_path(state, names[i]), is_file, &error));
			assert_int_equal(error.kind, ERROR_EXISTS);
			ctl_receiver_clear(&receiver);
		}
	}
	check_content(state, "file", "mine");
	check_content(state, "full/x", "mine");
	check_content(state, "cut.part", "mine");
	assert_false(ctl_receiver_check(scratch_path(state, "no/such"), &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* A file goes to no folder, empty as it may be. */
	assert_int_equal(mkdir(scratch_path(state, "empty"), 0700), 0);
	assert_false(ctl_receiver_begin(&receiver, scratch_path(state, "empty"), true, &error));
	/* What came meanwhile is not overwritten either. */
	assert_true(ctl_receiver_begin(&receiver, scratch_path(state, "new"), true, &error));
	assert_true(take(&receiver, "a", "received", true));
	write_file(scratch_path(state, "new"), "mine");
	assert_false(ctl_receiver_finish(&receiver, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	ctl_receiver_clear(&receiver);
	check_content(state, "new", "mine");
	assert_false(exists(state, "new.part"));
}

/* A gateway that is none cannot write elsewhere, nor twice, and what it sent before is gone. */
static void test_refused_pieces(void **state)
{
	static const char *const names[] = { "../out", "/tmp/out", "a/../../out", "a\\out", "1.eml",
		"1.eml/x" };
	struct ctl_receiver receiver;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_true(ctl_receiver_begin(&receiver, scratch_path(state, "new"), false, NULL));
		assert_true(take(&receiver, "1.eml", "one", false));
		assert_false(take(&receiver, names[i], "evil", false));
		ctl_receiver_clear(&receiver);
		assert_false(exists(state, "new"));
		assert_false(exists(state, "new.part"));
		assert_false(exists(state, "out"));
	}
}

struct sent {
	char names[512];
	uint64_t octets;
};

static void send_all(const char *path, struct sent *sent)
{
	struct transfer_order order = { .is_over = false };
	struct transfer_piece piece;
	struct ctl_sender sender;
	struct error error;

	memset(sent, 0, sizeof *sent);
	if (!ctl_sender_begin(&sender, path, &error))
		fail_msg("%s", error.text);
	transfer_piece_init(&piece);
	while (!order.is_over) {
		assert_true(ctl_sender_next(&sender, &piece, NULL));
		assert_true(transfer_order_step(&order, &piece, NULL));
		for (size_t i = 0; i < piece.data.size; i++)
			assert_int_equal(piece.data.data[i], (sent->octets + i) % 251);
		sent->octets += piece.data.size;
		if (piece.is_entry_end)
			snprintf(sent->names + strlen(sent->names),
				sizeof sent->names - strlen(sent->names), "[%s]", piece.entry);
	}
	assert_int_equal(sender.done, sent->octets);
	assert_int_equal(sender.total, sent->octets);
	ctl_sender_clear(&sender);
	transfer_piece_clear(&piece);
}

static void write_octets(const char *path, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		fputc((int)(i % 251), file);
	fclose(file);
}

static void test_sending(void **state)
{
	static const size_t sizes[] = { 0, 1, TRANSFER_PIECE_MAX - 1, TRANSFER_PIECE_MAX,
		TRANSFER_PIECE_MAX + 1, 3 * TRANSFER_PIECE_MAX };
	struct ctl_sender sender;
	struct error error;
	struct sent sent;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		write_octets(scratch_path(state, "one.bin"), sizes[i]);
		send_all(scratch_path(state, "one.bin"), &sent);
		assert_string_equal(sent.names, "[one.bin]");
		assert_int_equal(sent.octets, sizes[i]);
	}
	/* A folder: by the order of names, with those below. */
	assert_int_equal(mkdir(scratch_path(state, "f"), 0700), 0);
	send_all(scratch_path(state, "f"), &sent);
	assert_string_equal(sent.names, "");
	assert_int_equal(mkdir(scratch_path(state, "f/b"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(state, "f/empty"), 0700), 0);
	write_octets(scratch_path(state, "f/c"), 251);
	write_octets(scratch_path(state, "f/a"), 251 * 4);
	write_octets(scratch_path(state, "f/b/2"), 0);
	write_octets(scratch_path(state, "f/b/10"), 251);
	send_all(scratch_path(state, "f/"), &sent);
	assert_string_equal(sent.names, "[a][b/10][b/2][c]");
	/* What cannot be sent is said before anything is. */
	write_octets(scratch_path(state, "f/a:b"), 1);
	assert_false(ctl_sender_begin(&sender, scratch_path(state, "f"), &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "a:b"));
	ctl_sender_clear(&sender);
	assert_int_equal(unlink(scratch_path(state, "f/a:b")), 0);
	assert_int_equal(symlink("..", scratch_path(state, "f/up")), 0);
	assert_false(ctl_sender_begin(&sender, scratch_path(state, "f"), &error));
	assert_non_null(strstr(error.text, "without end"));
	ctl_sender_clear(&sender);
	assert_false(ctl_sender_begin(&sender, scratch_path(state, "none"), &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	ctl_sender_clear(&sender);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *clean, *parent;
	} rows[] = {
		{ "a", "a", "." },
		{ "a/b//", "a/b", "a" },
		{ "/a", "/a", "/" },
		{ "/", "/", "/" },
		{ "./a", "./a", "." },
	};
	char clean[PATH_SIZE], parent[PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(ctl_tree_path(rows[i].path, clean, NULL));
		assert_string_equal(clean, rows[i].clean);
		ctl_tree_parent(clean, parent);
		assert_string_equal(parent, rows[i].parent);
	}
	assert_false(ctl_tree_path("", clean, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_folder, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(
			test_nothing_overwritten, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(
			test_refused_pieces, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_sending, scratch_set_up, scratch_tear_down),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
