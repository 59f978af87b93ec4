/* service.h -- what the services of one gateway share. Filled by gateway/, read by sessions on every
 * loop. The pointers stay for the gateway's life; what may change while it runs is behind
 * service_settings(). */
#ifndef LG_SERVICE_SERVICE_H
#define LG_SERVICE_SERVICE_H

#include <stdatomic.h>

#include "config/config.h"
#include "net/tls.h"
#include "platform/thread.h"
#include "service/directory.h"
#include "service/hashing.h"
#include "service/login_guard.h"
#include "service/maildrops.h"
#include "service/notices.h"
#include "service/problems.h"
#include "store/store.h"

struct service {
	struct store *store;
	struct directory *directory;
	struct problems *problems;
	struct notices *notices;
	struct hashing *hashing;
	struct maildrops *maildrops;
	struct login_guard *login_guard;
	struct mutex *mutex;
	/* Held by control threads while they change what is stored and then what is in memory, so that two
	 * changes leave both alike; never by a loop. */
	struct mutex *changing;
	struct tls_context *tls;	 /* certificates.h fills it and exchanges what is in it */
	struct config config;		 /* under the mutex */
	char hostname[CONFIG_HOST_SIZE]; /* under the mutex; never empty */
	atomic_size_t session_count; /* counted when accepted, given back by the session's end */
	atomic_bool is_testing;	     /* a self-test runs: one at a time */
};

/* What a session needs to know at its start. */
struct service_settings {
	char hostname[CONFIG_HOST_SIZE];
	uint64_t max_message_size;
	uint32_t max_recipients;
	uint32_t max_errors;
	uint64_t smtp_timeout_ms;
	uint64_t pop3_timeout_ms;
	uint64_t pop3_takeover_ms;
	uint32_t login_failures;
	uint64_t tls_timeout_ms;
};

void service_settings(struct service *service, struct service_settings *settings);

#endif
