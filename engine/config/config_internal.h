/* config_internal.h -- what the option table (config.c), the value types (config_value.c) and the
 * endpoints (config_endpoint.c) share. */
#ifndef LG_CONFIG_CONFIG_INTERNAL_H
#define LG_CONFIG_CONFIG_INTERNAL_H

#include "base/bytes.h"
#include "config/config.h"

/* The rule of a CONFIG_TEXT option: checks the text and writes its canonical form. */
typedef bool config_rule(struct bytes text, char *field, size_t size, struct error *error);

/* A row of the table with what front ends do not see. */
struct config_row {
	struct config_option shown;
	size_t offset, size; /* its field in struct config */
	config_rule *rule;   /* CONFIG_TEXT only */
};

/* Both work on the row's field. The error says what is allowed; config_set() adds what was given.
 * The field may be half written after an error. */
bool config_value_parse(
	const struct config_row *row, struct bytes text, void *field, struct error *error);
void config_value_format(
	const struct config_row *row, const void *field, char text[CONFIG_TEXT_SIZE]);

/* Empty, a host name (RFC 1123 2.1) in lower case, or a numeric address. */
bool config_hostname_parse(struct bytes text, char *hostname, size_t size, struct error *error);

bool config_is_host_name(struct bytes name);
/* Domain names in lower case, each once, a blank between two. */
bool config_domains_parse(struct bytes text, char *domains, size_t size, struct error *error);
/* Empty, or what config_command_split() takes; kept as it was written. */
bool config_command_parse(struct bytes text, char *command, size_t size, struct error *error);

bool config_endpoints_parse(
	struct bytes text, struct config_endpoints *endpoints, struct error *error);
void config_endpoints_format(const struct config_endpoints *endpoints, char text[CONFIG_TEXT_SIZE]);

/* A numeric IP address: "192.0.2.1" or the IPv6 forms of RFC 4291 2.2, without brackets and zone.
 * */
struct config_address {
	uint8_t bytes[16];
	size_t size; /* 4 or 16 */
};

enum { CONFIG_ADDRESS_SIZE = 46 };

/* An IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) gives the IPv4 address that it means. */
bool config_address_parse(struct bytes text, struct config_address *address);
/* The canonical form of RFC 5952. */
void config_address_format(const struct config_address *address, char text[CONFIG_ADDRESS_SIZE]);

#endif
