/* certificate_complete.h -- a folder with all its certificates and keys, made once per program since RSA keys
 * take their time, and what is in a folder compared before and after. */
#ifndef LG_TESTS_CERTIFICATE_COMPLETE_H
#define LG_TESTS_CERTIFICATE_COMPLETE_H

#include "certificate_folder.h"

#define DAY INT64_C(86400)

/* In the order of folder_files. */
extern char *complete_text[FOLDER_FILE_COUNT];

/* cmocka's set-up and tear-down of the group. */
int complete_make(void **state);
int complete_free(void **state);

/* A new folder with all of them. */
void complete_fill(struct certificate_folder *folder);
/* certificate_ensure() a day later, with the names of the folder; leaves nothing in OpenSSL's queue. */
bool complete_ensure(const struct certificate_folder *folder, struct error *error);

struct contents {
	char *text[FOLDER_FILE_COUNT]; /* NULL: no such file */
};

struct contents contents_look(const struct certificate_folder *folder);
void contents_free(struct contents *contents);
bool contents_is_same(const char *a, const char *b); /* texts of a file; NULL is one too */
/* What was there before is there now, and nothing came. Frees *before. */
void contents_check_same(const struct certificate_folder *folder, struct contents *before);

#endif
