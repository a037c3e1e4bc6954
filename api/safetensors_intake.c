/* Batches as safetensors, converted as they arrive; see intake.h, and safetensors_reader.h for
 * the format.
 *
 * When the header is known everything about the sizes is: they are checked against the model,
 * and memory is taken once. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/intake.h"
#include "api/media_type.h"
#include "api/number.h"
#include "api/safetensors_reader.h"
#include "core/base/checked.h"

#define HEADER_BYTES_MAX (1024 * 1024)
#define HEADER_MARKS_MAX 4096
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

struct safetensors_parser {
    struct safetensors_reader reader;
    struct safetensors_tensor entries[INTAKE_TENSORS];
    double scale, offset;
    bool scaled;
    float bytes_as_inputs[256]; /* what each byte is, where items are bytes */
};

static enum intake_tensor tensor_of(const struct safetensors_tensor *entry) {
    return (enum intake_tensor)entry->number;
}

static struct safetensors_parser *parser_of(struct intake *intake) {
    return intake->parser;
}

/* ---- The header ---- */

static enum error_code wrong_dtype(enum intake_tensor tensor, const char *dtype,
                                   struct error *error) {
    const char *name = intake_tensor_name(tensor);
    char pointer[32], allowed[128];
    snprintf(pointer, sizeof pointer, "/%s", name);
    dtype_list(meanings[tensor].kinds, allowed, sizeof allowed);
    return error_set(error, ERROR_INVALID, pointer, "%s of dtype '%.20s'; allowed are %s", name,
                     dtype, allowed);
}

static enum error_code find(void *context, const char *name, size_t *number, struct error *error) {
    const struct intake *intake = context;
    const enum intake_tensor tensor = intake_find_tensor(intake, name, strlen(name));
    if (tensor == INTAKE_TENSORS) {
        char allowed[80];
        intake_list_tensors(intake, allowed, sizeof allowed);
        return intake_refuse_name("tensor", name, strlen(name), allowed, error);
    }
    *number = tensor;
    return ERROR_NONE;
}

static const char *name_of(const void *context, size_t number) {
    (void)context;
    return intake_tensor_name((enum intake_tensor)number);
}

