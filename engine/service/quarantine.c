/* quarantine.c -- the words, and the problems of a start: they are kept in memory alone, the messages' state is kept
 * by the store. */
#include "service/quarantine.h"

#include <stdio.h>

#include "platform/clock.h"
#include "store/store_collected.h"

enum { PREFIX_SIZE = 32 + MAILBOX_ID_TEXT_SIZE };

/* Of all problems of a mailbox; the blank behind it ends the mailbox's id. */
static void make_prefix(const struct id *mailbox, char prefix[PREFIX_SIZE])
{
	char text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, text);
	snprintf(prefix, PREFIX_SIZE, "damaged-message %s ", text);
}

void quarantine_raise(struct problems *problems, int64_t now_us, const struct id *mailbox,
	const char *name, const struct store_message *message, const char *why)
{
	char prefix[PREFIX_SIZE], id[PREFIX_SIZE + 24], text[512];
	char came[CLOCK_TEXT_SIZE];

	make_prefix(mailbox, prefix);
	snprintf(id, sizeof id, "%s%llu", prefix, (unsigned long long)message->number);
	snprintf(text, sizeof text,
		"A message in the mailbox \"%.150s\" that came at %s is damaged and was not handed "
		"out: %.200s",
		name, clock_text(message->received_us, came), why);
	problems_raise(problems, now_us, PROBLEM_ERROR, id, text,
		"It is left out from now on, so that the archive gets all others; nothing of it "
		"was "
		"deleted. Look at the disk. A backup from after that time has the message: "
		"lettergatectl backup restore PATH. A file that went astray may be found by "
		"lettergatectl storage recover.");
	problems_keep_newest(problems, prefix, QUARANTINE_PROBLEMS_MAX);
}

void quarantine_forget(struct problems *problems, const struct id *mailbox)
{
	char prefix[PREFIX_SIZE];

	make_prefix(mailbox, prefix);
	problems_keep_newest(problems, prefix, 0);
}

/* ---- at the start ---- */

struct loading {
	struct store *store;
	struct problems *problems;
	int64_t now_us;
	const struct store_mailbox *mailbox;
	struct error *error;
	bool ok;
};

static bool raise_copy(void *context, const struct store_copy *copy)
{
	struct loading *loading = context;

	quarantine_raise(loading->problems, loading->now_us, &loading->mailbox->id,
		loading->mailbox->name, &copy->message,
		"it did not verify when it was to be collected.");
	return true;
}

static void load_mailbox(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct loading *loading = context;

	(void)counts;
	loading->mailbox = mailbox;
	if (loading->ok)
		loading->ok = store_copy_each(loading->store, &mailbox->id, STORE_QUARANTINED,
			raise_copy, loading, loading->error);
}

bool quarantine_load(
	struct store *store, struct problems *problems, int64_t now_us, struct error *error)
{
	struct loading loading = {
		.store = store, .problems = problems, .now_us = now_us, .error = error, .ok = true
	};

	return store_mailbox_each(store, load_mailbox, &loading, error) && loading.ok;
}
