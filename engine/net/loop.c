/* loop.c -- the thread, its task list, its members and its orderly end.
 *
 * Stopping has three steps on the loop's own thread: every member is asked to end, what is left after
 * the grace period is closed by force, and when the last member is gone the loop's own handles are
 * closed, which makes uv_run return. */
#include "net/loop.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "loop_internal.h"
#include "platform/thread.h"

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t grace;
	struct thread *thread;
	struct mutex *mutex;
	struct list tasks; /* under the mutex */
	struct mutex *call_mutex;
	struct condition *call_done;
	size_t callers; /* inside of loop_call(), under call_mutex */
	struct list members;
	atomic_size_t member_count;
	size_t holds;
	struct loop_task stop_task;
	uint64_t grace_ms;
	bool is_stopping;
	bool is_closing;
	bool is_running_tasks;
	bool scratch_is_taken;
	uint8_t *scratch;
};

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

uint8_t *loop_scratch(struct loop *loop)
{
	return loop->scratch;
}

bool loop_take_scratch(struct loop *loop)
{
	bool is_mine = !loop->scratch_is_taken;

	loop->scratch_is_taken = true;
	return is_mine;
}

void loop_give_scratch(struct loop *loop)
{
	loop->scratch_is_taken = false;
}

static bool has_tasks(struct loop *loop)
{
	bool has;

	mutex_lock(loop->mutex);
	has = !list_is_empty(&loop->tasks);
	mutex_unlock(loop->mutex);
	return has;
}

/* A task may have posted another one, which must not be lost: run_tasks() asks again at its end. */
static void close_when_empty(struct loop *loop)
{
	if (!loop->is_stopping || loop->is_closing || loop->holds ||
		!list_is_empty(&loop->members) || loop->is_running_tasks || has_tasks(loop))
		return;
	loop->is_closing = true;
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_close((uv_handle_t *)&loop->grace, NULL);
}

void loop_add_member(struct loop *loop, struct loop_member *member)
{
	list_append(&loop->members, &member->link);
	atomic_fetch_add(&loop->member_count, 1);
	/* It came while the loop ends: it is told at once. */
	if (loop->is_stopping)
		member->on_stopping(member);
}

void loop_remove_member(struct loop *loop, struct loop_member *member)
{
	list_remove(&member->link);
	atomic_fetch_sub(&loop->member_count, 1);
	close_when_empty(loop);
}

void loop_hold(struct loop *loop)
{
	loop->holds++;
}

void loop_release(struct loop *loop)
{
	assert(loop->holds > 0);
	loop->holds--;
	close_when_empty(loop);
}

size_t loop_load(const struct loop *loop)
{
	return atomic_load(&loop->member_count);
}

static void run_tasks(uv_async_t *wake)
{
	struct loop *loop = wake->data;
	struct list taken;
	struct list *link;

	list_init(&taken);
	mutex_lock(loop->mutex);
	while ((link = list_take_first(&loop->tasks)))
		list_append(&taken, link);
	mutex_unlock(loop->mutex);
	loop->is_running_tasks = true;
	while ((link = list_take_first(&taken))) {
		struct loop_task *task = list_entry(link, struct loop_task, link);

		task->run(task);
	}
	loop->is_running_tasks = false;
	close_when_empty(loop);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	mutex_lock(loop->mutex);
	list_append(&loop->tasks, &task->link);
	/* Inside the lock: once a task is seen to have run, the loop may be freed. */
	uv_async_send(&loop->wake);
	mutex_unlock(loop->mutex);
}

struct call {
	struct loop_task task;
	void (*run)(void *context);
	void *context;
	struct mutex *mutex;
	struct condition *changed;
	bool is_done;
};

static void run_call(struct loop_task *task)
{
	struct call *call = list_entry(task, struct call, task);

	call->run(call->context);
	mutex_lock(call->mutex);
	call->is_done = true;
	/* Several callers may wait on the one condition. */
	condition_broadcast(call->changed);
	mutex_unlock(call->mutex);
}

