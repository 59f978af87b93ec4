/* timer.h -- something to be done later on a loop. On the loop's thread only. */
#ifndef LG_NET_TIMER_H
#define LG_NET_TIMER_H

#include <stdint.h>

#include "base/error.h"
#include "net/loop.h"

struct timer;

struct timer *timer_new(
	struct loop *loop, void (*on_fire)(void *context), void *context, struct error *error);
/* Fires once after `delay_ms`, then every `repeat_ms` (0: not again). Starting again replaces. */
void timer_start(struct timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
bool timer_is_running(const struct timer *timer);
/* No call after this; sets NULL. A loop that stops ends its timers by itself; the memory stays the owner's
 * until this, which may come when the loop is gone, and from any thread then. */
void timer_free(struct timer **timer);

#endif
