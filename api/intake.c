/* What the examples of a request must mean; see intake.h. */
#include "api/intake.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/parameter.h"
#include "core/base/checked.h"
#include "core/base/memory.h"

#define PROBABILITY_SUM_TOLERANCE 1e-4
#define NAME_SHOWN_BYTES 60 /* of a name that the client sent, in a message */

enum { BATCH = 1 << INTAKE_BATCH, PREDICTION = 1 << INTAKE_PREDICTION };
enum { EVALUATION = 1 << INTAKE_EVALUATION };

static const struct {
    const char *name;
    unsigned purposes;
} tensors[INTAKE_TENSORS] = {
    [INTAKE_INPUTS] = {"inputs", BATCH | PREDICTION | EVALUATION},
    [INTAKE_LABELS] = {"labels", BATCH | EVALUATION},
    [INTAKE_TARGETS] = {"targets", BATCH | EVALUATION},
    [INTAKE_SAMPLE_WEIGHTS] = {"sample_weights", BATCH},
};

/* ---- Life ---- */

struct intake *intake_create(const struct intake_format *format,
                             const struct intake_request *request) {
    struct intake *intake = memory_allocate_object(sizeof *intake);
    if (intake == NULL) {
        return NULL;
    }
    *intake = (struct intake){.parser = memory_allocate_object(format->parser_bytes)};
    if (intake->parser == NULL) {
        memory_free(intake);
        return NULL;
    }
    memset(intake->parser, 0, format->parser_bytes);
    intake->request = *request;
    intake->format = format;
    examples_init(&intake->examples, request->ledger);
    return intake;
}

void intake_destroy(struct intake *intake) {
    if (intake == NULL) {
        return;
    }
    if (intake->format->destroy != NULL) {
        intake->format->destroy(intake);
    }
    examples_free(&intake->examples);
    memory_free(intake->parser);
    memory_free(intake);
}

enum error_code intake_feed(struct intake *intake, const char *data, size_t size,
                            struct error *error) {
    return intake->format->feed(intake, data, size, error);
}

/* ---- Tensors ---- */

bool intake_purpose_has_tensor(enum intake_purpose purpose, enum intake_tensor tensor) {
    return (tensors[tensor].purposes >> purpose & 1) != 0;
}

static bool has_tensor(const struct intake *intake, enum intake_tensor tensor) {
    return intake_purpose_has_tensor(intake->request.purpose, tensor);
}

enum intake_tensor intake_find_tensor(const struct intake *intake, const char *name,
                                      size_t length) {
    for (enum intake_tensor tensor = 0; tensor < INTAKE_TENSORS; tensor++) {
        if (has_tensor(intake, tensor) && strlen(tensors[tensor].name) == length &&
            memcmp(tensors[tensor].name, name, length) == 0) {
            return tensor;
        }
    }
    return INTAKE_TENSORS;
}

const char *intake_tensor_name(enum intake_tensor tensor) {
    return tensors[tensor].name;
}

void intake_list_tensors(const struct intake *intake, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (enum intake_tensor tensor = 0; tensor < INTAKE_TENSORS; tensor++) {
        if (has_tensor(intake, tensor) && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     tensors[tensor].name);
        }
    }
}

size_t intake_tensor_width(const struct intake *intake, enum intake_tensor tensor) {
    switch (tensor) {
    case INTAKE_INPUTS:
        return intake->request.specification->inputs;
    case INTAKE_TARGETS:
        return specification_outputs(intake->request.specification);
    default:
        return 1;
    }
}

struct buffer *intake_tensor_buffer(struct intake *intake, enum intake_tensor tensor) {
    struct buffer *const buffers[INTAKE_TENSORS] = {
        [INTAKE_INPUTS] = &intake->examples.inputs,
        [INTAKE_LABELS] = &intake->examples.labels,
        [INTAKE_TARGETS] = &intake->examples.targets,
        [INTAKE_SAMPLE_WEIGHTS] = &intake->examples.sample_weights,
    };
    return buffers[tensor];
}

