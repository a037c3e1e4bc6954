/* The engine's face; see engine.h. */
#include "core/engine/engine.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/predictor.h"
#include "core/engine/registry.h"
#include "core/engine/scheduler.h"
#include "core/engine/trainer.h"
#include "core/engine/writer.h"
#include "core/maths/pass.h"

struct engine {
    struct ledger ledger;
    struct backlog backlog;
    struct registry registry;
    struct scheduler scheduler;
    struct writer writer;
    size_t queue_max;
    double started_at;  /* monotonic seconds */
    atomic_bool closed; /* relaxed: a call that misses it by an instant is drained */
};

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
    registry_destroy(&engine->registry);
    backlog_destroy(&engine->backlog);
    const size_t left = ledger_reserved(&engine->ledger);
    memory_free(engine);
    return left;
}

struct ledger *engine_ledger(struct engine *engine) {
    return &engine->ledger;
}

/* --- models -------------------------------------------------------------------- */

static enum error_code check_open(const struct engine *engine, struct error *error) {
    return engine_is_closed(engine) ? error_set(error, ERROR_CLOSED, NULL, "mlpd is shutting down")
                                    : ERROR_NONE;
}

static enum error_code reserve_predicting(struct engine *engine, const struct network *network,
                                          struct error *error) {
    const size_t bytes = predictor_scratch_bytes(network);
    const enum error_code code =
        scheduler_reserve_scratch(&engine->scheduler, TURN_PREDICTING, bytes, error);
    return code != ERROR_NONE
               ? code
               : scheduler_reserve_scratch(&engine->scheduler, TURN_ANSWERING, bytes, error);
}

enum error_code engine_create_model(struct engine *engine, const char *name,
                                    struct specification *specification,
                                    struct completion *completion, struct model **result,
                                    struct error *error) {
    struct model *model;
    struct query *query = NULL;
    enum error_code code = check_open(engine, error);
    if (code == ERROR_NONE) {
        code = model_create(name, specification, &engine->ledger, &engine->backlog,
                            engine->queue_max, &model, error);
    }
    if (code != ERROR_NONE) {
        specification_free(specification);
        return code;
    }
    code = reserve_predicting(engine, &model->network, error);
    if (code == ERROR_NONE) {
        code = query_create(model, QUERY_INITIALIZATION, NULL, NULL, &query, error);
    }
    if (code == ERROR_NONE) {
        code = registry_add(&engine->registry, model, error);
    }
    if (code == ERROR_NONE) {
        code = engine_ask(engine, query, completion, error);
        if (code != ERROR_NONE) {
            registry_remove(model);
        }
    }
    if (query != NULL) {
        query_release(query);
    }
    if (code != ERROR_NONE) {
        model_release(model);
        return code;
    }
    *result = model;
    return ERROR_NONE;
}

enum error_code engine_find_model(struct engine *engine, const char *name, struct model **model,
                                  struct error *error) {
    return registry_find(&engine->registry, name, model, error);
}

size_t engine_list_models(struct engine *engine, const char *after, size_t limit,
                          struct model **models, bool *more) {
    return registry_list(&engine->registry, after, limit, models, more);
}

size_t engine_model_bytes(const struct specification *specification) {
    struct network network;
    struct network_layer layers[LAYERS_MAX];
    network_layout(&network, specification, layers);
    return model_bytes_needed(specification, &network);
}

/* The copy, registered but not to be found yet, and the entry that fills it. */
static enum error_code prepare_clone(struct engine *engine, struct model *model, const char *name,
                                     struct entry *entry, struct error *error) {
    struct specification specification;
    enum error_code code = specification_copy(&specification, &model->specification,
                                              &entry->settings->specification, error);
    if (code != ERROR_NONE) {
        return code;
    }
    code = model_create(name, &specification, &engine->ledger, &engine->backlog, engine->queue_max,
                        &entry->target, error);
    if (code == ERROR_NONE) {
        code = registry_add(&engine->registry, entry->target, error);
    }
    specification_free(&specification); /* empty where the copy has taken it over */
    return code;
}

enum error_code engine_clone_model(struct engine *engine, struct model *model, const char *name,
                                   struct completion *acknowledged, struct entry **result,
                                   double *retry_after_seconds, struct error *error) {
    enum error_code code = check_open(engine, error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct entry *entry = entry_create(model, ENTRY_CLONE);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a copy");
    }
    entry->settings = model_settings(model);
    entry->acknowledged = acknowledged;
    code = prepare_clone(engine, model, name, entry, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, 1, retry_after_seconds, error);
        if (code == ERROR_NONE) {
            writer_submit(&engine->writer, &entry, 1);
        } else {
            registry_remove(entry->target);
        }
    }
    if (code != ERROR_NONE) {
        entry_release(entry);
        return code;
    }
    *result = entry;
    return ERROR_NONE;
}

enum error_code engine_delete_model(struct engine *engine, struct model *model,
                                    struct error *error) {
    (void)engine;
    if (!registry_remove(model)) {
        return model_gone(model, error);
    }
    model_delete(model);
    return ERROR_NONE;
}

