/* The safetensors format; see safetensors_reader.h. */
#include "api/safetensors_reader.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

#define DEPTH_MAX 4
#define METADATA "__metadata__"
#define TREE_BYTES_PER_MARK 128 /* of jansson's, about; texts come to that once more */

enum error_code safetensors_reader_refuse(const char *name, const char *why, struct error *error) {
    return error_set(error, ERROR_SYNTAX, NULL, "safetensors header: '%.60s': %s", name, why);
}

/* ---- one tensor of the header ---- */

static bool read_size(const json_t *value, size_t *size) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *size = (size_t)json_integer_value(value);
    return true;
}

static enum error_code read_shape(const char *name, const json_t *shape,
                                  struct safetensors_tensor *tensor, struct error *error) {
    if (!json_is_array(shape)) {
        return safetensors_reader_refuse(name, "shape is missing or no array", error);
    }
    tensor->rank = json_array_size(shape);
    tensor->items = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t size;
        if (!read_size(json_array_get(shape, i), &size)) {
            return safetensors_reader_refuse(name, "a shape's numbers are whole and not negative",
                                             error);
        }
        if (!checked_multiply(tensor->items, size, &tensor->items)) {
            return safetensors_reader_refuse(name, "the shape is beyond the address space", error);
        }
        if (i < 2) {
            tensor->shape[i] = size;
        }
    }
    return ERROR_NONE;
}

static enum error_code read_offsets(const char *name, const json_t *offsets,
                                    struct safetensors_tensor *tensor, struct error *error) {
    return json_array_size(offsets) == 2 && read_size(json_array_get(offsets, 0), &tensor->begin) &&
                   read_size(json_array_get(offsets, 1), &tensor->end)
               ? ERROR_NONE
               : safetensors_reader_refuse(name, "data_offsets must be two whole numbers", error);
}

static enum error_code read_tensor(struct safetensors_reader *reader, const char *name,
                                   const json_t *value, struct error *error) {
    struct safetensors_tensor tensor = {.number = 0};
    enum error_code code = reader->user->find(reader->context, name, &tensor.number, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    if (dtype == NULL) {
        return safetensors_reader_refuse(name, "dtype is missing or no string", error);
    }
    code = read_shape(name, json_object_get(value, "shape"), &tensor, error);
    if (code == ERROR_NONE) {
        code = read_offsets(name, json_object_get(value, "data_offsets"), &tensor, error);
    }
    if (code != ERROR_NONE) {
        return code;
    }
    if (json_object_size(value) != 3) {
        return safetensors_reader_refuse(
            name, "an entry has dtype, shape and data_offsets, nothing else", error);
    }
    tensor.dtype = dtype_find(dtype);
    if (tensor.dtype == NULL) {
        return reader->user->refuse_dtype(reader->context, tensor.number, dtype, error);
    }
    size_t bytes;
    if (!checked_multiply(tensor.items, tensor.dtype->bytes, &bytes) || tensor.end < tensor.begin ||
        tensor.end - tensor.begin != bytes) {
        return safetensors_reader_refuse(name, "data_offsets do not fit shape and dtype", error);
    }
    reader->tensors[reader->tensor_count++] = tensor;
    return ERROR_NONE;
}

/* ---- the header ---- */

static enum error_code check_metadata(const json_t *metadata, struct error *error) {
    const char *key;
    json_t *value;
    bool right = metadata == NULL || json_is_object(metadata);
    json_object_foreach((json_t *)metadata, key, value) {
        right = right && json_is_string(value);
    }
    return right ? ERROR_NONE
                 : safetensors_reader_refuse(METADATA, "must be an object of strings", error);
}

static enum error_code read_tree(struct safetensors_reader *reader, json_t *tree,
                                 struct error *error) {
    const json_t *metadata = json_object_get(tree, METADATA);
    enum error_code code = check_metadata(metadata, error);
    if (code == ERROR_NONE) {
        code = reader->user->take_metadata(reader->context, metadata, error);
    }
    const char *name;
    json_t *value;
    json_object_foreach(tree, name, value) {
        if (code == ERROR_NONE && value != metadata) {
            code = read_tensor(reader, name, value, error);
        }
    }
    return code;
}

/* In the order of the data; of those without any, before those that begin there. */
static int compare_tensors(const void *a, const void *b) {
    const struct safetensors_tensor *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1)
                                : (x->end > y->end) - (x->end < y->end);
}