static size_t rows_of(struct intake *intake, enum intake_tensor tensor) {
    return intake_tensor_buffer(intake, tensor)->used / sizeof(float) /
           intake_tensor_width(intake, tensor);
}

enum error_code intake_refuse_row(enum intake_tensor tensor, size_t row, struct error *error,
                                  const char *format, ...) {
    char pointer[64], message[ERROR_MESSAGE_BYTES];
    snprintf(pointer, sizeof pointer, "/%s/%zu", tensors[tensor].name, row);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INVALID, pointer, "%s", message);
}

enum error_code intake_refuse_name(const char *what, const char *name, size_t length,
                                   const char *allowed, struct error *error) {
    char pointer[ERROR_POINTER_BYTES];
    size_t used = 0;
    pointer[used++] = '/';
    for (size_t i = 0; i < length && used + 3 < sizeof pointer; i++) {
        const bool escaped = name[i] == '~' || name[i] == '/'; /* RFC 6901 */
        if (escaped) {
            pointer[used++] = '~';
        }
        pointer[used++] = !escaped ? name[i] : name[i] == '~' ? '0' : '1';
    }
    pointer[used] = 0;
    return error_set(error, ERROR_INVALID, pointer, "the %s '%.*s' is unknown; allowed are %s",
                     what, (int)size_min(length, NAME_SHOWN_BYTES), name, allowed);
}

static enum error_code refuse_labels(const struct specification *specification,
                                     struct error *error) {
    const char *loss = loss_functions[specification->loss].name;
    if (specification->loss == LOSS_BINARY_CROSSENTROPY) {
        return error_set(error, ERROR_INVALID, "/labels",
                         "labels name one class a row, and this model answers %zu questions a "
                         "row (%s); send targets, rows of %zu numbers from 0 to 1",
                         specification_outputs(specification), loss,
                         specification_outputs(specification));
    }
    return error_set(error, ERROR_INVALID, "/labels",
                     "labels are for classification, and this model's loss is %s; send targets, "
                     "rows of %zu numbers",
                     loss, specification_outputs(specification));
}

enum error_code intake_begin_tensor(struct intake *intake, enum intake_tensor tensor,
                                    struct error *error) {
    const struct specification *specification = intake->request.specification;
    if (tensor == INTAKE_LABELS && specification_classes(specification) == 0) {
        return refuse_labels(specification, error);
    }
    intake->tensors[tensor].given = true;
    const bool both = intake->tensors[INTAKE_LABELS].given && intake->tensors[INTAKE_TARGETS].given;
    return both ? error_set(error, ERROR_INVALID, "/targets",
                            "labels and targets together; allowed is one of them")
                : ERROR_NONE;
}

/* ---- Rows ---- */

/* By the exponent's bits, which vectorises. */
bool intake_all_finite(const float *numbers, size_t count) {
    uint32_t beyond = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        beyond |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return beyond == 0;
}

static enum error_code check_finite(enum intake_tensor tensor, size_t row, const float *numbers,
                                    size_t count, struct error *error) {
    if (intake_all_finite(numbers, count)) {
        return ERROR_NONE;
    }
    size_t column = 0;
    while (isfinite(numbers[column])) {
        column++;
    }
    return intake_refuse_row(
        tensor, row, error,
        "number %zu of row %zu is %s; allowed is what a float32 can hold, "
        "-3.4e38 to 3.4e38",
        column, row, isnan(numbers[column]) ? "not a number" : "infinite or beyond float32");
}

static enum error_code check_unit_range(size_t row, const float *targets, size_t count,
                                        struct error *error) {
    for (size_t i = 0; i < count; i++) {
        if (!(targets[i] >= 0 && targets[i] <= 1)) {
            return intake_refuse_row(INTAKE_TARGETS, row, error,
                                     "a target of %g; for binary_crossentropy allowed are 0 to 1",
                                     (double)targets[i]);
        }
    }
    return ERROR_NONE;
}

