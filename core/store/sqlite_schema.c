/* Tables and migrations; see sqlite_schema.h.
 *
 * A record is a payload in a row: its `bytes`, a `checksum` over them and what they belong to,
 * and the `payload` itself; one of more than STORE_CHUNK_BYTES_MAX lies in chunks of the blob
 * `spill` instead, which is a blob like those of snapshots and checkpoints.  A blob is counted by
 * what refers to it, and from the first reference on it is known how many `chunks` it has; when
 * nothing refers to it any more its number goes into `garbage`.
 *
 * Rows of the log are in the order of their commits, whatever the model: so a group of small
 * entries of many models fills few pages. */
#include "core/store/sqlite_schema.h"

#include <stdint.h>
#include <stdio.h>

#include "core/store/sqlite_statements.h"

#define RECORD                                                                                     \
    "bytes INTEGER NOT NULL, checksum BLOB NOT NULL, spill INTEGER NOT NULL, "                     \
    "payload BLOB NOT NULL"

/* What a row referred to is one reference less. */
#define RELEASE(table, columns)                                                                    \
    "CREATE TRIGGER " table "_released AFTER DELETE ON " table " WHEN max(" columns ") > 0 "       \
    "BEGIN UPDATE blobs SET uses = uses - 1 WHERE number IN (" columns ") AND number > 0; END;"

/* migrations[v] makes version v + 1 of version v. */
static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE models (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, "
    "name TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX models_by_id ON models (id);"
    "CREATE UNIQUE INDEX models_by_name ON models (name);"
    /* A second copy of the list, from which it is read where a page of the table is damaged. */
    "CREATE INDEX models_listed ON models (number, id, name);"
    "CREATE TABLE heads (model INTEGER PRIMARY KEY, " RECORD ") STRICT;"
    "CREATE TABLE snapshots (model INTEGER PRIMARY KEY, covers INTEGER NOT NULL, "
    "blob INTEGER NOT NULL, " RECORD ") STRICT;"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, last INTEGER NOT NULL, "
    "count INTEGER NOT NULL, kind INTEGER NOT NULL, " RECORD ") STRICT;"
    "CREATE UNIQUE INDEX log_by_place ON log (model, last);"
    "CREATE TABLE history (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, last INTEGER NOT NULL, "
    "first INTEGER NOT NULL, " RECORD ") STRICT;"
    "CREATE UNIQUE INDEX history_by_row ON history (model, last);"
    "CREATE TABLE keys (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, key TEXT NOT NULL, "
    "accepted_at REAL NOT NULL, " RECORD ") STRICT;"
    "CREATE UNIQUE INDEX keys_by_key ON keys (model, key);"
    "CREATE INDEX keys_by_time ON keys (model, accepted_at);"
    "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, "
    "version INTEGER NOT NULL, blob INTEGER NOT NULL, " RECORD ") STRICT;"
    "CREATE UNIQUE INDEX checkpoints_by_version ON checkpoints (model, version);"
    "CREATE TABLE blobs (number INTEGER PRIMARY KEY, uses INTEGER NOT NULL, "
    "chunks INTEGER NOT NULL) STRICT;"
    "CREATE INDEX blobs_unused ON blobs (uses) WHERE uses = 0;"
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, blob INTEGER NOT NULL, "
    "position INTEGER NOT NULL, bytes INTEGER NOT NULL, checksum BLOB NOT NULL, "
    "payload BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX chunks_by_position ON chunks (blob, position);"
    "CREATE TABLE garbage (kind INTEGER NOT NULL, number INTEGER NOT NULL, "
    "PRIMARY KEY (kind, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE notes (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, checksum BLOB NOT NULL, "
    "payload BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER blobs_released AFTER UPDATE OF uses ON blobs WHEN new.uses = 0 "
    "BEGIN INSERT OR IGNORE INTO garbage VALUES (2, new.number); END;" RELEASE(
        "heads", "old.spill, 0") RELEASE("snapshots", "old.blob, old.spill")
        RELEASE("log", "old.spill, 0") RELEASE("history", "old.spill, 0")
            RELEASE("keys", "old.spill, 0") RELEASE("checkpoints", "old.blob, old.spill"),
};

