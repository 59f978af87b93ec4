/* load_smtp.c -- sends messages to one recipient over several connections with implicit TLS, one command at a time
 * as most mail servers do, and prints what a sender sees: rate and the time from the last octet to 250.
 *
 *	load_smtp PORT AUTHORITY RECIPIENT CONNECTIONS MESSAGES SIZE
 *
 * Message N of connection C begins with the line "X-Bench: C-N"; bench_receive knows the rest and compares what
 * comes back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "proto/smtp_client.h"
#include "tls_dial.h"

enum { CONNECTIONS_MAX = 256, LINE_SIZE = 78 };

struct plan {
	uint16_t port;
	const char *authority;
	const char *recipient;
	unsigned connections;
	unsigned messages; /* of each connection */
	size_t size;
};

struct sender {
	const struct plan *plan;
	unsigned number;
	struct thread *thread;
	struct tls_dial dial;
	struct smtp_client *core;
	struct buf content;
	bool is_lent;
	int64_t *waits_us; /* of each message */
	struct error error;
	bool ok;
};

static bool flush(struct sender *sender)
{
	static _Thread_local uint8_t space[65536];
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

static bool await(struct sender *sender)
{
	struct smtp_client_event event;

	while (!smtp_client_next_event(sender->core, &event)) {
		if (!tls_dial_fill(&sender->dial, &sender->error))
			return false;
		sender->dial.begin += smtp_client_feed(sender->core, tls_dial_view(&sender->dial));
	}
	if (event.kind != SMTP_CLIENT_EVENT_REPLY || event.code >= 400)
		return error_set(&sender->error, ERROR_IO, "the answer was %d %.*s", event.code,
			BYTES_ARGS(event.text));
	return true;
}

static bool command(struct sender *sender, enum smtp_client_command word, const char *argument)
{
	return (smtp_client_send(sender->core, word, argument) ||
		       error_set(
			       &sender->error, ERROR_STATE, "the client core refused a command")) &&
	       flush(sender) && await(sender);
}

static bool make_content(struct sender *sender, unsigned number)
{
	char line[LINE_SIZE + 3];

	memset(line, 'x', LINE_SIZE);
	memcpy(line + LINE_SIZE, "\r\n", 3);
	buf_clear(&sender->content);
	if (!buf_printf(&sender->content, "X-Bench: %u-%u\r\n\r\n", sender->number, number))
		return false;
	while (sender->content.size < sender->plan->size) {
		if (!buf_append_text(&sender->content, line))
			return false;
	}
	return true;
}

static bool send_one(struct sender *sender, unsigned number)
{
	char argument[600];
	int64_t sent_us;

	snprintf(argument, sizeof argument, "TO:<%s>", sender->plan->recipient);
	sender->is_lent = false;
	if (!make_content(sender, number))
		return error_set_memory(&sender->error);
	if (!command(sender, SMTP_CLIENT_MAIL, "FROM:<sender@example.com>") ||
		!command(sender, SMTP_CLIENT_RCPT, argument) ||
		!command(sender, SMTP_CLIENT_DATA, NULL) || !flush(sender))
		return false;
	sent_us = clock_monotonic_us();
	if (!await(sender))
		return false;
	sender->waits_us[number] = clock_monotonic_us() - sent_us;
	return true;
}

static void run(void *context)
{
	struct sender *sender = context;
	const struct plan *plan = sender->plan;
	SSL_CTX *tls = tls_dial_context(plan->authority, &sender->error);

	sender->core = smtp_client_new();
	sender->waits_us = calloc(plan->messages, sizeof *sender->waits_us);
	buf_init(&sender->content, 2 * plan->size + 1024);
	sender->ok = tls && sender->core && sender->waits_us &&
		     tls_dial_open(&sender->dial, plan->port, &sender->error) &&
		     tls_dial_start_tls(&sender->dial, tls, &sender->error) && await(sender) &&
		     command(sender, SMTP_CLIENT_EHLO, "[127.0.0.1]");
	for (unsigned i = 0; sender->ok && i < plan->messages; i++)
		sender->ok = send_one(sender, i);
	sender->ok = sender->ok && command(sender, SMTP_CLIENT_QUIT, NULL);
	tls_dial_close(&sender->dial);
	buf_clear(&sender->content);
	smtp_client_free(&sender->core);
	SSL_CTX_free(tls);
}

static int by_size(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

static bool report(struct sender *senders, const struct plan *plan, int64_t took_us)
{
	size_t count = (size_t)plan->connections * plan->messages;
	int64_t *waits = calloc(count, sizeof *waits);
	size_t filled = 0;

	if (!waits)
		return false;
	for (unsigned i = 0; i < plan->connections; i++) {
		memcpy(waits + filled, senders[i].waits_us, plan->messages * sizeof *waits);
		filled += plan->messages;
	}
	qsort(waits, count, sizeof *waits, by_size);
	printf("{\"messages\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"median_ms\":%.2f,\"p99_ms\":%."
	       "2f}\n",
		count, (double)took_us / 1e6, (double)count * 1e6 / (double)took_us,
		(double)waits[count / 2] / 1e3, (double)waits[count * 99 / 100] / 1e3);
	free(waits);
	return true;
}

static bool parse(char **values, struct plan *plan)
{
	uint64_t port, connections, messages, size;

	if (!bytes_parse_number(bytes_of(values[1]), 65535, &port) ||
		!bytes_parse_number(bytes_of(values[4]), CONNECTIONS_MAX, &connections) ||
		!bytes_parse_number(bytes_of(values[5]), 1000000, &messages) ||
		!bytes_parse_number(bytes_of(values[6]), 64 * 1024 * 1024, &size) || !connections ||
		!messages)
		return false;
	*plan = (struct plan){ (uint16_t)port, values[2], values[3], (unsigned)connections,
		(unsigned)messages, (size_t)size };
	return true;
}

int main(int count, char **values)
{
	static struct sender senders[CONNECTIONS_MAX];
	struct error error;
	struct plan plan;
	int64_t began_us;
	bool ok = true;

	if (count != 7 || !parse(values, &plan)) {
		fprintf(stderr, "usage: %s PORT AUTHORITY RECIPIENT CONNECTIONS MESSAGES SIZE\n",
			values[0]);
		return 2;
	}
	process_harden(false, &error);
	began_us = clock_monotonic_us();
	for (unsigned i = 0; i < plan.connections; i++) {
		senders[i] = (struct sender){ .plan = &plan, .number = i, .dial.socket = -1 };
		senders[i].thread = thread_start("sender", run, &senders[i], &error);
		ok = ok && senders[i].thread;
	}
	for (unsigned i = 0; i < plan.connections; i++) {
		thread_join(&senders[i].thread);
		if (ok && !senders[i].ok)
			fprintf(stderr, "%s: connection %u: %s\n", values[0], i,
				senders[i].error.text);
		ok = ok && senders[i].ok;
	}
	ok = ok && report(senders, &plan, clock_monotonic_us() - began_us);
	for (unsigned i = 0; i < plan.connections; i++)
		free(senders[i].waits_us);
	return ok ? 0 : 1;
}
