/* ledger_verify.c -- goes through the rows once, in order, with the signatures beside them.
 *
 * A row that does not fit is one difference: what follows is held against the link that it has, so that one change
 * is told once, and where it is. A row that is missing leaves the next one's link unproved; the one after
 * that is proved again. */
#include "ledger_verify_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/mailbox_head.h"
#include "service/ledger_problems.h"

void verifier_differ(struct verifier *verifier, enum ledger_problem which, const char *format, ...)
{
	struct ledger_verification *verification = verifier->verification;
	char text[LEDGER_DIFFERENCE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!*verifier->first[which])
		memcpy(verifier->first[which], text, sizeof text);
	if (verification->difference_count < LEDGER_DIFFERENCES_MAX)
		memcpy(verification->differences[verification->difference_count], text,
			sizeof text);
	verification->difference_count++;
}

bool verifier_goes_on(struct verifier *verifier)
{
	if (!verifier->has_failed && atomic_load(&verifier->service->is_ending))
		verifier->has_failed =
			!error_set(&verifier->error, ERROR_CANCELLED, "the gateway is stopping");
	return !verifier->has_failed;
}

/* ---- signatures ---- */

static void judge_generation(struct verifier *verifier, enum ledger_problem which,
	const char *whose, uint32_t generation)
{
	if (generation > verifier->mailbox.generation)
		verifier_differ(verifier, which,
			"%s knows encryption key %u of the mailbox, which is back at key %u", whose,
			(unsigned)generation, (unsigned)verifier->mailbox.generation);
}

static void judge_signature(struct verifier *verifier, const struct store_ledger_row *row,
	const struct store_signature *signature)
{
	struct mailbox_head head = {
		.mailbox = verifier->mailbox.id,
		.number = signature->number,
		.time_us = signature->signed_us,
		.generation = signature->generation,
	};

	verifier->verification->signatures++;
	memcpy(head.link, signature->head, sizeof head.link);
	if (!mailbox_head_verify(
		    verifier->mailbox.identity_key, &head, signature->signature, NULL)) {
		verifier_differ(verifier, LEDGER_DIFFERS,
			"the signature at row %llu is forged or damaged",
			(unsigned long long)row->number);
		return;
	}
	if (memcmp(signature->head, row->link, STORE_LINK_SIZE) != 0)
		verifier_differ(verifier, LEDGER_DIFFERS,
			"row %llu was signed in another state: it, or rows before it, were changed "
			"since",
			(unsigned long long)row->number);
	judge_generation(verifier, LEDGER_DIFFERS, "a signature", signature->generation);
}

/* Those up to a row, or all that are left. */
static bool take_signatures(struct verifier *verifier, const struct store_ledger_row *row)
{
	const struct store_signature *signature;

	for (;;) {
		if (!ledger_signatures_peek(&verifier->signatures, &signature, &verifier->error))
			return !(verifier->has_failed = true);
		if (!signature || (row && signature->number > row->number))
			return true;
		if (row && signature->number == row->number)
			judge_signature(verifier, row, signature);
		else
			verifier_differ(verifier, LEDGER_DIFFERS,
				"row %llu was signed and is not there",
				(unsigned long long)signature->number);
		ledger_signatures_skip(&verifier->signatures);
	}
}

/* ---- rows ---- */

static void tell_missing(struct verifier *verifier, uint64_t first, uint64_t last)
{
	if (first == last)
		verifier_differ(
			verifier, LEDGER_DIFFERS, "row %llu is missing", (unsigned long long)first);
	else
		verifier_differ(verifier, LEDGER_DIFFERS, "rows %llu to %llu are missing",
			(unsigned long long)first, (unsigned long long)last);
}

static void judge_number(struct verifier *verifier, const struct store_ledger_row *row)
{
	if (row->number > verifier->expected) {
		tell_missing(verifier, verifier->expected, row->number - 1);
		verifier->knows_before = false;
	} else if (row->number < verifier->expected) {
		verifier_differ(verifier, LEDGER_DIFFERS,
			"row %llu stands before the ledger's first, %llu",
			(unsigned long long)row->number, (unsigned long long)verifier->expected);
		verifier->knows_before = false;
	}
}

static void judge_link(struct verifier *verifier, const struct store_ledger_row *row)
{
	uint8_t link[STORE_LINK_SIZE];

	if (!verifier->knows_before)
		return;
	store_ledger_link(&verifier->mailbox.id, verifier->before, row, link);
	if (memcmp(link, row->link, sizeof link) != 0)
		verifier_differ(verifier, LEDGER_DIFFERS,
			"row %llu is not the one that was written behind row %llu",
			(unsigned long long)row->number, (unsigned long long)row->number - 1);
}

static void judge_anchor_row(struct verifier *verifier, const struct store_ledger_row *row)
{
	const struct ledger_anchor *anchor = verifier->verification->anchor;

	if (!anchor || anchor->head.number != row->number)
		return;
	verifier->has_anchor_row = true;
	if (memcmp(anchor->head.link, row->link, STORE_LINK_SIZE) != 0)
		verifier_differ(verifier, LEDGER_ANCHOR_DIFFERS,
			"the anchor has another state of its row: rows up to it were changed "
			"since");
}

static bool visit_row(void *context, const struct store_ledger_row *row)
{
	struct verifier *verifier = context;

	verifier->verification->rows++;
	judge_number(verifier, row);
	judge_link(verifier, row);
	judge_anchor_row(verifier, row);
	memcpy(verifier->before, row->link, sizeof verifier->before);
	verifier->knows_before = true;
	if (row->number >= verifier->expected)
		verifier->expected = row->number + 1;
	return take_signatures(verifier, row) && verifier_goes_on(verifier);
}