static enum error_code refuse_dtype(void *context, size_t number, const char *dtype,
                                    struct error *error) {
    (void)context;
    return wrong_dtype((enum intake_tensor)number, dtype, error);
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
static enum error_code take_metadata(void *context, const json_t *metadata, struct error *error) {
    const struct intake *intake = context;
    struct safetensors_parser *parser = parser_of(context);
    if (intake->request.scaling.given || metadata == NULL) {
        return ERROR_NONE;
    }
    const enum error_code code = read_scaling_number(metadata, "scale", &parser->scale, error);
    return code == ERROR_NONE ? read_scaling_number(metadata, "offset", &parser->offset, error)
                              : code;
}

static enum error_code check_shape(struct intake *intake, const struct safetensors_tensor *entry,
                                   struct error *error) {
    const enum intake_tensor tensor = tensor_of(entry);
    const char *name = intake_tensor_name(tensor);
    const size_t width = intake_tensor_width(intake, tensor);
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (entry->rank != meanings[tensor].rank) {
        return meanings[tensor].rank == 2
                   ? error_set(error, ERROR_INVALID, pointer,
                               "%s has %zu dimensions; needed are two, [rows, %zu]", name,
                               entry->rank, width)
                   : error_set(error, ERROR_INVALID, pointer,
                               "%s has %zu dimensions; needed is one, [rows]", name, entry->rank);
    }
    if (entry->rank == 2 && entry->shape[1] != width) {
        return error_set(error, ERROR_INVALID, pointer,
                         "%s of shape [%zu, %zu]; the model has %zu %s", name, entry->shape[0],
                         entry->shape[1], width, tensor == INTAKE_INPUTS ? "inputs" : "outputs");
    }
    if ((entry->dtype->kind & meanings[tensor].kinds) == 0) {
        return wrong_dtype(tensor, entry->dtype->name, error);
    }
    return ERROR_NONE;
}

static enum error_code begin_tensor(struct intake *intake, const struct safetensors_tensor *entry,
                                    struct error *error) {
    const enum intake_tensor tensor = tensor_of(entry);
    enum error_code code = intake_begin_tensor(intake, tensor, error);
    if (code == ERROR_NONE) {
        code = check_shape(intake, entry, error);
    }
    size_t bytes = 0;
    if (code == ERROR_NONE && !checked_multiply(entry->items, sizeof(float), &bytes)) {
        code = safetensors_reader_refuse(intake_tensor_name(tensor), "beyond the address space",
                                         error);
    }
    if (code == ERROR_NONE) {
        const size_t now =
            intake->request.body_bytes > 0 ? bytes : size_min(bytes, RESERVE_UNKNOWN_BYTES);
        code = buffer_reserve(intake_tensor_buffer(intake, tensor), now, error);
    }
    return code;
}

static void prepare_scaling(struct intake *intake) {
    struct safetensors_parser *parser = parser_of(intake);
    parser->scaled = parser->scale != 1 || parser->offset != 0;
    for (size_t i = 0; i < parser->reader.tensor_count; i++) {
        const struct safetensors_tensor *entry = &parser->entries[i];
        if (tensor_of(entry) == INTAKE_INPUTS && entry->dtype->bytes == 1) {
            for (size_t byte = 0; byte < 256; byte++) {
                const char item = (char)byte;
                double value;
                entry->dtype->decode(&item, 1, &value);
                parser->bytes_as_inputs[byte] = (float)(value * parser->scale + parser->offset);
            }
        }
    }
}

static enum error_code begin(void *context, struct error *error) {
    struct intake *intake = context;
    const struct safetensors_reader *reader = &parser_of(intake)->reader;
    enum error_code code = ERROR_NONE;
    for (size_t i = 0; i < reader->tensor_count && code == ERROR_NONE; i++) {
        code = begin_tensor(intake, &reader->tensors[i], error);
    }
    prepare_scaling(intake);
    return code;
}

/* ---- The data ---- */

/* The general way, through blocks of doubles. */
static enum error_code convert_blocks(struct intake *intake, const struct safetensors_tensor *entry,
                                      const char *from, size_t items, struct error *error) {
    const enum intake_tensor tensor = tensor_of(entry);
    const struct safetensors_parser *parser = parser_of(intake);
    const bool scaled = parser->scaled && tensor == INTAKE_INPUTS;
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    double block[BLOCK_ITEMS];
    while (items > 0) {
        const size_t count = size_min(items, BLOCK_ITEMS);
        entry->dtype->decode(from, count, block);
        from += count * entry->dtype->bytes;
        items -= count;
        enum error_code code;
        if (tensor == INTAKE_LABELS) {
            code = intake_add_labels(intake, block, count, error);
        } else {
            code = buffer_reserve(buffer, count * sizeof(float), error);
        }
        if (code != ERROR_NONE) {
            return code;
        }
        if (tensor != INTAKE_LABELS) {
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

static enum error_code convert(void *context, const struct safetensors_tensor *entry,
                               const char *from, size_t items, struct error *error) {
    struct intake *intake = context;
    const enum intake_tensor tensor = tensor_of(entry);
    const bool inputs = tensor == INTAKE_INPUTS;
    enum error_code code;
    if (entry->dtype == &dtypes[DTYPE_F32] && !(inputs && parser_of(intake)->scaled)) {
        code =
            buffer_append(intake_tensor_buffer(intake, tensor), from, items * sizeof(float), error);
    } else if (inputs && entry->dtype->bytes == 1) {
        code = convert_bytes(intake, from, items, error);
    } else {
        code = convert_blocks(intake, entry, from, items, error);
    }
    return code == ERROR_NONE && tensor != INTAKE_LABELS ? intake_check_rows(intake, tensor, error)
                                                         : code;
}

static const struct safetensors_user user = {
    .header_bytes_max = HEADER_BYTES_MAX,
    .marks_max = HEADER_MARKS_MAX,
    .take_metadata = take_metadata,
    .find = find,
    .name = name_of,
    .refuse_dtype = refuse_dtype,
    .begin = begin,
    .take = convert,
};

/* ---- The body ---- */

/* An intake's parser is all zeros at first. */
static struct safetensors_parser *prepared(struct intake *intake) {
    struct safetensors_parser *parser = parser_of(intake);
    if (parser->reader.user == NULL) {
        const struct intake_scaling *scaling = &intake->request.scaling;
        parser->scale = scaling->given ? scaling->scale : 1;
        parser->offset = scaling->given ? scaling->offset : 0;
        safetensors_reader_init(&parser->reader, &user, intake, parser->entries,
                                intake->request.ledger, intake->request.body_bytes);
    }
    return parser;
}

static enum error_code safetensors_feed(struct intake *intake, const char *data, size_t size,
                                        struct error *error) {
    return safetensors_reader_feed(&prepared(intake)->reader, data, size, error);
}

static enum error_code safetensors_end(struct intake *intake, struct error *error) {
    return safetensors_reader_end(&prepared(intake)->reader, error);
}

static void safetensors_destroy(struct intake *intake) {
    safetensors_reader_free(&prepared(intake)->reader);
}

const struct intake_format intake_safetensors = {
    .media_type = MEDIA_TYPE_SAFETENSORS,
    .documentation = "Tensors by the names that a JSON body's fields have, inputs [rows, inputs] "
                     "and what belongs to them.",
    .parser_bytes = sizeof(struct safetensors_parser),
    .feed = safetensors_feed,
    .end = safetensors_end,
    .destroy = safetensors_destroy,
};
