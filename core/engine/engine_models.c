/* Models come and go: the engine's face for them; see engine.h. */
#include <stdio.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/creation.h"
#include "core/engine/engine_internal.h"
#include "core/engine/predictor.h"
#include "core/engine/state.h"

enum error_code engine_reserve_predicting(struct engine *engine, const struct network *network,
                                          struct error *error) {
    const size_t bytes = predictor_scratch_bytes(network);
    const enum error_code code =
        scheduler_reserve_scratch(&engine->scheduler, TURN_PREDICTING, bytes, error);
    return code != ERROR_NONE
               ? code
               : scheduler_reserve_scratch(&engine->scheduler, TURN_ANSWERING, bytes, error);
}

/* --- the keys of created models ---- */

/* Whether the request is a repeat; with `keys_lock` held. */
static enum error_code find_former(struct engine *engine, const struct key_record *record,
                                   struct key_record **former, struct error *error) {
    *former = NULL;
    return record == NULL
               ? ERROR_NONE
               : key_table_find(&engine->keys, record, clock_monotonic_seconds(), former, error);
}

static enum error_code look_for_former(struct engine *engine, const struct key_record *record,
                                       struct key_record **former, struct error *error) {
    *former = NULL;
    if (record == NULL) {
        return ERROR_NONE;
    }
    pthread_mutex_lock(&engine->keys_lock);
    const enum error_code code = find_former(engine, record, former, error);
    pthread_mutex_unlock(&engine->keys_lock);
    return code;
}

/* The name and the key are taken in one step: a repeat never meets its own name. */
static enum error_code register_model(struct engine *engine, struct model *model,
                                      struct key_record *record, struct key_record **former,
                                      struct error *error) {
    model->checkpoints.keeping = &engine->checkpoints;
    pthread_mutex_lock(&engine->keys_lock);
    enum error_code code = find_former(engine, record, former, error);
    if (code == ERROR_NONE && *former == NULL) {
        code = registry_add(&engine->registry, model, error);
        if (code == ERROR_NONE && record != NULL) {
            snprintf(record->model_id, sizeof record->model_id, "%s", model->id);
            code = key_table_add(&engine->keys, record, engine->keys_max, clock_monotonic_seconds(),
                                 error);
            if (code != ERROR_NONE) {
                registry_remove(model);
            }
        }
    }
    pthread_mutex_unlock(&engine->keys_lock);
    return code;
}

/* All that making the model needs, so that it cannot fail for want of memory. */
static enum error_code prepare_creation(struct engine *engine, struct model *model,
                                        struct key_record *record, struct creation **creation,
                                        struct error *error) {
    struct query *query;
    enum error_code code = engine_reserve_predicting(engine, &model->network, error);
    if (code == ERROR_NONE) {
        code = query_create(model, QUERY_INITIALIZATION, NULL, NULL, &query, error);
    }
    if (code == ERROR_NONE) {
        code = creation_create(query, record, &engine->writer, creation, error);
        query_release(query);
    }
    return code;
}

/* The model that the first request made, once it can be found. */
static enum error_code await_former(struct engine *engine, const char *name,
                                    const struct key_record *former, struct completion *completion,
                                    struct model **result, struct error *error) {
    struct model *model = registry_find_id(&engine->registry, name, former->model_id);
    if (model == NULL) {
        return error_set(error, ERROR_GONE, NULL,
                         "the model %s that this Idempotency-Key made was deleted", name);
    }
    struct waiter *waiter = waiter_create(WAIT_FOR_MODEL, 0, NULL);
    if (waiter == NULL) {
        model_release(model);
        return error_set(error, ERROR_MEMORY, NULL, "no memory to wait for a model");
    }
    *result = model;
    if (!waiter_start(model, waiter, completion)) {
        completion_call(completion);
    }
    waiter_release(waiter);
    return ERROR_NONE;
}

/* A new model, or what it repeats in `*former`. */
static enum error_code make_model(struct engine *engine, const char *name,
                                  struct specification *specification, struct state *initial,
                                  struct key_record *record, struct completion *completion,
                                  struct model **result, struct key_record **former,
                                  struct error *error) {
    struct model *model;
    struct creation *creation = NULL;
    enum error_code code = engine_check_open(engine, error);
    if (code == ERROR_NONE) {
        code = quarantine_check(&engine->quarantine, name, error);
    }
    if (code == ERROR_NONE) {
        code = model_create(name, specification, &engine->ledger, &engine->backlog,
                            engine->queue_max, &model, error);
    }
    if (code != ERROR_NONE) {
        return code;
    }
    if (initial != NULL) {
        model->initial = state_reference(initial);
        code = state_check(initial, &model->network, error);
    }
    if (code == ERROR_NONE) {
        code = prepare_creation(engine, model, record, &creation, error);
    }
    if (code == ERROR_NONE) {
        code = register_model(engine, model, record, former, error);
    }
    if (code == ERROR_NONE && *former == NULL) {
        *result = model_reference(model); /* before `completion` can come */
        creation_begin(creation, completion);
        creation = NULL;
    }
    creation_free(creation);
    model_release(model);
    return code;
}

