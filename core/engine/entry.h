/* An entry of a model's queue: one thing that decides its weights.
 *
 * Batches, changed settings, resets, restores and the taking of a copy have one queue,
 * so that they take effect in the order in which they were acknowledged.  An entry
 * is submitted, acknowledged by the writer (a batch gets its number then), queued,
 * and finished by the trainer.
 *
 * References are counted: the queue has one, the call that posted it another.
 * Everything but the count is written before the entry is submitted or under its
 * model's lock.  Examples are read without the lock by the one worker that trains
 * them. */
#ifndef MLPD_CORE_ENGINE_ENTRY_H
#define MLPD_CORE_ENGINE_ENTRY_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/engine/completion.h"
#include "core/engine/examples.h"
#include "core/engine/history.h"
#include "core/engine/key_table.h"
#include "core/engine/settings.h"

struct checkpoint;
struct creation;
struct model;
struct query;
struct state;

enum entry_kind {
    ENTRY_BATCH,
    ENTRY_SETTINGS, /* from here on these settings are in force */
    ENTRY_RESET,    /* fresh weights, step 0, from the seed of these settings */
    ENTRY_CLONE,    /* the target becomes a copy of what stands at this place */
    ENTRY_TAKE,     /* `numbers` become a copy of the same; of the model nothing changes */
    ENTRY_RESTORE,  /* the model's numbers become `numbers` */

    /* Of the writer alone, never in a model's queue. */
    ENTRY_CREATION,     /* the model begins to be */
    ENTRY_DELETION,     /* its name is gone */
    ENTRY_CANCELLATION, /* queued batches are taken back */
};

struct entry {
    atomic_uint references;
    enum entry_kind kind;
    struct model *model; /* referenced */
    enum entry_state state;
    struct completion *acknowledged; /* to be called once it has its place */
    double queued_at;                /* monotonic seconds */
    struct entry *next;              /* in a queue: the writer's, then the model's */
    enum error_code refusal;         /* what was submitted is not: ERROR_STORAGE, ERROR_STALE */

    /* Written by the writer, before the entry is queued, then only read. */
    uint64_t place; /* in the order of its model's log; 0: it has none */

    /* ENTRY_BATCH */
    struct example_set *set; /* referenced; given up when the batch is over */
    size_t first_row;        /* of the batch's rows in the set */
    uint32_t example_count;
    uint64_t number;           /* 0 until acknowledged */
    uint64_t number_given;     /* the same, while it is being written */
    bool held;                 /* about to be taken back: its turn may not come */
    struct history_row result; /* once finished; of other kinds only `step` */
    struct key_record *record; /* referenced: of the key that it came with, as the last batch of
                                * its request; else NULL */

    /* ENTRY_SETTINGS, ENTRY_RESET, ENTRY_RESTORE; of ENTRY_CLONE those that the target was made of
     */
    struct settings *settings; /* referenced */
    float *first;              /* a slot that these settings need and the former did not */
    size_t first_bytes;        /* what it has in the ledger */

    /* ENTRY_CLONE */
    struct model *target;       /* referenced; nobody can find it yet */
    struct creation *creation;  /* of it; NULL once begun */
    struct completion finished; /* of the creation */

    /* ENTRY_TAKE and ENTRY_CLONE, which fill it; ENTRY_RESTORE, which reads it */
    struct state *numbers; /* referenced */

    /* The same: what stands at this place, before it, is kept as this; or NULL */
    struct checkpoint *checkpoint; /* referenced */
    uint64_t restored;             /* ENTRY_RESTORE: the version that `numbers` are of; 0: none */
    struct checkpoint *source;     /* referenced and pinned: that one, while it is submitted to be
                                    * stored; or NULL */

    /* ENTRY_CREATION */
    struct query *query; /* referenced: makes the first weights, then completes `acknowledged` */
    uint64_t blob;       /* in the store: the state that it begins with; 0: none */

    /* ENTRY_CANCELLATION */
    uint64_t first_number, last_number; /* which to take back, if they still wait */
    struct buffer cancelled;            /* pairs of numbers that were (record.h) */
    size_t cancelled_count;
};

/* An entry without contents; takes a reference to the model.  NULL when there is
 * no memory. */
struct entry *entry_create(struct model *model, enum entry_kind kind);

/* A batch of these examples, which are empty afterwards. */
struct entry *entry_create_batch(struct model *model, struct examples *examples);

/* A batch of `rows` rows of a set, from `first_row` on. */
struct entry *entry_create_batch_of(struct model *model, struct example_set *set, size_t first_row,
                                    size_t rows);

/* Changed settings may need a slot that the former did not: sgd with a momentum from now on.
 * ERROR_MEMORY. */
enum error_code entry_add_slot(struct entry *entry, const struct specification *former,
                               struct error *error);

/* Room in entry->numbers for a state with as many slots as these settings need, which are in force
 * at the entry's place.  ERROR_MEMORY. */
enum error_code entry_prepare_take(struct entry *entry, const struct settings *settings,
                                   struct error *error);

struct entry *entry_reference(struct entry *entry);
void entry_release(struct entry *entry);

/* Does the model have a new revision of settings from its place on? */
static inline bool entry_changes_settings(const struct entry *entry) {
    return entry->kind == ENTRY_SETTINGS || entry->kind == ENTRY_RESET ||
           entry->kind == ENTRY_RESTORE;
}

/* A first-in first-out list of entries, guarded by its owner's lock. */
struct entry_queue {
    struct entry *first, *last;
};

void entry_queue_push(struct entry_queue *queue, struct entry *entry);
struct entry *entry_queue_pop(struct entry_queue *queue); /* NULL when empty */

#endif
