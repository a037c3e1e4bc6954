/* The engine from the inside, for the files that are its face: engine.c (life, queries,
 * figures), engine_models.c (models come and go), engine_queue.c (what decides their
 * weights is handed in), engine_states.c (their states are taken out and put back). */
#ifndef MLPD_CORE_ENGINE_ENGINE_INTERNAL_H
#define MLPD_CORE_ENGINE_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/engine/engine.h"
#include "core/engine/local_predictor.h"
#include "core/engine/quarantine.h"
#include "core/engine/recovery.h"
#include "core/engine/registry.h"
#include "core/engine/scheduler.h"
#include "core/engine/writer.h"

struct engine {
    struct ledger ledger;
    struct backlog backlog;
    struct registry registry;
    struct scheduler scheduler;
    struct writer writer;
    const struct specification_codec *codec;
    struct engine_reports reports;
    struct recovery recovery;
    struct quarantine quarantine;
    atomic_bool backing_up; /* one backup at a time */
    size_t queue_max;
    size_t keys_max;
    struct checkpoint_keeping checkpoints; /* fixed once the writer runs */
    pthread_mutex_t keys_lock;             /* before the registry's */
    struct key_table keys;                 /* of models that were created; guarded by keys_lock */
    /* Of the threads that compute small predictions themselves; added to, never taken
     * from before the end. */
    _Atomic(struct local_predictor *) local_predictors;
    double started_at;  /* monotonic seconds */
    atomic_bool closed; /* relaxed: a call that misses it by an instant is drained */
};

/* ERROR_CLOSED when the engine takes no new work. */
enum error_code engine_check_open(const struct engine *engine, struct error *error);

/* The scratch of workers that a network's predictions need, and the training of that batch, which
 * is the largest of its request. */
enum error_code engine_reserve_predicting(struct engine *engine, const struct network *network,
                                          struct error *error);
enum error_code engine_reserve_training(struct engine *engine, const struct entry *largest,
                                        struct error *error);

/* Hand in an admitted entry that was built on the settings `base`; where it has new ones they
 * are the newest from now on.  ERROR_STALE when `base` is not any more: then the entry is
 * counted out again. */
enum error_code engine_submit_on(struct engine *engine, struct entry *entry,
                                 const struct settings *base, struct error *error);

/* local_predictor.c: add their numbers to `all`; free them, when their threads are over. */
void local_predictors_collect(struct engine *engine, struct statistics *all);
void local_predictors_destroy(struct engine *engine);

#endif
