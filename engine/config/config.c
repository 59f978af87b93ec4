/* config.c -- the option table and the loop that runs it.
 *
 * Everything about a setting is its row: there is no second place that lists them. A new setting is
 * a field in struct config and a row here. */
#include "config_internal.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"

#define FIELD(name) offsetof(struct config, name), sizeof(((struct config *)NULL)->name)
/* Marks text for gettext, which translates it where it is shown. */
#define N_(text) text

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define DAY (MINUTE * 60 * 24)

#define LISTEN(name, field, help)                                                                \
	{                                                                                        \
		{ "listen." name, CONFIG_ENDPOINTS, "", NULL, 0, 0, false, help }, FIELD(field), \
			NULL                                                                     \
	}

/* Bounds that a standard sets: a message of 64 KiB must be taken (RFC 5321 4.5.3.1.7), and POP3
 * must wait ten minutes for a silent client (RFC 1939 3). */
static const struct config_row rows[] = {
	{ { "hostname", CONFIG_TEXT, "", NULL, 0, 0, false,
		  N_("The name by which mail servers and mail programs reach this gateway; empty "
		     "for the computer's own name") },
		FIELD(hostname), config_hostname_parse },
	{ { "domains", CONFIG_TEXT, "", NULL, 0, 0, false,
		  N_("Domains beside the host name at which this gateway's mailboxes are "
		     "addressed, separated by blanks") },
		FIELD(domains), config_domains_parse },
	LISTEN("smtp", listen_smtp,
		N_("Addresses at which mail servers deliver, with STARTTLS; empty for off")),
	LISTEN("smtps", listen_smtps,
		N_("Addresses at which mail programs send, encrypted from the start; empty for "
		   "off")),
	LISTEN("submission", listen_submission,
		N_("Addresses at which mail programs send, with STARTTLS; empty for off")),
	LISTEN("pop3", listen_pop3,
		N_("Addresses at which mail is collected, with STLS; empty for off")),
	LISTEN("pop3s", listen_pop3s,
		N_("Addresses at which mail is collected, encrypted from the start; empty for "
		   "off")),
	{ { "smtp.max-message-size", CONFIG_SIZE, "200M", NULL, 64 * KIB, 2 * GIB, false,
		  N_("Largest message accepted") },
		FIELD(smtp_max_message_size), NULL },
	{ { "smtp.min-rate", CONFIG_SIZE, "1K", NULL, 0, 1 * MIB, false,
		  N_("Octets a second below which a message arrives too slowly to be waited for; "
		     "0 for any rate") },
		FIELD(smtp_min_rate), NULL },
	{ { "limits.sessions", CONFIG_COUNT, "1000", NULL, 1, 100000, false,
		  N_("Connections served at once, all listeners together") },
		FIELD(limits_sessions), NULL },
	{ { "limits.sessions-per-address", CONFIG_COUNT, "50", NULL, 1, 100000, false,
		  N_("Connections served at once for one address of a peer") },
		FIELD(limits_sessions_per_address), NULL },
	{ { "limits.bytes-in-flight", CONFIG_SIZE, "512M", NULL, 1 * MIB, 64 * GIB, false,
		  N_("Octets of messages that are being received at once, all connections "
		     "together") },
		FIELD(limits_bytes_in_flight), NULL },
	{ { "limits.commands", CONFIG_COUNT, "1000", NULL, 10, 1000000, false,
		  N_("Commands in one SMTP connection without a message that was taken, before it "
		     "is closed") },
		FIELD(limits_commands), NULL },
	{ { "limits.recipients", CONFIG_COUNT, "10", NULL, 1, 10, false,
		  N_("Mailboxes that one message may be delivered to at once") },
		FIELD(limits_recipients), NULL },
	{ { "limits.errors", CONFIG_COUNT, "20", NULL, 1, 1000, false,
		  N_("Refused or unknown commands in one connection before it is closed") },
		FIELD(limits_errors), NULL },
	{ { "limits.login-failures", CONFIG_COUNT, "50", NULL, 1, 1000000, false,
		  N_("Wrong passwords from one address in an hour before a problem is raised") },
		FIELD(limits_login_failures), NULL },
	{ { "timeouts.smtp", CONFIG_DURATION, "5m", NULL, 1 * SECOND, 1 * DAY, false,
		  N_("How long an SMTP connection may be silent; mail servers expect five "
		     "minutes") },
		FIELD(timeouts_smtp_ms), NULL },
	{ { "timeouts.smtp-pressure", CONFIG_DURATION, "30s", NULL, 1 * SECOND, 1 * DAY, false,
		  N_("How long an SMTP connection may be silent while connections are scarce") },
		FIELD(timeouts_smtp_pressure_ms), NULL },
	{ { "timeouts.pop3", CONFIG_DURATION, "10m", NULL, 10 * MINUTE, 1 * DAY, false,
		  N_("How long a POP3 connection may be silent") },
		FIELD(timeouts_pop3_ms), NULL },
	{ { "timeouts.pop3-takeover", CONFIG_DURATION, "1m", NULL, 1 * SECOND, 1 * DAY, false,
		  N_("How long a POP3 connection must have been silent before another one with the "
		     "right password may take its mailbox over") },
		FIELD(timeouts_pop3_takeover_ms), NULL },
	{ { "timeouts.tls", CONFIG_DURATION, "30s", NULL, 1 * SECOND, 10 * MINUTE, false,
		  N_("How long the start of encryption may take") },
		FIELD(timeouts_tls_ms), NULL },
	{ { "storage.reserve", CONFIG_SIZE, "0", NULL, 0, 1024 * GIB, false,
		  N_("Free space that is kept: less, and no mail is taken; 0 for the smaller of 2G "
		     "and a twentieth of the file system, at least 256M") },
		FIELD(storage_reserve), NULL },
	{ { "storage.keep-collected-days", CONFIG_COUNT, "7", NULL, 0, 3650, false,
		  N_("Days for which collected mail is kept, so that it can be restored; 0 for "
		     "none") },
		FIELD(storage_keep_collected_days), NULL },
	{ { "workers", CONFIG_COUNT, "0", NULL, 0, 256, true,
		  N_("Threads that serve connections; 0 for one on each processor core") },
		FIELD(workers), NULL },
	{ { "log.level", CONFIG_CHOICE, "info", "error|warning|info|debug", 0, 0, false,
		  N_("The least important events that are written to the log") },
		FIELD(log_level), NULL },
	{ { "log.file", CONFIG_CHOICE, "on", "on|off", 0, 0, false,
		  N_("Whether the log is written to a file in the data folder, too") },
		FIELD(log_file), NULL },
	{ { "log.max-size", CONFIG_SIZE, "10M", NULL, 64 * KIB, 1 * GIB, false,
		  N_("Size at which the log file is put aside and a new one begun") },
		FIELD(log_max_size), NULL },
	{ { "log.keep", CONFIG_COUNT, "5", NULL, 0, 100, false,
		  N_("How many log files that were put aside are kept") },
		FIELD(log_keep), NULL },
	{ { "log.mask-addresses", CONFIG_CHOICE, "off", "on|off", 0, 0, false,
		  N_("Whether addresses of computers and people are shortened in the log") },
		FIELD(log_mask_addresses), NULL },
	{ { "alerts.command", CONFIG_TEXT, "", NULL, 0, 0, false,
		  N_("Program that is run for each problem that begins or ends, with its "
		     "arguments; it reads the problem as JSON from its standard input") },
		FIELD(alerts_command), config_command_parse },
	{ { "alerts.silent-hours", CONFIG_COUNT, "24", NULL, 0, 8760, false,
		  N_("Hours without mail, of those in which a mailbox usually gets some, after "
		     "which it is reported; 0 for never") },
		FIELD(alerts_silent_hours), NULL },
	{ { "alerts.uncollected-hours", CONFIG_COUNT, "48", NULL, 0, 8760, false,
		  N_("Hours for which mail may wait without being collected before it is "
		     "reported; 0 for ever") },
		FIELD(alerts_uncollected_hours), NULL },
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const struct config_row *find_row(const char *key)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].shown.key, key) == 0)
			return &rows[i];
	}
	return NULL;
}

