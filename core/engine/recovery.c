/* Recovery; see recovery.h. */
#include "core/engine/recovery.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/checkpoint_store.h"
#include "core/engine/clock.h"
#include "core/engine/engine_internal.h"
#include "core/engine/first_weights.h"
#include "core/engine/predictor.h"
#include "core/engine/state_store.h"
#include "core/maths/numerics.h"

#define PAUSE_SECONDS 0.002 /* while workers make room */
#define QUEUED_MAX 4096     /* entries of all models together that wait to be trained again */

/* One model on its way out of the store. */
struct reading {
    struct engine *engine;
    struct store *store;
    struct store_model row;
    struct model *model;
    struct snapshot_head snapshot;
    uint64_t log_bytes;
    double log_work;
    struct buffer cancelled; /* pairs of numbers */
    enum error_code code;    /* of a function that is called by the store */
    struct error *error;
};

/* --- heads ---------------------------------------------------------------------- */

static enum error_code read_specification(struct reading *reading, const void *data, size_t bytes,
                                          size_t head_bytes, struct specification *specification) {
    return reading->engine->codec->read((const char *)data + head_bytes, bytes - head_bytes,
                                        &reading->engine->ledger, specification, reading->error);
}

static enum error_code too_short(const struct reading *reading) {
    return error_set(reading->error, ERROR_DAMAGED, NULL, "a head is shorter than any");
}

/* The settings in force at the snapshot, or those of the beginning. */
static enum error_code read_heads(struct reading *reading, struct model_head *head,
                                  struct specification *specification) {
    const struct store_model *row = &reading->row;
    if (row->head_bytes < sizeof *head) {
        return too_short(reading);
    }
    memcpy(head, row->head, sizeof *head);
    if (!row->has_snapshot) {
        return read_specification(reading, row->head, row->head_bytes, sizeof *head, specification);
    }
    void *data;
    size_t bytes;
    if (store_read_snapshot_head(reading->store, row->id, &data, &bytes, reading->error) !=
        STORE_OK) {
        return ERROR_DAMAGED;
    }
    enum error_code code = ERROR_NONE;
    if (bytes < sizeof reading->snapshot) {
        code = too_short(reading);
    } else {
        memcpy(&reading->snapshot, data, sizeof reading->snapshot);
        code = read_specification(reading, data, bytes, sizeof reading->snapshot, specification);
    }
    memory_free(data);
    return code;
}

/* --- the model ------------------------------------------------------------------- */

static enum error_code read_state(struct reading *reading, struct state **state) {
    const struct store_model *row = &reading->row;
    struct engine *engine = reading->engine;
    *state = NULL;
    if (row->snapshot_blob == 0) {
        return ERROR_NONE;
    }
    enum error_code code =
        state_blob_load(reading->store, row->snapshot_blob, reading->snapshot.state_bytes,
                        &engine->ledger, state, reading->error);
    if (code == ERROR_NONE) {
        code = state_check(*state, &reading->model->network, reading->error);
    }
    return code;
}

static enum error_code make_weights(struct reading *reading) {
    struct model *model = reading->model;
    struct state *state;
    enum error_code code = read_state(reading, &state);
    float *rows = memory_allocate(predictor_scratch_bytes(&model->network), 1);
    if (code == ERROR_NONE && rows == NULL) {
        code = error_set(reading->error, ERROR_MEMORY, NULL, "no memory to make weights");
    }
    if (code == ERROR_NONE) {
        first_weights_make(model, state, rows, (struct pause){NULL, NULL});
    }
    memory_free(rows);
    state_release(state);
    return code;
}

