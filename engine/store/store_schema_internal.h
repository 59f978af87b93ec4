/* store_schema_internal.h -- the tables of the database and their versions. */
#ifndef LG_STORE_SCHEMA_INTERNAL_H
#define LG_STORE_SCHEMA_INTERNAL_H

#include "store_database_internal.h"

/* Fills an empty file, migrates an older one. ERROR_STATE: written by a newer program. ERROR_CORRUPT:
 * not ours, or damaged. */
bool schema_bring_up(struct database *database, struct error *error);
/* The database is ours, and not of a newer program; errors as above. */
bool schema_check(struct database *database, int64_t *version, struct error *error);
/* A quick look at each table. */
bool schema_look(struct database *database, struct error *error);

#endif
