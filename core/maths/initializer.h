/* Initialisers: the weights a layer starts with; biases start at 0.
 *
 * With fan_in inputs and fan_out units, the variance is 2/fan_in (he), 1/fan_in
 * (lecun) or 2/(fan_in+fan_out) (glorot).  `*_uniform` draws from ±√(3·variance);
 * `*_normal` from a normal distribution cut at two deviations and widened by
 * 1/0.87962566, so that the cut keeps the variance (as Keras does).
 *
 * Weight i of layer l is a pure function of (seed, l, i).  Any thread. */
#ifndef MLPD_CORE_MATHS_INITIALIZER_H
#define MLPD_CORE_MATHS_INITIALIZER_H

#include <stddef.h>
#include <stdint.h>

#include "core/maths/activation.h"

enum initializer {
    INITIALIZER_GLOROT_UNIFORM,
    INITIALIZER_GLOROT_NORMAL,
    INITIALIZER_HE_UNIFORM,
    INITIALIZER_HE_NORMAL,
    INITIALIZER_LECUN_UNIFORM,
    INITIALIZER_LECUN_NORMAL,
    INITIALIZER_ZEROS,
    INITIALIZER_COUNT,
    INITIALIZER_UNSET = INITIALIZER_COUNT /* left out: follows the activation */
};

struct initializer_function {
    const char *name;
    const char *documentation;
};

extern const struct initializer_function initializer_functions[INITIALIZER_COUNT];

/* he_normal before relu and its kin, glorot_uniform before the rest. */
enum initializer initializer_default(enum activation activation);

/* Fill elements [begin, end) of W [fan_out × fan_in], row-major; `begin` is a
 * multiple of 4. */
void initializer_fill(enum initializer initializer, uint64_t seed, uint32_t layer, size_t fan_in,
                      size_t fan_out, size_t begin, size_t end, float *W);

#endif
