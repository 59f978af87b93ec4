/* test_transfer_piece.c -- which names may be written to a disk, in which order pieces may come, and that JSON keeps
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/json_memory.h"
#include "control/transfer_piece.h"

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	return 0;
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "a.eml", "cur/1.eml", "a/b/c", ".hidden", "..a",
		"a b", "-rf", "Gr\xc3\xbcn" };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..",
		"a/../b", "a/./b", "./a", "...", "a.", "a ", "a./b", "a /b", "a\\b", "C:a", "a:b",
		"a\nb", "a\x7f", "\x01", "a\xff", "\xc3" };
	char name[TRANSFER_ENTRY_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (!transfer_entry_is_valid(good[i]))
			fail_msg("%s was refused", good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (transfer_entry_is_valid(bad[i]))
			fail_msg("%s was taken", bad[i]);
	}
	memset(name, 'x', sizeof name);
	name[TRANSFER_ENTRY_SIZE - 1] = '\0';
	assert_true(transfer_entry_is_valid(name));
	name[TRANSFER_ENTRY_SIZE - 1] = 'x';
	name[TRANSFER_ENTRY_SIZE] = '\0';
	assert_false(transfer_entry_is_valid(name));
}

static void test_folders(void **state)
{
	static const char *const good[] = { "cur/", "a/b/", ".hidden/" };
	static const char *const bad[] = { "", "/", "a", "a//", "../", "a/../", "./", "/a/",
		"a./" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (!transfer_entry_is_folder(good[i]))
			fail_msg("%s was refused", good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (transfer_entry_is_folder(bad[i]))
			fail_msg("%s was taken", bad[i]);
	}
}

/* Each row is one transfer: "NAME" a piece with data, "NAME." its last one, "!" the end without an entry, "NAME.!" the
 * last piece of all; "NAME," a piece without data, "NAME,." its last one. */
static void test_order(void **state)
{
	static const struct {
		const char *steps[8];
		size_t refused; /* the step that is, or 0: none */
	} rows[] = {
		{ { "!" }, 0 },
		{ { "a.", "!" }, 0 },
		{ { "a", "a", "a.", "b.", "!" }, 0 },
		{ { "a", "a.!" }, 0 },
		{ { "a,", "a.", "!" }, 0 },
		/* The same name again is the receiver's to refuse. */
		{ { "a.", "a.", "!" }, 0 },
		{ { "a", "b" }, 2 },
		{ { "a", "!" }, 2 },
		{ { "a!" }, 1 },
		{ { "a.!", "b" }, 2 },
		{ { "!", "!" }, 2 },
		{ { "" }, 1 },
		{ { "." }, 1 },
		{ { "../a." }, 1 },
		/* An empty folder is one piece without data. */
		{ { "a/,.", "b.", "c/,.!" }, 0 },
		{ { "a/." }, 1 },
		{ { "a/," }, 1 },
		{ { "../,." }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct transfer_order order = { .is_over = false };

		for (size_t j = 0; rows[i].steps[j]; j++) {
			struct bytes step = bytes_of(rows[i].steps[j]);
			struct transfer_piece piece;
			struct error error = { .kind = ERROR_NONE };
			bool ok;

			transfer_piece_init(&piece);
			piece.is_end = step.size && step.data[step.size - 1] == '!';
			step.size -= piece.is_end;
			piece.is_entry_end = step.size && step.data[step.size - 1] == '.';
			step.size -= piece.is_entry_end;
			/* Where it is the last piece: "NAME,." */
			if (step.size && step.data[step.size - 1] == ',')
				step.size--;
			else if (step.size)
				buf_append_text(&piece.data, "data");
			bytes_copy_text(step, piece.entry, sizeof piece.entry);
			ok = transfer_order_step(&order, &piece, &error);
			transfer_piece_clear(&piece);
			if (ok != (j + 1 != rows[i].refused))
				fail_msg("row %zu, step %zu: %s", i, j, ok ? "taken" : error.text);
			assert_true(ok || error.kind == ERROR_INVALID);
			if (!ok)
				break;
		}
	}
}

static void test_there_and_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 3, TRANSFER_PIECE_MAX };
	struct transfer_piece piece, again;

	(void)state;
	transfer_piece_init(&piece);
	transfer_piece_init(&again);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		json_t *value;

		transfer_piece_reset(&piece);
		strcpy(piece.entry, "a/b.eml");
		for (size_t j = 0; j < sizes[i]; j++)
			assert_true(buf_append_byte(&piece.data, (uint8_t)(j * 3)));
		piece.is_entry_end = i % 2;
		piece.is_end = i == 3;
		piece.done = 10 + i;
		piece.total = 1000;
		value = transfer_piece_pack(&piece);
		assert_non_null(value);
		if (!transfer_piece_unpack(value, &again, &error))
			fail_msg("%s", error.text);
		json_decref(value);
		assert_string_equal(again.entry, piece.entry);
		assert_true(bytes_equal(buf_view(&again.data), buf_view(&piece.data)));
		assert_int_equal(again.is_entry_end, piece.is_entry_end);
		assert_int_equal(again.is_end, piece.is_end);
		assert_int_equal(again.done, piece.done);
		assert_int_equal(again.total, piece.total);
	}
	transfer_piece_clear(&piece);
	transfer_piece_clear(&again);
}

static void test_unpacked(void **state)
{
	static const struct {
		const char *json;
		bool ok;
	} rows[] = {
		{ "{}", true },
		{ "{\"end\":true}", true },
		{ "{\"entry\":\"\",\"data\":\"\",\"end\":true,\"result\":{}}", true },
		{ "{\"entry\":\"a\",\"data\":\"AAAA\",\"progress\":{\"done\":-1,\"total\":\"x\"}}",
			true },
		{ "[]", false },
		{ "{\"entry\":1}", false },
		{ "{\"entry\":\"../a\"}", false },
		{ "{\"entry\":\"a\\u0000\"}", false },
		{ "{\"entry\":\"a\",\"data\":\"AA\"}", false },
		{ "{\"entry\":\"a\",\"data\":\"AA=A\"}", false },
		{ "{\"entry\":\"a\",\"data\":\"AAAA\\n\"}", false },
		{ "{\"entry\":\"a\",\"data\":1}", false },
		{ "{\"entry\":\"a\",\"end\":\"true\"}", false },
		{ "{\"entry\":\"a\",\"entry_end\":1}", false },
	};
	struct transfer_piece piece;

	(void)state;
	transfer_piece_init(&piece);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		json_t *value = json_loads(rows[i].json, JSON_ALLOW_NUL, NULL);

		assert_non_null(value);
		/* What came before is gone. */
		buf_append_text(&piece.data, "before");
		if (transfer_piece_unpack(value, &piece, &error) != rows[i].ok)
			fail_msg("%s: %s", rows[i].json, error.text);
		assert_true(piece.data.size != 6);
		assert_true(rows[i].ok || (error.kind == ERROR_INVALID && *error.text));
		json_decref(value);
	}
	transfer_piece_clear(&piece);
}

static void test_too_much_data(void **state)
{
	size_t length = (TRANSFER_PIECE_MAX / 3 + 2) * 4;
	char *text = malloc(length + 1);
	struct transfer_piece piece;
	struct error error;
	json_t *value;

	(void)state;
	memset(text, 'A', length);
	text[length] = '\0';
	value = json_pack("{s:s, s:s}", "entry", "a", "data", text);
	transfer_piece_init(&piece);
	assert_false(transfer_piece_unpack(value, &piece, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	transfer_piece_clear(&piece);
	json_decref(value);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_unpacked),
		cmocka_unit_test(test_too_much_data),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
