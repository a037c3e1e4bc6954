/* Files of models; see model_file.h. */
#include "api/model_file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/specification_json.h"
#include "core/base/checked.h"
#include "core/engine/model.h"
#include "core/maths/numerics.h"

struct model_file_part {
    size_t text_bytes; /* before the numbers */
    const void *numbers;
    size_t number_bytes;
};

void model_file_init(struct model_file *file, struct ledger *ledger) {
    *file = (struct model_file){.bytes = 0};
    buffer_init(&file->text, ledger, "the header of a model's file");
    buffer_init(&file->parts, ledger, "the header of a model's file");
}

void model_file_free(struct model_file *file) {
    buffer_free(&file->text);
    buffer_free(&file->parts);
}

enum error_code model_file_add(struct model_file *file, const void *numbers, size_t bytes,
                               struct error *error) {
    const struct model_file_part part = {file->text.used - file->text_noted, numbers, bytes};
    const enum error_code code = buffer_append(&file->parts, &part, sizeof part, error);
    if (code == ERROR_NONE) {
        file->text_noted = file->text.used;
        file->bytes += part.text_bytes + bytes;
    }
    return code;
}

enum error_code model_file_put_first(struct model_file *file, const struct buffer *text,
                                     struct error *error) {
    struct model_file_part *first = (void *)file->parts.data;
    const size_t bytes = text->used;
    const enum error_code code = buffer_reserve(&file->text, bytes, error);
    if (code == ERROR_NONE) {
        memmove(file->text.data + bytes, file->text.data, file->text.used);
        memcpy(file->text.data, text->data, bytes);
        file->text.used += bytes;
        file->text_noted += bytes;
        file->bytes += bytes;
        first->text_bytes += bytes;
    }
    return code;
}

static const char *next_bytes(struct model_file *file, const struct model_file_part *part,
                              size_t *count) {
    const size_t at = file->part_bytes;
    if (at < part->text_bytes) {
        *count = part->text_bytes - at;
        return file->text.data + file->text_bytes;
    }
    *count = part->text_bytes + part->number_bytes - at;
    return (const char *)part->numbers + (at - part->text_bytes);
}

size_t model_file_read(struct model_file *file, char *bytes, size_t size) {
    const struct model_file_part *parts = (const void *)file->parts.data;
    const size_t part_count = file->parts.used / sizeof *parts;
    size_t filled = 0;
    while (filled < size && file->part < part_count) {
        const struct model_file_part *part = &parts[file->part];
        size_t count;
        const char *from = next_bytes(file, part, &count);
        const bool is_text = file->part_bytes < part->text_bytes;
        count = size_min(count, size - filled);
        if (count > 0) {
            memcpy(bytes + filled, from, count);
        }
        filled += count;
        file->part_bytes += count;
        file->text_bytes += is_text ? count : 0;
        if (file->part_bytes == part->text_bytes + part->number_bytes) {
            file->part++;
            file->part_bytes = 0;
        }
    }
    return filled;
}

/* --- what every file says of itself ------------------------------------------------------ */

static void add(struct model_facts *facts, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct model_facts *facts, const char *key, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    facts->rows[facts->count].key = key;
    vsnprintf(facts->rows[facts->count].value, sizeof facts->rows->value, format, arguments);
    va_end(arguments);
    facts->count++;
}

enum error_code model_facts_write(struct model_facts *facts, const struct model_source *source,
                                  struct error *error) {
    const struct state_head *head = source->state->head;
    struct json_writer json;
    facts->count = 0;
    buffer_init(&facts->config, source->model->ledger, "the header of a model's file");
    json_write_start(&json, &facts->config);
    json_write_begin_object(&json);
    json_write_key(&json, "name");
    json_write_string(&json, source->model->name);
    specification_write(&json, &source->model->specification, &source->settings->specification);
    json_write_end_object(&json);
    add(facts, "name", "%s", source->model->name);
    add(facts, "step", "%" PRIu64, head->step);
    add(facts, "examples", "%" PRIu64, head->examples);
    add(facts, "mlpd_version", "%s", MLPD_VERSION);
    add(facts, "numerics_fingerprint", "%s", numerics_fingerprint());
    const enum error_code code = json_write_finish(&json, error);
    if (code != ERROR_NONE) {
        model_facts_free(facts);
    }
    return code;
}

void model_facts_free(struct model_facts *facts) {
    buffer_free(&facts->config);
}
