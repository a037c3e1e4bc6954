/* Initialisers; see initializer.h. */
#include "core/maths/initializer.h"

#include <math.h>
#include <string.h>

#include "core/base/random.h"
#include "core/maths/elementary.h"

const struct initializer_function initializer_functions[INITIALIZER_COUNT] = {
    [INITIALIZER_GLOROT_UNIFORM] = {"glorot_uniform", "±√(6/(fan_in+fan_out))"},
    [INITIALIZER_GLOROT_NORMAL] = {"glorot_normal", "variance 2/(fan_in+fan_out), cut at 2σ"},
    [INITIALIZER_HE_UNIFORM] = {"he_uniform", "±√(6/fan_in)"},
    [INITIALIZER_HE_NORMAL] = {"he_normal", "variance 2/fan_in, cut at 2σ"},
    [INITIALIZER_LECUN_UNIFORM] = {"lecun_uniform", "±√(3/fan_in)"},
    [INITIALIZER_LECUN_NORMAL] = {"lecun_normal", "variance 1/fan_in, cut at 2σ"},
    [INITIALIZER_ZEROS] = {"zeros", "all 0"},
};

/* The deviation of a standard normal cut at ±2. */
#define CUT_NORMAL_DEVIATION 0.87962566103423978

enum initializer initializer_default(enum activation activation) {
    return activation < ACTIVATION_COUNT && activation_functions[activation].rectifier
               ? INITIALIZER_HE_NORMAL
               : INITIALIZER_GLOROT_UNIFORM;
}

/* A standard normal number cut at ±2, by rejection: x uniform on [-2, 2) stays
 * with probability e^(-x²/2).  Two candidates a block; try k of element i is
 * candidate k of the blocks keyed by step ⌊k/2⌋.  60 % stay, so that 200 tries
 * fail with probability 1e-80. */
static float cut_normal(struct random_key key, uint32_t element) {
    for (uint64_t tries = 0; tries < 100; tries++) {
        key.step = tries;
        uint32_t words[4];
        random_block(key, element, words);
        for (int candidate = 0; candidate < 2; candidate++) {
            const float x = 4.0f * random_unit(words[2 * candidate]) - 2.0f;
            if (random_unit(words[2 * candidate + 1]) < float_exp(-0.5f * x * x)) {
                return x;
            }
        }
    }
    return 0.0f;
}

static void fill_normal(struct random_key key, double variance, size_t begin, size_t end,
                        float *W) {
    const float deviation = (float)(sqrt(variance) / CUT_NORMAL_DEVIATION);
    for (size_t i = begin; i < end; i++) {
        W[i] = deviation * cut_normal(key, (uint32_t)i);
    }
}

static void fill_uniform(struct random_key key, double variance, size_t begin, size_t end,
                         float *W) {
    const float limit = (float)sqrt(3 * variance);
    for (size_t i = begin; i < end; i += 4) {
        uint32_t words[4];
        random_block(key, (uint32_t)(i / 4), words);
        for (size_t j = 0; j < 4 && i + j < end; j++) {
            W[i + j] = limit * (2.0f * random_unit(words[j]) - 1.0f);
        }
    }
}

void initializer_fill(enum initializer initializer, uint64_t seed, uint32_t layer, size_t fan_in,
                      size_t fan_out, size_t begin, size_t end, float *W) {
    const struct random_key key = {seed, 0, random_stream(RANDOM_INITIALIZER, layer)};
    const double he = 2.0 / (double)fan_in;
    const double lecun = 1.0 / (double)fan_in;
    const double glorot = 2.0 / ((double)fan_in + (double)fan_out);
    switch (initializer) {
    case INITIALIZER_GLOROT_UNIFORM:
        fill_uniform(key, glorot, begin, end, W);
        break;
    case INITIALIZER_GLOROT_NORMAL:
        fill_normal(key, glorot, begin, end, W);
        break;
    case INITIALIZER_HE_UNIFORM:
        fill_uniform(key, he, begin, end, W);
        break;
    case INITIALIZER_HE_NORMAL:
        fill_normal(key, he, begin, end, W);
        break;
    case INITIALIZER_LECUN_UNIFORM:
        fill_uniform(key, lecun, begin, end, W);
        break;
    case INITIALIZER_LECUN_NORMAL:
        fill_normal(key, lecun, begin, end, W);
        break;
    default:
        memset(W + begin, 0, (end - begin) * sizeof *W);
        break;
    }
}
