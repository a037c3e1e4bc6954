/* Snapshots; see snapshot.h. */
#include "core/engine/snapshot.h"

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/queue.h"
#include "core/engine/state_store.h"
#include "core/engine/writer.h"

/* A log shorter than this is left alone until it is old. */
#define LOG_BYTES_MIN 16777216
#define LOG_BYTES_BY_STATE 4
/* Some seconds of training, and the time to write the state. */
#define LOG_WORK_MIN 5e11
#define LOG_WORK_BY_STATE 2000.0

#define RUNNING_MAX 2

struct snapshot {
    struct writer_task task;
    struct completion taken; /* the copy is there, or will never be */
    struct snapshots *all;
    struct model *model;       /* referenced */
    struct entry *entry;       /* referenced */
    struct settings *settings; /* referenced */
    uint64_t covers, number, bytes;
    double work, began_at;
    struct state_blob blob;
};

/* --- which models -------------------------------------------------------------- */

void snapshots_init(struct snapshots *snapshots, struct writer *writer) {
    *snapshots = (struct snapshots){.writer = writer};
}

static bool is_listed(const struct model *model) {
    return model->log.since > 0;
}

static void list(struct snapshots *snapshots, struct model *model, double since) {
    struct model_log *log = &model->log;
    log->since = since;
    log->older = snapshots->newest;
    log->newer = NULL;
    if (snapshots->newest != NULL) {
        snapshots->newest->log.newer = model;
    } else {
        snapshots->oldest = model;
    }
    snapshots->newest = model_reference(model);
}

static void unlist(struct snapshots *snapshots, struct model *model) {
    struct model_log *log = &model->log;
    if (log->newer != NULL) {
        log->newer->log.older = log->older;
    } else {
        snapshots->newest = log->older;
    }
    if (log->older != NULL) {
        log->older->log.newer = log->newer;
    } else {
        snapshots->oldest = log->newer;
    }
    log->since = 0;
    model_release(model);
}

void snapshots_forget(struct snapshots *snapshots, struct model *model) {
    if (is_listed(model)) {
        unlist(snapshots, model);
    }
}

void snapshots_end(struct snapshots *snapshots) {
    while (snapshots->oldest != NULL) {
        unlist(snapshots, snapshots->oldest);
    }
}

static bool is_due(const struct snapshots *snapshots, const struct model *model, double now) {
    const struct model_log *log = &model->log;
    const uint64_t state = state_bytes(&model->network, STATE_SLOTS_MAX);
    return !log->in_snapshot &&
           (snapshots->all || log->urgent || now - log->since >= SNAPSHOT_SECONDS ||
            log->bytes >= size_max(LOG_BYTES_MIN, LOG_BYTES_BY_STATE * state) ||
            log->work >= LOG_WORK_MIN + LOG_WORK_BY_STATE * (double)state);
}

/* --- storing ------------------------------------------------------------------- */

static void begin_due(struct snapshots *snapshots);

static void end(struct snapshot *snapshot) {
    struct snapshots *all = snapshot->all;
    struct model *model = snapshot->model;
    model->log.in_snapshot = false;
    all->running--;
    settings_release(snapshot->settings);
    entry_release(snapshot->entry);
    memory_free(snapshot);
    if (!all->all || !is_listed(model)) {
        begin_due(all);
    }
    model_release(model);
}

/* What was written of a blob that nothing will refer to. */
static void give_up(struct snapshot *snapshot, struct writer *writer) {
    state_blob_give_up(&snapshot->blob, writer);
    if (is_listed(snapshot->model)) { /* not again before others */
        unlist(snapshot->all, model_reference(snapshot->model));
        list(snapshot->all, snapshot->model, clock_monotonic_seconds());
        model_release(snapshot->model);
    }
    /* The log has it; a model that is gone has no more states. */
    if (snapshot->all->all || snapshot->entry->state != ENTRY_DONE) {
        snapshots_forget(snapshot->all, snapshot->model);
    }
}

/* The rows of batches up to `number` that are not stored yet, for memory_free; NULL with *count
 * above 0: no memory. */
