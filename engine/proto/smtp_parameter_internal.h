/* smtp_parameter_internal.h -- the parameters behind the path of MAIL and RCPT (RFC 5321 4.1.2): SIZE
 * (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), and those of RFC 3461. */
#ifndef LG_PROTO_SMTP_PARAMETER_INTERNAL_H
#define LG_PROTO_SMTP_PARAMETER_INTERNAL_H

#include "proto/smtp_server.h"

/* Why a command cannot be taken, as it is answered. */
struct smtp_refusal {
	int code;
	const char *text;
};

enum smtp_parameter_owner { SMTP_PARAMETER_OF_MAIL, SMTP_PARAMETER_OF_RCPT };

struct smtp_parameters {
	uint64_t size; /* 0: not given */
	bool utf8;     /* SMTPUTF8 was given, to MAIL */
	struct smtp_dsn dsn;
};

/* Reads `text`, "KEYWORD[=value] ...", into *parameters, whose fields hold what not giving them means;
 * for RCPT `utf8` holds what MAIL had. The views lie in `text`. False: *refusal. */
bool smtp_parameter_parse(struct bytes text, enum smtp_parameter_owner owner,
	struct smtp_parameters *parameters, struct smtp_refusal *refusal);

#endif
