/* Normalisation, between a layer's dense product and its activation.
 *
 *   x̂ = (z - μ)/√(σ² + ε),   y = γ·x̂ + β,   ε = 0.001
 *
 * batch (Ioffe, Szegedy 2015, arXiv:1502.03167): μ and σ² of a unit over the rows
 * of the batch, σ² over n.  Predictions use moving averages of the two instead,
 * as Keras keeps them: moving = m·moving + (1-m)·batch, m = 0.99, from 0 and 1.
 *   dz = γ/√(σ² + ε) · (dy - Σdy/n - x̂·Σ(dy·x̂)/n), sums over the n rows
 * layer (Ba, Kiros, Hinton 2016, arXiv:1607.06450): μ and σ² of a row over its
 * units, at prediction too.
 *   dz = 1/√(σ² + ε) · (γdy - Σγdy/n - x̂·Σ(γdy·x̂)/n), sums over the n units
 * Both: dγ = Σ dy·x̂, dβ = Σ dy, sums over the rows of the batch.
 *
 * The formula of dz is Ioffe and Szegedy's with their ∂σ² and ∂μ put in: since
 * Σx̂ = 0 and x̂'s own change with σ is along x̂, what is left of dy is the part
 * that neither a shift nor a stretch of z could bring about.
 *
 * Statistics and sums are in double, μ before σ² (two passes), so that an offset
 * of z costs no digits.  Sums over rows are in the order of the rows, unit by
 * unit; sums over units are in lanes: the same bits whoever computes them.
 *
 * β is not added here but by the activation, as its bias.  Blocks are parts of
 * row-major matrices (activation.h); arrays of units begin at the block's first.
 * Pure functions, any thread. */
#ifndef MLPD_CORE_MATHS_NORMALIZATION_H
#define MLPD_CORE_MATHS_NORMALIZATION_H

#include "core/maths/activation.h"

#define NORMALIZATION_EPSILON 1e-3

enum normalization {
    NORMALIZATION_NONE,
    NORMALIZATION_BATCH,
    NORMALIZATION_LAYER,
    NORMALIZATION_COUNT
};

struct normalization_kind {
    const char *name;
    const char *documentation;
};

/* One row for each value of `enum normalization`. */
extern const struct normalization_kind normalization_kinds[NORMALIZATION_COUNT];

/* --- batch: whole columns for the statistics, then any block ------------------- */

/* mean, variance, inverse [columns]: μ, σ² and 1/√(σ² + ε) of each unit over all
 * rows of the batch, which the block has. */
void normalization_batch_statistics(struct activation_block block, const float *Z, double *mean,
                                    double *variance, double *inverse);

/* X = x̂, Y = γ·x̂.  X may be Z. */
void normalization_batch_forward(struct activation_block block, const double *mean,
                                 const double *inverse, const float *gamma, const float *Z,
                                 float *X, float *Y);

/* Z = γ·x̂ with moving statistics, in place. */
void normalization_batch_predict(struct activation_block block, const float *moving_mean,
                                 const float *moving_variance, const float *gamma, float *Z);

/* into = m·from + (1-m)·batch, for `units` numbers; into may be from. */
void normalization_move(size_t units, const double *batch, const float *from, float *into);

/* D = dz for D = dy, in place; `batch_rows` is n, the sums are normalization_sums'. */
void normalization_batch_backward(struct activation_block block, size_t batch_rows,
                                  const double *dy_sum, const double *dyx_sum,
                                  const double *inverse, const float *gamma, const float *X,
                                  float *D);

/* --- layer: whole rows ----------------------------------------------------------- */

/* X = x̂, Y = γ·x̂, inverse [rows] = 1/√(σ² + ε) of each row.  X may be Z, and Y
 * may be Z; inverse may be NULL. */
void normalization_layer_forward(struct activation_block block, const float *gamma, const float *Z,
                                 float *X, float *Y, double *inverse);

/* D = dz for D = dy, in place. */
void normalization_layer_backward(struct activation_block block, const double *inverse,
                                  const float *gamma, const float *X, float *D);

/* --- both: whole columns ----------------------------------------------------------- */

/* dy_sum = Σ dy, which is dβ, and dyx_sum = Σ dy·x̂, which is dγ, over all rows of
 * the batch; [columns] each, as double and as the gradient's float. */
void normalization_sums(struct activation_block block, const float *dY, const float *X,
                        double *dy_sum, double *dyx_sum, float *dbeta, float *dgamma);

#endif
