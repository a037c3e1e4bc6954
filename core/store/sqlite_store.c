/* The SQLite store, opened and closed; see sqlite_store.h.
 *
 * Its rooms: sqlite_directory.c the directory and its lock, sqlite_connection.c SQLite's settings
 * and why, sqlite_schema.c the tables, sqlite_statements.h what is asked of them,
 * sqlite_transaction.c transactions and what failures mean, sqlite_payload.c checksums and large
 * payloads, sqlite_commit.c commits, sqlite_changes.c and
 * sqlite_states.c the changes in them, sqlite_reading.c and sqlite_notes.c reading, sqlite_tidy.c
 * what can wait, sqlite_backup.c copies, sqlite_check.c the check of a store at rest. */
#include <string.h>

#include "core/base/memory.h"
#include "core/store/sqlite_connection.h"
#include "core/store/sqlite_directory.h"
#include "core/store/sqlite_schema.h"

/* So many numbers of blobs are set apart at each opening: none is given twice, and giving one
 * costs nothing. */
#define BLOBS_APART ((uint64_t)1 << 32)

static uint64_t new_blob(struct store *store) {
    return sqlite_of(store)->next_blob++;
}

/* Have the file of the write-ahead log on the disk. */
static int sync_file(struct sqlite_store *store) {
    sqlite3_file *file = NULL;
    int code =
        sqlite3_file_control(store->database, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&file);
    if (code == SQLITE_OK && file != NULL && file->pMethods != NULL) {
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    }
    return code;
}

static enum store_result sync_log(struct store *base, struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    /* What was carried over was synced then. */
    const int code = store->log_frames > store->log_frames_synced ? sync_file(store) : SQLITE_OK;
    if (code != SQLITE_OK) {
        return sqlite_failed(store, code, error);
    }
    store->log_frames_synced = store->log_frames;
    store->syncs++;
    return STORE_OK;
}

static struct store_figures look(const struct store *base) {
    struct sqlite_store *store = (struct sqlite_store *)base;
    int64_t pages = 0;
    if (!store->broken) {
        (void)sqlite_run(store, SQL_COUNT_PAGES, NULL, 0, &pages);
    }
    return (struct store_figures){
        .bytes = (uint64_t)pages * SQLITE_PAGE_BYTES + store->log_frames_file * SQLITE_FRAME_BYTES,
        .bytes_unsynced = (store->log_frames - store->log_frames_synced) * SQLITE_FRAME_BYTES,
        .commits = store->commits,
        .syncs = store->syncs,
    };
}

static void destroy(struct sqlite_store *store) {
    sqlite_finalize_all(store->statements);
    sqlite3_close(store->database);
    sqlite_place_leave(&store->place);
    memory_free(store->vfs);
    memory_free(store->scratch);
    memory_free(store);
}

static void close_store(struct store *base) {
    struct sqlite_store *store = sqlite_of(base);
    sqlite_backup_end(store);
    if (store->broken) {
        /* Whatever is to be done is done by who opens it next. */
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    } else {
        (void)sqlite_carry_over(store, true, NULL);
    }
    destroy(store);
}

static const struct store_functions functions = {
    .commit = sqlite_store_commit,
    .new_blob = new_blob,
    .sync = sync_log,
    .tidy = sqlite_tidy,
    .read_models = sqlite_read_models,
    .read_entries = sqlite_read_entries,
    .read_keys = sqlite_read_keys,
    .read_history = sqlite_read_history,
    .read_checkpoints = sqlite_read_checkpoints,
    .read_snapshot_head = sqlite_read_snapshot_head,
    .read_chunk = sqlite_read_chunk,
    .read_note = sqlite_read_note,
    .write_note = sqlite_write_note,
    .backup = sqlite_backup,
    .look = look,
    .close = close_store,
};

static int count_frames(void *context, sqlite3 *database, const char *name, int frames) {
    (void)database;
    (void)name;
    struct sqlite_store *store = context;
    const uint64_t count = (uint64_t)frames;
    /* SQLite began the log anew. */
    if (count < store->log_frames_synced) {
        store->log_frames_synced = 0;
    }
    store->log_frames = count;
    if (count > store->log_frames_file) {
        store->log_frames_file = count;
    }
    return SQLITE_OK;
}

/* Blobs that nothing refers to are garbage, and numbers are set apart for new ones. */
static enum store_result begin_life(struct sqlite_store *store, struct error *error) {
    int64_t next = 1;
    int code = sqlite_begin(store);
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_READ_COUNTER, VALUES(text("next_blob")), &next);
    }
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        store->next_blob = (uint64_t)next;
        code = sqlite_run(store, SQL_WRITE_COUNTER,
                          VALUES(text("next_blob"), whole(store->next_blob + BLOBS_APART)), NULL);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_run(store, SQL_FIND_UNUSED_BLOBS, NULL, 0, NULL);
    }
    return code == SQLITE_DONE ? sqlite_commit(store, error) : sqlite_failed(store, code, error);
}

static enum error_code open_database(struct sqlite_store *store, struct error *error) {
    const enum error_code code =
        sqlite_connection_open(store->place.database, store->vfs, store->durability,
                               SQLITE_ACCESS_STORE, &store->database, error);
    if (code != ERROR_NONE) {
        return code;
    }
    sqlite3_wal_hook(store->database, count_frames, store);
    const int prepared = sqlite_prepare_all(store->database, store->statements);
    if (prepared != SQLITE_OK) {
        return sqlite_schema_unreadable(store->database, store->place.database, prepared, error);
    }
    store->log_frames_wanted = UINT64_MAX; /* the opening itself carries nothing over */
    struct error why;
    enum store_result result = begin_life(store, &why);
    if (result == STORE_OK) {
        result = sqlite_carry_over(store, true, &why);
        /* Where there is no room for that, the log stays. */
        result = result == STORE_FULL ? STORE_OK : result;
    }
    if (result != STORE_OK) {
        return error_set(error, ERROR_INVALID, NULL, "%s", why.message);
    }
    return ERROR_NONE;
}

enum error_code sqlite_store_open(const struct sqlite_store_settings *settings,
                                  struct store **opened, struct error *error) {
    struct sqlite_store *store = memory_allocate_zero(1, sizeof *store);
    if (store == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to open the store");
    }
    store->store.functions = &functions;
    store->durability = settings->durability;
    store->place.lock = -1;
    store->scratch = memory_allocate(STORE_CHUNK_BYTES_MAX, 1);
    store->vfs = settings->vfs != NULL ? memory_copy_string(settings->vfs) : NULL;
    enum error_code code;
    if (store->scratch == NULL || (settings->vfs != NULL && store->vfs == NULL)) {
        code = error_set(error, ERROR_MEMORY, NULL, "no memory to open the store");
    } else {
        code = sqlite_place_take(settings->directory, &store->place, error);
    }
    if (code == ERROR_NONE) {
        code = open_database(store, error);
    }
    if (code != ERROR_NONE) {
        destroy(store);
        return code;
    }
    *opened = &store->store;
    return ERROR_NONE;
}
