/* Reading: what is kept, checked against its checksum, in its order.
 *
 * What is damaged is told of the model that it belongs to; the others can be read. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/store/sqlite_payload.h"

#define WHAT_BYTES 192

/* A reading of one model. */
struct reading {
    struct sqlite_store *store;
    const char *model;
    int64_t number;
    char name[80]; /* the model's, for messages */
    char what[WHAT_BYTES];
    struct error *error;
};

static const uint64_t largest = INT64_MAX;

/* "entry 7 of model digits": of what is read now. */
static const char *say(struct reading *reading, const char *what, uint64_t number) {
    snprintf(reading->what, sizeof reading->what, "%s %llu of model %s", what,
             (unsigned long long)number, reading->name);
    return reading->what;
}

static enum store_result find(struct reading *reading, struct store *store, const char *model,
                              struct error *error) {
    *reading = (struct reading){.store = sqlite_of(store), .model = model, .error = error};
    if (reading->store->broken) {
        return sqlite_refuse(reading->store, error);
    }
    snprintf(reading->name, sizeof reading->name, "%s", model[0] == '\0' ? "(none)" : model);
    if (model[0] == '\0') {
        return STORE_OK;
    }
    int code = sqlite_run(reading->store, SQL_FIND_MODEL, VALUES(text(model)), &reading->number);
    if (code == SQLITE_DONE) {
        return store_fail(error, STORE_FENCED, "model %s is not in the store", model);
    }
    if (code != SQLITE_ROW) {
        return sqlite_unread(reading->store, code, "the list of models", error);
    }
    sqlite3_stmt *row =
        sqlite_bind(reading->store, SQL_NAME_OF_MODEL, VALUES(whole((uint64_t)reading->number)));
    if (sqlite3_step(row) == SQLITE_ROW) {
        snprintf(reading->name, sizeof reading->name, "%s",
                 (const char *)sqlite3_column_text(row, 0));
    }
    sqlite3_reset(row);
    return STORE_OK;
}

/* What is damaged ends a reading, but not that of a check, which tells it. */
static enum store_result pass_over(struct reading *reading, enum store_result result) {
    struct sqlite_store *store = reading->store;
    if (result != STORE_CORRUPT || store->tell == NULL) {
        return result;
    }
    store->tell(reading->error->message);
    store->damaged++;
    return STORE_OK;
}

/* The end of a listing that stopped with `code`. */
static enum store_result end_listing(struct reading *reading, sqlite3_stmt *row, int code,
                                     const char *what) {
    sqlite3_reset(row);
    if (code == SQLITE_DONE || code == SQLITE_ROW) {
        return STORE_OK;
    }
    snprintf(reading->what, sizeof reading->what, "the %s of model %s", what, reading->name);
    return sqlite_unread(reading->store, code, reading->what, reading->error);
}

/* --- models -------------------------------------------------------------------- */

/* The number in the first column, or 0 where there is no row. */
static int look_up(struct sqlite_store *store, enum sqlite_statement which, int64_t number,
                   int64_t *found) {
    *found = 0;
    const int code = sqlite_run(store, which, VALUES(whole((uint64_t)number)), found);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int find_snapshot(struct sqlite_store *store, int64_t number, struct store_model *model) {
    sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_SNAPSHOT, VALUES(whole((uint64_t)number)));
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        model->has_snapshot = true;
        model->covers = (uint64_t)sqlite3_column_int64(row, 4);
        model->snapshot_blob = (uint64_t)sqlite3_column_int64(row, 5);
    }
    sqlite3_reset(row);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Where snapshot and log stand. */
static enum store_result find_places(struct sqlite_store *store, int64_t number,
                                     struct store_model *model, const char *what,
                                     struct error *error) {
    int64_t last = 0;
    int code = find_snapshot(store, number, model);
    if (code == SQLITE_OK) {
        code = look_up(store, SQL_LAST_ENTRY, number, &last);
    }
    if (code != SQLITE_OK) {
        return sqlite_unread(store, code, what, error);
    }
    model->last_place = (uint64_t)last > model->covers ? (uint64_t)last : model->covers;
    return STORE_OK;
}

