/* Closing gently after an early answer.
 *
 * A client that is still sending when its connection is closed gets a reset,
 * which can take the answer away before it is read.  So the server keeps a second
 * descriptor of such a connection for one second, or until the client closes, and
 * reads and drops what comes, up to 1 MiB.  What comes beyond stays unread, so that
 * a client of a huge body finds that it cannot go on sending, and looks at the
 * answer.  At most LINGER_MAX at a time; beyond that connections just close.
 *
 * linger_add may be called by any thread, linger_tick by one; the lock is inside. */
#ifndef MLPD_SERVER_LINGER_H
#define MLPD_SERVER_LINGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define LINGER_MAX 64
#define LINGER_BYTES ((size_t)1 << 20)
#define LINGER_SECONDS 1.0

struct linger_set {
    pthread_mutex_t lock; /* guards everything below; a leaf, held for short reads */
    size_t count;
    struct linger_entry {
        int fd; /* ours: a duplicate */
        size_t bytes_left;
        double deadline; /* of the monotonic clock, seconds */
    } entries[LINGER_MAX];
};

void linger_init(struct linger_set *linger);

/* Duplicate `fd`, whose owner is about to close it.  `reads`: what comes may end within
 * 1 MiB; else nothing is read at all. */
void linger_add(struct linger_set *linger, int fd, bool reads, double now);

/* Read and drop, close what is over; false when none is left. */
bool linger_tick(struct linger_set *linger, double now);

/* Close all. */
void linger_free(struct linger_set *linger);

#endif
