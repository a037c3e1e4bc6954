/* The backlog; see backlog.h. */
#include "core/engine/backlog.h"

#include <errno.h>
#include <math.h>

#include "core/engine/clock.h"

bool backlog_init(struct backlog *backlog) {
    pthread_condattr_t attributes;
    backlog->entries = 0;
    backlog->outcomes = (struct shared_statistics){0};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    const bool made = pthread_mutex_init(&backlog->lock, NULL) == 0 &&
                      pthread_cond_init(&backlog->empty, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

void backlog_destroy(struct backlog *backlog) {
    pthread_cond_destroy(&backlog->empty);
    pthread_mutex_destroy(&backlog->lock);
}

enum error_code backlog_add(struct backlog *backlog, size_t count, double *retry_after_seconds,
                            struct error *error) {
    pthread_mutex_lock(&backlog->lock);
    const bool full = backlog->entries + count > BACKLOG_MAX;
    backlog->entries += full ? 0 : count;
    pthread_mutex_unlock(&backlog->lock);
    if (!full) {
        return ERROR_NONE;
    }
    *retry_after_seconds = 1;
    return error_set(error, ERROR_FULL, NULL, "%d requests of all models wait already",
                     BACKLOG_MAX);
}

void backlog_put(struct backlog *backlog) {
    pthread_mutex_lock(&backlog->lock);
    backlog->entries++;
    pthread_mutex_unlock(&backlog->lock);
}

void backlog_remove(struct backlog *backlog, size_t count) {
    pthread_mutex_lock(&backlog->lock);
    backlog->entries -= count;
    if (backlog->entries == 0) {
        pthread_cond_broadcast(&backlog->empty);
    }
    pthread_mutex_unlock(&backlog->lock);
}

size_t backlog_wait(struct backlog *backlog, double timeout_seconds) {
    const double deadline = clock_monotonic_seconds() + timeout_seconds;
    const struct timespec until = {.tv_sec = (time_t)floor(deadline),
                                   .tv_nsec = (long)((deadline - floor(deadline)) * 1e9)};
    pthread_mutex_lock(&backlog->lock);
    int waited = 0;
    while (backlog->entries > 0 && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&backlog->empty, &backlog->lock, &until);
    }
    const size_t left = backlog->entries;
    pthread_mutex_unlock(&backlog->lock);
    return left;
}

size_t backlog_count(struct backlog *backlog) {
    pthread_mutex_lock(&backlog->lock);
    const size_t entries = backlog->entries;
    pthread_mutex_unlock(&backlog->lock);
    return entries;
}
