/* key_wrap.c -- a mailbox's secret keys under a phrase: Argon2id (RFC 9106), then
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) over the two secrets, with the mailbox id and
 * every byte of the header authenticated. docs/internals/sealed-format.md has the bytes.
 *
 * Invariant: nothing of a wrap is acted on before its checksum and its bounds hold, so that neither
 * a damaged nor a tampered one costs more memory or time than a login may. The key-encrypting key
 * and the opened secrets exist in secret memory only; Argon2's work memory is libsodium's.
 *
 * What makes a good phrase is phrase.c's business, and the caller's. */
#include "crypto/key_wrap.h"

#include <sodium.h>

#include "base/reader.h"
#include "big_endian_internal.h"
#include "crypto/secret.h"
#include "key_wrap_internal.h"

/* RFC 9106 section 4, second recommended option, but for the lanes: libsodium always uses one. */
const struct wrap_cost WRAP_COST_DEFAULT = { .memory_kib = 64 * 1024, .passes = 3 };

_Static_assert(WRAP_SALT_SIZE == crypto_pwhash_SALTBYTES, "Argon2id");
_Static_assert(WRAP_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "XChaCha20");
_Static_assert(WRAP_AT_CHECKSUM - WRAP_HEADER_SIZE - WRAP_SECRETS_SIZE ==
		       crypto_aead_xchacha20poly1305_ietf_ABYTES,
	"Poly1305");
_Static_assert((int)WRAP_SIZE <= (int)WRAP_SIZE_MAX, "the store keeps WRAP_SIZE_MAX");

static const char checksum_purpose[] = "lettergate-wrap1";
_Static_assert(sizeof checksum_purpose - 1 == crypto_generichash_blake2b_PERSONALBYTES, "BLAKE2b");

enum { AD_SIZE = sizeof(struct id) + WRAP_HEADER_SIZE };

/* In secret memory. */
struct wrap_secrets {
	uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	uint8_t plain[WRAP_SECRETS_SIZE];
};

static bool cost_is_allowed(const struct wrap_cost *cost)
{
	return cost->memory_kib >= WRAP_MEMORY_KIB_MIN && cost->memory_kib <= WRAP_MEMORY_KIB_MAX &&
	       cost->passes >= WRAP_PASSES_MIN && cost->passes <= WRAP_PASSES_MAX;
}

void key_wrap_checksum(const struct id *mailbox, const uint8_t wrap[WRAP_AT_CHECKSUM],
	uint8_t checksum[WRAP_CHECKSUM_SIZE])
{
	crypto_generichash_blake2b_state state;

	crypto_generichash_blake2b_init_salt_personal(
		&state, NULL, 0, WRAP_CHECKSUM_SIZE, NULL, (const uint8_t *)checksum_purpose);
	crypto_generichash_blake2b_update(&state, mailbox->bytes, sizeof mailbox->bytes);
	crypto_generichash_blake2b_update(&state, wrap, WRAP_AT_CHECKSUM);
	crypto_generichash_blake2b_final(&state, checksum, WRAP_CHECKSUM_SIZE);
}

static bool derive_key(const struct wrap_cost *cost, const uint8_t *salt, struct bytes phrase,
	uint8_t *key, struct error *error)
{
	if (crypto_pwhash(key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
		    (const char *)phrase.data, phrase.size, salt, cost->passes,
		    (size_t)cost->memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0)
		return true;
	return error_set(error, ERROR_MEMORY,
		"checking a password takes %u MiB of memory, which are not free now; try again",
		cost->memory_kib / 1024);
}

static void make_ad(const struct id *mailbox, const uint8_t *header, uint8_t ad[AD_SIZE])
{
	memcpy(ad, mailbox->bytes, sizeof mailbox->bytes);
	memcpy(ad + sizeof mailbox->bytes, header, WRAP_HEADER_SIZE);
}

bool key_wrap(enum wrap_kind kind, const struct id *mailbox,
	const struct mailbox_secret_keys *secret_keys, struct bytes phrase,
	const struct wrap_cost *cost, struct buf *wrapped, struct error *error)
{
	struct wrap_secrets *secrets = NULL;
	uint8_t ad[AD_SIZE];
	uint8_t *wrap;
	bool ok = false;

	if (!phrase.size || phrase.size > WRAP_PHRASE_MAX)
		return error_set(error, ERROR_INVALID,
			"a password must have 1 to %d characters; choose another one",
			WRAP_PHRASE_MAX);
	if (!cost_is_allowed(cost))
		return error_set(error, ERROR_INVALID,
			"a cost of %u KiB and %u passes is out of bounds", cost->memory_kib,
			cost->passes);
	if (!buf_reserve(wrapped, WRAP_SIZE, &wrap))
		return error_set_memory(error);
	secrets = secret_new(sizeof *secrets);
	if (!secrets)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");

	wrap[WRAP_AT_VERSION] = WRAP_VERSION;
	wrap[WRAP_AT_KIND] = (uint8_t)kind;
	put_u32(wrap + WRAP_AT_MEMORY, cost->memory_kib);
	put_u32(wrap + WRAP_AT_PASSES, cost->passes);
	randombytes_buf(wrap + WRAP_AT_SALT, WRAP_SALT_SIZE);
	randombytes_buf(wrap + WRAP_AT_NONCE, WRAP_NONCE_SIZE);
	if (!derive_key(cost, wrap + WRAP_AT_SALT, phrase, secrets->key, error))
		goto out;
	crypto_sign_ed25519_sk_to_seed(secrets->plain, secret_keys->identity);
	memcpy(secrets->plain + crypto_sign_SEEDBYTES, secret_keys->box, sizeof secret_keys->box);
	make_ad(mailbox, wrap, ad);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wrap + WRAP_HEADER_SIZE, NULL, secrets->plain,
		WRAP_SECRETS_SIZE, ad, sizeof ad, NULL, wrap + WRAP_AT_NONCE, secrets->key);
	key_wrap_checksum(mailbox, wrap, wrap + WRAP_AT_CHECKSUM);
	buf_commit(wrapped, WRAP_SIZE);
	ok = true;
out:
	secret_free(secrets);
	return ok;
}

