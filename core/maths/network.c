/* Network layout and prediction; see network.h. */
#include "core/maths/network.h"

#include <string.h>

#include "core/maths/product.h"

_Static_assert(LAYERS_MAX <= 64, "a bit a layer in `divisible`");

/* The offset of a tensor of so many floats, which the array grows by. */
static size_t place(size_t *floats, size_t count) {
    const size_t offset = *floats;
    *floats += network_whole_lines(count);
    return offset;
}

void network_layout(struct network *network, const struct specification *specification,
                    struct network_layer *layers) {
    *network = (struct network){
        .layers = layers,
        .layer_count = specification->layer_count,
        .inputs = specification->inputs,
        .outputs = specification_outputs(specification),
        .widest = specification->inputs,
        .block_rows = 1,
        .loss = specification->loss,
        .huber_delta = (float)specification->huber_delta,
        .standardize = specification->standardize,
    };
    size_t in = specification->inputs;
    size_t floats = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer_specification *from = &specification->layers[l];
        struct network_layer *layer = &network->layers[l];
        *layer = (struct network_layer){
            .in = in,
            .out = from->units,
            .normalization = from->normalization,
            .activation = from->activation,
            .alpha = (float)from->alpha,
            .dropout = from->dropout,
        };
        layer->weights = place(&floats, in * layer->out);
        layer->biases = place(&floats, layer->out);
        if (layer->normalization != NORMALIZATION_NONE) {
            layer->gammas = place(&floats, layer->out);
            layer->betas = place(&floats, layer->out);
        }
        network->widest = size_max(network->widest, from->units);
        in = from->units;
    }
    network->parameter_floats = floats;
    for (size_t l = 0; l < network->layer_count; l++) {
        struct network_layer *layer = &network->layers[l];
        if (layer->normalization == NORMALIZATION_BATCH) {
            layer->moving_means = place(&floats, layer->out);
            layer->moving_variances = place(&floats, layer->out);
        }
    }
    network->version_floats = floats;
}

void network_probe(struct network *network, float *space, float *rows) {
    float *Z = rows + PRODUCT_BLOCK_ROWS_MAX * network->widest;
    network->block_rows = PRODUCT_BLOCK_ROWS_MAX;
    network->divisible = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        float *W = space + layer->weights;
        const size_t own = product_block_rows(layer->in, layer->out, W, rows, Z);
        /* What holds for a block holds for a smaller one. */
        if (product_block_is_divisible(own, layer->in, layer->out, W, rows, Z)) {
            network->divisible |= (uint64_t)1 << l;
        }
        network->block_rows = size_min(network->block_rows, own);
    }
}

#define PIECE_FLOATS 65536

static void fill_with_ones(float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = 1.0f;
    }
}

void network_initialize(const struct network *network, const struct specification *specification,
                        float *parameters, struct pause pause) {
    for (size_t at = 0; at < network->version_floats; at += PIECE_FLOATS) {
        memset(parameters + at, 0,
               size_min(PIECE_FLOATS, network->version_floats - at) * sizeof *parameters);
        pause_call(pause);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        const size_t count = layer->in * layer->out;
        for (size_t begin = 0; begin < count; begin += PIECE_FLOATS) {
            initializer_fill(specification->layers[l].initializer, specification->seed, (uint32_t)l,
                             layer->in, layer->out, begin, size_min(begin + PIECE_FLOATS, count),
                             parameters + layer->weights);
            pause_call(pause);
        }
        if (layer->normalization != NORMALIZATION_NONE) {
            fill_with_ones(parameters + layer->gammas, layer->out);
        }
        if (layer->normalization == NORMALIZATION_BATCH) {
            fill_with_ones(parameters + layer->moving_variances, layer->out);
        }
    }
}

size_t network_predict_scratch(const struct network *network) {
    return (size_t)2 * PRODUCT_BLOCK_ROWS_MAX * network->widest; /* whatever block_rows is */
}

/* What a normalised layer does between its product Z, which becomes γ·x̂, and its
 * activation, which adds β.  `spare` is as large as Z. */
static void predict_normalized(const struct network_layer *layer, const float *parameters,
                               struct activation_block block, float *Z, float *spare) {
    const float *gamma = parameters + layer->gammas;
    activation_functions[ACTIVATION_IDENTITY].forward(block, parameters + layer->biases, Z, Z, 0);
    if (layer->normalization == NORMALIZATION_BATCH) {
        normalization_batch_predict(block, parameters + layer->moving_means,
                                    parameters + layer->moving_variances, gamma, Z);
    } else {
        normalization_layer_forward(block, gamma, Z, spare, Z, NULL);
    }
}

/* One block: `rows` of block_rows rows are real.  Zeros are added before the first layer
 * that needs a whole block, and dropped again by those that do not. */
static void predict_block(const struct network *network, const float *parameters,
                          const struct standardizer *standardizer, bool logits, size_t rows,
                          const float *X, float *outputs, float *scratch) {
    float *from = scratch;
    float *to = scratch + network->block_rows * network->widest;
    if (standardizer != NULL) {
        standardizer_transform(standardizer, rows, X, from);
    } else {
        memcpy(from, X, rows * network->inputs * sizeof *from);
    }
    size_t filled = rows;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        const size_t computed = (network->divisible >> l & 1) != 0 ? rows : network->block_rows;
        if (computed > filled) {
            memset(from + filled * layer->in, 0, (computed - filled) * layer->in * sizeof *from);
        }
        product_forward_block(computed, layer->in, layer->out, from, parameters + layer->weights,
                              to);
        filled = computed;
        const struct activation_block block = {computed, layer->out, layer->out};
        const bool normalized = layer->normalization != NORMALIZATION_NONE;
        if (normalized) {
            predict_normalized(layer, parameters, block, to, from);
        }
        /* In place: Z is not needed again, so A is written over it. */
        const bool plain = logits && l + 1 == network->layer_count;
        activation_functions[plain ? ACTIVATION_IDENTITY : layer->activation].forward(
            block, parameters + (normalized ? layer->betas : layer->biases), to, to, layer->alpha);
        float *swap = from;
        from = to;
        to = swap;
    }
    memcpy(outputs, from, rows * network->outputs * sizeof *outputs);
}

void network_predict(const struct network *network, const float *parameters,
                     const struct standardizer *standardizer, bool logits, size_t rows,
                     const float *X, float *outputs, float *scratch) {
    for (size_t r = 0; r < rows; r += network->block_rows) {
        predict_block(network, parameters, standardizer, logits,
                      size_min(network->block_rows, rows - r), X + r * network->inputs,
                      outputs + r * network->outputs, scratch);
    }
}

bool network_loss_takes_logits(const struct network *network) {
    return loss_functions[network->loss].fused != ACTIVATION_UNSET;
}

size_t network_forward_work(const struct network *network) {
    size_t work = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        work += 2 * network->layers[l].in * network->layers[l].out;
    }
    return work;
}