/* `*go_on`: the function wants more. */
static enum store_result show_model(struct sqlite_store *store, int64_t number,
                                    struct store_model *model, store_model_function *function,
                                    void *context, bool *go_on, struct error *error) {
    char what[WHAT_BYTES];
    snprintf(what, sizeof what, "model %s", model->name);
    const struct sqlite_identity identity = {
        .kind = "head", .owner = model->id, .name = model->name};
    struct error problem;
    void *assembled = NULL;
    sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_HEAD, VALUES(whole((uint64_t)number)));
    const int code = sqlite3_step(row);
    enum store_result result = STORE_OK;
    if (code == SQLITE_ROW) {
        result = sqlite_record_read(store, &identity, row, 0, what, &model->head,
                                    &model->head_bytes, &assembled, &problem);
    } else if (code == SQLITE_DONE) {
        result = store_fail(&problem, STORE_CORRUPT, "%s is damaged: its head is missing", what);
    } else {
        result = sqlite_unread(store, code, what, &problem);
    }
    if (result == STORE_OK) {
        result = find_places(store, number, model, what, &problem);
    }
    if (result == STORE_CORRUPT) {
        struct store_model damaged = {
            .name = model->name, .corrupt = true, .problem = problem.message};
        memcpy(damaged.id, model->id, sizeof damaged.id);
        *model = damaged;
        result = STORE_OK;
    } else if (result != STORE_OK && error != NULL) {
        *error = problem;
    }
    if (result == STORE_OK) {
        *go_on = function(model, context);
    }
    sqlite3_reset(row);
    memory_free(assembled);
    return result;
}

enum store_result sqlite_read_models(struct store *base, store_model_function *function,
                                     void *context, struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    enum store_result result = STORE_OK;
    bool go_on = true;
    int64_t number = 0; /* of the last one shown */
    sqlite3_stmt *row = sqlite_bind(store, SQL_LIST_MODELS, VALUES(whole(0)));
    int code;
    bool itself = false;
    for (;;) {
        code = sqlite3_step(row);
        if (code != SQLITE_ROW && code != SQLITE_DONE && !itself) {
            /* A damaged page of the index: the table goes on from there. */
            sqlite3_reset(row);
            itself = true;
            row = sqlite_bind(store, SQL_LIST_MODELS_ITSELF, VALUES(whole((uint64_t)number)));
            continue;
        }
        if (code != SQLITE_ROW || result != STORE_OK || !go_on) {
            break;
        }
        struct store_model model = {.name = (const char *)sqlite3_column_text(row, 2)};
        const char *id = (const char *)sqlite3_column_text(row, 1);
        if (model.name == NULL || id == NULL) {
            code = SQLITE_NOMEM;
            break;
        }
        number = sqlite3_column_int64(row, 0);
        snprintf(model.id, sizeof model.id, "%s", id);
        result = show_model(store, number, &model, function, context, &go_on, error);
    }
    sqlite3_reset(row);
    if (result == STORE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        result = sqlite_unread(store, code, "the list of models", error);
    }
    return result;
}

/* --- the log ------------------------------------------------------------------- */

static enum store_result show_entry(struct reading *reading, sqlite3_stmt *row,
                                    store_entry_function *function, void *context, bool *go_on) {
    const uint64_t last = (uint64_t)sqlite3_column_int64(row, 0);
    struct store_entry entry = {.count = (uint64_t)sqlite3_column_int64(row, 1),
                                .kind = (uint32_t)sqlite3_column_int64(row, 2)};
    entry.first = last - entry.count + 1;
    const struct sqlite_identity identity = {.kind = "entry",
                                             .owner = reading->model,
                                             .name = "",
                                             .numbers = {entry.first, entry.count, entry.kind}};
    void *assembled;
    const enum store_result result =
        sqlite_record_read(reading->store, &identity, row, 3, say(reading, "entry", entry.first),
                           &entry.data, &entry.bytes, &assembled, reading->error);
    if (result == STORE_OK) {
        *go_on = function(&entry, context);
        memory_free(assembled);
    }
    return result;
}

enum store_result sqlite_read_entries(struct store *store, const char *model, uint64_t after,
                                      store_entry_function *function, void *context,
                                      struct error *error) {
    struct reading reading;
    enum store_result result = find(&reading, store, model, error);
    struct store_model places = {.name = ""};
    if (result == STORE_OK) {
        snprintf(reading.what, sizeof reading.what, "the log of model %s", reading.name);
        result = find_places(reading.store, reading.number, &places, reading.what, error);
    }
    if (result != STORE_OK) {
        return result;
    }
    /* What the snapshot covers may be there until it is tidied away. */
    uint64_t end = after > places.covers ? after : places.covers;
    end = end < largest ? end : largest;
    sqlite3_stmt *row = sqlite_bind(reading.store, SQL_LIST_ENTRIES,
                                    VALUES(whole((uint64_t)reading.number), whole(end)));
    int code = SQLITE_DONE;
    bool go_on = true;
    for (bool first = true; result == STORE_OK && go_on; first = false) {
        code = sqlite3_step(row);
        if (code != SQLITE_ROW) {
            break;
        }
        const uint64_t last = (uint64_t)sqlite3_column_int64(row, 0);
        const uint64_t before = last - (uint64_t)sqlite3_column_int64(row, 1);
        /* Only the first one may reach back. */
        if (before > end || (!first && before != end)) {
            result = store_fail(error, STORE_CORRUPT, "place %llu of model %s is missing",
                                (unsigned long long)end + 1, reading.name);
            result = pass_over(&reading, result);
        }
        if (result == STORE_OK) {
            result = show_entry(&reading, row, function, context, &go_on);
            result = pass_over(&reading, result);
            end = last;
        }
    }
    const enum store_result ended = end_listing(&reading, row, code, "log");
    return result != STORE_OK ? result : ended;
}

