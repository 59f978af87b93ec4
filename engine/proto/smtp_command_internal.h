/* smtp_command_internal.h -- the text of SMTP commands taken apart: the verb, and what MAIL, RCPT, VRFY and
 * BDAT carry (RFC 5321 4.1.1, 4.1.2; non-ASCII addresses: RFC 6531; BDAT: RFC 3030). Knows no state. */
#ifndef LG_PROTO_SMTP_COMMAND_INTERNAL_H
#define LG_PROTO_SMTP_COMMAND_INTERNAL_H

#include "mail/address.h"
#include "smtp_parameter_internal.h"

struct smtp_path {
	struct address address;
	struct smtp_parameters parameters;
};

struct smtp_chunk {
	uint64_t size;
	bool is_last;
	bool has_size;	 /* else it cannot be told where the next command begins */
	bool is_correct; /* size and at most LAST */
};

/* *verb is the part up to the first blank, *argument what follows, without blanks around. */
void smtp_command_split(struct bytes line, struct bytes *verb, struct bytes *argument);
/* "FROM:<path> SIZE=n BODY=..." and "TO:<path> NOTIFY=..."; the views lie in `argument`. Parameters exist
 * only after EHLO (`extended`). A recipient may hold UTF-8 when MAIL had SMTPUTF8 (`utf8`). */
bool smtp_command_parse_mail(
	struct bytes argument, bool extended, struct smtp_path *path, struct smtp_refusal *refusal);
bool smtp_command_parse_rcpt(struct bytes argument, bool extended, bool utf8,
	struct smtp_path *path, struct smtp_refusal *refusal);
/* A name, which may be anything in UTF-8, and SMTPUTF8 or not (RFC 6531 3.7.4.2). */
bool smtp_command_parse_vrfy(struct bytes argument, struct smtp_refusal *refusal);
struct smtp_chunk smtp_command_parse_bdat(struct bytes argument);

#endif
