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
#include "service/sessions.h"
#include "service/tenant_notes.h"
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
	struct sessions *sessions;
	struct tenant_notes *tenant_notes;    /* NULL: none are kept */
	atomic_uint_fast64_t bytes_in_flight; /* content received and not yet stored or given up */
	atomic_uint doubts;		      /* service_doubt() */
	atomic_bool is_testing;		      /* a self-test runs: one at a time */
	atomic_bool is_taking_backup;	      /* backup_sink.h: one at a time */
	atomic_bool is_verifying;	      /* a ledger is verified: one at a time */
	atomic_bool is_recovering;	      /* storage_recover.h: one at a time */
	atomic_bool is_moving;		      /* storage_move.h: one at a time */
	atomic_bool is_ending;		      /* the gateway stops: what takes long gives up */
};

/* Why the list of mailboxes may not be whole. */
enum service_doubt {
	SERVICE_DEGRADED = 1 << 0, /* the database cannot be read or written as it should */
	SERVICE_RESTORED = 1 << 1, /* it comes from a backup, and no person has confirmed it yet */
};
/* From any thread. Each reason is set and cleared by the part of the gateway that knows. */
void service_set_doubt(struct service *service, enum service_doubt doubt, bool is_there);
/* While it is, a mailbox that is not known gets 451 and not 550. */
bool service_has_doubt(const struct service *service, enum service_doubt doubt);
bool service_is_doubtful(const struct service *service);

/* Whether mail to that domain is ours: the host name, or one of the setting `domains`. */
bool service_has_domain(struct service *service, struct bytes domain);

/* What a session needs to know at its start. */
struct service_settings {
	char hostname[CONFIG_HOST_SIZE];
	uint64_t max_message_size;
	uint32_t max_recipients;
	uint32_t max_errors;
	uint32_t max_commands;
	size_t max_sessions_of_peer;
	uint64_t max_bytes_in_flight;
	uint64_t smtp_min_rate;
	uint64_t smtp_timeout_ms;
	uint64_t smtp_pressure_timeout_ms;
	uint64_t pop3_timeout_ms;
	uint64_t pop3_takeover_ms;
	uint32_t login_failures;
	uint64_t tls_timeout_ms;
};

void service_settings(struct service *service, struct service_settings *settings);

#endif
