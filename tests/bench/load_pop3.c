/* load_pop3.c -- collects a mailbox by POP3 over TLS as fast as it is handed out, holds each message against
 * the manifests, and prints how long the login took and how fast the rest was.
 *
 *	load_pop3 [--delete] [--login-only] PORT AUTHORITY USER MANIFEST... <PASSWORD
 *
 * Commands are pipelined: up to WINDOW messages are asked for ahead, each RETR followed by its DELE with
 * --delete. The login figures run from USER to the end of UIDL; the rate runs from the first RETR to the last
 * octet, with --delete to the answer to QUIT, which follows the sync.
 *
 * What is digested lies below the trace fields, which are checked to be just those. Decrypting and digesting are
 * in the measured time; cpu_s tells what this process spent. */
#include <getopt.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bench_figures.h"
#include "bench_manifest.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "tls_dial.h"

enum {
	WINDOW = 64,
	ANSWER_MAX = 600,
	TRACE_MAX = 16384,
};

/* Where the next octet of a multi-line answer stands. */
enum place { AT_LINE_START, BEHIND_DOT, BEHIND_DOT_CR, IN_LINE };

struct collector {
	uint16_t port;
	const char *authority;
	const char *user;
	char password[ANSWER_MAX];
	bool deletes, login_only;
	struct bench_manifest manifest;

	struct tls_dial dial;
	char line[ANSWER_MAX];
	uint64_t waiting, waiting_octets;

	/* the message that is being read */
	EVP_MD_CTX *digest;
	uint8_t trace[TRACE_MAX]; /* its beginning, until the content's first line is whole */
	size_t trace_size;
	bool is_below_trace;
	char name[BENCH_MESSAGE_NAME_SIZE];
	uint64_t size; /* below the trace */

	uint64_t octets; /* of all messages, trace included */
	double login_ms, listing_ms;
	int64_t took_us;
	struct error error;
};

/* ---- lines ---- */

static bool send_text(struct collector *collector, const char *text)
{
	return tls_dial_write(&collector->dial, bytes_of(text), &collector->error);
}

/* Without its CRLF. */
static bool read_line(struct collector *collector)
{
	struct tls_dial *dial = &collector->dial;
	size_t size = 0;
	char octet;

	do {
		if (!tls_dial_fill(dial, &collector->error))
			return false;
		octet = (char)dial->data[dial->begin++];
		if (size + 1 >= sizeof collector->line)
			return error_set(&collector->error, ERROR_IO, "an answer has no end");
		collector->line[size++] = octet;
	} while (octet != '\n');
	if (size < 2 || collector->line[size - 2] != '\r')
		return error_set(&collector->error, ERROR_IO, "an answer ends in a bare LF");
	collector->line[size - 2] = 0;
	return true;
}

static bool expect_ok(struct collector *collector)
{
	return read_line(collector) &&
	       (strncmp(collector->line, "+OK", 3) == 0 ||
		       error_set(&collector->error, ERROR_IO, "refused: %s", collector->line));
}

static bool command(struct collector *collector, const char *verb, const char *argument)
{
	char text[2 * ANSWER_MAX];

	snprintf(text, sizeof text, *argument ? "%s %s\r\n" : "%s%s\r\n", verb, argument);
	return send_text(collector, text) && expect_ok(collector);
}

/* ---- the login ---- */

static bool read_listing(struct collector *collector)
{
	uint64_t count = 0;

	while (read_line(collector)) {
		if (strcmp(collector->line, ".") == 0)
			return count == collector->waiting ||
			       error_set(&collector->error, ERROR_CORRUPT,
				       "STAT counts %" PRIu64 " messages, UIDL %" PRIu64,
				       collector->waiting, count);
		count++;
	}
	return false;
}

static bool log_in(struct collector *collector)
{
	int64_t began_us = clock_monotonic_us(), passed_us;

	if (!command(collector, "USER", collector->user) ||
		!command(collector, "PASS", collector->password))
		return false;
	passed_us = clock_monotonic_us();
	if (!command(collector, "STAT", "") ||
		sscanf(collector->line, "+OK %" SCNu64 " %" SCNu64, &collector->waiting,
			&collector->waiting_octets) != 2 ||
		!command(collector, "UIDL", "") || !read_listing(collector))
		return false;
	collector->login_ms = (double)(passed_us - began_us) / 1e3;
	collector->listing_ms = (double)(clock_monotonic_us() - passed_us) / 1e3;
	return true;
}

/* ---- a message ---- */

enum trace_result { TRACE_GOES_ON, TRACE_IS_BAD, TRACE_ENDS };

/* Where the content begins, if its first line is whole. */
static enum trace_result find_content(struct bytes text, size_t *begin)
{
	static const char *const fields[] = {
		"Return-Path:", "Received:", "X-Envelope-From:", "X-Envelope-To:", " ", "\t"
	};
	const size_t field_count = sizeof fields / sizeof fields[0];

