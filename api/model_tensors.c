/* The list of a model's tensors; see model_tensors.h. */
#include "api/model_tensors.h"

#include <stdio.h>

struct list {
    const struct network *network;
    struct buffer *tensors;
    struct error *error; /* the first one; its code is ERROR_NONE until then */
};

static void add(struct list *list, const struct model_tensor *tensor) {
    if (list->error->code == ERROR_NONE) {
        (void)buffer_append(list->tensors, tensor, sizeof *tensor, list->error);
    }
}

/* --- places ------------------------------------------------------------------------- */

static bool has_place(const struct network *network, size_t layer) {
    const enum activation activation = network->layers[layer].activation;
    const bool ends = layer + 1 == network->layer_count &&
                      (activation == ACTIVATION_SOFTMAX || activation == ACTIVATION_SIGMOID);
    return activation != ACTIVATION_IDENTITY && !ends;
}

struct model_places model_places(const struct network *network, size_t layer, size_t first) {
    const struct network_layer *at = &network->layers[layer];
    struct model_places places = {.linear = first, .normalization = first + 1};
    places.next = places.normalization + (at->normalization != NORMALIZATION_NONE) +
                  has_place(network, layer) + (at->dropout > 0);
    return places;
}

/* --- what has 8 bytes an item ------------------------------------------------------------ */

static void add_standardizer(struct list *list) {
    static const struct {
        const char *name;
        enum model_tensor_part part;
        bool has_no_negatives;
    } rows[] = {
        {"standardizer.mean", PART_MEAN, false},
        {"standardizer.m2", PART_M2, true},
        {"standardizer.scale", PART_SCALE, true},
    };
    for (size_t i = 0; list->network->standardize && i < sizeof rows / sizeof *rows; i++) {
        struct model_tensor tensor = {
            .dtype = &dtypes[DTYPE_F64],
            .rank = 1,
            .shape = {list->network->inputs},
            .items = list->network->inputs,
            .part = rows[i].part,
            .has_no_negatives = rows[i].has_no_negatives,
        };
        snprintf(tensor.name, sizeof tensor.name, "%s", rows[i].name);
        add(list, &tensor);
    }
}

static void add_counts(struct list *list) {
    struct model_tensor tensor = {
        .dtype = &dtypes[DTYPE_I64], .items = 1, .part = PART_COUNT, .has_no_negatives = true};
    if (list->network->standardize) {
        snprintf(tensor.name, sizeof tensor.name, "standardizer.count");
        add(list, &tensor);
    }
    tensor.part = PART_STEP;
    size_t place = 0;
    for (size_t l = 0; l < list->network->layer_count; l++) {
        const struct model_places places = model_places(list->network, l, place);
        if (list->network->layers[l].normalization == NORMALIZATION_BATCH) {
            snprintf(tensor.name, sizeof tensor.name, "%zu.num_batches_tracked",
                     places.normalization);
            add(list, &tensor);
        }
        place = places.next;
    }
}

/* --- what has 4 ------------------------------------------------------------------------------- */

/* One row for each tensor that a layer may have. */
static const struct {
    const char *name;
    size_t offset; /* of its offset in struct network_layer */
    bool is_linear, is_batch, is_trained, has_no_negatives;
} layer_tensors[] = {
    {"weight", offsetof(struct network_layer, weights), .is_linear = true, .is_trained = true},
    {"bias", offsetof(struct network_layer, biases), .is_linear = true, .is_trained = true},
    {"weight", offsetof(struct network_layer, gammas), .is_trained = true},
    {"bias", offsetof(struct network_layer, betas), .is_trained = true},
    {"running_mean", offsetof(struct network_layer, moving_means), .is_batch = true},
    {"running_var", offsetof(struct network_layer, moving_variances), .is_batch = true,
     .has_no_negatives = true},
};

/* Of which arrays of the state. */
struct array {
    const char *prefix;
    enum model_tensor_part part;
    bool has_no_negatives;
};

