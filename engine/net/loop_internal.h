/* loop_internal.h -- what conn.c and local_socket.c share with loop.c. */
#ifndef LG_NET_LOOP_INTERNAL_H
#define LG_NET_LOOP_INTERNAL_H

#include <uv.h>

#include "net/loop.h"

enum { LOOP_SCRATCH_SIZE = 65536 };

/* Something that must be closed before the loop can end. */
struct loop_member {
	struct list link;
	void (*on_stopping)(struct loop_member *member); /* please end soon */
	void (*close)(struct loop_member *member);	 /* end now */
};

uv_loop_t *loop_uv(struct loop *loop);
/* One read buffer for all connections of the loop: valid within one callback. */
uint8_t *loop_scratch(struct loop *loop);
/* Taken while sessions look at what is in it. False: somebody further up the stack has it. */
bool loop_take_scratch(struct loop *loop);
void loop_give_scratch(struct loop *loop);
void loop_add_member(struct loop *loop, struct loop_member *member);
void loop_remove_member(struct loop *loop, struct loop_member *member);

#endif
