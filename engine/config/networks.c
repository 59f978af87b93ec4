/* networks.c -- lists of networks: read, written, looked an address up in.
 *
 * A network whose address has bits behind its mask is refused rather than cut: it is a slip, and in a lock
 * on who may deliver a slip must not pass. A preset is looked through as text each time: thirty networks
 * take some microseconds, once for a recipient. */
#include "config/networks.h"

#include <stdio.h>

#include "base/log.h"
#include "config_internal.h"
#include "network_presets_internal.h"

enum { WORD_SHOWN_MAX = 60 };

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '\n' || c == '\r';
}

/* Takes the next word off *rest; false when there is none. */
static bool next_word(struct bytes *rest, struct bytes *word)
{
	size_t size = 0;

	while (rest->size && is_separator(rest->data[0]))
		*rest = bytes_skip(*rest, 1);
	while (size < rest->size && !is_separator(rest->data[size]))
		size++;
	*word = bytes_head(*rest, size);
	*rest = bytes_skip(*rest, size);
	return size > 0;
}

static bool is_masked(const struct network *network)
{
	for (size_t bit = network->bits; bit < (size_t)8 * network->size; bit++) {
		if (network->address[bit / 8] & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

static bool parse_network(struct bytes word, struct network *network)
{
	size_t slash = bytes_find(word, '/');
	struct config_address address;
	uint64_t bits;

	if (!config_address_parse(bytes_head(word, slash), &address))
		return false;
	bits = 8 * address.size;
	if (slash < word.size && !bytes_parse_number(bytes_skip(word, slash + 1), bits, &bits))
		return false;
	*network = (struct network){ .size = (uint8_t)address.size, .bits = (uint8_t)bits };
	memcpy(network->address, address.bytes, address.size);
	return is_masked(network);
}

static bool parse_preset(struct bytes word, struct network *network)
{
	for (size_t i = 0; i < network_presets_count; i++) {
		if (bytes_equal_nocase(word, bytes_of(network_presets[i].name))) {
			*network = (struct network){ .preset = (uint8_t)i };
			return true;
		}
	}
	return false;
}

static bool is_not_a_network(struct bytes word, struct error *error)
{
	char quoted[LOG_QUOTED_SIZE], names[128] = "";
	size_t length = 0;

	for (size_t i = 0; i < network_presets_count && length < sizeof names; i++)
		length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
			i ? ", " : "", network_presets[i].name);
	log_quote(bytes_head(word, WORD_SHOWN_MAX), quoted);
	return error_set(error, ERROR_INVALID,
		"%s is not a network: write an address (192.0.2.1), a network whose address ends "
		"where its mask does (192.0.2.0/24, 2001:db8::/32), or one of: %s",
		quoted, names);
}

bool networks_parse(struct bytes text, struct networks *networks, struct error *error)
{
	struct bytes word;

	networks->count = 0;
	while (next_word(&text, &word)) {
		struct network *network = &networks->network[networks->count];

		if (networks->count == NETWORKS_MAX)
			return error_set(error, ERROR_INVALID,
				"there can be %d networks in a list; write larger ones",
				NETWORKS_MAX);
		if (!parse_network(word, network) && !parse_preset(word, network))
			return is_not_a_network(word, error);
		networks->count++;
	}
	return true;
}

void networks_format(const struct networks *networks, char text[NETWORKS_TEXT_SIZE])
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < networks->count && length < NETWORKS_TEXT_SIZE; i++) {
		const struct network *network = &networks->network[i];
		const char *blank = i ? " " : "";
		struct config_address address = { .size = network->size };
		char host[CONFIG_ADDRESS_SIZE];
		size_t room = NETWORKS_TEXT_SIZE - length;
		int size;

		if (!network->size) {
			size = snprintf(text + length, room, "%s%s", blank,
				network_presets[network->preset].name);
		} else {
			memcpy(address.bytes, network->address, network->size);
			config_address_format(&address, host);
			if (network->bits == 8 * network->size)
				size = snprintf(text + length, room, "%s%s", blank, host);
			else
				size = snprintf(
					text + length, room, "%s%s/%d", blank, host, network->bits);
		}
		length += (size_t)size;
	}
}

static bool network_contains(const struct network *network, const struct config_address *address)
{
	if (network->size != address->size)
		return false;
	for (size_t bit = 0; bit < network->bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((network->address[bit / 8] ^ address->bytes[bit / 8]) & mask)
			return false;
	}
	return true;
}

static bool preset_contains(
	const struct network_preset *preset, const struct config_address *address)
{
	struct bytes rest = bytes_of(preset->networks), word;
	struct network network;

	while (next_word(&rest, &word)) {
		if (parse_network(word, &network) && network_contains(&network, address))
			return true;
	}
	return false;
}

bool networks_contain(const struct networks *networks, struct bytes host)
{
	struct config_address address;

	if (!config_address_parse(host, &address))
		return false;
	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->network[i];

		if (network->size ? network_contains(network, &address)
				  : preset_contains(&network_presets[network->preset], &address))
			return true;
	}
	return false;
}

size_t network_preset_count(void)
{
	return network_presets_count;
}

const char *network_preset_name(size_t index)
{
	return network_presets[index].name;
}
