/* phrase.c -- passwords and recovery codes that the gateway makes up, and reading a recovery code
 * back from what a person typed.
 *
 * A recovery code is 26 data symbols (128 random bits, the last two bits of the 130 are zero) and two
 * check symbols, all of Crockford's base 32. The check symbols make the 28 a code word over
 * GF(2^5) whose sum, and whose sum weighted with powers of the field's generator, are both zero: a
 * Reed-Solomon code of distance 3, so that one or two wrong symbols and two exchanged ones are
 * always found. docs/internals/sealed-format.md has the construction. */
#include "crypto/key_wrap.h"

#include <assert.h>
#include <sodium.h>

#include "crypto/random.h"

enum {
	GROUP_SIZE = 4,
	PASSWORD_SYMBOLS = 32,
	CODE_DATA_SYMBOLS = 26,
	CODE_SYMBOLS = CODE_DATA_SYMBOLS + 2,
	CODE_RANDOM_BYTES = 16,
	CODE_SPARE_BITS = 5 * CODE_DATA_SYMBOLS - 8 * CODE_RANDOM_BYTES,
};

/* Without i, l, o, 0 and 1, which are taken for one another. */
static const char password_alphabet[] = "23456789abcdefghjkmnpqrstuvwxyz";
/* Crockford's: without I, L, O and U. */
static const char code_alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static_assert(PASSWORD_SYMBOLS + PASSWORD_SYMBOLS / GROUP_SIZE == GENERATED_PASSWORD_SIZE, "fits");
static_assert(CODE_SYMBOLS + CODE_SYMBOLS / GROUP_SIZE <= RECOVERY_CODE_SIZE, "fits");

/* Writes groups joined by hyphens, and a NUL. */
static void write_groups(const uint8_t *symbols, size_t count, const char *alphabet, char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (i && i % GROUP_SIZE == 0)
			*text++ = '-';
		*text++ = alphabet[symbols[i]];
	}
	*text = '\0';
}

void password_generate(char text[GENERATED_PASSWORD_SIZE])
{
	uint8_t symbols[PASSWORD_SYMBOLS];

	for (size_t i = 0; i < PASSWORD_SYMBOLS; i++)
		symbols[i] = (uint8_t)random_below(sizeof password_alphabet - 1);
	write_groups(symbols, PASSWORD_SYMBOLS, password_alphabet, text);
	sodium_memzero(symbols, sizeof symbols);
}

/* Times the generator x of GF(2^5), which is GF(2) modulo x^5 + x^2 + 1. */
static uint8_t times_x(uint8_t symbol)
{
	return (uint8_t)((symbol << 1 ^ (symbol >> 4) * 0x25) & 31);
}

/* Both sums of a code word: zero when its check symbols fit. */
static void sum_up(const uint8_t *symbols, size_t count, uint8_t *plain, uint8_t *weighted)
{
	*plain = *weighted = 0;
	for (size_t i = 0; i < count; i++) {
		*plain ^= symbols[i];
		*weighted = times_x(*weighted) ^ symbols[i];
	}
}

static void append_check_symbols(uint8_t symbols[CODE_SYMBOLS])
{
	uint8_t *check = symbols + CODE_DATA_SYMBOLS;
	uint8_t plain, weighted;

	/* With the sums p and w of the data: check0 + check1 = p and x check0 + check1 = x^2 w, so
	 * (x + 1) check0 = p + x^2 w; and 1 / (x + 1) = x^13. */
	sum_up(symbols, CODE_DATA_SYMBOLS, &plain, &weighted);
	check[0] = plain ^ times_x(times_x(weighted));
	for (int i = 0; i < 13; i++)
		check[0] = times_x(check[0]);
	check[1] = plain ^ check[0];
}

void recovery_code_generate(char text[RECOVERY_CODE_SIZE])
{
	uint8_t random[CODE_RANDOM_BYTES];
	uint8_t symbols[CODE_SYMBOLS];
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t used = 0;

	random_bytes(random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++) {
		bits = bits << 8 | random[i];
		for (bit_count += 8; bit_count >= 5; bit_count -= 5)
			symbols[used++] = bits >> (bit_count - 5) & 31;
	}
	symbols[used++] = (uint8_t)(bits << CODE_SPARE_BITS & 31);
	assert(used == CODE_DATA_SYMBOLS);
	append_check_symbols(symbols);
	write_groups(symbols, CODE_SYMBOLS, code_alphabet, text);
	sodium_memzero(random, sizeof random);
	sodium_memzero(symbols, sizeof symbols);
	sodium_memzero(&bits, sizeof bits);
}

/* The value of a typed character, or -1. */
static int symbol_of(uint8_t c)
{
	const char *found;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	found = c ? strchr(code_alphabet, c) : NULL;
	return found ? (int)(found - code_alphabet) : -1;
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '-' || (c >= '\t' && c <= '\r');
}

static bool read_symbols(struct bytes typed, uint8_t symbols[CODE_SYMBOLS], struct error *error)
{
	size_t count = 0;

	for (size_t i = 0; i < typed.size; i++) {
		int symbol = symbol_of(typed.data[i]);

		if (is_separator(typed.data[i]))
			continue;
		if (symbol < 0)
			return error_set(error, ERROR_INVALID,
				"a recovery code has letters and digits only, and no U; compare it "
				"with the sheet");
		if (count == CODE_SYMBOLS)
			return error_set(error, ERROR_INVALID,
				"a recovery code has %d letters and digits, this is longer; "
				"compare "
				"it with the sheet",
				CODE_SYMBOLS);
		symbols[count++] = (uint8_t)symbol;
	}
	if (count < CODE_SYMBOLS)
		return error_set(error, ERROR_INVALID,
			"a recovery code has %d letters and digits, these are %zu; compare it with "
			"the sheet",
			CODE_SYMBOLS, count);
	return true;
}

bool recovery_code_normalise(struct bytes typed, char text[RECOVERY_CODE_SIZE], struct error *error)
{
	uint8_t symbols[CODE_SYMBOLS] = { 0 };
	uint8_t plain, weighted, spare;
	bool ok = false;

	text[0] = '\0';
	if (!read_symbols(typed, symbols, error))
		goto out;
	spare = symbols[CODE_DATA_SYMBOLS - 1] & ((1 << CODE_SPARE_BITS) - 1);
	sum_up(symbols, CODE_SYMBOLS, &plain, &weighted);
	if (plain || weighted || spare) {
		error_set(error, ERROR_INVALID,
			"the recovery code has a typing error; compare it with the sheet");
		goto out;
	}
	write_groups(symbols, CODE_SYMBOLS, code_alphabet, text);
	ok = true;
out:
	sodium_memzero(symbols, sizeof symbols);
	return ok;
}
