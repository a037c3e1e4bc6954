/* Statements, transactions, and what a failed call of SQLite means. */
#include <stdarg.h>
#include <stdio.h>

#include "core/store/sqlite_internal.h"

/* From so much on the write-ahead log is carried over within a commit. */
#define LOG_FRAMES_MAX ((64u << 20) / SQLITE_FRAME_BYTES)

sqlite3_stmt *sqlite_bind(struct sqlite_store *store, enum sqlite_statement which,
                          const struct sqlite_value *values, size_t count) {
    sqlite3_stmt *statement = store->statements[which];
    for (size_t i = 0; i < count; i++) {
        const struct sqlite_value *value = &values[i];
        const int place = (int)i + 1;
        switch (value->type) {
        case VALUE_WHOLE:
            sqlite3_bind_int64(statement, place, value->whole);
            break;
        case VALUE_REAL:
            sqlite3_bind_double(statement, place, value->real);
            break;
        case VALUE_TEXT:
            sqlite3_bind_text(statement, place, value->text, -1, SQLITE_STATIC);
            break;
        case VALUE_BYTES: /* of none, too, a blob and no NULL */
            sqlite3_bind_blob64(statement, place, value->bytes.count > 0 ? value->bytes.data : "",
                                value->bytes.count, SQLITE_STATIC);
            break;
        }
    }
    return statement;
}

int sqlite_run(struct sqlite_store *store, enum sqlite_statement which,
               const struct sqlite_value *values, size_t count, int64_t *number) {
    sqlite3_stmt *statement = sqlite_bind(store, which, values, count);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        if (number != NULL) {
            *number = sqlite3_column_int64(statement, 0);
        }
        /* To its end: what a statement does may come behind its first row. */
        int next;
        while ((next = sqlite3_step(statement)) == SQLITE_ROW) {
        }
        if (next != SQLITE_DONE) {
            code = next;
        }
    }
    sqlite3_reset(statement);
    return code;
}

enum store_result store_fail(struct error *error, enum store_result result, const char *format,
                             ...) {
    static const enum error_code codes[] = {
        [STORE_TAKEN] = ERROR_EXISTS,         [STORE_FENCED] = ERROR_GONE,
        [STORE_UNAVAILABLE] = ERROR_INTERNAL, [STORE_FULL] = ERROR_MEMORY,
        [STORE_CORRUPT] = ERROR_INTERNAL,     [STORE_FATAL] = ERROR_INTERNAL,
    };
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error_set(error, codes[result], NULL, "%s", message);
    return result;
}

int sqlite_begin(struct sqlite_store *store) {
    const int code = sqlite_run(store, SQL_BEGIN, NULL, 0, NULL);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

void sqlite_rollback(struct sqlite_store *store) {
    if (!sqlite3_get_autocommit(store->database)) {
        (void)sqlite_run(store, SQL_ROLLBACK, NULL, 0, NULL);
    }
}

enum store_result sqlite_refuse(const struct sqlite_store *store, struct error *error) {
    if (error != NULL) {
        *error = store->reason;
    }
    return STORE_FATAL;
}

static enum store_result break_down(struct sqlite_store *store, int code, struct error *error) {
    (void)store_fail(&store->reason, STORE_FATAL,
                     "%s cannot be trusted any more: %s (SQLite's %d, the system's %d)",
                     store->place.database, sqlite3_errstr(code), code,
                     sqlite3_system_errno(store->database));
    store->broken = true;
    sqlite_rollback(store);
    return sqlite_refuse(store, error);
}

enum store_result sqlite_failed(struct sqlite_store *store, int code, struct error *error) {
    const int kind = code & 0xff;
    if (kind != SQLITE_FULL && kind != SQLITE_NOMEM && code != SQLITE_IOERR_NOMEM) {
        return break_down(store, code, error);
    }
    sqlite_rollback(store);
    if (!sqlite3_get_autocommit(store->database)) {
        return break_down(store, code, error);
    }
    return kind == SQLITE_FULL
               ? store_fail(error, STORE_FULL, "no room on the disk for %s", store->place.database)
               : store_fail(error, STORE_FULL, "no memory for the store");
}

enum store_result sqlite_unread(struct sqlite_store *store, int code, const char *what,
                                struct error *error) {
    if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM) {
        return store_fail(error, STORE_FULL, "no memory to read %s", what);
    }
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
    case SQLITE_TOOBIG:
        return store_fail(error, STORE_CORRUPT, "%s cannot be read: %s", what,
                          sqlite3_errstr(code));
    default:
        return break_down(store, code, error);
    }
}

enum store_result sqlite_carry_over(struct sqlite_store *store, bool give_back,
                                    struct error *error) {
    const int code = sqlite3_wal_checkpoint_v2(
        store->database, "main", give_back ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART,
        NULL, NULL);
    if (code == SQLITE_OK) {
        store->log_frames = 0;
        store->log_frames_synced = 0;
        store->log_frames_file = give_back ? 0 : store->log_frames_file;
        store->log_frames_wanted = LOG_FRAMES_MAX;
        return STORE_OK;
    }
    /* What could not be carried over stays in the log, and counts there.  Again when it has
     * grown, or has been tidied. */
    store->log_frames_wanted = store->log_frames + LOG_FRAMES_MAX;
    return sqlite_failed(store, code, error);
}

enum store_result sqlite_commit(struct sqlite_store *store, struct error *error) {
    const int code = sqlite_run(store, SQL_COMMIT, NULL, 0, NULL);
    if (code != SQLITE_DONE) {
        /* Without memory it may be on the disk all the same. */
        return (code & 0xff) == SQLITE_FULL ? sqlite_failed(store, code, error)
                                            : break_down(store, code, error);
    }
    store->transactions++;
    if (store->durability == STORE_ALWAYS) {
        store->log_frames_synced = store->log_frames;
        store->syncs++;
    }
    if (store->log_frames >= store->log_frames_wanted &&
        sqlite_carry_over(store, false, error) == STORE_FATAL) {
        return STORE_FATAL;
    }
    return STORE_OK;
}