	*begin = 0;
	for (;;) {
		struct bytes rest = bytes_skip(text, *begin);
		size_t end = bytes_find(rest, '\n');
		size_t i = 0;

		if (end == rest.size)
			return TRACE_GOES_ON;
		if (bytes_starts_with_nocase(rest, BENCH_MESSAGE_FIELD))
			return TRACE_ENDS;
		while (i < field_count && !bytes_starts_with_nocase(rest, fields[i]))
			i++;
		if (i == field_count)
			return TRACE_IS_BAD;
		*begin += end + 1;
	}
}

static void digest_content(struct collector *collector, struct bytes bytes)
{
	EVP_DigestUpdate(collector->digest, bytes.data, bytes.size);
	collector->size += bytes.size;
}

static bool take(struct collector *collector, struct bytes bytes)
{
	struct bytes trace, name;
	size_t begin;

	collector->octets += bytes.size;
	if (collector->is_below_trace) {
		digest_content(collector, bytes);
		return true;
	}
	if (bytes.size > sizeof collector->trace - collector->trace_size)
		trace = bytes_head(bytes, sizeof collector->trace - collector->trace_size);
	else
		trace = bytes;
	memcpy(collector->trace + collector->trace_size, trace.data, trace.size);
	collector->trace_size += trace.size;
	bytes = bytes_skip(bytes, trace.size);

	trace = bytes_make(collector->trace, collector->trace_size);
	switch (find_content(trace, &begin)) {
	case TRACE_GOES_ON:
		return collector->trace_size < sizeof collector->trace ||
		       error_set(&collector->error, ERROR_CORRUPT, "the trace fields have no end");
	case TRACE_IS_BAD:
		return error_set(&collector->error, ERROR_CORRUPT,
			"above the content stand not only trace fields");
	case TRACE_ENDS:
		break;
	}
	trace = bytes_skip(trace, begin);
	name = bytes_skip(trace, strlen(BENCH_MESSAGE_FIELD));
	bytes_copy_text(
		bytes_head(name, bytes_find(name, ' ')), collector->name, sizeof collector->name);
	collector->is_below_trace = true;
	digest_content(collector, trace);
	digest_content(collector, bytes);
	return true;
}

/* Passes octets of a multi-line answer on without the dots that were doubled. Sets *used; *is_end behind the
 * line that ends it (RFC 1939 3). */
static bool unstuff(
	struct collector *collector, enum place *place, struct bytes in, size_t *used, bool *is_end)
{
	size_t at = 0;

	*is_end = false;
	while (at < in.size && !*is_end) {
		const uint8_t *line = in.data + at;
		const uint8_t *dot;
		size_t run;

		switch (*place) {
		case AT_LINE_START:
			*place = *line == '.' ? BEHIND_DOT : IN_LINE;
			at += *line == '.';
			break;
		case BEHIND_DOT:
			if (*line != '.' && *line != '\r')
				return error_set(&collector->error, ERROR_CORRUPT,
					"a line begins with a dot that was not doubled");
			*place = *line == '.' ? IN_LINE : BEHIND_DOT_CR;
			at += *line == '\r';
			break;
		case BEHIND_DOT_CR:
			*is_end = *line == '\n';
			if (!*is_end)
				return error_set(&collector->error, ERROR_CORRUPT,
					"a line begins with a dot that was not doubled");
			at++;
			break;
		case IN_LINE:
			/* As far as no line begins with a dot. */
			dot = line;
			while ((dot = memchr(dot, '.', in.size - (size_t)(dot - in.data))) &&
				(dot == line || dot[-1] != '\n'))
				dot++;
			run = dot ? (size_t)(dot - line) : in.size - at;
			if (!take(collector, bytes_make(line, run)))
				return false;
			at += run;
			*place = line[run - 1] == '\n' ? AT_LINE_START : IN_LINE;
			break;
		}
	}
	*used = at;
	return true;
}

static bool read_message(struct collector *collector)
{
	struct tls_dial *dial = &collector->dial;
	uint8_t digest[EVP_MAX_MD_SIZE];
	enum place place = AT_LINE_START;
	bool is_end = false;
	size_t used = 0;

	collector->trace_size = collector->size = 0;
	collector->is_below_trace = false;
	collector->name[0] = 0;
	EVP_DigestInit_ex(collector->digest, EVP_sha256(), NULL);
	if (!expect_ok(collector))
		return false;
	while (!is_end) {
		if (!tls_dial_fill(dial, &collector->error) ||
			!unstuff(collector, &place, tls_dial_view(dial), &used, &is_end))
			return false;
		dial->begin += used;
	}
	EVP_DigestFinal_ex(collector->digest, digest, NULL);
	return bench_manifest_tick(
		&collector->manifest, collector->name, collector->size, digest, &collector->error);
}

/* ---- the whole mailbox ---- */

