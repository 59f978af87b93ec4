/* method.h -- the method table as others see it: a feature that has no method does not exist. The command
 * line of lettergatectl, its help and docs/control-api.md are made from the same rows. */
#ifndef LG_CONTROL_METHOD_H
#define LG_CONTROL_METHOD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* How lettergatectl takes a parameter from its user, and what it is in JSON. */
enum parameter_form {
	PARAMETER_POSITION, /* mailbox show ID: a string */
	PARAMETER_OPTION,   /* --name N: a string */
	PARAMETER_NUMBER,   /* --days N: an integer, not negative */
	PARAMETER_LIST,	    /* --alias A, repeated: an array of strings; --alias "" alone: none */
	PARAMETER_FLAG,	    /* --ca: true */
	PARAMETER_CONSENT,  /* --yes: true, and must be given */
	PARAMETER_STDIN,    /* --password-stdin: a string, one line of standard input */
	PARAMETER_SECRET,   /* no word: a string, asked for on the terminal, else a line of standard
				 input; the rows' order is the order of the lines */
	PARAMETER_NEW_SECRET, /* the same, asked for twice on the terminal */
	PARAMETER_FILE, /* --cert F: the content of a file that the front end opens: a string when it
				 is text, else {"base64": "..."} */
	/* The front end's own, no part of the call: */
	PARAMETER_LOCAL_FLAG, /* status --check */
	PARAMETER_TARGET, /* --to PATH: the new file or folder for what the method's transfer brings */
	PARAMETER_SOURCE, /* PATH: the file or folder that the method's transfer takes */
};

enum {
	METHOD_PARAMETERS_MAX = 16,
	METHOD_LIST_MAX = 256, /* strings of a PARAMETER_LIST */
	METHOD_FILE_MAX =
		512 * 1024, /* octets of a PARAMETER_FILE: its base64 fits into a request */
};

struct method_parameter {
	const char *name; /* in the JSON object; NULL ends the list */
	enum parameter_form form;
	bool is_required;
	/* The word of the command line and, behind a blank, what its value is called: "ID", "--name N",
	 * "--pop3 HOST:PORT". Without "--" it is a position. Of a secret it is the prompt: "Old password". */
	const char *command_name;
	const char *
		choices; /* "on|off": the only values, of a position, an option or a list; NULL: any */
	const char *help;
	const char
		*unless; /* of a secret: not asked for when the flag of this name is given; NULL */
};

struct method_facts {
	const char *name;    /* "mailbox.create" */
	const char *command; /* "mailbox create", NULL when only programs call it */
	const char *summary;
	struct method_parameter parameters[METHOD_PARAMETERS_MAX];
	const char *result; /* its shape, for readers: "{id, address}" */
};

size_t method_count(void);
const struct method_facts *method_at(size_t index);

size_t method_parameter_count(const struct method_facts *facts);
/* False: the front end's own. */
bool method_parameter_is_sent(const struct method_parameter *parameter);
bool method_parameter_is_secret(const struct method_parameter *parameter);
/* It is given by its place, not behind a word with "--". */
bool method_parameter_is_position(const struct method_parameter *parameter);
/* The word, "--name", without what its value is called. */
struct bytes method_parameter_word(const struct method_parameter *parameter);
/* What its value is called: "N", "mbox|eml", "FILE"; empty for one that has none. */
struct bytes method_parameter_value_name(const struct method_parameter *parameter);
/* The value is one of its choices, or it has none. */
bool method_parameter_allows(const struct method_parameter *parameter, struct bytes value);
/* "string", "strings", "boolean", "integer" or "file". */
const char *method_parameter_type(const struct method_parameter *parameter);

#endif
