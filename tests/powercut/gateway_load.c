/* gateway_load.c -- hosts the gateway and lets senders, collectors, an administrator and somebody who makes copies at
 * it. In its first stint what is collected is deleted; from the second on it is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway_load_internal.h"
#include "gateway_wraps.h"
#include "platform/file_watch.h"
#include "replay.h"

enum { STINTS = 2, CHANGE_PAUSE_US = 500 };

/* ---- the gateway ---- */

static struct gateway *host(const char *folder, bool keeps_collected, struct error *error)
{
	const struct gateway_override overrides[] = {
		{ "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "127.0.0.1:0" },
		{ "listen.submission", "127.0.0.1:0" },
		{ "listen.pop3", "127.0.0.1:0" },
		{ "listen.pop3s", "127.0.0.1:0" },
		{ "workers", "2" },
		{ "storage.keep-collected-days", keeps_collected ? "7" : "0" },
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

static enum error_kind kind_of(const json_t *problem)
{
	const char *kind =
		json_string_value(json_object_get(json_object_get(problem, "data"), "kind"));

	if (kind && strcmp(kind, "state") == 0)
		return ERROR_STATE;
	return kind && strcmp(kind, "denied") == 0 ? ERROR_DENIED : ERROR_IO;
}

/* The engine has given the library allocations of its own. */
static void free_json_text(char *text)
{
	json_free_t release;

	json_get_alloc_funcs(NULL, &release);
	release(text);
}

json_t *gateway_load_call(
	struct gateway *gateway, const char *method, json_t *params, struct error *error)
{
	char *given = params ? json_dumps(params, 0) : NULL;
	char *text = NULL;
	bool ok = gateway_call_wait(gateway, method, given, &text);
	json_t *answer = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	json_decref(params);
	free_json_text(given);
	if (!ok || !answer) {
		error_set(error, kind_of(answer), "%s: %.400s", method, text ? text : "no memory");
		json_decref(answer);
		answer = NULL;
	}
	free(text);
	return answer;
}

static bool create_mailbox(
	struct gateway *gateway, struct gateway_load *load, size_t index, struct error *error)
{
	struct gateway_mailbox *mailbox = &load->mailboxes[index];
	struct gateway_keys *keys = &mailbox->keys[0];
	const char *id, *address, *password, *code;
	char text[64];
	json_t *result;
	bool ok;

	snprintf(text, sizeof text, "%zu", index);
	result = gateway_load_call(
		gateway, "mailbox.create", json_pack("{s:s}", "name", text), error);
	if (!result)
		return false;
	ok = json_unpack(result, "{s:s, s:s, s:s, s:s}", "id", &id, "address", &address, "password",
		     &password, "recovery_code", &code) == 0 &&
	     mailbox_id_parse(bytes_of(id), &mailbox->id) &&
	     bytes_copy_text(bytes_of(address), mailbox->address, sizeof mailbox->address) &&
	     bytes_copy_text(bytes_of(password), keys->password, sizeof keys->password) &&
	     bytes_copy_text(bytes_of(code), keys->code, sizeof keys->code);
	keys->generation = 1;
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
	json_t *status = gateway_load_call(gateway, "status", NULL, error);
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

/* ---- keys ---- */

void gateway_stint_keys(
	struct gateway_stint *stint, unsigned mailbox, struct gateway_keys *keys, size_t *change)
{
	const struct gateway_mailbox *known = &stint->load->mailboxes[mailbox];

	mutex_lock(stint->mutex);
	while (known->asked != known->changed && !stint->has_failed) {
		mutex_unlock(stint->mutex);
		usleep(CHANGE_PAUSE_US);
		mutex_lock(stint->mutex);
	}
	*change = known->changed;
	*keys = known->keys[*change];
	mutex_unlock(stint->mutex);
}

bool gateway_stint_has_changed(struct gateway_stint *stint, unsigned mailbox, size_t change)
{
	bool has_changed;

	mutex_lock(stint->mutex);
	has_changed = stint->load->mailboxes[mailbox].asked != change;
	mutex_unlock(stint->mutex);
	return has_changed;
}

/* ---- the threads ---- */

struct client {
	struct gateway_stint *stint;
	struct thread *thread;
	uint64_t random;
	unsigned which, step;
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

	gateway_collect_run(client->stint, client->random, client->which, client->step);
}

static void administrator_thread(void *context)
{
	struct client *client = context;

	gateway_change_run(client->stint, client->random);
}

static void copier_thread(void *context)
{
	struct client *client = context;

	gateway_copy_run(client->stint, client->random);
}

static const struct {
	const char *name;
	void (*run)(void *context);
	unsigned which, step;
} kinds[] = {
	{ "sender", sender_thread, 0, 4 },
	{ "sender", sender_thread, 1, 4 },
	{ "sender", sender_thread, 2, 4 },
	{ "sender", sender_thread, 3, 4 },
	{ "collector", collector_thread, 0, 2 },
	{ "collector", collector_thread, 1, 2 },
	{ "administrator", administrator_thread, 0, 1 },
	{ "copier", copier_thread, 0, 1 },
};
enum { CLIENTS = sizeof kinds / sizeof kinds[0] };

static bool let_clients_work(struct gateway_stint *stint, uint64_t seed, struct error *error)
{
	struct client clients[CLIENTS] = { { .stint = NULL } };
	struct error why;

	for (size_t i = 0; i < CLIENTS; i++)
		stint->senders += kinds[i].run == sender_thread;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *client = &clients[i];

		*client = (struct client){ .stint = stint,
			.random = seed + i,
			.which = kinds[i].which,
			.step = kinds[i].step };
		replay_random(&client->random);
		client->thread = thread_start(kinds[i].name, kinds[i].run, client, &why);
		if (!client->thread)
			gateway_stint_fail(stint, &why);
	}
	for (size_t i = 0; i < CLIENTS; i++)
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
		.gateway = gateway,
		.number = number,
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

	load->told = calloc(load->transactions + 1, sizeof *load->told);
	if (!load->told)
		return error_set_memory(error);
	gateway_hosts_without_sync = load->without_sync;
	for (size_t i = 0; ok && i < STINTS; i++) {
		struct gateway *gateway = host(recording->folder, i > 0, error);

		if (i == 1)
			file_watch_promise("client keeping");
		ok = gateway && work(load, gateway, recording->folder, i, error);
		if (gateway)
			gateway_close(&gateway);
	}
	gateway_hosts_without_sync = false;
	return ok;
}

void gateway_load_clear(struct gateway_load *load)
{
	free(load->told);
	load->told = NULL;
}

/* ---- a start ---- */

static bool verify_ledger(struct gateway *gateway, const json_t *mailbox, struct error *error)
{
	const json_t *id = json_object_get(mailbox, "id");
	json_int_t received = json_integer_value(json_object_get(mailbox, "received"));
	json_t *report = gateway_load_call(
		gateway, "ledger.verify", json_pack("{s:s}", "id", json_string_value(id)), error);
	bool ok;

	if (!report)
		return false;
	ok = json_is_true(json_object_get(report, "ok")) &&
	     json_integer_value(json_object_get(report, "rows")) == received;
	if (!ok)
		error_set(error, ERROR_CORRUPT, "the ledger of %s, %lld received: %.300s",
			json_string_value(id), (long long)received,
			json_string_value(
				json_array_get(json_object_get(report, "differences"), 0)));
	json_decref(report);
	return ok;
}

bool gateway_load_start_once(const char *folder, struct error *error)
{
	struct gateway *gateway = host(folder, true, error);
	json_t *mailboxes =
		gateway ? gateway_load_call(gateway, "mailbox.list", NULL, error) : NULL;
	bool ok = mailboxes != NULL;

	for (size_t i = 0; ok && i < json_array_size(mailboxes); i++)
		ok = verify_ledger(gateway, json_array_get(mailboxes, i), error);
	json_decref(mailboxes);
	if (gateway)
		gateway_close(&gateway);
	return ok;
}
