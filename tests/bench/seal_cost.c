/* seal_cost.c -- what sealing costs the processor: a message of 8 KiB to one mailbox and to ten, what the
 * receipt adds to it and what it would add as a sealed box of its own; keyrings; a receipt that is opened.
 * One thread, no disk and no network. Process time, the least of some rounds: what else runs here only
 * adds to it. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "crypto/receipt.h"
#include "crypto/secret.h"

enum { CONTENT_SIZE = 8192, ROUNDS = 7, SEALED_MAX = 1 << 20 };

static uint8_t content[CONTENT_SIZE];
static struct mailbox_public_keys first, newest;
static struct mailbox_secret_keys *secret_keys;
static struct mailbox_old_key old[MAILBOX_GENERATIONS_MAX - 1]; /* the newest first */
static struct mailbox_keyring *keyring;
static struct id mailbox, message;
static uint8_t receipt[SEAL_RECEIPT_SIZE];

static void check(bool fact)
{
	if (!fact) {
		fprintf(stderr, "seal_cost: a step failed\n");
		exit(1);
	}
}

static void seal(size_t count)
{
	struct seal_target targets[SEAL_TARGETS_MAX];
	struct id body = random_id();
	struct sealer *sealer;
	struct buf sealed;

	for (size_t i = 0; i < count; i++)
		targets[i] = (struct seal_target){ mailbox, message, first.box,
			bytes_of("Return-Path: <alice@example.com>\r\n") };
	buf_init(&sealed, SEALED_MAX);
	sealer = sealer_new(&body, targets, count, &sealed, NULL);
	check(sealer && sealer_write(sealer, bytes_make(content, sizeof content), &sealed, NULL) &&
		sealer_finish(sealer, &sealed, NULL) && sealer_receipt(sealer, 0, receipt));
	sealer_free(&sealer);
	buf_clear(&sealed);
}

static void seal_to_one(void)
{
	seal(1);
}

static void seal_to_ten(void)
{
	seal(SEAL_TARGETS_MAX);
}

static void hash_content(void)
{
	uint8_t hash[SHA256_SIZE];
	struct sha256 sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, bytes_make(content, sizeof content));
	sha256_final(&sha256, hash);
}

static void digest_content(void)
{
	uint8_t hash[DIGEST_SIZE];
	struct digest digest;

	digest_init(&digest, NULL);
	digest_update(&digest, bytes_make(content, sizeof content));
	digest_final(&digest, hash);
}

/* The steps of a receipt beyond the hash: its nonce and its box. */
static void box_receipt(void)
{
	uint8_t nonce[crypto_box_NONCEBYTES], box[SHA256_SIZE + crypto_box_MACBYTES];

	crypto_generichash_blake2b_salt_personal(nonce, sizeof nonce, content, 96, NULL, 0, NULL,
		(const uint8_t *)"lettergate-bench");
	crypto_box_easy_afternm(box, content, SHA256_SIZE, nonce, content);
}

static void box_receipt_apart(void)
{
	uint8_t box[SHA256_SIZE + crypto_box_SEALBYTES];

	check(crypto_box_seal(box, content, SHA256_SIZE, first.box) == 0);
}

static void open_keyring(const struct mailbox_public_keys *public_keys, size_t count)
{
	struct mailbox_keyring *opened =
		mailbox_keyring_open(public_keys, secret_keys, old, count, NULL);

	check(opened != NULL);
	mailbox_keyring_free(&opened);
}

static void open_longest_keyring(void)
{
	open_keyring(&newest, MAILBOX_GENERATIONS_MAX - 1);
}

static void open_oldest_receipt(void)
{
	uint8_t sha256[SHA256_SIZE];

	check(receipt_open(receipt, &mailbox, &message, keyring, sha256, NULL));
}

static void make_keys(void)
{
	struct mailbox_secret_keys *new_secret;

	check(mailbox_keys_generate(&first, &secret_keys, NULL));
	mailbox = mailbox_keys_id(&first);
	message = random_id();
	newest = first;
	for (size_t i = MAILBOX_GENERATIONS_MAX - 1; i--;) {
		check(mailbox_keys_rekey(
			&newest, secret_keys, &newest, &new_secret, &old[i], NULL));
		secret_free(secret_keys);
		secret_keys = new_secret;
	}
	keyring =
		mailbox_keyring_open(&newest, secret_keys, old, MAILBOX_GENERATIONS_MAX - 1, NULL);
	check(keyring != NULL);
}

static double measure(void (*step)(void), int count)
{
	double least = 0;

	for (int round = 0; round < ROUNDS; round++) {
		clock_t start = clock();
		double each;

		for (int i = 0; i < count; i++)
			step();
		each = (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC / count;
		if (!round || each < least)
			least = each;
	}
	return least;
}

int main(void)
{
	static const struct {
		const char *what;
		void (*step)(void);
		int count;
	} rows[] = {
		{ "seal 8 KiB to one mailbox, receipt included", seal_to_one, 1000 },
		{ "seal 8 KiB to ten mailboxes, receipts included", seal_to_ten, 100 },
		{ "of that: SHA-256 of the content, once", hash_content, 2000 },
		{ "of that: nonce and box of a receipt, each", box_receipt, 20000 },
		{ "instead of that box: a sealed box of its own", box_receipt_apart, 1000 },
		{ "BLAKE2b-256 of 8 KiB", digest_content, 5000 },
		{ "open a keyring of 32 generations", open_longest_keyring, 10 },
		{ "open a receipt of the oldest of 32", open_oldest_receipt, 20 },
	};

	check(secret_start(1 << 20, NULL));
	make_keys();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf("%-48s %9.1f us\n", rows[i].what, measure(rows[i].step, rows[i].count));
	mailbox_keyring_free(&keyring);
	secret_free(secret_keys);
	return 0;
}