size_t config_option_count(void)
{
	return ROW_COUNT;
}

const struct config_option *config_option_at(size_t index)
{
	assert(index < ROW_COUNT);
	return &rows[index].shown;
}

const struct config_option *config_option_find(const char *key)
{
	const struct config_row *row = find_row(key);

	return row ? &row->shown : NULL;
}

enum {
	KEY_MAX = 32,
	QUOTED_MAX = 60, /* of what was typed, so that the advice behind it fits into the error */
};

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters to add, drop, change or swap with their neighbour (the optimal string alignment
 * distance): what slips of the fingers are made of. */
static size_t distance(const char *a, const char *b)
{
	size_t table[KEY_MAX + 1][KEY_MAX + 1];
	size_t height = strlen(a), width = strlen(b);

	if (height > KEY_MAX || width > KEY_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= height; i++) {
		for (size_t j = 0; j <= width; j++) {
			if (i == 0 || j == 0) {
				table[i][j] = i + j;
				continue;
			}
			table[i][j] = smallest(table[i - 1][j] + 1, table[i][j - 1] + 1,
				table[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				table[i][j] =
					smallest(table[i][j], table[i - 2][j - 2] + 1, SIZE_MAX);
		}
	}
	return table[height][width];
}

/* How unlike the key is what was typed; someone may also have left the group's name out
 * ("max-message-size"). */
static size_t unlikeness(const char *typed, const char *key)
{
	const char *dot = strchr(key, '.');
	size_t whole = distance(typed, key);
	size_t part = dot ? distance(typed, dot + 1) : whole;

	return part < whole ? part : whole;
}

/* Names every key that is as near as the nearest one, when that is near enough to be a slip. */
static bool no_such_key(const char *typed, struct error *error)
{
	size_t nearest = strlen(typed) / 4 + 1, length = 0;
	char quoted[LOG_QUOTED_SIZE], names[256] = "";

	for (size_t i = 0; i < ROW_COUNT; i++) {
		size_t unlike = unlikeness(typed, rows[i].shown.key);

		if (unlike > nearest)
			continue;
		if (unlike < nearest)
			length = 0;
		nearest = unlike;
		if (length < sizeof names)
			length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
				length ? " or " : "", rows[i].shown.key);
	}
	log_quote(bytes_head(bytes_of(typed), QUOTED_MAX), quoted);
	if (length)
		return error_set(error, ERROR_NOT_FOUND, "there is no setting %s; did you mean %s?",
			quoted, names);
	return error_set(error, ERROR_NOT_FOUND,
		"there is no setting %s; the list of settings shows those that exist", quoted);
}

static void *field_of(const struct config_row *row, struct config *config)
{
	return (char *)config + row->offset;
}

void config_set_defaults(struct config *config)
{
	*config = (struct config){ 0 };
	for (size_t i = 0; i < ROW_COUNT; i++) {
		bool ok = config_value_parse(&rows[i], bytes_of(rows[i].shown.default_text),
			field_of(&rows[i], config), NULL);

		assert(ok);
		(void)ok;
	}
}

bool config_is_on(const char *choice)
{
	return strcmp(choice, "on") == 0;
}

bool config_set(struct config *config, const char *key, const char *value, struct error *error)
{
	const struct config_row *row = find_row(key);
	struct config changed = *config;
	char quoted[LOG_QUOTED_SIZE];

	if (!row)
		return no_such_key(key, error);
	if (!config_value_parse(row, bytes_of(value), field_of(row, &changed), error)) {
		log_quote(bytes_head(bytes_of(value), QUOTED_MAX), quoted);
		error_prefix(error, "%s cannot be %s", key, quoted);
		return false;
	}
	*config = changed;
	return true;
}

bool config_get(const struct config *config, const char *key, char text[CONFIG_TEXT_SIZE],
	struct error *error)
{
	const struct config_row *row = find_row(key);

	if (!row)
		return no_such_key(key, error);
	config_value_format(row, (const char *)config + row->offset, text);
	return true;
}