static void add_layer_tensor(struct list *list, const struct network_layer *layer,
                             const struct model_places *places, size_t row,
                             const struct array *array) {
    const bool is_linear = layer_tensors[row].is_linear;
    const bool is_matrix = is_linear && row == 0;
    struct model_tensor tensor = {
        .dtype = &dtypes[DTYPE_F32],
        .rank = is_matrix ? 2 : 1,
        .shape = {layer->out, layer->in},
        .items = is_matrix ? layer->out * layer->in : layer->out,
        .part = array->part,
        .offset = *(const size_t *)(const void *)((const char *)layer + layer_tensors[row].offset),
        .has_no_negatives = array->has_no_negatives || layer_tensors[row].has_no_negatives,
    };
    snprintf(tensor.name, sizeof tensor.name, "%s%zu.%s", array->prefix,
             is_linear ? places->linear : places->normalization, layer_tensors[row].name);
    add(list, &tensor);
}

static void add_layers(struct list *list, const struct array *array) {
    size_t place = 0;
    for (size_t l = 0; l < list->network->layer_count; l++) {
        const struct network_layer *layer = &list->network->layers[l];
        const struct model_places places = model_places(list->network, l, place);
        for (size_t row = 0; row < sizeof layer_tensors / sizeof *layer_tensors; row++) {
            const bool normalizes = layer_tensors[row].is_batch
                                        ? layer->normalization == NORMALIZATION_BATCH
                                        : layer->normalization != NORMALIZATION_NONE;
            if ((layer_tensors[row].is_linear || normalizes) &&
                (array->part == PART_PARAMETERS || layer_tensors[row].is_trained)) {
                add_layer_tensor(list, layer, &places, row, array);
            }
        }
        place = places.next;
    }
}

/* Every optimizer but sgd keeps a mean or a sum of squares, in its last slot. */
static bool slot_has_squares(const struct optimizer_settings *optimizer, size_t slot) {
    return optimizer->optimizer != OPTIMIZER_SGD && slot + 1 == model_tensors_slots(optimizer);
}

size_t model_tensors_slots(const struct optimizer_settings *optimizer) {
    return optimizer_functions[optimizer->optimizer].slots(optimizer);
}

/* --- all -------------------------------------------------------------------------------- */

enum error_code model_tensors_list(const struct network *network,
                                   const struct optimizer_settings *optimizer, size_t slot_count,
                                   struct buffer *tensors, struct error *error) {
    struct list list = {.network = network, .tensors = tensors, .error = error};
    error->code = ERROR_NONE;
    add_standardizer(&list);
    add_counts(&list);
    add_layers(&list, &(struct array){.prefix = "", .part = PART_PARAMETERS});
    if (slot_count > 0) {
        add_layers(&list, &(struct array){"optimizer.first.", PART_FIRST_SLOT,
                                          slot_has_squares(optimizer, 0)});
    }
    if (slot_count > 1) {
        add_layers(&list, &(struct array){"optimizer.second.", PART_SECOND_SLOT,
                                          slot_has_squares(optimizer, 1)});
    }
    return error->code;
}

void *model_tensor_items(const struct model_tensor *tensor, const struct network *network,
                         const struct state *state) {
    const struct weights weights = state_weights(state, network);
    switch (tensor->part) {
    case PART_PARAMETERS:
        return weights.parameters + tensor->offset;
    case PART_MEAN:
        return weights.standardizer.mean;
    case PART_M2:
        return weights.standardizer.m2;
    case PART_SCALE:
        return weights.standardizer.scale;
    case PART_COUNT:
        return &state->head->standardizer_count;
    case PART_STEP:
        return &state->head->step;
    case PART_FIRST_SLOT:
        return state_slot(state, 0) + tensor->offset;
    case PART_SECOND_SLOT:
        return state_slot(state, 1) + tensor->offset;
    }
    return NULL;
}
