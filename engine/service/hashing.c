/* hashing.c -- the queue is one list in the order of arrival; a thread takes the first request of a client
 * that has none running, or, if all have, the first. A client may have a quarter of the queue. */
#include "service/hashing.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "platform/semaphore.h"
#include "platform/thread.h"
#include "service/keyring_load.h"

enum { SHARE_OF_ONE_CLIENT = HASHING_QUEUE_MAX / 4 };

struct hashing {
	struct mutex *mutex;
	struct condition *filled;
	struct list waiting;
	size_t waiting_count;
	struct hash_request *running[HASHING_THREADS];
	struct thread *threads[HASHING_THREADS];
	size_t started;
	bool is_closing;
	/* What is opened for a mailbox that does not exist: as costly, and no phrase opens it. */
	struct id decoy_mailbox;
	struct buf decoy;
};

static bool is_served(const struct hashing *hashing, const struct hash_request *request)
{
	for (size_t i = 0; i < HASHING_THREADS; i++) {
		if (hashing->running[i] &&
			strcmp(hashing->running[i]->client, request->client) == 0)
			return true;
	}
	return false;
}

/* Under the mutex. */
static struct hash_request *take(struct hashing *hashing)
{
	struct list *link;

	if (list_is_empty(&hashing->waiting))
		return NULL;
	list_for_each (link, &hashing->waiting) {
		struct hash_request *request = list_entry(link, struct hash_request, link);

		if (!is_served(hashing, request))
			break;
	}
	if (link == &hashing->waiting)
		link = hashing->waiting.next;
	list_remove(link);
	hashing->waiting_count--;
	return list_entry(link, struct hash_request, link);
}

static void check(const struct hashing *hashing, struct hash_request *request)
{
	struct bytes phrase = bytes_make(request->phrase, request->phrase_size);
	bool exists = request->wrap_size > 0;
	struct bytes wrap =
		exists ? bytes_make(request->wrap, request->wrap_size) : buf_view(&hashing->decoy);

	request->secret_keys = NULL;
	request->keyring = NULL;
	key_unwrap(WRAP_PASSWORD, exists ? &request->mailbox : &hashing->decoy_mailbox, wrap,
		phrase, &request->secret_keys, &request->error);
	if (!exists && request->secret_keys) {
		secret_free(request->secret_keys);
		request->secret_keys = NULL;
	}
	if (request->secret_keys && request->store)
		request->keyring = keyring_load(request->store, &request->mailbox,
			&request->public_keys, request->secret_keys, &request->error);
}

static void hashing_thread(void *context)
{
	struct hashing *hashing = context;
	struct hash_request *request;
	size_t own;

	mutex_lock(hashing->mutex);
	own = hashing->started++;
	for (;;) {
		while (!(request = take(hashing)) && !hashing->is_closing)
			condition_wait(hashing->filled, hashing->mutex);
		if (!request)
			break;
		hashing->running[own] = request;
		mutex_unlock(hashing->mutex);
		if (request->work)
			request->work(request);
		else
			check(hashing, request);
		mutex_lock(hashing->mutex);
		/* Before done: the request is not ours after it. */
		hashing->running[own] = NULL;
		mutex_unlock(hashing->mutex);
		request->done(request);
		mutex_lock(hashing->mutex);
	}
	mutex_unlock(hashing->mutex);
}

static bool make_decoy(struct hashing *hashing, struct error *error)
{
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys = NULL;
	uint8_t phrase[32];
	bool ok;

	random_bytes(phrase, sizeof phrase);
	hashing->decoy_mailbox = random_id();
	ok = mailbox_keys_generate(&public_keys, &secret_keys, error) &&
	     key_wrap(WRAP_PASSWORD, &hashing->decoy_mailbox, secret_keys,
		     bytes_make(phrase, sizeof phrase), &WRAP_COST_DEFAULT, &hashing->decoy, error);
	secret_free(secret_keys);
	memory_wipe(phrase, sizeof phrase);
	return ok;
}

struct hashing *hashing_start(struct error *error)
{
	struct hashing *hashing = calloc(1, sizeof *hashing);

	if (!hashing) {
		error_set_memory(error);
		return NULL;
	}
	list_init(&hashing->waiting);
	buf_init(&hashing->decoy, WRAP_SIZE_MAX);
	hashing->mutex = mutex_new(error);
	hashing->filled = condition_new(error);
	if (!hashing->mutex || !hashing->filled || !make_decoy(hashing, error)) {
		hashing_stop(&hashing);
		return NULL;
	}
	for (size_t i = 0; i < HASHING_THREADS; i++) {
		hashing->threads[i] = thread_start("hashing", hashing_thread, hashing, error);
		if (!hashing->threads[i]) {
			hashing_stop(&hashing);
			return NULL;
		}
	}
	return hashing;
}

