/* ledger_reporter.c -- what a report says is read under the lock of changes, which is held until it is delivered and
 * noted: two reports of one mailbox cannot be made at once. When the note fails, or a crash comes before it, the
 * next look makes one report more; none is lost. */
#include "service/ledger_reporter.h"

#include <stdlib.h>

#include "base/log.h"
#include "crypto/mailbox_head.h"
#include "platform/clock.h"
#include "platform/semaphore.h"
#include "service/delivery.h"
#include "service/ledger_problems.h"
#include "service/ledger_report.h"
#include "store/store_ledger.h"

static const int64_t first_look_us = INT64_C(600) * 1000000;
static const int64_t between_looks_us = INT64_C(3600) * 1000000;

struct ledger_reporter {
	struct service *service;
	struct loop *loop;
	struct mutex *mutex;
	struct condition *wakes;
	bool is_ending; /* under the mutex */
	struct thread *thread;
};

/* ---- what is known of a mailbox ---- */

struct state {
	struct store_mailbox mailbox;
	struct store_mailbox_counts counts;
	struct store_ledger_head head;
	struct ledger_reported last;
	int64_t last_us; /* 0: never, or its row is not there */
};

static bool take_time(void *context, const struct store_ledger_row *row)
{
	struct state *state = context;

	if (row->number == state->last.row)
		state->last_us = row->received_us;
	return false;
}

static bool read_state(struct ledger_reporter *reporter, const struct id *mailbox,
	struct state *state, struct error *error)
{
	struct store *store = reporter->service->store;
	struct mailbox_facts facts;
	struct error why = { .kind = ERROR_NONE };

	if (!store_mailbox_get(store, mailbox, &state->mailbox, &state->counts, error) ||
		!store_ledger_head(store, mailbox, &state->head, error))
		return false;
	/* What else it was told may be unreadable. */
	if (!mailbox_facts_load(store, mailbox, &facts, &why) && why.kind != ERROR_CORRUPT) {
		if (error)
			*error = why;
		return false;
	}
	state->last = facts.reported;
	state->last_us = 0;
	return !state->last.row ||
	       store_ledger_each(store, mailbox, state->last.row, take_time, state, error);
}

static bool has_news(const struct state *state)
{
	return !state->mailbox.is_temporary && state->head.signed_number &&
	       ledger_report_is_news(&state->last, state->head.signed_number);
}

/* ---- the anchor ---- */

struct search {
	uint64_t number;
	bool is_found;
	struct store_signature signature;
	struct store_ledger_row row;
};

static bool take_signature(void *context, const struct store_signature *signature)
{
	struct search *search = context;

	search->is_found = signature->number == search->number;
	search->signature = *signature;
	return false;
}

static bool take_row(void *context, const struct store_ledger_row *row)
{
	struct search *search = context;

	search->is_found = row->number == search->number;
	search->row = *row;
	return false;
}

static bool find_signature(struct ledger_reporter *reporter, const struct state *state,
	struct search *search, struct error *error)
{
	struct store *store = reporter->service->store;

	*search = (struct search){ .number = state->head.signed_number };
	if (!store_signature_each(
		    store, &state->mailbox.id, search->number, take_signature, search, error))
		return false;
	return search->is_found ||
	       error_set(error, ERROR_CORRUPT, "its newest signature is missing");
}

static bool is_of_row(struct ledger_reporter *reporter, const struct state *state,
	struct search *search, struct error *error)
{
	search->is_found = false;
	if (!store_ledger_each(reporter->service->store, &state->mailbox.id, search->number,
		    take_row, search, error))
		return false;
	return (search->is_found &&
		       memcmp(search->row.link, search->signature.head, STORE_LINK_SIZE) == 0) ||
	       error_set(error, ERROR_CORRUPT,
		       "the signed state of row %llu is not the one that is there",
		       (unsigned long long)search->number);
}

/* What goes to the archive must hold there. */
static bool make_anchor(struct ledger_reporter *reporter, const struct state *state,
	struct ledger_anchor *anchor, struct error *error)
{
	struct search search;

	if (!find_signature(reporter, state, &search, error))
		return false;
	anchor->head = (struct mailbox_head){
		.mailbox = state->mailbox.id,
		.number = search.signature.number,
		.time_us = search.signature.signed_us,
		.generation = search.signature.generation,
	};
	memcpy(anchor->head.link, search.signature.head, sizeof anchor->head.link);
	memcpy(anchor->identity, state->mailbox.identity_key, sizeof anchor->identity);
	memcpy(anchor->signature, search.signature.signature, sizeof anchor->signature);
	return mailbox_head_verify(anchor->identity, &anchor->head, anchor->signature, error) &&
	       is_of_row(reporter, state, &search, error);
}

