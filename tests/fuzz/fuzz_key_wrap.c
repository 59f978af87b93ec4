/* fuzz_key_wrap.c -- wraps that the input spoils. Whatever differs from the wrap that was made must
 * not open; damage must be told from a wrong password without hashing, and no wrap may ask for more
 * than the bounds allow (the fuzzer's own time and memory limits see to that).
 *
 * The first byte picks: below 248 changes to a good wrap, from 248 on the same with the checksum made
 * to fit (seldom, since then the password is hashed), 255 raw bytes. */
#include <stdlib.h>

#include "base/reader.h"
#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "key_wrap_internal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MENDED = 248, RAW = 255 };

static struct mailbox_public_keys public_keys;
static struct mailbox_secret_keys *secret_keys;
static struct id mailbox;
static struct buf wrap;
static const char PHRASE[] = "phrase";

static void check(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct wrap_cost cheap = { WRAP_MEMORY_KIB_MIN, WRAP_PASSES_MIN };

	(void)argc;
	(void)argv;
	check(secret_start(1 << 16, NULL));
	check(mailbox_keys_generate(&public_keys, &secret_keys, NULL));
	mailbox = mailbox_keys_id(&public_keys);
	buf_init(&wrap, WRAP_SIZE_MAX);
	check(key_wrap(
		WRAP_PASSWORD, &mailbox, secret_keys, bytes_of(PHRASE), &cheap, &wrap, NULL));
	return 0;
}

/* ERROR_NONE when it opened, with the right keys. */
static enum error_kind unwrap(struct bytes wrapped)
{
	struct mailbox_secret_keys *opened = NULL;
	struct error error = { .kind = ERROR_NONE };
	size_t in_use = secret_bytes_in_use();

	if (key_unwrap(WRAP_PASSWORD, &mailbox, wrapped, bytes_of(PHRASE), &opened, &error)) {
		check(memcmp(opened, secret_keys, sizeof *opened) == 0);
		check(mailbox_keys_match(&public_keys, opened));
		secret_free(opened);
	} else {
		check(opened == NULL && error.kind != ERROR_NONE && error.text[0]);
	}
	check(secret_bytes_in_use() == in_use);
	return error.kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t spoilt[WRAP_SIZE];
	struct reader input;
	enum error_kind kind;
	uint8_t what;

	reader_init(&input, bytes_make(data, size));
	what = reader_u8(&input);
	if (what == RAW) {
		check(unwrap(input.rest) == ERROR_CORRUPT);
		return 0;
	}
	memcpy(spoilt, wrap.data, sizeof spoilt);
	while (input.rest.size >= 2) {
		size_t at = reader_u8(&input) % sizeof spoilt;

		spoilt[at] ^= reader_u8(&input);
	}
	if (what >= MENDED)
		key_wrap_checksum(&mailbox, spoilt, spoilt + WRAP_AT_CHECKSUM);
	if (memcmp(spoilt, wrap.data, sizeof spoilt) == 0) {
		/* Hashing it each time would be slow, and shows nothing new. */
		if (what >= MENDED)
			check(unwrap(bytes_make(spoilt, sizeof spoilt)) == ERROR_NONE);
		return 0;
	}
	kind = unwrap(bytes_make(spoilt, sizeof spoilt));
	check(what >= MENDED ? kind == ERROR_DENIED || kind == ERROR_CORRUPT
			     : kind == ERROR_CORRUPT);
	return 0;
}