/* Everything that can be said about a wrap without the phrase. */
static bool check_wrap(enum wrap_kind kind, const struct id *mailbox, struct bytes wrapped,
	struct wrap_cost *cost, struct error *error)
{
	uint8_t checksum[WRAP_CHECKSUM_SIZE];
	struct reader reader;
	uint8_t version, stored_kind;

	reader_init(&reader, wrapped);
	version = reader_u8(&reader);
	stored_kind = reader_u8(&reader);
	cost->memory_kib = reader_u32(&reader);
	cost->passes = reader_u32(&reader);
	if (version > WRAP_VERSION)
		return error_set(error, ERROR_CORRUPT,
			"the mailbox's keys are in a form that this version does not know; a newer "
			"version may have written them");
	if (wrapped.size == WRAP_SIZE)
		key_wrap_checksum(mailbox, wrapped.data, checksum);
	if (wrapped.size != WRAP_SIZE || version != WRAP_VERSION || stored_kind != kind ||
		memcmp(checksum, wrapped.data + WRAP_AT_CHECKSUM, sizeof checksum) != 0 ||
		!cost_is_allowed(cost))
		return error_set(error, ERROR_CORRUPT,
			"the mailbox's stored keys are damaged; restore them from a backup");
	return true;
}

bool key_unwrap(enum wrap_kind kind, const struct id *mailbox, struct bytes wrapped,
	struct bytes phrase, struct mailbox_secret_keys **secret_keys, struct error *error)
{
	const char *name = kind == WRAP_RECOVERY ? "recovery code" : "password";
	struct mailbox_secret_keys *opened = NULL;
	struct wrap_secrets *secrets = NULL;
	uint8_t identity[IDENTITY_KEY_SIZE];
	uint8_t ad[AD_SIZE];
	struct wrap_cost cost;
	bool ok = false;

	if (!check_wrap(kind, mailbox, wrapped, &cost, error))
		return false;
	if (!phrase.size || phrase.size > WRAP_PHRASE_MAX)
		return error_set(error, ERROR_DENIED, "the %s is wrong", name);
	secrets = secret_new(sizeof *secrets);
	opened = secret_new(sizeof *opened);
	if (!secrets || !opened) {
		error_set(error, ERROR_BUSY, "no secret memory is free; try again");
		goto out;
	}
	if (!derive_key(&cost, wrapped.data + WRAP_AT_SALT, phrase, secrets->key, error))
		goto out;
	make_ad(mailbox, wrapped.data, ad);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(secrets->plain, NULL, NULL,
		    wrapped.data + WRAP_HEADER_SIZE, WRAP_AT_CHECKSUM - WRAP_HEADER_SIZE, ad,
		    sizeof ad, wrapped.data + WRAP_AT_NONCE, secrets->key) != 0) {
		error_set(error, ERROR_DENIED, "the %s is wrong", name);
		goto out;
	}
	crypto_sign_seed_keypair(identity, opened->identity, secrets->plain);
	memcpy(opened->box, secrets->plain + crypto_sign_SEEDBYTES, sizeof opened->box);
	*secret_keys = opened;
	opened = NULL;
	ok = true;
out:
	secret_free(opened);
	secret_free(secrets);
	return ok;
}