/* --- listings of one model ------------------------------------------------------ */

/* Who is shown what a listing finds; one of the functions. */
struct listener {
    store_key_function *key;
    store_rows_function *rows;
    store_checkpoint_function *checkpoint;
    void *context;
};

typedef enum store_result show_function(struct reading *reading, sqlite3_stmt *row,
                                        const struct listener *listener, bool *go_on);

/* Show the rows of a statement that lists `what` of the model. */
static enum store_result list(struct store *store, const char *model, enum sqlite_statement which,
                              show_function *show, const struct listener *listener,
                              const char *what, struct error *error) {
    struct reading reading;
    enum store_result result = find(&reading, store, model, error);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *row = sqlite_bind(reading.store, which, VALUES(whole((uint64_t)reading.number)));
    int code = SQLITE_DONE;
    bool go_on = true;
    while (result == STORE_OK && go_on && (code = sqlite3_step(row)) == SQLITE_ROW) {
        result = pass_over(&reading, show(&reading, row, listener, &go_on));
    }
    const enum store_result ended = end_listing(&reading, row, code, what);
    return result != STORE_OK ? result : ended;
}

/* --- keys ---------------------------------------------------------------------- */

static enum store_result show_key(struct reading *reading, sqlite3_stmt *row,
                                  const struct listener *listener, bool *go_on) {
    struct store_key key = {.key = (const char *)sqlite3_column_text(row, 0),
                            .accepted_at = sqlite3_column_double(row, 1)};
    if (key.key == NULL) {
        return sqlite_unread(reading->store, SQLITE_NOMEM, "a key", reading->error);
    }
    const struct sqlite_identity identity = {
        .kind = "key", .owner = reading->model, .name = key.key};
    snprintf(reading->what, sizeof reading->what, "a key of model %s", reading->name);
    void *assembled;
    const enum store_result result =
        sqlite_record_read(reading->store, &identity, row, 2, reading->what, &key.data, &key.bytes,
                           &assembled, reading->error);
    if (result == STORE_OK) {
        *go_on = listener->key(&key, listener->context);
        memory_free(assembled);
    }
    return result;
}

enum store_result sqlite_read_keys(struct store *store, const char *model,
                                   store_key_function *function, void *context,
                                   struct error *error) {
    const struct listener listener = {.key = function, .context = context};
    return list(store, model, SQL_LIST_KEYS, show_key, &listener, "keys", error);
}

/* --- the history --------------------------------------------------------------- */

static enum store_result show_rows(struct reading *reading, sqlite3_stmt *row,
                                   const struct listener *listener, bool *go_on) {
    struct store_rows rows = {.last_row = (uint64_t)sqlite3_column_int64(row, 0),
                              .first_row = (uint64_t)sqlite3_column_int64(row, 1)};
    const struct sqlite_identity identity = {.kind = "history",
                                             .owner = reading->model,
                                             .name = "",
                                             .numbers = {rows.first_row, rows.last_row}};
    void *assembled;
    const enum store_result result = sqlite_record_read(
        reading->store, &identity, row, 2, say(reading, "the history from row", rows.first_row),
        &rows.data, &rows.bytes, &assembled, reading->error);
    if (result == STORE_OK) {
        *go_on = listener->rows(&rows, listener->context);
        memory_free(assembled);
    }
    return result;
}

enum store_result sqlite_read_history(struct store *store, const char *model,
                                      store_rows_function *function, void *context,
                                      struct error *error) {
    const struct listener listener = {.rows = function, .context = context};
    return list(store, model, SQL_LIST_ROWS, show_rows, &listener, "history", error);
}

/* --- checkpoints and snapshots ------------------------------------------------- */

