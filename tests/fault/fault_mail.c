/* fault_mail.c -- mail servers and archives that try again, and the account of what they were promised. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_client.h"
#include "fault_session_internal.h"

static bool judge(struct session *session, enum client_end how, unsigned tries, const char *text)
{
	if (how == CLIENT_WRONG)
		return session_fail(session, "%s: %.600s", session->record->doing, text);
	return how == CLIENT_DONE || session_may_try_again(session, tries, text);
}

static enum client_end send_once(
	struct session *session, const struct letter_kind *kind, char text[512])
{
	struct client client = {
		.authority = session->authority,
		.port = kind->implicit_tls ? session->smtps : session->smtp,
		.implicit_tls = kind->implicit_tls,
		.in_chunks = kind->in_chunks,
	};
	const char *recipients[SESSION_MAILBOXES + 1] = { NULL };
	struct letter *letter = letters_new(&session->letters, kind->size, kind->targets);
	size_t count = 0;
	enum client_end how;
	struct error error;
	struct buf content;

	for (size_t i = 0; i < SESSION_MAILBOXES; i++) {
		if (kind->targets & 1u << i)
			recipients[count++] = session->mailboxes[i].address;
	}
	if (!letter || !letters_content(&session->letters, letter, &content, &error))
		abort();
	how = client_send(&client, recipients, buf_view(&content));
	letter->is_answered = how == CLIENT_DONE;
	buf_clear(&content);
	memcpy(text, client.text, sizeof client.text);
	return how;
}

bool session_send(struct session *session, const char *what, const struct letter_kind *kind)
{
	enum client_end how = CLIENT_LOST;
	char text[512];

	session_doing(session, what);
	for (unsigned i = 0; how != CLIENT_DONE && !session_has_failed(session); i++) {
		fault_spare_begin();
		how = send_once(session, kind, text);
		fault_spare_end();
		judge(session, how, i, text);
	}
	return how == CLIENT_DONE;
}

struct collecting {
	struct session *session;
	unsigned mailbox;
};

/* The gateway's own mail is kept as the archive's anchor. */
static bool keep_report(struct session *session, struct bytes message)
{
	static const char mark[] = "\r\nSubject: Ledger report";

	return memmem(message.data, message.size, mark, strlen(mark)) &&
	       bytes_copy_text(message, session->report, sizeof session->report);
}

static bool on_message(void *context, struct bytes message, struct error *error)
{
	struct collecting *collecting = context;

	return keep_report(collecting->session, message) ||
	       letters_found(&collecting->session->letters, collecting->mailbox, message, error);
}

static void on_deleting(void *context)
{
	struct collecting *collecting = context;

	letters_ask(&collecting->session->letters, collecting->mailbox);
}

static enum client_end collect_once(
	struct session *session, unsigned mailbox, bool deletes, bool implicit_tls, char text[512])
{
	struct collecting collecting = { session, mailbox };
	struct client client = {
		.authority = session->authority,
		.port = implicit_tls ? session->pop3s : session->pop3,
		.implicit_tls = implicit_tls,
	};
	const struct client_collection collection = {
		.user = session->mailboxes[mailbox].id,
		.password = session->mailboxes[mailbox].password,
		.deletes = deletes,
		.message = on_message,
		.deleting = on_deleting,
		.context = &collecting,
	};
	enum client_end how;
	struct error error;

	letters_expect(&session->letters, mailbox);
	how = client_collect(&client, &collection);
	memcpy(text, client.text, sizeof client.text);
	if (how != CLIENT_DONE)
		return how;
	if (!letters_complete(&session->letters, mailbox, &error)) {
		snprintf(text, 512, "%.400s", error.text);
		return CLIENT_WRONG;
	}
	if (deletes)
		letters_delete(&session->letters, mailbox);
	return how;
}

bool session_collect(struct session *session, const char *what, unsigned mailbox, bool deletes,
	bool implicit_tls)
{
	enum client_end how = CLIENT_LOST;
	char text[512];

	session_doing(session, what);
	for (unsigned i = 0; how != CLIENT_DONE && !session_has_failed(session); i++) {
		fault_spare_begin();
		how = collect_once(session, mailbox, deletes, implicit_tls, text);
		fault_spare_end();
		judge(session, how, i, text);
	}
	return how == CLIENT_DONE;
}
