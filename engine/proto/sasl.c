/* sasl.c -- the mechanisms as a table: their names, their challenges, and what takes each response. A
 * mechanism that brings a token instead of a password (XOAUTH2, RFC 7628) is a row more and a field.
 *
 * base64.h reads strictly, so that a message has exactly one encoding. */
#include "proto/sasl.h"

#include <assert.h>

#include "base/base64.h"

enum { CHALLENGES_MAX = 2 };

struct sasl_mechanism {
	const char *name;
	size_t challenge_count;
	const char *challenges[CHALLENGES_MAX]; /* base64 */
	enum sasl_outcome (*take)(struct sasl *sasl, struct bytes message);
};

/* ---- the mechanisms ---- */

static bool is_name(const struct sasl *sasl, struct bytes name)
{
	return name.size && name.size <= sasl->name_capacity && bytes_find(name, 0) == name.size;
}

static bool is_password(struct bytes password)
{
	return password.size && bytes_find(password, 0) == password.size;
}

/* [authzid] NUL authcid NUL passwd (RFC 4616 2). Everybody acts for themselves here. */
static enum sasl_outcome take_plain(struct sasl *sasl, struct bytes message)
{
	struct bytes rest = message, authorization;

	authorization = bytes_head(rest, bytes_find(rest, 0));
	rest = bytes_skip(rest, authorization.size + 1);
	sasl->user = bytes_head(rest, bytes_find(rest, 0));
	sasl->password = bytes_skip(rest, sasl->user.size + 1);
	if (!is_name(sasl, sasl->user) || !is_password(sasl->password))
		return SASL_MALFORMED;
	if (authorization.size && !bytes_equal(authorization, sasl->user))
		return SASL_REFUSED;
	return SASL_COMPLETE;
}

/* The name, then the password, each alone. */
static enum sasl_outcome take_login(struct sasl *sasl, struct bytes message)
{
	if (sasl->step == 0) {
		if (!is_name(sasl, message))
			return SASL_MALFORMED;
		memcpy(sasl->name_space, message.data, message.size);
		sasl->user = bytes_make(sasl->name_space, message.size);
		return SASL_CONTINUES;
	}
	sasl->password = message;
	return is_password(message) ? SASL_COMPLETE : SASL_MALFORMED;
}

static const struct sasl_mechanism mechanisms[] = {
	{ "PLAIN", 1, { "" }, take_plain },
	/* "Username:" and "Password:", to the letter: some clients compare. */
	{ "LOGIN", 2, { "VXNlcm5hbWU6", "UGFzc3dvcmQ6" }, take_login },
};

enum { MECHANISM_COUNT = sizeof mechanisms / sizeof mechanisms[0] };

const struct sasl_mechanism *sasl_find(struct bytes name)
{
	for (size_t i = 0; i < MECHANISM_COUNT; i++) {
		if (bytes_equal_nocase(name, bytes_of(mechanisms[i].name)))
			return &mechanisms[i];
	}
	return NULL;
}

size_t sasl_mechanism_count(void)
{
	return MECHANISM_COUNT;
}

const char *sasl_mechanism_name(size_t index)
{
	assert(index < MECHANISM_COUNT);
	return mechanisms[index].name;
}

/* ---- an exchange ---- */

void sasl_begin(struct sasl *sasl, const struct sasl_mechanism *mechanism, uint8_t *name_space,
	size_t name_capacity)
{
	*sasl = (struct sasl){
		.mechanism = mechanism,
		.name_space = name_space,
		.name_capacity = name_capacity,
	};
}

const char *sasl_challenge(const struct sasl *sasl)
{
	assert(sasl->mechanism && sasl->step < sasl->mechanism->challenge_count);
	return sasl->mechanism->challenges[sasl->step];
}

enum sasl_outcome sasl_respond(struct sasl *sasl, uint8_t *text, size_t size)
{
	enum sasl_outcome outcome = SASL_MALFORMED;
	size_t message_size;

	assert(sasl->mechanism && sasl->step < sasl->mechanism->challenge_count);
	if (base64_decode_in_place(text, size, &message_size))
		outcome = sasl->mechanism->take(sasl, bytes_make(text, message_size));
	sasl->step++;
	return outcome;
}

void sasl_end(struct sasl *sasl)
{
	if (sasl->mechanism)
		memory_wipe(sasl->name_space, sasl->name_capacity);
	*sasl = (struct sasl){ 0 };
}
