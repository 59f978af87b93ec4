/* load_smtp.c -- sends messages to one recipient over several connections with TLS, prints what a sender sees
 * (rate, and the time from the last octet to the 250), and writes down the digest of each message that was
 * acknowledged, for load_pop3 to hold against what comes back.
 *
 *	load_smtp [--starttls] [--pipelining] [--bdat] [--prefix NAME]
 *		PORT AUTHORITY RECIPIENT MANIFEST SET CONNECTIONS MESSAGES
 *
 * MESSAGES is the number of each connection; SET is bench_message.h's. The clock runs from the moment at which
 * all connections stand and all messages are made, to the last 250. Without --pipelining each command waits
 * for its answer, as most mail servers do; with it a transaction's commands go out at once (RFC 2920), with
 * --bdat the content too (RFC 3030 4.2).
 *
 * The dialogue is written here in plain calls and not with the engine's client core: what is measured is the
 * gateway, and the load shares the machine with it. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_figures.h"
#include "bench_message.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "tls_dial.h"

enum {
	CONNECTIONS_MAX = 256,
	MESSAGES_MAX = 1000000,
	OUT_SIZE = 65536,
	REPLY_MAX = 1000,
};

struct plan {
	uint16_t port;
	const char *authority;
	const char *recipient;
	const char *manifest;
	const char *set;
	const char *prefix;
	unsigned connections;
	unsigned messages; /* of each connection */
	bool starttls, pipelining, bdat;
	pthread_barrier_t *begin;
};

struct sender {
	const struct plan *plan;
	unsigned number;
	struct thread *thread;
	struct tls_dial dial;
	struct bench_message message;
	uint8_t out[OUT_SIZE];
	size_t out_size;
	char line[REPLY_MAX];
	uint8_t (*digests)[BENCH_MESSAGE_DIGEST_SIZE];
	int64_t *waits_us; /* of each message */
	unsigned acknowledged;
	int64_t ended_us;
	struct error error;
	bool ok;
};

/* ---- bytes out, replies in ---- */

static bool flush(struct sender *sender)
{
	struct bytes all = bytes_make(sender->out, sender->out_size);

	sender->out_size = 0;
	return tls_dial_write(&sender->dial, all, &sender->error);
}

static bool put(struct sender *sender, struct bytes bytes)
{
	size_t room;

	while (bytes.size) {
		room = sizeof sender->out - sender->out_size;
		if (room > bytes.size)
			room = bytes.size;
		memcpy(sender->out + sender->out_size, bytes.data, room);
		sender->out_size += room;
		bytes = bytes_skip(bytes, room);
		if (sender->out_size == sizeof sender->out && !flush(sender))
			return false;
	}
	return true;
}

static bool read_line(struct sender *sender, size_t *size)
{
	struct tls_dial *dial = &sender->dial;
	struct bytes view;
	size_t end;

	*size = 0;
	do {
		if (!tls_dial_fill(dial, &sender->error))
			return false;
		view = tls_dial_view(dial);
		end = bytes_find(view, '\n');
		end += end < view.size;
		if (*size + end >= sizeof sender->line)
			return error_set(&sender->error, ERROR_IO, "a reply line has no end");
		memcpy(sender->line + *size, view.data, end);
		*size += end;
		dial->begin += end;
	} while (sender->line[*size - 1] != '\n');
	sender->line[*size] = 0;
	return true;
}

/* One reply, whose code must be `code`. */
static bool expect(struct sender *sender, const char *code)
{
	size_t size;

	do {
		if (!read_line(sender, &size))
			return false;
		if (size < 6 || strncmp(sender->line, code, 3) != 0)
			return error_set(&sender->error, ERROR_IO, "not %s but: %.*s", code,
				(int)size, sender->line);
	} while (sender->line[3] == '-');
	return true;
}

static bool command(struct sender *sender, const char *line, const char *code)
{
	return put(sender, bytes_of(line)) && flush(sender) && expect(sender, code);
}

/* ---- a transaction ---- */

/* When the sender does not pipeline, a command goes out and is answered before the next one. */
static bool step(struct sender *sender, const char *line, const char *code)
{
	return sender->plan->pipelining ? put(sender, bytes_of(line)) : command(sender, line, code);
}

static bool put_content(struct sender *sender, bool is_dot_stuffed)
{
	struct bytes piece;
	size_t position = 0;

	while (bench_message_piece(&sender->message, is_dot_stuffed, &position, &piece)) {
		if (!put(sender, piece))
			return false;
	}
	return true;
}

