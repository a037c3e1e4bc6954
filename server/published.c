/* A value with many readers and one writer; see published.h. */
#include "server/published.h"

#include <sched.h>
#include <stddef.h>

void published_init(struct published *published, void *value) {
    atomic_init(&published->current, 0);
    for (size_t i = 0; i < 2; i++) {
        atomic_init(&published->slots[i].readers, 0);
        published->slots[i].value = NULL;
    }
    published->slots[0].value = value;
}

const void *published_acquire(struct published *published, unsigned *slot) {
    for (;;) {
        *slot = atomic_load(&published->current);
        atomic_fetch_add(&published->slots[*slot].readers, 1);
        if (atomic_load(&published->current) == *slot) {
            return published->slots[*slot].value;
        }
        published_release(published, *slot); /* it was replaced in this instant */
    }
}

void published_release(struct published *published, unsigned slot) {
    atomic_fetch_sub(&published->slots[slot].readers, 1);
}

void *published_replace(struct published *published, void *value) {
    const unsigned old = atomic_load(&published->current);
    struct published_slot *slot = &published->slots[old];
    published->slots[1 - old].value = value;
    atomic_store(&published->current, 1 - old);
    while (atomic_load(&slot->readers) > 0) {
        sched_yield();
    }
    void *before = slot->value;
    slot->value = NULL;
    return before;
}
