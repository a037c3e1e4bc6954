/* The changes of a commit, made one after the other in one transaction.
 *
 * Each looks first whether it is made already, or something else is in its place.  A set of
 * changes whose payloads are too large for one transaction (its pages would all wait in memory
 * and in the write-ahead log) has them written ahead, as blobs that nothing refers to yet, in
 * transactions of their own; the last one makes the changes, which then are small. */
#include <assert.h>

#include "core/base/memory.h"
#include "core/store/sqlite_payload.h"

#define TRANSACTION_BYTES_MAX (64u << 20)
#define AHEAD_BYTES_MIN (64u << 10) /* smaller payloads are not written ahead */
#define AHEAD_BYTES_MAX (16u << 20) /* of one transaction */

#define PAYLOADS_PER_CHANGE 2

/* A commit while it is made. */
struct making {
    struct sqlite_store *store;
    const struct store_change *change;
    const uint64_t *spills; /* of the change's payloads, or 0 */
    struct error *error;
    /* Of the model of the last entry, so that one after the other costs one look. */
    const char *model;
    uint64_t number, end, covers;
};

typedef enum store_result maker(struct making *making);

static enum store_result failed(const struct making *making, int code) {
    return sqlite_failed(making->store, code, making->error);
}

static enum store_result done_or_failed(const struct making *making, int code) {
    return code == SQLITE_DONE || code == SQLITE_OK ? STORE_OK : failed(making, code);
}

static enum store_result taken(const struct making *making, const char *what, uint64_t number) {
    return store_fail(making->error, STORE_TAKEN, "%s %llu of model %s is taken by another", what,
                      (unsigned long long)number, making->change->model);
}

/* The model's number in the tables; 0 for the keys of no model. */
static enum store_result find_model(const struct making *making, int64_t *number) {
    const char *model = making->change->model;
    if (model[0] == '\0') {
        *number = 0;
        return STORE_OK;
    }
    const int code = sqlite_run(making->store, SQL_FIND_MODEL, VALUES(text(model)), number);
    if (code == SQLITE_DONE) {
        return store_fail(making->error, STORE_FENCED, "model %s is not in the store", model);
    }
    return code == SQLITE_ROW ? STORE_OK : failed(making, code);
}

/* --- models -------------------------------------------------------------------- */

static struct sqlite_identity head_identity(const struct store_change *change) {
    return (struct sqlite_identity){
        .kind = "head", .owner = change->model, .name = change->add_model.name};
}

/* There is a model of that id: is it the same? */
static enum store_result compare_model(struct making *making, int64_t number,
                                       const struct sqlite_record *head) {
    sqlite3_stmt *row = sqlite_bind(making->store, SQL_FIND_HEAD, VALUES(whole((uint64_t)number)));
    const int code = sqlite3_step(row);
    /* Its name is in the checksum. */
    const bool same = code == SQLITE_ROW && sqlite_record_equals(head, row, 0);
    sqlite3_reset(row);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return failed(making, code);
    }
    return same ? STORE_OK
                : store_fail(making->error, STORE_TAKEN, "another model has the id %s",
                             making->change->model);
}

static enum store_result add_model(struct making *making) {
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
    return done_or_failed(making, code);
}

/* Its row goes, and with it the name; the rest is found by its number, later. */
static enum store_result remove_model(struct making *making) {
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
    return done_or_failed(making, code);
}

/* --- the log ------------------------------------------------------------------- */

/* Where the model's order stands. */
static enum store_result find_end(struct making *making) {
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
    return code == SQLITE_ROW ? STORE_OK : failed(making, code);
}

/* The model's order goes further already. */
static enum store_result compare_entry(struct making *making, const struct sqlite_record *record) {
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
        return failed(making, code);
    }
    return same ? STORE_OK : taken(making, "place", change->append.first);
}

static enum store_result append(struct making *making) {
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
    return done_or_failed(making, code);
}

/* --- keys ---------------------------------------------------------------------- */

static enum store_result add_key(struct making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = find_model(making, &number);
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
    return done_or_failed(making, code);
}

static enum store_result prune_keys(struct making *making) {
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = find_model(making, &number);
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
    return done_or_failed(making, code);
}

/* --- blobs --------------------------------------------------------------------- */

enum blob_state { BLOB_NONE, BLOB_OPEN, BLOB_USED, BLOB_GARBAGE };

