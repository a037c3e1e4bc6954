/* Checkpoints in a store; see checkpoint_store.h. */
#include "core/engine/checkpoint_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/model.h"
#include "core/engine/state_store.h"

#define LAYOUT 1
#define KIND_REMOVED UINT32_MAX /* the row only remembers its version */
#define CHUNKS_A_STEP 4

static bool is_deleted(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const bool deleted = model->deleted;
    pthread_mutex_unlock(&model->lock);
    return deleted;
}

static struct writer *writer_of(const struct model *model) {
    return model->checkpoints.keeping->writer;
}

/* --- keeping ----------------------------------------------------------------------- */

struct keeping {
    struct writer_task task; /* first */
    struct model *model;     /* referenced, as the checkpoint */
    struct checkpoint *checkpoint;
    struct state_blob blob;
};

static void fill_head(struct checkpoint_head *head, const struct checkpoint *checkpoint) {
    const struct checkpoint_figures *figures = &checkpoint->figures;
    *head = (struct checkpoint_head){
        .layout = LAYOUT,
        .kind = (uint32_t)checkpoint->kind,
        .step = figures->step,
        .examples = figures->examples,
        .batch = figures->batch,
        .last_loss = figures->last_loss,
        .running_loss = figures->running_loss,
        .running_accuracy = figures->running_accuracy,
        .created_at = checkpoint->created_at,
        .bytes = checkpoint->bytes,
    };
    snprintf(head->note, sizeof head->note, "%s", checkpoint->note);
    if (checkpoint->record != NULL) {
        head->payload = checkpoint->record->payload;
        snprintf(head->key, sizeof head->key, "%s", checkpoint->record->key);
    }
}

static enum store_result add_row(struct keeping *keeping, struct writer *writer,
                                 struct error *error) {
    struct checkpoint_head head;
    fill_head(&head, keeping->checkpoint);
    const struct store_change change = {
        .kind = STORE_ADD_CHECKPOINT,
        .model = keeping->model->id,
        .add_checkpoint = {.version = keeping->checkpoint->version,
                           .blob = keeping->blob.blob,
                           .head = {.pieces = {{&head, sizeof head}}, .count = 1}},
    };
    return writer_commit(writer, &change, 1, error);
}

static bool end_keeping(struct keeping *keeping, enum error_code refusal) {
    checkpoints_settle(keeping->model, keeping->checkpoint, refusal, keeping->blob.blob);
    checkpoint_release(keeping->checkpoint);
    model_release(keeping->model);
    memory_free(keeping);
    return false;
}

static bool keep_step(struct writer_task *task, struct writer *writer) {
    struct keeping *keeping = (struct keeping *)task;
    struct error error;
    enum store_result result = STORE_FENCED;
    if (!is_deleted(keeping->model)) {
        const bool whole = state_blob_is_whole(&keeping->blob);
        result = whole ? add_row(keeping, writer, &error)
                       : state_blob_store(&keeping->blob, writer, &error);
        if (result == STORE_OK && !whole) {
            return true;
        }
    }
    if (result != STORE_OK) {
        state_blob_give_up(&keeping->blob, writer);
    }
    return end_keeping(keeping, result == STORE_OK     ? ERROR_NONE
                                : result == STORE_FULL ? ERROR_STORAGE
                                                       : ERROR_GONE);
}

void checkpoint_store_keep(struct model *model, struct checkpoint *checkpoint) {
    struct keeping *keeping = memory_allocate_zero(1, sizeof *keeping);
    if (keeping == NULL) {
        checkpoints_settle(model, checkpoint, ERROR_MEMORY, 0);
        return;
    }
    keeping->task.step = keep_step;
    keeping->model = model_reference(model);
    keeping->checkpoint = checkpoint_reference(checkpoint);
    keeping->blob = (struct state_blob){.state = checkpoint->numbers, .model = model->id};
    writer_add_task(writer_of(model), &keeping->task);
}

