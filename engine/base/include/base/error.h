/* error.h -- an error is a value on the caller's stack.
 *
 * A function that can fail returns bool and takes `struct error *error` last. It fills the error
 * before it returns false; each caller on the way up may add what it was doing, once. Nothing is
 * allocated, so reporting "out of memory" cannot run out of memory. The text is for a person: what
 * happened, why, and what to do next. It never holds a secret. */
#ifndef LG_BASE_ERROR_H
#define LG_BASE_ERROR_H

#include <stdbool.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

enum error_kind {
	ERROR_NONE,
	ERROR_INVALID,	 /* the input is wrong; the same call will fail again */
	ERROR_NOT_FOUND, /* no such mailbox, message, setting, file */
	ERROR_EXISTS,	 /* it is there already */
	ERROR_STATE,	 /* right call, wrong moment: e.g. deleting an active mailbox */
	ERROR_DENIED,	 /* wrong password, or the system forbids it */
	ERROR_BUSY,	 /* a queue or a limit is full; try again */
	ERROR_FULL,	 /* no space left, or the reserve would be touched */
	ERROR_CORRUPT,	 /* stored data does not verify */
	ERROR_IO,	 /* the system refused a read, write, sync, socket call */
	ERROR_MEMORY,	 /* an allocation failed */
	ERROR_CANCELLED, /* the gateway is stopping */
};

struct error {
	enum error_kind kind;
	int os_code; /* errno or the Windows code, 0 when none */
	char text[512];
};

/* All three return false, so that `return error_set(...)` reads as one step. `error` may be NULL
 * when the caller only wants to know whether it worked. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Appends the system's own words for `os_code` and picks the kind from it (ENOSPC is ERROR_FULL). */
bool error_set_os(struct error *error, int os_code, const char *format, ...) PRINTF_LIKE(3, 4);
bool error_set_memory(struct error *error);

/* Puts "context: " in front of the text. */
void error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* The kind as a short stable word, for logs and the control interface ("not-found"). */
const char *error_kind_name(enum error_kind kind);

#endif
