/* config_endpoint.c -- "127.0.0.1:2525 [::1]:2525": where the gateway listens.
 *
 * Addresses are numeric on purpose: a name would be looked up at every start, and what it means
 * could change without anybody having changed a setting. No two endpoints of a list may claim the
 * same port of the same address, which would fail only when the second one is bound. */
#include "config_internal.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"

static const char example[] = "such as 127.0.0.1:2525 or [::1]:2525";

/* What is wrong with a word that is no endpoint. */
static bool refuse(struct bytes word, struct error *error)
{
	struct config_address address;
	struct bytes host;
	char quoted[LOG_QUOTED_SIZE];

	log_quote(bytes_head(word, 60), quoted);
	if (config_address_parse(word, &address) && address.size == 16)
		return error_set(error, ERROR_INVALID,
			"put the IPv6 address %s in brackets and add the port, %s", quoted,
			example);
	if (word.data[0] == '[')
		return error_set(error, ERROR_INVALID,
			"%s is not an IPv6 address in brackets with a port; write it %s", quoted,
			example);
	host = bytes_head(word, bytes_find(word, ':'));
	if (host.size && !config_address_parse(host, &address))
		return error_set(error, ERROR_INVALID,
			"%s is not numeric; give a numeric address, %s", log_quote(host, quoted),
			example);
	return error_set(error, ERROR_INVALID,
		"%s is not ADDRESS:PORT with a port from 0 to 65535; write it %s", quoted, example);
}

/* Takes the host out of "ADDRESS:PORT" or "[ADDRESS]:PORT", and leaves the port in *word. */
static bool split_host(struct bytes *word, struct config_address *address)
{
	bool bracket = word->data[0] == '[';
	size_t length;

	if (bracket)
		*word = bytes_skip(*word, 1);
	length = bytes_find(*word, bracket ? ']' : ':');
	if (!config_address_parse(bytes_head(*word, length), address))
		return false;
	/* A mapped address in brackets means IPv4 and is written so from then on. */
	if (!bracket && address->size != 4)
		return false;
	if (bracket && bytes_find(bytes_head(*word, length), ':') == length)
		return false;
	*word = bytes_skip(*word, length + bracket);
	if (!word->size || word->data[0] != ':')
		return false;
	*word = bytes_skip(*word, 1);
	return true;
}

static bool parse_one(struct bytes word, struct config_endpoint *endpoint, struct error *error)
{
	struct config_address address;
	struct bytes rest = word;
	uint64_t port;

	if (!split_host(&rest, &address) || !bytes_parse_number(rest, UINT16_MAX, &port))
		return refuse(word, error);
	config_address_format(&address, endpoint->host);
	endpoint->port = (uint16_t)port;
	return true;
}

static bool is_ipv6(const struct config_endpoint *endpoint)
{
	return strchr(endpoint->host, ':') != NULL;
}

/* "0.0.0.0" and "::" stand for all addresses of their kind. */
static bool is_wildcard(const struct config_endpoint *endpoint)
{
	return strcmp(endpoint->host, "0.0.0.0") == 0 || strcmp(endpoint->host, "::") == 0;
}

static bool check_distinct(const struct config_endpoints *list, const struct config_endpoint *added,
	struct error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct config_endpoint *other = &list->endpoint[i];
		const struct config_endpoint *all = is_wildcard(other) ? other : added;

		if (other->port != added->port)
			continue;
		if (strcmp(other->host, added->host) == 0)
			return error_set(error, ERROR_INVALID,
				"%s port %u is given twice; leave one out", added->host,
				added->port);
		/* Port 0 takes another free one for each. */
		if (added->port && is_wildcard(all) && is_ipv6(other) == is_ipv6(added))
			return error_set(error, ERROR_INVALID,
				"%s stands for all addresses, so that port %u of %s is given "
				"twice; leave one out",
				all->host, added->port, all == other ? added->host : other->host);
	}
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool next_word(struct bytes *rest, struct bytes *word)
{
	size_t length = 0;

	while (rest->size && is_blank(rest->data[0]))
		*rest = bytes_skip(*rest, 1);
	while (length < rest->size && !is_blank(rest->data[length]))
		length++;
	*word = bytes_head(*rest, length);
	*rest = bytes_skip(*rest, length);
	return length > 0;
}

bool config_endpoints_parse(
	struct bytes text, struct config_endpoints *endpoints, struct error *error)
{
	struct bytes word;

	*endpoints = (struct config_endpoints){ 0 };
	while (next_word(&text, &word)) {
		struct config_endpoint *added = &endpoints->endpoint[endpoints->count];

		if (endpoints->count == CONFIG_ENDPOINTS_MAX)
			return error_set(error, ERROR_INVALID, "give at most %d addresses",
				CONFIG_ENDPOINTS_MAX);
		if (!parse_one(word, added, error) || !check_distinct(endpoints, added, error))
			return false;
		endpoints->count++;
	}
	return true;
}

void config_endpoints_format(const struct config_endpoints *endpoints, char text[CONFIG_TEXT_SIZE])
{
	size_t used = 0;

	/* "[", "]", ":65535" and a blank around the longest address. */
	static_assert(CONFIG_ENDPOINTS_MAX * (CONFIG_ADDRESS_SIZE + 9) < CONFIG_TEXT_SIZE,
		"a full list of endpoints fits");
	text[0] = '\0';
	for (size_t i = 0; i < endpoints->count; i++) {
		const struct config_endpoint *endpoint = &endpoints->endpoint[i];
		bool bracket = is_ipv6(endpoint);

		used += (size_t)snprintf(text + used, CONFIG_TEXT_SIZE - used, "%s%s%s%s:%u",
			i ? " " : "", bracket ? "[" : "", endpoint->host, bracket ? "]" : "",
			endpoint->port);
	}
}
