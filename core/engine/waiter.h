/* Who waits for a model to get somewhere: one list a model.
 *
 * `Prefer: wait` on a batch, `min_step` of a prediction, `wait_step` of a
 * description and the long poll of the loss history all are a waiter with a
 * condition.  After each finished entry those whose condition holds are
 * completed.  The list is guarded by the model's lock.
 *
 * A waiter is counted, by the call that waits and by the list: a call whose
 * patience is over may be gone while its waiter is just being completed. */
#ifndef MLPD_CORE_ENGINE_WAITER_H
#define MLPD_CORE_ENGINE_WAITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/engine/completion.h"

struct checkpoint;
struct entry;
struct key_record;
struct model;

enum waiter_condition {
    WAIT_FOR_ENTRY,     /* `entry` is finished */
    WAIT_FOR_STEP,      /* the published weights are of step `value` or later */
    WAIT_FOR_HISTORY,   /* the history has a row of a batch above `value` */
    WAIT_FOR_NUMBERS,   /* what was accepted under the key of `record` has its numbers */
    WAIT_FOR_MODEL,     /* the model is ready: it can be found */
    WAIT_FOR_CHECKPOINT /* `checkpoint` is kept, or lost */
};

struct waiter {
    atomic_uint references;
    enum waiter_condition condition;
    uint64_t value;
    const struct entry *entry;     /* outlives the waiting */
    struct key_record *record;     /* referenced; of WAIT_FOR_NUMBERS */
    struct checkpoint *checkpoint; /* referenced; of WAIT_FOR_CHECKPOINT */

    /* Guarded by the model's lock. */
    struct completion *completion;
    struct waiter *previous, *next;
    bool listed;
};

/* A waiter for that condition; `entry` only for WAIT_FOR_ENTRY.  NULL when there
 * is no memory. */
struct waiter *waiter_create(enum waiter_condition condition, uint64_t value,
                             const struct entry *entry);

/* A waiter for the numbers of a record; takes a reference to it.  NULL when there is no
 * memory. */
struct waiter *waiter_create_for_numbers(struct key_record *record);

/* A waiter for a checkpoint; takes a reference to it.  NULL when there is no memory. */
struct waiter *waiter_create_for_checkpoint(struct checkpoint *checkpoint);

void waiter_release(struct waiter *waiter);

/* False when the condition holds already, or the model is deleted so that it
 * never will; else `completion` will be called when it does. */
bool waiter_start(struct model *model, struct waiter *waiter, struct completion *completion);

/* Stop waiting: true when the waiter was still listed, so that its completion
 * will not be called. */
bool waiter_stop(struct model *model, struct waiter *waiter);

/* With the model's lock held: take out those whose condition holds, as a list for
 * waiters_complete. */
struct waiter *waiters_take_satisfied(struct model *model);

/* The same for all of them, whose model is deleted.  Only who drops what is queued does
 * so, to complete them after it. */
struct waiter *waiters_take_all(struct model *model);

/* Without the lock: call the completions of such a list. */
void waiters_complete(struct waiter *taken);

#endif