#define VERSION ((int)(sizeof migrations / sizeof *migrations))

static int read_number(sqlite3 *database, const char *sql, int64_t *number) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *number = sqlite3_column_int64(statement, 0);
            code = SQLITE_OK;
        }
        sqlite3_finalize(statement);
    }
    return code;
}

enum error_code sqlite_schema_unreadable(sqlite3 *database, const char *path, int code,
                                         struct error *error) {
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return error_set(error, ERROR_INVALID, NULL, "%s is not a database of mlpd", path);
    case SQLITE_BUSY:
        return error_set(error, ERROR_INVALID, NULL, "another program has %s open", path);
    case SQLITE_NOMEM:
        return error_set(error, ERROR_MEMORY, NULL, "no memory to open %s", path);
    case SQLITE_FULL:
        return error_set(error, ERROR_INVALID, NULL, "no room on the disk to open %s", path);
    case SQLITE_CORRUPT:
        return error_set(error, ERROR_INVALID, NULL,
                         "%s is damaged where everything begins: take a copy made by a backup",
                         path);
    default:
        return error_set(error, ERROR_INVALID, NULL, "%s cannot be opened: %s (%d)", path,
                         sqlite3_errmsg(database), code);
    }
}

enum error_code sqlite_schema_look(sqlite3 *database, const char *path, bool may_be_empty,
                                   int *version, struct error *error) {
    int64_t application = 0, user_version = 0, tables = 0;
    int code = read_number(database, "PRAGMA application_id", &application);
    if (code == SQLITE_OK) {
        code = read_number(database, "PRAGMA user_version", &user_version);
    }
    if (code == SQLITE_OK) {
        code = read_number(database, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (code != SQLITE_OK) {
        return sqlite_schema_unreadable(database, path, code, error);
    }
    const bool empty = application == 0 && user_version == 0 && tables == 0;
    if (empty && !may_be_empty) {
        return error_set(error, ERROR_INVALID, NULL, "%s is empty", path);
    }
    if (!empty && (application != SQLITE_APPLICATION_ID || user_version < 1)) {
        return error_set(error, ERROR_INVALID, NULL, "%s is a database, but not one of mlpd", path);
    }
    if (user_version > VERSION) {
        return error_set(error, ERROR_INVALID, NULL,
                         "%s was written by a newer mlpd: its version is %lld, this mlpd knows "
                         "those up to %d",
                         path, (long long)user_version, VERSION);
    }
    *version = (int)user_version;
    return ERROR_NONE;
}

enum error_code sqlite_schema_migrate(sqlite3 *database, const char *path, int version,
                                      struct error *error) {
    for (; version < VERSION; version++) {
        char mark[128];
        snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                 SQLITE_APPLICATION_ID, version + 1);
        int code = sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (code == SQLITE_OK) {
            code = sqlite3_exec(database, migrations[version], NULL, NULL, NULL);
        }
        if (code == SQLITE_OK) {
            code = sqlite3_exec(database, mark, NULL, NULL, NULL);
        }
        if (code != SQLITE_OK) {
            const enum error_code failed = sqlite_schema_unreadable(database, path, code, error);
            sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
            return failed;
        }
    }
    return ERROR_NONE;
}

int sqlite_prepare_all(sqlite3 *database, sqlite3_stmt **statements) {
#define SQLITE_STATEMENT_TEXT(name, sql) sql,
    static const char *const texts[] = {SQLITE_STATEMENT_LIST(SQLITE_STATEMENT_TEXT)};
#undef SQLITE_STATEMENT_TEXT
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        const int code = sqlite3_prepare_v3(database, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &statements[i], NULL);
        if (code != SQLITE_OK) {
            sqlite_finalize_all(statements);
            return code;
        }
    }
    return SQLITE_OK;
}

void sqlite_finalize_all(sqlite3_stmt **statements) {
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}
