/* host_internal.h -- a hosted engine: everything it is made of, and who makes it. host.c owns the order of
 * start and end; host_settings.c and host_certificates.c make their parts. */
#ifndef LG_GATEWAY_HOST_INTERNAL_H
#define LG_GATEWAY_HOST_INTERNAL_H

#include "control/alerts.h"
#include "control/control.h"
#include "gateway/gateway.h"
#include "platform/instance_lock.h"
#include "platform/log_file.h"
#include "service/monitor.h"

enum { WORKERS_MAX = 64 };

struct host {
	struct control_engine engine;
	struct service service;
	struct instance_lock *lock;
	struct instance_lock *storage_lock; /* of a store that is not in the data folder */
	struct loop *loops[WORKERS_MAX];
	struct error move_trouble; /* host_move() */
	size_t loop_count;
	struct control *control;
	struct monitor *monitor;
	struct alerts *alerts;
	struct log_file *log_file; /* NULL: log.file is off */
	/* the certificates' hourly look */
	struct thread *keeper;
	struct condition *keeper_wakes; /* with service.mutex */
	bool is_ending;			/* under service.mutex */
};

struct host *host_open(
	const struct gateway_options *options, enum gateway_failure *failure, struct error *error);
void host_close(struct host **host);

/* Fills service.config and service.hostname from the store and the overrides; on the first start chooses host
 * name and ports, and saves them. */
bool host_settings_load(
	struct host *host, const struct gateway_options *options, struct error *error);

/* How a setting that is changed while the gateway runs reaches what it is about. One table, which has a row for
 * each setting that needs no restart (config_option.needs_restart). A control_engine.use_setting. */
bool host_use_setting(
	void *host, const char *key, const struct config *changed, struct error *error);
bool host_can_use_setting(const char *key);
/* As many files as the sessions may need; too few are a problem. */
void host_raise_file_limit(struct host *host, uint64_t sessions);

/* The settings storage.*: the reserve, and how long collected mail is kept. */
bool host_storage_use(struct host *host, const struct config *config, struct error *error);
/* Octets to leave free on a disk of that size; `setting` 0 is automatic. */
uint64_t host_storage_reserve(uint64_t setting, uint64_t total_bytes);

/* Before the store opens, with the data folder locked: puts a backup that was made ready in its place, or ends what
 * an earlier start began. It may be called again after a failure, or a crash, at any point. */
bool host_restore(const char *storage_folder, const char *data_folder, struct error *error);

/* Before that: finds the folder of the store, and ends a move that was asked for (service/storage_move.h). What stands in
 * the way of the move is told in *trouble, which is empty otherwise; the store is then where it was. May be called again
 * after a crash at any point. False: there is no store to begin with. */
bool host_move(const char *data_folder, char storage_folder[PATH_SIZE], struct error *trouble,
	struct error *error);

/* The settings log.*: level, masking, and the file in the data folder. */
bool host_log_use(struct host *host, const struct config *config, struct error *error);
void host_log_stop(struct host *host);

/* Makes what is missing and loads it into service.tls. */
bool host_certificates_load(struct host *host, struct error *error);
/* Looks once an hour until host_certificates_stop(). */
bool host_certificates_start(struct host *host, struct error *error);
void host_certificates_stop(struct host *host);
/* service.hostname is new: makes the certificates anew for it. What stands in the way is a problem. */
void host_certificates_rename(struct host *host);

#endif
