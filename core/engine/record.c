/* Records of the log; see record.h. */
#include "core/engine/record.h"

#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/model.h"

#define RECORD_VERSION 1

_Static_assert(sizeof(struct record_head) == MEMORY_ALIGNMENT, "64 bytes, as the header says");

uint32_t record_kind_of(const struct entry *entry) {
    switch (entry->kind) {
    case ENTRY_BATCH:
        return RECORD_BATCHES;
    case ENTRY_SETTINGS:
        return RECORD_SETTINGS;
    case ENTRY_RESET:
        return RECORD_RESET;
    case ENTRY_RESTORE:
        return RECORD_RESTORE;
    case ENTRY_CANCELLATION:
        return RECORD_CANCELLATION;
    default:
        return 0;
    }
}

/* --- writing ------------------------------------------------------------------- */

static void add_piece(struct store_payload *payload, const void *data, size_t bytes) {
    if (bytes > 0) {
        payload->pieces[payload->count++] = (struct store_piece){data, bytes};
    }
}

static void write_batches(const struct entry *entry, uint64_t rows, struct record_head *head,
                          struct store_payload *payload) {
    const struct network *network = &entry->model->network;
    const struct pass_batch batch =
        examples_as_batch(&entry->set->examples, entry->first_row, rows);
    head->number = entry->number_given;
    head->rows = rows;
    head->rows_of_batch = entry->example_count;
    head->inputs = network->inputs;
    head->outputs = network->outputs;
    add_piece(payload, batch.inputs, rows * network->inputs * sizeof(float));
    if (batch.labels != NULL) {
        head->contents |= RECORD_HAS_LABELS;
        add_piece(payload, batch.labels, rows * sizeof(int32_t));
    }
    if (batch.targets != NULL) {
        head->contents |= RECORD_HAS_TARGETS;
        add_piece(payload, batch.targets, rows * network->outputs * sizeof(float));
    }
    if (batch.sample_weights != NULL) {
        head->contents |= RECORD_HAS_SAMPLE_WEIGHTS;
        add_piece(payload, batch.sample_weights, rows * sizeof(float));
    }
}

/* In front of the settings. */
static enum error_code write_restore(const struct entry *entry, struct buffer *text,
                                     struct error *error) {
    struct record_restore restore = {.version = entry->restored};
    if (entry->checkpoint != NULL) {
        restore.former = entry->checkpoint->version;
        snprintf(restore.note, sizeof restore.note, "%s", entry->checkpoint->note);
    }
    return buffer_append(text, &restore, sizeof restore, error);
}

enum error_code record_write(const struct entry *entry, uint64_t rows,
                             const struct specification_codec *codec, struct record_head *head,
                             struct buffer *text, struct store_payload *payload,
                             struct error *error) {
    enum error_code code = ERROR_NONE;
    *head = (struct record_head){.version = RECORD_VERSION};
    payload->count = 0;
    add_piece(payload, head, sizeof *head);
    switch (entry->kind) {
    case ENTRY_BATCH:
        write_batches(entry, rows, head, payload);
        break;
    case ENTRY_RESTORE:
        code = write_restore(entry, text, error);
        if (code != ERROR_NONE) {
            return code;
        }
        /* fall through */
    case ENTRY_SETTINGS:
    case ENTRY_RESET:
        head->revision = entry->settings->revision;
        code = codec->write(&entry->model->specification, &entry->settings->specification, text,
                            error);
        add_piece(payload, text->data, text->used);
        break;
    case ENTRY_CANCELLATION:
        add_piece(payload, entry->cancelled.data, entry->cancelled.used);
        break;
    default:
        break;
    }
    return code;
}

/* --- reading ------------------------------------------------------------------- */

/* What is left of a record's data. */
struct rest {
    const char *data;
    size_t bytes;
};

static enum error_code wrong(const char *what, struct error *error) {
    return error_set(error, ERROR_INVALID, NULL, "an entry of its log %s", what);
}

/* The next `rows` × `width` × `size` bytes become the buffer's. */
static enum error_code take_rows(struct rest *rest, uint64_t rows, size_t width, size_t size,
                                 struct buffer *buffer, struct error *error) {
    size_t bytes;
    if (!checked_multiply(rows, width * size, &bytes) || bytes > rest->bytes) {
        return wrong("is shorter than it says", error);
    }
    const enum error_code code = buffer_append(buffer, rest->data, bytes, error);
    rest->data += bytes;
    rest->bytes -= bytes;
    return code;
}

static enum error_code read_examples(const struct record_head *head, const struct network *network,
                                     struct rest rest, struct examples *examples,
                                     struct error *error) {
    examples->rows = head->rows;
    enum error_code code =
        take_rows(&rest, head->rows, network->inputs, sizeof(float), &examples->inputs, error);
    if (code == ERROR_NONE && (head->contents & RECORD_HAS_LABELS)) {
        code = take_rows(&rest, head->rows, 1, sizeof(int32_t), &examples->labels, error);
    }
    if (code == ERROR_NONE && (head->contents & RECORD_HAS_TARGETS)) {
        code = take_rows(&rest, head->rows, network->outputs, sizeof(float), &examples->targets,
                         error);
    }
    if (code == ERROR_NONE && (head->contents & RECORD_HAS_SAMPLE_WEIGHTS)) {
        code = take_rows(&rest, head->rows, 1, sizeof(float), &examples->sample_weights, error);
    }
    return code == ERROR_NONE && rest.bytes > 0 ? wrong("is longer than it says", error) : code;
}

