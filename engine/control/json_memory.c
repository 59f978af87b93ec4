/* json_memory.c -- malloc with the size in front, so that free can wipe. */
#include "control/json_memory.h"

#include <jansson.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/buf.h"

struct block {
	alignas(max_align_t) size_t size;
	unsigned char data[];
};

static void *wiped_malloc(size_t size)
{
	struct block *block = malloc(sizeof *block + size);

	if (!block)
		return NULL;
	block->size = size;
	return block->data;
}

static void wiped_free(void *data)
{
	struct block *block;

	if (!data)
		return;
	block = (struct block *)((char *)data - offsetof(struct block, data));
	memory_wipe(block->data, block->size);
	free(block);
}

/* Several gateways and clients may start at once in one process; none may use JSON before it is set up. */
static atomic_flag is_starting = ATOMIC_FLAG_INIT;
static bool is_started;

void json_memory_start(void)
{
	while (atomic_flag_test_and_set(&is_starting))
		;
	if (!is_started) {
		json_set_alloc_funcs(wiped_malloc, wiped_free);
		/* From the system's randomness. */
		json_object_seed(0);
		is_started = true;
	}
	atomic_flag_clear(&is_starting);
}

void json_memory_free_text(char *text)
{
	wiped_free(text);
}
