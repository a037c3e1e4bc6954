/* The writer: one thread that gives the entries of all models their places.
 *
 * A submitted entry gets its place here (a batch its number), is then durable (mlpd keeps models in
 * memory only for now, so nothing is written), is queued, and only then is its
 * acknowledgement completed.  Because number, commit and queue order are made by
 * one thread, nothing ever has to be withdrawn.  What has been submitted while a
 * group was written is the next group. */
#ifndef MLPD_CORE_ENGINE_WRITER_H
#define MLPD_CORE_ENGINE_WRITER_H

#include <pthread.h>
#include <stdbool.h>

#include "core/engine/entry.h"
#include "core/engine/scheduler.h"

struct writer {
    pthread_mutex_t lock; /* a leaf: no other lock is taken under it */
    pthread_cond_t submitted;
    struct entry_queue entries; /* guarded by lock */
    bool stop;                  /* guarded by lock */
    struct scheduler *scheduler;
    pthread_t thread;
};

enum error_code writer_start(struct writer *writer, struct scheduler *scheduler,
                             struct error *error);

/* Acknowledge what was submitted, then join the thread. */
void writer_stop(struct writer *writer);

/* Hand in admitted entries (queue_admit), which get places behind each other;
 * `acknowledged` of each is called once it has its own. */
void writer_submit(struct writer *writer, struct entry *const *entries, size_t count);

#endif
