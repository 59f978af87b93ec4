/* lettergated.c -- the engine without a screen: a foreground process that says `ready` on standard output once
 * everything listens, logs to standard error, and ends in order on SIGTERM, SIGINT or SIGHUP. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/gateway.h"
#include "platform/log_stream.h"
#include "platform/process.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, OVERRIDES_MAX = 64 };

struct arguments {
	struct gateway_options options;
	struct gateway_override overrides[OVERRIDES_MAX];
	bool wants_help;
};

static void print_usage(FILE *stream)
{
	fputs("lettergated [--data DIR] [--set KEY=VALUE]... [--log-level "
	      "error|warning|info|debug]\n"
	      "\n"
	      "Runs the gateway in the foreground and prints `ready` once it listens. Settings "
	      "given\n"
	      "with --set hold for this run; `lettergatectl settings set` saves them.\n",
		stream);
}

static int usage_error(const char *what, const char *about)
{
	fprintf(stderr, "lettergated: %s %s\n\n", about, what);
	print_usage(stderr);
	return EXIT_USAGE;
}

static bool add_override(struct arguments *arguments, const char *key, const char *value)
{
	if (arguments->options.override_count == OVERRIDES_MAX)
		return false;
	arguments->overrides[arguments->options.override_count++] =
		(struct gateway_override){ key, value };
	return true;
}

static bool add_setting(struct arguments *arguments, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		return false;
	*equals = '\0';
	return add_override(arguments, text, equals + 1);
}

/* 0, or the exit status. */
static int parse(int count, char **values, struct arguments *arguments)
{
	memset(arguments, 0, sizeof *arguments);
	arguments->options.overrides = arguments->overrides;
	for (int i = 1; i < count; i++) {
		const char *option = values[i];
		char *value = i + 1 < count ? values[i + 1] : NULL;

		if (strcmp(option, "--help") == 0) {
			arguments->wants_help = true;
			return 0;
		}
		if (strcmp(option, "--data") != 0 && strcmp(option, "--set") != 0 &&
			strcmp(option, "--log-level") != 0)
			return usage_error("is not an option", option);
		if (!value)
			return usage_error("needs a value", option);
		i++;
		if (strcmp(option, "--data") == 0)
			arguments->options.data_folder = value;
		else if (strcmp(option, "--set") == 0 && !add_setting(arguments, value))
			return usage_error("is not KEY=VALUE, or one --set too many", value);
		else if (strcmp(option, "--log-level") == 0 &&
			 !add_override(arguments, "log.level", value))
			return usage_error("is one option too many", option);
	}
	return 0;
}

static atomic_bool is_restart_wanted;

/* On a thread of the gateway, which cannot end itself. */
static void want_restart(void *context)
{
	(void)context;
	atomic_store(&is_restart_wanted, true);
	process_wake();
}

/* Until a stop signal, or until it cannot be started again. */
static int serve(struct gateway *gateway)
{
	struct gateway_error failure;

	while (!process_wait_for_stop()) {
		if (!atomic_exchange(&is_restart_wanted, false) ||
			gateway_restart(gateway, &failure))
			continue;
		fprintf(stderr, "lettergated: starting again: %s\n", failure.text);
		return EXIT_REFUSED;
	}
	return EXIT_SUCCESS;
}

int main(int count, char **values)
{
	struct arguments arguments;
	struct gateway_error failure;
	struct gateway *gateway;
	struct error error;
	int status = parse(count, values, &arguments);

	if (status)
		return status;
	if (arguments.wants_help) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (!process_block_stop_signals(&error) || !process_harden(true, &error)) {
		fprintf(stderr, "lettergated: %s\n", error.text);
		return EXIT_REFUSED;
	}
	process_share_heaps();
	log_stream_start();
	log_set_sink(log_stream_write, NULL);
	arguments.options.on_restart = want_restart;
	gateway = gateway_open(&arguments.options, &failure);
	if (!gateway) {
		fprintf(stderr, "lettergated: %s\n", failure.text);
		return EXIT_REFUSED;
	}
	puts("ready");
	fflush(stdout);
	status = serve(gateway);
	gateway_close(&gateway);
	return status;
}
