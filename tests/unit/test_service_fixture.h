/* test_service_fixture.h -- what the services of a gateway share, made over a real store in a folder of its own,
 * for the tests of the service and control floors. Everything here asserts that it works. */
#ifndef LG_TESTS_SERVICE_FIXTURE_H
#define LG_TESTS_SERVICE_FIXTURE_H

#include "net/loop.h"
#include "platform/paths.h"
#include "service/mailboxes.h"
#include "service/service.h"

struct service_fixture {
	char folder[PATH_SIZE];
	void *scratch;		/* removes it */
	struct service service; /* without TLS; the hashing is the process's */
	struct mailboxes mailboxes;
	struct loop *loop;
};

struct service_fixture *service_fixture_new(void);
void service_fixture_free(struct service_fixture **fixture);
/* Closes everything above the folder and opens it anew. */
void service_fixture_reopen(struct service_fixture *fixture);

/* A mailbox with real keys, whose password wrap is cheap to open: "a password of tests". */
struct service_mailbox {
	struct store_mailbox stored;
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys;
};
/* In memory alone. */
void service_mailbox_make(struct service_mailbox *mailbox, const char *name);
void service_mailbox_clear(struct service_mailbox *mailbox);
void service_fixture_add(struct service_fixture *fixture, const struct service_mailbox *mailbox);

/* The problem with that id is on the list; *found may be NULL. */
bool has_problem(struct problems *problems, const char *id, struct problem *found);

/* What other threads bring down and a test waits for, a minute at most. */
struct countdown {
	struct mutex *mutex;
	struct condition *changed;
	size_t left;
};
void countdown_init(struct countdown *countdown, size_t left);
void countdown_clear(struct countdown *countdown);
void countdown_step(struct countdown *countdown);
void countdown_wait(struct countdown *countdown);

#endif
