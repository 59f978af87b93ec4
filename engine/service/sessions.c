/* sessions.c -- one list of the places that give way, the longest silent first, and a table of networks, under one
 * mutex.
 *
 * Only its own loop may touch a session. So the accept thread takes a place off the list and posts a task, embedded in
 * the place, to its loop; there the session decides. The task is posted under the mutex while the place is on
 * the list, so the session is there, or its beginning stands before the task; a place that is given back in between is
 * freed by the task. Places that were asked for count as taken until they are given back, and at most a
 * quarter is asked for at a time. A newcomer is in before the one that was asked has decided; those that go on all the
 * same are too many until others have made room for them, and then for the next newcomer. So files are bounded. When
 * the loops do not keep up the accept thread waits for them, and who connects waits in the queue of the system. */
#include "service/sessions.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/thread.h"
#include "service/login_guard.h"

enum { BUCKETS = 1024, PATIENCE_US = 2000000 };

struct peer {
	struct list link;
	char network[LOGIN_NETWORK_SIZE];
	size_t count;
};

struct session_place {
	struct list link; /* among those that give way, or alone */
	struct sessions *sessions;
	struct loop *loop;
	struct peer *peer;
	struct loop_task task;
	/* under the mutex */
	bool is_asked;	/* the task is on its way */
	bool is_ending; /* asked, or on its way out because of that */
	bool is_left;
	/* the loop's */
	bool is_settled;
	bool (*give_way)(void *context);
	void *context;
};

struct sessions {
	struct mutex *mutex;
	struct condition *answered; /* of those that were asked one is gone, or goes on */
	atomic_size_t count, max;
	size_t ending;
	struct list giving_way;
	struct list peers[BUCKETS];
};

struct sessions *sessions_new(struct error *error)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	if (!sessions || !(sessions->mutex = mutex_new(error)) ||
		!(sessions->answered = condition_new(error))) {
		error_set_memory(error);
		sessions_free(&sessions);
		return NULL;
	}
	list_init(&sessions->giving_way);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&sessions->peers[i]);
	return sessions;
}

void sessions_free(struct sessions **sessions)
{
	if (!*sessions)
		return;
	condition_free(&(*sessions)->answered);
	mutex_free(&(*sessions)->mutex);
	free(*sessions);
	*sessions = NULL;
}

void sessions_set_max(struct sessions *sessions, size_t max)
{
	atomic_store(&sessions->max, max);
}

bool sessions_are_scarce(const struct sessions *sessions)
{
	size_t max = atomic_load(&sessions->max);

	return atomic_load(&sessions->count) > max - max / 4;
}

size_t sessions_count(const struct sessions *sessions)
{
	return atomic_load(&sessions->count);
}

/* ---- networks ---- */

/* FNV-1a. Networks that fall together on purpose are no more than there may be sessions. */
static struct list *bucket_of(struct sessions *sessions, const char *network)
{
	uint32_t hash = 2166136261U;

	for (; *network; network++)
		hash = (hash ^ (uint8_t)*network) * 16777619U;
	return &sessions->peers[hash % BUCKETS];
}

static struct peer *find_peer(struct sessions *sessions, const char *host)
{
	char network[LOGIN_NETWORK_SIZE];
	struct list *bucket, *link;
	struct peer *peer;

	login_network(host, network);
	bucket = bucket_of(sessions, network);
	list_for_each (link, bucket) {
		peer = list_entry(link, struct peer, link);
		if (strcmp(peer->network, network) == 0)
			return peer;
	}
	peer = calloc(1, sizeof *peer);
	if (peer) {
		memcpy(peer->network, network, sizeof network);
		list_append(bucket, &peer->link);
	}
	return peer;
}

static void forget_peer(struct peer *peer)
{
	if (peer->count)
		return;
	list_remove(&peer->link);
	free(peer);
}

/* ---- giving way ---- */

