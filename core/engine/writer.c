/* The writer; see writer.h. */
#include "core/engine/writer.h"

#include <time.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/queue.h"
#include "core/engine/registry.h"

#define TICK_SECONDS 1
#define RETRY_SECONDS 0.1

/* --- the store ----------------------------------------------------------------- */

enum store_result writer_commit(struct writer *writer, const struct store_change *changes,
                                size_t count, struct error *error) {
    for (;;) {
        const enum store_result result =
            store_commit(writer->settings.store, changes, count, error);
        if (result == STORE_FATAL || result == STORE_CORRUPT) {
            writer->settings.fatal(error->message);
        }
        if (result != STORE_UNAVAILABLE) {
            return result;
        }
        clock_pause(RETRY_SECONDS); /* nothing can be acknowledged anyway */
    }
}

/* One that cannot be stored does not keep the others from it. */
static void store_each(struct writer *writer, struct group *group) {
    for (size_t i = 0; i < group->record_count; i++) {
        const struct group_record *record = &group->records[i];
        struct error error;
        if (group_record_is_out(record) ||
            writer_commit(writer, group->changes + record->change, record->change_count, &error) !=
                STORE_OK) {
            group_refuse(record, ERROR_STORAGE);
        }
    }
}

static void store_group(struct writer *writer, struct group *group) {
    struct error error;
    if (group->change_count > 0 &&
        writer_commit(writer, group->changes, group->change_count, &error) != STORE_OK) {
        store_each(writer, group);
    }
}

/* --- what becomes of entries ------------------------------------------------------ */

/* Its first weights are a worker's work; they complete the call. */
static void begin_model(struct writer *writer, struct entry *entry) {
    struct model *model = entry->model;
    struct error error;
    if (model_ask(model, entry->query, entry->acknowledged, &error) == ERROR_NONE) {
        scheduler_list(writer->settings.scheduler, model, TURN_ANSWERING);
    } else {
        completion_call(entry->acknowledged);
    }
}

static void refuse_model(struct entry *entry) {
    struct model *model = entry->model;
    if (entry->record != NULL) {
        /* Release: for who finds the key in the engine's table. */
        atomic_store_explicit(&entry->record->refused, true, memory_order_release);
    }
    model->refusal = entry->refusal; /* before it is deleted, with its lock held */
    registry_remove(model);
    (void)model_delete(model); /* for repeats that wait for it */
    completion_call(entry->acknowledged);
}

static void cancel(struct writer *writer, struct entry *ticket) {
    if (ticket->refusal == ERROR_NONE) {
        queue_cancel_held(ticket->model);
    } else {
        queue_let_go(ticket->model);
    }
    if (ticket->cancelled_count > 0) {
        scheduler_list(writer->settings.scheduler, ticket->model, TURN_TRAINING);
    }
    completion_call(ticket->acknowledged);
}

static void delete_model(struct writer *writer, struct entry *ticket) {
    snapshots_forget(&writer->snapshots, ticket->model);
    if (ticket->refusal != ERROR_NONE) { /* until there is room again */
        struct entry *again = entry_create(ticket->model, ENTRY_DELETION);
        if (again != NULL) {
            entry_queue_push(&writer->deletions, again);
        }
    }
    completion_call(ticket->acknowledged);
}

static void refuse(struct entry *entry) {
    completion_call(queue_refuse(entry, entry->refusal));
}

static void acknowledge(struct writer *writer, struct entry *entry) {
    struct model *model = entry->model;
    bool queued;
    struct completion *acknowledged = queue_acknowledge(entry, &queued);
    if (queued) {
        scheduler_list(writer->settings.scheduler, model, TURN_TRAINING);
    } else {
        queue_drop(model, entry_reference(entry));
    }
    completion_call(acknowledged);
}

static void finish(struct writer *writer, struct entry *entry) {
    const bool refused = entry->refusal != ERROR_NONE;
    if (refused) {
        atomic_fetch_add_explicit(&writer->figures.refused, 1, memory_order_relaxed);
    }
    switch (entry->kind) {
    case ENTRY_CREATION:
        if (refused) {
            refuse_model(entry);
        } else {
            begin_model(writer, entry);
        }
        return;
    case ENTRY_DELETION:
        delete_model(writer, entry);
        return;
    case ENTRY_CANCELLATION:
        cancel(writer, entry);
        return;
    default:
        if (refused) {
            refuse(entry);
        } else {
            acknowledge(writer, entry);
        }
    }
}

static void write_entries(struct writer *writer, struct entry_queue *entries) {
    struct group *group = writer->group;
    while (entries->first != NULL) {
        group_fill(group, entries);
        store_group(writer, group);
        struct entry_queue written = group->entries;
        group_clear(group);
        struct entry *entry;
        while ((entry = entry_queue_pop(&written)) != NULL) {
            finish(writer, entry);
            if (writer->settings.store != NULL && entry->place > 0) {
                snapshots_note(&writer->snapshots, entry);
            }
            entry_release(entry);
        }
        snapshots_begin_noted(&writer->snapshots);
    }
}

/* --- the thread ------------------------------------------------------------------- */

static void push_task(struct writer *writer, struct writer_task *task) {
    task->next = NULL;
    if (writer->newest_task != NULL) {
        writer->newest_task->next = task;
    } else {
        writer->task = task;
    }
    writer->newest_task = task;
}

/* With the lock held; NULL: there is none. */
static struct writer_task *pop_task(struct writer *writer) {
    struct writer_task *task = writer->task;
    if (task != NULL) {
        writer->task = task->next;
        if (writer->task == NULL) {
            writer->newest_task = NULL;
        }
    }
    return task;
}

