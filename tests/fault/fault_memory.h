/* fault_memory.h -- allocations that fail: the engine's by the linker (--wrap), the libraries' by the hooks
 * that they offer for it. */
#ifndef LG_TESTS_FAULT_MEMORY_H
#define LG_TESTS_FAULT_MEMORY_H

#include <stdbool.h>

/* Before any library is used. False: one of them does not take the hooks. */
bool fault_memory_start(void);
/* In each process, without faults: makes the libraries begin what they keep as long as the process lives. */
bool fault_memory_settle(void);

#endif
