/* The engine from the inside, for the files that are its face: engine.c (life, queries,
 * figures), engine_models.c (models come and go), engine_queue.c (what decides their
 * weights is handed in). */
#ifndef MLPD_CORE_ENGINE_ENGINE_INTERNAL_H
#define MLPD_CORE_ENGINE_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/engine/engine.h"
#include "core/engine/registry.h"
#include "core/engine/scheduler.h"
#include "core/engine/writer.h"

struct engine {
    struct ledger ledger;
    struct backlog backlog;
    struct registry registry;
    struct scheduler scheduler;
    struct writer writer;
    size_t queue_max;
    size_t keys_max;
    pthread_mutex_t keys_lock; /* before the registry's */
    struct key_table keys;     /* of models that were created; guarded by keys_lock */
    double started_at;         /* monotonic seconds */
    atomic_bool closed;        /* relaxed: a call that misses it by an instant is drained */
};

/* ERROR_CLOSED when the engine takes no new work. */
enum error_code engine_check_open(const struct engine *engine, struct error *error);

#endif
