/* The check of a store at rest: every page, every checksum, every reference. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/store/sqlite_connection.h"
#include "core/store/sqlite_directory.h"
#include "core/store/sqlite_payload.h"
#include "core/store/sqlite_schema.h"

/* A page that is damaged may damage thousands of rows. */
#define PAGE_PROBLEMS "PRAGMA integrity_check(1000)"

#define CHUNKS "SELECT blob, position, checksum, payload FROM chunks ORDER BY id"

#define LACKING                                                                                    \
    "SELECT number FROM blobs WHERE uses > 0 AND "                                                 \
    "chunks <> (SELECT count(*) FROM chunks WHERE blob = number)"

/* Blobs that rows refer to and that are not there. */
#define DANGLING                                                                                   \
    "SELECT blob FROM (SELECT blob FROM snapshots UNION SELECT spill FROM snapshots UNION "        \
    "SELECT blob FROM checkpoints UNION SELECT spill FROM checkpoints UNION "                      \
    "SELECT spill FROM heads UNION SELECT spill FROM log UNION SELECT spill FROM keys UNION "      \
    "SELECT spill FROM history) WHERE blob > 0 AND blob NOT IN (SELECT number FROM blobs)"

/* Whose a blob is. */
#define OWNER                                                                                      \
    "SELECT name FROM models WHERE number IN ("                                                    \
    "SELECT model FROM snapshots WHERE ?1 IN (blob, spill) UNION "                                 \
    "SELECT model FROM checkpoints WHERE ?1 IN (blob, spill) UNION "                               \
    "SELECT model FROM heads WHERE spill = ?1 UNION SELECT model FROM log WHERE spill = ?1 UNION " \
    "SELECT model FROM keys WHERE spill = ?1 UNION SELECT model FROM history WHERE spill = ?1)"

struct checking {
    struct sqlite_store *store;
    struct store_check *check;
    struct error *error;
};

static void found(struct checking *checking, const char *problem) {
    checking->store->tell(problem);
    checking->store->damaged++;
}

/* A part that could not be read to its end is one problem more. */
static void note(struct checking *checking, enum store_result result) {
    if (result != STORE_OK) {
        found(checking, checking->error->message);
    }
}

/* Prepare `sql`, which names its parameter, if it has one, with `number`. */
static sqlite3_stmt *ask(struct checking *checking, const char *sql, int64_t number) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(checking->store->database, sql, -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, number);
    }
    return statement;
}

/* What a statement ended with, if that is a problem. */
static void end(struct checking *checking, sqlite3_stmt *statement, const char *what) {
    if (sqlite3_finalize(statement) != SQLITE_OK) {
        note(checking,
             sqlite_unread(checking->store, sqlite3_extended_errcode(checking->store->database),
                           what, checking->error));
    }
}

static void check_pages(struct checking *checking) {
    sqlite3_stmt *row = ask(checking, PAGE_PROBLEMS, 0);
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *problem = (const char *)sqlite3_column_text(row, 0);
        if (problem != NULL && strcmp(problem, "ok") != 0) {
            char line[ERROR_MESSAGE_BYTES];
            snprintf(line, sizeof line, "the pages of %s: %s", checking->store->place.database,
                     problem);
            found(checking, line);
        }
    }
    end(checking, row, "pages");
}

/* --- models -------------------------------------------------------------------- */

static bool count_entry(const struct store_entry *entry, void *context) {
    (void)entry;
    ((struct checking *)context)->check->entries++;
    return true;
}

static bool count_key(const struct store_key *key, void *context) {
    (void)key;
    ((struct checking *)context)->check->keys++;
    return true;
}

static bool count_rows(const struct store_rows *rows, void *context) {
    (void)rows;
    (void)context;
    return true;
}

static bool count_checkpoint(const struct store_checkpoint *checkpoint, void *context) {
    (void)checkpoint;
    ((struct checking *)context)->check->checkpoints++;
    return true;
}

