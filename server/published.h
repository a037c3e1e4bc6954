/* A value that is read all the time and replaced now and then, without a lock.
 *
 * Readers never wait: they mark the slot that is current, and look again whether it
 * still is.  The one writer puts the new value into the other slot, makes that one
 * current, and waits until the readers of the old one have gone; so they must hold it
 * for short.  All atomics are sequentially consistent: a reader marks, then looks at
 * `current`; the writer changes `current`, then looks at the marks; one of them sees
 * the other. */
#ifndef MLPD_SERVER_PUBLISHED_H
#define MLPD_SERVER_PUBLISHED_H

#include <stdatomic.h>

struct published {
    atomic_uint current; /* of the two slots */
    struct published_slot {
        atomic_uint readers;
        void *value; /* written by the writer while the slot is not current and has no
                      * readers; read while it is current, or was when it was marked */
    } slots[2];
};

/* Before other threads see it. */
void published_init(struct published *published, void *value);

/* Any thread.  The value stays until published_release of the same slot. */
const void *published_acquire(struct published *published, unsigned *slot);
void published_release(struct published *published, unsigned slot);

/* One thread.  Returns the value before, which nobody reads any more. */
void *published_replace(struct published *published, void *value);

#endif
