/* Groups of entries; see group.h. */
#include "core/engine/group.h"

#include <stdio.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"
#include "core/engine/queue.h"
#include "core/engine/state.h"

#define MODEL_HEAD_VERSION 1

struct group *group_create(const struct specification_codec *codec) {
    struct group *group = memory_allocate_zero(1, sizeof *group);
    if (group != NULL) {
        group->codec = codec;
    }
    return group;
}

void group_destroy(struct group *group) {
    memory_free(group);
}

/* --- places -------------------------------------------------------------------- */

/* Held at once, so that what is written of them is what will be. */
static bool hold(struct entry *ticket) {
    struct error error;
    ticket->refusal = queue_hold(ticket, &error);
    return ticket->refusal == ERROR_NONE && ticket->cancelled_count > 0;
}

/* False: it has no place, because it is refused or there is nothing to keep. */
static bool place(struct entry *entry) {
    struct model_log *log = &entry->model->log;
    if (entry_changes_settings(entry)) {
        if (entry->settings->revision != log->revision + 1) {
            entry->refusal = ERROR_STALE; /* built on settings that were refused */
            return false;
        }
        log->revision++;
    }
    if (entry->kind == ENTRY_CANCELLATION && !hold(entry)) {
        return false;
    }
    if (record_kind_of(entry) != 0) {
        entry->place = ++log->place;
    }
    if (entry->kind == ENTRY_BATCH) {
        entry->number_given = ++log->number;
    }
    return true;
}

/* The places of an entry that is not stored are free again. */
static void withdraw(struct entry *entry) {
    struct model_log *log = &entry->model->log;
    if (entry->place > 0 && entry->place <= log->place) {
        log->place = entry->place - 1;
    }
    if (entry->number_given > 0 && entry->number_given <= log->number) {
        log->number = entry->number_given - 1;
    }
    if (entry_changes_settings(entry) && entry->settings->revision <= log->revision) {
        log->revision = entry->settings->revision - 1;
    }
    entry->place = entry->number_given = 0;
}

bool group_record_is_out(const struct group_record *record) {
    return record->entry->place > record->entry->model->log.place;
}

void group_refuse(const struct group_record *record, enum error_code refusal) {
    struct entry *entry = record->entry;
    for (size_t i = 0; i < record->entry_count; i++, entry = entry->next) {
        entry->refusal = refusal;
        withdraw(entry);
    }
}

/* --- records ------------------------------------------------------------------- */

static struct store_change *add_change(struct group *group, struct group_record *record,
                                       enum store_change_kind kind, const char *model) {
    struct store_change *change = &group->changes[group->change_count++];
    *change = (struct store_change){.kind = kind, .model = model};
    record->change_count++;
    return change;
}

static size_t payload_bytes(const struct store_payload *payload) {
    size_t bytes = 0;
    for (size_t i = 0; i < payload->count; i++) {
        bytes += payload->pieces[i].bytes;
    }
    return bytes;
}

/* The key that the last entry of a request brings. */
static void add_key(struct group *group, struct group_record *record, const struct entry *last) {
    const struct key_record *key = last->record;
    if (key == NULL) {
        return;
    }
    const bool makes_model = last->kind == ENTRY_CREATION;
    record->key = (struct key_head){.payload = key->payload,
                                    .first = last->number_given - key->batches + 1,
                                    .last = last->number_given,
                                    .batches = key->batches};
    if (makes_model) {
        record->key.first = record->key.last = 0;
        snprintf(record->key.model_id, sizeof record->key.model_id, "%s", last->model->id);
    }
    struct store_change *change =
        add_change(group, record, STORE_ADD_KEY, makes_model ? "" : last->model->id);
    change->add_key.key = key->key;
    change->add_key.accepted_at = clock_wall_seconds();
    change->add_key.payload.count = 1;
    change->add_key.payload.pieces[0] = (struct store_piece){&record->key, sizeof record->key};
}

/* The state that a model begins with: it covers an empty log. */
static void add_first_snapshot(struct group *group, struct group_record *record) {
    const struct model *model = record->entry->model;
    record->snapshot = (struct snapshot_head){
        .version = SNAPSHOT_VERSION,
        .revision = model->training_settings->revision,
        .updated_at = model->created_at,
        .state_bytes = model->initial->bytes,
    };
    struct store_change *change = add_change(group, record, STORE_PUT_SNAPSHOT, model->id);
    change->put_snapshot.blob = record->entry->blob;
    change->put_snapshot.head = (struct store_payload){
        .pieces = {{&record->snapshot, sizeof record->snapshot},
                   {record->text.data, record->text.used}},
        .count = 2,
    };
}

