/* host_certificates.c -- the certificates of a start, and the thread that looks at them from then on. */
#include "host_internal.h"
#include "platform/clock.h"

/* A clock that jumps, e.g. set right after the start of a computer, is noticed in reasonable time. */
static const int64_t one_hour_us = INT64_C(3600) * 1000000;

bool host_certificates_load(struct host *host, struct error *error)
{
	host->engine.certificates =
		certificates_open(&host->service, host->engine.tls_folder, clock_wall_us(), error);
	return host->engine.certificates != NULL;
}

void host_certificates_rename(struct host *host)
{
	certificates_rename(host->engine.certificates, clock_wall_us());
}

static void keeper_thread(void *context)
{
	struct host *host = context;

	mutex_lock(host->service.mutex);
	while (!host->is_ending) {
		mutex_unlock(host->service.mutex);
		certificates_look(host->engine.certificates, clock_wall_us());
		mutex_lock(host->service.mutex);
		if (!host->is_ending)
			condition_wait_for(host->keeper_wakes, host->service.mutex, one_hour_us);
	}
	mutex_unlock(host->service.mutex);
}

bool host_certificates_start(struct host *host, struct error *error)
{
	host->keeper_wakes = condition_new(error);
	if (host->keeper_wakes)
		host->keeper = thread_start("certificates", keeper_thread, host, error);
	return host->keeper != NULL;
}

void host_certificates_stop(struct host *host)
{
	if (host->keeper) {
		mutex_lock(host->service.mutex);
		host->is_ending = true;
		condition_signal(host->keeper_wakes);
		mutex_unlock(host->service.mutex);
	}
	thread_join(&host->keeper);
	condition_free(&host->keeper_wakes);
}