/* As it was at the snapshot, or at its beginning; not registered yet. */
static enum error_code make_model(struct reading *reading) {
    struct engine *engine = reading->engine;
    const struct store_model *row = &reading->row;
    struct model_head head = {.version = 0};
    struct specification specification;
    enum error_code code = read_heads(reading, &head, &specification);
    if (code != ERROR_NONE) {
        return code;
    }
    code = model_create(row->name, &specification, &engine->ledger, &engine->backlog,
                        engine->queue_max, &reading->model, reading->error);
    specification_free(&specification); /* empty where the model has taken it over */
    if (code != ERROR_NONE) {
        return code;
    }
    struct model *model = reading->model;
    snprintf(model->id, sizeof model->id, "%s", row->id);
    model->created_at = model->updated_at = head.created_at;
    if (row->has_snapshot) {
        model->updated_at = reading->snapshot.updated_at;
        model->settings->revision = reading->snapshot.revision;
        model->log.number = model->last_number = reading->snapshot.number;
    }
    model->log.revision = model->settings->revision;
    model->log.place = row->covers;
    model->checkpoints.keeping = &engine->checkpoints;
    model->checkpoints.covered = row->covers;
    code = engine_reserve_predicting(engine, &model->network, reading->error);
    return code == ERROR_NONE ? make_weights(reading) : code;
}

/* --- what belongs to it ------------------------------------------------------------ */

static bool read_rows(const struct store_rows *rows, void *context) {
    struct reading *reading = context;
    struct model *model = reading->model;
    const size_t count = rows->bytes / sizeof(struct snapshot_row);
    reading->code = history_reserve(&model->history, count, reading->error);
    for (size_t i = 0; i < count && reading->code == ERROR_NONE; i++) {
        struct snapshot_row row;
        memcpy(&row, (const char *)rows->data + i * sizeof row, sizeof row);
        history_add(&model->history, &(struct history_row){.batch = row.batch,
                                                           .step = row.step,
                                                           .loss = row.loss,
                                                           .accuracy = row.accuracy,
                                                           .time = row.time,
                                                           .examples = row.examples,
                                                           .state = (enum entry_state)row.state});
        model->log.stored_row = row.batch;
    }
    return reading->code == ERROR_NONE;
}

/* Keys come with their age: setting the clock while mlpd was down may forget or keep some. */
static struct key_record *key_of(const struct store_key *key, struct key_head *head,
                                 struct ledger *ledger, double *accepted_at, struct error *error) {
    struct key_record *record;
    if (key->bytes < sizeof *head ||
        key_record_create(key->key, ledger, &record, error) != ERROR_NONE) {
        return NULL;
    }
    memcpy(head, key->data, sizeof *head);
    record->payload = head->payload;
    record->batches = head->batches;
    record->first = head->first;
    record->last = head->last;
    snprintf(record->model_id, sizeof record->model_id, "%.16s", head->model_id);
    const double age = fmax(clock_wall_seconds() - key->accepted_at, 0);
    *accepted_at = clock_monotonic_seconds() - age;
    return record;
}

static bool read_key(const struct store_key *key, void *context) {
    struct reading *reading = context;
    struct engine *engine = reading->engine;
    struct key_table *table = reading->model != NULL ? &reading->model->keys : &engine->keys;
    struct key_head head;
    double accepted_at;
    struct key_record *record = key_of(key, &head, &engine->ledger, &accepted_at, reading->error);
    reading->code =
        record != NULL
            ? key_table_add(table, record, engine->keys_max, accepted_at, reading->error)
            : error_set(reading->error, ERROR_MEMORY, NULL, "no memory for idempotency keys");
    key_record_release(record);
    return reading->code == ERROR_NONE;
}

/* What a reading of the store gave, with what its function found. */
static enum error_code result_of(struct reading *reading, enum store_result result) {
    if (result != STORE_OK) {
        return ERROR_DAMAGED;
    }
    return reading->code;
}

static enum error_code read_belongings(struct reading *reading) {
    const char *id = reading->row.id;
    enum error_code code = result_of(
        reading, store_read_history(reading->store, id, read_rows, reading, reading->error));
    if (code == ERROR_NONE) {
        code = checkpoint_store_recover(reading->model, reading->store, reading->error);
    }
    return code != ERROR_NONE ? code
                              : result_of(reading, store_read_keys(reading->store, id, read_key,
                                                                   reading, reading->error));
}

