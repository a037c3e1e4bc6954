/* The backlog: how many entries (entry.h) are submitted and not finished, all
 * models together.  It is bounded, and shutting down waits for it to become
 * zero. */
#ifndef MLPD_CORE_ENGINE_BACKLOG_H
#define MLPD_CORE_ENGINE_BACKLOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/engine/statistics.h"

/* Of all models together; one model's queue has a bound of its own. */
#define BACKLOG_MAX 100000

struct backlog {
    pthread_mutex_t lock; /* a leaf: no other lock is taken under it */
    pthread_cond_t empty;
    size_t entries;                    /* guarded by lock */
    struct shared_statistics outcomes; /* of entries that no worker has done; any thread */
};

/* False when the system has no room for a lock. */
bool backlog_init(struct backlog *backlog);
void backlog_destroy(struct backlog *backlog);

/* Count entries in, all or none.  ERROR_FULL, with *retry_after_seconds, at the
 * bound. */
enum error_code backlog_add(struct backlog *backlog, size_t count, double *retry_after_seconds,
                            struct error *error);
/* Count an entry of mlpd's own in, whatever the bound. */
void backlog_put(struct backlog *backlog);
void backlog_remove(struct backlog *backlog, size_t count);

size_t backlog_count(struct backlog *backlog);

/* Wait until it is empty, or the time is over; returns what is left. */
size_t backlog_wait(struct backlog *backlog, double timeout_seconds);

#endif
