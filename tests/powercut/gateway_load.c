/* gateway_load.c -- hosts the gateway and lets senders and collectors at it.
 *
 * That it can commit without syncing is a matter of linking: this program is linked with
 * --wrap=store_open, so the engine's call comes by here. Nothing in the engine knows of it. */
#include "gateway_load.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "gateway/gateway.h"
#include "gateway_load_internal.h"
#include "platform/file_watch.h"
#include "replay.h"

enum { SENDERS = 4, COLLECTORS = 2, STINTS = 2 };

/* ---- the store that the gateway opens ---- */

static bool hosts_without_sync;

struct store *__real_store_open(const struct store_options *options, struct error *error);
struct store *__wrap_store_open(const struct store_options *options, struct error *error);

struct store *__wrap_store_open(const struct store_options *options, struct error *error)
{
	struct store_options changed = *options;

	changed.without_sync |= hosts_without_sync;
	return __real_store_open(&changed, error);
}

/* ---- the gateway ---- */

static struct gateway *host(const char *folder, struct error *error)
{
	static const struct gateway_override overrides[] = {
		{ "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "127.0.0.1:0" },
		{ "listen.submission", "127.0.0.1:0" },
		{ "listen.pop3", "127.0.0.1:0" },
		{ "listen.pop3s", "127.0.0.1:0" },
		{ "workers", "2" },
	};
	const struct gateway_options options = {
		.data_folder = folder,
		.overrides = overrides,
		.override_count = sizeof overrides / sizeof overrides[0],
	};
	struct gateway_error why;
	struct gateway *gateway = gateway_open(&options, &why);

	if (!gateway)
		error_set(error, ERROR_STATE, "the gateway does not start: %.400s", why.text);
	return gateway;
}

bool gateway_load_start_once(const char *folder, struct error *error)
{
	struct gateway *gateway = host(folder, error);

	if (!gateway)
		return false;
	gateway_close(&gateway);
	return true;
}

/* NULL with the error filled. */
static json_t *call(
	struct gateway *gateway, const char *method, const char *params, struct error *error)
{
	char *text = NULL;
	json_t *result = NULL;

	if (gateway_call_wait(gateway, method, params, &text))
		result = json_loads(text, 0, NULL);
	if (!result)
		error_set(error, ERROR_STATE, "%s: %.400s", method, text ? text : "no memory");
	free(text);
	return result;
}

static bool create_mailbox(
	struct gateway *gateway, struct gateway_load *load, size_t index, struct error *error)
{
	struct gateway_mailbox *mailbox = &load->mailboxes[index];
	const char *id, *address, *password;
	char text[64];
	json_t *result;
	bool ok;

	snprintf(text, sizeof text, "{\"name\": \"%zu\"}", index);
	result = call(gateway, "mailbox.create", text, error);
	if (!result)
		return false;
	ok = json_unpack(result, "{s:s, s:s, s:s}", "id", &id, "address", &address, "password",
		     &password) == 0 &&
	     mailbox_id_parse(bytes_of(id), &mailbox->id) &&
	     bytes_copy_text(bytes_of(address), mailbox->address, sizeof mailbox->address) &&
	     bytes_copy_text(bytes_of(password), mailbox->password, sizeof mailbox->password);
	json_decref(result);
	if (!ok)
		return error_set(error, ERROR_STATE, "mailbox.create answers something else");
	mailbox_id_text(&mailbox->id, mailbox->id_text);
	snprintf(text, sizeof text, "client created %zu", index);
	file_watch_promise(text);
	return true;
}

static bool find_ports(struct gateway *gateway, struct gateway_ports *ports, struct error *error)
{
	const struct {
		const char *service;
		uint16_t *port;
	} services[] = {
		{ "smtp", &ports->smtp },
		{ "smtps", &ports->smtps },
		{ "pop3", &ports->pop3 },
		{ "pop3s", &ports->pop3s },
	};
	json_t *status = call(gateway, "status", NULL, error);
	json_t *row;
	size_t index;

	if (!status)
		return false;
	json_array_foreach(json_object_get(status, "listeners"), index, row)
	{
		const char *service = json_string_value(json_object_get(row, "service"));

		for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
			if (service && strcmp(service, services[i].service) == 0)
				*services[i].port =
					(uint16_t)json_integer_value(json_object_get(row, "port"));
		}
	}
	json_decref(status);
	return (ports->smtp && ports->smtps && ports->pop3 && ports->pop3s) ||
	       error_set(error, ERROR_STATE, "a listener is missing");
}

/* ---- a stint ---- */

uint64_t gateway_stint_next(struct gateway_stint *stint)
{
	uint64_t number = 0;

	mutex_lock(stint->mutex);
	if (!stint->has_failed && stint->next < stint->end)
		number = stint->next++;
	mutex_unlock(stint->mutex);
	return number;
}

bool gateway_stint_is_over(struct gateway_stint *stint)
{
	bool is_over;

	mutex_lock(stint->mutex);
	is_over = stint->has_failed || !stint->senders;
	mutex_unlock(stint->mutex);
	return is_over;
}

