/* selftest.c -- every way in against every way out. Each SMTP listener gets a message of its own, which is
 * collected through the POP3 listeners in turn, so that one message waits at a time and each listener is
 * used at least once. The content is made to hurt: dots, a bare LF, a bare CR, bytes above 127, a long line. */
#include "service/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/random.h"
#include "platform/clock.h"
#include "selftest_internal.h"

enum { MESSAGE_BYTES = 96 * 1024, MESSAGE_MAX = MESSAGE_BYTES + 16 * 1024 };

struct selftest {
	const struct selftest_options *options;
	struct selftest_report *report;
	struct reception_listener listeners[RECEPTION_LISTENERS_MAX]; /* when it began */
	size_t listener_count;
	struct tls_context *tls;
	struct mailbox_creation mailbox;
	char user[MAILBOX_ID_TEXT_SIZE];
	char recipient[MAILBOX_ID_TEXT_SIZE + CONFIG_HOST_SIZE];
};

static bool is_smtp(enum reception_kind kind)
{
	return kind == RECEPTION_SMTP || kind == RECEPTION_SMTPS || kind == RECEPTION_SUBMISSION;
}

/* A listener on every address is reached on loopback. */
static void address_to_reach(
	const struct reception_listener *listener, struct socket_address *address)
{
	*address = listener->address;
	if (strcmp(address->host, "0.0.0.0") == 0)
		snprintf(address->host, sizeof address->host, "127.0.0.1");
	else if (strcmp(address->host, "::") == 0)
		snprintf(address->host, sizeof address->host, "::1");
}

static bool make_message(struct buf *message)
{
	static const char head[] =
		"From: <>\r\nSubject: Lettergate self-test\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\n"
		".\r\n..\r\n.dot\r\nbare\n.lf\nbare\r.cr\r\n\xc3\xa4\xc3\xb6\r\n";
	char id[ID_TEXT_SIZE];
	struct id random = random_id();

	if (!buf_append_text(message, head))
		return false;
	while (message->size < MESSAGE_BYTES) {
		id_text(&random, id);
		if (!buf_append_text(message, id))
			return false;
		random.bytes[message->size % sizeof random.bytes]++;
	}
	return buf_append_text(message, "\r\n");
}

static struct selftest_step *begin_step(
	struct selftest *test, const char *verb, const struct reception_listener *listener)
{
	struct selftest_step *step = &test->report->steps[test->report->count++];

	snprintf(step->name, sizeof step->name, "%s by %s at %.45s:%u", verb,
		reception_kind_name(listener->kind), listener->address.host,
		listener->address.port);
	step->ok = false;
	step->text[0] = '\0';
	step->duration_ms = (uint64_t)clock_monotonic_us();
	return step;
}

static bool end_step(struct selftest_step *step, bool ok, const struct error *error)
{
	step->duration_ms = ((uint64_t)clock_monotonic_us() - step->duration_ms) / 1000;
	step->ok = ok;
	if (!ok)
		snprintf(step->text, sizeof step->text, "%s", error->text);
	log_event(ok ? LOG_INFO : LOG_ERROR, "selftest.step", "name=\"%s\" ok=%d text=\"%s\"",
		step->name, ok, step->text);
	return ok;
}

static void fill_target(const struct selftest *test, const struct reception_listener *listener,
	struct selftest_target *target)
{
	*target = (struct selftest_target){
		.loop = test->options->loop,
		.tls = test->tls,
		.implicit_tls = reception_kind_is_implicit_tls(listener->kind),
		.server_name = test->options->hostname,
	};
	address_to_reach(listener, &target->address);
}

static bool send_step(
	struct selftest *test, const struct reception_listener *listener, struct bytes message)
{
	struct selftest_step *step = begin_step(test, "send", listener);
	struct selftest_target target;
	struct error error = { .kind = ERROR_NONE };

	fill_target(test, listener, &target);
	return end_step(step, selftest_send(&target, test->recipient, message, &error), &error);
}

