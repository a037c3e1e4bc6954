/* safetensors bodies, converted as they arrive; see intake.h.
 *
 * A body is a length (u64), a header of that length (JSON, small and bounded, so
 * a tree is made of it), and the tensors in the order of their offsets.  When
 * the header is known everything about the sizes is: they are checked against
 * the body and the model, and memory is taken once.  The data may start at any
 * address and be cut anywhere: items are copied, never cast. */
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/dtype.h"
#include "api/intake.h"
#include "api/number.h"
#include "core/base/checked.h"

#define HEADER_BYTES_MAX (1024 * 1024)
#define HEADER_DEPTH_MAX 4
#define HEADER_MARKS_MAX 4096 /* of { [ , :, which bounds what a tree of it takes */
#define LENGTH_BYTES 8
#define BLOCK_ITEMS 512
/* Taken at first for a body of unknown length: its header may promise anything. */
#define RESERVE_UNKNOWN_BYTES (1024 * 1024)

static const struct {
    size_t rank;
    unsigned kinds;
} meanings[INTAKE_TENSORS] = {
    [INTAKE_INPUTS] = {2, DTYPE_FLOATING | DTYPE_WHOLE | DTYPE_BOOLEAN},
    [INTAKE_LABELS] = {1, DTYPE_WHOLE | DTYPE_BOOLEAN},
    [INTAKE_TARGETS] = {2, DTYPE_FLOATING | DTYPE_WHOLE | DTYPE_BOOLEAN},
    [INTAKE_SAMPLE_WEIGHTS] = {1, DTYPE_FLOATING},
};

/* ---- State ---- */

struct entry {
    enum intake_tensor tensor;
    const struct dtype *dtype;
    size_t rank, shape[2]; /* of the shape the first two */
    size_t items;
    size_t begin, end; /* bytes, from the end of the header */
};

enum stage { READING_LENGTH, READING_HEADER, READING_DATA };

struct safetensors_parser {
    enum stage stage;
    size_t length_bytes;
    unsigned char length[LENGTH_BYTES];
    size_t header_bytes;
    struct buffer header;

    struct entry entries[INTAKE_TENSORS]; /* in the order of their offsets */
    size_t entry_count, current;
    size_t data_bytes, data_taken;
    size_t item_bytes; /* of an item that the last chunk's end cut */
    char item[ITEM_BYTES_MAX];

    double scale, offset;
    bool scaled;
    float bytes_as_inputs[256]; /* what each byte is, where items are bytes */
};

static struct safetensors_parser *parser_of(struct intake *intake) {
    return intake->parser;
}

/* ---- The header ---- */

static enum error_code lying(struct error *error, const char *name, const char *why) {
    return error_set(error, ERROR_SYNTAX, NULL, "safetensors header: '%.60s': %s", name, why);
}

/* A header within bounds that keep its tree small, whatever it says. */
static enum error_code check_bounds(const char *header, size_t bytes, struct error *error) {
    size_t depth = 0, marks = 0;
    bool quoted = false;
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
        marks += c == '{' || c == '[' || c == ',' || c == ':';
        if (depth > HEADER_DEPTH_MAX || marks > HEADER_MARKS_MAX) {
            return error_set(error, ERROR_SYNTAX, NULL,
                             "safetensors header: nested deeper than %d, or more than %d entries",
                             HEADER_DEPTH_MAX, HEADER_MARKS_MAX);
        }
    }
    return ERROR_NONE;
}

static bool read_size(const json_t *value, size_t *size) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *size = (size_t)json_integer_value(value);
    return true;
}

static enum error_code read_shape(const char *name, const json_t *shape, struct entry *entry,
                                  struct error *error) {
    if (!json_is_array(shape)) {
        return lying(error, name, "shape is missing or no array");
    }
    entry->rank = json_array_size(shape);
    entry->items = 1;
    for (size_t i = 0; i < entry->rank; i++) {
        size_t size;
        if (!read_size(json_array_get(shape, i), &size)) {
            return lying(error, name, "a shape's numbers are whole and not negative");
        }
        if (!checked_multiply(entry->items, size, &entry->items)) {
            return lying(error, name, "the shape is beyond the address space");
        }
        if (i < 2) {
            entry->shape[i] = size;
        }
    }
    return ERROR_NONE;
}