static bool send_content(struct sender *sender)
{
	const struct plan *plan = sender->plan;
	char line[64];

	if (plan->bdat) {
		snprintf(line, sizeof line, "BDAT %zu LAST\r\n", sender->message.size);
		return put(sender, bytes_of(line)) && put_content(sender, false) && flush(sender) &&
		       (!plan->pipelining || (expect(sender, "250") && expect(sender, "250")));
	}
	if (!step(sender, "DATA\r\n", "354"))
		return false;
	if (plan->pipelining && (!flush(sender) || !expect(sender, "250") ||
					!expect(sender, "250") || !expect(sender, "354")))
		return false;
	return put_content(sender, true) && put(sender, bytes_of(".\r\n")) && flush(sender);
}

static bool transact(struct sender *sender, unsigned number)
{
	const struct plan *plan = sender->plan;
	char from[100], to[600];
	int64_t sent_us;

	bench_message_make(&sender->message, plan->set, plan->prefix, sender->number, number);
	snprintf(from, sizeof from, "MAIL FROM:<sender@example.com> SIZE=%zu\r\n",
		sender->message.size);
	snprintf(to, sizeof to, "RCPT TO:<%s>\r\n", plan->recipient);
	if (!step(sender, from, "250") || !step(sender, to, "250") || !send_content(sender))
		return false;
	sent_us = clock_monotonic_us();
	if (!expect(sender, "250"))
		return false;
	sender->waits_us[number] = clock_monotonic_us() - sent_us;
	sender->acknowledged++;
	return true;
}

/* ---- a connection ---- */

static bool greet(struct sender *sender, SSL_CTX *tls)
{
	const struct plan *plan = sender->plan;

	if (!tls_dial_open(&sender->dial, plan->port, &sender->error) ||
		(!plan->starttls && !tls_dial_start_tls(&sender->dial, tls, &sender->error)) ||
		!expect(sender, "220") || !command(sender, "EHLO [127.0.0.1]\r\n", "250"))
		return false;
	return !plan->starttls || (command(sender, "STARTTLS\r\n", "220") &&
					  tls_dial_start_tls(&sender->dial, tls, &sender->error) &&
					  command(sender, "EHLO [127.0.0.1]\r\n", "250"));
}

static bool prepare(struct sender *sender, SSL_CTX *tls)
{
	const struct plan *plan = sender->plan;

	if (!tls)
		return false;
	sender->waits_us = calloc(plan->messages, sizeof *sender->waits_us);
	sender->digests = calloc(plan->messages, sizeof *sender->digests);
	if (!sender->waits_us || !sender->digests)
		return error_set_memory(&sender->error);
	for (unsigned i = 0; i < plan->messages; i++) {
		bench_message_make(&sender->message, plan->set, plan->prefix, sender->number, i);
		bench_message_digest(&sender->message, sender->digests[i]);
	}
	return greet(sender, tls);
}

static void run(void *context)
{
	struct sender *sender = context;
	SSL_CTX *tls = tls_dial_context(sender->plan->authority, &sender->error);

	sender->ok = prepare(sender, tls);
	pthread_barrier_wait(sender->plan->begin);
	for (unsigned i = 0; sender->ok && i < sender->plan->messages; i++)
		sender->ok = transact(sender, i);
	sender->ended_us = clock_monotonic_us();
	sender->ok = sender->ok && command(sender, "QUIT\r\n", "221");
	tls_dial_close(&sender->dial);
	SSL_CTX_free(tls);
}

/* ---- what is told ---- */

static bool write_manifest(const struct sender *senders, const struct plan *plan)
{
	FILE *file = fopen(plan->manifest, "w");
	char digest[2 * BENCH_MESSAGE_DIGEST_SIZE + 1];
	struct bench_message message;
	bool ok = file != NULL;

	for (unsigned i = 0; ok && i < plan->connections; i++) {
		for (unsigned n = 0; n < senders[i].acknowledged; n++) {
			bench_message_make(&message, plan->set, plan->prefix, i, n);
			hex_encode(bytes_make(senders[i].digests[n], sizeof senders[i].digests[n]),
				digest);
			fprintf(file, "%s %zu %s\n", message.name, message.size, digest);
		}
	}
	if (file) {
		ok = !ferror(file);
		ok = fclose(file) == 0 && ok;
	}
	if (!ok)
		perror(plan->manifest);
	return ok;
}

static uint64_t octets_of(const struct plan *plan)
{
	struct bench_message message;
	uint64_t octets = 0;

	for (unsigned i = 0; i < plan->connections; i++) {
		for (unsigned n = 0; n < plan->messages; n++) {
			bench_message_make(&message, plan->set, plan->prefix, i, n);
			octets += message.size;
		}
	}
	return octets;
}

