/* store_damage.c -- a database with damaged pages. What can be read of it is still handed out, and nothing is written:
 * a tree with a wrong page gets worse by it. That lasts until the store is opened again. */
#include "store_internal.h"

void damage_note(struct store *store, const struct error *why)
{
	struct damage *damage = &store->damage;
	bool is_new;

	mutex_lock(store->committer.mutex);
	is_new = !atomic_load(&damage->is_there);
	if (is_new) {
		damage->why = *why;
		atomic_store(&damage->is_there, true);
	}
	mutex_unlock(store->committer.mutex);
	if (is_new)
		store->options.on_damage(store->options.context, why);
}

bool store_is_damaged(struct store *store, struct error *why)
{
	if (!damage_is_there(store))
		return false;
	mutex_lock(store->committer.mutex);
	if (why)
		*why = store->damage.why;
	mutex_unlock(store->committer.mutex);
	return true;
}

bool damage_refuses(struct store *store, struct error *error)
{
	(void)store;
	return error_set(error, ERROR_CORRUPT,
		"the database is damaged and is only read: mail can be collected and exported, and "
		"nothing can be received, deleted or changed until a backup is restored");
}
