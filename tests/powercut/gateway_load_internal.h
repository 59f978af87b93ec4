/* gateway_load_internal.h -- what the threads of the load share. */
#ifndef LG_TESTS_GATEWAY_LOAD_INTERNAL_H
#define LG_TESTS_GATEWAY_LOAD_INTERNAL_H

#include "gateway_load.h"
#include "platform/thread.h"

/* Where a service listens, by STARTTLS and by TLS from the start. */
struct gateway_ports {
	uint16_t smtp, smtps, pop3, pop3s;
};

/* One time that the gateway is up. */
struct gateway_stint {
	struct gateway_load *load;
	struct gateway_ports ports;
	char authority[PATH_SIZE]; /* that vouches for the gateway */
	struct mutex *mutex;
	/* under the mutex */
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

/* Thread functions' bodies: `random` is the thread's own. */
void gateway_send_run(struct gateway_stint *stint, uint64_t random);
/* Takes the mailboxes whose number is `which` modulo `step`, so that no two want the same. */
void gateway_collect_run(
	struct gateway_stint *stint, uint64_t random, unsigned which, unsigned step);

#endif