static enum store_result find_blob(struct making *making, uint64_t blob, enum blob_state *state) {
    sqlite3_stmt *row = sqlite_bind(making->store, SQL_FIND_BLOB, VALUES(whole(blob)));
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        *state = sqlite3_column_int(row, 1)         ? BLOB_GARBAGE
                 : sqlite3_column_int64(row, 0) > 0 ? BLOB_USED
                                                    : BLOB_OPEN;
    } else {
        *state = BLOB_NONE;
    }
    sqlite3_reset(row);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STORE_OK : failed(making, code);
}

static enum store_result add_chunk(struct making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const uint64_t blob = change->add_chunk.blob, index = change->add_chunk.index;
    struct sqlite_record record;
    assert(sqlite_payload_bytes(&change->add_chunk.payload) <= STORE_CHUNK_BYTES_MAX);
    sqlite_chunk_make(store, blob, index, &change->add_chunk.payload, &record);
    enum blob_state state;
    const enum store_result found = find_blob(making, blob, &state);
    if (found != STORE_OK) {
        return found;
    }
    if (state == BLOB_GARBAGE) {
        return store_fail(making->error, STORE_FENCED, "blob %llu was removed",
                          (unsigned long long)blob);
    }
    int code;
    if (state != BLOB_NONE) {
        sqlite3_stmt *row = sqlite_bind(store, SQL_FIND_CHUNK, VALUES(whole(blob), whole(index)));
        code = sqlite3_step(row);
        const bool same = code == SQLITE_ROW && sqlite_record_equals(&record, row, 0);
        sqlite3_reset(row);
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            return failed(making, code);
        }
        if (code == SQLITE_ROW || state == BLOB_USED) {
            return same ? STORE_OK : taken(making, "a chunk of a blob, number", index);
        }
    } else {
        code = sqlite_run(store, SQL_ADD_BLOB, VALUES(whole(blob)), NULL);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_run(store, SQL_ADD_CHUNK,
                          VALUES(whole(blob), whole(index), whole(record.bytes),
                                 bytes(record.checksum, CHECKSUM_BYTES),
                                 bytes(record.data, record.bytes)),
                          NULL);
    }
    return done_or_failed(making, code);
}

static enum store_result remove_blob(struct making *making) {
    const uint64_t blob = making->change->remove_blob.blob;
    enum blob_state state;
    const enum store_result found = find_blob(making, blob, &state);
    if (found != STORE_OK || state == BLOB_NONE || state == BLOB_GARBAGE) {
        return found;
    }
    if (state == BLOB_USED) {
        return store_fail(making->error, STORE_TAKEN, "blob %llu is referred to",
                          (unsigned long long)blob);
    }
    return done_or_failed(
        making, sqlite_run(making->store, SQL_DROP_UNUSED_BLOB, VALUES(whole(blob)), NULL));
}

/* One more refers to the blob, whose chunks are all there. */
static enum store_result use_blob(struct making *making, uint64_t blob) {
    if (blob == 0) {
        return STORE_OK;
    }
    enum blob_state state;
    const enum store_result found = find_blob(making, blob, &state);
    if (found != STORE_OK) {
        return found;
    }
    if (state == BLOB_NONE || state == BLOB_GARBAGE) {
        return store_fail(making->error, STORE_FENCED, "blob %llu is not in the store",
                          (unsigned long long)blob);
    }
    sqlite3_stmt *row = sqlite_bind(making->store, SQL_COUNT_CHUNKS, VALUES(whole(blob)));
    int code = sqlite3_step(row);
    const bool whole_blob =
        code == SQLITE_ROW && sqlite3_column_int64(row, 0) == sqlite3_column_int64(row, 1) + 1;
    sqlite3_reset(row);
    if (code != SQLITE_ROW) {
        return failed(making, code);
    }
    if (!whole_blob) {
        return store_fail(making->error, STORE_TAKEN, "chunks of blob %llu are missing",
                          (unsigned long long)blob);
    }
    code = sqlite_run(making->store, SQL_USE_BLOB, VALUES(whole(blob)), NULL);
    return done_or_failed(making, code);
}

/* --- snapshots and the history ------------------------------------------------- */

