/* fuzz_networks.c -- any text as a list of networks: what is taken comes back from its canonical form
 * unchanged, and an address that is written in it alone lies inside. */
#include <stdlib.h>

#include "config/networks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[NETWORKS_TEXT_SIZE], again[NETWORKS_TEXT_SIZE];
	struct networks networks, copy;
	struct error error = { .kind = ERROR_NONE };

	if (!networks_parse(bytes_make(data, size), &networks, &error)) {
		check(error.kind == ERROR_INVALID);
		return 0;
	}
	networks_format(&networks, text);
	check(networks_parse(bytes_of(text), &copy, &error));
	check(copy.count == networks.count);
	networks_format(&copy, again);
	check(strcmp(text, again) == 0);
	for (size_t i = 0; i < networks.count; i++) {
		const struct network *network = &networks.network[i];
		struct networks one = { .network = { *network }, .count = 1 };

		networks_format(&one, text);
		if (network->size && network->bits == 8 * network->size)
			check(networks_contain(&networks, bytes_of(text)));
	}
	return 0;
}
