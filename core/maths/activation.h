/* Activations: A = f(Z), and dE/dZ = dE/dA ⊙ f'(Z).
 *
 * The functions work on a block of a row-major matrix: `rows` rows of
 * `columns` numbers, the beginnings of two rows `stride` numbers apart.  They
 * touch nothing outside the block and keep no state: any thread may call. */
#ifndef MLPD_CORE_MATHS_ACTIVATION_H
#define MLPD_CORE_MATHS_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

enum activation {
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU,
    ACTIVATION_ELU,
    ACTIVATION_GELU,
    ACTIVATION_SILU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_IDENTITY,
    ACTIVATION_SOFTMAX, /* whole rows; the output layer only */
    ACTIVATION_COUNT,
    ACTIVATION_UNSET = ACTIVATION_COUNT /* left out: follows the place in the network */
};

#define ALPHA_MAX 100.0 /* its magnitude */

struct activation_block {
    size_t rows, columns, stride;
};

struct activation_function {
    const char *name; /* Keras's */
    const char *documentation;
    bool takes_alpha;     /* has the parameter `alpha` */
    double default_alpha; /* 0 where takes_alpha is false */
    bool keeps_input;     /* backward reads Z; otherwise A may be written over Z */
    bool rectifier;       /* "relu and its kin": he_normal is the default initialiser */

    /* Z += bias (one number a column), A = f(Z).  A may be Z itself unless
     * keeps_input. */
    void (*forward)(struct activation_block block, const float *bias, float *Z, float *A,
                    float alpha);

    /* dZ = dA ⊙ f'(Z).  dZ may be dA itself.  Z is read only where keeps_input.
     * NULL for softmax, whose derivative is part of its loss. */
    void (*backward)(struct activation_block block, const float *dA, const float *Z, const float *A,
                     float *dZ, float alpha);
};

/* One row for each value of `enum activation`. */
extern const struct activation_function activation_functions[ACTIVATION_COUNT];

#endif