static bool check_model(const struct store_model *model, void *context) {
    struct checking *checking = context;
    struct store *store = &checking->store->store;
    struct error *error = checking->error;
    if (model->corrupt) {
        found(checking, model->problem);
    } else {
        checking->check->models++;
    }
    void *head;
    size_t bytes;
    note(checking, sqlite_read_snapshot_head(store, model->id, &head, &bytes, error));
    memory_free(head);
    note(checking, sqlite_read_entries(store, model->id, 0, count_entry, checking, error));
    note(checking, sqlite_read_keys(store, model->id, count_key, checking, error));
    note(checking, sqlite_read_history(store, model->id, count_rows, checking, error));
    note(checking, sqlite_read_checkpoints(store, model->id, count_checkpoint, checking, error));
    return true;
}

/* --- blobs --------------------------------------------------------------------- */

/* " of model m", or nothing where that cannot be found out. */
static void find_owner(struct checking *checking, int64_t blob, char *owner, size_t room) {
    sqlite3_stmt *row = ask(checking, OWNER, blob);
    owner[0] = '\0';
    if (sqlite3_step(row) == SQLITE_ROW) {
        snprintf(owner, room, " of model %s", (const char *)sqlite3_column_text(row, 0));
    }
    sqlite3_finalize(row);
}

static void found_in_blob(struct checking *checking, int64_t blob, const char *problem) {
    char owner[96], line[ERROR_MESSAGE_BYTES];
    find_owner(checking, blob, owner, sizeof owner);
    snprintf(line, sizeof line, "blob %lld%s: %s", (long long)blob, owner, problem);
    found(checking, line);
}

static void check_chunks(struct checking *checking) {
    sqlite3_stmt *row = ask(checking, CHUNKS, 0);
    while (sqlite3_step(row) == SQLITE_ROW) {
        const int64_t blob = sqlite3_column_int64(row, 0), index = sqlite3_column_int64(row, 1);
        const void *data = sqlite3_column_blob(row, 3);
        const size_t bytes = (size_t)sqlite3_column_bytes(row, 3);
        if (sqlite3_column_bytes(row, 2) == CHECKSUM_BYTES &&
            sqlite_chunk_whole((uint64_t)blob, (uint64_t)index, data, bytes,
                               sqlite3_column_blob(row, 2))) {
            checking->check->chunks++;
        } else {
            char problem[64];
            snprintf(problem, sizeof problem, "the checksum of chunk %lld is another",
                     (long long)index);
            found_in_blob(checking, blob, problem);
        }
    }
    end(checking, row, "blobs");
}

static void check_references(struct checking *checking, const char *sql, const char *problem) {
    sqlite3_stmt *row = ask(checking, sql, 0);
    while (sqlite3_step(row) == SQLITE_ROW) {
        found_in_blob(checking, sqlite3_column_int64(row, 0), problem);
    }
    end(checking, row, "references to blobs");
}

/* --- all ----------------------------------------------------------------------- */

static void check_all(struct checking *checking) {
    struct store *store = &checking->store->store;
    check_pages(checking);
    note(checking, sqlite_read_models(store, check_model, checking, checking->error));
    note(checking, sqlite_read_keys(store, "", count_key, checking, checking->error));
    check_chunks(checking);
    check_references(checking, LACKING, "chunks of it are missing");
    check_references(checking, DANGLING, "it is referred to and not there");
    checking->check->damaged = checking->store->damaged;
}

enum error_code sqlite_store_check(const char *directory, void (*tell)(const char *problem),
                                   struct store_check *check, struct error *error) {
    struct sqlite_store *store = memory_allocate_zero(1, sizeof *store);
    if (store == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to open the store");
    }
    *check = (struct store_check){.models = 0};
    store->tell = tell;
    enum error_code code = sqlite_place_look(directory, &store->place, error);
    if (code == ERROR_NONE) {
        code = sqlite_connection_open(store->place.database, NULL, STORE_ALWAYS,
                                      SQLITE_ACCESS_CHECK, &store->database, error);
    }
    if (code == ERROR_NONE) {
        const int prepared = sqlite_prepare_all(store->database, store->statements);
        if (prepared != SQLITE_OK) {
            code =
                sqlite_schema_unreadable(store->database, store->place.database, prepared, error);
        }
    }
    if (code == ERROR_NONE) {
        struct error problem;
        check_all(&(struct checking){.store = store, .check = check, .error = &problem});
    }
    sqlite_finalize_all(store->statements);
    sqlite3_close(store->database);
    sqlite_place_leave(&store->place);
    memory_free(store);
    return code;
}
