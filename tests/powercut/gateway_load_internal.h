/* gateway_load_internal.h -- what the threads of the load share. */
#ifndef LG_TESTS_GATEWAY_LOAD_INTERNAL_H
#define LG_TESTS_GATEWAY_LOAD_INTERNAL_H

#include <jansson.h>

#include "gateway/gateway.h"
#include "gateway_load.h"
#include "platform/thread.h"

/* Where a service listens, by STARTTLS and by TLS from the start. */
struct gateway_ports {
	uint16_t smtp, smtps, pop3, pop3s;
};

/* One time that the gateway is up. */
struct gateway_stint {
	struct gateway_load *load;
	struct gateway *gateway;
	size_t number;
	struct gateway_ports ports;
	char authority[PATH_SIZE]; /* that vouches for the gateway */
	struct mutex *mutex;
	/* under the mutex, and so is what the load counts and was told, and the mailboxes' keys */
	uint64_t next; /* transaction; 0 is none */
	uint64_t end;
	size_t senders; /* still at work */
	bool has_failed;
	struct error error;
};

/* The number of the next transaction; 0 when there is none, or something failed. */
uint64_t gateway_stint_next(struct gateway_stint *stint);
bool gateway_stint_is_over(struct gateway_stint *stint); /* nothing comes in any more */
void gateway_stint_fail(struct gateway_stint *stint, const struct error *error);
/* Waits until no change of the mailbox's keys is under way; *change is the last one. */
void gateway_stint_keys(
	struct gateway_stint *stint, unsigned mailbox, struct gateway_keys *keys, size_t *change);
/* Another one was asked for since. */
bool gateway_stint_has_changed(struct gateway_stint *stint, unsigned mailbox, size_t change);

/* The result of a method, whose parameters are taken (NULL: none); NULL with the error filled: ERROR_STATE and
 * ERROR_DENIED are the gateway's, everything else is ERROR_IO. */
json_t *gateway_load_call(
	struct gateway *gateway, const char *method, json_t *params, struct error *error);

/* Thread functions' bodies: `random` is the thread's own. */
void gateway_send_run(struct gateway_stint *stint, uint64_t random);
/* Takes the mailboxes whose number is `which` modulo `step`, so that no two want the same. */
void gateway_collect_run(
	struct gateway_stint *stint, uint64_t random, unsigned which, unsigned step);
/* Passwords, recovery codes, keys. */
void gateway_change_run(struct gateway_stint *stint, uint64_t random);
/* Exports of mailboxes and backups of everything. */
void gateway_copy_run(struct gateway_stint *stint, uint64_t random);

#endif
