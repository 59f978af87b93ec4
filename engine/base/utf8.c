/* utf8.c -- the well-formed sequences of RFC 3629 4 as a table: no overlong form, no surrogate, nothing above
 * U+10FFFF. */
#include "base/utf8.h"

static const struct {
	uint8_t first_low, first_high;
	uint8_t second_low, second_high;
	uint8_t size;
} sequences[] = {
	{ 0x00, 0x7f, 0, 0, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool is_tail(uint8_t byte)
{
	return byte >= 0x80 && byte <= 0xbf;
}

size_t utf8_character(struct bytes text)
{
	for (size_t i = 0; text.size && i < sizeof sequences / sizeof sequences[0]; i++) {
		size_t size = sequences[i].size;

		if (text.data[0] < sequences[i].first_low || text.data[0] > sequences[i].first_high)
			continue;
		if (size > text.size)
			return 0;
		if (size > 1 && (text.data[1] < sequences[i].second_low ||
					text.data[1] > sequences[i].second_high))
			return 0;
		for (size_t j = 2; j < size; j++) {
			if (!is_tail(text.data[j]))
				return 0;
		}
		return size;
	}
	return 0;
}

bool utf8_is_valid(struct bytes text)
{
	size_t size = 1;

	while (text.size && (size = utf8_character(text)))
		text = bytes_skip(text, size);
	return size != 0;
}

static bool is_control(struct bytes character)
{
	const uint8_t *data = character.data;

	if (character.size == 1)
		return data[0] < ' ' || data[0] == 127;
	return character.size == 2 && data[0] == 0xc2 && data[1] < 0xa0;
}

bool utf8_is_text(struct bytes text)
{
	while (text.size) {
		const size_t size = utf8_character(text);

		if (!size || is_control(bytes_head(text, size)))
			return false;
		text = bytes_skip(text, size);
	}
	return true;
}

void utf8_mend(char *text)
{
	while (*text) {
		size_t size = utf8_character(bytes_of(text));

		if (!size) {
			*text = '?';
			size = 1;
		}
		text += size;
	}
}
