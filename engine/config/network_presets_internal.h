/* network_presets_internal.h -- the table that CMake makes of resources/networks/: a preset is a file
 * there, its name the file's. */
#ifndef LG_CONFIG_NETWORK_PRESETS_INTERNAL_H
#define LG_CONFIG_NETWORK_PRESETS_INTERNAL_H

#include <stddef.h>

struct network_preset {
	const char *name;
	const char *networks; /* separated by blanks */
};

extern const struct network_preset network_presets[];
extern const size_t network_presets_count;

#endif
