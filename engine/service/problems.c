/* problems.c -- a bounded array of problems under one mutex. */
#include "service/problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "platform/thread.h"

struct problems {
	struct mutex *mutex;
	struct notices *notices;
	struct problem list[PROBLEMS_MAX];
	size_t count;
	void (*wake)(void *context);
	void *context;
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

void problems_watch(struct problems *problems, void (*wake)(void *context), void *context)
{
	mutex_lock(problems->mutex);
	problems->wake = wake;
	problems->context = context;
	mutex_unlock(problems->mutex);
}

/* With the mutex held, so that no wake follows problems_watch(NULL). */
static void wake_watcher(struct problems *problems)
{
	if (problems->wake)
		problems->wake(problems->context);
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
static struct problem *make_room(struct problems *problems)
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
	/* All are errors: one more changes little for the person who looks, and the log has it. */
	return oldest;
}

/* Texts that were cut, or that quote somebody, are shown and sent like any other. */
static void copy_text(char *copy, size_t capacity, const char *text)
{
	snprintf(copy, capacity, "%s", text);
	utf8_mend(copy);
}

static void fill(struct problem *problem, enum problem_severity severity, const char *id,
	const char *text, const char *remedy)
{
	problem->severity = severity;
	copy_text(problem->id, sizeof problem->id, id);
	copy_text(problem->text, sizeof problem->text, text);
	copy_text(problem->remedy, sizeof problem->remedy, remedy);
}

static bool is_equal(const struct problem *one, const struct problem *other)
{
	return one->severity == other->severity && strcmp(one->text, other->text) == 0 &&
	       strcmp(one->remedy, other->remedy) == 0;
}

void problems_raise(struct problems *problems, int64_t now_us, enum problem_severity severity,
	const char *id, const char *text, const char *remedy)
{
	struct problem raised = { .since_us = now_us };
	struct problem *problem;
	bool is_new, is_changed;

	fill(&raised, severity, id, text, remedy);
	mutex_lock(problems->mutex);
	problem = find(problems, raised.id);
	is_new = problem == NULL;
	is_changed = is_new || !is_equal(problem, &raised);
	if (problem)
		raised.since_us = problem->since_us;
	else
		problem = make_room(problems);
	if (problem)
		*problem = raised;
	if (is_new)
		wake_watcher(problems);
	mutex_unlock(problems->mutex);
	if (is_new)
		log_event(severity == PROBLEM_ERROR ? LOG_ERROR : LOG_WARNING, "problem.raised",
			"id=\"%s\" text=\"%s\"", raised.id, raised.text);
	if (is_changed)
		notices_note(problems->notices, NOTICE_PROBLEMS | NOTICE_STATUS);
}

void problems_resolve(struct problems *problems, const char *id)
{
	struct problem *problem;
	char mended[sizeof problem->id];

	copy_text(mended, sizeof mended, id);
	mutex_lock(problems->mutex);
	problem = find(problems, mended);
	if (problem) {
		*problem = problems->list[--problems->count];
		wake_watcher(problems);
	}
	mutex_unlock(problems->mutex);
	if (!problem)
		return;
	log_event(LOG_INFO, "problem.resolved", "id=\"%s\"", id);
	notices_note(problems->notices, NOTICE_PROBLEMS | NOTICE_STATUS);
}

/* The oldest of those that begin so, when there are more than `most`. */
static struct problem *find_surplus(struct problems *problems, const char *prefix, size_t most)
{
	struct problem *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < problems->count; i++) {
		struct problem *one = &problems->list[i];

		if (strncmp(one->id, prefix, strlen(prefix)) != 0)
			continue;
		count++;
		if (!oldest || one->since_us < oldest->since_us)
			oldest = one;
	}
	return count > most ? oldest : NULL;
}

void problems_keep_newest(struct problems *problems, const char *prefix, size_t most)
{
	struct problem *surplus;
	char id[PROBLEM_ID_SIZE];

	do {
		mutex_lock(problems->mutex);
		surplus = find_surplus(problems, prefix, most);
		if (surplus)
			memcpy(id, surplus->id, sizeof id);
		mutex_unlock(problems->mutex);
		if (surplus)
			problems_resolve(problems, id);
	} while (surplus);
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
