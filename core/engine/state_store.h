/* States in a store: blobs of chunks.  The writer's thread alone. */
#ifndef MLPD_CORE_ENGINE_STATE_STORE_H
#define MLPD_CORE_ENGINE_STATE_STORE_H

#include <stdbool.h>

#include "core/engine/state.h"
#include "core/engine/writer.h"

/* A state that is being written. */
struct state_blob {
    const struct state *state;
    const char *model; /* its id */
    uint64_t blob;     /* 0: not begun */
    size_t written;    /* bytes */
};

/* Store some chunks more.  STORE_OK: go on until state_blob_is_whole; else give up. */
enum store_result state_blob_store(struct state_blob *blob, struct writer *writer,
                                   struct error *error);

static inline bool state_blob_is_whole(const struct state_blob *blob) {
    return blob->written == blob->state->bytes;
}

/* What was written of it goes again. */
void state_blob_give_up(struct state_blob *blob, struct writer *writer);

/* Read the next chunk of a blob into a state (state_create_raw); `*at` counts the bytes.
 * ERROR_DAMAGED. */
enum error_code state_blob_read(struct store *store, uint64_t blob, struct state *state, size_t *at,
                                struct error *error);

/* Read a whole state of `bytes` bytes, to be checked (state_check).  ERROR_DAMAGED,
 * ERROR_MEMORY. */
enum error_code state_blob_load(struct store *store, uint64_t blob, size_t bytes,
                                struct ledger *ledger, struct state **state, struct error *error);

#endif
