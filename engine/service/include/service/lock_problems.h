/* lock_problems.h -- problems of the form "lock MAILBOX network ADDRESS": somebody wants to deliver whom the lock of
 * a mailbox does not know, and a person is to say allow or refuse. The id says all that the decision needs. */
#ifndef LG_SERVICE_LOCK_PROBLEMS_H
#define LG_SERVICE_LOCK_PROBLEMS_H

#include "base/id.h"
#include "service/problems.h"
#include "service/sender_lock.h"

enum lock_subject {
	LOCK_BY_NETWORK,   /* the address is in none of the networks */
	LOCK_BY_TENANT,	   /* the report is of another tenant */
	LOCK_BY_NO_TENANT, /* the mail names no tenant: it is no report of Exchange Online */
};

struct lock_attempt {
	struct id mailbox;
	const char *mailbox_name;
	enum lock_subject subject;
	const char *peer;   /* its address */
	const char *tenant; /* LOCK_BY_TENANT */
};
/* A bounded number of them stands at a time; the newest stay. */
void lock_problem_raise(
	struct problems *problems, int64_t now_us, const struct lock_attempt *attempt);

struct lock_problem {
	struct id mailbox;
	enum lock_subject subject;
	const char *value; /* the address, or the tenant; in the id */
};
/* False: the problem is none of these. */
bool lock_problem_parse(const char *id, struct lock_problem *problem);

/* The lock of a mailbox is another now: resolves what it decides. */
void lock_problems_review(
	struct problems *problems, const struct id *mailbox, const struct sender_lock *lock);
/* The mailbox is gone. */
void lock_problems_forget(struct problems *problems, const struct id *mailbox);

#endif
