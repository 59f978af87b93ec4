/* timer.c -- one uv_timer_t that ends with its loop. Loop and owner each have their share of the memory, and
 * whoever lets go of it last frees it: a session learns at its own pace that its loop stops. */
#include "net/timer.h"

#include <stdlib.h>

#include "loop_internal.h"

struct timer {
	struct loop_member member;
	struct loop *loop;
	uv_timer_t handle;
	void (*on_fire)(void *context);
	void *context;
	bool is_closed;	  /* the loop has let go */
	bool is_released; /* the owner has */
};

static void on_closed(uv_handle_t *handle)
{
	struct timer *timer = handle->data;

	loop_remove_member(timer->loop, &timer->member);
	timer->is_closed = true;
	if (timer->is_released)
		free(timer);
}

static void end(struct loop_member *member)
{
	struct timer *timer = list_entry(member, struct timer, member);

	if (!timer->is_closed && !uv_is_closing((uv_handle_t *)&timer->handle))
		uv_close((uv_handle_t *)&timer->handle, on_closed);
}

static void fire(uv_timer_t *handle)
{
	struct timer *timer = handle->data;

	/* It may have fired in the round in which it was let go. */
	if (!timer->is_released)
		timer->on_fire(timer->context);
}

struct timer *timer_new(
	struct loop *loop, void (*on_fire)(void *context), void *context, struct error *error)
{
	struct timer *timer = calloc(1, sizeof *timer);

	if (!timer) {
		error_set_memory(error);
		return NULL;
	}
	timer->loop = loop;
	timer->on_fire = on_fire;
	timer->context = context;
	timer->member.on_stopping = end;
	timer->member.close = end;
	uv_timer_init(loop_uv(loop), &timer->handle);
	timer->handle.data = timer;
	loop_add_member(loop, &timer->member);
	return timer;
}

void timer_start(struct timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
	if (!timer->is_closed && !uv_is_closing((uv_handle_t *)&timer->handle))
		uv_timer_start(&timer->handle, fire, delay_ms, repeat_ms);
}

bool timer_is_running(const struct timer *timer)
{
	return !timer->is_closed && uv_is_active((const uv_handle_t *)&timer->handle);
}

void timer_free(struct timer **timer)
{
	struct timer *released = *timer;

	if (!released)
		return;
	*timer = NULL;
	released->is_released = true;
	if (released->is_closed)
		free(released);
	else
		end(&released->member);
}
