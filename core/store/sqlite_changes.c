/* The changes of models, their logs and their keys; see sqlite_changes.h. */
#include "core/store/sqlite_changes.h"

#include <assert.h>

enum store_result sqlite_making_failed(const struct sqlite_making *making, int code) {
    return sqlite_failed(making->store, code, making->error);
}

enum store_result sqlite_making_done(const struct sqlite_making *making, int code) {
    return code == SQLITE_DONE || code == SQLITE_OK ? STORE_OK : sqlite_making_failed(making, code);
}

enum store_result sqlite_making_taken(const struct sqlite_making *making, const char *what,
                                      uint64_t number) {
    return store_fail(making->error, STORE_TAKEN, "%s %llu of model %s is taken by another", what,
                      (unsigned long long)number, making->change->model);
}

enum store_result sqlite_making_find(const struct sqlite_making *making, int64_t *number) {
    const char *model = making->change->model;
    if (model[0] == '\0') {
        *number = 0;
        return STORE_OK;
    }
    const int code = sqlite_run(making->store, SQL_FIND_MODEL, VALUES(text(model)), number);
    if (code == SQLITE_DONE) {
        return store_fail(making->error, STORE_FENCED, "model %s is not in the store", model);
    }
    return code == SQLITE_ROW ? STORE_OK : sqlite_making_failed(making, code);
}

/* --- models -------------------------------------------------------------------- */

static struct sqlite_identity head_identity(const struct store_change *change) {
    return (struct sqlite_identity){
        .kind = "head", .owner = change->model, .name = change->add_model.name};
}

/* There is a model of that id: is it the same? */
static enum store_result compare_model(struct sqlite_making *making, int64_t number,
                                       const struct sqlite_record *head) {
    sqlite3_stmt *row = sqlite_bind(making->store, SQL_FIND_HEAD, VALUES(whole((uint64_t)number)));
    const int code = sqlite3_step(row);
    /* Its name is in the checksum. */
    const bool same = code == SQLITE_ROW && sqlite_record_equals(head, row, 0);
    sqlite3_reset(row);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return sqlite_making_failed(making, code);
    }
    return same ? STORE_OK
                : store_fail(making->error, STORE_TAKEN, "another model has the id %s",
                             making->change->model);
}

enum store_result sqlite_add_model(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const struct sqlite_identity identity = head_identity(change);
    struct sqlite_record head;
    sqlite_record_make(store, &identity, &change->add_model.head, making->spills[0], &head);
    int64_t number;
    int code = sqlite_run(store, SQL_FIND_MODEL, VALUES(text(change->model)), &number);
    if (code == SQLITE_ROW) {
        return compare_model(making, number, &head);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_run(store, SQL_FIND_NAME, VALUES(text(change->add_model.name)), NULL);
    }
    if (code == SQLITE_ROW) {
        return store_fail(making->error, STORE_TAKEN, "another model has the name %s",
                          change->add_model.name);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_run(store, SQL_ADD_MODEL,
                          VALUES(text(change->model), text(change->add_model.name)), NULL);
    }
    if (code == SQLITE_DONE) {
        number = sqlite3_last_insert_rowid(store->database);
        code = sqlite_record_place(store, &change->add_model.head, &head);
    }
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_ADD_HEAD, VALUES(whole((uint64_t)number), RECORD_VALUES(head)),
                          NULL);
    }
    return sqlite_making_done(making, code);
}

/* Its row goes, and with it the name; the rest is found by its number, later. */
enum store_result sqlite_remove_model(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    int64_t number;
    int code = sqlite_run(store, SQL_FIND_MODEL, VALUES(text(making->change->model)), &number);
    if (code == SQLITE_ROW) {
        code = sqlite_run(store, SQL_REMOVE_MODEL, VALUES(whole((uint64_t)number)), NULL);
        if (code == SQLITE_DONE) {
            code = sqlite_run(store, SQL_ADD_GARBAGE,
                              VALUES(whole(GARBAGE_MODEL), whole((uint64_t)number)), NULL);
        }
    }
    making->model = NULL;
    return sqlite_making_done(making, code);
}

/* --- the log ------------------------------------------------------------------- */

/* Where the model's order stands. */
static enum store_result find_end(struct sqlite_making *making) {
    const char *model = making->change->model;
    if (making->model == model) {
        return STORE_OK;
    }
    sqlite3_stmt *row = sqlite_bind(making->store, SQL_FIND_END, VALUES(text(model)));
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        making->model = model;
        making->number = (uint64_t)sqlite3_column_int64(row, 0);
        making->end = (uint64_t)sqlite3_column_int64(row, 1);
        making->covers = (uint64_t)sqlite3_column_int64(row, 2);
        making->end = making->end > making->covers ? making->end : making->covers;
    }
    sqlite3_reset(row);
    if (code == SQLITE_DONE) {
        return store_fail(making->error, STORE_FENCED, "model %s is not in the store", model);
    }
    return code == SQLITE_ROW ? STORE_OK : sqlite_making_failed(making, code);
}

