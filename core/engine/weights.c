/* Weight versions; see weights.h. */
#include "core/engine/weights.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

static size_t standardizer_doubles(const struct network *network) {
    return network->standardize ? 3 * network->inputs : 0;
}

size_t weights_bytes(const struct network *network) {
    return network->version_floats * sizeof(float) + standardizer_doubles(network) * sizeof(double);
}

void weights_place(struct weights *weights, const struct network *network, float *block) {
    *weights = (struct weights){.parameters = block, .standardizer.features = network->inputs};
    if (block != NULL && network->standardize) {
        /* version_floats is whole cache lines, so the doubles are aligned. */
        double *doubles = (double *)(block + network->version_floats);
        weights->standardizer.mean = doubles;
        weights->standardizer.m2 = doubles + network->inputs;
        weights->standardizer.scale = doubles + 2 * network->inputs;
    }
}

bool weights_allocate(struct weights *weights, const struct network *network) {
    weights_place(weights, network, memory_allocate(weights_bytes(network), 1));
    return weights->parameters != NULL;
}

void weights_free(struct weights *weights) {
    memory_free(weights->parameters);
    weights->parameters = NULL;
}

#define PIECE_BYTES 1048576

void weights_copy_bytes(void *to, const void *from, size_t bytes, struct pause pause) {
    for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
        memcpy((char *)to + at, (const char *)from + at, size_min(PIECE_BYTES, bytes - at));
        pause_call(pause);
    }
}

#define PIECE_FLOATS (PIECE_BYTES / sizeof(float))

void weights_fill(float *numbers, size_t count, float value, struct pause pause) {
    for (size_t begin = 0; begin < count; begin += PIECE_FLOATS) {
        const size_t end = size_min(begin + PIECE_FLOATS, count);
        for (size_t i = begin; i < end; i++) {
            numbers[i] = value;
        }
        pause_call(pause);
    }
}

void weights_clear(struct weights *weights, const struct network *network, struct pause pause) {
    const size_t bytes = weights_bytes(network);
    for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
        memset((char *)weights->parameters + at, 0, size_min(PIECE_BYTES, bytes - at));
        pause_call(pause);
    }
    weights->standardizer.count = 0;
    for (size_t i = 0; network->standardize && i < network->inputs; i++) {
        weights->standardizer.scale[i] = 1; /* which leaves inputs as they are */
    }
}

void weights_copy(struct weights *to, const struct weights *from, const struct network *network,
                  struct pause pause) {
    weights_copy_bytes(to->parameters, from->parameters, weights_bytes(network), pause);
    to->standardizer.count = from->standardizer.count;
    to->step = from->step;
}

const struct standardizer *weights_standardizer(const struct weights *weights,
                                                const struct network *network) {
    return network->standardize ? &weights->standardizer : NULL;
}
