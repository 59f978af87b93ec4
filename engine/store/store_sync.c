/* store_sync.c -- large bodies are put on the disk by a few threads at once before the committer sees
 * them: many syncs together cost little more than one, and small mail does not wait behind them.
 *
 * The invariant: what reaches the committer has been synced. What could not be is refused here; its
 * file goes, since nothing was ever said about it. */
#include <assert.h>

#include "store_internal.h"

bool syncers_init(struct syncers *syncers, struct error *error)
{
	list_init(&syncers->waiting);
	syncers->mutex = mutex_new(error);
	syncers->filled = syncers->mutex ? condition_new(error) : NULL;
	return syncers->mutex && syncers->filled;
}

void syncers_clear(struct syncers *syncers)
{
	condition_free(&syncers->filled);
	mutex_free(&syncers->mutex);
}

void syncers_submit(struct store *store, struct store_request *request)
{
	struct syncers *syncers = &store->syncers;

	mutex_lock(syncers->mutex);
	list_append(&syncers->waiting, &request->link);
	condition_signal(syncers->filled);
	mutex_unlock(syncers->mutex);
}

static struct store_request *take(struct syncers *syncers)
{
	struct list *link;

	mutex_lock(syncers->mutex);
	while (list_is_empty(&syncers->waiting) && !syncers->is_stopping)
		condition_wait(syncers->filled, syncers->mutex);
	link = list_take_first(&syncers->waiting);
	mutex_unlock(syncers->mutex);
	return link ? list_entry(link, struct store_request, link) : NULL;
}

static void run(void *context)
{
	struct store *store = context;
	struct store_request *request;

	while ((request = take(&store->syncers))) {
		if (body_sync(delivery_body(request), request->error)) {
			committer_submit(store, request);
			continue;
		}
		store_trouble(store, request->error);
		delivery_refuse(store, request);
	}
}

bool syncers_start(struct store *store, struct error *error)
{
	for (size_t i = 0; i < SYNCER_COUNT; i++) {
		store->syncers.threads[i] = thread_start("store-sync", run, store, error);
		if (!store->syncers.threads[i])
			return false;
	}
	return true;
}

void syncers_stop(struct store *store)
{
	struct syncers *syncers = &store->syncers;

	if (!syncers->filled)
		return;
	mutex_lock(syncers->mutex);
	syncers->is_stopping = true;
	condition_broadcast(syncers->filled);
	mutex_unlock(syncers->mutex);
	for (size_t i = 0; i < SYNCER_COUNT; i++)
		thread_join(&syncers->threads[i]);
}
