/* Who waits for a model; see waiter.h. */
#include "core/engine/waiter.h"

#include "core/base/memory.h"
#include "core/engine/model.h"

struct waiter *waiter_create(enum waiter_condition condition, uint64_t value,
                             const struct entry *entry) {
    struct waiter *waiter = memory_allocate_zero(1, sizeof *waiter);
    if (waiter != NULL) {
        atomic_init(&waiter->references, 1);
        waiter->condition = condition;
        waiter->value = value;
        waiter->entry = entry;
    }
    return waiter;
}

struct waiter *waiter_create_for_numbers(struct key_record *record) {
    struct waiter *waiter = waiter_create(WAIT_FOR_NUMBERS, 0, NULL);
    if (waiter != NULL) {
        waiter->record = key_record_reference(record);
    }
    return waiter;
}

struct waiter *waiter_create_for_checkpoint(struct checkpoint *checkpoint) {
    struct waiter *waiter = waiter_create(WAIT_FOR_CHECKPOINT, 0, NULL);
    if (waiter != NULL) {
        waiter->checkpoint = checkpoint_reference(checkpoint);
    }
    return waiter;
}

void waiter_release(struct waiter *waiter) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (atomic_fetch_sub_explicit(&waiter->references, 1, memory_order_acq_rel) == 1) {
        key_record_release(waiter->record);
        checkpoint_release(waiter->checkpoint);
        memory_free(waiter);
    }
}

static bool condition_holds(struct model *model, const struct waiter *waiter) {
    const struct history *history = &model->history;
    switch (waiter->condition) {
    case WAIT_FOR_ENTRY:
        return entry_state_is_final(waiter->entry->state);
    case WAIT_FOR_STEP:
        return weights_published(&model->weights)->step >= waiter->value;
    case WAIT_FOR_HISTORY:
        return history->count > 0 && history_at(history, history->count - 1)->batch > waiter->value;
    case WAIT_FOR_NUMBERS:
        return waiter->record->last > 0 ||
               atomic_load_explicit(&waiter->record->refused, memory_order_acquire);
    case WAIT_FOR_MODEL:
        return model->ready;
    case WAIT_FOR_CHECKPOINT:
        return waiter->checkpoint->status != CHECKPOINT_PENDING;
    }
    return true;
}

static void unlist(struct model *model, struct waiter *waiter) {
    if (waiter->next != NULL) {
        waiter->next->previous = waiter->previous;
    }
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        model->waiters = waiter->next;
    }
    waiter->listed = false;
}

bool waiter_start(struct model *model, struct waiter *waiter, struct completion *completion) {
    pthread_mutex_lock(&model->lock);
    const bool waits = !model->deleted && !condition_holds(model, waiter);
    if (waits) {
        waiter->completion = completion;
        waiter->previous = NULL;
        waiter->next = model->waiters;
        if (model->waiters != NULL) {
            model->waiters->previous = waiter;
        }
        model->waiters = waiter;
        waiter->listed = true;
        atomic_fetch_add_explicit(&waiter->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&model->lock);
    return waits;
}

bool waiter_stop(struct model *model, struct waiter *waiter) {
    pthread_mutex_lock(&model->lock);
    const bool listed = waiter->listed;
    if (listed) {
        unlist(model, waiter);
    }
    pthread_mutex_unlock(&model->lock);
    if (listed) {
        waiter_release(waiter);
    }
    return listed;
}

static struct waiter *take(struct model *model, bool all) {
    struct waiter *taken = NULL;
    for (struct waiter *waiter = model->waiters, *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (all || condition_holds(model, waiter)) {
            unlist(model, waiter);
            waiter->next = taken;
            taken = waiter;
        }
    }
    return taken;
}

struct waiter *waiters_take_satisfied(struct model *model) {
    return take(model, false);
}

struct waiter *waiters_take_all(struct model *model) {
    return take(model, true);
}

void waiters_complete(struct waiter *taken) {
    while (taken != NULL) {
        struct waiter *waiter = taken;
        taken = waiter->next;
        completion_call(waiter->completion);
        waiter_release(waiter);
    }
}