/* The model's order goes further already. */
static enum store_result compare_entry(struct sqlite_making *making,
                                       const struct sqlite_record *record) {
    const struct store_change *change = making->change;
    const uint64_t last = change->append.first + change->append.count - 1;
    if (last <= making->covers) {
        return STORE_OK; /* it was made, and has gone into the snapshot */
    }
    sqlite3_stmt *row =
        sqlite_bind(making->store, SQL_FIND_ENTRY, VALUES(whole(making->number), whole(last)));
    const int code = sqlite3_step(row);
    const bool same = code == SQLITE_ROW && sqlite_record_equals(record, row, 0) &&
                      (uint64_t)sqlite3_column_int64(row, 3) == change->append.count &&
                      sqlite3_column_int64(row, 4) == change->append.kind;
    sqlite3_reset(row);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return sqlite_making_failed(making, code);
    }
    return same ? STORE_OK : sqlite_making_taken(making, "place", change->append.first);
}

enum store_result sqlite_append(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const uint64_t last = change->append.first + change->append.count - 1;
    assert(change->append.first > 0 && change->append.count > 0);
    const enum store_result found = find_end(making);
    if (found != STORE_OK) {
        return found;
    }
    const struct sqlite_identity identity = {
        .kind = "entry",
        .owner = change->model,
        .name = "",
        .numbers = {change->append.first, change->append.count, change->append.kind}};
    struct sqlite_record record;
    sqlite_record_make(store, &identity, &change->append.payload, making->spills[0], &record);
    if (change->append.first <= making->end) {
        return compare_entry(making, &record);
    }
    if (change->append.first != making->end + 1) {
        return store_fail(making->error, STORE_TAKEN,
                          "place %llu of model %s is not the next one, which is %llu",
                          (unsigned long long)change->append.first, change->model,
                          (unsigned long long)making->end + 1);
    }
    int code = sqlite_record_place(store, &change->append.payload, &record);
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_ADD_ENTRY,
                          VALUES(whole(making->number), whole(last), whole(change->append.count),
                                 whole(change->append.kind), RECORD_VALUES(record)),
                          NULL);
    }
    making->end = last;
    return sqlite_making_done(making, code);
}

/* --- keys ---------------------------------------------------------------------- */

enum store_result sqlite_add_key(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = sqlite_making_find(making, &number);
    if (found != STORE_OK) {
        return found;
    }
    const struct sqlite_identity identity = {
        .kind = "key", .owner = change->model, .name = change->add_key.key};
    struct sqlite_record record;
    sqlite_record_make(store, &identity, &change->add_key.payload, making->spills[0], &record);
    sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_KEY,
                                    VALUES(whole((uint64_t)number), text(change->add_key.key)));
    int code = sqlite3_step(row);
    const bool same = code == SQLITE_ROW && sqlite_record_equals(&record, row, 0) &&
                      sqlite3_column_double(row, 3) == change->add_key.accepted_at;
    sqlite3_reset(row);
    if (same) {
        return STORE_OK;
    }
    if (code == SQLITE_ROW) {
        code = sqlite_run(store, SQL_REMOVE_KEY,
                          VALUES(whole((uint64_t)number), text(change->add_key.key)), NULL);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_record_place(store, &change->add_key.payload, &record);
    }
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_ADD_KEY,
                          VALUES(whole((uint64_t)number), text(change->add_key.key),
                                 real(change->add_key.accepted_at), RECORD_VALUES(record)),
                          NULL);
    }
    return sqlite_making_done(making, code);
}

enum store_result sqlite_prune_keys(struct sqlite_making *making) {
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = sqlite_making_find(making, &number);
    if (found != STORE_OK) {
        return found;
    }
    int code =
        sqlite_run(making->store, SQL_PRUNE_KEYS_BY_AGE,
                   VALUES(whole((uint64_t)number), real(change->prune_keys.accepted_before)), NULL);
    if (code == SQLITE_DONE) {
        const uint64_t keep =
            change->prune_keys.keep < INT64_MAX ? change->prune_keys.keep : INT64_MAX;
        code = sqlite_run(making->store, SQL_PRUNE_KEYS_BY_COUNT,
                          VALUES(whole((uint64_t)number), whole(keep)), NULL);
    }
    return sqlite_making_done(making, code);
}
