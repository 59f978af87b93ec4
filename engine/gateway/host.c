/* host.c -- builds the engine from the ground up and takes it down in reverse. The order is the point: nothing
 * listens before the store is open and the keys are loaded; nothing is closed that something above still
 * uses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/secret.h"
#include "host_internal.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "service/quarantine.h"
#include "service/restored.h"

enum {
	/* Sessions are told to end; what is stuck after that is cut. */
	SESSION_GRACE_MS = 3000,
	/* Descriptors beyond those of sessions: listeners, database, bodies, loops. */
	SPARE_FILES = 256,
};

static void on_store_trouble(void *context, const struct error *trouble)
{
	struct host *host = context;

	if (trouble->kind == ERROR_NONE)
		problems_resolve(host->service.problems, "store");
	else
		problems_raise(host->service.problems, clock_wall_us(), PROBLEM_ERROR, "store",
			trouble->text,
			"Senders are asked to try again later, so no mail is lost. Look at the "
			"disk.");
}

static void on_store_damage(void *context, const struct error *why)
{
	struct host *host = context;

	service_set_doubt(&host->service, SERVICE_DEGRADED, true);
	problems_raise(host->service.problems, clock_wall_us(), PROBLEM_ERROR, "database",
		why->text,
		"Mail can be collected and exported; it is not received, and senders try again. "
		"Look "
		"at the disk. Then restore the last good backup: lettergatectl backup restore "
		"PATH. "
		"Without one, save what can be read: lettergatectl mailbox export.");
}

static bool prepare_folder(struct host *host, const struct gateway_options *options,
	enum gateway_failure *failure, struct error *error)
{
	struct control_engine *engine = &host->engine;
	char path[PATH_SIZE];
	bool is_locked;

	if (options->data_folder) {
		if (!bytes_copy_text(bytes_of(options->data_folder), path, sizeof path))
			return error_set(
				error, ERROR_INVALID, "the path of the data folder is too long");
	} else if (!path_default_data(path, error)) {
		return false;
	}
	if (!folder_create(path, error) || !folder_check_own(path, error) ||
		!path_canonical(path, engine->data_folder, error) ||
		!path_join(engine->data_folder, "tls", engine->tls_folder, error) ||
		!path_join(engine->data_folder, "lock", path, error))
		return false;
	host->lock = instance_lock_take(path, error);
	is_locked = host->lock != NULL;
	/* Nothing else that is busy means that a gateway runs there. */
	if (!is_locked && error->kind == ERROR_BUSY)
		*failure = GATEWAY_IN_USE;
	return is_locked;
}

/* What is to be done to the store's files while nobody has them open. */
static bool prepare_storage(struct host *host, struct error *error)
{
	struct control_engine *engine = &host->engine;
	char path[PATH_SIZE];

	if (!host_move(engine->data_folder, engine->storage_folder, &host->move_trouble, error))
		return false;
	if (strcmp(engine->storage_folder, engine->data_folder) != 0) {
		if (!path_join(engine->storage_folder, "lock", path, error))
			return false;
		host->storage_lock = instance_lock_take(path, error);
		if (!host->storage_lock)
			return false;
	}
	return host_restore(engine->storage_folder, engine->data_folder, error);
}

static void tell_move_trouble(struct host *host)
{
	if (host->move_trouble.kind != ERROR_NONE)
		problems_raise(host->service.problems, clock_wall_us(), PROBLEM_ERROR,
			"storage-move", host->move_trouble.text,
			"The mail is where it was, and nothing is lost. Look at both disks; then "
			"begin again: lettergatectl storage move PATH.");
}

static bool open_store(struct host *host, struct error *error)
{
	struct service *service = &host->service;
	struct store_options options = {
		.folder = host->engine.storage_folder,
		.on_trouble = on_store_trouble,
		.on_damage = on_store_damage,
		.context = host,
		.ballast_bytes = STORE_BALLAST_BYTES,
	};

	service->mutex = mutex_new(error);
	service->changing = mutex_new(error);
	service->notices = service->mutex && service->changing ? notices_new(error) : NULL;
	service->problems = service->notices ? problems_new(service->notices, error) : NULL;
	service->directory = service->problems ? directory_new(service->problems, error) : NULL;
	service->maildrops = service->directory ? maildrops_new(error) : NULL;
	service->login_guard =
		service->maildrops ? login_guard_new(service->problems, error) : NULL;
	service->sessions = service->login_guard ? sessions_new(error) : NULL;
	if (!service->sessions)
		return false;
	tell_move_trouble(host);
	service->store = store_open(&options, error);
	if (!service->store)
		return false;
	host->engine.mailboxes = (struct mailboxes){
		.store = service->store,
		.directory = service->directory,
		.notices = service->notices,
		.changing = service->changing,
	};
	return mailboxes_load(&host->engine.mailboxes, error) &&
	       quarantine_load(service->store, service->problems, clock_wall_us(), error);
}

static bool start_loops(struct host *host, struct error *error)
{
	size_t wanted = (size_t)host->service.config.workers;

	if (!wanted)
		wanted = thread_core_count();
	if (wanted > WORKERS_MAX)
		wanted = WORKERS_MAX;
	for (; host->loop_count < wanted; host->loop_count++) {
		host->loops[host->loop_count] = loop_start("worker", error);
		if (!host->loops[host->loop_count])
			return false;
	}
	host->engine.worker = host->loops[0];
	return true;
}

