/* Entries of a model's queue; see entry.h. */
#include "core/engine/entry.h"

#include "core/base/memory.h"
#include "core/engine/checkpoint.h"
#include "core/engine/creation.h"
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
    buffer_init(&entry->cancelled, model->ledger, "the numbers of batches that are taken back");
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

enum error_code entry_add_slot(struct entry *entry, const struct specification *former,
                               struct error *error) {
    const struct optimizer_function *optimizer = &optimizer_functions[former->optimizer.optimizer];
    const struct optimizer_settings *changed = &entry->settings->specification.optimizer;
    if (optimizer->slots(changed) <= optimizer->slots(&former->optimizer)) {
        return ERROR_NONE;
    }
    struct model *model = entry->model;
    const size_t floats = model->network.parameter_floats;
    const enum error_code code =
        ledger_reserve(model->ledger, floats * sizeof(float), "the optimizer's state", error);
    if (code != ERROR_NONE) {
        return code;
    }
    entry->first_bytes = floats * sizeof(float);
    entry->first = memory_allocate(floats, sizeof(float)); /* cleared in its turn */
    return entry->first != NULL
               ? ERROR_NONE
               : error_set(error, ERROR_MEMORY, NULL, "no memory for the optimizer's state");
}

enum error_code entry_prepare_take(struct entry *entry, const struct settings *settings,
                                   struct error *error) {
    const struct optimizer_settings *optimizer = &settings->specification.optimizer;
    const size_t slots = optimizer_functions[optimizer->optimizer].slots(optimizer);
    return state_create(&entry->model->network, slots, entry->model->ledger, &entry->numbers,
                        error);
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
    checkpoint_release(entry->checkpoint);
    checkpoint_release(entry->source);
    key_record_release(entry->record);
    memory_free(entry->first);
    ledger_release(entry->model->ledger, ENTRY_BYTES + entry->first_bytes);
    creation_free(entry->creation);
    if (entry->target != NULL) {
        model_release(entry->target);
    }
    if (entry->query != NULL) {
        query_release(entry->query);
    }
    buffer_free(&entry->cancelled);
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
