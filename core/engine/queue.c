/* A model's queue; see queue.h. */
#include "core/engine/queue.h"

#include <math.h>

#include "core/engine/clock.h"
#include "core/engine/registry.h"

enum error_code queue_admit(struct model *model, size_t count, double *retry_after_seconds,
                            struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&model->lock);
    if (model->deleted) {
        code = model_gone(model, error);
    } else if (count > model->queue_max) {
        code = error_set(error, ERROR_TOO_LARGE, NULL,
                         "%zu batches in one request; --max-queue allows %zu", count,
                         model->queue_max);
    } else if (model->pending + count > model->queue_max ||
               model->unfinished + count > 2 * model->queue_max) {
        /* When a tenth of the queue is through: not every client at the first place. */
        *retry_after_seconds = model->entry_seconds * (double)model->pending / 10;
        code =
            error_set(error, ERROR_FULL, NULL, "%zu batches wait already; --max-queue allows %zu",
                      model->pending, model->queue_max);
    } else {
        code = history_reserve(&model->history, model->unfinished + count, error);
    }
    if (code == ERROR_NONE) {
        code = backlog_add(model->backlog, count, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        model->pending += count;
        model->unfinished += count;
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

void queue_withdraw(struct model *model, size_t count) {
    pthread_mutex_lock(&model->lock);
    model->pending -= count;
    model->unfinished -= count;
    pthread_mutex_unlock(&model->lock);
    backlog_remove(model->backlog, count);
}

/* With the lock held: the key of the batch now stands for numbers.  Returns who waited
 * for them. */
static struct waiter *give_numbers(struct model *model, const struct entry *entry) {
    struct key_record *record = entry->record;
    if (record == NULL) {
        return NULL;
    }
    record->last = entry->number;
    record->first = entry->number - record->batches + 1;
    return waiters_take_satisfied(model);
}

static void count(atomic_uint_fast64_t *number) {
    atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

/* With the lock held: the newest settings are again those that were acknowledged.  Returns the
 * former ones. */
static struct settings *withdraw_settings(struct model *model) {
    struct settings *former = model->settings;
    model->settings = settings_reference(model->acknowledged_settings);
    return former;
}

struct completion *queue_acknowledge(struct entry *entry, bool *queued) {
    struct model *model = entry->model;
    if (entry->source != NULL) {
        checkpoints_unpin(model, entry->source, entry->place);
    }
    pthread_mutex_lock(&model->lock);
    if (entry->kind == ENTRY_BATCH) {
        entry->number = model->last_number = entry->number_given;
        count(&model->backlog->outcomes.acknowledged);
    }
    struct settings *former[2] = {NULL};
    if (entry_changes_settings(entry)) {
        former[0] = model->acknowledged_settings;
        model->acknowledged_settings = settings_reference(entry->settings);
        if (model->settings->revision < entry->settings->revision) { /* were withdrawn */
            former[1] = withdraw_settings(model);
        }
    }
    if (entry->state != ENTRY_CANCELLED) { /* before it came, in the log */
        entry->state = ENTRY_QUEUED;
    }
    entry->queued_at = clock_monotonic_seconds();
    struct completion *acknowledged = entry->acknowledged;
    entry->acknowledged = NULL;
    *queued = !model->deleted;
    if (*queued) {
        entry_queue_push(&model->entries, entry_reference(entry));
    }
    struct waiter *satisfied = give_numbers(model, entry);
    pthread_mutex_unlock(&model->lock);
    settings_release(former[0]);
    settings_release(former[1]);
    waiters_complete(satisfied);
    return acknowledged;
}

struct completion *queue_refuse(struct entry *entry, enum error_code refusal) {
    struct model *model = entry->model;
    struct settings *former = NULL;
    struct waiter *satisfied = NULL;
    pthread_mutex_lock(&model->lock);
    entry->refusal = refusal;
    entry->state = ENTRY_DROPPED;
    /* Those that were built on the refused ones meanwhile go with them. */
    if (entry_changes_settings(entry) && model->settings->revision >= entry->settings->revision) {
        former = withdraw_settings(model);
    }
    if (entry->record != NULL) {
        entry->record->entry = NULL;
        /* Release: for who finds the key in the table of another lock. */
        atomic_store_explicit(&entry->record->refused, true, memory_order_release);
        satisfied = waiters_take_satisfied(model);
    }
    model->pending--;
    model->unfinished--;
    struct completion *acknowledged = entry->acknowledged;
    entry->acknowledged = NULL;
    pthread_mutex_unlock(&model->lock);
    settings_release(former);
    waiters_complete(satisfied);
    if (entry->checkpoint != NULL) {
        checkpoints_settle(model, entry->checkpoint, refusal, 0);
    }
    if (entry->source != NULL) {
        checkpoints_unpin(model, entry->source, 0);
    }
    backlog_remove(model->backlog, 1);
    return acknowledged;
}

static bool is_queued_batch(const struct entry *entry) {
    return entry != NULL && entry->kind == ENTRY_BATCH && entry->state == ENTRY_QUEUED &&
           !entry->held;
}

bool queue_next_run(struct model *model, const struct run_limit *limit, struct run *run) {
    run->count = 0;
    run->work = 0;
    pthread_mutex_lock(&model->lock);
    bool joins = model->entries.first != NULL && !model->entries.first->held;
    while (joins) {
        struct entry *entry = entry_queue_pop(&model->entries);
        run->entries[run->count++] = entry;
        run->work += limit->work_of_batch + limit->work_of_example * (double)entry->example_count;
        joins = run->count < limit->entries && run->work < limit->work && is_queued_batch(entry) &&
                is_queued_batch(model->entries.first);
    }
    model->training = run->count > 0;
    pthread_mutex_unlock(&model->lock);
    return run->count > 0;
}

struct entry *queue_next(struct model *model) {
    struct run run;
    return queue_next_run(model, &(struct run_limit){.entries = 1}, &run) ? run.entries[0] : NULL;
}

bool queue_end_turn(struct model *model) {
    pthread_mutex_lock(&model->lock);
    model->training = false;
    const bool more = model->entries.first != NULL && !model->entries.first->held;
    pthread_mutex_unlock(&model->lock);
    return more;
}

/* How long the queue takes for an entry while it is not empty, with all that
 * competes for the workers in it. */
static void measure_pace(struct model *model, const struct run *run, double now) {
    const double seconds =
        (now - fmax(model->last_finish, run->entries[0]->queued_at)) / (double)run->count;
    model->entry_seconds =
        model->entry_seconds > 0 ? 0.9 * model->entry_seconds + 0.1 * seconds : seconds;
    model->last_finish = now;
}

/* With the lock held.  Before anyone who waits for the batch is told. */
static void count_outcome(struct model *model, const struct entry *entry, double now,
                          double seconds, struct worker_statistics *worker) {
    struct shared_statistics *outcomes = &model->backlog->outcomes;
    if (worker != NULL) {
        statistics_count_batch(worker, entry->state == ENTRY_DIVERGED, entry->example_count,
                               seconds, now - entry->queued_at);
    } else {
        count(entry->state == ENTRY_CANCELLED ? &outcomes->cancelled : &outcomes->dropped);
    }
}

/* With the lock held. */
static void put_result(struct model *model, struct entry *entry, const struct history_row *result) {
    entry->result = *result;
    entry->state = result->state;
    if (entry->kind == ENTRY_BATCH) {
        history_add(&model->history, result);
    }
    if (entry->record != NULL) {
        entry->record->entry = NULL; /* from now on the history knows */
    }
}

void queue_finish_run(struct model *model, const struct run *run,
                      struct worker_statistics *worker) {
    pthread_mutex_lock(&model->lock);
    const double now = clock_monotonic_seconds();
    const double seconds = (now - model->turn_at) / (double)run->count;
    size_t counted = 0;
    for (size_t i = 0; i < run->count; i++) {
        struct entry *entry = run->entries[i];
        counted += entry->state != ENTRY_CANCELLED; /* else it was counted out then */
        put_result(model, entry, &run->results[i]);
        if (entry->kind == ENTRY_BATCH) {
            count_outcome(model, entry, now, seconds, worker);
        }
    }
    if (worker != NULL) {
        model->turn_at = now;
    }
    model->pending -= counted;
    model->unfinished -= run->count;
    if (counted > 0) {
        measure_pace(model, run, now);
    }
    struct waiter *satisfied = waiters_take_satisfied(model);
    pthread_mutex_unlock(&model->lock);
    for (size_t i = 0; i < run->count; i++) {
        example_set_release(run->entries[i]->set);
        run->entries[i]->set = NULL;
    }
    waiters_complete(satisfied);
    for (size_t i = 0; i < run->count; i++) {
        entry_release(run->entries[i]);
    }
    if (counted > 0) {
        backlog_remove(model->backlog, counted);
    }
}

void queue_finish(struct model *model, struct entry *entry, const struct history_row *result,
                  struct worker_statistics *worker) {
    struct run run;
    run.count = 1;
    run.entries[0] = entry;
    run.results[0] = *result;
    queue_finish_run(model, &run, worker);
}

/* With the lock held. */
static struct history_row row_without_training(const struct model *model, const struct entry *entry,
                                               enum entry_state state) {
    return (struct history_row){
        .batch = entry->number,
        .step = model->weights.versions[model->weights.published].step,
        .loss = NAN,
        .accuracy = NAN,
        .time = clock_wall_seconds(),
        .examples = entry->example_count,
        .state = state,
    };
}

void queue_drop(struct model *model, struct entry *entry) {
    pthread_mutex_lock(&model->lock);
    const bool cancelled = entry->state == ENTRY_CANCELLED;
    const struct history_row row =
        row_without_training(model, entry, cancelled ? ENTRY_CANCELLED : ENTRY_DROPPED);
    pthread_mutex_unlock(&model->lock);
    if (entry->kind == ENTRY_CLONE) {
        registry_remove(entry->target); /* it will never be ready */
    }
    if (entry->checkpoint != NULL) {
        checkpoints_settle(model, entry->checkpoint, ERROR_GONE, 0);
    }
    queue_finish(model, entry, &row, NULL);
}

struct history_row queue_look(struct entry *entry) {
    pthread_mutex_lock(&entry->model->lock);
    const bool trained = entry->state == ENTRY_DONE || entry->state == ENTRY_DIVERGED;
    const struct history_row row =
        trained ? entry->result : row_without_training(entry->model, entry, entry->state);
    pthread_mutex_unlock(&entry->model->lock);
    return row;
}

/* With the lock held: the queued entry of that batch, or NULL. */
static const struct entry *find_queued(const struct model *model, uint64_t number) {
    const struct entry *entry = model->entries.first;
    while (entry != NULL && entry->number != number) {
        entry = entry->next;
    }
    return entry;
}

enum error_code queue_find_batch(struct model *model, uint64_t number, struct history_row *row,
                                 struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&model->lock);
    const struct history *history = &model->history;
    const size_t i = number > 0 ? history_after(history, number - 1) : history->count;
    if (number < 1 || number > model->last_number) {
        code = error_set(error, ERROR_NOT_FOUND, NULL,
                         "no batch %llu: the newest of this model is %llu",
                         (unsigned long long)number, (unsigned long long)model->last_number);
    } else if (i == history->count) {
        /* Not finished: queued, or in its turn. */
        static const struct entry in_its_turn = {.state = ENTRY_QUEUED};
        const struct entry *queued = find_queued(model, number);
        const struct entry *entry = queued != NULL ? queued : &in_its_turn;
        *row = row_without_training(model, entry, entry->state);
        row->batch = number;
    } else if (history_at(history, i)->batch == number) {
        *row = *history_at(history, i);
    } else {
        code = error_set(error, ERROR_GONE, NULL,
                         "batch %llu is older than the %d that are kept; see /v1/models/%s/loss",
                         (unsigned long long)number, HISTORY_ROWS_MAX, model->name);
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

struct batch_tally queue_tally(struct model *model, uint64_t first, uint64_t last) {
    struct batch_tally tally = {0};
    pthread_mutex_lock(&model->lock);
    const struct history *history = &model->history;
    const uint64_t oldest = history->count > 0 ? history_at(history, 0)->batch : UINT64_MAX;
    uint64_t over = 0; /* of these batches */
    for (size_t i = history_after(history, first - 1);
         i < history->count && history_at(history, i)->batch <= last; i++) {
        batch_tally_add(&tally, history_at(history, i));
        over++;
    }
    if (history->count > 0 && first < oldest) {
        tally.forgotten = (last < oldest ? last + 1 : oldest) - first;
    }
    for (const struct entry *entry = model->entries.first; entry != NULL; entry = entry->next) {
        if (entry->kind == ENTRY_BATCH && entry->state == ENTRY_CANCELLED &&
            entry->number >= first && entry->number <= last) {
            const struct history_row row = row_without_training(model, entry, entry->state);
            batch_tally_add(&tally, &row);
            over++;
        }
    }
    tally.waiting = last - first + 1 - tally.forgotten - over;
    pthread_mutex_unlock(&model->lock);
    return tally;
}

struct accepted queue_look_accepted(struct model *model, const struct key_record *record) {
    pthread_mutex_lock(&model->lock);
    const struct accepted accepted = {
        .first = record->first,
        .last = record->last,
        .entry = record->entry != NULL ? entry_reference(record->entry) : NULL,
        .refused = atomic_load_explicit(&record->refused, memory_order_acquire),
    };
    pthread_mutex_unlock(&model->lock);
    return accepted;
}

void queue_put(struct entry *entry) {
    struct model *model = entry->model;
    const bool waits = entry->state != ENTRY_CANCELLED;
    bool queued;
    pthread_mutex_lock(&model->lock);
    model->pending += waits;
    model->unfinished++;
    pthread_mutex_unlock(&model->lock);
    if (waits) {
        backlog_put(model->backlog);
    }
    (void)queue_acknowledge(entry, &queued);
    if (!queued) {
        queue_drop(model, entry_reference(entry));
    }
}

/* --- taking back ----------------------------------------------------------------- */

/* With the lock held: the number joins the ranges of what the ticket takes back. */
static enum error_code note_number(struct entry *ticket, uint64_t number, struct error *error) {
    struct buffer *cancelled = &ticket->cancelled;
    if (cancelled->used > 0) {
        uint64_t *last = (uint64_t *)(void *)(cancelled->data + cancelled->used) - 1;
        if (*last == number - 1) {
            *last = number;
            return ERROR_NONE;
        }
    }
    const uint64_t range[] = {number, number};
    return buffer_append(cancelled, range, sizeof range, error);
}

/* With the lock held. */
static void let_go(struct model *model) {
    for (struct entry *entry = model->entries.first; entry != NULL; entry = entry->next) {
        entry->held = false;
    }
}

enum error_code queue_hold(struct entry *ticket, struct error *error) {
    struct model *model = ticket->model;
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&model->lock);
    for (struct entry *entry = model->entries.first; entry != NULL && code == ERROR_NONE;
         entry = entry->next) {
        if (is_queued_batch(entry) && entry->number >= ticket->first_number &&
            entry->number <= ticket->last_number) {
            code = note_number(ticket, entry->number, error);
            entry->held = code == ERROR_NONE;
            ticket->cancelled_count++;
        }
    }
    if (code != ERROR_NONE) {
        let_go(model);
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

void queue_let_go(struct model *model) {
    pthread_mutex_lock(&model->lock);
    let_go(model);
    pthread_mutex_unlock(&model->lock);
}

/* Its place in the queue stays, so that its row comes in order; its memory goes at once. */
void queue_cancel_entry(struct entry *entry) {
    entry->state = ENTRY_CANCELLED;
    example_set_release(entry->set);
    entry->set = NULL;
}

void queue_cancel_held(struct model *model) {
    size_t cancelled = 0;
    pthread_mutex_lock(&model->lock);
    for (struct entry *entry = model->entries.first; entry != NULL; entry = entry->next) {
        if (entry->held) {
            entry->held = false;
            queue_cancel_entry(entry);
            cancelled++;
        }
    }
    model->pending -= cancelled;
    struct waiter *satisfied = waiters_take_satisfied(model);
    pthread_mutex_unlock(&model->lock);
    waiters_complete(satisfied);
    backlog_remove(model->backlog, cancelled);
}
