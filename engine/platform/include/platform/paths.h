/* paths.h -- where things lie on this system. */
#ifndef LG_PLATFORM_PATHS_H
#define LG_PLATFORM_PATHS_H

#include "base/error.h"

enum { PATH_SIZE = 4096 };

/* "folder/name"; ERROR_INVALID when it does not fit. */
bool path_join(const char *folder, const char *name, char path[PATH_SIZE], struct error *error);
/* The default data folder of this user (XDG Base Directory: $XDG_DATA_HOME/lettergate). */
bool path_default_data(char path[PATH_SIZE], struct error *error);
/* Absolute and without symbolic links, so that two names of one folder give one socket. The folder must
 * exist (ERROR_NOT_FOUND). */
bool path_canonical(const char *path, char canonical[PATH_SIZE], struct error *error);
/* The control socket of a gateway on that data folder: /run/lettergate/control.sock for the service's
 * folder, else $XDG_RUNTIME_DIR/lettergate/HASH.sock, else a folder in /tmp that only this user may
 * enter. Under 108 bytes. The socket's folder is created owner-only when `create` is set; the data folder
 * must exist. */
bool path_control_socket(
	const char *data_folder, bool create, char path[PATH_SIZE], struct error *error);

#endif
