/* notices.h -- tells whoever watches that something changed, never what: the watcher asks again. That
 * keeps it bounded: any number of changes is one bit per topic until the watcher has looked. */
#ifndef LG_SERVICE_NOTICES_H
#define LG_SERVICE_NOTICES_H

#include <stdint.h>

#include "base/error.h"

enum notice_topic {
	NOTICE_STATUS = 1 << 0,	   /* state, listeners */
	NOTICE_MAILBOXES = 1 << 1, /* created, deleted, suspended, received, collected */
	NOTICE_PROBLEMS = 1 << 2,
	NOTICE_SETTINGS = 1 << 3,
	NOTICE_CERTIFICATES = 1 << 4,
	NOTICES_ALL = (1 << 5) - 1,
};

struct notices;

struct notices *notices_new(struct error *error);
void notices_free(struct notices **notices);
/* `wake` is called from any thread when the first topic is noted after notices_take(), and at once when some
 * were noted already; it must only hand on. One watcher; NULL to clear: none is called after that. */
void notices_watch(struct notices *notices, void (*wake)(void *context), void *context);
void notices_note(struct notices *notices, uint32_t topics);
uint32_t notices_take(struct notices *notices); /* the topics noted since the last take */

#endif