/* The tensors follow each other without a gap and fill the body. */
static enum error_code check_framing(struct safetensors_reader *reader, struct error *error) {
    const struct safetensors_tensor *tensors = reader->tensors;
    size_t position = 0;
    if (reader->tensor_count > 0) {
        qsort(reader->tensors, reader->tensor_count, sizeof *tensors, compare_tensors);
    }
    for (size_t i = 0; i < reader->tensor_count; i++) {
        if (tensors[i].begin != position) {
            return safetensors_reader_refuse(reader->user->name(reader->context, tensors[i].number),
                                             tensors[i].begin > position
                                                 ? "there is a gap before its data"
                                                 : "its data overlaps another tensor's",
                                             error);
        }
        position = tensors[i].end;
    }
    reader->data_bytes = position;
    if (reader->body_bytes == 0) {
        return ERROR_NONE; /* unknown: seen when it ends */
    }
    const size_t bytes = reader->body_bytes - SAFETENSORS_LENGTH_BYTES - reader->header_bytes;
    return position == bytes
               ? ERROR_NONE
               : error_set(error, ERROR_SYNTAX, NULL,
                           "the safetensors header promises %zu bytes of data; the body has %zu",
                           position, bytes);
}

/* A header within bounds that keep its tree small, whatever it says. */
static enum error_code check_bounds(const struct safetensors_reader *reader, size_t *marks,
                                    struct error *error) {
    const char *header = reader->header.data;
    const size_t bytes = reader->header.used;
    size_t depth = 0;
    bool quoted = false;
    *marks = 0;
    if (bytes == 0 || header[0] != '{') {
        return error_set(error, ERROR_SYNTAX, NULL, "safetensors header: does not start with '{'");
    }
    for (size_t i = 0; i < bytes; i++) {
        const char c = header[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        depth += c == '{' || c == '[';
        depth -= depth > 0 && (c == '}' || c == ']');
        *marks += c == '{' || c == '[' || c == ',' || c == ':';
        if (depth > DEPTH_MAX || *marks > reader->user->marks_max) {
            return error_set(error, ERROR_SYNTAX, NULL,
                             "safetensors header: nested deeper than %d, or more than %zu entries",
                             DEPTH_MAX, reader->user->marks_max);
        }
    }
    return ERROR_NONE;
}

/* While the tree stands the ledger has it. */
static enum error_code parse_header(struct safetensors_reader *reader, size_t tree_bytes,
                                    struct error *error) {
    enum error_code code =
        ledger_reserve(reader->ledger, tree_bytes, "reading a safetensors header", error);
    if (code != ERROR_NONE) {
        return code;
    }
    json_error_t why;
    json_t *tree =
        json_loadb(reader->header.data, reader->header.used, JSON_REJECT_DUPLICATES, &why);
    buffer_free(&reader->header);
    code = tree != NULL ? read_tree(reader, tree, error)
                        : error_set(error, ERROR_SYNTAX, NULL, "safetensors header, byte %d: %s",
                                    why.position, why.text);
    json_decref(tree);
    ledger_release(reader->ledger, tree_bytes);
    return code;
}

static enum error_code take_header(struct safetensors_reader *reader, struct error *error) {
    size_t marks;
    enum error_code code = check_bounds(reader, &marks, error);
    if (code == ERROR_NONE) {
        code = parse_header(reader, reader->header.used + marks * TREE_BYTES_PER_MARK, error);
    }
    if (code == ERROR_NONE) {
        code = check_framing(reader, error);
    }
    if (code == ERROR_NONE) {
        code = reader->user->begin(reader->context, error);
    }
    reader->stage = READING_DATA;
    return code;
}

static enum error_code take_length(struct safetensors_reader *reader, struct error *error) {
    uint64_t length;
    memcpy(&length, reader->length, sizeof length);
    if (length > reader->user->header_bytes_max) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "a safetensors header of %llu bytes; allowed are %zu",
                         (unsigned long long)length, reader->user->header_bytes_max);
    }
    reader->header_bytes = (size_t)length;
    const size_t body_bytes = reader->body_bytes;
    if (body_bytes > 0 && SAFETENSORS_LENGTH_BYTES + reader->header_bytes > body_bytes) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "a safetensors header of %zu bytes in a body of %zu", reader->header_bytes,
                         body_bytes);
    }
    reader->stage = READING_HEADER;
    return ERROR_NONE;
}

