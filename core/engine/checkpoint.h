/* A checkpoint: a version of a model's numbers that is kept, by its number.
 *
 * It is pending from when a place for it was reserved until its numbers were taken and, where
 * there is a store, stored; then kept, or lost: its model was deleted, it was removed, or there
 * was no room.  checkpoints.h has those of a
 * model.
 *
 * Counted: the model's list has a reference, the entry that takes it, and each call that is
 * about it. */
#ifndef MLPD_CORE_ENGINE_CHECKPOINT_H
#define MLPD_CORE_ENGINE_CHECKPOINT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/ledger.h"

struct key_record;
struct state;

#define CHECKPOINT_NOTE_BYTES_MAX 255

enum checkpoint_kind {
    CHECKPOINT_MANUAL,    /* a client asked for it */
    CHECKPOINT_AUTOMATIC, /* by the model's settings; the oldest leave by themselves */
    CHECKPOINT_PROMOTION, /* what was promoted, and what stood before */
    CHECKPOINT_KINDS
};

enum checkpoint_status { CHECKPOINT_PENDING, CHECKPOINT_KEPT, CHECKPOINT_LOST };

struct model;

/* What is told of it, at its place in the model's order. */
struct checkpoint_figures {
    uint64_t step, examples;
    uint64_t batch;                                   /* the newest that was over; 0: none */
    double last_loss, running_loss, running_accuracy; /* NaN: none */
};

struct checkpoint {
    atomic_uint references;
    struct ledger *ledger; /* has its bytes */

    /* Written before its place is reserved, then only read. */
    enum checkpoint_kind kind;
    struct key_record *record; /* referenced: of the key that the request came with, or NULL */
    size_t bytes;              /* of its numbers */
    char note[CHECKPOINT_NOTE_BYTES_MAX + 1];

    /* Guarded by the model's lock. */
    enum checkpoint_status status;
    enum error_code refusal; /* why it was lost, where it could not be stored */
    uint64_t version;        /* 0 before it has a place */
    struct state *numbers;   /* referenced; NULL: the store has them */
    uint64_t blob;           /* in the store; 0: it is not there */
    unsigned restoring;      /* restores that are not stored yet and name it */
    uint64_t restored_at;    /* the newest place in the log that names it; 0: none */
    struct checkpoint *next; /* of those that left together */

    /* Written while it is pending, by whoever takes it; then only read. */
    struct checkpoint_figures figures;
    double created_at; /* seconds since 1970 */
};

/* One of a kind, with a note ("" for none) of up to CHECKPOINT_NOTE_BYTES_MAX bytes; takes
 * references to the numbers, which may be written later or be NULL where the store has them, and
 * to the record, which may be NULL.  ERROR_MEMORY. */
enum error_code checkpoint_create(enum checkpoint_kind kind, const char *note,
                                  struct key_record *record, struct state *numbers,
                                  struct ledger *ledger, struct checkpoint **checkpoint,
                                  struct error *error);

struct checkpoint *checkpoint_reference(struct checkpoint *checkpoint);

/* NULL is allowed. */
void checkpoint_release(struct checkpoint *checkpoint);

/* "manual", … */
const char *checkpoint_kind_name(enum checkpoint_kind kind);

#endif
