/* A network's shape: where each layer's numbers lie in one flat array, and the
 * forward pass of predictions.
 *
 * Parameters of layer l: W [out × in] row-major, b [out], and γ and β [out] where
 * the layer is normalised.  After the parameters of all layers lie the moving
 * statistics of batch normalisation, which a batch moves but no optimiser sees.
 * Every matrix and vector starts on a cache line; the padding between them is
 * always 0, so that whole-array operations (update, norm) need not know of it.
 *
 * A network is filled once by network_layout and then only read: any thread. */
#ifndef MLPD_CORE_MATHS_NETWORK_H
#define MLPD_CORE_MATHS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/checked.h"
#include "core/base/pause.h"
#include "core/maths/specification.h"
#include "core/maths/standardizer.h"

struct network_layer {
    size_t in, out;
    size_t weights;       /* offset of W [out × in] in the parameters, in floats */
    size_t biases;        /* offset of b [out] */
    size_t gammas, betas; /* of γ and β [out], where normalised */
    size_t moving_means, moving_variances; /* [out] each, with batch normalisation */
    enum normalization normalization;
    enum activation activation;
    float alpha;
    double dropout;
};

struct network {
    size_t layer_count;
    struct network_layer *layers; /* [layer_count], where network_layout was told */
    size_t inputs, outputs;
    size_t widest;           /* of the layers' outputs and the inputs */
    size_t parameter_floats; /* the parameters, with padding */
    size_t version_floats;   /* the whole flat array: these and the moving statistics */
    size_t block_rows;       /* predictions are computed in blocks of so many rows */
    uint64_t divisible;      /* bit l: a short block need not be padded for layer l */
    enum loss loss;
    float huber_delta;
    bool standardize;
};

#define NETWORK_LINE_FLOATS 16

/* Where the next tensor begins after one that ends at `floats`. */
static inline size_t network_whole_lines(size_t floats) {
    return divide_up(floats, NETWORK_LINE_FLOATS) * NETWORK_LINE_FLOATS;
}

/* Fill `network` from a complete specification, but for block_rows and divisible.  `layers`
 * [layer_count] is the caller's storage, which the network points to from then
 * on. */
void network_layout(struct network *network, const struct specification *specification,
                    struct network_layer *layers);

/* Find block_rows and divisible for this CPU (product.h), by as much arithmetic as a few
 * predictions.  Overwrites `space` [parameter_floats] and `rows`
 * [2 × PRODUCT_BLOCK_ROWS_MAX × widest]. */
void network_probe(struct network *network, float *space, float *rows);

/* Fill `parameters` [version_floats] with what `specification` starts with, in
 * bounded pieces. */
void network_initialize(const struct network *network, const struct specification *specification,
                        float *parameters, struct pause pause);

/* Floats of scratch that network_predict needs. */
size_t network_predict_scratch(const struct network *network);

/* outputs [rows × outputs] = the network's answers for X [rows × inputs], all
 * row-major; with `logits` what the last layer has before its activation.
 * `parameters` is [version_floats]; `standardizer` may be NULL.  A row's answer
 * depends on the row and these only, to the bit: every product is computed in
 * blocks of block_rows, the last one padded with zeros where fewer rows would give other
 * bits.  Any number of threads. */
void network_predict(const struct network *network, const float *parameters,
                     const struct standardizer *standardizer, bool logits, size_t rows,
                     const float *X, float *outputs, float *scratch);

/* Is the loss computed from the logits, its activation part of it? */
bool network_loss_takes_logits(const struct network *network);

/* Multiplications and additions for one row, forward. */
size_t network_forward_work(const struct network *network);

#endif