static enum error_code read_batches(struct record_reader *record, const struct model *model,
                                    struct rest rest, struct error *error) {
    const struct record_head *head = &record->head;
    const struct network *network = &model->network;
    if (head->inputs != network->inputs || head->outputs != network->outputs) {
        return wrong("has rows of another width", error);
    }
    if (head->rows_of_batch < 1 || head->number < 1 || head->rows > UINT32_MAX ||
        record->count != divide_up(head->rows, head->rows_of_batch)) {
        return wrong("does not have the batches that it says", error);
    }
    struct examples examples;
    examples_init(&examples, model->ledger);
    enum error_code code = read_examples(head, network, rest, &examples, error);
    if (code == ERROR_NONE) {
        record->set = example_set_create(&examples);
        if (record->set == NULL) {
            code = error_set(error, ERROR_MEMORY, NULL, "no memory for the batches of its log");
        }
    }
    examples_free(&examples);
    return code;
}

static enum error_code read_settings(struct record_reader *record, const struct model *model,
                                     const struct specification_codec *codec, struct rest rest,
                                     struct error *error) {
    struct specification specification;
    const enum error_code code =
        codec->read(rest.data, rest.bytes, model->ledger, &specification, error);
    if (code != ERROR_NONE) {
        return code;
    }
    record->settings = settings_of(&model->specification, &specification, record->head.revision);
    specification_free(&specification);
    return record->settings != NULL
               ? ERROR_NONE
               : error_set(error, ERROR_MEMORY, NULL, "no memory for the settings of its log");
}

static enum error_code read_restore(struct record_reader *record, const struct model *model,
                                    const struct specification_codec *codec, struct rest rest,
                                    struct error *error) {
    const size_t bytes = sizeof record->restore;
    if (rest.bytes < bytes) {
        return wrong("is shorter than it says", error);
    }
    memcpy(&record->restore, rest.data, bytes);
    record->restore.note[CHECKPOINT_NOTE_BYTES_MAX] = '\0';
    return read_settings(record, model, codec, (struct rest){rest.data + bytes, rest.bytes - bytes},
                         error);
}

static enum error_code read_cancellation(struct record_reader *record, struct rest rest,
                                         struct error *error) {
    const size_t pair = 2 * sizeof(uint64_t);
    record->numbers = (const uint64_t *)(const void *)rest.data;
    record->pairs = rest.bytes / pair;
    return rest.bytes % pair == 0 ? ERROR_NONE : wrong("takes back half a range", error);
}

enum error_code record_read(const struct store_entry *stored, const struct model *model,
                            const struct specification_codec *codec, struct record_reader *record,
                            struct error *error) {
    *record = (struct record_reader){.kind = stored->kind, .count = stored->count};
    if (stored->bytes < sizeof record->head) {
        return wrong("is shorter than any", error);
    }
    memcpy(&record->head, stored->data, sizeof record->head);
    if (record->head.version != RECORD_VERSION) {
        return wrong("was written by another version of mlpd", error);
    }
    const struct rest rest = {(const char *)stored->data + sizeof record->head,
                              stored->bytes - sizeof record->head};
    if (stored->kind == RECORD_BATCHES) {
        return read_batches(record, model, rest, error);
    }
    if (stored->count != 1) {
        return wrong("takes several places", error);
    }
    switch (stored->kind) {
    case RECORD_RESTORE:
        return read_restore(record, model, codec, rest, error);
    case RECORD_SETTINGS:
    case RECORD_RESET:
        return read_settings(record, model, codec, rest, error);
    case RECORD_CANCELLATION:
        return read_cancellation(record, rest, error);
    default:
        return wrong("is of a kind that this mlpd does not know", error);
    }
}

static struct entry *batch_entry(const struct record_reader *record, struct model *model,
                                 uint64_t i) {
    const struct record_head *head = &record->head;
    const uint64_t first = i * head->rows_of_batch;
    struct entry *entry = entry_create_batch_of(model, record->set, first,
                                                size_min(head->rows_of_batch, head->rows - first));
    if (entry != NULL) {
        entry->number_given = head->number + i;
    }
    return entry;
}

struct entry *record_entry(const struct record_reader *record, struct model *model, uint64_t i) {
    if (record->kind == RECORD_BATCHES) {
        return batch_entry(record, model, i);
    }
    static const enum entry_kind kinds[] = {[RECORD_SETTINGS] = ENTRY_SETTINGS,
                                            [RECORD_RESET] = ENTRY_RESET,
                                            [RECORD_RESTORE] = ENTRY_RESTORE};
    struct entry *entry = entry_create(model, kinds[record->kind]);
    if (entry != NULL) {
        entry->restored = record->restore.version;
        entry->settings = settings_reference(record->settings);
    }
    return entry;
}

void record_reader_free(struct record_reader *record) {
    example_set_release(record->set);
    settings_release(record->settings);
}
