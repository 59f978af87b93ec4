/* test_crypto_fixture.h -- mailboxes with keys, whole messages sealed and opened in pieces, and the
 * known answers of tests/unit/data/. Everything here asserts that it works. */
#ifndef LG_TESTS_CRYPTO_FIXTURE_H
#define LG_TESTS_CRYPTO_FIXTURE_H

#include "crypto/mailbox_keyring.h"
#include "crypto/seal.h"

enum { FIXTURE_SLAB_BYTES = 1024 * 1024, FIXTURE_SEALED_MAX = 1 << 20 };

struct test_mailbox {
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys;
	struct mailbox_old_key old[MAILBOX_GENERATIONS_MAX - 1]; /* the newest first */
	size_t old_count;
	struct mailbox_keyring *keyring; /* with all of them */
	struct id id;
	struct id message; /* of the one message that a test seals to it */
	struct bytes prologue;
};

void test_mailbox_init(struct test_mailbox *mailbox, const char *prologue);
void test_mailbox_clear(struct test_mailbox *mailbox);
/* Takes the next generation into use. */
void test_mailbox_rekey(struct test_mailbox *mailbox);

/* Seals `plain` to the mailboxes, written in pieces of `piece` octets. */
void test_seal(const struct id *body, const struct test_mailbox *mailboxes, size_t count,
	struct bytes plain, size_t piece, struct buf *sealed);
/* Opens in pieces of `piece` octets; false with *error when the opener refuses. Checks on the way that
 * no feed gives out more than it may. */
bool test_open(const struct test_mailbox *mailbox, struct bytes sealed, size_t piece,
	struct buf *plain, struct error *error);
/* `plain` is the mailbox's prologue and `body`, or begins like them. */
bool test_is_message(const struct test_mailbox *mailbox, struct bytes body, struct bytes plain);
bool test_begins_message(const struct test_mailbox *mailbox, struct bytes body, struct bytes plain);

/* Takes all secret memory but `left` bytes; test_slab_release() gives it back. */
void test_slab_exhaust(size_t left);
void test_slab_release(void);

/* The value `name` of data/format-v1.txt; the buffer is init'ed here. */
void test_known_answer(const char *name, struct buf *value);
/* Exactly `size` bytes of it. */
void test_known_bytes(const char *name, void *data, size_t size);
/* "first" or "second" of the known mailboxes; test_mailbox_clear() frees what is secret. */
void test_mailbox_init_known(struct test_mailbox *mailbox, const char *which);

/* Octets that differ from place to place. */
void test_pattern(uint8_t *data, size_t size);

#endif
