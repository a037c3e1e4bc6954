/* The engine's face; see engine.h. */
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/engine_internal.h"
#include "core/engine/predictor.h"
#include "core/engine/trainer.h"
#include "core/maths/numerics.h"

static turn_function *const turns[TURN_COUNT] = {
    [TURN_PREDICTING] = predictor_predicting_turn,
    [TURN_TRAINING] = trainer_turn,
    [TURN_ANSWERING] = predictor_answering_turn,
};

#define FINGERPRINT_NOTE "numerics fingerprint"

/* The same batches must give the same weights as they would have without the restart. */
static enum error_code check_fingerprint(const struct engine_settings *settings,
                                         struct error *error) {
    char stored[NUMERICS_FINGERPRINT_BYTES];
    const char *own = numerics_fingerprint();
    if (store_read_note(settings->store, FINGERPRINT_NOTE, stored, sizeof stored, error) !=
        STORE_OK) {
        return ERROR_INTERNAL;
    }
    if (strcmp(stored, own) == 0) {
        return ERROR_NONE;
    }
    if (stored[0] != '\0' && !settings->accept_numerics_change) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the data were written with the numerics fingerprint %s, and this process "
                         "has %s: another CPU, OpenBLAS or mlpd, which may train to other bits; "
                         "start once with --accept-numerics-change to go on all the same",
                         stored, own);
    }
    return store_write_note(settings->store, FINGERPRINT_NOTE, own, error) == STORE_OK
               ? ERROR_NONE
               : ERROR_INTERNAL;
}

static enum error_code start_writer(struct engine *engine, const struct engine_settings *settings,
                                    struct error *error) {
    const struct writer_settings writer = {.scheduler = &engine->scheduler,
                                           .store = settings->store,
                                           .codec = settings->codec,
                                           .keys_max = settings->keys_max,
                                           .fatal = settings->reports.fatal};
    return writer_start(&engine->writer, &writer,
                        engine_is_recovering(engine) ? &engine->recovery.task : NULL, error);
}

enum error_code engine_create(const struct engine_settings *settings, struct engine **result,
                              struct error *error) {
    struct engine *engine = memory_allocate_zero(1, sizeof *engine);
    if (engine == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the engine");
    }
    ledger_init(&engine->ledger, settings->memory_bytes_max);
    engine->queue_max = settings->queue_max;
    engine->keys_max = settings->keys_max;
    engine->checkpoints.limits = settings->checkpoints;
    engine->checkpoints.writer = settings->store != NULL ? &engine->writer : NULL;
    pthread_mutex_init(&engine->keys_lock, NULL);
    engine->started_at = clock_monotonic_seconds();
    atomic_init(&engine->closed, false);
    engine->codec = settings->codec;
    engine->reports = settings->reports;
    if (!backlog_init(&engine->backlog) || !registry_init(&engine->registry) ||
        !quarantine_init(&engine->quarantine)) {
        memory_free(engine);
        return error_set(error, ERROR_INTERNAL, NULL, "the system makes no lock more");
    }
    enum error_code code =
        settings->store != NULL ? check_fingerprint(settings, error) : ERROR_NONE;
    if (code == ERROR_NONE) {
        code = recovery_begin(&engine->recovery, engine, settings->store, error);
    }
    if (code != ERROR_NONE) {
        goto no_scheduler;
    }
    code = scheduler_start(&engine->scheduler, settings->workers, turns, &engine->ledger,
                           &engine->backlog, error);
    if (code != ERROR_NONE) {
        goto no_scheduler;
    }
    code = start_writer(engine, settings, error);
    if (code != ERROR_NONE) {
        goto no_writer;
    }
    *result = engine;
    return ERROR_NONE;

no_writer:
    scheduler_stop(&engine->scheduler);
no_scheduler:
    recovery_end(&engine->recovery);
    key_table_free(&engine->keys);
    registry_destroy(&engine->registry);
    quarantine_destroy(&engine->quarantine);
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
    writer_finish_tasks(&engine->writer);
    recovery_end(&engine->recovery);
    local_predictors_destroy(engine);
    registry_destroy(&engine->registry);
    quarantine_destroy(&engine->quarantine);
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
    if (engine_is_closed(engine)) {
        return error_set(error, ERROR_CLOSED, NULL, "mlpd is shutting down");
    }
    return engine_is_recovering(engine)
               ? error_set(error, ERROR_CLOSED, NULL, "mlpd is recovering what was stored")
               : ERROR_NONE;
}

bool engine_is_recovering(const struct engine *engine) {
    return atomic_load_explicit(&engine->recovery.under_way, memory_order_acquire);
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
        .checkpoints = engine->checkpoints.limits,
        .models_found = atomic_load_explicit(&engine->recovery.models_found, memory_order_relaxed),
        .models_read = atomic_load_explicit(&engine->recovery.models_read, memory_order_relaxed),
        .models_damaged = quarantine_count(&engine->quarantine),
        .tiles_helped = atomic_load_explicit(&scheduler->tiles_helped, memory_order_relaxed),
        .uptime_seconds = clock_monotonic_seconds() - engine->started_at,
    };
}

static uint64_t look(const atomic_uint_fast64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

bool engine_look_at_store(struct engine *engine, struct engine_store_figures *figures) {
    const struct writer_figures *found = &engine->writer.figures;
    *figures = (struct engine_store_figures){
        .bytes = look(&found->bytes),
        .bytes_unsynced = look(&found->bytes_unsynced),
        .commits = look(&found->commits),
        .syncs = look(&found->syncs),
        .snapshots = look(&found->snapshots),
        .refused = look(&found->refused),
    };
    return engine->writer.settings.store != NULL;
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
    for (size_t i = 0; i < CHECKPOINT_KINDS; i++) {
        all.checkpoints[i] = atomic_load_explicit(&outcomes->checkpoints[i], memory_order_relaxed);
    }
    all.checkpoints_skipped =
        atomic_load_explicit(&outcomes->checkpoints_skipped, memory_order_relaxed);
    all.acknowledged = atomic_load_explicit(&outcomes->acknowledged, memory_order_relaxed);
    return all;
}
