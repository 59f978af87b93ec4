/* json_memory.c -- malloc with the size in front, so that free can wipe. */
#include "control/json_memory.h"

#include <jansson.h>
#include <stdalign.h>
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

void json_memory_start(void)
{
	json_set_alloc_funcs(wiped_malloc, wiped_free);
	/* Seeded from the system's randomness once, before threads could race for it. */
	json_object_seed(0);
}

void json_memory_free_text(char *text)
{
	wiped_free(text);
}