static enum error_code wrong_dtype(enum intake_tensor tensor, const char *dtype,
                                   struct error *error) {
    const char *name = intake_tensor_name(tensor);
    char pointer[32], allowed[128];
    snprintf(pointer, sizeof pointer, "/%s", name);
    dtype_list(meanings[tensor].kinds, allowed, sizeof allowed);
    return error_set(error, ERROR_INVALID, pointer, "%s of dtype '%.20s'; allowed are %s", name,
                     dtype, allowed);
}

static enum error_code read_entry(struct intake *intake, const char *name, const json_t *value,
                                  struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    struct entry entry = {.tensor = intake_find_tensor(intake, name, strlen(name))};
    if (entry.tensor == INTAKE_TENSORS) {
        char allowed[80];
        intake_list_tensors(intake, allowed, sizeof allowed);
        return intake_refuse_name("tensor", name, strlen(name), allowed, error);
    }
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    if (dtype == NULL) {
        return lying(error, name, "dtype is missing or no string");
    }
    const enum error_code code = read_shape(name, json_object_get(value, "shape"), &entry, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const json_t *offsets = json_object_get(value, "data_offsets");
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &entry.begin) ||
        !read_size(json_array_get(offsets, 1), &entry.end)) {
        return lying(error, name, "data_offsets must be two whole numbers");
    }
    if (json_object_size(value) != 3) {
        return lying(error, name, "an entry has dtype, shape and data_offsets, nothing else");
    }
    entry.dtype = dtype_find(dtype);
    if (entry.dtype == NULL) {
        return wrong_dtype(entry.tensor, dtype, error);
    }
    size_t bytes;
    if (!checked_multiply(entry.items, entry.dtype->bytes, &bytes) || entry.end < entry.begin ||
        entry.end - entry.begin != bytes) {
        return lying(error, name, "data_offsets do not fit shape and dtype");
    }
    /* Kept in the order of the data.  There is room: names do not repeat. */
    size_t place = parser->entry_count++;
    for (; place > 0 && (parser->entries[place - 1].begin > entry.begin ||
                         (parser->entries[place - 1].begin == entry.begin &&
                          parser->entries[place - 1].end > entry.end));
         place--) {
        parser->entries[place] = parser->entries[place - 1];
    }
    parser->entries[place] = entry;
    return ERROR_NONE;
}

static enum error_code read_scaling_number(const json_t *metadata, const char *name, double *number,
                                           struct error *error) {
    const json_t *value = json_object_get(metadata, name);
    if (value != NULL &&
        (!number_read(json_string_value(value), json_string_length(value), number) ||
         !isfinite(*number))) {
        char pointer[48];
        snprintf(pointer, sizeof pointer, "/__metadata__/%s", name);
        return error_set(error, ERROR_INVALID, pointer, "%s '%.40s'; allowed is a number", name,
                         json_string_value(value));
    }
    return ERROR_NONE;
}

/* What the body says of itself; of scale and offset, the query's word counts. */
static enum error_code read_metadata(struct intake *intake, json_t *metadata, struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        return lying(error, "__metadata__", "must be an object of strings");
    }
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value)) {
            return lying(error, "__metadata__", "must be an object of strings");
        }
    }
    if (intake->request.scaling.given) {
        return ERROR_NONE;
    }
    const enum error_code code = read_scaling_number(metadata, "scale", &parser->scale, error);
    return code == ERROR_NONE ? read_scaling_number(metadata, "offset", &parser->offset, error)
                              : code;
}

static enum error_code read_tree(struct intake *intake, json_t *tree, struct error *error) {
    const char *name;
    json_t *value;
    json_object_foreach(tree, name, value) {
        const enum error_code code = strcmp(name, "__metadata__") == 0
                                         ? read_metadata(intake, value, error)
                                         : read_entry(intake, name, value, error);
        if (code != ERROR_NONE) {
            return code;
        }
    }
    return ERROR_NONE;
}

