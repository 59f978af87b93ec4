/* ledger_problems.c -- the words of the two problems. */
#include "service/ledger_problems.h"

#include <stdio.h>

enum { ID_SIZE = 32 + MAILBOX_ID_TEXT_SIZE };

static const char *const words[LEDGER_PROBLEM_COUNT] = {
	[LEDGER_DIFFERS] = "ledger",
	[LEDGER_ANCHOR_DIFFERS] = "ledger-anchor",
};

static void make_id(enum ledger_problem which, const char *mailbox, char id[ID_SIZE])
{
	snprintf(id, ID_SIZE, "%s %s", words[which], mailbox);
}

void ledger_problem_raise(struct problems *problems, int64_t now_us, enum ledger_problem which,
	const struct id *mailbox, const char *name, const char *what)
{
	char id[ID_SIZE], text[512], remedy[512];
	char mailbox_text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, mailbox_text);
	make_id(which, mailbox_text, id);
	snprintf(text, sizeof text,
		"The ledger of the mailbox \"%.150s\" is not as it was written: %.250s", name,
		what);
	snprintf(remedy, sizeof remedy,
		"Something or somebody has changed the data folder, or an older state of it was "
		"put "
		"back. Keep a copy of it as it is now. lettergatectl ledger verify %s shows all "
		"that "
		"differs; lettergatectl ledger export shows what the archive should have.",
		mailbox_text);
	problems_raise(problems, now_us, PROBLEM_ERROR, id, text, remedy);
}

void ledger_problem_resolve(
	struct problems *problems, enum ledger_problem which, const struct id *mailbox)
{
	char id[ID_SIZE], text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, text);
	make_id(which, text, id);
	problems_resolve(problems, id);
}

void ledger_problems_forget(struct problems *problems, const struct id *mailbox)
{
	for (size_t i = 0; i < LEDGER_PROBLEM_COUNT; i++)
		ledger_problem_resolve(problems, (enum ledger_problem)i, mailbox);
}
