/* problems.c -- a bounded array of problems under one mutex. */
#include "service/problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/thread.h"

struct problems {
	struct mutex *mutex;
	struct notices *notices;
	struct problem list[PROBLEMS_MAX];
	size_t count;
};

struct problems *problems_new(struct notices *notices, struct error *error)
{
	struct problems *problems = calloc(1, sizeof *problems);

	if (problems && (problems->mutex = mutex_new(error))) {
		problems->notices = notices;
		return problems;
	}
	error_set_memory(error);
	free(problems);
	return NULL;
}

void problems_free(struct problems **problems)
{
	if (!*problems)
		return;
	mutex_free(&(*problems)->mutex);
	free(*problems);
	*problems = NULL;
}

static struct problem *find(struct problems *problems, const char *id)
{
	for (size_t i = 0; i < problems->count; i++) {
		if (strcmp(problems->list[i].id, id) == 0)
			return &problems->list[i];
	}
	return NULL;
}

/* Room for a new one: behind the last, or in place of the oldest warning. */
static struct problem *make_room(struct problems *problems, enum problem_severity severity)
{
	struct problem *oldest = NULL;

	if (problems->count < PROBLEMS_MAX)
		return &problems->list[problems->count++];
	for (size_t i = 0; i < problems->count; i++) {
		struct problem *one = &problems->list[i];

		if (one->severity == PROBLEM_WARNING &&
			(!oldest || one->since_us < oldest->since_us))
			oldest = one;
	}
	/* All are errors: a warning more or less changes nothing for the person who looks. */
	if (!oldest && severity == PROBLEM_ERROR)
		oldest = &problems->list[problems->count - 1];
	return oldest;
}

void problems_raise(struct problems *problems, int64_t now_us, enum problem_severity severity,
	const char *id, const char *text, const char *remedy)
{
	struct problem *problem;
	bool is_new;

	mutex_lock(problems->mutex);
	problem = find(problems, id);
	is_new = problem == NULL;
	if (!problem)
		problem = make_room(problems, severity);
	if (problem) {
		if (is_new)
			problem->since_us = now_us;
		problem->severity = severity;
		snprintf(problem->id, sizeof problem->id, "%s", id);
		snprintf(problem->text, sizeof problem->text, "%s", text);
		snprintf(problem->remedy, sizeof problem->remedy, "%s", remedy);
	}
	mutex_unlock(problems->mutex);
	if (!is_new)
		return;
	log_event(severity == PROBLEM_ERROR ? LOG_ERROR : LOG_WARNING, "problem.raised",
		"id=\"%s\" text=\"%s\"", id, text);
	notices_note(problems->notices, NOTICE_PROBLEMS | NOTICE_STATUS);
}

void problems_resolve(struct problems *problems, const char *id)
{
	struct problem *problem;

	mutex_lock(problems->mutex);
	problem = find(problems, id);
	if (problem)
		*problem = problems->list[--problems->count];
	mutex_unlock(problems->mutex);
	if (!problem)
		return;
	log_event(LOG_INFO, "problem.resolved", "id=\"%s\"", id);
	notices_note(problems->notices, NOTICE_PROBLEMS | NOTICE_STATUS);
}

static int by_weight(const void *a, const void *b)
{
	const struct problem *one = a;
	const struct problem *other = b;

	if (one->severity != other->severity)
		return one->severity == PROBLEM_ERROR ? -1 : 1;
	return (one->since_us > other->since_us) - (one->since_us < other->since_us);
}

size_t problems_list(struct problems *problems, struct problem *copies, size_t capacity)
{
	size_t count;

	mutex_lock(problems->mutex);
	count = problems->count;
	qsort(problems->list, count, sizeof problems->list[0], by_weight);
	memcpy(copies, problems->list, (count < capacity ? count : capacity) * sizeof *copies);
	mutex_unlock(problems->mutex);
	return count;
}
