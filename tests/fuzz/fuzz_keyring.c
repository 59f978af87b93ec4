/* fuzz_keyring.c -- the public keys of a mailbox, its chain of old keys and a receipt, spoilt by the input.
 * Changed keys must not verify, a changed chain must open no keyring, a changed receipt must not open; what
 * is unchanged must. Whatever happens, all secret memory comes back.
 *
 * The first byte says how many of the old keys are offered and whether their order is turned round; then
 * come changes of four bytes: what is changed, where (two), and what is flipped there. */
#include <stdlib.h>

#include "base/reader.h"
#include "crypto/random.h"
#include "crypto/receipt.h"
#include "crypto/secret.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OLD_KEYS = 3,
	/* The options. */
	COUNT_MASK = 7, /* more than there are, at most */
	OFFERED_MAX = COUNT_MASK + 1,
	TURNED_ROUND = 128,
};

/* Without padding between or inside, so that each changed byte is one that counts. */
struct subject {
	struct mailbox_public_keys public_keys;
	struct mailbox_old_key old[OFFERED_MAX];
	uint8_t receipt[SEAL_RECEIPT_SIZE];
	struct id mailbox, message;
};

static struct subject good;
static struct mailbox_secret_keys *secret_keys;
static struct mailbox_keyring *keyring;

static void check(bool fact)
{
	if (!fact)
		abort();
}

/* Sealed to the oldest keys but one. */
static void make_receipt(void)
{
	struct seal_target target = { good.mailbox, good.message, good.public_keys.box,
		bytes_of("Return-Path: <>\r\n") };
	struct id body = random_id();
	struct sealer *sealer;
	struct buf sealed;

	buf_init(&sealed, 1 << 20);
	sealer = sealer_new(&body, &target, 1, &sealed, NULL);
	check(sealer && sealer_write(sealer, bytes_of("body"), &sealed, NULL) &&
		sealer_finish(sealer, &sealed, NULL) && sealer_receipt(sealer, 0, good.receipt));
	sealer_free(&sealer);
	buf_clear(&sealed);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct mailbox_secret_keys *new_secret;

	(void)argc;
	(void)argv;
	check(secret_start(1 << 16, NULL));
	check(mailbox_keys_generate(&good.public_keys, &secret_keys, NULL));
	good.mailbox = mailbox_keys_id(&good.public_keys);
	good.message = random_id();
	for (size_t i = OLD_KEYS; i--;) {
		check(mailbox_keys_rekey(&good.public_keys, secret_keys, &good.public_keys,
			&new_secret, &good.old[i], NULL));
		secret_free(secret_keys);
		secret_keys = new_secret;
		if (i == OLD_KEYS - 1)
			make_receipt();
	}
	/* What is offered beyond the chain looks like a part of it. */
	for (size_t i = OLD_KEYS; i < OFFERED_MAX; i++)
		good.old[i] = good.old[i % OLD_KEYS];
	keyring = mailbox_keyring_open(&good.public_keys, secret_keys, good.old, OLD_KEYS, NULL);
	check(keyring != NULL);
	return 0;
}

static bool is_same(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

static void turn_round(struct mailbox_old_key *old, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct mailbox_old_key kept = old[i];

		old[i] = old[count - 1 - i];
		old[count - 1 - i] = kept;
	}
}

static void try_keyring(const struct subject *spoilt, size_t count)
{
	struct error error = { .kind = ERROR_NONE };
	struct mailbox_keyring *opened =
		mailbox_keyring_open(&spoilt->public_keys, secret_keys, spoilt->old, count, &error);
	/* The signature on the newest key is mailbox_keys_verify()'s to check. */
	bool is_good = count == OLD_KEYS &&
		       is_same(&spoilt->public_keys, &good.public_keys,
			       offsetof(struct mailbox_public_keys, signature)) &&
		       is_same(spoilt->old, good.old, OLD_KEYS * sizeof good.old[0]);

	check((opened != NULL) == is_good);
	check(is_good || error.kind == ERROR_CORRUPT);
	mailbox_keyring_free(&opened);
}

static void try_receipt(const struct subject *spoilt)
{
	struct error error = { .kind = ERROR_NONE };
	uint8_t sha256[SHA256_SIZE];
	bool is_good = is_same(
		spoilt->receipt, good.receipt, sizeof *spoilt - offsetof(struct subject, receipt));

	check(receipt_open(spoilt->receipt, &spoilt->mailbox, &spoilt->message, keyring, sha256,
		      &error) == is_good);
	check(is_good || error.kind == ERROR_CORRUPT);
}

static void try_public_keys(const struct subject *spoilt)
{
	bool is_good = is_same(&spoilt->public_keys, &good.public_keys, sizeof good.public_keys) &&
		       id_is_equal(&spoilt->mailbox, &good.mailbox);

	check(mailbox_keys_verify(&spoilt->public_keys, &spoilt->mailbox, NULL) == is_good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t in_use = secret_bytes_in_use();
	struct subject spoilt = good;
	const struct {
		void *data;
		size_t size;
	} parts[] = {
		{ &spoilt.public_keys, sizeof spoilt.public_keys },
		{ spoilt.old, OLD_KEYS * sizeof spoilt.old[0] },
		{ spoilt.receipt, sizeof spoilt.receipt },
		{ &spoilt.mailbox, sizeof spoilt.mailbox },
		{ &spoilt.message, sizeof spoilt.message },
	};
	struct reader input;
	uint8_t options;
	size_t count;

	reader_init(&input, bytes_make(data, size));
	options = reader_u8(&input);
	count = options & COUNT_MASK;
	while (input.rest.size >= 4) {
		size_t part = reader_u8(&input) % (sizeof parts / sizeof parts[0]);
		size_t at = reader_u16(&input) % parts[part].size;

		((uint8_t *)parts[part].data)[at] ^= reader_u8(&input);
	}
	if (options & TURNED_ROUND)
		turn_round(spoilt.old, count);
	try_keyring(&spoilt, count);
	try_receipt(&spoilt);
	try_public_keys(&spoilt);
	check(secret_bytes_in_use() == in_use);
	return 0;
}
