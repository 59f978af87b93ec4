/* smtp_message.c -- a message from DATA to the store's answer: sealed while it comes, refused at its end. What cannot
 * be taken is given up at once and swallowed, so that its space is free while the rest comes. 250 only from
 * delivery's `done`. */
#include <stdio.h>

#include "base/log.h"
#include "platform/clock.h"
#include "service/lock_problems.h"
#include "smtp_session_internal.h"

static const char no_room[] = "4.3.1 No room for the message now";
static const char not_now[] = "4.3.0 The message cannot be stored now, try again later";

/* ---- what is on its way ---- */

static void release_in_flight(struct smtp_session *session)
{
	atomic_fetch_sub(&session->service->bytes_in_flight, session->in_flight);
	session->in_flight = 0;
}

/* A message that is alone may have any size, or it could never be taken. */
static bool may_fly(struct smtp_session *session, uint64_t more)
{
	uint64_t all = atomic_load(&session->service->bytes_in_flight);

	return all == session->in_flight || all + more <= session->settings.max_bytes_in_flight;
}

static void give_up(struct smtp_session *session)
{
	delivery_discard(&session->delivery);
	release_in_flight(session);
}

/* The first reason stands. */
static void fail(struct smtp_session *session, int code, const char *text)
{
	session->refusal_code = code;
	snprintf(session->refusal_text, sizeof session->refusal_text, "%s", text);
	give_up(session);
}

void smtp_message_reset(struct smtp_session *session)
{
	give_up(session);
	delivery_targets_clear(&session->targets);
	session->has_content = false;
	session->refusal_code = 0;
	session->sender[0] = '\0';
}

/* ---- why not ---- */

/* Nothing that can be helped by trying again may be a 5xx. */
static int code_of(const struct error *why)
{
	return why->kind == ERROR_FULL ? 452 : 451;
}

static const char *text_of(const struct error *why)
{
	return why->kind == ERROR_FULL ? no_room : not_now;
}

static void log_failure(const struct smtp_session *session, const struct error *why)
{
	log_event(
		LOG_ERROR, "smtp.not-stored", "peer=%s why=\"%s\"", session->peer.host, why->text);
}

static void fail_by(struct smtp_session *session, const struct error *why)
{
	log_failure(session, why);
	fail(session, code_of(why), text_of(why));
}

/* ---- the tenant ---- */

static bool wants_tenant(struct smtp_session *session)
{
	struct mailbox_facts facts;

	for (size_t i = 0; i < session->targets.count; i++) {
		directory_facts(session->service->directory, &session->targets.mailbox[i], &facts);
		if (sender_lock_has_tenant(&facts.lock) || !facts.tenant_seen[0])
			return true;
	}
	return false;
}

static void raise_unknown(struct smtp_session *session, const struct id *mailbox)
{
	char name[STORE_NAME_SIZE];
	struct lock_attempt attempt = {
		.mailbox = *mailbox,
		.mailbox_name = name,
		.subject = session->tenant[0] ? LOCK_BY_TENANT : LOCK_BY_NO_TENANT,
		.peer = session->peer.host,
		.tenant = session->tenant,
	};

	directory_name(session->service->directory, mailbox, name);
	lock_problem_raise(session->service->problems, clock_wall_us(), &attempt);
}

static enum lock_verdict verdict_of(
	const struct smtp_session *session, const struct sender_lock *lock)
{
	return session->tenant[0] ? sender_lock_tenant(lock, session->tenant)
				  : sender_lock_no_tenant(lock, bytes_of(session->peer.host));
}

static void judge_tenant_for(struct smtp_session *session, const struct id *mailbox)
{
	struct mailbox_facts facts;

	directory_facts(session->service->directory, mailbox, &facts);
	switch (verdict_of(session, &facts.lock)) {
	case LOCK_PASS:
		break;
	case LOCK_UNKNOWN:
		raise_unknown(session, mailbox);
		fail(session, 451, "4.7.1 Your tenant is not allowed to deliver here yet");
		break;
	case LOCK_REFUSED:
		/* A lock that came after RCPT may stand beside others, whose mail must not bounce. */
		if (session->targets.count > 1)
			fail(session, 451, "4.7.1 One of the mailboxes does not take this message");
		else
			fail(session, 550, "5.7.1 Your tenant is not allowed to deliver here");
		break;
	}
}

/* The header has ended, or the field was found. A value that is no domain names nobody. */
static void judge_tenant(struct smtp_session *session)
{
	const char *value = header_find_value(&session->tenant_field);

	session->wants_tenant = false;
	if (value)
		tenant_parse(bytes_of(value), session->tenant, NULL);
	for (size_t i = 0; i < session->targets.count && !session->refusal_code; i++)
		judge_tenant_for(session, &session->targets.mailbox[i]);
}

