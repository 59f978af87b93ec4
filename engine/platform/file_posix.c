/* file_posix.c -- file.h over POSIX. Every call asks the watch first and tells it after. Files are
 * created 0600 and folders 0700 whatever the umask says. */
#include "platform/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "platform/file_watch.h"
#include "platform/paths.h"

struct file {
	int descriptor;
	uint64_t end;
	char *path;
};

/* False with errno set when the watch wants the operation to fail. */
static bool allowed(enum file_operation operation, const char *path, const char *other)
{
	const struct file_watch *watch = file_watch_get();
	int code;

	if (!watch || !watch->before)
		return true;
	code = watch->before(watch->context, operation, path, other);
	if (code)
		errno = code;
	return code == 0;
}

static void happened(enum file_operation operation, const char *path, const char *other,
	uint64_t offset, struct bytes written)
{
	const struct file_watch *watch = file_watch_get();

	if (watch && watch->after)
		watch->after(watch->context, operation, path, other, offset, written);
}

static const struct bytes nothing = { NULL, 0 };

static int open_flags(enum file_mode mode)
{
	switch (mode) {
	case FILE_READ:
		return O_RDONLY | O_CLOEXEC;
	case FILE_CREATE:
		return O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	case FILE_REPLACE:
		return O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	case FILE_APPEND:
		return O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
	}
	return O_RDONLY | O_CLOEXEC;
}

/* The umask may have taken rights from the owner, and a file that is replaced may give some to others. */
static bool make_private(int descriptor)
{
	struct stat facts;

	if (fstat(descriptor, &facts) != 0)
		return false;
	return (facts.st_mode & 0677) == 0600 || fchmod(descriptor, 0600) == 0;
}

/* Behind what is there, which the watch need not hear of: nothing is emptied. */
static bool find_end(struct file *file)
{
	struct stat facts;

	if (fstat(file->descriptor, &facts) != 0)
		return false;
	file->end = (uint64_t)facts.st_size;
	return true;
}

struct file *file_open(const char *path, enum file_mode mode, struct error *error)
{
	struct file *file = calloc(1, sizeof *file);

	if (!file || !(file->path = strdup(path))) {
		error_set_memory(error);
		free(file);
		return NULL;
	}
	file->descriptor = -1;
	if (mode == FILE_READ || allowed(FILE_OP_OPEN, path, NULL))
		file->descriptor = open(path, open_flags(mode), 0600);
	if (file->descriptor < 0 || (mode != FILE_READ && !make_private(file->descriptor)) ||
		(mode == FILE_APPEND && !find_end(file))) {
		error_set_os(error, errno, "opening %s", path);
		file_close(&file);
		return NULL;
	}
	if (mode != FILE_READ && file->end == 0)
		happened(FILE_OP_OPEN, path, NULL, 0, nothing);
	return file;
}

void file_close(struct file **file)
{
	if (!*file)
		return;
	if ((*file)->descriptor >= 0)
		close((*file)->descriptor);
	free((*file)->path);
	free(*file);
	*file = NULL;
}

