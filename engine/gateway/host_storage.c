/* host_storage.c -- the settings storage.*: what the store is told of them. */
#include "host_internal.h"
#include "platform/file.h"

#define MIB (UINT64_C(1024) * 1024)

static const int64_t DAY_US = INT64_C(86400) * 1000000;

/* The smaller of 2 GiB and 5 % of the file system, but never less than 256 MiB. */
uint64_t host_storage_reserve(uint64_t setting, uint64_t total_bytes)
{
	uint64_t reserve = total_bytes / 20;

	if (setting)
		return setting;
	if (reserve > 2048 * MIB)
		reserve = 2048 * MIB;
	return reserve < 256 * MIB ? 256 * MIB : reserve;
}

bool host_storage_use(struct host *host, const struct config *config, struct error *error)
{
	struct store_limits limits = {
		.keep_collected_us = (int64_t)config->storage_keep_collected_days * DAY_US,
	};
	uint64_t total_bytes = 0;

	if (!config->storage_reserve &&
		!folder_total_bytes(host->engine.storage_folder, &total_bytes, error))
		return false;
	limits.reserve_bytes = host_storage_reserve(config->storage_reserve, total_bytes);
	store_set_limits(host->service.store, &limits);
	return true;
}
