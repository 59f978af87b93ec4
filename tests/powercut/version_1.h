/* version_1.h -- a data folder as the first version of the store left it, and what a later one must find
 * there: three mailboxes, mail in rows and in files, shared, collected in part, and work that was not
 * finished (a file to unlink, a deleted mailbox to empty). */
#ifndef LG_TESTS_VERSION_1_H
#define LG_TESTS_VERSION_1_H

#include "store/store.h"

enum {
	VERSION_1_WAITING = 40,	  /* in the first mailbox */
	VERSION_1_COLLECTED = 25, /* and gone, from there */
};

struct id version_1_id(
	char kind, uint64_t number); /* 'b': mailboxes 1 to 3, 'm': messages, 'y': bodies */
/* The folder exists and is empty. */
bool version_1_write(const char *folder, struct error *error);
/* Everything is there, whatever version the store has made of it. */
bool version_1_check(struct store *store, struct error *error);

#endif