static enum error_code add_model(struct group *group, struct group_record *record,
                                 struct error *error) {
    const struct model *model = record->entry->model;
    record->model =
        (struct model_head){.version = MODEL_HEAD_VERSION, .created_at = model->created_at};
    const enum error_code code = group->codec->write(
        &model->specification, &model->training_settings->specification, &record->text, error);
    if (code == ERROR_NONE) {
        struct store_change *change = add_change(group, record, STORE_ADD_MODEL, model->id);
        change->add_model.name = model->name;
        change->add_model.head = (struct store_payload){
            .pieces = {{&record->model, sizeof record->model},
                       {record->text.data, record->text.used}},
            .count = 2,
        };
        if (record->entry->blob != 0) {
            add_first_snapshot(group, record);
        }
    }
    return code;
}

static enum error_code add_entry(struct group *group, struct group_record *record, uint64_t count,
                                 uint64_t rows, struct error *error) {
    struct store_payload payload;
    const enum error_code code = record_write(record->entry, rows, group->codec, &record->head,
                                              &record->text, &payload, error);
    if (code == ERROR_NONE) {
        struct store_change *change =
            add_change(group, record, STORE_APPEND, record->entry->model->id);
        change->append.first = record->entry->place;
        change->append.count = count;
        change->append.kind = record_kind_of(record->entry);
        change->append.payload = payload;
        group->bytes += payload_bytes(&payload);
    }
    return code;
}

static bool is_deleted(struct model *model) {
    pthread_mutex_lock(&model->lock);
    const bool deleted = model->deleted;
    pthread_mutex_unlock(&model->lock);
    return deleted;
}

/* What the store has to know of entries that make one record, if anything. */
static enum error_code write_record(struct group *group, struct entry *first, struct entry *last,
                                    uint64_t count, uint64_t rows, struct error *error) {
    struct group_record *record = &group->records[group->record_count++];
    *record =
        (struct group_record){.entry = first, .entry_count = count, .change = group->change_count};
    buffer_init(&record->text, first->model->ledger, "a record of the log");
    enum error_code code = ERROR_NONE;
    switch (first->kind) {
    case ENTRY_CREATION:
        code = add_model(group, record, error);
        break;
    case ENTRY_DELETION:
        add_change(group, record, STORE_REMOVE_MODEL, first->model->id);
        return ERROR_NONE;
    default:
        if (first->place == 0 || is_deleted(first->model)) {
            return ERROR_NONE;
        }
        code = add_entry(group, record, count, rows, error);
    }
    if (code == ERROR_NONE) {
        add_key(group, record, last);
    }
    return code;
}

/* --- filling ------------------------------------------------------------------- */

/* Do both belong to one request, whose batches lie behind each other? */
static bool continues(const struct entry *entry, const struct entry *next, size_t rows_of_batch) {
    return next != NULL && next->kind == ENTRY_BATCH && next->set == entry->set &&
           next->model == entry->model && entry->example_count == rows_of_batch &&
           next->first_row == entry->first_row + rows_of_batch &&
           next->example_count <= rows_of_batch;
}

static struct entry *take(struct group *group, struct entry_queue *from) {
    struct entry *entry = entry_queue_pop(from);
    entry_queue_push(&group->entries, entry);
    return entry;
}

static void fill_one(struct group *group, struct entry_queue *from) {
    struct entry *first = take(group, from);
    if (first->refusal != ERROR_NONE || !place(first)) {
        return;
    }
    struct entry *last = first;
    uint64_t count = 1;
    uint64_t rows = first->example_count;
    while (first->kind == ENTRY_BATCH && continues(last, from->first, first->example_count)) {
        last = take(group, from);
        (void)place(last); /* a batch always has one */
        rows += last->example_count;
        count++;
    }
    struct error error;
    if (group->codec != NULL) {
        const enum error_code code = write_record(group, first, last, count, rows, &error);
        if (code != ERROR_NONE) {
            group_refuse(&group->records[--group->record_count], code);
        }
    }
}

void group_fill(struct group *group, struct entry_queue *from) {
    while (from->first != NULL && group->record_count < GROUP_RECORDS_MAX &&
           group->bytes < GROUP_BYTES_MAX) {
        fill_one(group, from);
    }
}

void group_clear(struct group *group) {
    for (size_t i = 0; i < group->record_count; i++) {
        buffer_free(&group->records[i].text);
    }
    group->entries = (struct entry_queue){0};
    group->record_count = group->change_count = group->bytes = 0;
}
