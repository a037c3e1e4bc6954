/* The one connection of the SQLite store, with its settings. */
#ifndef MLPD_CORE_STORE_SQLITE_CONNECTION_H
#define MLPD_CORE_STORE_SQLITE_CONNECTION_H

#include "core/store/sqlite_internal.h"

enum sqlite_access {
    SQLITE_ACCESS_STORE, /* to read and write */
    SQLITE_ACCESS_CHECK  /* to read; nothing in the directory changes */
};

/* Open the database, look whose it is and bring its tables up to date.  On failure
 * ERROR_INVALID with a sentence (or ERROR_MEMORY), and nothing is open. */
enum error_code sqlite_connection_open(const char *path, const char *vfs,
                                       enum store_durability durability, enum sqlite_access access,
                                       sqlite3 **database, struct error *error);

#endif
