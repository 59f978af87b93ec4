/* test_ledger_fixture.h -- a mailbox over a service fixture, with its keys at hand: mail for it, its ledger signed, its
 * messages opened, and its database changed behind the store's back. Everything here asserts that it works. */
#ifndef LG_TESTS_LEDGER_FIXTURE_H
#define LG_TESTS_LEDGER_FIXTURE_H

#include "crypto/mailbox_keyring.h"
#include "service/ledger_anchor.h"
#include "store/store_ledger.h"
#include "test_service_fixture.h"

struct ledger_fixture {
	struct service_fixture *service;
	struct service_mailbox mailbox; /* "Journal" */
	struct mailbox_keyring *keyring;
	struct store *store; /* the service's */
	const struct id *id; /* the mailbox's */
};

/* For cmocka: *state becomes one. Collected mail is kept. */
int ledger_set_up(void **state);
int ledger_tear_down(void **state);

void ledger_deliver(struct ledger_fixture *fixture, struct bytes content);
/* Small ones. */
void ledger_deliver_many(struct ledger_fixture *fixture, size_t count);
/* As a QUIT does it, at that time. */
void ledger_sign(struct ledger_fixture *fixture, int64_t signed_us);
/* The anchor of the newest signature. */
struct ledger_anchor ledger_anchor_of(struct ledger_fixture *fixture);

/* Those that wait; freed by the caller. */
struct store_message *ledger_list(struct ledger_fixture *fixture, size_t *count);
/* Appends the newest of them, opened. */
void ledger_open_newest(struct ledger_fixture *fixture, struct buf *content);
/* Collects the first ones. */
void ledger_collect(struct ledger_fixture *fixture, size_t count);
void ledger_quarantine_first(struct ledger_fixture *fixture);

/* SQL, on a connection of its own; flip(BLOB) turns a bit over. The second one must change rows. */
void ledger_sql(struct ledger_fixture *fixture, const char *sql);
void ledger_tamper(struct ledger_fixture *fixture, const char *sql);

#endif