static struct snapshot_row *new_rows(struct model *model, uint64_t number, size_t *count) {
    struct history_row *rows = memory_allocate(HISTORY_ROWS_MAX, sizeof *rows);
    struct snapshot_row *stored = memory_allocate(HISTORY_ROWS_MAX, sizeof *stored);
    *count = 1;
    if (rows != NULL && stored != NULL) {
        const size_t found =
            model_history(model, model->log.stored_row, HISTORY_ROWS_MAX, rows, NULL);
        for (*count = 0; *count < found && rows[*count].batch <= number; ++*count) {
            const struct history_row *row = &rows[*count];
            stored[*count] = (struct snapshot_row){.batch = row->batch,
                                                   .step = row->step,
                                                   .loss = row->loss,
                                                   .accuracy = row->accuracy,
                                                   .time = row->time,
                                                   .examples = row->examples,
                                                   .state = (uint32_t)row->state};
        }
    } else {
        memory_free(stored);
        stored = NULL;
    }
    memory_free(rows);
    return stored;
}

static enum store_result store_head(struct snapshot *snapshot, struct writer *writer,
                                    const struct buffer *text, struct error *error) {
    struct model *model = snapshot->model;
    size_t count;
    struct snapshot_row *rows = new_rows(model, snapshot->number, &count);
    if (rows == NULL) {
        return STORE_FULL;
    }
    const uint64_t last_row = count > 0 ? rows[count - 1].batch : 0;
    const struct snapshot_head head = {
        .version = SNAPSHOT_VERSION,
        .number = snapshot->number,
        .revision = snapshot->settings->revision,
        .updated_at = clock_wall_seconds(),
        .state_bytes = snapshot->entry->numbers->bytes,
    };
    const struct store_change changes[] = {
        {.kind = STORE_PUT_SNAPSHOT,
         .model = model->id,
         .put_snapshot = {.covers = snapshot->covers,
                          .blob = snapshot->blob.blob,
                          .head = {.pieces = {{&head, sizeof head}, {text->data, text->used}},
                                   .count = 2},
                          .first_row = count > 0 ? rows[0].batch : 0,
                          .last_row = last_row,
                          .oldest_row = snapshot->number > HISTORY_ROWS_MAX
                                            ? snapshot->number - HISTORY_ROWS_MAX + 1
                                            : 0,
                          .history = {.pieces = {{rows, count * sizeof *rows}}, .count = 1}}},
        {.kind = STORE_PRUNE_KEYS,
         .model = model->id,
         .prune_keys = {.accepted_before = clock_wall_seconds() - KEY_SECONDS,
                        .keep = writer->settings.keys_max}},
    };
    const enum store_result result =
        writer_commit(writer, changes, sizeof changes / sizeof *changes, error);
    if (result == STORE_OK && count > 0) {
        model->log.stored_row = last_row;
    }
    memory_free(rows);
    return result;
}

/* The whole state is stored: from now on it is the snapshot. */
static bool store_end(struct snapshot *snapshot, struct writer *writer) {
    struct model *model = snapshot->model;
    struct buffer text;
    struct error error;
    buffer_init(&text, model->ledger, "a snapshot's settings");
    bool stored =
        writer->settings.codec->write(&model->specification, &snapshot->settings->specification,
                                      &text, &error) == ERROR_NONE;
    stored = stored && store_head(snapshot, writer, &text, &error) == STORE_OK;
    buffer_free(&text);
    if (!stored) {
        return false;
    }
    struct model_log *log = &model->log;
    checkpoints_cover(model, snapshot->covers);
    log->bytes -= snapshot->bytes;
    log->work -= snapshot->work;
    if (is_listed(model)) { /* else it was deleted */
        unlist(snapshot->all, model);
        if (log->place > snapshot->covers) {
            list(snapshot->all, model, snapshot->began_at);
        }
    }
    return true;
}

static bool store_step(struct writer_task *task, struct writer *writer) {
    struct snapshot *snapshot = (struct snapshot *)task;
    struct error error;
    bool stored = snapshot->entry->state == ENTRY_DONE; /* else the model is gone */
    if (stored && !state_blob_is_whole(&snapshot->blob)) {
        stored = state_blob_store(&snapshot->blob, writer, &error) == STORE_OK;
        if (stored) {
            return true;
        }
    }
    if (stored && store_end(snapshot, writer)) {
        atomic_fetch_add_explicit(&writer->figures.snapshots, 1, memory_order_relaxed);
    } else {
        give_up(snapshot, writer);
    }
    end(snapshot);
    return false;
}

