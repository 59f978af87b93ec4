/* pop3_update.c -- QUIT after a login (RFC 1939 6): the marked messages are deleted, and the head of the mailbox's
 * ledger is signed while the identity key is in memory. The signature is stored in the transaction that deletes,
 * or alone when nothing was marked.
 *
 * The session waits once, from the first step to the last: the deletion was asked for, so it is done also when the
 * connection goes meanwhile. What stands in the way of the signature never stands in the way of the
 * deletion, and only a head that is there is signed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/mailbox_head.h"
#include "platform/clock.h"
#include "platform/file_watch.h"
#include "pop3_session_internal.h"
#include "service/ledger_problems.h"

static const char not_deleted[] = "[SYS/TEMP] The messages could not be deleted";

/* For the power-cut test: an intent before the store is asked, a promise before the reply leaves. */
static void promise_removal(const struct pop3_session *session, const char *word)
{
	char promise[64], id[ID_TEXT_SIZE];

	for (size_t i = 0; file_watch_get() && i < session->removal.message_count; i++) {
		id_text(&session->removed[i].id, id);
		snprintf(promise, sizeof promise, "%s %s", word, id);
		file_watch_promise(promise);
	}
}

static void finish(struct pop3_session *session, bool is_deleted)
{
	if (!pop3_session_end_waiting(session))
		return;
	if (is_deleted)
		pop3_server_accept(session->core);
	else
		pop3_server_refuse(session->core, not_deleted);
	conn_kick(session->conn);
}

/* ---- deleting, and keeping the signature ---- */

/* On the loop. */
static void take_removal(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, update_task);
	struct store_removal *removal = &session->removal;

	if (removal->ok) {
		log_event(LOG_INFO, "pop3.collected", "peer=%s mailbox=%s messages=%zu",
			session->peer.host, session->mailbox_text, removal->message_count);
		notices_note(session->service->notices, NOTICE_MAILBOXES);
		promise_removal(session, "deleted");
	} else {
		log_event(LOG_ERROR, "pop3.not-deleted", "mailbox=%s why=\"%s\"",
			session->mailbox_text, removal->error.text);
	}
	finish(session, removal->ok);
}

static void on_removed(struct store_removal *removal)
{
	struct pop3_session *session = removal->context;

	loop_post(session->loop, &session->update_task);
}

/* On the loop. */
static void take_signing(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, update_task);

	if (!session->signing.ok)
		log_event(LOG_ERROR, "pop3.not-signed", "mailbox=%s why=\"%s\"",
			session->mailbox_text, session->signing.error.text);
	finish(session, true);
}

static void on_signed(struct store_signing *signing)
{
	struct pop3_session *session = signing->context;

	loop_post(session->loop, &session->update_task);
}

static void keep_signature(struct pop3_session *session)
{
	session->signing = (struct store_signing){
		.mailbox = session->mailbox,
		.signature = session->signature,
		.done = on_signed,
		.context = session,
	};
	session->update_task.run = take_signing;
	store_signing_submit(session->service->store, &session->signing);
}

/* ---- signing ---- */

/* The store gives the origin as the link of a last row that was taken away: to sign it would vouch for a row that
 * nobody has. */
static bool has_last_row(const struct pop3_session *session)
{
	const struct store_ledger_head *head = &session->head.ledger;
	uint8_t origin[STORE_LINK_SIZE];

	store_ledger_origin(&session->mailbox, origin);
	return memcmp(head->link, origin, sizeof origin) != 0;
}

static void raise_missing(const struct pop3_session *session, int64_t now_us)
{
	char name[STORE_NAME_SIZE];

	directory_name(session->service->directory, &session->mailbox, name);
	ledger_problem_raise(session->service->problems, now_us, LEDGER_DIFFERS, &session->mailbox,
		name, "its last row is missing");
}

/* False: there is nothing new, or nothing that could be signed. */
static bool sign(struct pop3_session *session)
{
	const struct store_ledger_head *head = &session->head.ledger;
	struct mailbox_head signed_head = {
		.mailbox = session->mailbox,
		.number = head->number,
		.time_us = clock_wall_us(),
		.generation = session->hash.public_keys.generation,
	};

	if (!session->head.ok) {
		log_event(LOG_ERROR, "pop3.not-signed", "mailbox=%s why=\"%s\"",
			session->mailbox_text, session->head.error.text);
		return false;
	}
	if (head->number < head->first || head->number <= head->signed_number)
		return false;
	if (!has_last_row(session)) {
		raise_missing(session, signed_head.time_us);
		return false;
	}
	memcpy(signed_head.link, head->link, sizeof signed_head.link);
	session->signature = (struct store_signature){
		.number = head->number,
		.generation = signed_head.generation,
		.signed_us = signed_head.time_us,
	};
	memcpy(session->signature.head, head->link, sizeof session->signature.head);
	mailbox_head_sign(session->keyring, &signed_head, session->signature.signature);
	return true;
}

/* On the loop. */
static void take_head(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, update_task);
	bool is_signed = sign(session);

	if (session->removal.message_count) {
		session->removal.signature = is_signed ? &session->signature : NULL;
		session->update_task.run = take_removal;
		store_removal_submit(session->service->store, &session->removal);
	} else if (is_signed) {
		keep_signature(session);
	} else {
		finish(session, true);
	}
}

static void on_head(struct store_read *read)
{
	struct pop3_session *session = read->context;

	loop_post(session->loop, &session->update_task);
}

/* ---- the beginning ---- */

static bool list_removed(struct pop3_session *session, size_t *count)
{
	*count = 0;
	session->removed = malloc((session->list.message_count + 1) * sizeof *session->removed);
	if (!session->removed)
		return false;
	for (size_t i = 0; i < session->list.message_count; i++) {
		if (session->messages[i].is_deleted)
			session->removed[(*count)++] = session->list.messages[i];
	}
	return true;
}

void pop3_update_begin(struct pop3_session *session)
{
	size_t count;

	if (!list_removed(session, &count)) {
		pop3_server_refuse(session->core, not_deleted);
		return;
	}
	session->removal = (struct store_removal){
		.mailbox = session->mailbox,
		.messages = session->removed,
		.message_count = count,
		.collected_us = clock_wall_us(),
		.done = on_removed,
		.context = session,
	};
	session->head = (struct store_read){
		.what = STORE_READ_LEDGER_HEAD,
		.mailbox = session->mailbox,
		.done = on_head,
		.context = session,
	};
	session->update_task.run = take_head;
	pop3_session_begin_waiting(session);
	promise_removal(session, "deleting");
	store_read_submit(session->service->store, &session->head);
}
