/* fault_client.h -- a mail server and an archive, one transaction each, that judge how they are turned away.
 *
 * A fault may refuse a client for now or cost it its connection. It may not leave it waiting, be answered for
 * good (5yz; an -ERR that is not said to be temporary), or without a word. */
#ifndef LG_TESTS_FAULT_CLIENT_H
#define LG_TESTS_FAULT_CLIENT_H

#include "base/buf.h"
#include "tls_dial.h"

enum client_end {
	CLIENT_DONE,
	CLIENT_REFUSED, /* for now */
	CLIENT_LOST,	/* the connection */
	CLIENT_WRONG,	/* what no fault excuses */
};

struct client {
	const char *authority; /* a file */
	uint16_t port;
	bool implicit_tls;
	bool in_chunks; /* BDAT (RFC 3030) instead of DATA */
	char text[512]; /* what the end was, for a person */
	/* inside */
	SSL_CTX *tls;
	struct tls_dial dial;
	char line[1100];
	size_t line_size;
};

/* `recipients`: addresses, NULL behind the last. DONE: the content was answered 250. */
enum client_end client_send(
	struct client *client, const char *const *recipients, struct bytes content);

struct client_collection {
	const char *user, *password;
	bool deletes;
	/* False: it is not what it should be; says so in *error. */
	bool (*message)(void *context, struct bytes message, struct error *error);
	void (*deleting)(void *context); /* QUIT is next: the answer may get lost */
	void *context;
};

/* DONE: all that waits was read, and deleted if wanted, and QUIT was answered. */
enum client_end client_collect(struct client *client, const struct client_collection *collection);

/* Whether a text tells a person anything. */
bool client_text_is_clear(struct bytes text);

#endif
