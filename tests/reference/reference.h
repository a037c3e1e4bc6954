/* A multi-layer perceptron in double precision, to measure core/maths by.
 *
 * Written from the textbook formulas (conventions part A) in the plainest way:
 * libm's functions, no tiles, no float32, nothing taken from core.  Names of
 * activations and losses are Keras's, as strings.
 *
 * Parameters are one array: for each layer W [out × in] row-major, then b [out],
 * then γ and β [out] where it is normalised, without padding. */
#ifndef MLPD_TESTS_REFERENCE_REFERENCE_H
#define MLPD_TESTS_REFERENCE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_LAYERS_MAX 8

struct reference_layer {
    size_t in, out;
    const char *activation;
    double alpha;
    const double *mask;                    /* [rows × out]: 0 or 1/(1-p), NULL: no dropout */
    const char *normalization;             /* "batch", "layer"; NULL: none */
    double *moving_mean, *moving_variance; /* [out] with "batch": what outputs use */
};

struct reference_network {
    size_t layer_count;
    struct reference_layer layers[REFERENCE_LAYERS_MAX];
    const char *loss;
    double huber_delta;
    bool diagonal; /* the note's rule in place of the softmax derivative */
};

struct reference_batch {
    size_t rows;
    const double *inputs;         /* [rows × inputs] */
    const int32_t *labels;        /* [rows], or NULL */
    const double *targets;        /* [rows × outputs], or NULL */
    const double *sample_weights; /* [rows], or NULL */
    const double *class_weights;  /* [classes], or NULL */
};

size_t reference_parameters(const struct reference_network *network);

/* Where W of layer l begins; b follows it. */
size_t reference_weights(const struct reference_network *network, size_t l);

/* The batch's loss.  `branches`, unless NULL, becomes a hash of which side of
 * every kink (relu, leaky_relu, elu, mae, huber) every number fell: where it is
 * the same at w-h and w+h, the loss is smooth between them. */
double reference_loss(const struct reference_network *network, const double *parameters,
                      const struct reference_batch *batch, uint64_t *branches);

/* The loss, and its derivative by every parameter (by the chain rule; with
 * `diagonal`, the rule's). */
double reference_gradient(const struct reference_network *network, const double *parameters,
                          const struct reference_batch *batch, double *gradient);

/* Moves the moving statistics of the batch-normalised layers as training on the
 * batch does. */
void reference_move(const struct reference_network *network, const double *parameters,
                    const struct reference_batch *batch);

/* The activated outputs [rows × outputs], with moving statistics and no dropout. */
void reference_outputs(const struct reference_network *network, const double *parameters,
                       size_t rows, const double *inputs, double *outputs);

/* One number through an activation (not softmax), and its derivative there. */
double reference_activation(const char *name, double alpha, double z);
double reference_derivative(const char *name, double alpha, double z);

/* Standardisation over everything seen: mean and variance of the batch in two
 * passes, joined to what came before (Chan, Golub, LeVeque 1979). */
struct reference_standardizer {
    size_t features;
    double count;
    double *mean, *m2; /* [features] */
};

void reference_standardize(struct reference_standardizer *standardizer, size_t rows,
                           const double *inputs, double *out);

#endif