bool file_write(struct file *file, struct bytes bytes, struct error *error)
{
	struct bytes rest = bytes;

	if (!allowed(FILE_OP_WRITE, file->path, NULL))
		return error_set_os(error, errno, "writing %s", file->path);
	while (rest.size) {
		ssize_t written = write(file->descriptor, rest.data, rest.size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return error_set_os(error, errno, "writing %s", file->path);
		rest = bytes_skip(rest, (size_t)written);
	}
	happened(FILE_OP_WRITE, file->path, NULL, file->end, bytes);
	file->end += bytes.size;
	return true;
}

bool file_allocate(struct file *file, uint64_t size, struct error *error)
{
	int code;

	if (!allowed(FILE_OP_WRITE, file->path, NULL))
		return error_set_os(error, errno, "writing %s", file->path);
	/* Gives its error instead of setting errno; writes to each block where the file system cannot. */
	do {
		code = posix_fallocate(file->descriptor, 0, (off_t)size);
	} while (code == EINTR);
	if (code)
		return error_set_os(error, code, "allocating %s", file->path);
	happened(FILE_OP_WRITE, file->path, NULL, 0, nothing);
	file->end = size;
	return true;
}

bool file_read_at(
	struct file *file, uint64_t offset, size_t size, struct buf *out, struct error *error)
{
	uint8_t *space;
	size_t filled = 0;

	if (!allowed(FILE_OP_READ, file->path, NULL))
		return error_set_os(error, errno, "reading %s", file->path);
	if (!buf_reserve(out, size, &space))
		return error_set_memory(error);
	while (filled < size) {
		ssize_t got = pread(
			file->descriptor, space + filled, size - filled, (off_t)(offset + filled));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_os(error, errno, "reading %s", file->path);
		if (got == 0)
			break;
		filled += (size_t)got;
	}
	buf_commit(out, filled);
	return true;
}

bool file_size(struct file *file, uint64_t *size, struct error *error)
{
	struct stat facts;

	if (fstat(file->descriptor, &facts) != 0)
		return error_set_os(error, errno, "measuring %s", file->path);
	*size = (uint64_t)facts.st_size;
	return true;
}

bool file_modified_us(struct file *file, int64_t *modified_us, struct error *error)
{
	struct stat facts;

	if (fstat(file->descriptor, &facts) != 0)
		return error_set_os(error, errno, "asking for the time of %s", file->path);
	*modified_us = (int64_t)facts.st_mtim.tv_sec * 1000000 + facts.st_mtim.tv_nsec / 1000;
	return true;
}

bool file_sync(struct file *file, struct error *error)
{
	/* fdatasync writes the size too when it changed (fdatasync(2)). */
	if (!allowed(FILE_OP_SYNC, file->path, NULL) || fdatasync(file->descriptor) != 0)
		return error_set_os(error, errno, "syncing %s", file->path);
	happened(FILE_OP_SYNC, file->path, NULL, 0, nothing);
	return true;
}

bool file_rename(const char *from, const char *to, struct error *error)
{
	if (!allowed(FILE_OP_RENAME, from, to) || rename(from, to) != 0)
		return error_set_os(error, errno, "renaming %s to %s", from, to);
	happened(FILE_OP_RENAME, from, to, 0, nothing);
	return true;
}

bool file_remove(const char *path, struct error *error)
{
	if (!allowed(FILE_OP_REMOVE, path, NULL) || unlink(path) != 0)
		return error_set_os(error, errno, "removing %s", path);
	happened(FILE_OP_REMOVE, path, NULL, 0, nothing);
	return true;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_make_private(const char *path, struct error *error)
{
	return chmod(path, 0600) == 0 ||
	       error_set_os(error, errno, "closing %s to other users", path);
}

bool file_load(const char *path, struct buf *out, struct error *error)
{
	struct file *file = file_open(path, FILE_READ, error);
	uint64_t size = 0;
	bool ok = false;

	if (!file)
		return false;
	if (!file_size(file, &size, error))
		goto out;
	if (size > out->maximum - out->size) {
		error_set(error, ERROR_INVALID, "%s is larger than expected", path);
		goto out;
	}
	ok = file_read_at(file, 0, (size_t)size, out, error);
out:
	file_close(&file);
	return ok;
}

static void parent_of(const char *path, char parent[PATH_SIZE])
{
	char *slash;

	snprintf(parent, PATH_SIZE, "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		snprintf(parent, PATH_SIZE, ".");
	else if (slash == parent)
		parent[1] = '\0';
	else
		*slash = '\0';
}

bool file_save(const char *path, struct bytes content, struct error *error)
{
	char temporary[PATH_SIZE], folder[PATH_SIZE];
	struct file *file;
	bool ok = false;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
		return error_set(error, ERROR_INVALID, "the path %s is too long", path);
	parent_of(path, folder);
	file = file_open(temporary, FILE_REPLACE, error);
	if (!file)
		return false;
	ok = file_write(file, content, error) && file_sync(file, error);
	file_close(&file);
	ok = ok && file_rename(temporary, path, error);
	/* It may hold a key. */
	if (!ok)
		file_remove(temporary, NULL);
	return ok && folder_sync(folder, error);
}

static bool is_folder(const struct stat *facts, const char *path, struct error *error)
{
	return S_ISDIR(facts->st_mode) ||
	       error_set(error, ERROR_EXISTS, "%s exists and is not a folder", path);
}

static bool make_folder(const char *path, struct error *error)
{
	struct stat facts;
	bool is_made;

	if (stat(path, &facts) == 0)
		return is_folder(&facts, path, error);
	if (!allowed(FILE_OP_FOLDER_CREATE, path, NULL))
		return error_set_os(error, errno, "creating the folder %s", path);
	is_made = mkdir(path, 0700) == 0;
	/* Somebody else may just have made it; a link that leads nowhere is in the way for good. */
	if (!is_made && errno == EEXIST && stat(path, &facts) == 0)
		return is_folder(&facts, path, error);
	/* The umask may have taken rights from the owner. */
	if (!is_made || chmod(path, 0700) != 0)
		return error_set_os(error, errno, "creating the folder %s", path);
	happened(FILE_OP_FOLDER_CREATE, path, NULL, 0, nothing);
	return true;
}

bool folder_create(const char *path, struct error *error)
{
	char partial[PATH_SIZE];
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof partial)
		return error_set(error, ERROR_INVALID, "the folder's path is empty or too long");
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(partial, path, i);
		partial[i] = '\0';
		if (!make_folder(partial, error))
			return false;
	}
	return true;
}

bool folder_check_own(const char *path, struct error *error)
{
	struct stat facts;

	if (stat(path, &facts) != 0)
		return error_set_os(error, errno, "checking the folder %s", path);
	if (facts.st_uid != geteuid())
		return error_set(error, ERROR_DENIED,
			"the folder %s belongs to another user (%lu): run the gateway as that "
			"user, "
			"or name another folder",
			path, (unsigned long)facts.st_uid);
	if (facts.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, ERROR_DENIED,
			"other users may write to the folder %s: take that right from them (chmod "
			"go-w), or name another folder",
			path);
	return true;
}

bool folder_remove(const char *path, struct error *error)
{
	if (!allowed(FILE_OP_REMOVE, path, NULL) || rmdir(path) != 0)
		return error_set_os(error, errno, "removing the folder %s", path);
	happened(FILE_OP_REMOVE, path, NULL, 0, nothing);
	return true;
}

bool folder_sync(const char *path, struct error *error)
{
	int descriptor = -1;
	bool ok;

	if (allowed(FILE_OP_FOLDER_SYNC, path, NULL))
		descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = descriptor >= 0 && fsync(descriptor) == 0;
	if (!ok)
		error_set_os(error, errno, "syncing the folder %s", path);
	if (descriptor >= 0)
		close(descriptor);
	if (ok)
		happened(FILE_OP_FOLDER_SYNC, path, NULL, 0, nothing);
	return ok;
}

bool folder_each(const char *path, folder_entry *entry, void *context, struct error *error)
{
	DIR *folder = opendir(path);
	struct dirent *found;
	bool go_on = true;
	int code;

	if (!folder)
		return error_set_os(error, errno, "reading the folder %s", path);
	errno = 0;
	while (go_on && (found = readdir(folder))) {
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
			go_on = entry(context, found->d_name);
		errno = 0;
	}
	code = errno;
	closedir(folder);
	if (code)
		return error_set_os(error, code, "reading the folder %s", path);
	return true;
}

bool folder_total_bytes(const char *path, uint64_t *total_bytes, struct error *error)
{
	struct statvfs facts;

	if (statvfs(path, &facts) != 0)
		return error_set_os(error, errno, "asking for the size of the disk of %s", path);
	*total_bytes = (uint64_t)facts.f_blocks * facts.f_frsize;
	return true;
}

bool folder_free_bytes(const char *path, uint64_t *free_bytes, struct error *error)
{
	struct statvfs facts;

	if (statvfs(path, &facts) != 0)
		return error_set_os(error, errno, "asking for the free space of %s", path);
	*free_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
	return true;
}
