/* smtp_parameter.c -- one row for each parameter: whose it is, who reads its value, what is said when the
 * value is wrong. The loop checks what all have in common: the keyword's syntax, that each comes once,
 * that it is known.
 *
 * DSN is understood and not announced. Whoever announces it must send reports (RFC 3461 5.2.3, 5.2.6),
 * and this gateway sends no mail. But to a sender that gives the parameters all the same a 555 would
 * return its mail for good, and a proxy has to pass them on (5.2.1). */
#include "smtp_parameter_internal.h"

#include "smtp_dsn_internal.h"

struct parameter {
	const char *keyword;
	enum smtp_parameter_owner owner;
	/* `value` is empty when there was no "=". False: *refusal is what is said; it holds 501 and
	 * `rule` before. */
	bool (*parse)(struct bytes value, struct smtp_parameters *parameters,
		struct smtp_refusal *refusal);
	const char *rule;
};

static bool refuse(struct smtp_refusal *refusal, int code, const char *text)
{
	*refusal = (struct smtp_refusal){ code, text };
	return false;
}

static bool parse_size(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	/* size-value = 1*20DIGIT (RFC 1870 3): twenty digits can be more than 64 bits hold. */
	if (!value.size || value.size > 20)
		return false;
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	}
	if (!bytes_parse_number(value, UINT64_MAX, &parameters->size))
		parameters->size = UINT64_MAX;
	return true;
}

static bool parse_body(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)parameters;
	if (bytes_equal_nocase(value, bytes_of("BINARYMIME")))
		return refuse(refusal, 555, "5.6.1 BINARYMIME is not offered");
	return bytes_equal_nocase(value, bytes_of("7BIT")) ||
	       bytes_equal_nocase(value, bytes_of("8BITMIME"));
}

static bool parse_smtputf8(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	parameters->utf8 = true;
	return !value.size;
}

static bool parse_ret(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	parameters->dsn.ret = value;
	return smtp_dsn_is_ret(value);
}

static bool parse_envid(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	parameters->dsn.envid = value;
	return smtp_dsn_is_envid(value);
}

static bool parse_notify(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	parameters->dsn.notify = value;
	return smtp_dsn_is_notify(value);
}

static bool parse_orcpt(
	struct bytes value, struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	(void)refusal;
	parameters->dsn.orcpt = value;
	return smtp_dsn_is_orcpt(value, parameters->utf8);
}

static const struct parameter table[] = {
	{ "SIZE", SMTP_PARAMETER_OF_MAIL, parse_size, "5.5.4 SIZE takes a number" },
	{ "BODY", SMTP_PARAMETER_OF_MAIL, parse_body, "5.5.4 BODY takes 7BIT or 8BITMIME" },
	{ "SMTPUTF8", SMTP_PARAMETER_OF_MAIL, parse_smtputf8, "5.5.4 SMTPUTF8 takes no value" },
	{ "RET", SMTP_PARAMETER_OF_MAIL, parse_ret, "5.5.4 RET takes FULL or HDRS" },
	{ "ENVID", SMTP_PARAMETER_OF_MAIL, parse_envid,
		"5.5.4 ENVID takes xtext, 100 octets at most" },
	{ "NOTIFY", SMTP_PARAMETER_OF_RCPT, parse_notify,
		"5.5.4 NOTIFY takes NEVER, or some of SUCCESS,FAILURE,DELAY" },
	{ "ORCPT", SMTP_PARAMETER_OF_RCPT, parse_orcpt,
		"5.5.4 ORCPT takes type;xtext, 500 octets at most" },
};

enum { PARAMETERS = sizeof table / sizeof table[0] };

/* esmtp-keyword: letters, digits and hyphens, no hyphen first. */
static bool is_keyword(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!is_letter && !(c >= '0' && c <= '9') && (c != '-' || !i))
			return false;
	}
	return text.size > 0;
}

static const struct parameter *find(struct bytes keyword, enum smtp_parameter_owner owner)
{
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (table[i].owner == owner &&
			bytes_equal_nocase(keyword, bytes_of(table[i].keyword)))
			return &table[i];
	}
	return NULL;
}

bool smtp_parameter_parse(struct bytes text, enum smtp_parameter_owner owner,
	struct smtp_parameters *parameters, struct smtp_refusal *refusal)
{
	bool seen[PARAMETERS] = { false };
	struct bytes part;

	while (bytes_split(&text, ' ', &part)) {
		const size_t equals = bytes_find(part, '=');
		const struct bytes keyword = bytes_head(part, equals);
		const struct bytes value = bytes_skip(part, equals + 1);
		const struct parameter *parameter;

		if (!part.size)
			continue;
		if (!is_keyword(keyword) || (equals < part.size && !value.size))
			return refuse(refusal, 501, "5.5.4 Syntax error in the parameters");
		parameter = find(keyword, owner);
		if (!parameter)
			return refuse(refusal, 555, "5.5.4 Parameter not recognized");
		if (seen[parameter - table])
			return refuse(refusal, 501, "5.5.4 The same parameter twice");
		seen[parameter - table] = true;
		*refusal = (struct smtp_refusal){ 501, parameter->rule };
		if (!parameter->parse(value, parameters, refusal))
			return false;
	}
	return true;
}