/* ---- the delivery: on the loop, while the caller waits ---- */

struct errand {
	struct ledger_reporter *reporter;
	struct id mailbox;
	struct bytes mail;
	int64_t time_us;
	struct semaphore *done;
	bool ok;
	struct error error;
	struct id message;
};

static void end_errand(struct errand *errand, bool ok)
{
	errand->ok = ok;
	semaphore_post(errand->done);
}

static void on_stored(void *context, const struct error *why)
{
	struct errand *errand = context;

	if (why)
		errand->error = *why;
	end_errand(errand, why == NULL);
}

static void begin_on_loop(void *context)
{
	struct errand *errand = context;
	struct ledger_reporter *reporter = errand->reporter;
	struct service_settings settings;
	struct delivery_targets targets = { .count = 0 };
	struct trace trace = { .peer_address = bytes_of("127.0.0.1"),
		.protocol = "local",
		.time_s = errand->time_us / 1000000 };
	struct delivery *delivery;

	service_settings(reporter->service, &settings);
	trace.hello = trace.gateway = bytes_of(settings.hostname);
	delivery_targets_add(&targets, &errand->mailbox);
	delivery =
		delivery_begin(reporter->service, reporter->loop, &targets, &trace, &errand->error);
	if (delivery && id_parse(bytes_of(delivery_id(delivery)), &errand->message) &&
		delivery_write(delivery, errand->mail, &errand->error) &&
		delivery_finish(delivery, on_stored, errand, &errand->error))
		return;
	delivery_discard(&delivery);
	end_errand(errand, false);
}

static bool run_errand(struct errand *errand, struct error *error)
{
	errand->done = semaphore_new(error);
	if (!errand->done)
		return false;
	loop_call(errand->reporter->loop, begin_on_loop, errand);
	semaphore_wait(errand->done);
	semaphore_free(&errand->done);
	if (!errand->ok && error)
		*error = errand->error;
	return errand->ok;
}

/* ---- a report ---- */

static bool compose(struct ledger_reporter *reporter, const struct state *state, int64_t now_us,
	struct buf *mail, struct error *error)
{
	struct service_settings settings;
	struct ledger_report report = {
		.name = state->mailbox.name,
		.hostname = settings.hostname,
		.time_us = now_us,
		.received = state->counts.received,
		.waiting = state->counts.waiting,
		.collected = state->counts.collected,
		.last_us = state->last_us,
		.since_last = state->counts.received > state->last.row
				      ? state->counts.received - state->last.row
				      : 0,
	};

	service_settings(reporter->service, &settings);
	if (!make_anchor(reporter, state, &report.anchor, error))
		return false;
	return ledger_report_append(&report, mail) || error_set_memory(error);
}

/* The report's row among those that came meanwhile: its receipt names the message. */
struct own_row {
	struct id message;
	uint64_t number; /* 0: not there */
};

static bool is_own_row(void *context, const struct store_ledger_row *row)
{
	struct own_row *own = context;

	if (row->receipt_size < sizeof own->message ||
		memcmp(row->receipt, own->message.bytes, sizeof own->message) != 0)
		return true;
	own->number = row->number;
	return false;
}

static bool note_report(struct ledger_reporter *reporter, const struct state *state,
	const struct id *message, struct error *error)
{
	struct store *store = reporter->service->store;
	struct own_row own = { .message = *message };
	struct ledger_reported reported = { .anchor = state->head.signed_number };

	if (!store_ledger_each(
		    store, &state->mailbox.id, state->head.number + 1, is_own_row, &own, error))
		return false;
	if (!own.number)
		return error_set(error, ERROR_CORRUPT, "the row of its report is missing");
	reported.row = own.number;
	return mailbox_facts_set_reported(store, &state->mailbox.id, &reported, error);
}

