/* wire_script_internal.h -- a dialogue of wire.h as an array of steps, for the player alone. */
#ifndef LG_TESTS_WIRE_SCRIPT_INTERNAL_H
#define LG_TESTS_WIRE_SCRIPT_INTERNAL_H

#include "base/buf.h"

enum { WIRE_TEXT_MAXIMUM = 8 << 20 };

enum step_kind { STEP_OPTION, STEP_PEER, STEP_CORE, STEP_EVENT, STEP_DO };

struct step {
	enum step_kind kind;
	unsigned line;
	struct buf text;
};

struct script {
	const char *path;
	struct step *steps;
	size_t count;
};

/* False: unreadable or not a dialogue, which was printed. Clear it in either case. */
bool script_read(struct script *script, const char *path);
void script_clear(struct script *script);

/* Running out of memory is nothing a dialogue can fail by. */
void must(bool done);

#endif
