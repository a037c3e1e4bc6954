/* The connection and its settings; see sqlite_connection.h.
 *
 * Why each:
 *   page_size 8192                 payloads are large: fewer pages to a payload
 *   auto_vacuum INCREMENTAL        the file can be made smaller in pieces
 *   locking_mode EXCLUSIVE         set before the write-ahead log is, so that its index lies in
 *                                  memory and not in a file shared with others
 *   journal_mode WAL               a commit is one write of the log, and one fsync
 *   synchronous                    EXTRA until the write-ahead log is on: the rollback journal
 *                                  with which that is done must not come back after a crash of the
 *                                  machine, and only so is its removal synced.  Then FULL: each
 *                                  commit waits for the disk.  Or NORMAL: store_sync syncs the
 *                                  log, if anyone calls it, and so does carrying it over.  Never
 *                                  OFF, with which a crash could leave a damaged file
 *   secure_delete OFF              or every freed page would be written with zeros
 *   wal_autocheckpoint 0           the store itself says when (sqlite_transaction.c)
 *   mmap_size 0                    an I/O error is an error, not a signal
 *   cell_size_check, trusted_schema  a damaged or foreign file is not believed
 * One connection only, used by one thread: there is a fault in SQLite before 3.51.3 that needs
 * two connections to one write-ahead log. */
#include "core/store/sqlite_connection.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/store/sqlite_schema.h"

#define ROW_BYTES_MAX (STORE_CHUNK_BYTES_MAX + 65536)

static const char *const synchronous[] = {
    [STORE_ALWAYS] = "PRAGMA synchronous = FULL",
    [STORE_INTERVAL] = "PRAGMA synchronous = NORMAL",
    [STORE_NONE] = "PRAGMA synchronous = NORMAL",
};

static int execute(sqlite3 *database, const char *sql) {
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

/* Switch the write-ahead log on; what SQLite answers says whether it is. */
static int start_log(sqlite3 *database) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(database, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        code = mode != NULL && strcmp(mode, "wal") == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
    }
    sqlite3_finalize(statement);
    return code;
}

static int execute_all(sqlite3 *database, const char *const *settings, size_t count) {
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        code = execute(database, settings[i]);
    }
    return code;
}

static int set_up(sqlite3 *database, bool empty, enum store_durability durability,
                  enum sqlite_access access) {
    /* Of the file, and in it from its first page on. */
    static const char *const of_file[] = {"PRAGMA page_size = 8192",
                                          "PRAGMA auto_vacuum = INCREMENTAL"};
    static const char *const of_connection[] = {"PRAGMA mmap_size = 0",
                                                "PRAGMA trusted_schema = OFF",
                                                "PRAGMA cell_size_check = ON",
                                                "PRAGMA secure_delete = OFF",
                                                "PRAGMA temp_store = MEMORY",
                                                "PRAGMA cache_size = -8192", /* KiB */
                                                "PRAGMA recursive_triggers = OFF",
                                                "PRAGMA synchronous = EXTRA"};
    int code = empty ? execute_all(database, of_file, sizeof of_file / sizeof *of_file) : SQLITE_OK;
    if (code == SQLITE_OK) {
        code = execute_all(database, of_connection, sizeof of_connection / sizeof *of_connection);
    }
    if (code == SQLITE_OK) {
        code = access == SQLITE_ACCESS_STORE ? start_log(database)
                                             : execute(database, "PRAGMA query_only = ON");
    }
    if (code == SQLITE_OK) {
        code = execute(database, synchronous[durability]);
    }
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
    sqlite3_wal_autocheckpoint(database, 0);
    return code;
}

/* SQLite makes a file for the write-ahead log, and takes it away when it closes the last
 * connection; but then it also carries over what is in it. */
static bool has_log(const char *path) {
    char log[PATH_MAX];
    struct stat status;
    snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &status) == 0 && status.st_size > 0;
}

enum error_code sqlite_connection_open(const char *path, const char *vfs,
                                       enum store_durability durability, enum sqlite_access access,
                                       sqlite3 **database, struct error *error) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      SQLITE_OPEN_NOFOLLOW | (vfs != NULL ? SQLITE_OPEN_CREATE : 0);
    int version = 0;
    enum error_code code;
    int opened = sqlite3_open_v2(path, database, flags, vfs);
    if (opened == SQLITE_OK && access == SQLITE_ACCESS_CHECK && has_log(path)) {
        sqlite3_db_config(*database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (opened == SQLITE_OK) {
        opened = execute(*database, "PRAGMA locking_mode = EXCLUSIVE");
    }
    if (opened != SQLITE_OK) {
        code = sqlite_schema_unreadable(*database, path, opened, error);
        goto close;
    }
    /* Before a byte of it is changed. */
    code = sqlite_schema_look(*database, path, access == SQLITE_ACCESS_STORE, &version, error);
    if (code != ERROR_NONE) {
        goto close;
    }
    opened = set_up(*database, version == 0, durability, access);
    if (opened != SQLITE_OK) {
        code = sqlite_schema_unreadable(*database, path, opened, error);
        goto close;
    }
    code = access == SQLITE_ACCESS_STORE ? sqlite_schema_migrate(*database, path, version, error)
                                         : ERROR_NONE;
    if (code == ERROR_NONE) {
        return ERROR_NONE;
    }
close:
    sqlite3_close(*database);
    *database = NULL;
    return code;
}
