/* The writer: one thread that gives the entries of all models their places.
 *
 * What is submitted is numbered here (a place in its model's log, a batch its number), stored,
 * queued, and only then acknowledged.  Because number, commit and queue order are made by one
 * thread, nothing ever has to be withdrawn.  What has been submitted while a group was stored is
 * the next group.  Without a store the same happens, and nothing is written.
 *
 * The store belongs to this thread.  What takes longer than a commit is a task, which does one
 * bounded step between two groups. */
#ifndef MLPD_CORE_ENGINE_WRITER_H
#define MLPD_CORE_ENGINE_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/engine/entry.h"
#include "core/engine/group.h"
#include "core/engine/scheduler.h"
#include "core/engine/snapshot.h"
#include "core/engine/specification_codec.h"
#include "core/store/store.h"

struct writer;

/* Belongs to whoever adds it, from then on to the writer's thread, until `step` says that it was
 * the last one. */
struct writer_task {
    /* A bounded piece of work; false: it is over (and the task may be freed). */
    bool (*step)(struct writer_task *task, struct writer *writer);
    struct writer_task *next;
};

struct writer_settings {
    struct scheduler *scheduler;
    struct store *store; /* or NULL: models are in memory only */
    const struct specification_codec *codec;
    size_t keys_max; /* a model */
    /* The store failed, in a sentence: ends the process, and does not return. */
    void (*fatal)(const char *message);
};

/* Of the store, as it was within the last second; relaxed: for those who look. */
struct writer_figures {
    atomic_uint_fast64_t bytes, bytes_unsynced, commits, syncs;
    atomic_uint_fast64_t snapshots; /* that were stored */
    atomic_uint_fast64_t refused;   /* entries for which there was no room */
};

struct writer {
    struct writer_settings settings;
    pthread_mutex_t lock; /* a leaf: no other lock is taken under it */
    pthread_cond_t submitted;
    struct entry_queue entries;             /* guarded by lock */
    struct writer_task *task, *newest_task; /* guarded by lock: to be done, in turn */
    bool stop;                              /* guarded by lock */
    pthread_t thread;
    struct writer_figures figures;

    /* The thread's own. */
    struct group *group;
    struct snapshots snapshots;
    struct entry_queue deletions; /* for which there was no room */
    double ticked_at;             /* monotonic seconds */
    bool untidy;                  /* the store may have something to tidy */
    bool finished;                /* no state is left to be stored */
};

/* `first` (or NULL) is the first task, done before any entry is taken. */
enum error_code writer_start(struct writer *writer, const struct writer_settings *settings,
                             struct writer_task *first, struct error *error);

/* Store and acknowledge what was submitted, do the tasks to their end, join the thread. */
void writer_stop(struct writer *writer);

/* Hand in admitted entries (queue_admit), which get places behind each other;
 * `acknowledged` of each is called once it has its own. */
void writer_submit(struct writer *writer, struct entry *const *entries, size_t count);

/* After writer_stop and the end of the workers: do what they handed in since. */
void writer_finish_tasks(struct writer *writer);

/* Any thread. */
void writer_add_task(struct writer *writer, struct writer_task *task);

/* The writer's thread: commit for a task.  Ends the process where the store is beyond use; waits
 * while it cannot be reached.  STORE_OK, STORE_FULL, STORE_TAKEN, STORE_FENCED. */
enum store_result writer_commit(struct writer *writer, const struct store_change *changes,
                                size_t count, struct error *error);

#endif