/* --- the queue ----------------------------------------------------------------- */

/* The first batch of a request is its largest; the last may be short. */
static enum error_code reserve_training(struct engine *engine, const struct entry *largest,
                                        struct error *error) {
    const size_t bytes = pass_scratch_bytes(&largest->model->network, largest->example_count);
    return scheduler_reserve_scratch(&engine->scheduler, TURN_TRAINING, bytes, error);
}

enum error_code engine_submit_batches(struct engine *engine, struct entry *const *batches,
                                      size_t count, struct completion *acknowledged,
                                      double *retry_after_seconds, struct error *error) {
    enum error_code code = check_open(engine, error);
    if (code == ERROR_NONE) {
        code = queue_admit(batches[0]->model, count, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        /* Only now: scratch stays while the backlog is not empty. */
        code = reserve_training(engine, batches[0], error);
        if (code != ERROR_NONE) {
            queue_withdraw(batches[0]->model, count);
        }
    }
    if (code == ERROR_NONE) {
        batches[count - 1]->acknowledged = acknowledged;
        writer_submit(&engine->writer, batches, count);
    }
    return code;
}

/* Changed settings may need a slot that the former did not: sgd with a momentum
 * from now on. */
static enum error_code add_slot(struct entry *entry, const struct specification *former,
                                struct error *error) {
    const struct optimizer_function *optimizer = &optimizer_functions[former->optimizer.optimizer];
    const struct optimizer_settings *changed = &entry->settings->specification.optimizer;
    if (optimizer->slots(changed) <= optimizer->slots(&former->optimizer)) {
        return ERROR_NONE;
    }
    struct model *model = entry->model;
    const size_t floats = model->network.parameter_floats;
    const enum error_code code =
        ledger_reserve(model->ledger, floats * sizeof(float), "the optimizer's state", error);
    if (code != ERROR_NONE) {
        return code;
    }
    entry->first_bytes = floats * sizeof(float);
    entry->first = memory_allocate(floats, sizeof(float)); /* cleared in its turn */
    return entry->first != NULL
               ? ERROR_NONE
               : error_set(error, ERROR_MEMORY, NULL, "no memory for the optimizer's state");
}

/* The newest settings change and their entry enters the writer's queue in one
 * step, so that the order of revisions is the order of entries. */
static enum error_code submit_settings(struct engine *engine, struct entry *entry,
                                       const struct settings *base, struct error *error) {
    struct model *model = entry->model;
    pthread_mutex_lock(&model->lock);
    const bool newest = model->settings == base;
    struct settings *former = newest ? model->settings : NULL;
    if (newest) {
        model->settings = settings_reference(entry->settings);
        writer_submit(&engine->writer, &entry, 1);
    }
    pthread_mutex_unlock(&model->lock);
    settings_release(former);
    if (!newest) {
        queue_withdraw(model, 1);
    }
    return newest ? ERROR_NONE
                  : error_set(error, ERROR_EXISTS, NULL,
                              "the settings were changed by someone else in this instant");
}

enum error_code engine_change_settings(struct engine *engine, struct model *model,
                                       enum entry_kind kind, const struct settings *base,
                                       struct specification *specification,
                                       struct completion *acknowledged, struct entry **result,
                                       double *retry_after_seconds, struct error *error) {
    enum error_code code = check_open(engine, error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct entry *entry = entry_create(model, kind);
    struct settings *settings =
        entry != NULL ? settings_create(specification, base->revision + 1) : NULL;
    if (settings == NULL) {
        if (entry != NULL) {
            entry_release(entry);
        }
        return error_set(error, ERROR_MEMORY, NULL, "no memory for changed settings");
    }
    entry->settings = settings;
    entry->acknowledged = acknowledged;
    code = add_slot(entry, &base->specification, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, 1, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        code = submit_settings(engine, entry, base, error);
    }
    if (code != ERROR_NONE) {
        settings->specification.class_weights = NULL; /* the caller's again */
        entry_release(entry);
        return code;
    }
    specification->class_weights = NULL;
    *result = entry;
    return ERROR_NONE;
}

/* --- queries --------------------------------------------------------------------- */

enum error_code engine_ask(struct engine *engine, struct query *query,
                           struct completion *completion, struct error *error) {
    enum error_code code = check_open(engine, error);
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
    return (struct engine_figures){
        .workers = engine->scheduler.worker_count,
        .models = registry_count(&engine->registry),
        .backlog = backlog_count(&engine->backlog),
        .memory_bytes_max = engine->ledger.limit_bytes,
        .memory_bytes_reserved = ledger_reserved(&engine->ledger),
        .queue_max = engine->queue_max,
        .backlog_max = BACKLOG_MAX,
        .tiles_helped = atomic_load_explicit(&engine->scheduler.tiles_helped, memory_order_relaxed),
        .uptime_seconds = clock_monotonic_seconds() - engine->started_at,
    };
}