void gateway_stint_fail(struct gateway_stint *stint, const struct error *error)
{
	mutex_lock(stint->mutex);
	if (!stint->has_failed)
		stint->error = *error;
	stint->has_failed = true;
	mutex_unlock(stint->mutex);
}

struct client {
	struct gateway_stint *stint;
	struct thread *thread;
	uint64_t random;
	unsigned number;
};

static void sender_thread(void *context)
{
	struct client *client = context;
	struct gateway_stint *stint = client->stint;

	gateway_send_run(stint, client->random);
	mutex_lock(stint->mutex);
	stint->senders--;
	mutex_unlock(stint->mutex);
}

static void collector_thread(void *context)
{
	struct client *client = context;

	gateway_collect_run(client->stint, client->random, client->number - SENDERS, COLLECTORS);
}

static bool let_clients_work(struct gateway_stint *stint, uint64_t seed, struct error *error)
{
	struct client clients[SENDERS + COLLECTORS] = { { .stint = NULL } };
	struct error why;

	stint->senders = SENDERS;
	for (unsigned i = 0; i < SENDERS + COLLECTORS; i++) {
		struct client *client = &clients[i];

		*client = (struct client){ .stint = stint, .random = seed + i, .number = i };
		replay_random(&client->random);
		client->thread = thread_start(i < SENDERS ? "sender" : "collector",
			i < SENDERS ? sender_thread : collector_thread, client, &why);
		if (!client->thread)
			gateway_stint_fail(stint, &why);
	}
	for (size_t i = 0; i < SENDERS + COLLECTORS; i++)
		thread_join(&clients[i].thread);
	if (stint->has_failed)
		*error = stint->error;
	return !stint->has_failed;
}

static bool work(struct gateway_load *load, struct gateway *gateway, const char *folder,
	size_t number, struct error *error)
{
	const size_t share = load->transactions / STINTS;
	struct gateway_stint stint = {
		.load = load,
		.next = 1 + number * share,
		.end = number + 1 == STINTS ? load->transactions + 1 : 1 + (number + 1) * share,
	};
	bool ok = path_join(folder, "tls/authority.crt", stint.authority, error);

	for (size_t i = 0; ok && !number && i < GATEWAY_MAILBOXES; i++)
		ok = create_mailbox(gateway, load, i, error);
	stint.mutex = ok ? mutex_new(error) : NULL;
	ok = stint.mutex && find_ports(gateway, &stint.ports, error) &&
	     let_clients_work(&stint, load->seed * 1000 + number * 100, error);
	mutex_free(&stint.mutex);
	return ok;
}

bool gateway_load_run(struct gateway_load *load, struct recording *recording, struct error *error)
{
	bool ok = true;

	hosts_without_sync = load->without_sync;
	for (size_t i = 0; ok && i < STINTS; i++) {
		struct gateway *gateway = host(recording->folder, error);

		ok = gateway && work(load, gateway, recording->folder, i, error);
		if (gateway)
			gateway_close(&gateway);
	}
	hosts_without_sync = false;
	return ok;
}

/* ---- the keys ---- */

static bool open_keys(struct gateway_mailbox *mailbox, struct store *store, struct error *error)
{
	struct store_mailbox_counts counts;
	struct store_mailbox *stored = &mailbox->stored;
	struct mailbox_secret_keys *secret_keys = NULL;

	if (!store_mailbox_get(store, &mailbox->id, stored, &counts, error))
		return false;
	memcpy(mailbox->public_keys.identity, stored->identity_key, IDENTITY_KEY_SIZE);
	mailbox->public_keys.generation = stored->generation;
	memcpy(mailbox->public_keys.box, stored->box_key, BOX_KEY_SIZE);
	memcpy(mailbox->public_keys.signature, stored->key_signature, KEY_SIGNATURE_SIZE);
	if (mailbox_keys_verify(&mailbox->public_keys, &mailbox->id, error) &&
		key_unwrap(WRAP_PASSWORD, &mailbox->id,
			bytes_make(stored->password_wrap, stored->password_wrap_size),
			bytes_of(mailbox->password), &secret_keys, error))
		mailbox->keyring =
			mailbox_keyring_open(&mailbox->public_keys, secret_keys, NULL, 0, error);
	secret_free(secret_keys);
	return mailbox->keyring != NULL;
}

bool gateway_load_keys(struct gateway_load *load, const char *folder, struct error *error)
{
	const struct store_options options = { .folder = folder, .without_sync = true };
	struct store *store = store_open(&options, error);
	bool ok = store != NULL;

	for (size_t i = 0; ok && i < GATEWAY_MAILBOXES; i++)
		ok = open_keys(&load->mailboxes[i], store, error);
	store_close(&store);
	return ok;
}

void gateway_load_clear(struct gateway_load *load)
{
	for (size_t i = 0; i < GATEWAY_MAILBOXES; i++) {
		mailbox_keyring_free(&load->mailboxes[i].keyring);
		memory_wipe(load->mailboxes[i].password, sizeof load->mailboxes[i].password);
	}
}
