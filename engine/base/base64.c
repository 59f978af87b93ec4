/* base64.c -- three bytes are four characters; one or two bytes at the end are padded with "=". */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NO_VALUE = 64 };

static unsigned value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : NO_VALUE;
}

/* `to` may be the front of the space at whose end the data is: a group is read before it is written, and what is
 * written never overtakes what is read. */
static void encode(struct bytes data, uint8_t *to)
{
	for (struct bytes rest = data; rest.size; rest = bytes_skip(rest, 3)) {
		uint32_t group = (uint32_t)rest.data[0] << 16;

		if (rest.size > 1)
			group |= (uint32_t)rest.data[1] << 8;
		if (rest.size > 2)
			group |= rest.data[2];
		*to++ = (uint8_t)alphabet[group >> 18];
		*to++ = (uint8_t)alphabet[group >> 12 & 63];
		*to++ = rest.size > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
		*to++ = rest.size > 2 ? (uint8_t)alphabet[group & 63] : '=';
	}
}

bool base64_encode(struct bytes data, struct buf *out)
{
	size_t length = base64_encoded_size(data.size);
	uint8_t *to;

	if (!buf_reserve(out, length, &to))
		return false;
	encode(data, to);
	buf_commit(out, length);
	return true;
}

void base64_encode_in_place(uint8_t *space, size_t size)
{
	encode(bytes_make(space + base64_encoded_size(size) - size, size), space);
}

/* How many characters are padding: 0, 1 or 2. */
static size_t padding_of(struct bytes text)
{
	if (!text.size || text.data[text.size - 1] != '=')
		return 0;
	return text.data[text.size - 2] == '=' ? 2 : 1;
}

bool base64_decoded_size(struct bytes text, size_t *size)
{
	size_t padding, digits;

	if (text.size % 4)
		return false;
	padding = padding_of(text);
	digits = text.size - padding;
	for (size_t i = 0; i < digits; i++) {
		if (value_of(text.data[i]) == NO_VALUE)
			return false;
	}
	/* The last character before the padding carries 4 or 2 bits of a byte that is not there. */
	if (padding && value_of(text.data[digits - 1]) & (padding == 1 ? 3u : 15u))
		return false;
	*size = text.size / 4 * 3 - padding;
	return true;
}

/* `to` may be where the text is: nothing is written in front of what was read. */
static void decode(struct bytes text, uint8_t *to, size_t size)
{
	size_t written = 0;

	for (struct bytes rest = text; rest.size; rest = bytes_skip(rest, 4)) {
		uint32_t group = 0;

		for (size_t i = 0; i < 4; i++)
			group = group << 6 | (value_of(rest.data[i]) & 63);
		for (unsigned shift = 16; written < size; shift -= 8) {
			to[written++] = (uint8_t)(group >> shift);
			if (!shift)
				break;
		}
	}
}

bool base64_decode_in_place(uint8_t *text, size_t text_size, size_t *size)
{
	struct bytes view = bytes_make(text, text_size);

	if (!base64_decoded_size(view, size))
		return false;
	decode(view, text, *size);
	return true;
}

bool base64_decode(struct bytes text, struct buf *out, struct error *error)
{
	size_t size;
	uint8_t *to;

	if (!base64_decoded_size(text, &size))
		return error_set(error, ERROR_INVALID, "not base64 (RFC 4648)");
	if (!buf_reserve(out, size, &to))
		return error_set(error, ERROR_MEMORY, "no room for what the base64 holds");
	decode(text, to, size);
	buf_commit(out, size);
	return true;
}
