/* smtp_recipient.c -- who is a recipient: a table of answers, and one function that picks the row. Passing and
 * doubtful troubles are 4xx; 5xx is for what will never work (docs/internals/receiving.md). */
#include "platform/clock.h"
#include "service/lock_problems.h"
#include "smtp_session_internal.h"

enum answer {
	ACCEPTED,
	NO_SUCH_MAILBOX,
	FOREIGN,
	DOUBTFUL,
	SUSPENDED,
	BROKEN,
	NOT_ALLOWED_YET,
	REFUSED,
	NO_ROOM,
	TOO_MANY,
	ALONE,
};

static const struct {
	int code;
	const char *text;
} answers[] = {
	[ACCEPTED] = { 250, "2.1.5 Recipient ok" },
	[NO_SUCH_MAILBOX] = { 550, "5.1.1 No such mailbox here" },
	[FOREIGN] = { 550, "5.7.1 No relaying" },
	[DOUBTFUL] = { 451, "4.3.0 The mailboxes are not all known now, try again later" },
	[SUSPENDED] = { 450, "4.2.1 The mailbox is suspended" },
	[BROKEN] = { 451, "4.3.0 The mailbox cannot take mail now" },
	[NOT_ALLOWED_YET] = { 451, "4.7.1 Your address is not allowed to deliver here yet" },
	[REFUSED] = { 550, "5.7.1 Your address is not allowed to deliver here" },
	[NO_ROOM] = { 452, "4.3.1 No room for the message now" },
	/* RFC 5321 4.5.3.1.10: the sender gives the rest of them in another transaction. */
	[TOO_MANY] = { 452, "4.5.3 Too many recipients" },
	[ALONE] = { 452, "4.5.3 This recipient needs a transaction of its own" },
};

/* An alias may have been made after the backup, so that a foreign address is in doubt, too. */
static enum answer judge_unknown(struct smtp_session *session, const struct address *recipient)
{
	struct id id;

	if (service_is_doubtful(session->service))
		return DOUBTFUL;
	if (directory_address_id(recipient, &id) || !recipient->domain.size ||
		service_has_domain(session->service, recipient->domain))
		return NO_SUCH_MAILBOX;
	return FOREIGN;
}

static enum answer judge_network(
	struct smtp_session *session, const struct id *mailbox, const struct mailbox_facts *facts)
{
	char name[STORE_NAME_SIZE];
	struct lock_attempt attempt = {
		.mailbox = *mailbox,
		.mailbox_name = name,
		.subject = LOCK_BY_NETWORK,
		.peer = session->peer.host,
	};

	switch (sender_lock_network(&facts->lock, bytes_of(session->peer.host))) {
	case LOCK_PASS:
		break;
	case LOCK_UNKNOWN:
		directory_name(session->service->directory, mailbox, name);
		lock_problem_raise(session->service->problems, clock_wall_us(), &attempt);
		return NOT_ALLOWED_YET;
	case LOCK_REFUSED:
		return REFUSED;
	}
	return ACCEPTED;
}

/* Content has one answer for all recipients. Where it may depend on the content whether a mailbox takes it, the
 * others' mail must not. */
static bool must_be_alone(struct smtp_session *session, const struct mailbox_facts *facts)
{
	struct mailbox_facts first;

	if (!session->targets.count)
		return false;
	directory_facts(session->service->directory, &session->targets.mailbox[0], &first);
	return sender_lock_has_tenant(&facts->lock) || sender_lock_has_tenant(&first.lock);
}

static bool add(struct smtp_session *session, const struct id *mailbox,
	const struct address *recipient, const struct mailbox_facts *facts)
{
	if (facts->envelope_headers)
		return delivery_targets_add_recipient(&session->targets, mailbox, recipient->whole);
	return delivery_targets_add(&session->targets, mailbox);
}

static enum answer judge_active(
	struct smtp_session *session, const struct id *mailbox, const struct address *recipient)
{
	struct mailbox_facts facts;
	enum answer answer;

	directory_facts(session->service->directory, mailbox, &facts);
	if (!delivery_targets_have(&session->targets, mailbox)) {
		answer = judge_network(session, mailbox, &facts);
		if (answer != ACCEPTED)
			return answer;
		if (must_be_alone(session, &facts))
			return ALONE;
		if (session->targets.count >= session->settings.max_recipients)
			return TOO_MANY;
	}
	if (!store_has_room(session->service->store, session->announced_size))
		return NO_ROOM;
	return add(session, mailbox, recipient, &facts) ? ACCEPTED : TOO_MANY;
}

static enum answer judge(struct smtp_session *session, const struct address *recipient)
{
	struct id mailbox;

	switch (directory_find_address(session->service->directory, recipient, &mailbox)) {
	case DIRECTORY_ACTIVE:
		return judge_active(session, &mailbox, recipient);
	case DIRECTORY_SUSPENDED:
		return SUSPENDED;
	case DIRECTORY_BROKEN:
		return BROKEN;
	case DIRECTORY_UNKNOWN:
		break;
	}
	return judge_unknown(session, recipient);
}

void smtp_recipient_decide(struct smtp_session *session, const struct address *recipient)
{
	enum answer answer = judge(session, recipient);

	if (answer == ACCEPTED && !session->has_recipient) {
		session->has_recipient = true;
		session_place_settle(session->place);
		smtp_session_limit_silence(session);
	}
	smtp_server_reply(session->core, answers[answer].code, answers[answer].text);
}
