/* host_internal.h -- a hosted engine: everything it is made of, and who makes it. host.c owns the order of
 * start and end; host_settings.c and host_certificates.c make their parts. */
#ifndef LG_GATEWAY_HOST_INTERNAL_H
#define LG_GATEWAY_HOST_INTERNAL_H

#include "control/control.h"
#include "gateway/gateway.h"
#include "platform/instance_lock.h"

enum { WORKERS_MAX = 64, OLD_CONTEXTS_MAX = 16 };

struct host {
	struct control_engine engine;
	struct service service;
	struct instance_lock *lock;
	struct loop *loops[WORKERS_MAX];
	size_t loop_count;
	struct control *control;
	/* the certificates' daily look */
	struct thread *keeper;
	struct condition *keeper_wakes; /* with service.mutex */
	bool is_ending;			/* under service.mutex */
	struct tls_context *old_contexts[OLD_CONTEXTS_MAX];
	size_t old_context_count;
	bool is_reload_due; /* a certificate was renewed and is not used yet; the keeper's own */
};

struct host *host_open(
	const struct gateway_options *options, enum gateway_failure *failure, struct error *error);
void host_close(struct host **host);

/* Fills service.config and service.hostname from the store and the overrides; on the first start chooses host
 * name and ports, and saves them. */
bool host_settings_load(
	struct host *host, const struct gateway_options *options, struct error *error);

/* Makes what is missing and loads it into service.tls. */
bool host_certificates_load(struct host *host, struct error *error);
/* Looks once a day until host_certificates_stop(). */
bool host_certificates_start(struct host *host, struct error *error);
void host_certificates_stop(struct host *host);

#endif
