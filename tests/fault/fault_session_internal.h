/* fault_session_internal.h -- what the parts of the session share: where it is, and what is said when something is
 * wrong. */
#ifndef LG_TESTS_FAULT_SESSION_INTERNAL_H
#define LG_TESTS_FAULT_SESSION_INTERNAL_H

#include <jansson.h>
#include <stdatomic.h>

#include "fault_letters.h"
#include "fault_point.h"
#include "gateway/gateway.h"

enum { SESSION_MAILBOXES = 2, SESSION_PATH_SIZE = 512, BACKUP_FILES_MAX = 64 };

struct session_mailbox {
	char id[64], address[300], password[64];
};

/* A backup as it was brought. */
struct session_backup {
	struct {
		char entry[256];
		struct buf data;
	} files[BACKUP_FILES_MAX];
	size_t count;
};

struct session {
	struct fault_record *record;
	const char *folder;
	char authority[SESSION_PATH_SIZE];
	struct gateway *gateway;
	struct gateway *attached; /* to it, over its socket; NULL: not yet, or no more */
	bool calls_over_socket;
	atomic_bool wants_restart;
	uint16_t smtp, smtps, pop3, pop3s;
	struct session_mailbox mailboxes[SESSION_MAILBOXES];
	struct letters letters;
	char report[8192]; /* the last ledger report that was handed out */
	struct session_backup backup;
	bool must_succeed; /* the fault is over: the first try counts */
	bool may_be_mute;  /* no memory for a text */
};

/* ---- saying what is wrong: fault_call.c ---- */

/* The first failure is what the run ends with. Always false. */
__attribute__((format(printf, 2, 3))) bool session_fail(
	struct session *session, const char *format, ...);
bool session_has_failed(const struct session *session);
/* What the script is at. */
void session_doing(struct session *session, const char *what);
/* One more try after a refusal, a moment later; false when it should have got through by now. */
bool session_may_try_again(struct session *session, unsigned tries, const char *why);

/* ---- the gateway and its methods: fault_call.c ---- */

bool session_open_gateway(struct session *session);
void session_close_gateway(struct session *session);
/* As it was asked to. */
bool session_restart_gateway(struct session *session);
/* Later calls go over the local socket, or no more. */
void session_use_socket(struct session *session, bool uses);

enum call_end {
	CALL_DONE,
	CALL_REFUSED, /* for now */
	CALL_DENIED, /* what was called with is wrong: no fault excuses it, but an earlier try that was carried out may */
	CALL_WRONG,  /* the session has failed */
};

struct call {
	enum call_end end;
	json_t *result;	   /* DONE */
	char message[400]; /* else */
};

/* One try. `params`: JSON text, or NULL. */
void session_try(
	struct session *session, const char *method, const char *params, struct call *call);
void session_forget(json_t *result);
/* Until it gets through. NULL: the session has failed. */
json_t *session_call(struct session *session, const char *method, const char *params);
bool session_copy_text(json_t *object, const char *key, char *text, size_t size);

/* ---- what a client takes for a good answer: fault_mail.c ---- */

struct letter_kind {
	size_t size;
	unsigned targets; /* a bit for each mailbox */
	bool implicit_tls, in_chunks;
};

bool session_send(struct session *session, const char *what, const struct letter_kind *kind);
bool session_collect(struct session *session, const char *what, unsigned mailbox, bool deletes,
	bool implicit_tls);

/* ---- transfers: fault_transfer.c ---- */

/* As files of their own, each looked at like mail that is collected. */
bool session_export(struct session *session, const char *what, unsigned mailbox);
/* Brings a whole one, in the place of one from before. */
bool session_back_up(struct session *session);
/* Has the gateway look at it. */
bool session_verify_backup(struct session *session);
/* Puts it in the place of all; the gateway is started again for that. */
bool session_restore_backup(struct session *session);
void session_forget_backup(struct session *session);

#endif
