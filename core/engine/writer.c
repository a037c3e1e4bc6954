/* The writer; see writer.h. */
#include "core/engine/writer.h"

#include "core/engine/queue.h"

static void acknowledge(struct writer *writer, struct entry *entry) {
    struct model *model = entry->model;
    bool queued;
    struct completion *acknowledged = queue_acknowledge(entry, &queued);
    if (queued) {
        scheduler_list(writer->scheduler, model, TURN_TRAINING);
    } else {
        queue_drop(model, entry_reference(entry));
    }
    completion_call(acknowledged);
    entry_release(entry);
}

static void *writer_main(void *argument) {
    struct writer *writer = argument;
    pthread_mutex_lock(&writer->lock);
    while (!writer->stop || writer->entries.first != NULL) {
        if (writer->entries.first == NULL) {
            pthread_cond_wait(&writer->submitted, &writer->lock);
            continue;
        }
        struct entry_queue group = writer->entries;
        writer->entries = (struct entry_queue){0};
        pthread_mutex_unlock(&writer->lock);
        struct entry *entry;
        while ((entry = entry_queue_pop(&group)) != NULL) {
            acknowledge(writer, entry);
        }
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

enum error_code writer_start(struct writer *writer, struct scheduler *scheduler,
                             struct error *error) {
    *writer = (struct writer){.scheduler = scheduler};
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->submitted, NULL);
    if (pthread_create(&writer->thread, NULL, writer_main, writer) != 0) {
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
