/* test_store_ask.h -- everything that the store can be asked of mailbox 1, one call each, for tests in which it must
 * fail. What reads gives nothing out when it fails. */
#ifndef LG_TESTS_STORE_ASK_H
#define LG_TESTS_STORE_ASK_H

#include "test_store_fixture.h"

enum {
	ASK_SMALL = 500,
	ASK_LARGE = 200000
}; /* sizes of delivery 1, the first message, and of another */

typedef bool store_operation(struct fixture *fixture, struct error *error);

bool ask_list(struct fixture *fixture, struct error *error);
bool ask_read(struct fixture *fixture, struct error *error);
bool do_deliver(struct fixture *fixture, struct error *error);
bool do_remove(struct fixture *fixture, struct error *error);
bool do_keep(struct fixture *fixture, struct error *error);
bool do_create(struct fixture *fixture, struct error *error);
bool do_suspend(struct fixture *fixture, struct error *error);
bool do_delete(struct fixture *fixture, struct error *error);
bool ask_mailbox(struct fixture *fixture, struct error *error);
bool ask_mailboxes(struct fixture *fixture, struct error *error);
bool do_set(struct fixture *fixture, struct error *error);
bool ask_settings(struct fixture *fixture, struct error *error);
bool do_edit_name(struct fixture *fixture, struct error *error);
bool do_edit_facts(struct fixture *fixture, struct error *error);
bool do_edit_aliases(struct fixture *fixture, struct error *error);
bool ask_facts(struct fixture *fixture, struct error *error);
bool do_rekey(struct fixture *fixture, struct error *error);
bool ask_old_keys(struct fixture *fixture, struct error *error);
bool ask_head(struct fixture *fixture, struct error *error);
bool ask_ledger(struct fixture *fixture, struct error *error);
bool ask_signatures(struct fixture *fixture, struct error *error);
bool do_sign(struct fixture *fixture, struct error *error);
bool do_quarantine(struct fixture *fixture, struct error *error);
bool do_restore(struct fixture *fixture, struct error *error);
bool ask_copies(struct fixture *fixture, struct error *error);

#endif
