/* Checkpoints in a store: kept, removed and read again as tasks of the writer.
 *
 * A checkpoint is a row with a head (struct checkpoint_head) and a blob with its numbers, written
 * in chunks between the groups of entries.  The version of the newest one that was removed is
 * remembered by a row without a blob, so that versions never repeat. */
#ifndef MLPD_CORE_ENGINE_CHECKPOINT_STORE_H
#define MLPD_CORE_ENGINE_CHECKPOINT_STORE_H

#include "core/engine/checkpoint.h"
#include "core/engine/key_table.h"
#include "core/engine/record.h"
#include "core/engine/writer.h"

/* As the store has it. */
struct checkpoint_head {
    uint32_t layout;
    uint32_t kind;
    uint64_t step, examples, batch;
    double last_loss, running_loss, running_accuracy;
    double created_at;
    uint64_t bytes;
    struct payload_digest payload; /* of the key */
    char note[CHECKPOINT_NOTE_BYTES_MAX + 1];
    char key[KEY_BYTES_MAX + 1]; /* empty: it came without one */
};

/* Store a pending checkpoint of a model, then settle it.  Any thread. */
void checkpoint_store_keep(struct model *model, struct checkpoint *checkpoint);

/* Remove a version that is in no list any more; `removed` (or NULL) is called when it will not
 * come back.  ERROR_MEMORY.  Any thread. */
enum error_code checkpoint_store_remove(struct model *model, uint64_t version,
                                        struct completion *removed);

/* A kept checkpoint's numbers, on their way.  Counted: the call that asked has a reference. */
struct checkpoint_opening {
    struct writer_task task; /* first */
    atomic_uint references;
    struct model *model;           /* referenced */
    struct checkpoint *checkpoint; /* referenced */
    struct completion *completion;
    size_t read; /* bytes so far */

    /* Once `completion` is called. */
    struct state *numbers; /* referenced; NULL: `error` says why */
    struct error error;
};

/* Read a checkpoint's numbers out of memory or the store; `completion` is called when they are
 * there or cannot be.  ERROR_MEMORY: then it is not.  Any thread. */
enum error_code checkpoint_open(struct model *model, struct checkpoint *checkpoint,
                                struct completion *completion, struct checkpoint_opening **opening,
                                struct error *error);

/* NULL is allowed. */
void checkpoint_opening_release(struct checkpoint_opening *opening);

/* --- recovery: the writer's thread --- */

/* The model gets the checkpoints that the store has of it.  ERROR_DAMAGED, ERROR_MEMORY. */
enum error_code checkpoint_store_recover(struct model *model, struct store *store,
                                         struct error *error);

/* An entry of the log, at that place, restores a version: it stays, and the number of what stood
 * before is taken.  ERROR_DAMAGED: it is not there. */
enum error_code checkpoint_store_note_restore(struct model *model,
                                              const struct record_restore *restore, uint64_t place,
                                              struct error *error);

/* Give such an entry its numbers; and what stood before becomes a checkpoint again, unless it was
 * stored, or removed, in time. */
enum error_code checkpoint_store_prepare_restore(struct entry *entry,
                                                 const struct record_restore *restore,
                                                 struct error *error);

/* The numbers of those that entries of the log restore (restored_at) come into memory; and leave
 * it again. */
enum error_code checkpoint_store_load_restored(struct model *model, struct store *store,
                                               struct error *error);
void checkpoint_store_unload(struct model *model);

#endif
