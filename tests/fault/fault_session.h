/* fault_session.h -- the scripted session: a gateway on a fresh folder from its first start to its second end,
 * with operations that fail somewhere in it, and what must hold then.
 *
 * Whoever is turned away tries again, and must get through soon: a fault is over as soon as it happened.
 * At the end the folder is opened by a gateway that nothing happens to, which must have everything that was
 * promised, and no memory and no descriptor may be left. */
#ifndef LG_TESTS_FAULT_SESSION_H
#define LG_TESTS_FAULT_SESSION_H

#include "fault_point.h"

/* In a process of its own. True: all holds; else record->failure says what does not. */
bool fault_session_run(
	struct fault_record *record, const char *folder, const struct fault_group *group);

#endif
