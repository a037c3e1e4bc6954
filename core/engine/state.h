/* The state of a model: every number that training goes on from, at one place of its order.
 *
 * One flat block, so that it is written and read as it is:
 *
 *   head (64 bytes) | parameters [version_floats] | the standardizer's mean, m2 and scale,
 *   double [inputs] each, where there is one | slots of the optimizer, float
 *   [parameter_floats] each
 *
 * with the offsets of network.h, padding included, little-endian as every machine that mlpd
 * runs on.  Snapshots, checkpoints, restores, imports and exports are made of it.
 *
 * States are counted.  Its maker fills one, then it is only read: no lock. */
#ifndef MLPD_CORE_ENGINE_STATE_H
#define MLPD_CORE_ENGINE_STATE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/ledger.h"
#include "core/engine/weights.h"

struct model;

#define STATE_SLOTS_MAX 2

struct state_head {
    char magic[8];    /* "mlpdstat" */
    uint32_t version; /* of this layout */
    uint32_t slot_count;
    uint64_t step;
    uint64_t examples; /* trained so far */
    uint64_t standardizer_count;
    uint64_t weights_bytes; /* parameters and standardizer */
    uint64_t slot_bytes;    /* of each */
    uint64_t reserved;
};

struct state {
    atomic_uint references;
    struct ledger *ledger; /* has its bytes */
    size_t bytes;
    struct state_head *head; /* where the block begins */
};

/* Bytes of a state with so many slots. */
size_t state_bytes(const struct network *network, size_t slot_count);

/* A state whose head says what fits that network and whose numbers are undefined.
 * ERROR_MEMORY. */
enum error_code state_create(const struct network *network, size_t slot_count,
                             struct ledger *ledger, struct state **state, struct error *error);

/* A state of `bytes` undefined bytes, to be read from somewhere: then state_check. */
enum error_code state_create_raw(size_t bytes, struct ledger *ledger, struct state **state,
                                 struct error *error);

/* Is it one of that network, whole?  ERROR_INVALID. */
enum error_code state_check(const struct state *state, const struct network *network,
                            struct error *error);

struct state *state_reference(struct state *state);

/* NULL is allowed. */
void state_release(struct state *state);

/* Its weights, to be read as long as the state stands. */
struct weights state_weights(const struct state *state, const struct network *network);

/* Slot i of slot_count, float [parameter_floats]. */
float *state_slot(const struct state *state, size_t i);

/* Give the slots up.  Before anyone else has the state. */
void state_drop_slots(struct state *state);

/* How many slots the model has at this place, and a copy of its numbers, in bounded pieces.
 * Only the worker that set `training`; the state was made for so many slots. */
size_t state_slots_of(const struct model *model);
void state_take(struct state *state, const struct model *model, struct pause pause);

/* `weights`, which nobody reads, and the model's slots become those of the state; a slot that
 * the state lacks begins anew.  Only the worker that set `training`. */
void state_put(const struct state *state, struct model *model, struct weights *weights,
               struct pause pause);

#endif