/* ---- the data ---- */

/* Bytes of the current tensor, all of them before its end. */
static enum error_code take_items(struct safetensors_reader *reader, const char *from, size_t bytes,
                                  struct error *error) {
    const struct safetensors_tensor *tensor = &reader->tensors[reader->current];
    const size_t size = tensor->dtype->bytes;
    assert(size > 0);
    enum error_code code = ERROR_NONE;
    if (reader->item_bytes > 0) {
        const size_t rest = size_min(size - reader->item_bytes, bytes);
        memcpy(reader->item + reader->item_bytes, from, rest);
        reader->item_bytes += rest;
        from += rest;
        bytes -= rest;
        if (reader->item_bytes == size) {
            reader->item_bytes = 0;
            code = reader->user->take(reader->context, tensor, reader->item, 1, error);
        }
    }
    if (code == ERROR_NONE && bytes >= size) {
        code = reader->user->take(reader->context, tensor, from, bytes / size, error);
    }
    if (bytes % size > 0) {
        memcpy(reader->item, from + (bytes - bytes % size), bytes % size);
        reader->item_bytes = bytes % size;
    }
    return code;
}

static enum error_code take_data(struct safetensors_reader *reader, const char **at,
                                 const char *end, struct error *error) {
    const struct safetensors_tensor *tensors = reader->tensors;
    while (reader->current < reader->tensor_count &&
           reader->data_taken == tensors[reader->current].end) {
        reader->current++;
    }
    if (reader->current == reader->tensor_count) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "bytes behind the last tensor's end; the header promises %zu bytes of "
                         "data",
                         reader->data_bytes);
    }
    const size_t bytes =
        size_min((size_t)(end - *at), tensors[reader->current].end - reader->data_taken);
    const enum error_code code = take_items(reader, *at, bytes, error);
    *at += bytes;
    reader->data_taken += bytes;
    return code;
}

/* ---- the body ---- */

void safetensors_reader_init(struct safetensors_reader *reader, const struct safetensors_user *user,
                             void *context, struct safetensors_tensor *tensors,
                             struct ledger *ledger, size_t body_bytes) {
    *reader = (struct safetensors_reader){.user = user,
                                          .context = context,
                                          .tensors = tensors,
                                          .ledger = ledger,
                                          .body_bytes = body_bytes};
    buffer_init(&reader->header, ledger, "a safetensors header");
}

void safetensors_reader_free(struct safetensors_reader *reader) {
    buffer_free(&reader->header);
}

enum error_code safetensors_reader_feed(struct safetensors_reader *reader, const char *data,
                                        size_t size, struct error *error) {
    const char *at = data, *const end = data + size;
    enum error_code code = ERROR_NONE;
    size_t bytes;
    while (at < end && code == ERROR_NONE) {
        switch (reader->stage) {
        case READING_LENGTH:
            reader->length[reader->length_bytes++] = (unsigned char)*at++;
            if (reader->length_bytes == SAFETENSORS_LENGTH_BYTES) {
                code = take_length(reader, error);
            }
            break;
        case READING_HEADER:
            bytes = size_min((size_t)(end - at), reader->header_bytes - reader->header.used);
            code = buffer_append(&reader->header, at, bytes, error);
            at += bytes;
            if (code == ERROR_NONE && reader->header.used == reader->header_bytes) {
                code = take_header(reader, error);
            }
            break;
        default:
            code = take_data(reader, &at, end, error);
            break;
        }
    }
    return code;
}

enum error_code safetensors_reader_end(const struct safetensors_reader *reader,
                                       struct error *error) {
    if (reader->stage == READING_LENGTH && reader->length_bytes == 0) {
        return error_set(error, ERROR_SYNTAX, NULL, "the body is empty; needed is safetensors");
    }
    if (reader->stage != READING_DATA) {
        return error_set(error, ERROR_SYNTAX, NULL, "the body ends within its safetensors header");
    }
    return reader->data_taken == reader->data_bytes
               ? ERROR_NONE
               : error_set(error, ERROR_SYNTAX, NULL,
                           "the body ends early: %zu of %zu bytes of tensors came",
                           reader->data_taken, reader->data_bytes);
}