/* --- beginning ------------------------------------------------------------------ */

static void hand_over(struct completion *completion) {
    struct snapshot *snapshot =
        (struct snapshot *)((char *)completion - offsetof(struct snapshot, taken));
    writer_add_task(snapshot->all->writer, &snapshot->task);
}

/* False where there is no memory now. */
static bool prepare(struct snapshot *snapshot, struct model *model) {
    struct error error;
    struct entry *entry = entry_create(model, ENTRY_TAKE);
    struct waiter *waiter = entry != NULL ? waiter_create(WAIT_FOR_ENTRY, 0, entry) : NULL;
    snapshot->entry = entry;
    if (waiter == NULL || entry_prepare_take(entry, snapshot->settings, &error) != ERROR_NONE) {
        if (waiter != NULL) {
            waiter_release(waiter);
        }
        return false;
    }
    snapshot->blob = (struct state_blob){.state = entry->numbers, .model = model->id};
    queue_put(entry);
    if (!waiter_start(model, waiter, &snapshot->taken)) {
        completion_call(&snapshot->taken);
    }
    waiter_release(waiter);
    scheduler_list(snapshot->all->writer->settings.scheduler, model, TURN_TRAINING);
    return true;
}

static void begin(struct snapshots *snapshots, struct model *model) {
    struct snapshot *snapshot = memory_allocate_zero(1, sizeof *snapshot);
    if (snapshot == NULL) {
        return;
    }
    pthread_mutex_lock(&model->lock);
    snapshot->settings = settings_reference(model->acknowledged_settings);
    pthread_mutex_unlock(&model->lock);
    snapshot->task.step = store_step;
    snapshot->taken.complete = hand_over;
    snapshot->all = snapshots;
    snapshot->model = model_reference(model);
    snapshot->covers = model->log.place;
    snapshot->number = model->log.number;
    snapshot->bytes = model->log.bytes;
    snapshot->work = model->log.work;
    snapshot->began_at = clock_monotonic_seconds();
    model->log.in_snapshot = true;
    model->log.urgent = false;
    snapshots->running++;
    if (!prepare(snapshot, model)) {
        model->log.in_snapshot = false;
        snapshots->running--;
        settings_release(snapshot->settings);
        if (snapshot->entry != NULL) {
            entry_release(snapshot->entry);
        }
        model_release(model);
        memory_free(snapshot);
    }
}

static void begin_due(struct snapshots *snapshots) {
    const double now = clock_monotonic_seconds();
    struct model *model = snapshots->oldest;
    while (model != NULL && snapshots->running < RUNNING_MAX) {
        struct model *newer = model->log.newer;
        if (is_due(snapshots, model, now)) {
            begin(snapshots, model);
        }
        model = newer;
    }
}

static void note(struct snapshots *snapshots, struct model *model, uint64_t bytes, double work) {
    struct model_log *log = &model->log;
    const double now = clock_monotonic_seconds();
    log->bytes += bytes;
    log->work += work;
    if (!is_listed(model)) {
        list(snapshots, model, now);
    }
    snapshots->due |= is_due(snapshots, model, now);
}

/* A restore needs its checkpoint until a snapshot covers it: that shall not be long. */
void snapshots_note(struct snapshots *snapshots, const struct entry *entry) {
    entry->model->log.urgent |= entry->kind == ENTRY_RESTORE;
    const struct network *network = &entry->model->network;
    const uint64_t rows = entry->example_count;
    note(snapshots, entry->model, rows * (network->inputs + network->outputs) * sizeof(float),
         3.0 * (double)network_forward_work(network) * (double)rows);
}

void snapshots_note_log(struct snapshots *snapshots, struct model *model, uint64_t bytes,
                        double work) {
    note(snapshots, model, bytes, work);
    snapshots_begin_noted(snapshots);
}

void snapshots_begin_noted(struct snapshots *snapshots) {
    if (snapshots->due) {
        snapshots->due = false;
        begin_due(snapshots);
    }
}

void snapshots_tick(struct snapshots *snapshots) {
    begin_due(snapshots);
}

bool snapshots_finish(struct snapshots *snapshots) {
    snapshots->all = true;
    begin_due(snapshots);
    return snapshots->running > 0;
}
