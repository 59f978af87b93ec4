/* certificate_complete.c -- see the header. */
#include "certificate_complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

char *complete_text[FOLDER_FILE_COUNT];

int complete_make(void **state)
{
	struct certificate_folder folder;
	struct error error;

	(void)state;
	folder_make(&folder);
	if (!certificate_ensure(folder.path, &folder_names, TEST_NOW_S, &error))
		fail_msg("%s", error.text);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		complete_text[i] = folder_read(&folder, folder_files[i]);
		assert_non_null(complete_text[i]);
	}
	folder_discard(&folder);
	return 0;
}

int complete_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		free(complete_text[i]);
	return 0;
}

void complete_fill(struct certificate_folder *folder)
{
	folder_make(folder);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		folder_write(folder, folder_files[i], complete_text[i]);
}

struct contents contents_look(const struct certificate_folder *folder)
{
	struct contents contents;

	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		contents.text[i] = folder_read(folder, folder_files[i]);
	return contents;
}

void contents_free(struct contents *contents)
{
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		free(contents->text[i]);
}

bool contents_is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

void contents_check_same(const struct certificate_folder *folder, struct contents *before)
{
	struct contents now = contents_look(folder);

	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		if (!contents_is_same(before->text[i], now.text[i]))
			fail_msg("%s changed", folder_files[i]);
	}
	contents_free(&now);
	contents_free(before);
}

bool complete_ensure(const struct certificate_folder *folder, struct error *error)
{
	bool ok = certificate_ensure(folder->path, &folder_names, TEST_NOW_S + DAY, error);

	assert_int_equal(ERR_peek_error(), 0);
	return ok;
}