void hashing_stop(struct hashing **hashing)
{
	struct hashing *stopped = *hashing;

	if (!stopped)
		return;
	if (stopped->mutex && stopped->filled) {
		mutex_lock(stopped->mutex);
		stopped->is_closing = true;
		condition_broadcast(stopped->filled);
		mutex_unlock(stopped->mutex);
	}
	for (size_t i = 0; i < HASHING_THREADS; i++)
		thread_join(&stopped->threads[i]);
	buf_clear(&stopped->decoy);
	mutex_free(&stopped->mutex);
	condition_free(&stopped->filled);
	free(stopped);
	*hashing = NULL;
}

/* Under the mutex. */
static size_t waiting_of(const struct hashing *hashing, const char *client)
{
	const struct list *link;
	size_t count = 0;

	list_for_each (link, &hashing->waiting) {
		const struct hash_request *request =
			(const struct hash_request *)((const char *)link -
						      offsetof(struct hash_request, link));

		count += strcmp(request->client, client) == 0;
	}
	return count;
}

bool hashing_submit(struct hashing *hashing, struct hash_request *request)
{
	bool fits;

	mutex_lock(hashing->mutex);
	fits = !hashing->is_closing && hashing->waiting_count < HASHING_QUEUE_MAX &&
	       waiting_of(hashing, request->client) < SHARE_OF_ONE_CLIENT;
	if (fits) {
		list_append(&hashing->waiting, &request->link);
		hashing->waiting_count++;
		condition_signal(hashing->filled);
	}
	mutex_unlock(hashing->mutex);
	return fits;
}

/* ---- for those who wait ---- */

const char HASHING_CONTROL[] = "control";

struct errand {
	struct hash_request request;
	struct semaphore *done;
	enum wrap_kind kind;
	struct bytes phrase;
	const struct mailbox_secret_keys *secret_keys; /* NULL: `wrapped` is opened */
	struct bytes wrapped;
	struct buf *made;
	bool ok;
};

static void run_errand(struct hash_request *request)
{
	struct errand *errand = request->context;

	errand->ok =
		errand->secret_keys
			? key_wrap(errand->kind, &request->mailbox, errand->secret_keys,
				  errand->phrase, &WRAP_COST_DEFAULT, errand->made, &request->error)
			: key_unwrap(errand->kind, &request->mailbox, errand->wrapped,
				  errand->phrase, &request->secret_keys, &request->error);
}

static void end_errand(struct hash_request *request)
{
	struct errand *errand = request->context;

	semaphore_post(errand->done);
}

static bool wait_for(struct hashing *hashing, struct errand *errand, struct error *error)
{
	struct hash_request *request = &errand->request;

	request->work = run_errand;
	request->done = end_errand;
	request->context = errand;
	snprintf(request->client, sizeof request->client, "%s", HASHING_CONTROL);
	errand->done = semaphore_new(error);
	if (!errand->done)
		return false;
	if (!hashing_submit(hashing, request)) {
		error_set(error, ERROR_BUSY,
			"too many passwords are being checked; try again in a moment");
	} else {
		semaphore_wait(errand->done);
		if (!errand->ok && error)
			*error = request->error;
	}
	semaphore_free(&errand->done);
	return errand->ok;
}

bool hashing_wrap(struct hashing *hashing, enum wrap_kind kind, const struct id *mailbox,
	const struct mailbox_secret_keys *secret_keys, struct bytes phrase, struct buf *wrapped,
	struct error *error)
{
	struct errand errand = { .request = { .mailbox = *mailbox },
		.kind = kind,
		.phrase = phrase,
		.secret_keys = secret_keys,
		.made = wrapped };

	return wait_for(hashing, &errand, error);
}

bool hashing_unwrap(struct hashing *hashing, enum wrap_kind kind, const struct id *mailbox,
	struct bytes wrapped, struct bytes phrase, struct mailbox_secret_keys **secret_keys,
	struct error *error)
{
	struct errand errand = { .request = { .mailbox = *mailbox },
		.kind = kind,
		.phrase = phrase,
		.wrapped = wrapped };

	if (!wait_for(hashing, &errand, error))
		return false;
	*secret_keys = errand.request.secret_keys;
	return true;
}
