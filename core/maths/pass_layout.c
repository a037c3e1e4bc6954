/* The scratch of a training pass: what lies where; see pass_layout.h. */
#include "core/maths/pass_layout.h"

#include <stdint.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

/* Numbers that the update reads and writes for a parameter. */
#define UPDATE_WIDTH 4

/* Hands out pieces of the scratch, or only counts them when `base` is NULL. */
struct carver {
    char *base;
    size_t used;
    bool overflow;
};

static void *carve(struct carver *carver, size_t count, size_t size) {
    size_t bytes;
    const size_t begin = carver->used;
    if (!checked_multiply(count, size, &bytes) ||
        !checked_add(bytes, MEMORY_ALIGNMENT - 1, &bytes) ||
        !checked_add(carver->used, bytes / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT, &carver->used)) {
        carver->overflow = true;
        return NULL;
    }
    return carver->base != NULL ? carver->base + begin : NULL;
}

static void lay_out_normalization(struct pass_layer *to, const struct network_layer *layer,
                                  size_t rows, struct carver *carver) {
    const bool batch = layer->normalization == NORMALIZATION_BATCH;
    to->X = carve(carver, rows * layer->out, sizeof(float));
    to->inverse = carve(carver, batch ? layer->out : rows, sizeof(double));
    to->dy_sum = carve(carver, layer->out, sizeof(double));
    to->dyx_sum = carve(carver, layer->out, sizeof(double));
    to->units = grid_of_rows(layer->out, rows);
    to->rows = grid_of_rows(rows, layer->out);
}

/* Point every layer to its part of the arrays that are one for all of them. */
static void share_out(struct pass *pass) {
    const size_t parameters = pass->network->parameter_floats;
    double *next = pass->norm_partials;
    for (size_t l = 0; l < pass->network->layer_count; l++) {
        const struct network_layer *layer = &pass->network->layers[l];
        struct pass_layer *own = &pass->layers[l];
        own->norm_partials = next;
        next += grid_tiles(&own->weight_gradient);
        if (layer->normalization != NORMALIZATION_NONE) {
            next += grid_tiles(&own->units);
        }
        own->mean = own->variance = NULL;
        if (layer->normalization == NORMALIZATION_BATCH) {
            own->mean = pass->batch_statistics + (layer->moving_means - parameters);
            own->variance = pass->batch_statistics + (layer->moving_variances - parameters);
        }
    }
}

static void lay_out(struct pass *pass, struct carver *carver) {
    const struct network *network = pass->network;
    const size_t rows = pass->batch.rows;
    pass->norm_count = 0;
    if (network->standardize) {
        pass->standardized = carve(carver, rows * network->inputs, sizeof(float));
        pass->statistics = grid_of_rows(network->inputs, rows);
    }
    size_t widest = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        struct pass_layer *to = &pass->layers[l];
        const size_t numbers = rows * layer->out;
        to->A = carve(carver, numbers, sizeof(float));
        const bool keeps_input =
            activation_functions[layer->activation].keeps_input || l + 1 == network->layer_count;
        to->Z = keeps_input ? carve(carver, numbers, sizeof(float)) : to->A;
        to->output = layer->dropout > 0 ? carve(carver, numbers, sizeof(float)) : to->A;
        to->forward = grid_by_columns(rows, layer->out, layer->in);
        to->weight_gradient = grid_by_rows(layer->out, layer->in, rows);
        to->input_gradient = grid_by_columns(rows, layer->in, layer->out);
        pass->norm_count += grid_tiles(&to->weight_gradient);
        if (layer->normalization != NORMALIZATION_NONE) {
            lay_out_normalization(to, layer, rows, carver);
            pass->norm_count += grid_tiles(&to->units);
        }
        widest = size_max(widest, layer->out);
    }
    pass->row_grid = grid_of_rows(rows, network->outputs);
    pass->update = grid_of_rows(network->parameter_floats, UPDATE_WIDTH);
    pass->deltas[0] = carve(carver, rows * widest, sizeof(float));
    pass->deltas[1] = carve(carver, rows * widest, sizeof(float));
    pass->gradient = carve(carver, network->parameter_floats, sizeof(float));
    pass->loss_partials = carve(carver, pass->row_grid.row_tiles, sizeof(double));
    pass->hit_partials = carve(carver, pass->row_grid.row_tiles, sizeof(double));
    pass->norm_partials = carve(carver, pass->norm_count, sizeof(double));
    const size_t moving = network->version_floats - network->parameter_floats;
    pass->batch_statistics = carve(carver, moving, sizeof(double));
    pass->moving = moving > 0 ? grid_of_rows(moving, 1) : (struct grid){0};
}

size_t pass_scratch_bytes(const struct network *network, size_t rows) {
    size_t numbers;
    if (!checked_multiply(rows, network->widest, &numbers)) {
        return SIZE_MAX;
    }
    struct pass pass = {.network = network, .batch.rows = rows};
    struct carver carver = {0};
    lay_out(&pass, &carver);
    return carver.overflow ? SIZE_MAX : carver.used;
}

void pass_lay_out(struct pass *pass, void *scratch) {
    struct carver carver = {.base = scratch};
    lay_out(pass, &carver);
    share_out(pass);
}
