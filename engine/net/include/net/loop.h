/* loop.h -- a worker: one thread that runs one libuv loop. A connection lives on one loop for its life;
 * other threads reach it by posting tasks. docs/internals/threads.md. */
#ifndef LG_NET_LOOP_H
#define LG_NET_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

struct loop;

/* Embedded in whatever is handed over, so that posting cannot fail. Belongs to the loop until run. */
struct loop_task {
	struct list link;
	void (*run)(struct loop_task *task);
};

struct loop *loop_start(const char *name, struct error *error);
/* Lets posted tasks run, ends every connection (conn.h: on_stopping, then by force after
 * `grace_ms`), stops the thread, frees; sets NULL. Not on a loop thread. */
void loop_stop(struct loop **loop, uint64_t grace_ms);

/* From any thread; runs on the loop's thread in the order of posting. */
void loop_post(struct loop *loop, struct loop_task *task);

/* Runs `run` on the loop's thread and waits for it. From any other thread. */
void loop_call(struct loop *loop, void (*run)(void *context), void *context);

/* On the loop's thread. Between hold and release the loop does not end, even without connections: for
 * requests whose answer will be posted to it. */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/* Connections on the loop now; from any thread. */
size_t loop_load(const struct loop *loop);

#endif
