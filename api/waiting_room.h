/* The waiting room: how many connections may be held open by calls that wait for time to
 * pass, in all.
 *
 * A call that waits because its client asked for it (Prefer: wait, wait=, wait_step,
 * min_step) or that streams events needs a seat for as long; --max-waiting says how many
 * there are, so that the patient cannot take all connections.  What merely waits for a
 * worker needs none.  Any thread; nobody queues for a seat. */
#ifndef MLPD_API_WAITING_ROOM_H
#define MLPD_API_WAITING_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct waiting_room {
    size_t seats;        /* fixed before other threads see it */
    atomic_size_t taken; /* relaxed: a count that orders nothing else */
};

static inline void waiting_room_init(struct waiting_room *room, size_t seats) {
    room->seats = seats;
    atomic_init(&room->taken, 0);
}

/* False: there is none. */
static inline bool waiting_room_enter(struct waiting_room *room) {
    size_t taken = atomic_load_explicit(&room->taken, memory_order_relaxed);
    while (taken < room->seats) {
        if (atomic_compare_exchange_weak_explicit(&room->taken, &taken, taken + 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static inline void waiting_room_leave(struct waiting_room *room) {
    atomic_fetch_sub_explicit(&room->taken, 1, memory_order_relaxed);
}

static inline size_t waiting_room_taken(const struct waiting_room *room) {
    return atomic_load_explicit(&room->taken, memory_order_relaxed);
}

#endif
