/* login_guard.h -- slows down who guesses passwords, without a way to lock anybody out.
 *
 * Failed logins are counted, each for an hour: by the client's network (an IPv4 address, or the first 64
 * bits of an IPv6 address, which is what one customer has) and by the name that was tried, whether there is
 * such a mailbox or not. After three, the answer to each further failure waits: 1 s, 2 s, 4 s ... 30 s.
 *
 * Failures never refuse a login, and a right password never waits for long: from a network that has not
 * failed itself, a second at most, whatever others do to the same mailbox; from a network that is slowed, as
 * long as a wrong one would wait there, since otherwise silence would tell at once that a guess was wrong.
 * So whoever wants to keep the archive out must fail from the archive's own address, and can then delay
 * it by half a minute a login. What such a guesser gains in time is bounded beside this by the sessions for
 * one address and by the turns that hashing.h gives to addresses.
 *
 * What is kept is bounded and no record of who was here: keyed hashes with a number and a time each; the oldest
 * gives way. Networks of which a problem tells ("login-attack NETWORK") are kept by name until a day has
 * passed without a failure, which resolves the problem. Thread-safe; the clocks are passed in. */
#ifndef LG_SERVICE_LOGIN_GUARD_H
#define LG_SERVICE_LOGIN_GUARD_H

#include "base/bytes.h"
#include "service/problems.h"

struct login_guard;

enum {
	LOGIN_FREE_FAILURES = 3,
	LOGIN_DELAY_FIRST_MS = 1000,
	LOGIN_DELAY_MOST_MS = 30000,
	/* The most that failures of others delay a right password. */
	LOGIN_DELAY_OF_OTHERS_MS = 1000,
	LOGIN_NETWORK_SIZE = 46 + 4,
};

/* The network that an address counts for, as text: "192.0.2.7", "2001:db8:0:1::/64". What is no address is
 * copied as it is. */
void login_network(const char *address, char network[LOGIN_NETWORK_SIZE]);

struct login_guard *login_guard_new(struct problems *problems, struct error *error);
void login_guard_free(struct login_guard **guard);

struct login_attempt {
	const char *address;
	struct bytes name;   /* one form for one mailbox, however it was typed */
	uint32_t many;	     /* failures of one network in an hour that a person should know of */
	int64_t now_us;	     /* clock_monotonic_us() */
	int64_t wall_now_us; /* clock_wall_us(): for the problem */
};

/* Both return how long the answer must wait, in milliseconds. */
uint64_t login_guard_failed(struct login_guard *guard, const struct login_attempt *attempt);
uint64_t login_guard_passed(struct login_guard *guard, const struct login_attempt *attempt);

/* For an interface whose answers cannot wait: how many milliseconds from now on it must take no further attempt from
 * the attempt's network, so that guessing is as slow there as elsewhere. Failures from other networks do not count. */
uint64_t login_guard_closed_ms(struct login_guard *guard, const struct login_attempt *attempt);

#endif
