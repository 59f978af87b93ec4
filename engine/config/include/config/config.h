/* config.h -- the settings: one descriptor table drives parsing, checking, saving, help, docs and the
 * preferences page.
 *
 * Values arrive as text (from the store, --set, the control interface) and are checked as a whole value;
 * a struct config holds them parsed. Pure: no file, no clock. */
#ifndef LG_CONFIG_CONFIG_H
#define LG_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/error.h"

enum {
	CONFIG_ENDPOINTS_MAX = 16,
	CONFIG_TEXT_SIZE = 1024,
	CONFIG_HOST_SIZE = 256,
	CONFIG_DOMAINS_SIZE = CONFIG_TEXT_SIZE,
	CONFIG_COMMAND_SIZE = 512,
	CONFIG_COMMAND_ARGUMENTS_MAX = 32,
};

struct config_endpoint {
	char host[64]; /* numeric: "127.0.0.1", "::" */
	uint16_t port; /* 0: any free one */
};

struct config_endpoints {
	struct config_endpoint endpoint[CONFIG_ENDPOINTS_MAX];
	size_t count; /* 0: off */
};

struct config {
	char hostname[CONFIG_HOST_SIZE]; /* empty: ask the system */
	char domains
		[CONFIG_DOMAINS_SIZE]; /* lower case, a blank between two; config_domains_have() */
	struct config_endpoints listen_smtp;
	struct config_endpoints listen_smtps;
	struct config_endpoints listen_submission;
	struct config_endpoints listen_pop3;
	struct config_endpoints listen_pop3s;
	uint64_t smtp_max_message_size;
	uint64_t smtp_min_rate;		      /* octets a second; 0: any */
	uint64_t limits_sessions;	      /* at once, all listeners together */
	uint64_t limits_sessions_per_address; /* at once */
	uint64_t limits_bytes_in_flight;      /* of messages, all sessions together */
	uint64_t limits_recipients;	      /* mailboxes in one transaction */
	uint64_t limits_errors;		      /* in one session */
	uint64_t limits_login_failures;	      /* of one network in an hour */
	uint64_t limits_commands;	      /* in one session */
	uint64_t timeouts_smtp_ms;	      /* silence in an SMTP session */
	uint64_t timeouts_smtp_pressure_ms;   /* the same while sessions are scarce */
	uint64_t timeouts_pop3_ms; /* silence in a POP3 session, RFC 1939: at least 10 minutes */
	uint64_t
		timeouts_pop3_takeover_ms; /* silence after which another session may take the maildrop */
	uint64_t timeouts_tls_ms;	   /* for a whole handshake */
	uint64_t storage_reserve;	   /* octets; 0: automatic */
	uint64_t storage_keep_collected_days;
	uint64_t workers; /* 0: the number of cores */
	char log_level[16];
	char log_file[4]; /* config_is_on() */
	uint64_t log_max_size;
	uint64_t log_keep;
	char log_mask_addresses[4];		  /* config_is_on() */
	char alerts_command[CONFIG_COMMAND_SIZE]; /* empty: none; config_command_split() */
	uint64_t alerts_silent_hours;		  /* 0: never */
	uint64_t alerts_uncollected_hours;	  /* 0: never */
};

enum config_type {
	CONFIG_TEXT,	  /* checked by the option's own rule */
	CONFIG_COUNT,	  /* 12 */
	CONFIG_SIZE,	  /* 200M: octets with K, M or G (powers of 1024) */
	CONFIG_DURATION,  /* 5m: ms, s, m, h or d */
	CONFIG_ENDPOINTS, /* "127.0.0.1:2525 [::1]:2525", empty for off */
	CONFIG_CHOICE,	  /* one of .choices, "a|b|c" */
};

/* A row of the table, as much of it as front ends show. */
struct config_option {
	const char *key;
	enum config_type type;
	const char *default_text;
	const char *choices;
	uint64_t minimum, maximum; /* COUNT, SIZE (octets), DURATION (ms) */
	bool needs_restart; /* a running gateway cannot use a new value; docs/internals/operation.md */
	const char *help; /* one English sentence, translatable */
};

/* Of a choice on|off. */
bool config_is_on(const char *choice);
/* Whether the setting `domains` names that one; ASCII case does not matter. */
bool config_domains_have(const char *domains, struct bytes domain);

/* A command line as its arguments: split at blanks, with '...' and "..." around what holds some and nothing
 * else that a shell would do. The first is the absolute path of a program. */
struct config_command {
	char text[CONFIG_COMMAND_SIZE];
	char *arguments[CONFIG_COMMAND_ARGUMENTS_MAX + 1]; /* in `text`; NULL behind the last */
	size_t count;					   /* 0: no command */
};
bool config_command_split(struct bytes line, struct config_command *command, struct error *error);

size_t config_option_count(void);
const struct config_option *config_option_at(size_t index);
const struct config_option *config_option_find(const char *key); /* NULL: no such setting */

void config_set_defaults(struct config *config);
/* ERROR_NOT_FOUND: no such key (a near one is named). ERROR_INVALID: the text says what is allowed.
 * *config is unchanged then. */
bool config_set(struct config *config, const char *key, const char *value, struct error *error);
/* The canonical text: what config_set() gives back unchanged. */
bool config_get(const struct config *config, const char *key, char text[CONFIG_TEXT_SIZE],
	struct error *error);

#endif
