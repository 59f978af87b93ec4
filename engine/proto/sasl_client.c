/* sasl_client.c -- a row for each mechanism: its name, what it brings, and what writes each response. A message is put
 * together where its base64 will stand, right-aligned, and encoded from there forwards. */
#include "proto/sasl_client.h"

#include <assert.h>

#include "base/base64.h"

/* A message of at most so many parts, which follow each other. */
enum { PARTS_MAX = 6 };

struct message {
	struct bytes parts[PARTS_MAX];
	size_t count;
};

static void add(struct message *message, struct bytes part)
{
	assert(message->count < PARTS_MAX);
	message->parts[message->count++] = part;
}

/* RFC 4616 2, without an authorization identity. */
static bool write_plain(
	struct message *message, size_t step, const struct sasl_credentials *credentials)
{
	add(message, bytes_make("", 1));
	add(message, credentials->user);
	add(message, bytes_make("", 1));
	add(message, credentials->password);
	return step == 0;
}

/* The name, then the password, whatever the challenges say. */
static bool write_login(
	struct message *message, size_t step, const struct sasl_credentials *credentials)
{
	add(message, step ? credentials->password : credentials->user);
	return step < 2;
}

/* "user=" NAME ^A "auth=Bearer " TOKEN ^A ^A. */
static bool write_xoauth2(
	struct message *message, size_t step, const struct sasl_credentials *credentials)
{
	add(message, bytes_of("user="));
	add(message, credentials->user);
	add(message, bytes_of("\001auth=Bearer "));
	add(message, credentials->token);
	add(message, bytes_of("\001\001"));
	return step == 0;
}

/* RFC 7628 3.1: no channel binding, an authorization identity, and the token. */
static bool write_oauthbearer(
	struct message *message, size_t step, const struct sasl_credentials *credentials)
{
	add(message, bytes_of("n,a="));
	add(message, credentials->user);
	add(message, bytes_of(",\001auth=Bearer "));
	add(message, credentials->token);
	add(message, bytes_of("\001\001"));
	return step == 0;
}

static const struct {
	const char *name;
	bool needs_token;
	bool (*write)(struct message *, size_t step, const struct sasl_credentials *);
} mechanisms[SASL_CLIENT_MECHANISMS] = {
	[SASL_CLIENT_PLAIN] = { "PLAIN", false, write_plain },
	[SASL_CLIENT_LOGIN] = { "LOGIN", false, write_login },
	[SASL_CLIENT_XOAUTH2] = { "XOAUTH2", true, write_xoauth2 },
	[SASL_CLIENT_OAUTHBEARER] = { "OAUTHBEARER", true, write_oauthbearer },
};

uint32_t sasl_client_offered(struct bytes words)
{
	uint32_t offered = 0;
	struct bytes word;

	while (bytes_split(&words, ' ', &word)) {
		for (size_t i = 0; i < SASL_CLIENT_MECHANISMS; i++) {
			if (bytes_equal_nocase(word, bytes_of(mechanisms[i].name)))
				offered |= 1u << i;
		}
	}
	return offered;
}

enum sasl_client_mechanism sasl_client_choose(
	uint32_t offered, const struct sasl_credentials *credentials)
{
	bool has_token = credentials->token.size > 0;

	for (size_t i = 0; i < SASL_CLIENT_MECHANISMS; i++) {
		if ((offered & 1u << i) && mechanisms[i].needs_token == has_token)
			return (enum sasl_client_mechanism)i;
	}
	return SASL_CLIENT_NONE;
}

const char *sasl_client_name(enum sasl_client_mechanism mechanism)
{
	assert(mechanism < SASL_CLIENT_MECHANISMS);
	return mechanisms[mechanism].name;
}

/* In RFC 7628's gs2-header a comma and "=" would end or change the name (RFC 5801 4); a NUL or ^A ends a part of the
 * other messages. */
static bool can_be_written(
	enum sasl_client_mechanism mechanism, const struct sasl_credentials *credentials)
{
	struct bytes secret =
		mechanisms[mechanism].needs_token ? credentials->token : credentials->password;
	static const char forbidden[] = { '\0', '\001' };

	for (size_t i = 0; i < sizeof forbidden; i++) {
		if (bytes_find(credentials->user, (uint8_t)forbidden[i]) < credentials->user.size ||
			bytes_find(secret, (uint8_t)forbidden[i]) < secret.size)
			return false;
	}
	return mechanism != SASL_CLIENT_OAUTHBEARER ||
	       (bytes_find(credentials->user, ',') == credentials->user.size &&
		       bytes_find(credentials->user, '=') == credentials->user.size);
}

static size_t size_of(const struct message *message)
{
	size_t size = 0;

	for (size_t i = 0; i < message->count; i++)
		size += message->parts[i].size;
	return size;
}

size_t sasl_client_respond(enum sasl_client_mechanism mechanism, size_t step,
	const struct sasl_credentials *credentials, uint8_t *space, size_t capacity)
{
	struct message message = { .count = 0 };
	size_t size, encoded, at;

	if (!can_be_written(mechanism, credentials) ||
		!mechanisms[mechanism].write(&message, step, credentials))
		return 0;
	size = size_of(&message);
	encoded = base64_encoded_size(size);
	if (encoded > capacity)
		return 0;
	at = encoded - size;
	for (size_t i = 0; i < message.count; i++) {
		if (message.parts[i].size)
			memcpy(space + at, message.parts[i].data, message.parts[i].size);
		at += message.parts[i].size;
	}
	base64_encode_in_place(space, size);
	return encoded;
}