static enum store_result add_rows(struct making *making, int64_t number) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const uint64_t first = change->put_snapshot.first_row, last = change->put_snapshot.last_row;
    const struct sqlite_identity identity = {
        .kind = "history", .owner = change->model, .name = "", .numbers = {first, last}};
    struct sqlite_record record;
    sqlite_record_make(store, &identity, &change->put_snapshot.history, making->spills[1], &record);
    int64_t end = 0;
    int code = sqlite_run(store, SQL_LAST_ROW, VALUES(whole((uint64_t)number)), &end);
    if (code == SQLITE_ROW && (uint64_t)end >= first) {
        sqlite3_stmt *row =
            sqlite_bind(store, SQL_FIND_ROWS, VALUES(whole((uint64_t)number), whole(last)));
        code = sqlite3_step(row);
        const bool same = code == SQLITE_ROW && sqlite_record_equals(&record, row, 0) &&
                          (uint64_t)sqlite3_column_int64(row, 3) == first;
        sqlite3_reset(row);
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            return failed(making, code);
        }
        return same ? STORE_OK : taken(making, "row", first);
    }
    if (code == SQLITE_ROW) {
        code = sqlite_record_place(store, &change->put_snapshot.history, &record);
    }
    if (code == SQLITE_OK) {
        code = sqlite_run(
            store, SQL_ADD_ROWS,
            VALUES(whole((uint64_t)number), whole(last), whole(first), RECORD_VALUES(record)),
            NULL);
    }
    return done_or_failed(making, code);
}

/* What stands there now: is it what is to be put, or does it cover more? */
static enum store_result compare_snapshot(struct making *making, int64_t number,
                                          const struct sqlite_record *head, bool *there,
                                          bool *same) {
    const struct store_change *change = making->change;
    sqlite3_stmt *row =
        sqlite_bind(making->store, SQL_FIND_SNAPSHOT, VALUES(whole((uint64_t)number)));
    const int code = sqlite3_step(row);
    uint64_t covers = 0;
    *there = code == SQLITE_ROW;
    if (*there) {
        covers = (uint64_t)sqlite3_column_int64(row, 4);
        *same = covers == change->put_snapshot.covers &&
                (uint64_t)sqlite3_column_int64(row, 5) == change->put_snapshot.blob &&
                sqlite_record_equals(head, row, 0);
    }
    sqlite3_reset(row);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return failed(making, code);
    }
    return covers > change->put_snapshot.covers
               ? store_fail(making->error, STORE_TAKEN,
                            "model %s has a snapshot that covers more: %llu places", change->model,
                            (unsigned long long)covers)
               : STORE_OK;
}

static enum store_result replace_snapshot(struct making *making, int64_t number, bool there,
                                          struct sqlite_record *head) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    /* First the reference to the new blob, in case it is the old one. */
    const enum store_result used = use_blob(making, change->put_snapshot.blob);
    if (used != STORE_OK) {
        return used;
    }
    int code = SQLITE_DONE;
    if (there) {
        code = sqlite_run(store, SQL_REMOVE_SNAPSHOT, VALUES(whole((uint64_t)number)), NULL);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_record_place(store, &change->put_snapshot.head, head);
    }
    if (code == SQLITE_OK) {
        code = sqlite_run(store, SQL_ADD_SNAPSHOT,
                          VALUES(whole((uint64_t)number), whole(change->put_snapshot.covers),
                                 whole(change->put_snapshot.blob), RECORD_VALUES(*head)),
                          NULL);
    }
    if (code == SQLITE_DONE) {
        code = sqlite_run(store, SQL_ADD_GARBAGE,
                          VALUES(whole(GARBAGE_LOG), whole((uint64_t)number)), NULL);
    }
    return done_or_failed(making, code);
}

static enum store_result put_snapshot(struct making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    int64_t number = 0;
    enum store_result result = find_model(making, &number);
    if (result != STORE_OK) {
        return result;
    }
    const struct sqlite_identity identity = {
        .kind = "snapshot",
        .owner = change->model,
        .name = "",
        .numbers = {change->put_snapshot.covers, change->put_snapshot.blob}};
    struct sqlite_record head;
    sqlite_record_make(store, &identity, &change->put_snapshot.head, making->spills[0], &head);
    bool there, same = false;
    result = compare_snapshot(making, number, &head, &there, &same);
    if (result == STORE_OK && !same) {
        result = replace_snapshot(making, number, there, &head);
    }
    if (result == STORE_OK && change->put_snapshot.last_row > 0) {
        result = add_rows(making, number);
    }
    if (result == STORE_OK && change->put_snapshot.oldest_row > 0) {
        result = done_or_failed(making, sqlite_run(store, SQL_PRUNE_ROWS,
                                                   VALUES(whole((uint64_t)number),
                                                          whole(change->put_snapshot.oldest_row)),
                                                   NULL));
    }
    making->model = NULL; /* its order may stand elsewhere */
    return result;
}

/* --- checkpoints --------------------------------------------------------------- */