/* --- the log ------------------------------------------------------------------------ */

static bool note_ahead(const struct store_entry *stored, void *context) {
    struct reading *reading = context;
    struct record_reader record;
    if (stored->kind != RECORD_CANCELLATION && stored->kind != RECORD_RESTORE) {
        return true;
    }
    reading->code =
        record_read(stored, reading->model, reading->engine->codec, &record, reading->error);
    if (reading->code == ERROR_NONE) {
        reading->code = stored->kind == RECORD_RESTORE
                            ? checkpoint_store_note_restore(reading->model, &record.restore,
                                                            stored->first, reading->error)
                            : buffer_append(&reading->cancelled, record.numbers,
                                            2 * record.pairs * sizeof(uint64_t), reading->error);
        record_reader_free(&record);
    }
    return reading->code == ERROR_NONE;
}

static bool is_cancelled(const struct reading *reading, uint64_t number) {
    const uint64_t *numbers = (const uint64_t *)(const void *)reading->cancelled.data;
    const size_t count = reading->cancelled.used / sizeof *numbers;
    for (size_t i = 0; i < count; i += 2) {
        if (number >= numbers[i] && number <= numbers[i + 1]) {
            return true;
        }
    }
    return false;
}

/* Not too much at a time; false when the engine is closed meanwhile. */
static bool wait_for_room(const struct reading *reading) {
    struct engine *engine = reading->engine;
    while (backlog_count(&engine->backlog) >= QUEUED_MAX && !engine_is_closed(engine)) {
        clock_pause(PAUSE_SECONDS);
    }
    return !engine_is_closed(engine);
}

/* Workers that train give memory back: again until none is at work and there is still none. */
static bool may_retry(const struct reading *reading, enum error_code code) {
    struct engine *engine = reading->engine;
    if (code != ERROR_MEMORY || backlog_count(&engine->backlog) == 0 || engine_is_closed(engine)) {
        return false;
    }
    clock_pause(PAUSE_SECONDS);
    return true;
}

/* The newest handed in, as if a call had done so. */
static void put_settings(struct model *model, struct settings *settings) {
    pthread_mutex_lock(&model->lock);
    struct settings *former = model->settings;
    model->settings = settings_reference(settings);
    pthread_mutex_unlock(&model->lock);
    settings_release(former);
    model->log.revision = settings->revision;
}

static enum error_code queue_again(struct reading *reading, struct entry *entry) {
    struct model *model = reading->model;
    struct engine *engine = reading->engine;
    enum error_code code = ERROR_NONE;
    if (entry->kind == ENTRY_BATCH) {
        code = engine_reserve_training(engine, entry, reading->error);
        pthread_mutex_lock(&model->lock);
        if (code == ERROR_NONE) {
            code = history_reserve(&model->history, model->unfinished + 1, reading->error);
        }
        pthread_mutex_unlock(&model->lock);
    } else {
        code = entry_add_slot(entry, &model->settings->specification, reading->error);
    }
    if (code != ERROR_NONE) {
        return code;
    }
    if (entry_changes_settings(entry)) {
        put_settings(model, entry->settings);
    }
    if (entry->kind == ENTRY_BATCH && is_cancelled(reading, entry->number_given)) {
        queue_cancel_entry(entry);
    }
    queue_put(entry);
    scheduler_list(&engine->scheduler, model, TURN_TRAINING);
    return ERROR_NONE;
}

static enum error_code replay_entry(struct reading *reading, const struct record_reader *record,
                                    uint64_t i) {
    struct model *model = reading->model;
    struct entry *entry = record_entry(record, model, i);
    if (entry != NULL && entry->kind == ENTRY_RESTORE) {
        const enum error_code prepared =
            checkpoint_store_prepare_restore(entry, &record->restore, reading->error);
        if (prepared != ERROR_NONE) {
            entry_release(entry);
            return prepared;
        }
    }
    enum error_code code = entry == NULL ? ERROR_MEMORY : ERROR_NONE;
    while (entry != NULL && (code = queue_again(reading, entry)) != ERROR_NONE &&
           may_retry(reading, code)) {
    }
    if (entry == NULL) {
        return error_set(reading->error, code, NULL, "no memory for an entry of its log");
    }
    if (code == ERROR_NONE && entry->kind == ENTRY_BATCH) {
        model->log.number = entry->number_given;
    }
    entry_release(entry);
    return code;
}