static enum error_code check_distribution(size_t row, const float *targets, size_t count,
                                          struct error *error) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(targets[i] >= 0)) {
            return intake_refuse_row(INTAKE_TARGETS, row, error,
                                     "a target of %g; for categorical_crossentropy targets are "
                                     "probabilities, 0 to 1",
                                     (double)targets[i]);
        }
        sum += (double)targets[i];
    }
    if (!(fabs(sum - 1) <= PROBABILITY_SUM_TOLERANCE)) {
        return intake_refuse_row(INTAKE_TARGETS, row, error,
                                 "the row sums to %.7g; for categorical_crossentropy the targets "
                                 "of a row are probabilities that sum to 1",
                                 sum);
    }
    return ERROR_NONE;
}

static enum error_code check_row(const struct intake *intake, enum intake_tensor tensor, size_t row,
                                 const float *numbers, size_t width, struct error *error) {
    const enum error_code code = check_finite(tensor, row, numbers, width, error);
    if (code != ERROR_NONE) {
        return code;
    }
    const enum loss loss = intake->request.specification->loss;
    if (tensor == INTAKE_TARGETS && loss == LOSS_BINARY_CROSSENTROPY) {
        return check_unit_range(row, numbers, width, error);
    }
    if (tensor == INTAKE_TARGETS && loss == LOSS_CATEGORICAL_CROSSENTROPY) {
        return check_distribution(row, numbers, width, error);
    }
    if (tensor == INTAKE_SAMPLE_WEIGHTS &&
        !(numbers[0] >= 0 && (double)numbers[0] <= SAMPLE_WEIGHT_MAX)) {
        return intake_refuse_row(tensor, row, error, "a sample weight of %g; allowed are 0 to %g",
                                 (double)numbers[0], SAMPLE_WEIGHT_MAX);
    }
    return ERROR_NONE;
}

enum error_code intake_check_rows(struct intake *intake, enum intake_tensor tensor,
                                  struct error *error) {
    const size_t width = intake_tensor_width(intake, tensor);
    const size_t rows = rows_of(intake, tensor);
    const float *numbers = (const float *)(const void *)intake_tensor_buffer(intake, tensor)->data;
    size_t *checked = &intake->tensors[tensor].rows_checked;
    if (tensor == INTAKE_INPUTS &&
        intake_all_finite(numbers + *checked * width, (rows - *checked) * width)) {
        *checked = rows; /* nothing else is asked of inputs */
    }
    enum error_code code = ERROR_NONE;
    for (; *checked < rows && code == ERROR_NONE; ++*checked) {
        code = check_row(intake, tensor, *checked, numbers + *checked * width, width, error);
    }
    return code;
}

/* ---- Labels ---- */

/* What is wrong with a label that is none. */
static enum error_code refuse_label(double value, size_t row, size_t classes, struct error *error) {
    return value >= 0 && value < (double)classes
               ? intake_refuse_row(INTAKE_LABELS, row, error,
                                   "the label %.15g in row %zu; labels are whole numbers, 0 to %zu",
                                   value, row, classes - 1)
               : intake_refuse_row(INTAKE_LABELS, row, error,
                                   "the label %.15g in row %zu; allowed are 0 to %zu", value, row,
                                   classes - 1);
}

enum error_code intake_add_labels(struct intake *intake, const double *values, size_t count,
                                  struct error *error) {
    const size_t classes = specification_classes(intake->request.specification);
    struct buffer *labels = &intake->examples.labels;
    const enum error_code code = buffer_reserve(labels, count * sizeof(int32_t), error);
    for (size_t i = 0; i < count && code == ERROR_NONE; i++) {
        const bool in_range = values[i] >= 0 && values[i] < (double)classes;
        const int32_t label = in_range ? (int32_t)values[i] : -1;
        if (!in_range || (double)label != values[i]) {
            return refuse_label(values[i], rows_of(intake, INTAKE_LABELS), classes, error);
        }
        memcpy(labels->data + labels->used, &label, sizeof label);
        labels->used += sizeof label;
    }
    return code;
}

