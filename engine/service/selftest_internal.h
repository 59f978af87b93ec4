/* selftest_internal.h -- the two client sessions of the self-test. Each runs on a loop, is waited for from
 * the calling thread, and checks what a mail server or an archive would rely on. */
#ifndef LG_SERVICE_SELFTEST_INTERNAL_H
#define LG_SERVICE_SELFTEST_INTERNAL_H

#include "base/buf.h"
#include "net/conn.h"

struct selftest_target {
	struct loop *loop;
	struct socket_address address;
	struct tls_context *tls;
	bool implicit_tls;
	const char *server_name;
};

enum { SELFTEST_LIMIT_MS = 20000 };

/* Sends one message; done when the 250 is there. */
bool selftest_send(const struct selftest_target *target, const char *recipient,
	struct bytes message, struct error *error);
/* Collects the one message that waits, appends it to *message, deletes it. */
bool selftest_collect(const struct selftest_target *target, const char *user, const char *password,
	struct buf *message, struct error *error);

#endif
