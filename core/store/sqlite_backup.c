/* Copies of the store, made a piece at a time while commits go on.
 *
 * SQLite's backup copies pages, and what changes meanwhile is copied again by it, as both are
 * done through one connection.  The copy is a database in a directory of its own, below
 * `backups`, so that it can be checked and served as it is.  It is made within one transaction:
 * until the last piece its file has a rollback journal beside it, and is empty to who opens it.
 * With the journal's removal, which EXTRA syncs, it is there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/memory.h"
#include "core/store/sqlite_directory.h"

#define BACKUPS_NAME "backups"
#define PIECE_PAGES ((4 << 20) / SQLITE_PAGE_BYTES)
#define NAME_BYTES_MAX 128

static bool is_name(const char *name) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t length = strlen(name);
    return length > 0 && length <= NAME_BYTES_MAX && strspn(name, allowed) == length &&
           name[0] != '.';
}

void sqlite_backup_end(struct sqlite_store *store) {
    struct sqlite_backup *backup = &store->backup;
    sqlite3_backup_finish(backup->pages);
    sqlite3_close(backup->copy);
    memory_free(backup->name);
    *backup = (struct sqlite_backup){.copy = NULL};
}

/* The directory of the copy, and that of all copies; for memory_free. */
static enum store_result make_directory(struct sqlite_store *store, const char *name, char **made,
                                        struct error *error) {
    char *all = sqlite_path_join(store->place.directory, BACKUPS_NAME);
    char *own = all != NULL ? sqlite_path_join(all, name) : NULL;
    enum store_result result = STORE_OK;
    if (own == NULL) {
        result = store_fail(error, STORE_FULL, "no memory for a backup");
    } else if ((mkdir(all, 0700) != 0 && errno != EEXIST) ||
               (mkdir(own, 0700) != 0 && errno != EEXIST) ||
               !sqlite_directory_sync(store->place.directory) || !sqlite_directory_sync(all)) {
        result = store_fail(error, STORE_FULL, "%s cannot be made: %s", own, strerror(errno));
    }
    memory_free(all);
    if (result != STORE_OK) {
        memory_free(own);
        return result;
    }
    *made = own;
    return STORE_OK;
}

/* A file that has no transaction open, and holds something, is a copy. */
static int look_at(struct sqlite_store *store, sqlite3 *copy, const char *path, bool *taken) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(store->vfs);
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int journal = 0;
    char *beside = sqlite3_mprintf("%s-journal", path);
    int code = beside != NULL ? SQLITE_OK : SQLITE_NOMEM;
    if (code == SQLITE_OK) {
        code = sqlite3_file_control(copy, "main", SQLITE_FCNTL_FILE_POINTER, (void *)&file);
    }
    if (code == SQLITE_OK) {
        code = file->pMethods->xFileSize(file, &size);
    }
    if (code == SQLITE_OK) {
        code = vfs->xAccess(vfs, beside, SQLITE_ACCESS_EXISTS, &journal);
    }
    sqlite3_free(beside);
    *taken = size > 0 && !journal;
    return code;
}

static enum store_result backup_failed(struct sqlite_store *store, int code, struct error *error) {
    const int system = sqlite3_system_errno(store->backup.copy);
    sqlite_backup_end(store);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return store_fail(error, STORE_FULL, "no room on the disk for a backup of %s",
                          store->place.database);
    case SQLITE_NOMEM:
        return store_fail(error, STORE_FULL, "no memory for a backup");
    default:
        return store_fail(error, STORE_UNAVAILABLE,
                          "the backup failed: %s (SQLite's %d, the system's %d)",
                          sqlite3_errstr(code), code, system);
    }
}

static enum store_result begin_backup(struct sqlite_store *store, const char *name,
                                      struct error *error) {
    struct sqlite_backup *backup = &store->backup;
    char *directory;
    enum store_result result = make_directory(store, name, &directory, error);
    if (result != STORE_OK) {
        return result;
    }
    char *path = sqlite_path_join(directory, DATABASE_NAME);
    backup->name = memory_copy_string(name);
    bool taken = false;
    int code = SQLITE_NOMEM;
    if (path != NULL && backup->name != NULL) {
        struct error why;
        if (sqlite_file_make(directory, path, &why) != ERROR_NONE) {
            result = store_fail(error, STORE_FULL, "%s", why.message);
            goto end;
        }
        code = sqlite3_open_v2(path, &backup->copy,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW,
                               store->vfs);
    }
    if (code == SQLITE_OK) {
        code = look_at(store, backup->copy, path, &taken);
    }
    if (code == SQLITE_OK && taken) {
        result = store_fail(error, STORE_TAKEN, "there is a backup %s", name);
        goto end;
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(backup->copy, "PRAGMA synchronous = EXTRA; PRAGMA cache_size = -1024",
                            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        backup->pages = sqlite3_backup_init(backup->copy, "main", store->database, "main");
        code = backup->pages != NULL ? SQLITE_OK : sqlite3_extended_errcode(backup->copy);
    }
    if (code != SQLITE_OK) {
        result = backup_failed(store, code, error);
    }
end:
    if (result != STORE_OK) {
        sqlite_backup_end(store);
    }
    memory_free(path);
    memory_free(directory);
    return result;
}

/* What was copied is on its way to the disk, so that the last piece has little to wait for. */
static int sync_copy(struct sqlite_backup *backup) {
    sqlite3_file *file = NULL;
    const int code =
        sqlite3_file_control(backup->copy, "main", SQLITE_FCNTL_FILE_POINTER, (void *)&file);
    return code == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : code;
}

enum store_result sqlite_backup(struct store *base, const char *name, bool *more, uint64_t *bytes,
                                struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    struct sqlite_backup *backup = &store->backup;
    *more = false;
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    if (!is_name(name)) {
        return store_fail(error, STORE_TAKEN,
                          "a backup's name has 1 to %d letters, digits, '.', '_' and '-', and does "
                          "not begin with '.'",
                          NAME_BYTES_MAX);
    }
    /* Another name: the one before was given up. */
    if (backup->copy != NULL && strcmp(backup->name, name) != 0) {
        sqlite_backup_end(store);
    }
    if (backup->copy == NULL) {
        const enum store_result result = begin_backup(store, name, error);
        if (result != STORE_OK) {
            return result;
        }
    }
    int code = sqlite3_backup_step(backup->pages, PIECE_PAGES);
    if (code == SQLITE_OK) {
        code = sync_copy(backup);
        *more = code == SQLITE_OK;
        return *more ? STORE_OK : backup_failed(store, code, error);
    }
    if (code != SQLITE_DONE) {
        return backup_failed(store, code, error);
    }
    *bytes = (uint64_t)sqlite3_backup_pagecount(backup->pages) * SQLITE_PAGE_BYTES;
    sqlite_backup_end(store);
    return STORE_OK;
}
