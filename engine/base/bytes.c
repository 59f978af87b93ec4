/* bytes.c -- comparing, cutting and converting views. */
#include "base/bytes.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_equal_text(struct bytes view, const char *text)
{
	return bytes_equal(view, bytes_of(text));
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++) {
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	}
	return true;
}

bool bytes_starts_with_nocase(struct bytes view, const char *prefix)
{
	struct bytes wanted = bytes_of(prefix);

	return view.size >= wanted.size &&
	       bytes_equal_nocase(bytes_head(view, wanted.size), wanted);
}

size_t bytes_find(struct bytes view, uint8_t byte)
{
	const uint8_t *found = view.size ? memchr(view.data, byte, view.size) : NULL;

	return found ? (size_t)(found - view.data) : view.size;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes view)
{
	while (view.size && is_blank(view.data[0]))
		view = bytes_skip(view, 1);
	while (view.size && is_blank(view.data[view.size - 1]))
		view.size--;
	return view;
}

bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *part)
{
	size_t length;

	if (!rest->size)
		return false;
	length = bytes_find(*rest, separator);
	*part = bytes_head(*rest, length);
	*rest = bytes_skip(*rest, length + 1);
	return true;
}

bool bytes_parse_number(struct bytes view, uint64_t maximum, uint64_t *number)
{
	uint64_t value = 0;

	if (!view.size)
		return false;
	for (size_t i = 0; i < view.size; i++) {
		uint64_t digit = (uint64_t)view.data[i] - '0';

		if (digit > 9 || value > (maximum - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > maximum)
		return false;
	*number = value;
	return true;
}

bool bytes_copy_text(struct bytes view, char *text, size_t capacity)
{
	text[0] = '\0';
	if (view.size >= capacity || (view.size && memchr(view.data, 0, view.size)))
		return false;
	if (view.size)
		memcpy(text, view.data, view.size);
	text[view.size] = '\0';
	return true;
}

void hex_encode(struct bytes view, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < view.size; i++) {
		text[2 * i] = digits[view.data[i] >> 4];
		text[2 * i + 1] = digits[view.data[i] & 15];
	}
	text[2 * view.size] = '\0';
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct bytes text, uint8_t *data, size_t size)
{
	if (text.size != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text.data[2 * i]);
		int low = hex_digit(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		data[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
