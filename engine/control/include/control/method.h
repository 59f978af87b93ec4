/* method.h -- the method table as others see it: a feature that has no method does not exist. The command
 * line of lettergatectl and its help are made from the same rows. */
#ifndef LG_CONTROL_METHOD_H
#define LG_CONTROL_METHOD_H

#include <stdbool.h>
#include <stddef.h>

/* How lettergatectl takes a parameter from its user. In JSON all but FLAGs are strings. */
enum parameter_form {
	PARAMETER_POSITION, /* mailbox show ID */
	PARAMETER_OPTION,   /* --name N */
	PARAMETER_FLAG,	    /* --ca: true */
	PARAMETER_CONSENT,  /* --yes: must be given */
	PARAMETER_STDIN,    /* --password-stdin: the value is one line of standard input */
};

struct method_parameter {
	const char *name; /* in the JSON object; NULL ends the list */
	enum parameter_form form;
	bool is_required;
	const char *command_name; /* "ID", "--name" */
	const char *help;
};

enum { METHOD_PARAMETERS_MAX = 8 };

struct method_facts {
	const char *name;    /* "mailbox.create" */
	const char *command; /* "mailbox create", NULL when only programs call it */
	const char *summary;
	struct method_parameter parameters[METHOD_PARAMETERS_MAX];
};

size_t method_count(void);
const struct method_facts *method_at(size_t index);

#endif