/* With the lock held: something is submitted, or a tick is over. */
static void wait(struct writer *writer) {
    if (writer->settings.store == NULL) {
        pthread_cond_wait(&writer->submitted, &writer->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_SECONDS;
    (void)pthread_cond_timedwait(&writer->submitted, &writer->lock, &until);
}

static void put(atomic_uint_fast64_t *figure, uint64_t value) {
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

static void note_figures(struct writer *writer) {
    const struct store_figures found = store_look(writer->settings.store);
    put(&writer->figures.bytes, found.bytes);
    put(&writer->figures.bytes_unsynced, found.bytes_unsynced);
    put(&writer->figures.commits, found.commits);
    put(&writer->figures.syncs, found.syncs);
}

/* What can wait until a second has passed, busy or not. */
static void tick(struct writer *writer) {
    struct store *store = writer->settings.store;
    const double now = clock_monotonic_seconds();
    struct error error;
    writer->ticked_at = now;
    if (store_sync(store, &error) == STORE_FATAL) {
        writer->settings.fatal(error.message);
    }
    struct entry_queue deletions = writer->deletions;
    writer->deletions = (struct entry_queue){0};
    write_entries(writer, &deletions);
    snapshots_tick(&writer->snapshots);
    note_figures(writer);
}

/* A piece of what nobody waits for; `*more` says whether there is another. */
static void tidy(struct writer *writer, bool *more) {
    struct error error;
    const enum store_result result = store_tidy(writer->settings.store, more, &error);
    if (result == STORE_FATAL) {
        writer->settings.fatal(error.message);
    }
    *more = *more && result == STORE_OK;
}

static void work(struct writer *writer, struct entry_queue *entries, struct writer_task *task,
                 bool ends) {
    const bool idle = entries->first == NULL && task == NULL;
    write_entries(writer, entries);
    if (task != NULL && task->step(task, writer)) {
        writer_add_task(writer, task);
    }
    if (writer->settings.store == NULL) {
        return;
    }
    if (ends && idle) {
        writer->finished = !snapshots_finish(&writer->snapshots);
    }
    if (clock_monotonic_seconds() - writer->ticked_at >= TICK_SECONDS) {
        tick(writer);
        writer->untidy = true;
    } else if (idle && writer->untidy) {
        tidy(writer, &writer->untidy);
    }
}

/* With the lock held: it ends when all is stored, the states of models too. */
static bool is_wanted(const struct writer *writer) {
    return !writer->stop || writer->entries.first != NULL || writer->task != NULL ||
           !writer->finished;
}

/* It has something of its own to do, or is about to end. */
static bool is_busy(const struct writer *writer) {
    return writer->untidy || (writer->stop && writer->snapshots.running == 0);
}

static void *writer_main(void *argument) {
    struct writer *writer = argument;
    if (writer->settings.store != NULL) {
        note_figures(writer);
    }
    pthread_mutex_lock(&writer->lock);
    while (is_wanted(writer)) {
        if (writer->entries.first == NULL && writer->task == NULL && !is_busy(writer)) {
            wait(writer);
        }
        struct entry_queue entries = writer->entries;
        writer->entries = (struct entry_queue){0};
        struct writer_task *task = pop_task(writer);
        const bool ends = writer->stop;
        pthread_mutex_unlock(&writer->lock);
        work(writer, &entries, task, ends);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

enum error_code writer_start(struct writer *writer, const struct writer_settings *settings,
                             struct writer_task *first, struct error *error) {
    *writer = (struct writer){.settings = *settings, .ticked_at = clock_monotonic_seconds()};
    writer->finished = settings->store == NULL;
    writer->group = group_create(settings->store != NULL ? settings->codec : NULL);
    if (writer->group == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the writer");
    }
    snapshots_init(&writer->snapshots, writer);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->submitted, &attributes);
    pthread_condattr_destroy(&attributes);
    if (first != NULL) {
        push_task(writer, first);
    }
    if (pthread_create(&writer->thread, NULL, writer_main, writer) != 0) {
        group_destroy(writer->group);
        return error_set(error, ERROR_INTERNAL, NULL, "the system starts no thread more");
    }
    return ERROR_NONE;
}

void writer_stop(struct writer *writer) {
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->submitted);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    snapshots_end(&writer->snapshots);
    struct entry *entry;
    while ((entry = entry_queue_pop(&writer->deletions)) != NULL) {
        entry_release(entry);
    }
    group_destroy(writer->group);
}

void writer_finish_tasks(struct writer *writer) {
    struct writer_task *task;
    while ((task = pop_task(writer)) != NULL) {
        while (task->step(task, writer)) {
        }
    }
    pthread_cond_destroy(&writer->submitted);
    pthread_mutex_destroy(&writer->lock);
}

void writer_submit(struct writer *writer, struct entry *const *entries, size_t count) {
    pthread_mutex_lock(&writer->lock);
    for (size_t i = 0; i < count; i++) {
        entry_queue_push(&writer->entries, entry_reference(entries[i]));
    }
    pthread_cond_signal(&writer->submitted);
    pthread_mutex_unlock(&writer->lock);
}

void writer_add_task(struct writer *writer, struct writer_task *task) {
    pthread_mutex_lock(&writer->lock);
    push_task(writer, task);
    pthread_cond_signal(&writer->submitted);
    pthread_mutex_unlock(&writer->lock);
}
