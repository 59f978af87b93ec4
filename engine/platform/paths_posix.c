/* paths_posix.c -- the XDG base folders, and a control socket path that fits into sockaddr_un. */
#include "platform/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "platform/file.h"

static const char service_data[] = "/var/lib/lettergate";
static const char service_socket[] = "/run/lettergate/control.sock";

bool path_join(const char *folder, const char *name, char path[PATH_SIZE], struct error *error)
{
	int length = snprintf(path, PATH_SIZE, "%s/%s", folder, name);

	if (length < 0 || length >= PATH_SIZE)
		return error_set(error, ERROR_INVALID, "the path %s/%s is too long", folder, name);
	return true;
}

bool path_default_data(char path[PATH_SIZE], struct error *error)
{
	const char *base = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	int length;

	/* XDG: a relative path is invalid and ignored. */
	if (base && base[0] == '/')
		length = snprintf(path, PATH_SIZE, "%s/lettergate", base);
	else if (home && home[0] == '/')
		length = snprintf(path, PATH_SIZE, "%s/.local/share/lettergate", home);
	else
		return error_set(error, ERROR_INVALID,
			"neither XDG_DATA_HOME nor HOME is set; name the data folder with --data");
	if (length < 0 || length >= PATH_SIZE)
		return error_set(error, ERROR_INVALID, "the path of the data folder is too long");
	return true;
}

bool path_canonical(const char *path, char canonical[PATH_SIZE], struct error *error)
{
	char resolved[PATH_MAX];

	if (!realpath(path, resolved))
		return error_set_os(error, errno, "looking for the folder %s", path);
	return bytes_copy_text(bytes_of(resolved), canonical, PATH_SIZE) ||
	       error_set(error, ERROR_INVALID, "the path %s is too long", path);
}

/* FNV-1a: a short name for a path. Two folders of one name would only share a socket name, and the
 * second gateway would be refused with a clear error. */
static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash;
}

static bool too_long(struct error *error)
{
	return error_set(error, ERROR_INVALID,
		"the path of the control socket is too long; set XDG_RUNTIME_DIR to a shorter one");
}

/* A folder that only this user may enter. In /tmp somebody else could have made it first. */
static bool own_folder(const char *path, bool create, struct error *error)
{
	struct stat facts;

	if (create && !folder_create(path, error))
		return false;
	if (lstat(path, &facts) != 0)
		return create ? error_set_os(error, errno, "checking %s", path) : true;
	if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 077) != 0)
		return error_set(error, ERROR_DENIED,
			"%s must be a folder that belongs to this user alone (mode 0700)", path);
	return true;
}

bool path_control_socket(
	const char *data_folder, bool create, char path[PATH_SIZE], struct error *error)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char canonical[PATH_SIZE], folder[PATH_SIZE];
	int length;

	if (!path_canonical(data_folder, canonical, error))
		return false;
	if (strcmp(canonical, service_data) == 0) {
		snprintf(path, PATH_SIZE, "%s", service_socket);
		return true;
	}
	if (runtime && runtime[0] == '/')
		length = snprintf(folder, sizeof folder, "%s/lettergate", runtime);
	else
		length = snprintf(
			folder, sizeof folder, "/tmp/lettergate-%lu", (unsigned long)geteuid());
	if (length < 0 || (size_t)length >= sizeof folder)
		return too_long(error);
	if (!own_folder(folder, create, error))
		return false;
	length = snprintf(path, PATH_SIZE, "%s/%016llx.sock", folder,
		(unsigned long long)hash_text(canonical));
	if (length < 0 || (size_t)length >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		return too_long(error);
	return true;
}
