/* Models taken in; see model_intake.h. */
#include "api/model_intake.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_document.h"
#include "api/model_tensors.h"
#include "api/parameter.h"
#include "api/specification_json.h"
#include "core/base/checked.h"
#include "core/base/memory.h"

/* A create body of 1 MiB, whose quotes are escaped once more, and what is said of the tensors:
 * whatever mlpd exports comes in. */
#define HEADER_BYTES_MAX (4 * 1024 * 1024)
#define HEADER_MARKS_MAX 16384
#define BLOCK_ITEMS 512
#define SLOTS_PREFIX "optimizer."

/* ---- the metadata ---- */

static enum error_code read_count(const json_t *metadata, const char *name, uint64_t *count,
                                  struct error *error) {
    const char *text = json_string_value(json_object_get(metadata, name));
    *count = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        *count = *count * 10 + (uint64_t)(*at - '0');
        if (*at < '0' || *at > '9' || *count > (uint64_t)COUNT_MAX) {
            char pointer[48];
            snprintf(pointer, sizeof pointer, "/__metadata__/%s", name);
            return error_set(error, ERROR_INVALID, pointer,
                             "%s '%.40s'; allowed is a whole number up to %.0f", name, text,
                             COUNT_MAX);
        }
    }
    return ERROR_NONE;
}

static enum error_code read_config(struct model_intake *intake, const json_t *config,
                                   struct error *error) {
    if (config == NULL) {
        return error_set(error, ERROR_INVALID, "/__metadata__/config",
                         "the file's __metadata__ has no config; it is the create body as JSON, "
                         "which says what network the tensors are of");
    }
    const struct buffer text = {.data = (char *)json_string_value(config),
                                .used = json_string_length(config)};
    struct json_document document;
    enum error_code code = json_document_parse(&document, &text, intake->ledger, error);
    if (code == ERROR_NONE) {
        code = specification_read(document.root, &intake->specification, error);
        json_document_free(&document);
    }
    if (code == ERROR_INVALID || code == ERROR_SYNTAX) {
        error_prefix_pointer(error, "/__metadata__/config");
    }
    return code;
}

