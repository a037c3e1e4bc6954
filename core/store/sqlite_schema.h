/* The tables of the SQLite store, and how an older database gets them. */
#ifndef MLPD_CORE_STORE_SQLITE_SCHEMA_H
#define MLPD_CORE_STORE_SQLITE_SCHEMA_H

#include <stdbool.h>

#include <sqlite3.h>

#include "core/base/error.h"

#define SQLITE_APPLICATION_ID 0x6d6c7064 /* "mlpd" */

/* What a database is: made by mlpd, of a version that is known, or empty where `may_be_empty`.
 * ERROR_INVALID with a sentence that begins with `path`. */
enum error_code sqlite_schema_look(sqlite3 *database, const char *path, bool may_be_empty,
                                   int *version, struct error *error);

/* Bring a database of `version` (0: empty) to the present one. */
enum error_code sqlite_schema_migrate(sqlite3 *database, const char *path, int version,
                                      struct error *error);

/* The sentence for a database that cannot be opened, as SQLite says `code`. */
enum error_code sqlite_schema_unreadable(sqlite3 *database, const char *path, int code,
                                         struct error *error);

#endif
