/* storage_place.h -- where the store of a data folder lies, and where it is to go: two small files in the data folder,
 * each replaced as a whole.
 *
 *	storage		the folder of the store; not there: it is the data folder itself
 *	storage.move	where it is and where it is to go, a line each, from the request to the end of the move
 *
 * Certificates, logs and the lock stay in the data folder. */
#ifndef LG_SERVICE_STORAGE_PLACE_H
#define LG_SERVICE_STORAGE_PLACE_H

#include "platform/paths.h"

/* In the folder that a move goes to, from its beginning to its end: the data folder that it is for. */
extern const char STORAGE_MARK[];

/* ERROR_CORRUPT: the file cannot be understood. */
bool storage_place_read(const char *data_folder, char storage[PATH_SIZE], struct error *error);
bool storage_place_write(const char *data_folder, const char *storage, struct error *error);

struct storage_request {
	char from[PATH_SIZE], to[PATH_SIZE];
};
/* *found: there is one. */
bool storage_request_read(
	const char *data_folder, struct storage_request *request, bool *found, struct error *error);
bool storage_request_write(
	const char *data_folder, const struct storage_request *request, struct error *error);
bool storage_request_remove(const char *data_folder, struct error *error);

/* The folder is marked as one that this data folder's store is being moved to. */
bool storage_is_marked(const char *folder, const char *data_folder);
bool storage_mark(const char *folder, const char *data_folder, struct error *error);
bool storage_unmark(const char *folder, struct error *error);

#endif