/* What came back ends in exactly what was sent; above it stand the two trace headers. */
static bool is_same(struct bytes got, struct bytes sent)
{
	struct bytes top;

	if (got.size < sent.size)
		return false;
	top = bytes_head(got, got.size - sent.size);
	return bytes_starts_with_nocase(top, "Return-Path: ") &&
	       bytes_equal(bytes_skip(got, top.size), sent);
}

static bool collect_step(
	struct selftest *test, const struct reception_listener *listener, struct bytes message)
{
	struct selftest_step *step = begin_step(test, "collect", listener);
	struct selftest_target target;
	struct error error = { .kind = ERROR_NONE };
	struct buf got;
	bool ok;

	buf_init(&got, MESSAGE_MAX);
	fill_target(test, listener, &target);
	ok = selftest_collect(&target, test->user, test->mailbox.generated_password, &got, &error);
	if (ok && !is_same(buf_view(&got), message))
		ok = error_set(&error, ERROR_CORRUPT,
			"the message came back changed; do not use this gateway until that is "
			"explained");
	buf_clear(&got);
	return end_step(step, ok, &error);
}

static const struct reception_listener *nth_of(const struct selftest *test, bool smtp, size_t n)
{
	for (size_t i = 0; i < test->listener_count; i++) {
		if (is_smtp(test->listeners[i].kind) == smtp && n-- == 0)
			return &test->listeners[i];
	}
	return NULL;
}

static size_t count_of(const struct selftest *test, bool smtp)
{
	size_t count = 0;

	while (nth_of(test, smtp, count))
		count++;
	return count;
}

static bool run_rounds(struct selftest *test, struct bytes message, struct error *error)
{
	size_t ways_in = count_of(test, true);
	size_t ways_out = count_of(test, false);
	size_t rounds = ways_in > ways_out ? ways_in : ways_out;

	if (!ways_in || !ways_out)
		return error_set(error, ERROR_STATE,
			"the test needs an SMTP and a POP3 port: set listen.smtps and "
			"listen.pop3s");
	if (rounds > SELFTEST_STEPS_MAX / 2)
		rounds = SELFTEST_STEPS_MAX / 2;
	test->report->ok = true;
	for (size_t i = 0; i < rounds && test->report->ok; i++)
		test->report->ok = send_step(test, nth_of(test, true, i % ways_in), message) &&
				   collect_step(test, nth_of(test, false, i % ways_out), message);
	return true;
}

bool selftest_run(
	const struct selftest_options *options, struct selftest_report *report, struct error *error)
{
	struct selftest test = { .options = options, .report = report };
	struct buf message;
	bool has_mailbox = false, ok = false;

	memset(report, 0, sizeof *report);
	test.listener_count = reception_listeners(options->reception, test.listeners);
	buf_init(&message, MESSAGE_MAX);
	test.mailbox.name = "Self-test";
	test.mailbox.is_temporary = true;
	test.mailbox.without_recovery = true;
	if (!make_message(&message)) {
		error_set_memory(error);
		goto out;
	}
	test.tls = tls_client_context(options->authority_file, error);
	if (!test.tls)
		goto out;
	has_mailbox = mailboxes_create(options->mailboxes, &test.mailbox, error);
	if (!has_mailbox)
		goto out;
	mailbox_id_text(&test.mailbox.id, test.user);
	snprintf(test.recipient, sizeof test.recipient, "%s@%s", test.user, options->hostname);
	ok = run_rounds(&test, buf_view(&message), error);
out:
	if (has_mailbox &&
		!mailboxes_delete(options->mailboxes, &test.mailbox.id, ok ? error : NULL))
		ok = false;
	memory_wipe(test.mailbox.generated_password, sizeof test.mailbox.generated_password);
	memory_wipe(test.mailbox.recovery_code, sizeof test.mailbox.recovery_code);
	tls_context_free(&test.tls);
	buf_clear(&message);
	return ok;
}