/* On the place's loop. */
static void ask(struct loop_task *task)
{
	struct session_place *place = list_entry(task, struct session_place, task);
	struct sessions *sessions = place->sessions;
	bool is_left;

	mutex_lock(sessions->mutex);
	place->is_asked = false;
	is_left = place->is_left;
	mutex_unlock(sessions->mutex);
	if (is_left) {
		free(place);
		return;
	}
	if (place->give_way && place->give_way(place->context))
		return;
	mutex_lock(sessions->mutex);
	place->is_ending = false;
	sessions->ending--;
	condition_signal(sessions->answered);
	mutex_unlock(sessions->mutex);
}

/* Under the mutex. */
static bool make_room(struct sessions *sessions)
{
	struct session_place *place;
	struct list *link;

	if (sessions->ending > atomic_load(&sessions->max) / 4)
		return false;
	link = list_take_first(&sessions->giving_way);
	if (!link)
		return false;
	place = list_entry(link, struct session_place, link);
	place->is_asked = place->is_ending = true;
	sessions->ending++;
	place->task.run = ask;
	loop_post(place->loop, &place->task);
	return true;
}

/* ---- coming and going ---- */

/* Under the mutex, but while it waits. The peer counts the newcomer already. */
static bool may_enter(struct sessions *sessions, const struct peer *peer, size_t max_of_peer,
	enum session_refusal *refusal)
{
	int64_t patient_until_us = clock_monotonic_us() + PATIENCE_US;

	*refusal = SESSION_REFUSED_PEER;
	if (peer->count > max_of_peer)
		return false;
	*refusal = SESSION_REFUSED_FULL;
	while (atomic_load(&sessions->count) >= atomic_load(&sessions->max) + sessions->ending) {
		int64_t now_us = clock_monotonic_us();

		if (make_room(sessions))
			continue;
		if (!sessions->ending || now_us >= patient_until_us ||
			!condition_wait_for(
				sessions->answered, sessions->mutex, patient_until_us - now_us))
			return false;
	}
	return true;
}

struct session_place *sessions_enter(struct sessions *sessions, struct loop *loop,
	const struct socket_address *peer, size_t max_of_peer, enum session_refusal *refusal)
{
	struct session_place *place = calloc(1, sizeof *place);
	struct peer *found;
	bool ok = false;

	*refusal = SESSION_REFUSED_MEMORY;
	mutex_lock(sessions->mutex);
	found = place ? find_peer(sessions, peer->host) : NULL;
	if (found) {
		found->count++;
		ok = may_enter(sessions, found, max_of_peer, refusal);
		found->count -= !ok;
		forget_peer(found);
	}
	if (ok) {
		place->sessions = sessions;
		place->loop = loop;
		place->peer = found;
		list_append(&sessions->giving_way, &place->link);
		atomic_fetch_add(&sessions->count, 1);
	}
	mutex_unlock(sessions->mutex);
	if (ok)
		return place;
	free(place);
	return NULL;
}

void session_place_leave(struct session_place **left)
{
	struct session_place *place = *left;
	struct sessions *sessions = place->sessions;
	bool is_asked;

	*left = NULL;
	mutex_lock(sessions->mutex);
	list_remove(&place->link);
	place->is_left = true;
	sessions->ending -= place->is_ending;
	condition_signal(sessions->answered);
	place->peer->count--;
	forget_peer(place->peer);
	is_asked = place->is_asked;
	atomic_fetch_sub(&sessions->count, 1);
	mutex_unlock(sessions->mutex);
	if (!is_asked)
		free(place);
}

void session_place_take(struct session_place *place, bool (*give_way)(void *context), void *context)
{
	place->give_way = give_way;
	place->context = context;
}

void session_place_renew(struct session_place *place)
{
	if (place->is_settled)
		return;
	mutex_lock(place->sessions->mutex);
	if (!place->is_ending) {
		list_remove(&place->link);
		list_append(&place->sessions->giving_way, &place->link);
	}
	mutex_unlock(place->sessions->mutex);
}

void session_place_settle(struct session_place *place)
{
	if (place->is_settled)
		return;
	place->is_settled = true;
	mutex_lock(place->sessions->mutex);
	list_remove(&place->link);
	mutex_unlock(place->sessions->mutex);
}
