/* instance_lock_posix.c -- flock on a file that is never removed: removing it would let two processes
 * hold locks on two files of one name. The holder's process id stands in it for the error text. */
#include "platform/instance_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct instance_lock {
	int descriptor;
};

static bool name_holder(int descriptor, const char *path, struct error *error)
{
	char text[32] = "";
	ssize_t got = pread(descriptor, text, sizeof text - 1, 0);

	if (got > 0)
		text[strspn(text, "0123456789")] = '\0';
	return error_set(error, ERROR_BUSY,
		"another gateway (process %s) runs on this data folder; stop it first, or attach "
		"to it "
		"(%s)",
		*text ? text : "unknown", path);
}

struct instance_lock *instance_lock_take(const char *path, struct error *error)
{
	struct instance_lock *lock = calloc(1, sizeof *lock);
	char text[32];
	int length;

	if (!lock) {
		error_set_memory(error);
		return NULL;
	}
	lock->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock->descriptor < 0) {
		error_set_os(error, errno, "opening %s", path);
		free(lock);
		return NULL;
	}
	if (flock(lock->descriptor, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			name_holder(lock->descriptor, path, error);
		else
			error_set_os(error, errno, "locking %s", path);
		instance_lock_release(&lock);
		return NULL;
	}
	length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* Only the error text of another process depends on this, and a full disk must not stand in the way of a start. */
	if (ftruncate(lock->descriptor, 0) == 0 &&
		pwrite(lock->descriptor, text, (size_t)length, 0) != length)
		(void)!ftruncate(lock->descriptor, 0);
	return lock;
}

void instance_lock_release(struct instance_lock **lock)
{
	if (!*lock)
		return;
	close((*lock)->descriptor);
	free(*lock);
	*lock = NULL;
}
