/* error.c -- filling, prefixing and naming error values. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[ERROR_NONE] = "none",
	[ERROR_INVALID] = "invalid",
	[ERROR_NOT_FOUND] = "not-found",
	[ERROR_EXISTS] = "exists",
	[ERROR_STATE] = "state",
	[ERROR_DENIED] = "denied",
	[ERROR_BUSY] = "busy",
	[ERROR_FULL] = "full",
	[ERROR_CORRUPT] = "corrupt",
	[ERROR_IO] = "io",
	[ERROR_MEMORY] = "memory",
	[ERROR_CANCELLED] = "cancelled",
};

static const struct {
	int os_code;
	enum error_kind kind;
} os_kinds[] = {
	{ ENOSPC, ERROR_FULL },
	{ ENOMEM, ERROR_MEMORY },
	{ ENOENT, ERROR_NOT_FOUND },
	{ EEXIST, ERROR_EXISTS },
	{ EACCES, ERROR_DENIED },
	{ EPERM, ERROR_DENIED },
	{ EADDRINUSE, ERROR_BUSY },
	{ ECANCELED, ERROR_CANCELLED },
#ifdef EDQUOT
	{ EDQUOT, ERROR_FULL },
#endif
};

static enum error_kind kind_of_os(int os_code)
{
	for (size_t i = 0; i < sizeof os_kinds / sizeof os_kinds[0]; i++) {
		if (os_kinds[i].os_code == os_code)
			return os_kinds[i].kind;
	}
	return ERROR_IO;
}

/* What does not fit is left out. */
static void append(struct error *error, const char *text)
{
	size_t used = strlen(error->text);
	size_t size = strlen(text);

	if (size > sizeof error->text - 1 - used)
		size = sizeof error->text - 1 - used;
	memcpy(error->text + used, text, size);
	error->text[used + size] = '\0';
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list args;

	if (!error)
		return false;
	error->kind = kind;
	error->os_code = 0;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return false;
}

bool error_set_os(struct error *error, int os_code, const char *format, ...)
{
	va_list args;

	if (!error)
		return false;
	error->kind = kind_of_os(os_code);
	error->os_code = os_code;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	append(error, ": ");
	append(error, strerror(os_code));
	return false;
}

bool error_set_memory(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "out of memory");
}

void error_prefix(struct error *error, const char *format, ...)
{
	char text[sizeof error->text];
	struct error own;
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	own = *error;
	snprintf(error->text, sizeof error->text, "%s", text);
	append(error, ": ");
	append(error, own.text);
}

const char *error_kind_name(enum error_kind kind)
{
	if ((size_t)kind >= sizeof kind_names / sizeof kind_names[0])
		return "unknown";
	return kind_names[kind];
}
