/* selftest.h -- a message through the real listeners and back: made, sent by SMTP over TLS to each SMTP
 * listener, collected by POP3 over TLS from each POP3 listener, compared byte for byte, in a temporary
 * mailbox that is in no list and is deleted after. Blocking, some seconds: for control threads. */
#ifndef LG_SERVICE_SELFTEST_H
#define LG_SERVICE_SELFTEST_H

#include "service/mailboxes.h"
#include "service/reception.h"

struct selftest_step {
	char name[64]; /* "send by smtps to 127.0.0.1:2465" */
	bool ok;
	char text[512]; /* what went wrong and what to do; empty when ok */
	uint64_t duration_ms;
};

enum { SELFTEST_STEPS_MAX = 64 };

struct selftest_report {
	struct selftest_step steps[SELFTEST_STEPS_MAX];
	size_t count;
	bool ok;
};

struct selftest_options {
	const struct mailboxes *mailboxes;
	struct reception *reception;
	struct loop *loop;	    /* a worker, for the client connections */
	const char *authority_file; /* the only certificate the test trusts */
	const char *hostname;
};

/* False only when it could not run at all; else the report says how each step went. */
bool selftest_run(const struct selftest_options *options, struct selftest_report *report,
	struct error *error);

#endif