static bool replay(const struct store_entry *stored, void *context) {
    struct reading *reading = context;
    struct model *model = reading->model;
    struct record_reader record;
    if (!wait_for_room(reading)) {
        return false;
    }
    do {
        reading->code = record_read(stored, model, reading->engine->codec, &record, reading->error);
    } while (reading->code != ERROR_NONE && may_retry(reading, reading->code));
    if (reading->code != ERROR_NONE) {
        return false;
    }
    for (uint64_t i = 0; i < record.count && reading->code == ERROR_NONE; i++) {
        const uint64_t place = stored->first + i;
        if (place > reading->row.covers) {
            if (record.kind != RECORD_CANCELLATION) {
                reading->code = replay_entry(reading, &record, i);
            }
            model->log.place = place;
        }
    }
    reading->log_bytes += stored->bytes;
    reading->log_work +=
        3.0 * (double)network_forward_work(&model->network) * (double)record.head.rows;
    record_reader_free(&record);
    return reading->code == ERROR_NONE;
}

static enum error_code read_log(struct reading *reading) {
    const char *id = reading->row.id;
    const uint64_t covers = reading->row.covers;
    if (reading->row.last_place <= covers) {
        return ERROR_NONE;
    }
    enum error_code code =
        result_of(reading, store_read_entries(reading->store, id, covers, note_ahead, reading,
                                              reading->error));
    if (code == ERROR_NONE) {
        code = checkpoint_store_load_restored(reading->model, reading->store, reading->error);
    }
    if (code == ERROR_NONE) {
        code = result_of(reading, store_read_entries(reading->store, id, covers, replay, reading,
                                                     reading->error));
    }
    checkpoint_store_unload(reading->model); /* the entries have their own references */
    return code;
}

/* --- all models ------------------------------------------------------------------- */

static void quarantine(struct reading *reading) {
    struct engine *engine = reading->engine;
    struct error error;
    struct model *model = reading->model;
    if (model != NULL && model->registry != NULL) {
        registry_remove(model);
        (void)model_delete(model);
    }
    (void)quarantine_add(&engine->quarantine, reading->row.id, reading->row.name,
                         reading->error->message, &error);
    engine->reports.damaged(reading->row.name, reading->error->message);
}

static void read_model(struct reading *reading) {
    struct engine *engine = reading->engine;
    enum error_code code = ERROR_DAMAGED;
    if (reading->row.corrupt) {
        error_set(reading->error, code, NULL, "%s", reading->row.problem);
    } else {
        code = make_model(reading);
    }
    if (code == ERROR_NONE) {
        code = read_belongings(reading);
    }
    if (code == ERROR_NONE) {
        code = registry_add(&engine->registry, reading->model, reading->error);
    }
    if (code == ERROR_NONE) {
        code = read_log(reading);
    }
    if (code != ERROR_NONE) {
        quarantine(reading);
    } else if (reading->log_bytes > 0) {
        snapshots_note_log(&engine->writer.snapshots, reading->model, reading->log_bytes,
                           reading->log_work);
    }
}

/* Rows are copied first: nothing else is read of the store within the reading of its models. */
static bool copy_row(struct store_model *copy, const struct store_model *row) {
    *copy = *row;
    char *head = memory_allocate_object(size_max(row->head_bytes, 1));
    char *name = memory_copy_string(row->name);
    char *problem = memory_copy_string(row->problem != NULL ? row->problem : "");
    if (head == NULL || name == NULL || problem == NULL) {
        memory_free(head);
        memory_free(name);
        memory_free(problem);
        return false;
    }
    if (row->head_bytes > 0) {
        memcpy(head, row->head, row->head_bytes);
    }
    copy->head = head;
    copy->name = name;
    copy->problem = problem;
    return true;
}

