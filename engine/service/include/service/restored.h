/* restored.h -- the time after a restore: the list of mailboxes may lack some that were made after the backup, so
 * mail to those that are not known is put off until a person says that the list is whole. */
#ifndef LG_SERVICE_RESTORED_H
#define LG_SERVICE_RESTORED_H

#include "service/service.h"

/* The row of the settings that says so; its value is the folder with the store from before. */
extern const char RESTORED_KEY[];

/* At the start: reads the row, and raises doubt and problem when it is there. */
bool restored_load(struct service *service, const char *storage_folder, struct error *error);
/* The list is whole. ERROR_STATE: nobody asked. */
bool restored_confirm(struct service *service, struct error *error);

#endif
