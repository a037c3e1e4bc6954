/* What can wait: the bytes of what was removed, pages without use, the write-ahead log.
 *
 * A piece is one transaction that deletes some megabytes.  Pages that become free are filled
 * again by what comes; only when a large part of the file is free it is made smaller. */
#include "core/store/sqlite_internal.h"

#define PIECE_BYTES (4 << 20)
#define PIECE_ROWS 512
#define FREE_PAGES_MIN 1024 /* and a quarter of the file: then pages are given back */
#define LOG_FRAMES_IDLE ((4 << 20) / SQLITE_FRAME_BYTES)

/* One after the other, until each finds nothing more; ended by SQLITE_STATEMENTS. */
static const enum sqlite_statement takes_of_log[] = {SQL_TAKE_COVERED_ENTRY, SQLITE_STATEMENTS};
static const enum sqlite_statement takes_of_blob[] = {SQL_TAKE_CHUNK, SQL_TAKE_BLOB,
                                                      SQLITE_STATEMENTS};
static const enum sqlite_statement takes_of_model[] = {
    SQL_TAKE_ENTRY,    SQL_TAKE_ROWS, SQL_TAKE_KEY,     SQL_TAKE_CHECKPOINT,
    SQL_TAKE_SNAPSHOT, SQL_TAKE_HEAD, SQLITE_STATEMENTS};

static const enum sqlite_statement *const takes[] = {
    [GARBAGE_LOG] = takes_of_log, [GARBAGE_BLOB] = takes_of_blob, [GARBAGE_MODEL] = takes_of_model};

/* Delete what there is of it, up to a piece: SQLITE_DONE when nothing is left, SQLITE_ROW, or
 * what failed. */
static int take(struct sqlite_store *store, int64_t kind, int64_t number) {
    int64_t taken = 0, rows = 0;
    for (const enum sqlite_statement *which = takes[kind]; *which != SQLITE_STATEMENTS;) {
        int64_t bytes = 0;
        const int code = sqlite_run(store, *which, VALUES(whole((uint64_t)number)), &bytes);
        if (code == SQLITE_DONE) {
            which++;
        } else if (code != SQLITE_ROW) {
            return code;
        }
        taken += bytes;
        rows++;
        if (taken >= PIECE_BYTES || rows >= PIECE_ROWS) {
            return SQLITE_ROW;
        }
    }
    return SQLITE_DONE;
}

static int forget(struct sqlite_store *store, int64_t kind, int64_t number) {
    return sqlite_run(store, SQL_REMOVE_GARBAGE,
                      VALUES(whole((uint64_t)kind), whole((uint64_t)number)), NULL);
}

/* What lies in damaged pages cannot be deleted: it stays, and is looked at no more. */
static enum store_result leave(struct sqlite_store *store, int64_t kind, int64_t number,
                               struct error *error) {
    sqlite_rollback(store);
    int code = sqlite_begin(store);
    if (code == SQLITE_OK) {
        code = forget(store, kind, number);
    }
    if (code != SQLITE_DONE) {
        return sqlite_failed(store, code, error);
    }
    const enum store_result result = sqlite_commit(store, error);
    return result != STORE_OK
               ? result
               : store_fail(error, STORE_CORRUPT,
                            "what was removed lies in damaged pages of %s and stays there",
                            store->place.database);
}

/* A piece of the first that is to go; `*any`: there was one. */
static enum store_result take_garbage(struct sqlite_store *store, bool *any, struct error *error) {
    sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_GARBAGE, VALUES(whole(0)));
    int code = sqlite3_step(row);
    const int64_t kind = sqlite3_column_int64(row, 0), number = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    *any = code == SQLITE_ROW;
    if (code == SQLITE_DONE) {
        return STORE_OK;
    }
    if (code == SQLITE_ROW && (kind < GARBAGE_LOG || kind > GARBAGE_MODEL)) {
        return leave(store, kind, number, error);
    }
    if (code == SQLITE_ROW) {
        code = sqlite_begin(store);
    }
    if (code == SQLITE_OK) {
        code = take(store, kind, number);
    }
    if (code == SQLITE_DONE) {
        code = forget(store, kind, number);
    }
    if ((code & 0xff) == SQLITE_CORRUPT) {
        return leave(store, kind, number, error);
    }
    return code == SQLITE_ROW || code == SQLITE_DONE ? sqlite_commit(store, error)
                                                     : sqlite_failed(store, code, error);
}

/* Make the file smaller by a piece where much of it is free. */
static enum store_result give_back(struct sqlite_store *store, bool *any, struct error *error) {
    int64_t pages = 0, free_pages = 0;
    int code = sqlite_run(store, SQL_COUNT_PAGES, NULL, 0, &pages);
    if (code == SQLITE_ROW) {
        code = sqlite_run(store, SQL_COUNT_FREE_PAGES, NULL, 0, &free_pages);
    }
    *any = code == SQLITE_ROW && free_pages > FREE_PAGES_MIN && free_pages > pages / 4;
    if (!*any) {
        return code == SQLITE_ROW ? STORE_OK : sqlite_failed(store, code, error);
    }
    code = sqlite_begin(store);
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_GIVE_PAGES_BACK, NULL, 0, NULL);
    }
    return code == SQLITE_ROW || code == SQLITE_DONE ? sqlite_commit(store, error)
                                                     : sqlite_failed(store, code, error);
}

/* Where nothing was done since the last time, the log's file is emptied, too. */
static enum store_result tidy_log(struct sqlite_store *store, struct error *error) {
    const bool idle = store->transactions == store->transactions_tidied;
    store->transactions_tidied = store->transactions;
    return store->log_frames >= LOG_FRAMES_IDLE ||
                   (idle && store->log_frames_file >= LOG_FRAMES_IDLE)
               ? sqlite_carry_over(store, idle, error)
               : STORE_OK;
}

enum store_result sqlite_tidy(struct store *base, bool *more, struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    *more = false;
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    enum store_result result = take_garbage(store, more, error);
    if (result == STORE_OK && !*more) {
        result = give_back(store, more, error);
    }
    if (result == STORE_OK && !*more) {
        result = tidy_log(store, error);
    }
    return result;
}