/* The tensors follow each other without a gap and fill the body. */
static enum error_code check_framing(struct intake *intake, struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    size_t position = 0;
    for (size_t i = 0; i < parser->entry_count; i++) {
        const struct entry *entry = &parser->entries[i];
        if (entry->begin != position) {
            return lying(error, intake_tensor_name(entry->tensor),
                         entry->begin > position ? "there is a gap before its data"
                                                 : "its data overlaps another tensor's");
        }
        position = entry->end;
    }
    parser->data_bytes = position;
    if (intake->request.body_bytes == 0) {
        return ERROR_NONE; /* unknown: seen when it ends */
    }
    const size_t bytes = intake->request.body_bytes - LENGTH_BYTES - parser->header_bytes;
    return position == bytes
               ? ERROR_NONE
               : error_set(error, ERROR_SYNTAX, NULL,
                           "the safetensors header promises %zu bytes of data; the body has %zu",
                           position, bytes);
}

static enum error_code check_shape(struct intake *intake, const struct entry *entry,
                                   struct error *error) {
    const char *name = intake_tensor_name(entry->tensor);
    const size_t width = intake_tensor_width(intake, entry->tensor);
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (entry->rank != meanings[entry->tensor].rank) {
        return meanings[entry->tensor].rank == 2
                   ? error_set(error, ERROR_INVALID, pointer,
                               "%s has %zu dimensions; needed are two, [rows, %zu]", name,
                               entry->rank, width)
                   : error_set(error, ERROR_INVALID, pointer,
                               "%s has %zu dimensions; needed is one, [rows]", name, entry->rank);
    }
    if (entry->rank == 2 && entry->shape[1] != width) {
        return error_set(error, ERROR_INVALID, pointer,
                         "%s of shape [%zu, %zu]; the model has %zu %s", name, entry->shape[0],
                         entry->shape[1], width,
                         entry->tensor == INTAKE_INPUTS ? "inputs" : "outputs");
    }
    if ((entry->dtype->kind & meanings[entry->tensor].kinds) == 0) {
        return wrong_dtype(entry->tensor, entry->dtype->name, error);
    }
    return ERROR_NONE;
}

static enum error_code begin_tensor(struct intake *intake, const struct entry *entry,
                                    struct error *error) {
    enum error_code code = intake_begin_tensor(intake, entry->tensor, error);
    if (code == ERROR_NONE) {
        code = check_shape(intake, entry, error);
    }
    size_t bytes = 0;
    if (code == ERROR_NONE && !checked_multiply(entry->items, sizeof(float), &bytes)) {
        code = lying(error, intake_tensor_name(entry->tensor), "beyond the address space");
    }
    if (code == ERROR_NONE) {
        const size_t now =
            intake->request.body_bytes > 0 ? bytes : size_min(bytes, RESERVE_UNKNOWN_BYTES);
        code = buffer_reserve(intake_tensor_buffer(intake, entry->tensor), now, error);
    }
    return code;
}

static void prepare_scaling(struct intake *intake) {
    struct safetensors_parser *parser = parser_of(intake);
    parser->scaled = parser->scale != 1 || parser->offset != 0;
    for (size_t i = 0; i < parser->entry_count; i++) {
        const struct entry *entry = &parser->entries[i];
        if (entry->tensor == INTAKE_INPUTS && entry->dtype->bytes == 1) {
            for (size_t byte = 0; byte < 256; byte++) {
                const char item = (char)byte;
                double value;
                entry->dtype->decode(&item, 1, &value);
                parser->bytes_as_inputs[byte] = (float)(value * parser->scale + parser->offset);
            }
        }
    }
}

