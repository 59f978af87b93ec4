/* maildrops.h -- which session has which maildrop: it has its own to itself (RFC 1939 4). A session that
 * fell silent gives way to the next one, so that a collector which crashed does not lock the archive out.
 *
 * Sessions live on different loops, and only its own loop may touch one. So a second session does not take
 * the maildrop: it asks, on the first one's loop, and that session decides. Asking and answering are two
 * tasks, both embedded in the claim of the session that asks; so the one that is asked owes nothing to
 * anybody and may go at any time, and the one that asks stays until it was answered. There is nothing to
 * wait for beside two loops' turns: the answer to "somebody wants it" is given at once.
 * docs/internals/threads.md has the argument. */
#ifndef LG_SERVICE_MAILDROPS_H
#define LG_SERVICE_MAILDROPS_H

#include "base/id.h"
#include "net/loop.h"

struct maildrops;

/* Embedded in a session; filled by it up to the line, then left alone. */
struct maildrop_claim {
	struct id mailbox;
	struct loop *loop; /* the session's */
	/* On the session's loop, while it has the maildrop: somebody else wants it. It may release it, here
	 * and now, or keep it; nothing of the session may be freed here. */
	void (*on_wanted)(struct maildrop_claim *claim);
	/* On the session's loop, after MAILDROP_ASKED, exactly once. */
	void (*on_answer)(struct maildrop_claim *claim, bool is_granted);
	/* ---- */
	struct list link;
	struct maildrops *maildrops;
	struct loop *asked;
	struct loop_task ask;
	struct loop_task answer;
	bool is_granted;
	bool is_told; /* on the claim's loop: the session knows that it has the maildrop */
};

enum maildrop_outcome {
	MAILDROP_GRANTED, /* until maildrops_release() */
	MAILDROP_ASKED, /* on_answer will come: the claim stays where it is, and the loop is held */
};

struct maildrops *maildrops_new(struct error *error);
void maildrops_free(struct maildrops **maildrops);

/* On the claim's loop. */
enum maildrop_outcome maildrops_claim(struct maildrops *maildrops, struct maildrop_claim *claim);
/* On the claim's loop, while something of the session keeps that loop from ending. */
void maildrops_release(struct maildrops *maildrops, struct maildrop_claim *claim);

#endif
