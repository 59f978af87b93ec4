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

/* Binds everything in `config`. A listener that cannot be bound is a problem, not a failure, as long as
 * one can; the text names the port. */
struct reception *reception_open(
	struct service *service, const struct config *config, struct error *error);
/* Starts accepting. The loops stay the caller's and must outlive reception_close(). */
bool reception_start(
	struct reception *reception, struct loop **loops, size_t loop_count, struct error *error);
void reception_close(struct reception **reception); /* stops accepting; sessions live on */

size_t reception_listener_count(const struct reception *reception);
const struct reception_listener *reception_listener_at(
	const struct reception *reception, size_t index);

#endif
