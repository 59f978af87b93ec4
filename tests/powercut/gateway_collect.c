/* gateway_collect.c -- an archive: logs in, reads, compares each message with what was sent, deletes a part,
 * and now and then goes without QUIT, after which nothing may have been deleted (RFC 1939 6). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway_load_internal.h"
#include "platform/file_watch.h"
#include "proto/pop3_client.h"
#include "replay.h"
#include "tls_dial.h"

enum {
	MESSAGE_MAX = 1024 * 1024,
	READ_MAX = 25, /* messages of one session */
	PUT_OFF_PAUSE_US = 20000,
	PUT_OFF_MAX = 500,
};

struct collector {
	struct gateway_stint *stint;
	SSL_CTX *tls;
	struct tls_dial dial;
	struct pop3_client *core;
	unsigned mailbox;
	struct buf message;
	size_t waiting;
	uint64_t removed[READ_MAX]; /* numbers of transactions */
	size_t removed_count;
	size_t change;	 /* of the mailbox's keys: the last one that was known at the login */
	bool is_put_off; /* another session has the mailbox, or its keys are being changed */
	struct error error;
};

/* ---- one command ---- */

static bool next_event(struct collector *collector, struct pop3_client_event *event)
{
	while (!pop3_client_next_event(collector->core, event)) {
		if (!tls_dial_fill(&collector->dial, &collector->error))
			return false;
		collector->dial.begin +=
			pop3_client_feed(collector->core, tls_dial_view(&collector->dial));
	}
	return event->kind != POP3_CLIENT_EVENT_BROKEN ||
	       error_set(&collector->error, ERROR_IO, "the answer is not POP3");
}

static bool refused(struct collector *collector, const struct pop3_client_event *event)
{
	collector->is_put_off = bytes_starts_with_nocase(event->text, "[IN-USE]") ||
				((bytes_starts_with_nocase(event->text, "[AUTH]") ||
					 bytes_starts_with_nocase(event->text,
						 "[SYS/TEMP] The mailbox has new keys")) &&
					gateway_stint_has_changed(collector->stint,
						collector->mailbox, collector->change));
	return error_set(&collector->error, ERROR_IO, "command %d was answered -ERR %.*s",
		(int)event->command, BYTES_ARGS(event->text));
}

static bool await(struct collector *collector, bool is_multi_line)
{
	struct pop3_client_event event;

	do {
		if (!next_event(collector, &event))
			return false;
		if (event.kind == POP3_CLIENT_EVENT_STATUS && !event.ok)
			return refused(collector, &event);
		if (event.kind == POP3_CLIENT_EVENT_LINE)
			collector->waiting++;
		if (event.kind == POP3_CLIENT_EVENT_BODY &&
			!buf_append(&collector->message, event.text))
			return error_set(&collector->error, ERROR_IO, "a message has no end");
	} while (event.kind != (is_multi_line ? POP3_CLIENT_EVENT_END : POP3_CLIENT_EVENT_STATUS));
	return true;
}

static bool command(struct collector *collector, enum pop3_client_command word,
	const char *argument, bool is_multi_line)
{
	uint8_t space[2048];
	size_t size;

	if (!pop3_client_send(collector->core, word, bytes_of(argument)))
		return error_set(
			&collector->error, ERROR_STATE, "the client core refused a command");
	while ((size = pop3_client_pull(collector->core, space, sizeof space)) > 0) {
		if (!tls_dial_write(&collector->dial, bytes_make(space, size), &collector->error))
			return false;
	}
	return await(collector, is_multi_line);
}

/* ---- a session ---- */

static bool log_in(struct collector *collector, bool implicit_tls)
{
	const struct gateway_ports *ports = &collector->stint->ports;
	const struct gateway_mailbox *mailbox =
		&collector->stint->load->mailboxes[collector->mailbox];
	SSL_CTX *tls = collector->tls;
	struct gateway_keys keys;

	if (!tls_dial_open(
		    &collector->dial, implicit_tls ? ports->pop3s : ports->pop3, &collector->error))
		return false;
	if (implicit_tls && !tls_dial_start_tls(&collector->dial, tls, &collector->error))
		return false;
	if (!await(collector, false))
		return false;
	if (!implicit_tls) {
		if (!command(collector, POP3_CLIENT_STLS, NULL, false) ||
			!tls_dial_start_tls(&collector->dial, tls, &collector->error))
			return false;
		pop3_client_tls_started(collector->core);
	}
	pop3_client_set_dots_behind_lf(collector->core, true);
	if (!command(collector, POP3_CLIENT_USER, mailbox->id_text, false))
		return false;
	gateway_stint_keys(collector->stint, collector->mailbox, &keys, &collector->change);
	return command(collector, POP3_CLIENT_PASS, keys.password, false) &&
	       command(collector, POP3_CLIENT_LIST, NULL, true);
}

