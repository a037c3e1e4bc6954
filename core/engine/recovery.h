/* Recovery: what the store has becomes models again, and the logs behind their snapshots are
 * trained.
 *
 * The writer's first task.  Each model is made, with the state of its snapshot or fresh weights
 * of its seed, its loss history and its keys; then the entries of its log enter its queue in
 * their order, as if they had just been acknowledged, so that the same code makes the same bits.
 * Entries that were taken back are in it as cancelled ones.  A model that cannot be read whole is
 * quarantined, and the others serve.
 *
 * Until all of it is trained the engine takes no work; the fields may be looked at by any
 * thread. */
#ifndef MLPD_CORE_ENGINE_RECOVERY_H
#define MLPD_CORE_ENGINE_RECOVERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/engine/writer.h"

struct engine;

/* What was found, each with its name and head copied. */
struct model_list {
    struct store_model *rows;
    size_t count, capacity;
    bool failed; /* for want of memory */
};

struct recovery {
    struct writer_task task;
    struct engine *engine;
    struct model_list list; /* the writer's */
    atomic_bool under_way;  /* release and acquire: who sees that it is over sees the models */
    atomic_size_t models_found, models_read; /* relaxed: for those who look */
};

/* Read the names of what a store (or NULL) has, and the keys of no model.  Where there are models
 * the recovery is under way from now on, and its task is the writer's first one.  Before
 * the writer starts.  ERROR_INTERNAL, ERROR_MEMORY, ERROR_DAMAGED. */
enum error_code recovery_begin(struct recovery *recovery, struct engine *engine,
                               struct store *store, struct error *error);

/* Free what is left of one that did not come to its end. */
void recovery_end(struct recovery *recovery);

#endif
