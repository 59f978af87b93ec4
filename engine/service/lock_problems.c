/* lock_problems.c -- what is said, and the word of each subject in the id. */
#include "service/lock_problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_PROBLEMS_MAX = 20 };

static const char prefix[] = "lock ";

static const char *const words[] = {
	[LOCK_BY_NETWORK] = "network",
	[LOCK_BY_TENANT] = "tenant",
	[LOCK_BY_NO_TENANT] = "no-tenant",
};

enum { SUBJECT_COUNT = sizeof words / sizeof words[0] };

static void describe(
	const struct lock_attempt *attempt, const char *mailbox, char text[512], char remedy[512])
{
	const char *what = attempt->subject == LOCK_BY_TENANT ? "tenant" : "network";
	const char *value = attempt->subject == LOCK_BY_TENANT ? attempt->tenant : attempt->peer;

	snprintf(remedy, 512,
		"If it is yours, allow it, if not, refuse it: lettergatectl mailbox allow (or "
		"refuse) %s --%s %.253s. Until then its mail waits there.",
		mailbox, what, value);
	switch (attempt->subject) {
	case LOCK_BY_NETWORK:
		snprintf(text, 512,
			"The mail server at %s wants to deliver to the mailbox \"%.200s\" and is "
			"in "
			"none of its networks.",
			attempt->peer, attempt->mailbox_name);
		break;
	case LOCK_BY_TENANT:
		snprintf(text, 512,
			"The mail server at %s delivers mail of the tenant %.253s, which is not "
			"the "
			"one of the mailbox \"%.100s\".",
			attempt->peer, attempt->tenant, attempt->mailbox_name);
		break;
	case LOCK_BY_NO_TENANT:
		snprintf(text, 512,
			"The mail server at %s delivers mail that names no tenant, and the mailbox "
			"\"%.200s\" takes reports of one tenant alone.",
			attempt->peer, attempt->mailbox_name);
		break;
	}
}

void lock_problem_raise(
	struct problems *problems, int64_t now_us, const struct lock_attempt *attempt)
{
	char id[PROBLEM_ID_SIZE], mailbox[MAILBOX_ID_TEXT_SIZE], text[512], remedy[512];

	mailbox_id_text(&attempt->mailbox, mailbox);
	describe(attempt, mailbox, text, remedy);
	snprintf(id, sizeof id, "%s%s %s %.253s", prefix, mailbox, words[attempt->subject],
		attempt->subject == LOCK_BY_TENANT ? attempt->tenant : attempt->peer);
	problems_raise(problems, now_us, PROBLEM_WARNING, id, text, remedy);
	problems_keep_newest(problems, prefix, LOCK_PROBLEMS_MAX);
}

bool lock_problem_parse(const char *id, struct lock_problem *problem)
{
	struct bytes rest = bytes_of(id), word;

	if (strncmp(id, prefix, strlen(prefix)) != 0)
		return false;
	rest = bytes_skip(rest, strlen(prefix));
	if (!bytes_split(&rest, ' ', &word) || !mailbox_id_parse(word, &problem->mailbox) ||
		!bytes_split(&rest, ' ', &word) || !rest.size)
		return false;
	for (size_t i = 0; i < SUBJECT_COUNT; i++) {
		if (bytes_equal_text(word, words[i])) {
			problem->subject = (enum lock_subject)i;
			problem->value = (const char *)rest.data;
			return true;
		}
	}
	return false;
}

static bool is_decided(const struct lock_problem *problem, const struct sender_lock *lock)
{
	switch (problem->subject) {
	case LOCK_BY_NETWORK:
		return sender_lock_network(lock, bytes_of(problem->value)) != LOCK_UNKNOWN;
	case LOCK_BY_TENANT:
		return sender_lock_tenant(lock, problem->value) != LOCK_UNKNOWN;
	case LOCK_BY_NO_TENANT:
		return sender_lock_no_tenant(lock, bytes_of(problem->value)) != LOCK_UNKNOWN;
	}
	return false;
}

void lock_problems_review(
	struct problems *problems, const struct id *mailbox, const struct sender_lock *lock)
{
	struct problem *list = malloc(PROBLEMS_MAX * sizeof *list);
	size_t count = list ? problems_list(problems, list, PROBLEMS_MAX) : 0;
	struct lock_problem problem;

	for (size_t i = 0; i < count; i++) {
		if (lock_problem_parse(list[i].id, &problem) &&
			id_is_equal(&problem.mailbox, mailbox) && is_decided(&problem, lock))
			problems_resolve(problems, list[i].id);
	}
	free(list);
}

void lock_problems_forget(struct problems *problems, const struct id *mailbox)
{
	char id[PROBLEM_ID_SIZE], text[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, text);
	snprintf(id, sizeof id, "%s%s ", prefix, text);
	problems_keep_newest(problems, id, 0);
}
