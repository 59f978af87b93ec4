/* password_strength.c -- zxcvbn's estimate, with what is known of the mailbox as words that are guessed first.
 *
 * The library gets the password in secret memory. It makes one copy of its own, backwards, on the heap, and
 * overwrites that one; docs/security.md says what else it leaves. */
#include "service/password_strength.h"

#include <string.h>
#include <zxcvbn.h>

#include "crypto/secret.h"

enum {
	KNOWN_WORDS_MAX = 64,
	KNOWN_TEXT_MAX = 1024,
	/* A shorter one says nothing about a password that holds it. */
	KNOWN_WORD_SHORTEST = 3,
};

/* As the library wants them: texts that end with NUL, and a list that ends with NULL. */
struct known_words {
	char text[KNOWN_TEXT_MAX];
	size_t text_size;
	const char *list[KNOWN_WORDS_MAX + 1];
	size_t count;
};

static bool is_of_a_word(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
	       (letter >= '0' && letter <= '9') || (unsigned char)letter >= 0x80;
}

static void add_word(struct known_words *words, const char *word, size_t size)
{
	char *copy = words->text + words->text_size;

	if (size < KNOWN_WORD_SHORTEST || words->count == KNOWN_WORDS_MAX ||
		size >= KNOWN_TEXT_MAX - words->text_size)
		return;
	memcpy(copy, word, size);
	copy[size] = '\0';
	words->text_size += size + 1;
	words->list[words->count++] = copy;
}

static void add_words(struct known_words *words, const char *text)
{
	size_t begin = 0, size = strlen(text);

	add_word(words, text, size);
	for (size_t i = 0; i <= size; i++) {
		if (i < size && is_of_a_word(text[i]))
			continue;
		add_word(words, text + begin, i - begin);
		begin = i + 1;
	}
}

static bool check_form(struct bytes password, struct error *error)
{
	if (password.size < PASSWORD_SHORTEST || password.size > PASSWORD_LONGEST)
		return error_set(error, ERROR_INVALID,
			"a password has %d to %d bytes: choose another one, or let the gateway "
			"make one",
			PASSWORD_SHORTEST, PASSWORD_LONGEST);
	/* A POP3 client sends it in one line: what cannot travel there could never be typed back. */
	for (size_t i = 0; i < password.size; i++) {
		if (password.data[i] < ' ' || password.data[i] == 127)
			return error_set(
				error, ERROR_INVALID, "a password has no control characters");
	}
	return true;
}

bool password_strength_check(
	struct bytes password, const char *name, const char *address, struct error *error)
{
	struct known_words words = { .count = 0 };
	char *text;
	double bits;

	if (!check_form(password, error))
		return false;
	text = secret_new(password.size + 1);
	if (!text)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");
	memcpy(text, password.data, password.size);
	add_words(&words, "Lettergate");
	add_words(&words, name);
	add_words(&words, address);
	bits = ZxcvbnMatch(text, words.list, NULL);
	secret_free(text);
	return bits >= PASSWORD_BITS_LEAST ||
	       error_set(error, ERROR_INVALID,
		       "the password is easy to guess (%d bits of the %d that are needed): let the "
		       "gateway make one, or take five words that have nothing to do with each "
		       "other or with the mailbox",
		       (int)bits, PASSWORD_BITS_LEAST);
}