static int compare_names(const void *a, const void *b) {
    const struct model_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* What the file may have, by name; and room for what it has. */
static enum error_code list_tensors(struct model_intake *intake, struct error *error) {
    const struct optimizer_settings *optimizer = &intake->specification.optimizer;
    enum error_code code = model_tensors_list(
        &intake->network, optimizer, model_tensors_slots(optimizer), &intake->known, error);
    if (code == ERROR_NONE) {
        intake->known_count = intake->known.used / sizeof(struct model_tensor);
        qsort(intake->known.data, intake->known_count, sizeof(struct model_tensor), compare_names);
        code = buffer_reserve(&intake->found,
                              intake->known_count * sizeof(struct safetensors_tensor), error);
    }
    if (code == ERROR_NONE) {
        intake->reader.tensors = (void *)intake->found.data;
    }
    return code;
}

static enum error_code take_metadata(void *context, const json_t *metadata, struct error *error) {
    struct model_intake *intake = context;
    enum error_code code = read_config(intake, json_object_get(metadata, "config"), error);
    if (code == ERROR_NONE) {
        code = read_count(metadata, "step", &intake->step, error);
    }
    if (code == ERROR_NONE) {
        code = read_count(metadata, "examples", &intake->examples, error);
    }
    if (code == ERROR_NONE) {
        network_layout(&intake->network, &intake->specification, intake->layers);
        code = list_tensors(intake, error);
    }
    return code;
}

/* ---- the tensors of the header ---- */

static const struct model_tensor *tensor_at(const struct model_intake *intake, size_t number) {
    return (const struct model_tensor *)(const void *)intake->known.data + number;
}

static void point_at(const char *name, char pointer[ERROR_POINTER_BYTES]) {
    json_member_pointer("", name, pointer);
}

static enum error_code find(void *context, const char *name, size_t *number, struct error *error) {
    const struct model_intake *intake = context;
    struct model_tensor key = {.part = 0};
    char pointer[ERROR_POINTER_BYTES];
    snprintf(key.name, sizeof key.name, "%s", name);
    const struct model_tensor *known =
        bsearch(&key, intake->known.data, intake->known_count, sizeof key, compare_names);
    if (known == NULL || strcmp(known->name, name) != 0) {
        point_at(name, pointer);
        return error_set(error, ERROR_INVALID, pointer,
                         "the network of the config has no tensor '%.60s'", name);
    }
    *number = (size_t)(known - tensor_at(intake, 0));
    return ERROR_NONE;
}

static const char *name_of(const void *context, size_t number) {
    return tensor_at(context, number)->name;
}

static enum dtype_kind kind_of(const struct model_tensor *tensor) {
    return tensor->dtype->kind;
}

static enum error_code refuse_dtype(void *context, size_t number, const char *dtype,
                                    struct error *error) {
    const struct model_tensor *tensor = tensor_at(context, number);
    char pointer[ERROR_POINTER_BYTES], allowed[128];
    point_at(tensor->name, pointer);
    dtype_list(kind_of(tensor), allowed, sizeof allowed);
    return error_set(error, ERROR_INVALID, pointer, "%s of dtype '%.20s'; allowed are %s",
                     tensor->name, dtype, allowed);
}

static void print_shape(const size_t *shape, size_t rank, char text[64]) {
    size_t used = (size_t)snprintf(text, 64, "[");
    for (size_t i = 0; i < rank && i < 2; i++) {
        used += (size_t)snprintf(text + used, 64 - used, "%s%zu", i > 0 ? ", " : "", shape[i]);
    }
    snprintf(text + used, 64 - used, "%s]", rank > 2 ? ", …" : "");
}

static enum error_code check_tensor(struct model_intake *intake,
                                    const struct safetensors_tensor *found, struct error *error) {
    const struct model_tensor *tensor = tensor_at(intake, found->number);
    bool fits = found->rank == tensor->rank;
    for (size_t i = 0; i < tensor->rank && fits; i++) {
        fits = found->shape[i] == tensor->shape[i];
    }
    if (!fits) {
        char pointer[ERROR_POINTER_BYTES], shape[64], needed[64];
        point_at(tensor->name, pointer);
        print_shape(found->shape, found->rank, shape);
        print_shape(tensor->shape, tensor->rank, needed);
        return error_set(error, ERROR_INVALID, pointer,
                         "%s of shape %s; the config's network has %s", tensor->name, shape,
                         needed);
    }
    return (found->dtype->kind & kind_of(tensor)) != 0
               ? ERROR_NONE
               : refuse_dtype(intake, found->number, found->dtype->name, error);
}

static bool is_slot(const struct model_tensor *tensor) {
    return tensor->part == PART_FIRST_SLOT || tensor->part == PART_SECOND_SLOT;
}

/* PyTorch's own count of batches says nothing that is needed. */
static bool may_be_left_out(const struct model_tensor *tensor, bool has_slots) {
    return tensor->part == PART_STEP || (is_slot(tensor) && !has_slots);
}

/* All that training goes on from is there, or the whole optimizer begins anew. */
static enum error_code check_complete(const struct model_intake *intake, bool *has_slots,
                                      struct error *error) {
    const struct safetensors_reader *reader = &intake->reader;
    bool given[MODEL_TENSORS_MAX] = {false};
    *has_slots = false;
    for (size_t i = 0; i < reader->tensor_count; i++) {
        const size_t number = reader->tensors[i].number;
        given[number] = true;
        *has_slots = *has_slots || is_slot(tensor_at(intake, number));
    }
    for (size_t number = 0; number < intake->known_count; number++) {
        const struct model_tensor *tensor = tensor_at(intake, number);
        if (!given[number] && !may_be_left_out(tensor, *has_slots)) {
            char pointer[ERROR_POINTER_BYTES];
            point_at(tensor->name, pointer);
            return error_set(error, ERROR_INVALID, pointer, "the tensor %s is missing",
                             tensor->name);
        }
    }
    return ERROR_NONE;
}

/* ---- the state ---- */

/* What stands between two tensors of an array: zeros, or in a slot what the optimizer begins
 * with. */
static void fill_padding(const struct model_intake *intake) {
    const float slot = optimizer_initial_slot(&intake->specification.optimizer);
    for (size_t number = 0; number < intake->known_count; number++) {
        const struct model_tensor *tensor = tensor_at(intake, number);
        if (tensor->dtype != &dtypes[DTYPE_F32] ||
            (is_slot(tensor) && intake->state->head->slot_count == 0)) {
            continue;
        }
        float *items = model_tensor_items(tensor, &intake->network, intake->state);
        const size_t end = network_whole_lines(tensor->offset + tensor->items) - tensor->offset;
        for (size_t i = tensor->items; i < end; i++) {
            items[i] = is_slot(tensor) ? slot : 0;
        }
    }
}

static enum error_code begin(void *context, struct error *error) {
    struct model_intake *intake = context;
    const size_t slots = model_tensors_slots(&intake->specification.optimizer);
    enum error_code code = ERROR_NONE;
    bool has_slots;
    for (size_t i = 0; i < intake->reader.tensor_count && code == ERROR_NONE; i++) {
        code = check_tensor(intake, &intake->reader.tensors[i], error);
    }
    if (code == ERROR_NONE) {
        code = check_complete(intake, &has_slots, error);
    }
    if (code == ERROR_NONE) {
        code = state_create(&intake->network, has_slots ? slots : 0, intake->ledger, &intake->state,
                            error);
    }
    if (code == ERROR_NONE) {
        const bool goes_on = has_slots || slots == 0;
        intake->state->head->step = goes_on ? intake->step : 0;
        intake->state->head->examples = goes_on ? intake->examples : 0;
        fill_padding(intake);
    }
    return code;
}

/* ---- the data ---- */

static enum error_code refuse_item(const struct model_tensor *tensor, size_t item, double value,
                                   const char *allowed, struct error *error) {
    char pointer[ERROR_POINTER_BYTES], place[48] = "";
    point_at(tensor->name, pointer);
    if (tensor->rank == 2) {
        snprintf(place, sizeof place, "[%zu, %zu]", item / tensor->shape[1],
                 item % tensor->shape[1]);
    } else if (tensor->rank == 1) {
        snprintf(place, sizeof place, "[%zu]", item);
    }
    return error_set(error, ERROR_INVALID, pointer, "%s%s is %g; %s", tensor->name, place, value,
                     allowed);
}

/* As the state has them. */
static bool is_finite(const struct model_tensor *tensor, double value) {
    return tensor->dtype == &dtypes[DTYPE_F32] ? isfinite((float)value) : isfinite(value);
}

static enum error_code check_items(const struct model_tensor *tensor, size_t first,
                                   const double *values, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        if (!is_finite(tensor, values[i])) {
            return refuse_item(tensor, first + i, values[i], "numbers must be finite", error);
        }
        if (tensor->has_no_negatives && values[i] < 0) {
            return refuse_item(tensor, first + i, values[i], "it must not be negative", error);
        }
        if (tensor->dtype == &dtypes[DTYPE_I64] && values[i] > COUNT_MAX) {
            return refuse_item(tensor, first + i, values[i], "it must be at most 2^53", error);
        }
    }
    return ERROR_NONE;
}

