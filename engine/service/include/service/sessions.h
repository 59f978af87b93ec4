/* sessions.h -- who is connected: how many in all and from each network, and who gives way when there are too many.
 *
 * A connection gets a place when it is accepted and gives it back at its end. Until a session has shown that it means
 * it (an SMTP session by a recipient that was accepted, a POP3 session by its login) its place is one that gives way:
 * when all are taken, the one whose peer has been silent for the longest makes room. So silent
 * connections, however many, keep nobody out. docs/internals/receiving.md. */
#ifndef LG_SERVICE_SESSIONS_H
#define LG_SERVICE_SESSIONS_H

#include "net/loop.h"
#include "platform/socket.h"

struct sessions;
struct session_place;

enum session_refusal { SESSION_REFUSED_FULL, SESSION_REFUSED_PEER, SESSION_REFUSED_MEMORY };

struct sessions *sessions_new(struct error *error);
void sessions_free(struct sessions **sessions); /* when all places were given back */

void sessions_set_max(struct sessions *sessions, size_t max);

/* From the accept thread; waits a moment for places that are about to be free. The session is begun by a task that is
 * posted to `loop` after this. At most `max_of_peer` for one IPv4 address or one IPv6 network of 64 bits. NULL:
 * *refusal says why not. */
struct session_place *sessions_enter(struct sessions *sessions, struct loop *loop,
	const struct socket_address *peer, size_t max_of_peer, enum session_refusal *refusal);
/* On the loop. Whoever has it: once, and nothing of it is called after; sets NULL. */
void session_place_leave(struct session_place **place);

/* On the loop, for the session that has the place. `give_way` runs on the loop when another connection needs the
 * place: it ends the session soon, which may free it in the meantime, and returns true; or false: it must go on. */
void session_place_take(
	struct session_place *place, bool (*give_way)(void *context), void *context);
/* The peer has said something: others give way first. */
void session_place_renew(struct session_place *place);
/* It gives way no more. */
void session_place_settle(struct session_place *place);

/* More than three quarters of the places are taken. From any thread. */
bool sessions_are_scarce(const struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);

#endif
