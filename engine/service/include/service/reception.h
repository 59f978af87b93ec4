/* reception.h -- the front door: opens the listeners of the settings, accepts, and starts a session of
 * the right kind on the least loaded worker loop. */
#ifndef LG_SERVICE_RECEPTION_H
#define LG_SERVICE_RECEPTION_H

#include "config/config.h"
#include "net/loop.h"
#include "platform/socket.h"
#include "service/service.h"

struct reception;

enum reception_kind {
	RECEPTION_SMTP,	      /* port 25, STARTTLS */
	RECEPTION_SMTPS,      /* 465, implicit TLS */
	RECEPTION_SUBMISSION, /* 587, STARTTLS */
	RECEPTION_POP3,	      /* 110, STLS */
	RECEPTION_POP3S,      /* 995, implicit TLS */
};

/* A listener as `status` shows it. */
struct reception_listener {
	enum reception_kind kind;
	struct socket_address address; /* as bound */
};

const char *reception_kind_name(enum reception_kind kind); /* "smtp", "smtps", "submission", ... */
bool reception_kind_is_implicit_tls(enum reception_kind kind);

enum { RECEPTION_LISTENERS_MAX = 5 * CONFIG_ENDPOINTS_MAX };

/* Binds everything in `config`. A listener that cannot be bound is a problem, not a failure, as long as
 * one can; the text names the port and, where the system tells, the program that holds it. */
struct reception *reception_open(
	struct service *service, const struct config *config, struct error *error);
/* Starts accepting. The loops stay the caller's and must outlive reception_close(). */
bool reception_start(
	struct reception *reception, struct loop **loops, size_t loop_count, struct error *error);
void reception_close(struct reception **reception); /* stops accepting; sessions live on */

/* Makes one setting listen.* act while it runs: what stays is left alone, new endpoints are opened before old
 * ones are closed where that is possible. False: one cannot be opened, the text names the holder; the old ones
 * stay. By one thread at a time. */
bool reception_rebind(struct reception *reception, const char *setting, const struct config *config,
	struct error *error);
/* For connections from now on. */
void reception_set_max_sessions(struct reception *reception, size_t max_sessions);

/* Copies what is open now, and returns how many there are. */
size_t reception_listeners(
	struct reception *reception, struct reception_listener listeners[RECEPTION_LISTENERS_MAX]);

#endif
