/* maildrops.c -- a list of the claims that have their maildrop, under one mutex: as long as there are sessions,
 * and gone through once for a login that took a quarter of a second of hashing.
 *
 * A claim on the list belongs to a session that is alive, and a session's loop does not end before it. So
 * a task that is posted to that loop under the mutex will run; by then the session may be another one, or
 * none, which is why the task looks again. */
#include "service/maildrops.h"

#include <stdlib.h>
#include <string.h>

#include "platform/thread.h"

struct maildrops {
	struct mutex *mutex;
	struct list taken;
};

struct maildrops *maildrops_new(struct error *error)
{
	struct maildrops *maildrops = calloc(1, sizeof *maildrops);

	if (maildrops && (maildrops->mutex = mutex_new(error))) {
		list_init(&maildrops->taken);
		return maildrops;
	}
	error_set_memory(error);
	free(maildrops);
	return NULL;
}

void maildrops_free(struct maildrops **maildrops)
{
	if (!*maildrops)
		return;
	mutex_free(&(*maildrops)->mutex);
	free(*maildrops);
	*maildrops = NULL;
}

/* Under the mutex. */
static struct maildrop_claim *find(struct maildrops *maildrops, const struct id *mailbox)
{
	struct list *link;

	list_for_each (link, &maildrops->taken) {
		struct maildrop_claim *claim = list_entry(link, struct maildrop_claim, link);

		if (memcmp(claim->mailbox.bytes, mailbox->bytes, sizeof mailbox->bytes) == 0)
			return claim;
	}
	return NULL;
}

/* On the loop of whoever asked. */
static void run_answer(struct loop_task *task)
{
	struct maildrop_claim *claim = list_entry(task, struct maildrop_claim, answer);

	claim->is_told = claim->is_granted;
	claim->on_answer(claim, claim->is_granted);
}

/* On the loop that is asked: a session that has the maildrop and lives here cannot go meanwhile. */
static void run_ask(struct loop_task *task)
{
	struct maildrop_claim *claim = list_entry(task, struct maildrop_claim, ask), *holder;
	struct maildrops *maildrops = claim->maildrops;

	mutex_lock(maildrops->mutex);
	holder = find(maildrops, &claim->mailbox);
	/* It may have gone to a third session: elsewhere, or here, with the answer still behind this question. */
	if (holder && (holder->loop != claim->asked || !holder->is_told))
		holder = NULL;
	mutex_unlock(maildrops->mutex);
	if (holder)
		holder->on_wanted(holder);
	mutex_lock(maildrops->mutex);
	claim->is_granted = find(maildrops, &claim->mailbox) == NULL;
	if (claim->is_granted)
		list_append(&maildrops->taken, &claim->link);
	/* Under the mutex: who asks the new one from now on asks behind this answer. */
	loop_post(claim->loop, &claim->answer);
	mutex_unlock(maildrops->mutex);
}

enum maildrop_outcome maildrops_claim(struct maildrops *maildrops, struct maildrop_claim *claim)
{
	struct maildrop_claim *holder;

	claim->maildrops = maildrops;
	claim->ask.run = run_ask;
	claim->answer.run = run_answer;
	claim->is_told = false;
	mutex_lock(maildrops->mutex);
	holder = find(maildrops, &claim->mailbox);
	if (holder) {
		claim->asked = holder->loop;
		/* Under the mutex: until the holder has released it, its loop is there. */
		loop_post(claim->asked, &claim->ask);
	} else {
		list_append(&maildrops->taken, &claim->link);
		claim->is_told = true;
	}
	mutex_unlock(maildrops->mutex);
	return holder ? MAILDROP_ASKED : MAILDROP_GRANTED;
}

void maildrops_release(struct maildrops *maildrops, struct maildrop_claim *claim)
{
	mutex_lock(maildrops->mutex);
	list_remove(&claim->link);
	mutex_unlock(maildrops->mutex);
}