static void store_items(const struct model_tensor *tensor, char *items, const double *values,
                        size_t count) {
    if (tensor->dtype == &dtypes[DTYPE_F32]) {
        float *to = (float *)(void *)items;
        for (size_t i = 0; i < count; i++) {
            to[i] = (float)values[i];
        }
    } else if (tensor->dtype == &dtypes[DTYPE_F64]) {
        memcpy(items, values, count * sizeof *values);
    } else {
        const uint64_t whole = (uint64_t)values[0];
        memcpy(items, &whole, sizeof whole);
    }
}

static enum error_code take(void *context, const struct safetensors_tensor *found, const char *from,
                            size_t count, struct error *error) {
    struct model_intake *intake = context;
    const struct model_tensor *tensor = tensor_at(intake, found->number);
    char *items = model_tensor_items(tensor, &intake->network, intake->state);
    double block[BLOCK_ITEMS];
    if (intake->current != found->number) {
        intake->current = found->number;
        intake->items_taken = 0;
    }
    while (count > 0) {
        const size_t piece = size_min(count, BLOCK_ITEMS);
        found->dtype->decode(from, piece, block);
        const enum error_code code = check_items(tensor, intake->items_taken, block, piece, error);
        if (code != ERROR_NONE) {
            return code;
        }
        if (tensor->part != PART_STEP) {
            store_items(tensor, items + intake->items_taken * tensor->dtype->bytes, block, piece);
        }
        intake->items_taken += piece;
        from += piece * found->dtype->bytes;
        count -= piece;
    }
    return ERROR_NONE;
}

/* ---- the body ---- */

static const struct safetensors_user user = {
    .header_bytes_max = HEADER_BYTES_MAX,
    .marks_max = HEADER_MARKS_MAX,
    .take_metadata = take_metadata,
    .find = find,
    .name = name_of,
    .refuse_dtype = refuse_dtype,
    .begin = begin,
    .take = take,
};

struct model_intake *model_intake_create(struct ledger *ledger, size_t body_bytes) {
    struct model_intake *intake = memory_allocate_zero(1, sizeof *intake);
    if (intake != NULL) {
        intake->ledger = ledger;
        intake->current = SIZE_MAX;
        specification_init(&intake->specification);
        buffer_init(&intake->known, ledger, "the tensors of a model's file");
        buffer_init(&intake->found, ledger, "the tensors of a model's file");
        safetensors_reader_init(&intake->reader, &user, intake, NULL, ledger, body_bytes);
    }
    return intake;
}

void model_intake_destroy(struct model_intake *intake) {
    if (intake != NULL) {
        safetensors_reader_free(&intake->reader);
        specification_free(&intake->specification);
        buffer_free(&intake->known);
        buffer_free(&intake->found);
        state_release(intake->state);
        memory_free(intake);
    }
}

enum error_code model_intake_feed(struct model_intake *intake, const char *data, size_t size,
                                  struct error *error) {
    return safetensors_reader_feed(&intake->reader, data, size, error);
}

enum error_code model_intake_end(struct model_intake *intake, struct error *error) {
    return safetensors_reader_end(&intake->reader, error);
}