static void log_outcome(const struct state *state, const struct error *why)
{
	char id[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(&state->mailbox.id, id);
	if (why)
		log_event(
			LOG_WARNING, "ledger.not-reported", "mailbox=%s why=\"%s\"", id, why->text);
	else
		log_event(LOG_INFO, "ledger.reported", "mailbox=%s number=%llu", id,
			(unsigned long long)state->head.signed_number);
}

/* With the lock of changes. */
static bool report(struct ledger_reporter *reporter, const struct state *state, int64_t now_us,
	struct error *error)
{
	struct errand errand = {
		.reporter = reporter, .mailbox = state->mailbox.id, .time_us = now_us
	};
	struct error why = { .kind = ERROR_NONE };
	struct buf mail;
	bool ok;

	buf_init(&mail, LEDGER_REPORT_MAX);
	ok = compose(reporter, state, now_us, &mail, &why);
	if (!ok && why.kind == ERROR_CORRUPT)
		ledger_problem_raise(reporter->service->problems, now_us, LEDGER_DIFFERS,
			&state->mailbox.id, state->mailbox.name, why.text);
	errand.mail = buf_view(&mail);
	ok = ok && run_errand(&errand, &why) && note_report(reporter, state, &errand.message, &why);
	buf_clear(&mail);
	log_outcome(state, ok ? NULL : &why);
	if (!ok && error)
		*error = why;
	return ok;
}

bool ledger_reporter_deliver(struct ledger_reporter *reporter, const struct id *mailbox,
	int64_t now_us, struct error *error)
{
	struct mutex *changing = reporter->service->changing;
	struct state *state = malloc(sizeof *state);
	bool ok;

	if (!state)
		return error_set_memory(error);
	mutex_lock(changing);
	ok = read_state(reporter, mailbox, state, error);
	if (ok && !has_news(state))
		ok = error_set(error, ERROR_STATE,
			"nothing was signed since the last report: the archive signs each time "
			"that "
			"it logs in and ends with QUIT, if copies came in between");
	ok = ok && report(reporter, state, now_us, error);
	mutex_unlock(changing);
	free(state);
	return ok;
}

/* ---- every day ---- */

struct look {
	struct ledger_reporter *reporter;
	int64_t now_us;
};

static bool is_ending(struct ledger_reporter *reporter)
{
	bool ends;

	mutex_lock(reporter->mutex);
	ends = reporter->is_ending;
	mutex_unlock(reporter->mutex);
	return ends;
}

static void look_at(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct look *look = context;
	struct ledger_reporter *reporter = look->reporter;
	struct mutex *changing = reporter->service->changing;
	struct state *state;

	(void)counts;
	if (mailbox->is_temporary || mailbox->status != STORE_MAILBOX_ACTIVE || is_ending(reporter))
		return;
	state = malloc(sizeof *state);
	if (!state)
		return;
	mutex_lock(changing);
	if (read_state(reporter, &mailbox->id, state, NULL) && has_news(state) &&
		ledger_report_is_due(state->last_us, look->now_us))
		report(reporter, state, look->now_us, NULL);
	mutex_unlock(changing);
	free(state);
}

void ledger_reporter_look(struct ledger_reporter *reporter, int64_t now_us)
{
	struct look look = { reporter, now_us };
	struct error error;

	if (!store_mailbox_each(reporter->service->store, look_at, &look, &error))
		log_event(LOG_WARNING, "ledger.not-looked-at", "why=\"%s\"", error.text);
}

static void reporter_thread(void *context)
{
	struct ledger_reporter *reporter = context;
	int64_t pause_us = first_look_us;

	for (;;) {
		mutex_lock(reporter->mutex);
		if (!reporter->is_ending)
			condition_wait_for(reporter->wakes, reporter->mutex, pause_us);
		mutex_unlock(reporter->mutex);
		if (is_ending(reporter))
			return;
		ledger_reporter_look(reporter, clock_wall_us());
		pause_us = between_looks_us;
	}
}

bool ledger_reporter_start(struct ledger_reporter *reporter, struct error *error)
{
	reporter->thread = thread_start("ledger", reporter_thread, reporter, error);
	return reporter->thread != NULL;
}

void ledger_reporter_stop(struct ledger_reporter *reporter)
{
	if (!reporter->thread)
		return;
	mutex_lock(reporter->mutex);
	reporter->is_ending = true;
	condition_signal(reporter->wakes);
	mutex_unlock(reporter->mutex);
	thread_join(&reporter->thread);
}

struct ledger_reporter *ledger_reporter_new(
	struct service *service, struct loop *loop, struct error *error)
{
	struct ledger_reporter *reporter = calloc(1, sizeof *reporter);

	if (!reporter) {
		error_set_memory(error);
		return NULL;
	}
	reporter->service = service;
	reporter->loop = loop;
	reporter->mutex = mutex_new(error);
	reporter->wakes = reporter->mutex ? condition_new(error) : NULL;
	if (!reporter->wakes)
		ledger_reporter_free(&reporter);
	return reporter;
}

void ledger_reporter_free(struct ledger_reporter **freed)
{
	struct ledger_reporter *reporter = *freed;

	if (!reporter)
		return;
	ledger_reporter_stop(reporter);
	condition_free(&reporter->wakes);
	mutex_free(&reporter->mutex);
	free(reporter);
	*freed = NULL;
}
