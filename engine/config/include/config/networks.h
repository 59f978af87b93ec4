/* networks.h -- which computers: a list of networks as a person writes it, "192.0.2.0/24 2001:db8::/32
 * microsoft365". A word is a preset, the networks of a provider from resources/networks/. Pure. */
#ifndef LG_CONFIG_NETWORKS_H
#define LG_CONFIG_NETWORKS_H

#include "base/bytes.h"
#include "base/error.h"

enum { NETWORKS_MAX = 32, NETWORKS_TEXT_SIZE = 2048 };

struct network {
	uint8_t address[16]; /* what lies behind `bits` is zero */
	uint8_t size;	     /* 4 or 16; 0: a preset */
	uint8_t bits;
	uint8_t preset; /* its place in the table */
};

struct networks {
	struct network network[NETWORKS_MAX];
	size_t count;
};

/* Separated by blanks or commas; a lone address is a network of one. ERROR_INVALID names what is wrong and
 * which presets there are; *networks is then undefined. */
bool networks_parse(struct bytes text, struct networks *networks, struct error *error);
/* What networks_parse() takes back unchanged, separated by single blanks. */
void networks_format(const struct networks *networks, char text[NETWORKS_TEXT_SIZE]);
/* `host` is a numeric address; an IPv4-mapped IPv6 one counts as the IPv4 address that it means. */
bool networks_contain(const struct networks *networks, struct bytes host);

/* The presets, for those who offer them. */
size_t network_preset_count(void);
const char *network_preset_name(size_t index);

#endif
