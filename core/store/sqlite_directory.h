/* The directory of the SQLite store: made, owned, locked. */
#ifndef MLPD_CORE_STORE_SQLITE_DIRECTORY_H
#define MLPD_CORE_STORE_SQLITE_DIRECTORY_H

#include "core/store/sqlite_internal.h"

/* Make the directory (0700) and the database's file (0600) where they are not there, and lock
 * the directory for this process.  ERROR_INVALID with one sentence for the operator. */
enum error_code sqlite_place_take(const char *directory, struct sqlite_place *place,
                                  struct error *error);

/* The same of a directory that must be there and is only read. */
enum error_code sqlite_place_look(const char *directory, struct sqlite_place *place,
                                  struct error *error);

/* Let go; what was never taken, too. */
void sqlite_place_leave(struct sqlite_place *place);

/* Make the file (0600) where it is not there: SQLite would make it as the umask says. */
enum error_code sqlite_file_make(const char *directory, const char *path, struct error *error);

/* What was made in the directory survives a crash of the machine. */
bool sqlite_directory_sync(const char *directory);

/* "directory/name", for memory_free; NULL when there is no memory. */
char *sqlite_path_join(const char *directory, const char *name);

#endif