static enum error_code take_header(struct intake *intake, struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    parser->scale = intake->request.scaling.given ? intake->request.scaling.scale : 1;
    parser->offset = intake->request.scaling.given ? intake->request.scaling.offset : 0;
    enum error_code code = check_bounds(parser->header.data, parser->header.used, error);
    if (code != ERROR_NONE) {
        return code;
    }
    json_error_t why;
    json_t *tree =
        json_loadb(parser->header.data, parser->header.used, JSON_REJECT_DUPLICATES, &why);
    buffer_free(&parser->header);
    if (tree == NULL) {
        return error_set(error, ERROR_SYNTAX, NULL, "safetensors header, byte %d: %s", why.position,
                         why.text);
    }
    code = read_tree(intake, tree, error);
    json_decref(tree);
    if (code == ERROR_NONE) {
        code = check_framing(intake, error);
    }
    for (size_t i = 0; i < parser->entry_count && code == ERROR_NONE; i++) {
        code = begin_tensor(intake, &parser->entries[i], error);
    }
    prepare_scaling(intake);
    parser->stage = READING_DATA;
    return code;
}

static enum error_code take_length(struct intake *intake, struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    uint64_t length;
    memcpy(&length, parser->length, sizeof length);
    if (length > HEADER_BYTES_MAX) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "a safetensors header of %llu bytes; allowed are %d",
                         (unsigned long long)length, HEADER_BYTES_MAX);
    }
    parser->header_bytes = (size_t)length;
    const size_t body_bytes = intake->request.body_bytes;
    if (body_bytes > 0 && LENGTH_BYTES + parser->header_bytes > body_bytes) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "a safetensors header of %zu bytes in a body of %zu", parser->header_bytes,
                         body_bytes);
    }
    buffer_init(&parser->header, intake->request.ledger, "a safetensors header");
    parser->stage = READING_HEADER;
    return ERROR_NONE;
}

/* ---- The data ---- */

/* The general way, through blocks of doubles. */
static enum error_code convert_blocks(struct intake *intake, const struct entry *entry,
                                      const char *from, size_t items, struct error *error) {
    const struct safetensors_parser *parser = parser_of(intake);
    const bool scaled = parser->scaled && entry->tensor == INTAKE_INPUTS;
    struct buffer *buffer = intake_tensor_buffer(intake, entry->tensor);
    double block[BLOCK_ITEMS];
    while (items > 0) {
        const size_t count = size_min(items, BLOCK_ITEMS);
        entry->dtype->decode(from, count, block);
        from += count * entry->dtype->bytes;
        items -= count;
        enum error_code code;
        if (entry->tensor == INTAKE_LABELS) {
            code = intake_add_labels(intake, block, count, error);
        } else {
            code = buffer_reserve(buffer, count * sizeof(float), error);
        }
        if (code != ERROR_NONE) {
            return code;
        }
        if (entry->tensor != INTAKE_LABELS) {
            float *to = (float *)(void *)(buffer->data + buffer->used);
            for (size_t i = 0; i < count; i++) {
                to[i] = (float)(scaled ? block[i] * parser->scale + parser->offset : block[i]);
            }
            buffer->used += count * sizeof(float);
        }
    }
    return ERROR_NONE;
}

static enum error_code convert_bytes(struct intake *intake, const char *from, size_t items,
                                     struct error *error) {
    const float *table = parser_of(intake)->bytes_as_inputs;
    struct buffer *buffer = &intake->examples.inputs;
    const enum error_code code = buffer_reserve(buffer, items * sizeof(float), error);
    if (code == ERROR_NONE) {
        float *to = (float *)(void *)(buffer->data + buffer->used);
        for (size_t i = 0; i < items; i++) {
            to[i] = table[(unsigned char)from[i]];
        }
        buffer->used += items * sizeof(float);
    }
    return code;
}

static enum error_code convert(struct intake *intake, const struct entry *entry, const char *from,
                               size_t items, struct error *error) {
    const bool inputs = entry->tensor == INTAKE_INPUTS;
    enum error_code code;
    if (entry->dtype == &dtypes[DTYPE_F32] && !(inputs && parser_of(intake)->scaled)) {
        code = buffer_append(intake_tensor_buffer(intake, entry->tensor), from,
                             items * sizeof(float), error);
    } else if (inputs && entry->dtype->bytes == 1) {
        code = convert_bytes(intake, from, items, error);
    } else {
        code = convert_blocks(intake, entry, from, items, error);
    }
    return code == ERROR_NONE && entry->tensor != INTAKE_LABELS
               ? intake_check_rows(intake, entry->tensor, error)
               : code;
}