static bool note_model(const struct store_model *row, void *context) {
    struct model_list *list = context;
    if (list->count == list->capacity) {
        const size_t capacity = size_max(2 * list->capacity, 64);
        void *rows = list->rows;
        if (!memory_resize(&rows, list->count * sizeof *list->rows, capacity, sizeof *list->rows)) {
            list->failed = true;
            return false;
        }
        list->rows = rows;
        list->capacity = capacity;
    }
    list->failed = !copy_row(&list->rows[list->count], row);
    list->count += !list->failed;
    return !list->failed;
}

static void free_row(struct store_model *row) {
    memory_free((void *)row->head);
    memory_free((void *)row->name);
    memory_free((void *)row->problem);
}

static void read_all(struct recovery *recovery, struct model_list *list) {
    struct engine *engine = recovery->engine;
    for (size_t i = 0; i < list->count; i++) {
        struct error error;
        struct reading reading = {.engine = engine,
                                  .store = engine->writer.settings.store,
                                  .row = list->rows[i],
                                  .error = &error};
        buffer_init(&reading.cancelled, &engine->ledger, "numbers of batches taken back");
        if (!engine_is_closed(engine)) {
            read_model(&reading);
        }
        buffer_free(&reading.cancelled);
        if (reading.model != NULL) {
            model_release(reading.model);
        }
        atomic_fetch_add_explicit(&recovery->models_read, 1, memory_order_relaxed);
    }
}

/* Of the creation of models. */
static enum error_code read_keys(struct engine *engine, struct store *store, struct error *error) {
    struct reading reading = {.engine = engine, .store = store, .error = error};
    const struct store_change change = {
        .kind = STORE_PRUNE_KEYS,
        .model = "",
        .prune_keys = {.accepted_before = clock_wall_seconds() - KEY_SECONDS,
                       .keep = engine->keys_max}};
    (void)store_commit(store, &change, 1, error); /* no room: they are only more */
    return result_of(&reading, store_read_keys(store, "", read_key, &reading, error));
}

static void free_list(struct model_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free_row(&list->rows[i]);
    }
    memory_free(list->rows);
    *list = (struct model_list){NULL};
}

static bool recover(struct writer_task *task, struct writer *writer) {
    (void)writer;
    struct recovery *recovery = (struct recovery *)task;
    struct engine *engine = recovery->engine;
    const numerics_state before = numerics_enter(); /* it makes first weights */
    read_all(recovery, &recovery->list);
    numerics_leave(before);
    free_list(&recovery->list);
    while (backlog_count(&engine->backlog) > 0 && !engine_is_closed(engine)) {
        clock_pause(PAUSE_SECONDS);
    }
    atomic_store_explicit(&recovery->under_way, false, memory_order_release);
    engine->reports.recovered();
    return false;
}

enum error_code recovery_begin(struct recovery *recovery, struct engine *engine,
                               struct store *store, struct error *error) {
    recovery->task.step = recover;
    recovery->engine = engine;
    if (store == NULL) {
        return ERROR_NONE;
    }
    if (store_read_models(store, note_model, &recovery->list, error) != STORE_OK) {
        return ERROR_INTERNAL;
    }
    enum error_code code = ERROR_NONE;
    if (recovery->list.failed) {
        code = error_set(error, ERROR_MEMORY, NULL, "no memory for the names of what is stored");
    } else {
        code = read_keys(engine, store, error);
    }
    if (code != ERROR_NONE) {
        free_list(&recovery->list);
        return code;
    }
    atomic_store(&recovery->models_found, recovery->list.count);
    atomic_store(&recovery->under_way, recovery->list.count > 0);
    return ERROR_NONE;
}

void recovery_end(struct recovery *recovery) {
    free_list(&recovery->list);
}
