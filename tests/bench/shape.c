/* See shape.h. */
#include "tests/bench/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct shape shapes[SHAPE_COUNT] = {
    [SHAPE_TINY] = {.inputs = 4, .layers = {16, 3}, .batch = 16, .request_rows = 4096},
    [SHAPE_SMALL] = {.inputs = 64, .layers = {128, 64, 10}, .batch = 32, .request_rows = 1024},
    [SHAPE_MEDIUM] = {.inputs = 784, .layers = {256, 128, 10}, .batch = 128, .request_rows = 512},
    [SHAPE_LARGE] = {.inputs = 1024,
                     .layers = {1024, 1024, 1000},
                     .batch = 256,
                     .request_rows = 512},
};

size_t shape_depth(const struct shape *shape) {
    size_t depth = 0;
    while (depth < SHAPE_LAYERS_MAX && shape->layers[depth] > 0) {
        depth++;
    }
    return depth;
}

size_t shape_outputs(const struct shape *shape) {
    return shape->layers[shape_depth(shape) - 1];
}

void shape_name(const struct shape *shape, char name[SHAPE_NAME_BYTES]) {
    int used = snprintf(name, SHAPE_NAME_BYTES, "%zu", shape->inputs);
    for (size_t l = 0; l < shape_depth(shape); l++) {
        used += snprintf(name + used, SHAPE_NAME_BYTES - (size_t)used, "-%zu", shape->layers[l]);
    }
    snprintf(name + used, SHAPE_NAME_BYTES - (size_t)used, " b%zu", shape->batch);
}

void shape_specify(const struct shape *shape, enum optimizer optimizer,
                   struct specification *specification) {
    struct error error;
    specification_init(specification);
    specification->inputs = shape->inputs;
    optimizer_defaults(&specification->optimizer, optimizer);
    if (!specification_set_layers(specification, shape_depth(shape))) {
        abort();
    }
    for (size_t l = 0; l < shape_depth(shape); l++) {
        specification->layers[l].units = shape->layers[l];
    }
    if (specification_complete(specification, &error) != ERROR_NONE) {
        fprintf(stderr, "bench: %s\n", error.message);
        abort();
    }
}
