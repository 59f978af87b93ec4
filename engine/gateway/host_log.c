/* host_log.c -- the settings log.*, and the log file of a hosted engine. */
#include <stdio.h>

#include "base/log.h"
#include "host_internal.h"
#include "platform/clock.h"

static void on_trouble(void *context, const struct error *trouble)
{
	struct host *host = context;
	char text[512];

	if (trouble->kind == ERROR_NONE) {
		problems_resolve(host->service.problems, "log-file");
		return;
	}
	snprintf(text, sizeof text, "The log file cannot be written: %.400s", trouble->text);
	problems_raise(host->service.problems, clock_wall_us(), PROBLEM_WARNING, "log-file", text,
		"Mail is not affected. Make room on the disk, or mend the folder; the gateway "
		"tries again every minute.");
}

static bool start_file(struct host *host, const struct config *config, struct error *error)
{
	char folder[PATH_SIZE];
	struct log_file_options options = {
		.folder = folder,
		.max_size = config->log_max_size,
		.keep = config->log_keep,
		.on_trouble = on_trouble,
		.context = host,
	};

	if (!path_join(host->engine.data_folder, "log", folder, error))
		return false;
	host->log_file = log_file_start(&options, error);
	if (!host->log_file)
		return false;
	log_set_file_sink(log_file_write, host->log_file);
	return true;
}

void host_log_stop(struct host *host)
{
	if (!host->log_file)
		return;
	log_set_file_sink(NULL, NULL);
	log_file_stop(&host->log_file);
	problems_resolve(host->service.problems, "log-file");
}

bool host_log_use(struct host *host, const struct config *config, struct error *error)
{
	enum log_level level;

	if (log_level_parse(config->log_level, &level))
		log_set_level(level);
	log_set_masking(config_is_on(config->log_mask_addresses));
	if (!config_is_on(config->log_file))
		host_log_stop(host);
	else if (host->log_file)
		log_file_set_limits(host->log_file, config->log_max_size, config->log_keep);
	else
		return start_file(host, config, error);
	return true;
}
