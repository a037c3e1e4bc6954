/* How models come into being; see creation.h. */
#include "core/engine/creation.h"

#include "core/base/memory.h"
#include "core/engine/state_store.h"

struct creation {
    struct writer_task task;
    struct writer *writer;
    struct entry *entry; /* referenced */
    struct state_blob blob;
};

/* The state is stored, or cannot be: the entry goes its way. */
static void hand_in(struct creation *creation) {
    writer_submit(creation->writer, &creation->entry, 1);
    creation_free(creation);
}

static bool store_state(struct writer_task *task, struct writer *writer) {
    struct creation *creation = (struct creation *)task;
    struct entry *entry = creation->entry;
    struct error error;
    if (!state_blob_is_whole(&creation->blob)) {
        if (state_blob_store(&creation->blob, writer, &error) == STORE_OK) {
            return true;
        }
        state_blob_give_up(&creation->blob, writer);
        entry->refusal = ERROR_STORAGE;
    } else {
        entry->blob = creation->blob.blob;
    }
    hand_in(creation);
    return false;
}

enum error_code creation_create(struct query *query, struct key_record *record,
                                struct writer *writer, struct creation **result,
                                struct error *error) {
    struct creation *creation = memory_allocate_zero(1, sizeof *creation);
    struct entry *entry = creation != NULL ? entry_create(query->model, ENTRY_CREATION) : NULL;
    if (entry == NULL) {
        memory_free(creation);
        return error_set(error, ERROR_MEMORY, NULL, "no memory to begin a model");
    }
    entry->query = query_reference(query);
    entry->record = record != NULL ? key_record_reference(record) : NULL;
    creation->entry = entry;
    creation->writer = writer;
    creation->task.step = store_state;
    *result = creation;
    return ERROR_NONE;
}

void creation_begin(struct creation *creation, struct completion *done) {
    struct entry *entry = creation->entry;
    const struct model *model = entry->model;
    entry->acknowledged = done;
    if (model->initial != NULL && creation->writer->settings.store != NULL) {
        creation->blob = (struct state_blob){.state = model->initial, .model = model->id};
        writer_add_task(creation->writer, &creation->task);
    } else {
        hand_in(creation);
    }
}

void creation_free(struct creation *creation) {
    if (creation != NULL) {
        entry_release(creation->entry);
        memory_free(creation);
    }
}