/* --- removing ---------------------------------------------------------------------- */

struct removing {
    struct writer_task task; /* first */
    struct model *model;     /* referenced */
    uint64_t version;
    struct completion *removed;
};

/* Where no newer one is stored, its number is remembered in place of the one before. */
static bool remove_step(struct writer_task *task, struct writer *writer) {
    struct removing *removing = (struct removing *)task;
    struct model *model = removing->model;
    static const struct checkpoint_head head = {.layout = LAYOUT, .kind = KIND_REMOVED};
    struct error error;
    pthread_mutex_lock(&model->lock);
    const bool newest = !checkpoints_has_newer(&model->checkpoints, removing->version);
    const uint64_t former = model->checkpoints.removed;
    pthread_mutex_unlock(&model->lock);
    const struct store_change changes[] = {
        {.kind = STORE_REMOVE_CHECKPOINT,
         .model = model->id,
         .remove_checkpoint.version = removing->version},
        {.kind = STORE_ADD_CHECKPOINT,
         .model = model->id,
         .add_checkpoint = {.version = removing->version,
                            .head = {.pieces = {{&head, sizeof head}}, .count = 1}}},
        {.kind = STORE_REMOVE_CHECKPOINT, .model = model->id, .remove_checkpoint.version = former},
    };
    const size_t count = !newest || former > removing->version ? 1 : former == 0 ? 2 : 3;
    const enum store_result result = writer_commit(writer, changes, count, &error);
    if (result == STORE_OK && count > 1) {
        pthread_mutex_lock(&model->lock);
        model->checkpoints.removed = removing->version;
        pthread_mutex_unlock(&model->lock);
    }
    completion_call(removing->removed);
    model_release(model);
    memory_free(removing);
    return false;
}

enum error_code checkpoint_store_remove(struct model *model, uint64_t version,
                                        struct completion *removed) {
    struct removing *removing = memory_allocate_zero(1, sizeof *removing);
    if (removing == NULL) {
        return ERROR_MEMORY;
    }
    removing->task.step = remove_step;
    removing->model = model_reference(model);
    removing->version = version;
    removing->removed = removed;
    writer_add_task(writer_of(model), &removing->task);
    return ERROR_NONE;
}

/* --- opening ----------------------------------------------------------------------- */

