/* The changes of what models were at a place: blobs, snapshots with the history, checkpoints; see
 * sqlite_changes.h. */
#include <assert.h>

#include "core/store/sqlite_changes.h"

/* --- blobs --------------------------------------------------------------------- */

enum blob_state { BLOB_NONE, BLOB_OPEN, BLOB_USED, BLOB_GARBAGE };

static enum store_result find_blob(struct sqlite_making *making, uint64_t blob,
                                   enum blob_state *state) {
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
    return code == SQLITE_ROW || code == SQLITE_DONE ? STORE_OK
                                                     : sqlite_making_failed(making, code);
}

enum store_result sqlite_add_chunk(struct sqlite_making *making) {
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
            return sqlite_making_failed(making, code);
        }
        if (code == SQLITE_ROW || state == BLOB_USED) {
            return same ? STORE_OK
                        : sqlite_making_taken(making, "a chunk of a blob, number", index);
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
    return sqlite_making_done(making, code);
}

enum store_result sqlite_remove_blob(struct sqlite_making *making) {
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
    return sqlite_making_done(
        making, sqlite_run(making->store, SQL_DROP_UNUSED_BLOB, VALUES(whole(blob)), NULL));
}

/* One more refers to the blob, whose chunks are all there. */
static enum store_result use_blob(struct sqlite_making *making, uint64_t blob) {
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
        return sqlite_making_failed(making, code);
    }
    if (!whole_blob) {
        return store_fail(making->error, STORE_TAKEN, "chunks of blob %llu are missing",
                          (unsigned long long)blob);
    }
    code = sqlite_run(making->store, SQL_USE_BLOB, VALUES(whole(blob)), NULL);
    return sqlite_making_done(making, code);
}

/* --- snapshots and the history ------------------------------------------------- */

static enum store_result add_rows(struct sqlite_making *making, int64_t number) {
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
            return sqlite_making_failed(making, code);
        }
        return same ? STORE_OK : sqlite_making_taken(making, "row", first);
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
    return sqlite_making_done(making, code);
}

/* What stands there now: is it what is to be put, or does it cover more? */
static enum store_result compare_snapshot(struct sqlite_making *making, int64_t number,
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
        return sqlite_making_failed(making, code);
    }
    return covers > change->put_snapshot.covers
               ? store_fail(making->error, STORE_TAKEN,
                            "model %s has a snapshot that covers more: %llu places", change->model,
                            (unsigned long long)covers)
               : STORE_OK;
}

static enum store_result replace_snapshot(struct sqlite_making *making, int64_t number, bool there,
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
    return sqlite_making_done(making, code);
}

enum store_result sqlite_put_snapshot(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    int64_t number = 0;
    enum store_result result = sqlite_making_find(making, &number);
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
        result = sqlite_making_done(
            making,
            sqlite_run(store, SQL_PRUNE_ROWS,
                       VALUES(whole((uint64_t)number), whole(change->put_snapshot.oldest_row)),
                       NULL));
    }
    making->model = NULL; /* its order may stand elsewhere */
    return result;
}

/* --- checkpoints --------------------------------------------------------------- */

enum store_result sqlite_add_checkpoint(struct sqlite_making *making) {
    struct sqlite_store *store = making->store;
    const struct store_change *change = making->change;
    const uint64_t version = change->add_checkpoint.version, blob = change->add_checkpoint.blob;
    int64_t number = 0;
    const enum store_result found = sqlite_making_find(making, &number);
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
        return same ? STORE_OK : sqlite_making_taken(making, "checkpoint", version);
    }
    if (code != SQLITE_DONE) {
        return sqlite_making_failed(making, code);
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
    return sqlite_making_done(making, code);
}

enum store_result sqlite_remove_checkpoint(struct sqlite_making *making) {
    const struct store_change *change = making->change;
    int64_t number = 0;
    const enum store_result found = sqlite_making_find(making, &number);
    if (found != STORE_OK) {
        return found;
    }
    return sqlite_making_done(making, sqlite_run(making->store, SQL_REMOVE_CHECKPOINT,
                                                 VALUES(whole((uint64_t)number),
                                                        whole(change->remove_checkpoint.version)),
                                                 NULL));
}