/* Some of the names, for a client that has misspelt one. */
static void list_classes(const struct specification *specification, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (size_t c = 0; c < specification->class_count && used < size; c++) {
        used += (size_t)snprintf(text + used, size - used, "%s'%s'", c > 0 ? ", " : "",
                                 specification->classes[c]);
    }
    if (used >= size) {
        snprintf(text + size - 4, 4, "%s", "...");
    }
}

/* The index of a class, or -1.  Names are C strings: one with a zero byte inside is
 * none of them. */
static ptrdiff_t find_class(const struct specification *specification, const char *name,
                            size_t length) {
    char copy[CLASS_NAME_BYTES_MAX + 1];
    if (specification->class_count == 0 || length > CLASS_NAME_BYTES_MAX ||
        memchr(name, 0, length) != NULL) {
        return -1;
    }
    memcpy(copy, name, length);
    copy[length] = 0;
    return specification_find_class(specification, copy);
}

bool intake_has_class(const struct intake *intake, const char *name, size_t length) {
    return find_class(intake->request.specification, name, length) >= 0;
}

enum error_code intake_add_label_name(struct intake *intake, const char *name, size_t length,
                                      struct error *error) {
    const struct specification *specification = intake->request.specification;
    const size_t row = rows_of(intake, INTAKE_LABELS);
    const int shown = (int)size_min(length, NAME_SHOWN_BYTES);
    if (specification->class_count == 0) {
        return intake_refuse_row(
            INTAKE_LABELS, row, error,
            "the label '%.*s' in row %zu is a name, and the model has no class "
            "names (field 'classes'); labels are whole numbers, 0 to %zu",
            shown, name, row, specification_classes(specification) - 1);
    }
    const ptrdiff_t label = find_class(specification, name, length);
    if (label < 0) {
        char names[256];
        list_classes(specification, names, sizeof names);
        return intake_refuse_row(INTAKE_LABELS, row, error,
                                 "no class is named '%.*s' (row %zu); the classes are %s", shown,
                                 name, row, names);
    }
    const double value = (double)label;
    return intake_add_labels(intake, &value, 1, error);
}

/* ---- The end ---- */

static enum error_code check_presence(const struct intake *intake, struct error *error) {
    if (!intake->tensors[INTAKE_INPUTS].given) {
        return error_set(error, ERROR_INVALID, "/inputs",
                         "inputs are missing; needed are rows of %zu numbers",
                         intake->request.specification->inputs);
    }
    if (intake->request.purpose == INTAKE_PREDICTION || intake->tensors[INTAKE_LABELS].given ||
        intake->tensors[INTAKE_TARGETS].given) {
        return ERROR_NONE;
    }
    return specification_classes(intake->request.specification) > 0
               ? error_set(error, ERROR_INVALID, "/labels",
                           "neither labels nor targets; needed is one of them")
               : error_set(error, ERROR_INVALID, "/targets",
                           "targets are missing; needed are rows of %zu numbers",
                           specification_outputs(intake->request.specification));
}

static enum error_code check_counts(struct intake *intake, struct error *error) {
    const size_t rows = rows_of(intake, INTAKE_INPUTS);
    if (rows == 0) {
        return error_set(error, ERROR_INVALID, "/inputs", "no rows; needed is at least one");
    }
    for (enum intake_tensor tensor = INTAKE_LABELS; tensor < INTAKE_TENSORS; tensor++) {
        const size_t count = rows_of(intake, tensor);
        if (intake->tensors[tensor].given && count != rows) {
            char pointer[32];
            snprintf(pointer, sizeof pointer, "/%s", tensors[tensor].name);
            return error_set(error, ERROR_INVALID, pointer,
                             "%zu rows of %s for %zu rows of inputs; the counts must be equal",
                             count, tensors[tensor].name, rows);
        }
    }
    return ERROR_NONE;
}

enum error_code intake_end(struct intake *intake, struct error *error) {
    enum error_code code = intake->format->end(intake, error);
    if (code == ERROR_NONE) {
        code = check_presence(intake, error);
    }
    if (code == ERROR_NONE) {
        code = check_counts(intake, error);
    }
    if (code == ERROR_NONE) {
        intake->examples.rows = rows_of(intake, INTAKE_INPUTS);
    }
    return code;
}