static enum store_result add_checkpoint(struct making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const uint64_t version = change->add_checkpoint.version, blob = change->add_checkpoint.blob;
    int64_t number = 0;
    const enum store_result found = find_model(making, &number);
    if (found != STORE_OK) {
        return found;
    }
    const struct sqlite_identity identity = {
        .kind = "checkpoint", .owner = change->model, .name = "", .numbers = {version, blob}};
    struct sqlite_record head;
    sqlite_record_make(store, &identity, &change->add_checkpoint.head, making->spills[0], &head);
    sqlite3_stmt *row =
        sqlite_bind(store, SQL_FIND_CHECKPOINT, VALUES(whole((uint64_t)number), whole(version)));
    int code = sqlite3_step(row);
    const bool same = code == SQLITE_ROW && sqlite_record_equals(&head, row, 0) &&
                      (uint64_t)sqlite3_column_int64(row, 3) == blob;
    sqlite3_reset(row);
    if (code == SQLITE_ROW) {
        return same ? STORE_OK : taken(making, "checkpoint", version);
    }
    if (code != SQLITE_DONE) {
        return failed(making, code);
    }
    const enum store_result used = use_blob(making, blob);
    if (used != STORE_OK) {
        return used;
    }
    code = sqlite_record_place(store, &change->add_checkpoint.head, &head);
    if (code == SQLITE_OK) {
        code = sqlite_run(
            store, SQL_ADD_CHECKPOINT,
            VALUES(whole((uint64_t)number), whole(version), whole(blob), RECORD_VALUES(head)),
            NULL);
    }
    return done_or_failed(making, code);
}

static enum store_result remove_checkpoint(struct making *making) {
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = find_model(making, &number);
    if (found != STORE_OK) {
        return found;
    }
    return done_or_failed(making, sqlite_run(making->store, SQL_REMOVE_CHECKPOINT,
                                             VALUES(whole((uint64_t)number),
                                                    whole(change->remove_checkpoint.version)),
                                             NULL));
}

/* --- all together -------------------------------------------------------------- */

static maker *const makers[] = {
    [STORE_ADD_MODEL] = add_model,
    [STORE_REMOVE_MODEL] = remove_model,
    [STORE_APPEND] = append,
    [STORE_ADD_KEY] = add_key,
    [STORE_REMOVE_BLOB] = remove_blob,
    [STORE_PRUNE_KEYS] = prune_keys,
    [STORE_ADD_CHUNK] = add_chunk,
    [STORE_PUT_SNAPSHOT] = put_snapshot,
    [STORE_ADD_CHECKPOINT] = add_checkpoint,
    [STORE_REMOVE_CHECKPOINT] = remove_checkpoint,
};

/* The change's payloads, but not a chunk, which is a blob's already. */
static size_t payloads_of(const struct store_change *change,
                          const struct store_payload *payloads[PAYLOADS_PER_CHANGE]) {
    size_t count = 0;
    switch (change->kind) {
    case STORE_ADD_MODEL:
        payloads[count++] = &change->add_model.head;
        break;
    case STORE_APPEND:
        payloads[count++] = &change->append.payload;
        break;
    case STORE_ADD_KEY:
        payloads[count++] = &change->add_key.payload;
        break;
    case STORE_PUT_SNAPSHOT:
        payloads[count++] = &change->put_snapshot.head;
        if (change->put_snapshot.last_row > 0) {
            payloads[count++] = &change->put_snapshot.history;
        }
        break;
    case STORE_ADD_CHECKPOINT:
        payloads[count++] = &change->add_checkpoint.head;
        break;
    case STORE_ADD_CHUNK:
    case STORE_REMOVE_BLOB:
    case STORE_REMOVE_MODEL:
    case STORE_PRUNE_KEYS:
    case STORE_REMOVE_CHECKPOINT:
        break;
    }
    return count;
}

static uint64_t change_bytes(const struct store_change *change) {
    if (change->kind == STORE_ADD_CHUNK) {
        return sqlite_payload_bytes(&change->add_chunk.payload);
    }
    const struct store_payload *payloads[PAYLOADS_PER_CHANGE];
    const size_t count = payloads_of(change, payloads);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += sqlite_payload_bytes(payloads[i]);
    }
    return bytes;
}

/* Within the transaction. */
static enum store_result make_all(struct sqlite_store *store, const struct store_change *changes,
                                  size_t count, const uint64_t *spills, struct error *error) {
    static const uint64_t none[PAYLOADS_PER_CHANGE];
    struct making making = {.store = store, .error = error};
    for (size_t i = 0; i < count; i++) {
        making.change = &changes[i];
        making.spills = spills != NULL ? spills + PAYLOADS_PER_CHANGE * i : none;
        const enum store_result result = makers[changes[i].kind](&making);
        if (result != STORE_OK) {
            return result;
        }
    }
    return STORE_OK;
}

