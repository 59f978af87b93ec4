/* timer.c -- one uv_timer_t that ends with its loop. */
#include "net/timer.h"

#include <stdlib.h>

#include "loop_internal.h"

struct timer {
	struct loop_member member;
	struct loop *loop;
	uv_timer_t handle;
	void (*on_fire)(void *context);
	void *context;
};

static void on_closed(uv_handle_t *handle)
{
	struct timer *timer = handle->data;

	loop_remove_member(timer->loop, &timer->member);
	free(timer);
}

static void end(struct loop_member *member)
{
	struct timer *timer = list_entry(member, struct timer, member);

	if (!uv_is_closing((uv_handle_t *)&timer->handle))
		uv_close((uv_handle_t *)&timer->handle, on_closed);
}

static void fire(uv_timer_t *handle)
{
	struct timer *timer = handle->data;

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
	if (!uv_is_closing((uv_handle_t *)&timer->handle))
		uv_timer_start(&timer->handle, fire, delay_ms, repeat_ms);
}

bool timer_is_running(const struct timer *timer)
{
	return uv_is_active((const uv_handle_t *)&timer->handle);
}

void timer_free(struct timer **timer)
{
	if (*timer)
		end(&(*timer)->member);
	*timer = NULL;
}
