/* json_memory.c -- malloc with the size in front, so that free can wipe. */
#include "control/json_memory.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/buf.h"

struct block {
	alignas(max_align_t) size_t size;
	unsigned char data[];
};

static _Thread_local bool has_run_out;

static void *wiped_malloc(size_t size)
{
	struct block *block = malloc(sizeof *block + size);

	has_run_out |= !block;
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

void json_memory_begin(void)
{
	has_run_out = false;
}

bool json_memory_has_run_out(void)
{
	return has_run_out;
}

json_t *json_memory_load(struct bytes text, size_t flags, struct error *error)
{
	bool before = has_run_out;
	json_error_t where;
	json_t *value;

	has_run_out = false;
	value = json_loadb((const char *)text.data, text.size, flags, &where);
	if (has_run_out) {
		json_decref(value);
		error_set_memory(error);
		return NULL;
	}
	has_run_out = before;
	if (!value)
		error_set(error, ERROR_INVALID, "not JSON (line %d, column %d)", where.line,
			where.column);
	return value;
}

char *json_memory_dump(const json_t *value, size_t flags)
{
	bool before = has_run_out;
	char *text;

	has_run_out = false;
	text = json_dumps(value, flags);
	if (has_run_out) {
		json_memory_free_text(text);
		return NULL;
	}
	has_run_out = before;
	return text;
}

void json_memory_free_text(char *text)
{
	wiped_free(text);
}