void host_raise_file_limit(struct host *host, uint64_t sessions)
{
	uint64_t wanted = 2 * sessions + SPARE_FILES;
	uint64_t got = 0;
	struct error error;

	if (process_raise_file_limit(wanted, &got, &error) && got >= wanted) {
		problems_resolve(host->service.problems, "open-files");
		return;
	}
	problems_raise(host->service.problems, clock_wall_us(), PROBLEM_WARNING, "open-files",
		"The limit of open files is lower than the number of sessions needs.",
		"Raise it (ulimit -n, or LimitNOFILE= of the service), or lower limits.sessions.");
}

static bool start_watching(struct host *host, struct error *error)
{
	host->monitor = monitor_new(&host->service, error);
	if (!host->monitor || !monitor_start(host->monitor, error))
		return false;
	host->alerts = alerts_start(&host->service, error);
	return host->alerts && ledger_reporter_start(host->engine.reporter, error);
}

static bool start_services(
	struct host *host, const struct gateway_options *options, struct error *error)
{
	char socket_path[PATH_SIZE];

	host->service.hashing = hashing_start(error);
	if (!host->service.hashing || !start_loops(host, error))
		return false;
	host->engine.mailboxes.hashing = host->service.hashing;
	host->service.tenant_notes = tenant_notes_start(&host->engine.mailboxes, error);
	if (!host->service.tenant_notes)
		return false;
	host_raise_file_limit(host, host->service.config.limits_sessions);
	host->engine.reception = reception_open(&host->service, &host->service.config, error);
	host->engine.reporter = ledger_reporter_new(&host->service, host->engine.worker, error);
	if (!host->engine.reception || !host->engine.reporter)
		return false;
	host->engine.service = &host->service;
	host->engine.restart = options->on_restart;
	host->engine.restart_context = options->context;
	host->engine.use_setting = host_use_setting;
	host->engine.use_setting_context = host;
	host->engine.started_us = clock_monotonic_us();
	host->control = control_start(&host->engine, error);
	/* The socket last: a setting that it brings may change the listeners. */
	return host->control && host_certificates_start(host, error) &&
	       reception_start(host->engine.reception, host->loops, host->loop_count, error) &&
	       start_watching(host, error) &&
	       path_control_socket(host->engine.data_folder, true, socket_path, error) &&
	       control_serve(host->control, socket_path, error);
}

static bool start_secrets(struct error *error)
{
	if (!secret_start(SECRET_SLAB_BYTES, error))
		return false;
	secret_set_max(SECRET_MAX_BYTES);
	return true;
}

struct host *host_open(
	const struct gateway_options *options, enum gateway_failure *failure, struct error *error)
{
	struct host *host = calloc(1, sizeof *host);

	*failure = GATEWAY_FAILED;
	if (!host) {
		error_set_memory(error);
		return NULL;
	}
	if (process_harden(false, error) && prepare_folder(host, options, failure, error) &&
		prepare_storage(host, error) && start_secrets(error) && open_store(host, error) &&
		host_settings_load(host, options, error) &&
		restored_load(&host->service, host->engine.storage_folder, error) &&
		host_certificates_load(host, error) && start_services(host, options, error)) {
		log_event(LOG_INFO, "gateway.started", "version=%s data=\"%s\" workers=%zu",
			LETTERGATE_VERSION, host->engine.data_folder, host->loop_count);
		return host;
	}
	host_close(&host);
	return NULL;
}

static void stop_loop(void *loop)
{
	loop_stop(loop, SESSION_GRACE_MS);
}

/* All at once: one after the other, each would wait for the stuck peers of its own. */
static void stop_loops(struct host *host)
{
	struct thread *stopping[WORKERS_MAX] = { NULL };

	for (size_t i = 0; i < host->loop_count; i++) {
		stopping[i] = thread_start("stopping", stop_loop, &host->loops[i], NULL);
		if (!stopping[i])
			stop_loop(&host->loops[i]);
	}
	for (size_t i = 0; i < host->loop_count; i++)
		thread_join(&stopping[i]);
}

void host_close(struct host **host)
{
	struct host *closed = *host;
	struct service *service;
	bool is_started;

	if (!closed)
		return;
	service = &closed->service;
	is_started = closed->control != NULL;
	atomic_store(&service->is_ending, true);
	alerts_stop(&closed->alerts);
	monitor_free(&closed->monitor);
	if (closed->engine.reporter)
		ledger_reporter_stop(closed->engine.reporter);
	/* The listeners' list is shown by methods: they end before it goes. */
	control_stop(&closed->control);
	ledger_reporter_free(&closed->engine.reporter);
	reception_close(&closed->engine.reception);
	stop_loops(closed);
	hashing_stop(&service->hashing);
	if (service->mutex)
		host_certificates_stop(closed);
	tenant_notes_stop(&service->tenant_notes);
	store_close(&service->store);
	if (is_started)
		log_event(LOG_INFO, "gateway.ended", "data=\"%s\"", closed->engine.data_folder);
	/* It may still raise a problem. */
	host_log_stop(closed);
	sessions_free(&service->sessions);
	login_guard_free(&service->login_guard);
	maildrops_free(&service->maildrops);
	directory_free(&service->directory);
	problems_free(&service->problems);
	notices_free(&service->notices);
	certificates_close(&closed->engine.certificates);
	mutex_free(&service->mutex);
	mutex_free(&service->changing);
	instance_lock_release(&closed->storage_lock);
	instance_lock_release(&closed->lock);
	free(closed);
	*host = NULL;
}
