/* ctl_internal.h -- the parts of lettergatectl: arguments to a call, files to and from transfers, an answer to
 * text. */
#ifndef LG_CTL_CTL_INTERNAL_H
#define LG_CTL_CTL_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "control/method.h"
#include "gateway/gateway.h"

/* design: what scripts rely on. */
enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOT_RUNNING = 3 };

struct ctl_arguments {
	const char *data_folder; /* NULL: not given */
	bool json;
	bool help;
	bool markdown;	/* help --markdown */
	int help_count; /* help COMMAND: its words */
	char **help_words;
	const struct method_facts *method;
	json_t *params; /* owned; what is sent */
	/* The front end's own: */
	bool check;		     /* status --check */
	const char *target, *source; /* NULL: not given */
};

/* False: `status` is what to exit with, and standard error says why. */
bool ctl_arguments_parse(int count, char **values, struct ctl_arguments *arguments, int *status);
void ctl_arguments_clear(struct ctl_arguments *arguments);

/* All commands, or those that begin with the given words: false when there is none. */
bool ctl_print_help(FILE *stream, int count, char **words);
/* docs/control-api.md and docs/settings.md. */
void ctl_markdown_api(FILE *stream);
void ctl_markdown_settings(FILE *stream);

/* The content of a file as a parameter, new; NULL with *error. */
json_t *ctl_read_file(const char *path, struct error *error);
/* A line without its end from the terminal, not shown, or from standard input; `is_new` asks twice. */
json_t *ctl_read_secret(const char *prompt, bool is_new, struct error *error);

/* Before the call: whether the target can be written and the source read. */
bool ctl_transfer_check(const struct ctl_arguments *arguments, struct error *error);
/* After it: if `answer` begins a transfer, carries it out, and *answer becomes what is to be shown: what the method
 * said and what the transfer's end said. False: nothing of it stays on this side. */
bool ctl_transfer(struct gateway *gateway, const struct ctl_arguments *arguments, json_t **answer,
	struct error *error);

/* One line for a monitoring system (Nagios plugin guidelines), unless `stream` is NULL, and its
 * exit status. */
int ctl_check(FILE *stream, json_t *status);
/* The gateway was asked to start again: waits until it has, and answers. */
bool ctl_restart_wait(
	struct gateway **gateway, const struct ctl_arguments *arguments, struct error *error);

/* For people. */
void ctl_print(const struct method_facts *method, json_t *result);

#endif
