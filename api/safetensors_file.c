/* A model as a safetensors file; see model_file.h, and model_tensors.h for the names.
 *
 * The header's __metadata__ has `config`, the create body, so that the file is a whole model
 * that POST /v1/models takes, `format`, which is pt for the sake of those who ask whose
 * names the tensors have, and the facts that every file of a model has. */
#include <string.h>

#include "api/json_write.h"
#include "api/media_type.h"
#include "api/model_file.h"
#include "api/model_tensors.h"
#include "core/engine/model.h"

#define LENGTH_BYTES 8

static void write_pair(struct json_writer *json, const char *key, const char *value) {
    json_write_key(json, key);
    json_write_string(json, value);
}

static void write_metadata(struct json_writer *json, const struct model_facts *facts) {
    json_write_key(json, "__metadata__");
    json_write_begin_object(json);
    json_write_key(json, "config");
    json_write_string_bytes(json, facts->config.data, facts->config.used);
    write_pair(json, "format", "pt");
    for (size_t i = 0; i < facts->count; i++) {
        write_pair(json, facts->rows[i].key, facts->rows[i].value);
    }
    json_write_end_object(json);
}

static void write_entry(struct json_writer *json, const struct model_tensor *tensor,
                        uint64_t *position) {
    json_write_key(json, tensor->name);
    json_write_begin_object(json);
    write_pair(json, "dtype", tensor->dtype->name);
    json_write_key(json, "shape");
    json_write_begin_array(json);
    for (size_t i = 0; i < tensor->rank; i++) {
        json_write_unsigned(json, tensor->shape[i]);
    }
    json_write_end_array(json);
    json_write_key(json, "data_offsets");
    json_write_begin_array(json);
    json_write_unsigned(json, *position);
    *position += tensor->items * tensor->dtype->bytes;
    json_write_unsigned(json, *position);
    json_write_end_array(json);
    json_write_end_object(json);
}

/* The length, which is known at the end, then the header, padded so that the data behind it
 * is aligned. */
static enum error_code write_header(struct buffer *text, const struct model_facts *facts,
                                    const struct model_tensor *tensors, size_t count,
                                    struct error *error) {
    uint64_t length = 0, position = 0;
    enum error_code code = buffer_append(text, &length, LENGTH_BYTES, error);
    if (code != ERROR_NONE) {
        return code;
    }
    struct json_writer json;
    json_write_start(&json, text);
    json_write_begin_object(&json);
    write_metadata(&json, facts);
    for (size_t i = 0; i < count; i++) {
        write_entry(&json, &tensors[i], &position);
    }
    json_write_end_object(&json);
    code = json_write_finish(&json, error);
    const size_t padding = (LENGTH_BYTES - text->used % LENGTH_BYTES) % LENGTH_BYTES;
    if (code == ERROR_NONE) {
        code = buffer_append(text, "       ", padding, error);
    }
    if (code == ERROR_NONE) {
        length = text->used - LENGTH_BYTES;
        memcpy(text->data, &length, LENGTH_BYTES);
    }
    return code;
}

static enum error_code write_tensors(struct model_file *file, const struct model_source *source,
                                     const struct buffer *list, struct error *error) {
    const struct model_tensor *tensors = (const void *)list->data;
    const size_t count = list->used / sizeof *tensors;
    struct model_facts facts;
    enum error_code code = model_facts_write(&facts, source, error);
    if (code != ERROR_NONE) {
        return code;
    }
    code = write_header(&file->text, &facts, tensors, count, error);
    model_facts_free(&facts);
    for (size_t i = 0; i < count && code == ERROR_NONE; i++) {
        code = model_file_add(
            file, model_tensor_items(&tensors[i], &source->model->network, source->state),
            tensors[i].items * tensors[i].dtype->bytes, error);
    }
    return code;
}

static enum error_code write_file(struct model_file *file, const struct model_source *source,
                                  struct error *error) {
    const struct optimizer_settings *optimizer = &source->settings->specification.optimizer;
    struct buffer list;
    buffer_init(&list, source->model->ledger, "the header of a model's file");
    enum error_code code = model_tensors_list(
        &source->model->network, optimizer,
        source->with_optimizer ? source->state->head->slot_count : 0, &list, error);
    if (code == ERROR_NONE) {
        code = write_tensors(file, source, &list, error);
    }
    buffer_free(&list);
    return code;
}

const struct model_file_format model_file_safetensors = {
    .name = "safetensors",
    .media_type = MEDIA_TYPE_SAFETENSORS,
    .write = write_file,
};
