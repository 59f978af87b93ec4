/* gateway_send.c -- a mail server: sessions of a few transactions each, with TLS from the start or by
 * STARTTLS. Whatever is not answered 2xx as expected ends the load, since this gateway has no reason to
 * refuse. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway_load_internal.h"
#include "platform/file_watch.h"
#include "proto/smtp_client.h"
#include "replay.h"
#include "tls_dial.h"

struct sender {
	struct gateway_stint *stint;
	SSL_CTX *tls;
	struct tls_dial dial;
	struct smtp_client *core;
	struct buf content;
	bool is_lent;
	struct error error;
};

/* ---- one command ---- */

static bool flush(struct sender *sender)
{
	uint8_t space[16384];
	size_t size;

	do {
		if (smtp_client_wants_content(sender->core)) {
			if (sender->is_lent)
				smtp_client_end_content(sender->core);
			else
				smtp_client_lend_content(sender->core, buf_view(&sender->content));
			sender->is_lent = true;
		}
		size = smtp_client_pull(sender->core, space, sizeof space);
		if (!tls_dial_write(&sender->dial, bytes_make(space, size), &sender->error))
			return false;
	} while (size || smtp_client_wants_content(sender->core));
	return true;
}

/* The reply's text is valid until the next call. */
static bool await(struct sender *sender, struct smtp_client_event *event)
{
	while (!smtp_client_next_event(sender->core, event) ||
		event->kind == SMTP_CLIENT_EVENT_LINE) {
		if (!tls_dial_fill(&sender->dial, &sender->error))
			return false;
		sender->dial.begin += smtp_client_feed(sender->core, tls_dial_view(&sender->dial));
	}
	if (event->kind != SMTP_CLIENT_EVENT_REPLY)
		return error_set(&sender->error, ERROR_IO, "the reply is not SMTP");
	if (event->code / 100 != (event->command == SMTP_CLIENT_DATA ? 3 : 2))
		return error_set(&sender->error, ERROR_IO, "command %d was answered %d %.*s",
			(int)event->command, event->code, BYTES_ARGS(event->text));
	return true;
}

static bool command(struct sender *sender, enum smtp_client_command word, const char *argument)
{
	struct smtp_client_event event;

	if (!smtp_client_send(sender->core, word, argument))
		return error_set(&sender->error, ERROR_STATE, "the client core refused a command");
	return flush(sender) && await(sender, &event);
}

/* ---- a transaction ---- */

static bool name_targets(struct sender *sender, unsigned targets)
{
	char argument[600];

	for (unsigned i = 0; i < GATEWAY_MAILBOXES; i++) {
		if (!(targets & 1u << i))
			continue;
		snprintf(argument, sizeof argument, "TO:<%s>",
			sender->stint->load->mailboxes[i].address);
		if (!command(sender, SMTP_CLIENT_RCPT, argument))
			return false;
	}
	return true;
}

/* The 250 ends in the id of the first message. */
static bool note_answer(struct sender *sender, uint64_t number, struct bytes text)
{
	const size_t length = ID_TEXT_SIZE - 1;
	char note[100];

	if (text.size < length)
		return error_set(&sender->error, ERROR_IO, "the 250 names no message");
	text = bytes_skip(text, text.size - length);
	snprintf(note, sizeof note, "client answered %llu %.*s", (unsigned long long)number,
		BYTES_ARGS(text));
	file_watch_promise(note);
	mutex_lock(sender->stint->mutex);
	sender->stint->load->told[number].is_answered = true;
	mutex_unlock(sender->stint->mutex);
	return true;
}

static bool transact(struct sender *sender, uint64_t number)
{
	const struct gateway_load *load = sender->stint->load;
	struct smtp_client_event event;
	bool ok = gateway_content(load->seed, number, &sender->content);

	sender->is_lent = false;
	if (!ok)
		error_set_memory(&sender->error);
	ok = ok && command(sender, SMTP_CLIENT_MAIL, "FROM:<sender@example.com>") &&
	     name_targets(sender, gateway_targets(load->seed, number)) &&
	     command(sender, SMTP_CLIENT_DATA, NULL) && flush(sender) && await(sender, &event) &&
	     note_answer(sender, number, event.text);
	buf_clear(&sender->content);
	return ok;
}

/* ---- sessions ---- */

static bool greet(struct sender *sender, bool implicit_tls)
{
	const struct gateway_ports *ports = &sender->stint->ports;
	struct smtp_client_event event;

	if (!tls_dial_open(
		    &sender->dial, implicit_tls ? ports->smtps : ports->smtp, &sender->error))
		return false;
	if (implicit_tls && !tls_dial_start_tls(&sender->dial, sender->tls, &sender->error))
		return false;
	if (!await(sender, &event) || !command(sender, SMTP_CLIENT_EHLO, "[127.0.0.1]"))
		return false;
	if (implicit_tls)
		return true;
	if (!command(sender, SMTP_CLIENT_STARTTLS, NULL) ||
		!tls_dial_start_tls(&sender->dial, sender->tls, &sender->error))
		return false;
	smtp_client_tls_started(sender->core);
	return command(sender, SMTP_CLIENT_EHLO, "[127.0.0.1]");
}

/* False when nothing is left to send. */
static bool session(struct sender *sender, uint64_t *random)
{
	size_t count = 1 + (size_t)(replay_random(random) % 12);
	uint64_t number = 1;
	bool ok;

	sender->core = smtp_client_new();
	sender->dial.socket = -1;
	sender->dial.tls = NULL;
	ok = sender->core ? greet(sender, replay_random(random) & 1)
			  : error_set_memory(&sender->error);
	for (size_t i = 0; ok && i < count; i++) {
		number = gateway_stint_next(sender->stint);
		if (!number)
			break;
		ok = transact(sender, number);
		if (!ok)
			error_prefix(
				&sender->error, "transaction %llu", (unsigned long long)number);
		/* A pause now and then leaves groups of one message. */
		usleep(replay_random(random) % 4 ? 0 : (useconds_t)(replay_random(random) % 20000));
	}
	ok = ok && command(sender, SMTP_CLIENT_QUIT, NULL);
	tls_dial_close(&sender->dial);
	smtp_client_free(&sender->core);
	if (!ok)
		gateway_stint_fail(sender->stint, &sender->error);
	return ok && number;
}

void gateway_send_run(struct gateway_stint *stint, uint64_t random)
{
	struct sender *sender = calloc(1, sizeof *sender);
	struct error error;

	if (!sender) {
		error_set_memory(&error);
		gateway_stint_fail(stint, &error);
		return;
	}
	sender->stint = stint;
	sender->tls = tls_dial_context(stint->authority, &error);
	if (!sender->tls)
		gateway_stint_fail(stint, &error);
	while (sender->tls && session(sender, &random))
		;
	SSL_CTX_free(sender->tls);
	free(sender);
}
