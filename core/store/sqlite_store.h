/* The embedded store: one SQLite database in a directory, and nothing else of the process's.
 *
 * One connection, write-ahead log, no shared memory; the settings and why are at the head of
 * sqlite_store.c.  The directory is locked: a second process is told who has it. */
#ifndef MLPD_CORE_STORE_SQLITE_STORE_H
#define MLPD_CORE_STORE_SQLITE_STORE_H

#include "core/store/store.h"

struct sqlite_store_settings {
    const char *directory; /* made where it is not there */
    enum store_durability durability;
    const char *vfs; /* SQLite's name of the file system to use; NULL: the usual one */
};

/* ERROR_INVALID with a sentence for the operator: the directory cannot be made, read, written
 * or locked (who has it), or the database is of a newer mlpd, or of no mlpd. */
enum error_code sqlite_store_open(const struct sqlite_store_settings *settings,
                                  struct store **store, struct error *error);

/* Look at every page and every checksum, changing nothing; `tell` is called with each problem
 * in a sentence.  ERROR_INVALID as above. */
enum error_code sqlite_store_check(const char *directory, void (*tell)(const char *problem),
                                   struct store_check *check, struct error *error);

#endif