static bool ask(struct collector *collector, uint64_t first, uint64_t last)
{
	char text[WINDOW * 64];
	size_t size = 0;

	for (uint64_t number = first; number <= last; number++) {
		size += (size_t)snprintf(
			text + size, sizeof text - size, "RETR %" PRIu64 "\r\n", number);
		if (collector->deletes)
			size += (size_t)snprintf(
				text + size, sizeof text - size, "DELE %" PRIu64 "\r\n", number);
	}
	return tls_dial_write(&collector->dial, bytes_make(text, size), &collector->error);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool collect(struct collector *collector)
{
	const int64_t began_us = clock_monotonic_us();
	uint64_t asked = 0;

	for (uint64_t number = 1; number <= collector->waiting; number++) {
		/* Half a window at a time: one write asks for many. */
		if (asked < number + WINDOW / 2 && asked < collector->waiting) {
			uint64_t last = smaller(asked + WINDOW / 2, collector->waiting);

			if (!ask(collector, asked + 1, last))
				return false;
			asked = last;
		}
		if (!read_message(collector) || (collector->deletes && !expect_ok(collector))) {
			error_prefix(&collector->error, "message %" PRIu64, number);
			return false;
		}
	}
	collector->took_us = clock_monotonic_us() - began_us;
	if (!command(collector, "QUIT", ""))
		return false;
	if (collector->deletes)
		collector->took_us = clock_monotonic_us() - began_us;
	return (collector->octets == collector->waiting_octets ||
		       error_set(&collector->error, ERROR_CORRUPT,
			       "STAT says %" PRIu64 " octets, RETR gave %" PRIu64,
			       collector->waiting_octets, collector->octets)) &&
	       bench_manifest_is_complete(&collector->manifest, &collector->error);
}

static bool run(struct collector *collector)
{
	SSL_CTX *tls = tls_dial_context(collector->authority, &collector->error);
	bool ok = tls && tls_dial_open(&collector->dial, collector->port, &collector->error) &&
		  tls_dial_start_tls(&collector->dial, tls, &collector->error) &&
		  expect_ok(collector) && log_in(collector);

	collector->digest = EVP_MD_CTX_new();
	if (ok)
		ok = collector->login_only ? command(collector, "QUIT", "") : collect(collector);
	EVP_MD_CTX_free(collector->digest);
	tls_dial_close(&collector->dial);
	SSL_CTX_free(tls);
	return ok;
}

static void report(const struct collector *collector)
{
	double seconds = (double)(collector->took_us ? collector->took_us : 1) / 1e6;

	printf("{\"messages\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"login_ms\":%.2f,"
	       "\"listing_ms\":%.2f",
		collector->waiting, collector->waiting_octets, collector->login_ms,
		collector->listing_ms);
	if (!collector->login_only)
		printf(",\"seconds\":%.4f,\"rate\":%.2f,\"mib_per_s\":%.2f", seconds,
			(double)collector->waiting / seconds,
			(double)collector->octets / seconds / (1024 * 1024));
	printf(",\"cpu_s\":%.3f}\n", bench_figures_cpu_s());
}

static bool parse(int count, char **values, struct collector *collector)
{
	static const struct option options[] = {
		{ "delete", no_argument, NULL, 'd' },
		{ "login-only", no_argument, NULL, 'l' },
		{ 0 },
	};
	uint64_t port;
	int option;

	while ((option = getopt_long(count, values, "", options, NULL)) != -1) {
		collector->deletes = collector->deletes || option == 'd';
		collector->login_only = collector->login_only || option == 'l';
		if (option == '?')
			return false;
	}
	values += optind;
	count -= optind;
	if (count < (collector->login_only ? 3 : 4) ||
		!bytes_parse_number(bytes_of(values[0]), 65535, &port))
		return false;
	collector->port = (uint16_t)port;
	collector->authority = values[1];
	collector->user = values[2];
	return true;
}

static bool read_manifests(struct collector *collector, char **paths, int count)
{
	for (int i = 0; i < count; i++) {
		if (!bench_manifest_read(&collector->manifest, paths[i], &collector->error))
			return false;
	}
	return !count || bench_manifest_sort(&collector->manifest, &collector->error);
}

int main(int count, char **values)
{
	static struct collector collector = { .dial.socket = -1 };
	bool ok;

	if (!parse(count, values, &collector) ||
		!fgets(collector.password, sizeof collector.password, stdin)) {
		fprintf(stderr,
			"usage: %s [--delete] [--login-only] PORT AUTHORITY USER MANIFEST... "
			"<PASSWORD\n",
			values[0]);
		return 2;
	}
	collector.password[strcspn(collector.password, "\r\n")] = 0;
	process_harden(false, &collector.error);
	ok = read_manifests(&collector, values + optind + 3, count - optind - 3) && run(&collector);
	bench_manifest_clear(&collector.manifest);
	memory_wipe(collector.password, sizeof collector.password);
	if (ok)
		report(&collector);
	else
		fprintf(stderr, "load_pop3: %s\n", collector.error.text);
	return ok ? 0 : 1;
}