void loop_call(struct loop *loop, void (*run)(void *context), void *context)
{
	struct call call = {
		.task.run = run_call,
		.run = run,
		.context = context,
		.mutex = loop->call_mutex,
		.changed = loop->call_done,
	};

	mutex_lock(call.mutex);
	loop->callers++;
	loop_post(loop, &call.task);
	while (!call.is_done)
		condition_wait(call.changed, call.mutex);
	if (--loop->callers == 0)
		condition_broadcast(call.changed);
	mutex_unlock(call.mutex);
}

/* The call may have been the loop's last work: whoever waited for it is still on the way out. */
static void wait_for_callers(struct loop *loop)
{
	mutex_lock(loop->call_mutex);
	while (loop->callers)
		condition_wait(loop->call_done, loop->call_mutex);
	mutex_unlock(loop->call_mutex);
}

static void close_members(uv_timer_t *grace)
{
	struct loop *loop = grace->data;
	struct list *link, *following;

	list_for_each_safe (link, following, &loop->members) {
		struct loop_member *member = list_entry(link, struct loop_member, link);

		member->close(member);
	}
	close_when_empty(loop);
}

static void begin_stop(struct loop_task *task)
{
	struct loop *loop = list_entry(task, struct loop, stop_task);
	struct list *link, *following;

	loop->is_stopping = true;
	uv_timer_start(&loop->grace, close_members, loop->grace_ms, 0);
	list_for_each_safe (link, following, &loop->members) {
		struct loop_member *member = list_entry(link, struct loop_member, link);

		member->on_stopping(member);
	}
	close_when_empty(loop);
}

static void loop_thread(void *context)
{
	struct loop *loop = context;

	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

static void loop_free(struct loop *loop)
{
	int code = uv_loop_close(&loop->uv);

	assert(code == 0);
	(void)code;
	mutex_free(&loop->mutex);
	mutex_free(&loop->call_mutex);
	condition_free(&loop->call_done);
	/* Decrypted input passed through it. */
	memory_wipe(loop->scratch, LOOP_SCRATCH_SIZE);
	free(loop->scratch);
	free(loop);
}

struct loop *loop_start(const char *name, struct error *error)
{
	struct loop *loop = calloc(1, sizeof *loop);
	int code;

	if (!loop) {
		error_set_memory(error);
		return NULL;
	}
	list_init(&loop->tasks);
	list_init(&loop->members);
	loop->stop_task.run = begin_stop;
	loop->scratch = malloc(LOOP_SCRATCH_SIZE);
	loop->mutex = mutex_new(error);
	loop->call_mutex = mutex_new(error);
	loop->call_done = condition_new(error);
	code = loop->scratch && loop->mutex && loop->call_mutex && loop->call_done
		       ? uv_loop_init(&loop->uv)
		       : UV_ENOMEM;
	if (code) {
		error_set(error, ERROR_IO, "starting an event loop: %s", uv_strerror(code));
		mutex_free(&loop->mutex);
		mutex_free(&loop->call_mutex);
		condition_free(&loop->call_done);
		free(loop->scratch);
		free(loop);
		return NULL;
	}
	code = uv_async_init(&loop->uv, &loop->wake, run_tasks);
	assert(code == 0);
	uv_timer_init(&loop->uv, &loop->grace);
	loop->wake.data = loop->grace.data = loop;
	loop->thread = thread_start(name, loop_thread, loop, error);
	if (!loop->thread) {
		uv_close((uv_handle_t *)&loop->wake, NULL);
		uv_close((uv_handle_t *)&loop->grace, NULL);
		uv_run(&loop->uv, UV_RUN_DEFAULT);
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void loop_stop(struct loop **loop, uint64_t grace_ms)
{
	if (!*loop)
		return;
	(*loop)->grace_ms = grace_ms;
	loop_post(*loop, &(*loop)->stop_task);
	thread_join(&(*loop)->thread);
	wait_for_callers(*loop);
	loop_free(*loop);
	*loop = NULL;
}
