/* States in a store; see state_store.h. */
#include "core/engine/state_store.h"

#include "core/base/checked.h"

#define CHUNKS_AT_ONCE 4

enum store_result state_blob_store(struct state_blob *blob, struct writer *writer,
                                   struct error *error) {
    const struct state *state = blob->state;
    struct store_change changes[CHUNKS_AT_ONCE];
    size_t count = 0;
    size_t at = blob->written;
    if (blob->blob == 0) {
        blob->blob = store_new_blob(writer->settings.store);
    }
    for (; count < CHUNKS_AT_ONCE && at < state->bytes; count++) {
        const size_t bytes = size_min(STORE_CHUNK_BYTES_MAX, state->bytes - at);
        changes[count] = (struct store_change){
            .kind = STORE_ADD_CHUNK,
            .model = blob->model,
            .add_chunk = {.blob = blob->blob,
                          .index = at / STORE_CHUNK_BYTES_MAX,
                          .payload = {.pieces = {{(const char *)state->head + at, bytes}},
                                      .count = 1}},
        };
        at += bytes;
    }
    const enum store_result result = writer_commit(writer, changes, count, error);
    if (result == STORE_OK) {
        blob->written = at;
    }
    return result;
}

void state_blob_give_up(struct state_blob *blob, struct writer *writer) {
    struct error error;
    const struct store_change change = {
        .kind = STORE_REMOVE_BLOB, .model = blob->model, .remove_blob.blob = blob->blob};
    if (blob->blob != 0) {
        (void)writer_commit(writer, &change, 1, &error); /* else it goes at the next start */
    }
}

enum error_code state_blob_read(struct store *store, uint64_t blob, struct state *state, size_t *at,
                                struct error *error) {
    size_t got = 0;
    const size_t index = *at / STORE_CHUNK_BYTES_MAX;
    if (store_read_chunk(store, blob, index, (char *)state->head + *at, state->bytes - *at, &got,
                         error) != STORE_OK) {
        return error->code = ERROR_DAMAGED;
    }
    *at += got;
    return got == 0 || (*at < state->bytes && got != STORE_CHUNK_BYTES_MAX)
               ? error_set(error, ERROR_DAMAGED, NULL, "a state in the store is too short")
               : ERROR_NONE;
}

enum error_code state_blob_load(struct store *store, uint64_t blob, size_t bytes,
                                struct ledger *ledger, struct state **result, struct error *error) {
    struct state *state = NULL;
    enum error_code code = state_create_raw(bytes, ledger, &state, error);
    size_t at = 0;
    while (code == ERROR_NONE && at < bytes) {
        code = state_blob_read(store, blob, state, &at, error);
    }
    if (code != ERROR_NONE && state != NULL) {
        state_release(state);
        state = NULL;
    }
    *result = state;
    return code;
}