/* The counters before and after: mail may have come meanwhile. */
static bool judge_end(struct verifier *verifier, uint64_t least, struct error *error)
{
	struct store_ledger_head head;
	uint64_t last = verifier->expected - 1;

	if (!store_ledger_head(verifier->service->store, &verifier->mailbox.id, &head, error))
		return false;
	if (last < least)
		tell_missing(verifier, last + 1, least);
	else if (last > head.number)
		verifier_differ(verifier, LEDGER_DIFFERS,
			"the ledger ends with row %llu, but %llu copies are counted as received",
			(unsigned long long)last, (unsigned long long)head.number);
	return true;
}

static bool check_rows(struct verifier *verifier, struct error *error)
{
	struct store *store = verifier->service->store;
	const struct id *mailbox = &verifier->mailbox.id;
	struct store_ledger_head head;
	struct error why = { .kind = ERROR_NONE };

	if (!store_ledger_head(store, mailbox, &head, error))
		return false;
	verifier->expected = head.first;
	verifier->knows_before = true;
	store_ledger_origin(mailbox, verifier->before);
	ledger_signatures_init(&verifier->signatures, store, mailbox);
	if (!store_ledger_each(store, mailbox, 0, visit_row, verifier, &why)) {
		if (why.kind != ERROR_CORRUPT) {
			*error = why;
			return false;
		}
		verifier_differ(verifier, LEDGER_DIFFERS,
			"the rows from %llu on cannot be read: %.180s",
			(unsigned long long)verifier->expected, why.text);
		return true;
	}
	if (!verifier->has_failed && take_signatures(verifier, NULL) &&
		judge_end(verifier, head.number, error))
		return true;
	if (verifier->has_failed)
		*error = verifier->error;
	return false;
}

/* ---- the anchor ---- */

static bool check_anchor(struct verifier *verifier, struct error *error)
{
	const struct ledger_anchor *anchor = verifier->verification->anchor;

	if (!anchor)
		return true;
	if (!id_is_equal(&anchor->head.mailbox, &verifier->mailbox.id))
		return error_set(error, ERROR_INVALID, "the anchor is of another mailbox's ledger");
	/* By the identity in it, too: what is wrong may be the mailbox's. */
	if (!mailbox_head_verify(anchor->identity, &anchor->head, anchor->signature, NULL))
		return error_set(error, ERROR_INVALID,
			"the anchor does not verify: it was forged or has been altered, and proves "
			"nothing. Take another report.");
	if (memcmp(anchor->identity, verifier->mailbox.identity_key, IDENTITY_KEY_SIZE) != 0)
		verifier_differ(verifier, LEDGER_ANCHOR_DIFFERS,
			"the mailbox has another identity than the one that signed the anchor");
	return true;
}

static void judge_anchor_end(struct verifier *verifier)
{
	const struct ledger_anchor *anchor = verifier->verification->anchor;

	if (!anchor)
		return;
	judge_generation(verifier, LEDGER_ANCHOR_DIFFERS, "the anchor", anchor->head.generation);
	if (verifier->has_anchor_row)
		return;
	if (anchor->head.number < verifier->expected)
		verifier_differ(verifier, LEDGER_ANCHOR_DIFFERS, "the anchor's row %llu is missing",
			(unsigned long long)anchor->head.number);
	else
		verifier_differ(verifier, LEDGER_ANCHOR_DIFFERS,
			"the anchor knows %llu rows, and the ledger ends with %llu: an earlier "
			"state of the data folder was put back",
			(unsigned long long)anchor->head.number,
			(unsigned long long)verifier->expected - 1);
}

/* ---- all of it ---- */

/* What an anchor showed is not taken back by a verification that has none. */
static void tell(struct verifier *verifier, int64_t now_us)
{
	const struct ledger_verification *verification = verifier->verification;
	struct problems *problems = verifier->service->problems;
	const struct id *mailbox = &verifier->mailbox.id;

	for (size_t i = 0; i < LEDGER_PROBLEM_COUNT; i++) {
		enum ledger_problem which = (enum ledger_problem)i;

		if (*verifier->first[i])
			ledger_problem_raise(problems, now_us, which, mailbox,
				verifier->mailbox.name, verifier->first[i]);
		else if (which == LEDGER_DIFFERS || verification->anchor)
			ledger_problem_resolve(problems, which, mailbox);
	}
}

static bool verify(struct verifier *verifier, const struct id *mailbox, struct error *error)
{
	struct store_mailbox_counts counts;

	if (!store_mailbox_get(
		    verifier->service->store, mailbox, &verifier->mailbox, &counts, error) ||
		!check_anchor(verifier, error) || !check_rows(verifier, error))
		return false;
	judge_anchor_end(verifier);
	return verifier_check_bodies(verifier, error);
}

bool ledger_verify(struct service *service, const struct id *mailbox, int64_t now_us,
	struct ledger_verification *verification, struct error *error)
{
	const struct ledger_anchor *anchor = verification->anchor;
	struct verifier *verifier;
	bool ok = false;

	*verification = (struct ledger_verification){ .anchor = anchor };
	/* It may take long, and control threads are few. */
	if (atomic_exchange(&service->is_verifying, true))
		return error_set(
			error, ERROR_BUSY, "a ledger is verified already: wait until that is done");
	verifier = calloc(1, sizeof *verifier);
	if (!verifier) {
		error_set_memory(error);
	} else {
		verifier->service = service;
		verifier->verification = verification;
		ok = verify(verifier, mailbox, error);
		if (ok) {
			verification->ok = verification->difference_count == 0;
			tell(verifier, now_us);
		}
	}
	free(verifier);
	atomic_store(&service->is_verifying, false);
	return ok;
}
