/* A kept version of a model's numbers; see checkpoint.h. */
#include "core/engine/checkpoint.h"

#include <math.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "core/engine/key_table.h"
#include "core/engine/state.h"

#define CHECKPOINT_BYTES (sizeof(struct checkpoint) + MEMORY_BLOCK_OVERHEAD)

enum error_code checkpoint_create(enum checkpoint_kind kind, const char *note,
                                  struct key_record *record, struct state *numbers,
                                  struct ledger *ledger, struct checkpoint **result,
                                  struct error *error) {
    const enum error_code code = ledger_reserve(ledger, CHECKPOINT_BYTES, "a checkpoint", error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct checkpoint *checkpoint = memory_allocate_zero(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        ledger_release(ledger, CHECKPOINT_BYTES);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a checkpoint");
    }
    atomic_init(&checkpoint->references, 1);
    checkpoint->ledger = ledger;
    checkpoint->kind = kind;
    checkpoint->record = record != NULL ? key_record_reference(record) : NULL;
    if (numbers != NULL) {
        checkpoint->bytes = numbers->bytes;
        checkpoint->numbers = state_reference(numbers);
    }
    checkpoint->figures.last_loss = NAN;
    checkpoint->figures.running_loss = NAN;
    checkpoint->figures.running_accuracy = NAN;
    snprintf(checkpoint->note, sizeof checkpoint->note, "%s", note);
    *result = checkpoint;
    return ERROR_NONE;
}

struct checkpoint *checkpoint_reference(struct checkpoint *checkpoint) {
    /* Relaxed: who takes a reference has one already, or the model's lock. */
    atomic_fetch_add_explicit(&checkpoint->references, 1, memory_order_relaxed);
    return checkpoint;
}

void checkpoint_release(struct checkpoint *checkpoint) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (checkpoint == NULL ||
        atomic_fetch_sub_explicit(&checkpoint->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    state_release(checkpoint->numbers);
    key_record_release(checkpoint->record);
    ledger_release(checkpoint->ledger, CHECKPOINT_BYTES);
    memory_free(checkpoint);
}

const char *checkpoint_kind_name(enum checkpoint_kind kind) {
    static const char *const names[CHECKPOINT_KINDS] = {
        [CHECKPOINT_MANUAL] = "manual",
        [CHECKPOINT_AUTOMATIC] = "automatic",
        [CHECKPOINT_PROMOTION] = "promotion",
    };
    return names[kind];
}
