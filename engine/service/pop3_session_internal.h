/* pop3_session_internal.h -- one POP3 session, as pop3_service.c (the connection, messages), pop3_login.c (from a
 * password to a maildrop) and pop3_update.c (QUIT) share it. Everything is done on the session's loop.
 *
 * Invariants: `pending` counts what other threads owe an answer; while it is not 0 the session is not freed
 * and its loop is held. Once is_closing the core says nothing more and nothing new is begun. */
#ifndef LG_SERVICE_POP3_SESSION_INTERNAL_H
#define LG_SERVICE_POP3_SESSION_INTERNAL_H

#include "crypto/mailbox_keyring.h"
#include "net/conn.h"
#include "net/timer.h"
#include "proto/pop3_server.h"
#include "service/collection.h"
#include "service/login_guard.h"
#include "service/maildrops.h"
#include "service/service.h"
#include "store/store_ledger.h"

enum { POP3_NAME_SIZE = 320 + 1 };

struct pop3_session {
	struct service *service;
	struct loop *loop;
	struct conn *conn; /* NULL once it is gone */
	struct pop3_server *core;
	struct service_settings settings;
	struct socket_address peer;
	struct session_place *place;
	bool implicit_tls;
	bool is_closing;
	unsigned pending;

	/* login */
	struct id mailbox;
	char mailbox_text[MAILBOX_ID_TEXT_SIZE];
	char name
		[POP3_NAME_SIZE]; /* by which failures are counted; wiped when the login is answered */
	struct hash_request hash;
	struct loop_task hash_task;
	struct timer *delay; /* the answer to a login waits; `delayed` goes on */
	void (*delayed)(struct pop3_session *session);
	struct maildrop_claim claim;
	bool has_maildrop;
	struct mailbox_keyring *keyring;
	struct store_read list;
	struct loop_task list_task;
	struct pop3_message *messages;

	/* a message on its way out */
	struct collection *collection;
	bool has_begun; /* +OK went out for the message */
	bool is_lent;	/* the core has the current piece */
	struct store_quarantine
		quarantine; /* of the message last asked for, when it does not verify */
	struct loop_task quarantine_task;

	/* the update at the end */
	struct store_read head; /* of the ledger */
	struct store_signature signature;
	struct store_signing signing;
	struct store_removal removal;
	struct loop_task update_task; /* of whichever of the three is under way */
	struct store_message *removed;
};

/* ---- pop3_service.c ---- */

/* Between these two the answer is somebody else's, and the client's silence is no reason to end. */
void pop3_session_begin_waiting(struct pop3_session *session);
/* False: the connection has gone meanwhile, and so has the session. */
bool pop3_session_end_waiting(struct pop3_session *session);
/* Ends a session that somebody else takes the maildrop from: deletes nothing. */
void pop3_session_end(struct pop3_session *session, const char *text);

/* ---- pop3_login.c ---- */

void pop3_login_begin(struct pop3_session *session, const struct pop3_event *event);
/* Gives back the maildrop, if the session has it. */
void pop3_login_release(struct pop3_session *session);
/* No delayed answer comes after this. */
void pop3_login_cancel(struct pop3_session *session);
void pop3_login_clear(struct pop3_session *session); /* the session ends: wipes, gives back */

/* ---- pop3_update.c ---- */

/* QUIT after a login: answers the core when all of it is on the disk. */
void pop3_update_begin(struct pop3_session *session);

#endif
