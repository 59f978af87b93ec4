/* config_address.c -- numeric IP addresses as text and back, by hand and not by inet_pton: that one
 * has another header on every system, and only platform/ may know on which it runs.
 *
 * IPv4 is four decimal numbers without leading zeros (some programs take those for octal); IPv6
 * follows RFC 4291 2.2 on the way in and RFC 5952 4 on the way out. */
#include "config_internal.h"

#include <assert.h>
#include <stdio.h>

enum { IPV4_SIZE = 4, IPV6_SIZE = 16, NO_GAP = IPV6_SIZE + 1 };

static bool parse_ipv4(struct bytes text, uint8_t address[IPV4_SIZE])
{
	for (size_t i = 0; i < IPV4_SIZE; i++) {
		size_t length = bytes_find(text, '.');
		struct bytes part = bytes_head(text, length);
		uint64_t number;

		if ((length == text.size) != (i == IPV4_SIZE - 1))
			return false;
		if ((part.size > 1 && part.data[0] == '0') ||
			!bytes_parse_number(part, UINT8_MAX, &number))
			return false;
		address[i] = (uint8_t)number;
		text = bytes_skip(text, length + 1);
	}
	return true;
}

static bool parse_group(struct bytes text, uint8_t group[2])
{
	uint8_t digits[4] = { '0', '0', '0', '0' };

	if (text.size < 1 || text.size > sizeof digits)
		return false;
	memcpy(digits + sizeof digits - text.size, text.data, text.size);
	return hex_decode(bytes_make(digits, sizeof digits), group, 2);
}

/* Moves what stands behind "::" to the end. */
static bool close_gap(uint8_t address[IPV6_SIZE], size_t filled, size_t gap)
{
	size_t behind;

	if (gap == NO_GAP)
		return filled == IPV6_SIZE;
	if (filled == IPV6_SIZE)
		return false; /* "::" stands for one group of zeros or more */
	behind = filled - gap;
	memmove(address + IPV6_SIZE - behind, address + gap, behind);
	memset(address + gap, 0, IPV6_SIZE - filled);
	return true;
}

static bool parse_ipv6(struct bytes text, uint8_t address[IPV6_SIZE])
{
	size_t filled = 0, gap = NO_GAP;

	if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
		gap = 0;
		text = bytes_skip(text, 2);
	}
	while (text.size) {
		size_t length = bytes_find(text, ':');
		struct bytes part = bytes_head(text, length);

		if (length == text.size && bytes_find(part, '.') < part.size) {
			if (filled > IPV6_SIZE - IPV4_SIZE || !parse_ipv4(part, address + filled))
				return false;
			filled += IPV4_SIZE;
			break;
		}
		if (filled == IPV6_SIZE || !parse_group(part, address + filled))
			return false;
		filled += 2;
		if (length == text.size)
			break;
		text = bytes_skip(text, length + 1);
		if (!text.size)
			return false; /* ends in a single colon */
		if (text.data[0] == ':') {
			if (gap != NO_GAP)
				return false;
			gap = filled;
			text = bytes_skip(text, 1);
		}
	}
	return close_gap(address, filled, gap);
}

bool config_address_parse(struct bytes text, struct config_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*address = (struct config_address){ .size = IPV4_SIZE };
	if (parse_ipv4(text, address->bytes))
		return true;
	*address = (struct config_address){ .size = IPV6_SIZE };
	if (!text.size || !parse_ipv6(text, address->bytes))
		return false;
	if (memcmp(address->bytes, mapped, sizeof mapped) == 0) {
		memmove(address->bytes, address->bytes + sizeof mapped, IPV4_SIZE);
		memset(address->bytes + IPV4_SIZE, 0, IPV6_SIZE - IPV4_SIZE);
		address->size = IPV4_SIZE;
	}
	return true;
}

/* The first of the longest runs of zero groups; a single one is not shortened (RFC 5952 4.2). */
static void find_zeros(const uint16_t group[8], size_t *start, size_t *count)
{
	*start = 8;
	*count = 1;
	for (size_t i = 0; i < 8; i++) {
		size_t run = 0;

		while (i + run < 8 && group[i + run] == 0)
			run++;
		if (run > *count) {
			*start = i;
			*count = run;
		}
	}
}

static void format_ipv6(const uint8_t address[IPV6_SIZE], char text[CONFIG_ADDRESS_SIZE])
{
	uint16_t group[8];
	size_t zeros, count, used = 0;

	for (size_t i = 0; i < 8; i++)
		group[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
	find_zeros(group, &zeros, &count);
	for (size_t i = 0; i < 8; i++) {
		if (i == zeros) {
			used += (size_t)snprintf(text + used, CONFIG_ADDRESS_SIZE - used, "::");
			i += count - 1;
			continue;
		}
		used += (size_t)snprintf(text + used, CONFIG_ADDRESS_SIZE - used, "%s%x",
			i > 0 && text[used - 1] != ':' ? ":" : "", group[i]);
	}
	assert(used < CONFIG_ADDRESS_SIZE);
}

void config_address_format(const struct config_address *address, char text[CONFIG_ADDRESS_SIZE])
{
	const uint8_t *b = address->bytes;

	if (address->size == IPV4_SIZE)
		snprintf(text, CONFIG_ADDRESS_SIZE, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else
		format_ipv6(b, text);
}
