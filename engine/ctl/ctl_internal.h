/* ctl_internal.h -- the parts of lettergatectl: arguments to a call, an answer to text. */
#ifndef LG_CTL_CTL_INTERNAL_H
#define LG_CTL_CTL_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "control/method.h"

/* design: what scripts rely on. */
enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOT_RUNNING = 3 };

struct ctl_arguments {
	const char *data_folder; /* NULL: not given */
	bool json;
	bool check; /* status --check */
	bool help;
	const struct method_facts *method;
	json_t *params; /* owned */
};

/* False: `status` is what to exit with, and standard error says why. */
bool ctl_arguments_parse(int count, char **values, struct ctl_arguments *arguments, int *status);
void ctl_arguments_clear(struct ctl_arguments *arguments);
void ctl_print_help(FILE *stream);

/* For people. */
void ctl_print(const struct method_facts *method, json_t *result);

#endif