/* Only mail that was stored counts. */
static void note_tenant(struct smtp_session *session)
{
	struct service *service = session->service;

	for (size_t i = 0; session->tenant[0] && i < session->targets.count; i++) {
		const struct id *mailbox = &session->targets.mailbox[i];

		if (directory_note_tenant(service->directory, mailbox, session->tenant) &&
			service->tenant_notes)
			tenant_notes_add(service->tenant_notes, mailbox, session->tenant);
	}
}

/* ---- from beginning to end ---- */

/* RFC 3848, RFC 6531 4.3. There is no mail without TLS. */
static const char *protocol_of(const struct smtp_session *session)
{
	if (session->is_utf8)
		return "UTF8SMTPS";
	return session->was_extended ? "ESMTPS" : "SMTP";
}

static bool begin_delivery(struct smtp_session *session, struct error *error)
{
	struct trace trace = {
		.return_path = bytes_of(session->sender),
		.hello = bytes_of(session->hello),
		.peer_address = bytes_of(session->peer.host),
		.gateway = bytes_of(session->settings.hostname),
		.protocol = protocol_of(session),
		.tls = bytes_of(conn_tls_description(session->conn)),
		.time_s = clock_wall_us() / 1000000,
		.has_envelope = true,
	};

	session->delivery =
		delivery_begin(session->service, session->loop, &session->targets, &trace, error);
	return session->delivery != NULL;
}

static bool is_room(struct smtp_session *session, struct error *error)
{
	if (!may_fly(session, session->announced_size))
		return error_set(error, ERROR_FULL, "limits.bytes-in-flight is reached");
	return store_has_room(session->service->store, session->announced_size) ||
	       error_set(error, ERROR_FULL, "the disk is full but for its reserve");
}

void smtp_message_begin(struct smtp_session *session)
{
	struct error error;

	if (!is_room(session, &error) || !begin_delivery(session, &error)) {
		log_failure(session, &error);
		smtp_server_reply(session->core, code_of(&error), text_of(&error));
		smtp_message_reset(session);
		return;
	}
	session->has_content = true;
	session->tenant[0] = '\0';
	session->wants_tenant = wants_tenant(session);
	header_find_init(&session->tenant_field, "X-OriginatorOrg");
	smtp_server_accept(session->core);
}

static void count(struct smtp_session *session, size_t octets)
{
	atomic_fetch_add(&session->service->bytes_in_flight, octets);
	session->in_flight += octets;
	/* Who grows beyond the limit gives up what it has, so the others go on. */
	if (!may_fly(session, 0))
		fail(session, 452, no_room);
}

void smtp_message_take(struct smtp_session *session, struct bytes content)
{
	struct error error;

	if (session->refusal_code || !session->delivery)
		return;
	if (session->wants_tenant) {
		header_find_feed(&session->tenant_field, content);
		if (header_find_is_done(&session->tenant_field))
			judge_tenant(session);
	}
	if (!session->refusal_code)
		count(session, content.size);
	if (!session->refusal_code && !delivery_write(session->delivery, content, &error))
		fail_by(session, &error);
}

/* On the loop: the store has answered. The delivery frees itself after this. */
static void on_stored(void *context, const struct error *why)
{
	struct smtp_session *session = context;
	char reply[64];

	session->is_storing = false;
	snprintf(reply, sizeof reply, "2.0.0 Kept as %s", delivery_id(session->delivery));
	if (!why) {
		log_event(LOG_INFO, "smtp.stored", "peer=%s id=%s", session->peer.host,
			delivery_id(session->delivery));
		note_tenant(session);
	}
	session->delivery = NULL;
	release_in_flight(session);
	if (!session->conn) {
		smtp_session_free_when_done(session);
		return;
	}
	if (why) {
		log_failure(session, why);
		smtp_server_reply(session->core, code_of(why), text_of(why));
	} else {
		smtp_server_reply(session->core, 250, reply);
	}
	smtp_message_reset(session);
	smtp_session_limit_silence(session);
	conn_kick(session->conn);
}

void smtp_message_end(struct smtp_session *session)
{
	struct error error;

	session->has_content = false;
	if (!session->refusal_code && session->wants_tenant)
		judge_tenant(session);
	if (!session->refusal_code &&
		!delivery_finish(session->delivery, on_stored, session, &error))
		fail_by(session, &error);
	if (session->refusal_code) {
		smtp_server_reply(session->core, session->refusal_code, session->refusal_text);
		smtp_message_reset(session);
		return;
	}
	session->is_storing = true;
	/* The store takes as long as it takes: that is not the client's silence. */
	conn_set_idle_limit(session->conn, 0);
}