void checkpoint_opening_release(struct checkpoint_opening *opening) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (opening == NULL ||
        atomic_fetch_sub_explicit(&opening->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    state_release(opening->numbers);
    checkpoint_release(opening->checkpoint);
    model_release(opening->model);
    memory_free(opening);
}

static enum error_code check_kept(struct checkpoint_opening *opening) {
    return checkpoints_look(opening->model, opening->checkpoint) == CHECKPOINT_KEPT
               ? ERROR_NONE
               : error_set(&opening->error, ERROR_NOT_FOUND, NULL,
                           "checkpoint %" PRIu64 " of %s was removed", opening->checkpoint->version,
                           opening->model->name);
}

/* Some chunks more. */
static enum error_code read_chunks(struct checkpoint_opening *opening, struct store *store) {
    const struct checkpoint *checkpoint = opening->checkpoint;
    enum error_code code = ERROR_NONE;
    if (opening->numbers == NULL) {
        code = state_create_raw(checkpoint->bytes, checkpoint->ledger, &opening->numbers,
                                &opening->error);
    }
    for (int i = 0; i < CHUNKS_A_STEP && code == ERROR_NONE && opening->read < checkpoint->bytes;
         i++) {
        code = state_blob_read(store, checkpoint->blob, opening->numbers, &opening->read,
                               &opening->error);
    }
    if (code == ERROR_NONE && opening->read == checkpoint->bytes) {
        code = state_check(opening->numbers, &opening->model->network, &opening->error);
    }
    return code;
}

static bool open_step(struct writer_task *task, struct writer *writer) {
    struct checkpoint_opening *opening = (struct checkpoint_opening *)task;
    enum error_code code = check_kept(opening);
    if (code == ERROR_NONE) {
        code = read_chunks(opening, writer->settings.store);
        if (code == ERROR_NONE && opening->read < opening->checkpoint->bytes) {
            return true;
        }
        if (code == ERROR_DAMAGED) {
            (void)check_kept(opening); /* it went meanwhile */
        }
    }
    if (code != ERROR_NONE) {
        state_release(opening->numbers);
        opening->numbers = NULL;
    }
    completion_call(opening->completion);
    checkpoint_opening_release(opening);
    return false;
}

enum error_code checkpoint_open(struct model *model, struct checkpoint *checkpoint,
                                struct completion *completion, struct checkpoint_opening **result,
                                struct error *error) {
    struct checkpoint_opening *opening = memory_allocate_zero(1, sizeof *opening);
    if (opening == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory to open a checkpoint");
    }
    atomic_init(&opening->references, 1);
    opening->task.step = open_step;
    opening->model = model_reference(model);
    opening->checkpoint = checkpoint_reference(checkpoint);
    opening->completion = completion;
    opening->numbers = checkpoints_numbers(model, checkpoint);
    *result = opening;
    if (opening->numbers != NULL) {
        completion_call(completion);
    } else {
        atomic_fetch_add_explicit(&opening->references, 1, memory_order_relaxed);
        writer_add_task(writer_of(model), &opening->task);
    }
    return ERROR_NONE;
}

/* --- recovery ---------------------------------------------------------------------- */

struct recovering {
    struct model *model;
    enum error_code code;
    struct error *error;
};

static enum error_code make(struct model *model, const struct store_checkpoint *stored,
                            const struct checkpoint_head *head, struct error *error) {
    struct key_record *record = NULL;
    struct checkpoint *checkpoint = NULL;
    enum error_code code = ERROR_NONE;
    if (head->key[0] != '\0') {
        code = key_record_create(head->key, model->ledger, &record, error);
    }
    if (code == ERROR_NONE) {
        if (record != NULL) {
            record->payload = head->payload;
        }
        code = checkpoint_create((enum checkpoint_kind)head->kind, head->note, record, NULL,
                                 model->ledger, &checkpoint, error);
    }
    key_record_release(record);
    if (code != ERROR_NONE) {
        return code;
    }
    checkpoint->version = stored->version;
    checkpoint->blob = stored->blob;
    checkpoint->bytes = head->bytes;
    checkpoint->created_at = head->created_at;
    checkpoint->figures = (struct checkpoint_figures){.step = head->step,
                                                      .examples = head->examples,
                                                      .batch = head->batch,
                                                      .last_loss = head->last_loss,
                                                      .running_loss = head->running_loss,
                                                      .running_accuracy = head->running_accuracy};
    code = checkpoints_add(model, checkpoint, CHECKPOINT_KEPT, error);
    checkpoint_release(checkpoint);
    return code;
}

static bool recover_one(const struct store_checkpoint *stored, void *context) {
    struct recovering *recovering = context;
    struct model *model = recovering->model;
    struct checkpoint_head head;
    if (stored->head_bytes != sizeof head) {
        recovering->code = error_set(recovering->error, ERROR_DAMAGED, NULL,
                                     "the head of checkpoint %" PRIu64 " has %zu bytes",
                                     stored->version, stored->head_bytes);
        return false;
    }
    memcpy(&head, stored->head, sizeof head);
    head.note[CHECKPOINT_NOTE_BYTES_MAX] = head.key[KEY_BYTES_MAX] = '\0';
    model->checkpoints.last_version = stored->version; /* they come by version */
    model->checkpoints.last_recovered = stored->version;
    if (head.layout != LAYOUT || (head.kind >= CHECKPOINT_KINDS && head.kind != KIND_REMOVED)) {
        recovering->code =
            error_set(recovering->error, ERROR_DAMAGED, NULL,
                      "checkpoint %" PRIu64 " is of a layout or kind that this mlpd does not know",
                      stored->version);
    } else if (head.kind == KIND_REMOVED) {
        model->checkpoints.removed = stored->version;
    } else {
        recovering->code = make(model, stored, &head, recovering->error);
    }
    return recovering->code == ERROR_NONE;
}

enum error_code checkpoint_store_recover(struct model *model, struct store *store,
                                         struct error *error) {
    struct recovering recovering = {.model = model, .error = error};
    const enum store_result result =
        store_read_checkpoints(store, model->id, recover_one, &recovering, error);
    return result == STORE_OK ? recovering.code : ERROR_DAMAGED;
}

enum error_code checkpoint_store_note_restore(struct model *model,
                                              const struct record_restore *restore, uint64_t place,
                                              struct error *error) {
    struct checkpoint *checkpoint;
    if (checkpoints_find(model, restore->version, &checkpoint, error) != ERROR_NONE) {
        return error->code = ERROR_DAMAGED;
    }
    checkpoint->restored_at = place;
    checkpoint_release(checkpoint);
    struct checkpoints *checkpoints = &model->checkpoints;
    if (restore->former > checkpoints->last_version) {
        checkpoints->last_version = restore->former;
    }
    return ERROR_NONE;
}

static enum error_code prepare_former(struct entry *entry, const struct record_restore *restore,
                                      struct error *error) {
    struct model *model = entry->model;
    struct state *numbers;
    const struct optimizer_settings *optimizer = &model->settings->specification.optimizer;
    const size_t slots = optimizer_functions[optimizer->optimizer].slots(optimizer);
    if (restore->former <= model->checkpoints.last_recovered) {
        return ERROR_NONE;
    }
    enum error_code code = state_create(&model->network, slots, model->ledger, &numbers, error);
    if (code == ERROR_NONE) {
        code = checkpoint_create(CHECKPOINT_PROMOTION, restore->note, NULL, numbers, model->ledger,
                                 &entry->checkpoint, error);
        state_release(numbers);
    }
    if (code == ERROR_NONE) {
        entry->checkpoint->version = restore->former;
        code = checkpoints_add(model, entry->checkpoint, CHECKPOINT_PENDING, error);
    }
    return code;
}

enum error_code checkpoint_store_prepare_restore(struct entry *entry,
                                                 const struct record_restore *restore,
                                                 struct error *error) {
    struct checkpoint *checkpoint;
    const enum error_code code =
        checkpoints_find(entry->model, restore->version, &checkpoint, error);
    if (code != ERROR_NONE) {
        return code;
    }
    entry->numbers = checkpoints_numbers(entry->model, checkpoint);
    checkpoint_release(checkpoint);
    return prepare_former(entry, restore, error);
}

enum error_code checkpoint_store_load_restored(struct model *model, struct store *store,
                                               struct error *error) {
    struct checkpoints *checkpoints = &model->checkpoints;
    enum error_code code = ERROR_NONE;
    for (size_t i = 0; i < checkpoints->count && code == ERROR_NONE; i++) {
        struct checkpoint *checkpoint = checkpoints->list[i];
        if (checkpoint->restored_at > checkpoints->covered && checkpoint->numbers == NULL) {
            code = state_blob_load(store, checkpoint->blob, checkpoint->bytes, model->ledger,
                                   &checkpoint->numbers, error);
            if (code == ERROR_NONE) {
                code = state_check(checkpoint->numbers, &model->network, error);
            }
        }
    }
    return code;
}

void checkpoint_store_unload(struct model *model) {
    pthread_mutex_lock(&model->lock);
    struct checkpoints *checkpoints = &model->checkpoints;
    for (size_t i = 0; i < checkpoints->count; i++) {
        struct checkpoint *checkpoint = checkpoints->list[i];
        if (checkpoint->blob != 0) {
            state_release(checkpoint->numbers);
            checkpoint->numbers = NULL;
        }
    }
    pthread_mutex_unlock(&model->lock);
}