static enum store_result make_in_one(struct sqlite_store *store, const struct store_change *changes,
                                     size_t count, const uint64_t *spills, struct error *error) {
    const int code = sqlite_begin(store);
    if (code != SQLITE_OK) {
        return sqlite_failed(store, code, error);
    }
    const enum store_result result = make_all(store, changes, count, spills, error);
    if (result != STORE_OK) {
        sqlite_rollback(store);
        return result;
    }
    return sqlite_commit(store, error);
}

/* --- writing ahead ------------------------------------------------------------- */

/* Write the change's large payloads, whose blobs go into `spills`. */
static enum store_result write_ahead_one(struct sqlite_store *store,
                                         const struct store_change *change, uint64_t *spills,
                                         struct error *error) {
    if (change->kind == STORE_ADD_CHUNK) {
        static const uint64_t none[PAYLOADS_PER_CHANGE];
        return make_all(store, change, 1, none, error);
    }
    const struct store_payload *payloads[PAYLOADS_PER_CHANGE];
    const size_t count = payloads_of(change, payloads);
    for (size_t i = 0; i < count; i++) {
        if (sqlite_payload_bytes(payloads[i]) >= AHEAD_BYTES_MIN) {
            spills[i] = store->next_blob++;
            const int code = sqlite_spill(store, spills[i], payloads[i]);
            if (code != SQLITE_OK) {
                return sqlite_failed(store, code, error);
            }
        }
    }
    return STORE_OK;
}

static enum store_result write_ahead(struct sqlite_store *store, const struct store_change *changes,
                                     size_t count, uint64_t *spills, struct error *error) {
    for (size_t i = 0; i < count;) {
        const int code = sqlite_begin(store);
        if (code != SQLITE_OK) {
            return sqlite_failed(store, code, error);
        }
        enum store_result result = STORE_OK;
        for (uint64_t used = 0; result == STORE_OK && i < count && used < AHEAD_BYTES_MAX; i++) {
            used += change_bytes(&changes[i]);
            result = write_ahead_one(store, &changes[i], spills + PAYLOADS_PER_CHANGE * i, error);
        }
        if (result == STORE_OK) {
            result = sqlite_commit(store, error);
        }
        if (result != STORE_OK) {
            sqlite_rollback(store);
            return result;
        }
    }
    return STORE_OK;
}

/* What was written ahead and is not used, as the changes were not made, or had been before, may
 * go.  Where this fails, it goes when the store is opened. */
static void drop_unused(struct sqlite_store *store, const uint64_t *spills, size_t count) {
    if (store->broken || sqlite_begin(store) != SQLITE_OK) {
        return;
    }
    int code = SQLITE_DONE;
    for (size_t i = 0; code == SQLITE_DONE && i < count; i++) {
        if (spills[i] != 0) {
            code = sqlite_run(store, SQL_DROP_UNUSED_BLOB, VALUES(whole(spills[i])), NULL);
        }
    }
    if (code != SQLITE_DONE || sqlite_commit(store, NULL) != STORE_OK) {
        sqlite_rollback(store);
    }
}

static enum store_result make_in_several(struct sqlite_store *store,
                                         const struct store_change *changes, size_t count,
                                         struct error *error) {
    uint64_t *spills = memory_allocate_zero(PAYLOADS_PER_CHANGE * count, sizeof *spills);
    if (spills == NULL) {
        return store_fail(error, STORE_FULL, "no memory for the store");
    }
    enum store_result result = write_ahead(store, changes, count, spills, error);
    if (result == STORE_OK) {
        result = make_in_one(store, changes, count, spills, error);
    }
    drop_unused(store, spills, PAYLOADS_PER_CHANGE * count);
    memory_free(spills);
    return result;
}

enum store_result sqlite_store_commit(struct store *store, const struct store_change *changes,
                                      size_t count, struct error *error) {
    struct sqlite_store *sqlite = sqlite_of(store);
    if (sqlite->broken) {
        return sqlite_refuse(sqlite, error);
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += change_bytes(&changes[i]);
    }
    const enum store_result result = bytes > TRANSACTION_BYTES_MAX
                                         ? make_in_several(sqlite, changes, count, error)
                                         : make_in_one(sqlite, changes, count, NULL, error);
    sqlite->commits += result == STORE_OK;
    return result;
}