static enum store_result show_checkpoint(struct reading *reading, sqlite3_stmt *row,
                                         const struct listener *listener, bool *go_on) {
    struct store_checkpoint checkpoint = {.version = (uint64_t)sqlite3_column_int64(row, 0),
                                          .blob = (uint64_t)sqlite3_column_int64(row, 1)};
    const struct sqlite_identity identity = {.kind = "checkpoint",
                                             .owner = reading->model,
                                             .name = "",
                                             .numbers = {checkpoint.version, checkpoint.blob}};
    void *assembled;
    const enum store_result result = sqlite_record_read(
        reading->store, &identity, row, 2, say(reading, "checkpoint", checkpoint.version),
        &checkpoint.head, &checkpoint.head_bytes, &assembled, reading->error);
    if (result == STORE_OK) {
        *go_on = listener->checkpoint(&checkpoint, listener->context);
        memory_free(assembled);
    }
    return result;
}

enum store_result sqlite_read_checkpoints(struct store *store, const char *model,
                                          store_checkpoint_function *function, void *context,
                                          struct error *error) {
    const struct listener listener = {.checkpoint = function, .context = context};
    return list(store, model, SQL_LIST_CHECKPOINTS, show_checkpoint, &listener, "checkpoints",
                error);
}

enum store_result sqlite_read_snapshot_head(struct store *store, const char *model, void **head,
                                            size_t *bytes, struct error *error) {
    struct reading reading;
    *head = NULL;
    *bytes = 0;
    enum store_result result = find(&reading, store, model, error);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *row =
        sqlite_bind(reading.store, SQL_FIND_SNAPSHOT, VALUES(whole((uint64_t)reading.number)));
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        const uint64_t covers = (uint64_t)sqlite3_column_int64(row, 4);
        const struct sqlite_identity identity = {
            .kind = "snapshot",
            .owner = model,
            .name = "",
            .numbers = {covers, (uint64_t)sqlite3_column_int64(row, 5)}};
        const void *data = NULL;
        size_t count = 0;
        void *assembled = NULL;
        snprintf(reading.what, sizeof reading.what, "the snapshot of model %s", reading.name);
        result = sqlite_record_read(reading.store, &identity, row, 0, reading.what, &data, &count,
                                    &assembled, error);
        if (result == STORE_OK && assembled == NULL) {
            assembled = memory_allocate(count, 1);
            if (assembled != NULL) {
                memcpy(assembled, data, count);
            } else {
                result = store_fail(error, STORE_FULL, "no memory to read %s", reading.what);
            }
        }
        if (result == STORE_OK) {
            *head = assembled;
            *bytes = count;
        }
    }
    const enum store_result ended = end_listing(&reading, row, code, "snapshot");
    return result != STORE_OK ? result : ended;
}

enum store_result sqlite_read_chunk(struct store *base, uint64_t blob, uint64_t index, void *into,
                                    size_t room, size_t *bytes, struct error *error) {
    struct sqlite_store *store = sqlite_of(base);
    if (store->broken) {
        return sqlite_refuse(store, error);
    }
    char what[WHAT_BYTES];
    snprintf(what, sizeof what, "chunk %llu of blob %llu", (unsigned long long)index,
             (unsigned long long)blob);
    if (blob > largest || index > largest) {
        return store_fail(error, STORE_CORRUPT, "%s is missing", what);
    }
    sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_CHUNK, VALUES(whole(blob), whole(index)));
    const int code = sqlite3_step(row);
    enum store_result result = STORE_OK;
    if (code == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(row, 2);
        const size_t count = (size_t)sqlite3_column_bytes(row, 2);
        if (data == NULL && (count > 0 || sqlite3_errcode(store->database) == SQLITE_NOMEM)) {
            result = store_fail(error, STORE_FULL, "no memory to read %s", what);
        } else if (count > room) {
            result = store_fail(error, STORE_CORRUPT, "%s has %zu bytes, at most %zu are wanted",
                                what, count, room);
        } else if (sqlite3_column_bytes(row, 1) != CHECKSUM_BYTES ||
                   !sqlite_chunk_whole(blob, index, data, count, sqlite3_column_blob(row, 1))) {
            result =
                store_fail(error, STORE_CORRUPT, "%s is damaged: its checksum is another", what);
        } else {
            if (count > 0) {
                memcpy(into, data, count);
            }
            *bytes = count;
        }
    }
    sqlite3_reset(row);
    if (code == SQLITE_DONE) {
        return store_fail(error, STORE_CORRUPT, "%s is missing", what);
    }
    return code == SQLITE_ROW ? result : sqlite_unread(store, code, what, error);
}
