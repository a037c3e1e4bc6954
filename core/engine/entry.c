/* Entries of a model's queue; see entry.h. */
#include "core/engine/entry.h"

#include "core/base/memory.h"
#include "core/engine/model.h"
#include "core/engine/state.h"

/* Of an entry without its contents: itself, and the blocks of its examples. */
#define ENTRY_BYTES (sizeof(struct entry) + 4 * MEMORY_BLOCK_OVERHEAD)

struct entry *entry_create(struct model *model, enum entry_kind kind) {
    if (ledger_reserve(model->ledger, ENTRY_BYTES, "a batch", NULL) != ERROR_NONE) {
        return NULL;
    }
    struct entry *entry = memory_allocate_zero(1, sizeof *entry);
    if (entry == NULL) {
        ledger_release(model->ledger, ENTRY_BYTES);
        return NULL;
    }
    atomic_init(&entry->references, 1);
    entry->kind = kind;
    entry->state = ENTRY_SUBMITTED;
    entry->model = model_reference(model);
    return entry;
}

struct entry *entry_create_batch_of(struct model *model, struct example_set *set, size_t first_row,
                                    size_t rows) {
    struct entry *entry = entry_create(model, ENTRY_BATCH);
    if (entry != NULL) {
        entry->set = example_set_reference(set);
        entry->first_row = first_row;
        entry->example_count = (uint32_t)rows;
    }
    return entry;
}

struct entry *entry_create_batch(struct model *model, struct examples *examples) {
    struct example_set *set = example_set_create(examples);
    if (set == NULL) {
        return NULL;
    }
    struct entry *entry = entry_create_batch_of(model, set, 0, set->examples.rows);
    if (entry == NULL) {
        examples_move(examples, &set->examples); /* the caller's again */
    }
    example_set_release(set);
    return entry;
}

struct entry *entry_reference(struct entry *entry) {
    /* Relaxed: who takes a reference has one already, or the model's lock. */
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void entry_release(struct entry *entry) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    example_set_release(entry->set);
    settings_release(entry->settings);
    state_release(entry->numbers);
    key_record_release(entry->record);
    memory_free(entry->first);
    ledger_release(entry->model->ledger, ENTRY_BYTES + entry->first_bytes);
    if (entry->target != NULL) {
        model_release(entry->target);
    }
    model_release(entry->model);
    memory_free(entry);
}

void entry_queue_push(struct entry_queue *queue, struct entry *entry) {
    entry->next = NULL;
    if (queue->last == NULL) {
        queue->first = entry;
    } else {
        queue->last->next = entry;
    }
    queue->last = entry;
}

struct entry *entry_queue_pop(struct entry_queue *queue) {
    struct entry *entry = queue->first;
    if (entry != NULL) {
        queue->first = entry->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        entry->next = NULL;
    }
    return entry;
}