/* Bytes of the current tensor, all of them before its end. */
static enum error_code take_items(struct intake *intake, const char *from, size_t bytes,
                                  struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    const struct entry *entry = &parser->entries[parser->current];
    const size_t size = entry->dtype->bytes;
    assert(size > 0);
    enum error_code code = ERROR_NONE;
    if (parser->item_bytes > 0) {
        const size_t rest = size_min(size - parser->item_bytes, bytes);
        memcpy(parser->item + parser->item_bytes, from, rest);
        parser->item_bytes += rest;
        from += rest;
        bytes -= rest;
        if (parser->item_bytes == size) {
            parser->item_bytes = 0;
            code = convert(intake, entry, parser->item, 1, error);
        }
    }
    if (code == ERROR_NONE && bytes >= size) {
        code = convert(intake, entry, from, bytes / size, error);
    }
    if (bytes % size > 0) {
        memcpy(parser->item, from + (bytes - bytes % size), bytes % size);
        parser->item_bytes = bytes % size;
    }
    return code;
}

static enum error_code take_data(struct intake *intake, const char **at, const char *end,
                                 struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    while (parser->current < parser->entry_count &&
           parser->data_taken == parser->entries[parser->current].end) {
        parser->current++;
    }
    if (parser->current == parser->entry_count) {
        return error_set(error, ERROR_SYNTAX, NULL,
                         "bytes behind the last tensor's end; the header promises %zu bytes of "
                         "data",
                         parser->data_bytes);
    }
    const size_t bytes =
        size_min((size_t)(end - *at), parser->entries[parser->current].end - parser->data_taken);
    const enum error_code code = take_items(intake, *at, bytes, error);
    *at += bytes;
    parser->data_taken += bytes;
    return code;
}

static enum error_code safetensors_feed(struct intake *intake, const char *data, size_t size,
                                        struct error *error) {
    struct safetensors_parser *parser = parser_of(intake);
    const char *at = data, *const end = data + size;
    enum error_code code = ERROR_NONE;
    size_t bytes;
    while (at < end && code == ERROR_NONE) {
        switch (parser->stage) {
        case READING_LENGTH:
            parser->length[parser->length_bytes++] = (unsigned char)*at++;
            if (parser->length_bytes == LENGTH_BYTES) {
                code = take_length(intake, error);
            }
            break;
        case READING_HEADER:
            bytes = size_min((size_t)(end - at), parser->header_bytes - parser->header.used);
            code = buffer_append(&parser->header, at, bytes, error);
            at += bytes;
            if (code == ERROR_NONE && parser->header.used == parser->header_bytes) {
                code = take_header(intake, error);
            }
            break;
        default:
            code = take_data(intake, &at, end, error);
            break;
        }
    }
    return code;
}

static enum error_code safetensors_end(struct intake *intake, struct error *error) {
    const struct safetensors_parser *parser = parser_of(intake);
    if (parser->stage == READING_LENGTH && parser->length_bytes == 0) {
        return error_set(error, ERROR_SYNTAX, NULL, "the body is empty; needed is safetensors");
    }
    if (parser->stage != READING_DATA) {
        return error_set(error, ERROR_SYNTAX, NULL, "the body ends within its safetensors header");
    }
    return parser->data_taken == parser->data_bytes
               ? ERROR_NONE
               : error_set(error, ERROR_SYNTAX, NULL,
                           "the body ends early: %zu of %zu bytes of tensors came",
                           parser->data_taken, parser->data_bytes);
}

static void safetensors_destroy(struct intake *intake) {
    buffer_free(&parser_of(intake)->header);
}

const struct intake_format intake_safetensors = {
    .media_type = "application/vnd.safetensors",
    .documentation = "Tensors by the names that a JSON body's fields have, inputs [rows, inputs] "
                     "and what belongs to them.",
    .parser_bytes = sizeof(struct safetensors_parser),
    .feed = safetensors_feed,
    .end = safetensors_end,
    .destroy = safetensors_destroy,
};