/* Reads every message up to the limit, deletes two of three. */
static bool collect(struct collector *collector, uint64_t *random)
{
	uint64_t number;
	char argument[24];

	for (size_t i = 0; i < collector->waiting && i < READ_MAX; i++) {
		snprintf(argument, sizeof argument, "%zu", i + 1);
		collector->message.size = 0;
		if (!command(collector, POP3_CLIENT_RETR, argument, true) ||
			!gateway_content_compare(collector->stint->load,
				buf_view(&collector->message), &number, &collector->error))
			return false;
		if (replay_random(random) % 3 == 0)
			continue;
		if (!command(collector, POP3_CLIENT_DELE, argument, false))
			return false;
		collector->removed[collector->removed_count++] = number;
	}
	return true;
}

static void note(const struct collector *collector, const char *word)
{
	char text[100];

	for (size_t i = 0; i < collector->removed_count; i++) {
		snprintf(text, sizeof text, "client %s %llu %u", word,
			(unsigned long long)collector->removed[i], collector->mailbox);
		file_watch_promise(text);
	}
}

/* What the others know of it. */
static void tell(struct collector *collector, bool is_answered)
{
	struct gateway_load *load = collector->stint->load;
	const unsigned bit = 1u << collector->mailbox;

	mutex_lock(collector->stint->mutex);
	for (size_t i = 0; i < collector->removed_count; i++) {
		struct gateway_told *told = &load->told[collector->removed[i]];

		told->collecting |= bit;
		told->collected |= is_answered ? bit : 0;
	}
	load->counts.collected += is_answered ? collector->removed_count : 0;
	mutex_unlock(collector->stint->mutex);
}

static bool quit(struct collector *collector)
{
	tell(collector, false);
	note(collector, "collecting");
	if (!command(collector, POP3_CLIENT_QUIT, NULL, false))
		return false;
	note(collector, "collected");
	tell(collector, true);
	return true;
}

static bool session(struct collector *collector, void *memory, uint64_t *random)
{
	bool ok;

	collector->core = pop3_client_init(memory);
	collector->dial.socket = -1;
	collector->dial.tls = NULL;
	collector->waiting = collector->removed_count = 0;
	collector->is_put_off = false;
	ok = log_in(collector, replay_random(random) & 1) && collect(collector, random) &&
	     (replay_random(random) % 6 == 0 || quit(collector));
	tls_dial_close(&collector->dial);
	pop3_client_clear(collector->core);
	return ok;
}

/* A session that went without QUIT may still hold the mailbox for a moment, and a change of its password or keys may
 * cross the login. */
static bool session_in_time(struct collector *collector, void *memory, uint64_t *random)
{
	for (unsigned i = 0; i < PUT_OFF_MAX; i++) {
		if (session(collector, memory, random))
			return true;
		if (!collector->is_put_off)
			return false;
		usleep(PUT_OFF_PAUSE_US);
	}
	return false;
}

/* False with the collector's error. */
static bool collect_in_turn(
	struct collector *collector, uint64_t random, unsigned which, unsigned step)
{
	void *memory = malloc(pop3_client_size());
	bool ok = memory || error_set_memory(&collector->error);

	collector->tls =
		ok ? tls_dial_context(collector->stint->authority, &collector->error) : NULL;
	ok = collector->tls != NULL;
	for (unsigned i = which; ok && !gateway_stint_is_over(collector->stint); i += step) {
		collector->mailbox = i % GATEWAY_MAILBOXES;
		ok = session_in_time(collector, memory, &random);
	}
	SSL_CTX_free(collector->tls);
	free(memory);
	return ok;
}

void gateway_collect_run(
	struct gateway_stint *stint, uint64_t random, unsigned which, unsigned step)
{
	struct collector *collector = calloc(1, sizeof *collector);
	struct error error;

	if (!collector) {
		error_set_memory(&error);
		gateway_stint_fail(stint, &error);
		return;
	}
	collector->stint = stint;
	buf_init(&collector->message, MESSAGE_MAX);
	if (!collect_in_turn(collector, random, which, step))
		gateway_stint_fail(stint, &collector->error);
	buf_clear(&collector->message);
	free(collector);
}
