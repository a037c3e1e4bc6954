/* Handing in what decides a model's weights; see engine.h. */
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/engine_internal.h"
#include "core/maths/pass.h"

/* --- batches --------------------------------------------------------------------- */

/* The first batch of a request is its largest; the last may be short. */
enum error_code engine_reserve_training(struct engine *engine, const struct entry *largest,
                                        struct error *error) {
    const size_t bytes = pass_scratch_bytes(&largest->model->network, largest->example_count);
    return scheduler_reserve_scratch(&engine->scheduler, TURN_TRAINING, bytes, error);
}

/* Whether the request is a repeat; with the model's lock held. */
static enum error_code find_accepted(struct model *model, const struct key_record *record,
                                     struct key_record **former, struct error *error) {
    *former = NULL;
    return record == NULL
               ? ERROR_NONE
               : key_table_find(&model->keys, record, clock_monotonic_seconds(), former, error);
}

static enum error_code look_for_accepted(struct model *model, const struct key_record *record,
                                         struct key_record **former, struct error *error) {
    *former = NULL;
    if (record == NULL) {
        return ERROR_NONE;
    }
    pthread_mutex_lock(&model->lock);
    const enum error_code code = find_accepted(model, record, former, error);
    pthread_mutex_unlock(&model->lock);
    return code;
}

/* Count the batches in. */
static enum error_code admit(struct engine *engine, const struct submission *submission,
                             double *retry_after_seconds, struct error *error) {
    struct model *model = submission->batches[0]->model;
    enum error_code code = engine_check_open(engine, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, submission->count, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        /* Only now: scratch stays while the backlog is not empty. */
        code = engine_reserve_training(engine, submission->batches[0], error);
        if (code != ERROR_NONE) {
            queue_withdraw(model, submission->count);
        }
    }
    return code;
}

/* The last batch brings the numbers to the record of the key. */
static void bind(const struct submission *submission) {
    struct entry *last = submission->batches[submission->count - 1];
    struct key_record *record = submission->record;
    record->batches = submission->count;
    record->entry = last;
    last->record = key_record_reference(record);
}

/* Settings are looked at, the key is taken and the batches enter the writer's queue in
 * one step: nothing of this model comes between. */
static enum error_code hand_in(struct engine *engine, const struct submission *submission,
                               struct completion *acknowledged, struct key_record **former,
                               struct error *error) {
    struct model *model = submission->batches[0]->model;
    struct key_record *record = submission->record;
    pthread_mutex_lock(&model->lock);
    enum error_code code = find_accepted(model, record, former, error);
    if (code == ERROR_NONE && *former == NULL) {
        code = model_check_revision(model, submission->revision, error);
        if (code == ERROR_NONE && record != NULL) {
            code = key_table_add(&model->keys, record, engine->keys_max, clock_monotonic_seconds(),
                                 error);
        }
    }
    const bool accepted = code == ERROR_NONE && *former == NULL;
    if (accepted) {
        submission->batches[submission->count - 1]->acknowledged = acknowledged;
        if (record != NULL) {
            bind(submission);
        }
        writer_submit(&engine->writer, submission->batches, submission->count);
    }
    pthread_mutex_unlock(&model->lock);
    if (!accepted) {
        queue_withdraw(model, submission->count);
    }
    return code;
}

static enum error_code await_numbers(struct model *model, struct key_record *former,
                                     struct completion *acknowledged, struct error *error) {
    struct waiter *waiter = waiter_create_for_numbers(former);
    if (waiter == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to wait for a batch");
    }
    if (!waiter_start(model, waiter, acknowledged)) {
        completion_call(acknowledged);
    }
    waiter_release(waiter);
    return ERROR_NONE;
}

enum error_code engine_submit_batches(struct engine *engine, const struct submission *submission,
                                      struct completion *acknowledged, struct key_record **former,
                                      double *retry_after_seconds, struct error *error) {
    struct model *model = submission->batches[0]->model;
    /* Before anything that can refuse: a repeat asks for nothing new. */
    enum error_code code = look_for_accepted(model, submission->record, former, error);
    if (code == ERROR_NONE && *former == NULL) {
        code = admit(engine, submission, retry_after_seconds, error);
        if (code == ERROR_NONE) {
            code = hand_in(engine, submission, acknowledged, former, error);
        }
    }
    if (code == ERROR_NONE && *former != NULL) {
        code = await_numbers(model, *former, acknowledged, error);
        if (code != ERROR_NONE) {
            key_record_release(*former);
            *former = NULL;
        }
    }
    return code;
}

enum error_code engine_cancel_batches(struct engine *engine, struct model *model, uint64_t first,
                                      uint64_t last, struct completion *done, struct entry **result,
                                      struct error *error) {
    const enum error_code code = engine_check_open(engine, error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct entry *ticket = entry_create(model, ENTRY_CANCELLATION);
    if (ticket == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to take batches back");
    }
    ticket->first_number = first;
    ticket->last_number = last;
    ticket->acknowledged = done;
    *result = entry_reference(ticket);
    writer_submit(&engine->writer, &ticket, 1);
    entry_release(ticket);
    return ERROR_NONE;
}

/* --- settings -------------------------------------------------------------------- */

/* The newest settings change and their entry enters the writer's queue in one
 * step, so that the order of revisions is the order of entries. */
enum error_code engine_submit_on(struct engine *engine, struct entry *entry,
                                 const struct settings *base, struct error *error) {
    struct model *model = entry->model;
    struct settings *former = NULL;
    pthread_mutex_lock(&model->lock);
    const bool newest = model->settings == base;
    if (newest) {
        if (entry->settings != NULL) {
            former = model->settings;
            model->settings = settings_reference(entry->settings);
        }
        writer_submit(&engine->writer, &entry, 1);
    }
    pthread_mutex_unlock(&model->lock);
    settings_release(former);
    if (!newest) {
        queue_withdraw(model, 1);
    }
    return newest ? ERROR_NONE
                  : error_set(error, ERROR_STALE, NULL,
                              "the settings were changed by someone else in this instant");
}

enum error_code engine_change_settings(struct engine *engine, struct model *model,
                                       enum entry_kind kind, const struct settings *base,
                                       struct specification *specification,
                                       struct completion *acknowledged, struct entry **result,
                                       double *retry_after_seconds, struct error *error) {
    enum error_code code = engine_check_open(engine, error);
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
    code = entry_add_slot(entry, &base->specification, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, 1, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        code = engine_submit_on(engine, entry, base, error);
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
