/* A commit: its changes one after the other in one transaction.
 *
 * A set of changes whose payloads are too large for one transaction (its pages would all wait in
 * memory and in the write-ahead log) has them written ahead, as blobs that nothing refers to yet,
 * in transactions of their own; the last one makes the changes, which then are small. */
#include "core/base/memory.h"
#include "core/store/sqlite_changes.h"

#define TRANSACTION_BYTES_MAX (64u << 20)
#define AHEAD_BYTES_MIN (64u << 10) /* smaller payloads are not written ahead */
#define AHEAD_BYTES_MAX (16u << 20) /* of one transaction */

typedef enum store_result maker(struct sqlite_making *making);

static maker *const makers[] = {
    [STORE_ADD_MODEL] = sqlite_add_model,
    [STORE_REMOVE_MODEL] = sqlite_remove_model,
    [STORE_APPEND] = sqlite_append,
    [STORE_ADD_KEY] = sqlite_add_key,
    [STORE_REMOVE_BLOB] = sqlite_remove_blob,
    [STORE_PRUNE_KEYS] = sqlite_prune_keys,
    [STORE_ADD_CHUNK] = sqlite_add_chunk,
    [STORE_PUT_SNAPSHOT] = sqlite_put_snapshot,
    [STORE_ADD_CHECKPOINT] = sqlite_add_checkpoint,
    [STORE_REMOVE_CHECKPOINT] = sqlite_remove_checkpoint,
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
    struct sqlite_making making = {.store = store, .error = error};
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