enum error_code engine_create_model(struct engine *engine, const char *name,
                                    struct specification *specification, struct state *initial,
                                    struct key_record *record, struct completion *completion,
                                    struct model **model, bool *repeated, struct error *error) {
    struct key_record *former;
    *model = NULL;
    enum error_code code = look_for_former(engine, record, &former, error);
    if (code == ERROR_NONE && former == NULL) {
        code = make_model(engine, name, specification, initial, record, completion, model, &former,
                          error);
    }
    *repeated = code == ERROR_NONE && former != NULL;
    if (*repeated) {
        code = await_former(engine, name, former, completion, model, error);
    }
    key_record_release(former);
    specification_free(specification); /* empty where the model has taken it over */
    return code;
}

enum error_code engine_find_model(struct engine *engine, const char *name, struct model **model,
                                  struct error *error) {
    const enum error_code code = registry_find(&engine->registry, name, model, error);
    return code == ERROR_NOT_FOUND && quarantine_count(&engine->quarantine) > 0 &&
                   quarantine_check(&engine->quarantine, name, error) != ERROR_NONE
               ? ERROR_DAMAGED
               : code;
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
        entry->target->checkpoints.keeping = &engine->checkpoints;
        code = prepare_creation(engine, entry->target, NULL, &entry->creation, error);
    }
    if (code == ERROR_NONE) {
        code = entry_prepare_take(entry, entry->settings, error);
    }
    if (code == ERROR_NONE) {
        code = registry_add(&engine->registry, entry->target, error);
    }
    specification_free(&specification); /* empty where the copy has taken it over */
    return code;
}

enum error_code engine_clone_model(struct engine *engine, struct model *model, const char *name,
                                   uint64_t revision, struct completion *acknowledged,
                                   struct entry **result, double *retry_after_seconds,
                                   struct error *error) {
    enum error_code code = engine_check_open(engine, error);
    if (code == ERROR_NONE) {
        code = quarantine_check(&engine->quarantine, name, error);
    }
    if (code != ERROR_NONE) {
        return code;
    }
    struct entry *entry = entry_create(model, ENTRY_CLONE);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a copy");
    }
    entry->settings = model_settings(model);
    entry->acknowledged = acknowledged;
    if (revision != 0 && entry->settings->revision != revision) {
        code = error_set(error, ERROR_STALE, NULL, "the settings of %s were changed", model->name);
    }
    if (code == ERROR_NONE) {
        code = prepare_clone(engine, model, name, entry, error);
    }
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

enum error_code engine_delete_model(struct engine *engine, struct model *model, uint64_t revision,
                                    struct completion *stored, struct entry **result,
                                    struct error *error) {
    struct entry *ticket = entry_create(model, ENTRY_DELETION);
    if (ticket == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to delete a model");
    }
    const enum error_code code = model_retire(model, revision, error);
    if (code != ERROR_NONE) {
        entry_release(ticket);
        return code;
    }
    if (result != NULL) {
        *result = entry_reference(ticket);
    }
    ticket->acknowledged = stored;
    /* Before its name is free: another of that name comes behind it. */
    writer_submit(&engine->writer, &ticket, 1);
    entry_release(ticket);
    registry_remove(model);
    model_delete(model);
    return ERROR_NONE;
}

/* --- damaged models ---- */

struct removal {
    struct writer_task task;
    char id[STORE_ID_BYTES];
    struct completion *stored;
    enum error_code *refusal;
};

static bool remove_damaged(struct writer_task *task, struct writer *writer) {
    struct removal *removal = (struct removal *)task;
    const struct store_change change = {.kind = STORE_REMOVE_MODEL, .model = removal->id};
    struct error error;
    *removal->refusal =
        writer_commit(writer, &change, 1, &error) == STORE_OK ? ERROR_NONE : ERROR_STORAGE;
    completion_call(removal->stored);
    memory_free(removal);
    return false;
}

enum error_code engine_delete_damaged(struct engine *engine, const char *name,
                                      struct completion *stored, enum error_code *refusal,
                                      struct error *error) {
    struct removal *removal = memory_allocate_zero(1, sizeof *removal);
    if (removal == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to delete a model");
    }
    if (!quarantine_take(&engine->quarantine, name, removal->id)) {
        memory_free(removal);
        return error_set(error, ERROR_NOT_FOUND, NULL, "there is no damaged model %.64s", name);
    }
    removal->task.step = remove_damaged;
    removal->stored = stored;
    removal->refusal = refusal;
    writer_add_task(&engine->writer, &removal->task);
    return ERROR_NONE;
}

void engine_release_deleted(struct engine *engine, struct model *model) {
    scheduler_release(&engine->scheduler, model);
}