static bool report(
	const struct sender *senders, const struct plan *plan, int64_t began_us, double cpu_s)
{
	size_t count = (size_t)plan->connections * plan->messages;
	int64_t *waits = calloc(count, sizeof *waits);
	int64_t ended_us = began_us + 1;
	double seconds;

	if (!waits)
		return false;
	for (unsigned i = 0; i < plan->connections; i++) {
		memcpy(waits + (size_t)i * plan->messages, senders[i].waits_us,
			plan->messages * sizeof *waits);
		if (senders[i].ended_us > ended_us)
			ended_us = senders[i].ended_us;
	}
	bench_figures_sort(waits, count);
	seconds = (double)(ended_us - began_us) / 1e6;
	printf("{\"messages\":%zu,\"octets\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.2f,"
	       "\"median_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_s\":%.3f}\n",
		count, octets_of(plan), seconds, (double)count / seconds,
		bench_figures_percentile_ms(waits, count, 50),
		bench_figures_percentile_ms(waits, count, 99), cpu_s);
	free(waits);
	return true;
}

static bool parse(int count, char **values, struct plan *plan)
{
	static const struct option options[] = {
		{ "starttls", no_argument, NULL, 's' },
		{ "pipelining", no_argument, NULL, 'p' },
		{ "bdat", no_argument, NULL, 'b' },
		{ "prefix", required_argument, NULL, 'x' },
		{ 0 },
	};
	uint64_t port, connections, messages;
	int option;

	*plan = (struct plan){ .prefix = "load" };
	while ((option = getopt_long(count, values, "", options, NULL)) != -1) {
		plan->starttls = plan->starttls || option == 's';
		plan->pipelining = plan->pipelining || option == 'p';
		plan->bdat = plan->bdat || option == 'b';
		if (option == 'x')
			plan->prefix = optarg;
		if (option == '?')
			return false;
	}
	values += optind;
	if (count - optind != 7 || !bytes_parse_number(bytes_of(values[0]), 65535, &port) ||
		!bench_message_set_is_known(values[4]) ||
		!bytes_parse_number(bytes_of(values[5]), CONNECTIONS_MAX, &connections) ||
		!bytes_parse_number(bytes_of(values[6]), MESSAGES_MAX, &messages) || !connections ||
		!messages)
		return false;
	plan->port = (uint16_t)port;
	plan->authority = values[1];
	plan->recipient = values[2];
	plan->manifest = values[3];
	plan->set = values[4];
	plan->connections = (unsigned)connections;
	plan->messages = (unsigned)messages;
	return true;
}

static bool send_all(struct sender *senders, struct plan *plan)
{
	pthread_barrier_t begin;
	int64_t began_us;
	double cpu_s;
	bool ok = true;

	pthread_barrier_init(&begin, NULL, plan->connections + 1);
	plan->begin = &begin;
	for (unsigned i = 0; i < plan->connections; i++) {
		senders[i].plan = plan;
		senders[i].number = i;
		senders[i].dial.socket = -1;
		senders[i].thread = thread_start("sender", run, &senders[i], &senders[i].error);
		if (!senders[i].thread) {
			/* The others wait for it at the barrier. */
			fprintf(stderr, "load_smtp: %s\n", senders[i].error.text);
			exit(1);
		}
	}
	pthread_barrier_wait(&begin);
	began_us = clock_monotonic_us();
	cpu_s = bench_figures_cpu_s();
	for (unsigned i = 0; i < plan->connections; i++) {
		thread_join(&senders[i].thread);
		if (ok && !senders[i].ok)
			fprintf(stderr, "load_smtp: connection %u: %s\n", i, senders[i].error.text);
		ok = ok && senders[i].ok;
	}
	pthread_barrier_destroy(&begin);
	cpu_s = bench_figures_cpu_s() - cpu_s;
	/* Also when something failed: what was acknowledged must come back. */
	return write_manifest(senders, plan) && ok && report(senders, plan, began_us, cpu_s);
}

int main(int count, char **values)
{
	struct sender *senders;
	struct error error;
	struct plan plan;
	bool ok;

	if (!parse(count, values, &plan)) {
		fprintf(stderr,
			"usage: %s [--starttls] [--pipelining] [--bdat] [--prefix NAME] PORT "
			"AUTHORITY RECIPIENT MANIFEST SET CONNECTIONS MESSAGES\n",
			values[0]);
		return 2;
	}
	process_harden(false, &error);
	bench_message_make_pool();
	senders = calloc(plan.connections, sizeof *senders);
	ok = senders && send_all(senders, &plan);
	for (unsigned i = 0; senders && i < plan.connections; i++) {
		free(senders[i].waits_us);
		free(senders[i].digests);
	}
	free(senders);
	return ok ? 0 : 1;
}
