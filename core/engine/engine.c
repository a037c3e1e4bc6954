/* The engine's face; see engine.h. */
#include <stdio.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/engine_internal.h"
#include "core/engine/predictor.h"
#include "core/engine/trainer.h"

static turn_function *const turns[TURN_COUNT] = {
    [TURN_PREDICTING] = predictor_predicting_turn,
    [TURN_TRAINING] = trainer_turn,
    [TURN_ANSWERING] = predictor_answering_turn,
};

enum error_code engine_create(const struct engine_settings *settings, struct engine **result,
                              struct error *error) {
    struct engine *engine = memory_allocate_zero(1, sizeof *engine);
    if (engine == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the engine");
    }
    ledger_init(&engine->ledger, settings->memory_bytes_max);
    engine->queue_max = settings->queue_max;
    engine->keys_max = settings->keys_max;
    pthread_mutex_init(&engine->keys_lock, NULL);
    engine->started_at = clock_monotonic_seconds();
    atomic_init(&engine->closed, false);
    if (!backlog_init(&engine->backlog) || !registry_init(&engine->registry)) {
        memory_free(engine);
        return error_set(error, ERROR_INTERNAL, NULL, "the system makes no lock more");
    }
    enum error_code code = scheduler_start(&engine->scheduler, settings->workers, turns,
                                           &engine->ledger, &engine->backlog, error);
    if (code != ERROR_NONE) {
        goto no_scheduler;
    }
    code = writer_start(&engine->writer, &engine->scheduler, error);
    if (code != ERROR_NONE) {
        goto no_writer;
    }
    *result = engine;
    return ERROR_NONE;

no_writer:
    scheduler_stop(&engine->scheduler);
no_scheduler:
    registry_destroy(&engine->registry);
    backlog_destroy(&engine->backlog);
    pthread_mutex_destroy(&engine->keys_lock);
    memory_free(engine);
    return code;
}

void engine_close(struct engine *engine) {
    atomic_store_explicit(&engine->closed, true, memory_order_relaxed);
}

bool engine_is_closed(const struct engine *engine) {
    return atomic_load_explicit(&engine->closed, memory_order_relaxed);
}

#define MODELS_AT_ONCE 64
#define LAST_TURN_SECONDS 60 /* for batches that a worker is at when the time is over */

/* What waits at any model is dropped and completed.  Returns how many entries. */
static size_t drop_all(struct engine *engine) {
    size_t dropped = 0;
    struct model *models[MODELS_AT_ONCE];
    char after[MODEL_NAME_BYTES] = "";
    bool more = true;
    while (more) {
        const size_t count = registry_list(&engine->registry, after, MODELS_AT_ONCE, models, &more);
        for (size_t i = 0; i < count; i++) {
            dropped += model_delete(models[i]);
            snprintf(after, sizeof after, "%s", models[i]->name);
            model_release(models[i]);
        }
    }
    return dropped;
}

size_t engine_drain(struct engine *engine, double timeout_seconds) {
    if (backlog_wait(&engine->backlog, timeout_seconds) == 0) {
        return 0;
    }
    const size_t dropped = drop_all(engine);
    (void)backlog_wait(&engine->backlog, LAST_TURN_SECONDS); /* of what is in its turn */
    return dropped;
}

size_t engine_destroy(struct engine *engine) {
    writer_stop(&engine->writer);
    scheduler_stop(&engine->scheduler);
    local_predictors_destroy(engine);
    registry_destroy(&engine->registry);
    backlog_destroy(&engine->backlog);
    key_table_free(&engine->keys);
    pthread_mutex_destroy(&engine->keys_lock);
    const size_t left = ledger_reserved(&engine->ledger);
    memory_free(engine);
    return left;
}

struct ledger *engine_ledger(struct engine *engine) {
    return &engine->ledger;
}

enum error_code engine_check_open(const struct engine *engine, struct error *error) {
    return engine_is_closed(engine) ? error_set(error, ERROR_CLOSED, NULL, "mlpd is shutting down")
                                    : ERROR_NONE;
}

/* --- queries --------------------------------------------------------------------- */

enum error_code engine_ask(struct engine *engine, struct query *query,
                           struct completion *completion, struct error *error) {
    enum error_code code = engine_check_open(engine, error);
    if (code == ERROR_NONE) {
        code = model_ask(query->model, query, completion, error);
    }
    if (code == ERROR_NONE) {
        scheduler_list(&engine->scheduler, query->model,
                       query->prompt ? TURN_PREDICTING : TURN_ANSWERING);
    }
    return code;
}

/* --- looking ---------------------------------------------------------------------- */

struct engine_figures engine_look(struct engine *engine) {
    struct scheduler *scheduler = &engine->scheduler;
    const size_t idle = atomic_load_explicit(&scheduler->idle, memory_order_relaxed);
    return (struct engine_figures){
        .workers = scheduler->worker_count,
        .workers_busy = scheduler->worker_count - size_min(idle, scheduler->worker_count),
        .models = registry_count(&engine->registry),
        .backlog = backlog_count(&engine->backlog),
        .memory_bytes_max = engine->ledger.limit_bytes,
        .memory_bytes_reserved = ledger_reserved(&engine->ledger),
        .queue_max = engine->queue_max,
        .backlog_max = BACKLOG_MAX,
        .keys_max = engine->keys_max,
        .tiles_helped = atomic_load_explicit(&scheduler->tiles_helped, memory_order_relaxed),
        .uptime_seconds = clock_monotonic_seconds() - engine->started_at,
    };
}

struct statistics engine_statistics(struct engine *engine) {
    const struct shared_statistics *outcomes = &engine->backlog.outcomes;
    struct statistics all = {0};
    /* What is over was acknowledged before: in this order no sum is above it. */
    for (size_t i = 0; i < engine->scheduler.worker_count; i++) {
        statistics_collect(&engine->scheduler.workers[i].statistics, &all);
    }
    local_predictors_collect(engine, &all);
    all.cancelled = atomic_load_explicit(&outcomes->cancelled, memory_order_relaxed);
    all.dropped = atomic_load_explicit(&outcomes->dropped, memory_order_relaxed);
    all.acknowledged = atomic_load_explicit(&outcomes->acknowledged, memory_order_relaxed);
    return all;
}
