/* file_watch.c -- the one watch of the process. */
#include "platform/file_watch.h"

#include <stddef.h>

static const struct file_watch *current;

void file_watch_set(const struct file_watch *watch)
{
	current = watch;
}

const struct file_watch *file_watch_get(void)
{
	return current;
}

void file_watch_promise(const char *what)
{
	if (current && current->promise)
		current->promise(current->context, what);
}
