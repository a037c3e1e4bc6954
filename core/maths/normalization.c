/* Batch and layer normalisation, forward and backward; see normalization.h. */
#include "core/maths/normalization.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/maths/vectorised.h"

#define MOMENTUM 0.99

const struct normalization_kind normalization_kinds[NORMALIZATION_COUNT] = {
    [NORMALIZATION_NONE] = {"none", "no normalisation"},
    [NORMALIZATION_BATCH] = {"batch", "each unit over the rows of the batch; moving averages "
                                      "at prediction"},
    [NORMALIZATION_LAYER] = {"layer", "each row over the units of the layer"},
};

/* --- rows, unit by unit ---------------------------------------------------------- */

VECTORISED
static void add_values(size_t count, const float *z, double *sum) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        sum[j] += (double)z[j];
    }
}

VECTORISED
static void add_squares(size_t count, const float *z, const double *mean, double *sum) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const double deviation = (double)z[j] - mean[j];
        sum[j] += deviation * deviation;
    }
}

VECTORISED
static void add_products(size_t count, const float *dy, const float *x, double *dy_sum,
                         double *dyx_sum) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        dy_sum[j] += (double)dy[j];
        dyx_sum[j] += (double)dy[j] * (double)x[j];
    }
}

VECTORISED
static void divide(size_t count, double n, double *numbers) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        numbers[j] /= n;
    }
}

VECTORISED
static void invert(size_t count, const double *variance, double *inverse) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        inverse[j] = 1.0 / __builtin_sqrt(variance[j] + NORMALIZATION_EPSILON);
    }
}

VECTORISED
static void invert_floats(size_t count, const float *variance, double *inverse) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        inverse[j] = 1.0 / __builtin_sqrt((double)variance[j] + NORMALIZATION_EPSILON);
    }
}

/* --- batch ------------------------------------------------------------------------- */

void normalization_batch_statistics(struct activation_block block, const float *Z, double *mean,
                                    double *variance, double *inverse) {
    memset(mean, 0, block.columns * sizeof *mean);
    memset(variance, 0, block.columns * sizeof *variance);
    for (size_t r = 0; r < block.rows; r++) {
        add_values(block.columns, Z + r * block.stride, mean);
    }
    divide(block.columns, (double)block.rows, mean);
    for (size_t r = 0; r < block.rows; r++) {
        add_squares(block.columns, Z + r * block.stride, mean, variance);
    }
    divide(block.columns, (double)block.rows, variance);
    invert(block.columns, variance, inverse);
}

VECTORISED
static void batch_forward_row(size_t count, const double *mean, const double *inverse,
                              const float *gamma, const float *z, float *x, float *y) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const float normalized = (float)(((double)z[j] - mean[j]) * inverse[j]);
        x[j] = normalized;
        y[j] = gamma[j] * normalized;
    }
}

void normalization_batch_forward(struct activation_block block, const double *mean,
                                 const double *inverse, const float *gamma, const float *Z,
                                 float *X, float *Y) {
    for (size_t r = 0; r < block.rows; r++) {
        const size_t start = r * block.stride;
        batch_forward_row(block.columns, mean, inverse, gamma, Z + start, X + start, Y + start);
    }
}

VECTORISED
static void batch_predict_row(size_t count, const float *mean, const double *inverse,
                              const float *gamma, float *z) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        z[j] = gamma[j] * (float)(((double)z[j] - (double)mean[j]) * inverse[j]);
    }
}

#define UNITS_AT_ONCE 256

void normalization_batch_predict(struct activation_block block, const float *moving_mean,
                                 const float *moving_variance, const float *gamma, float *Z) {
    double inverse[UNITS_AT_ONCE];
    for (size_t begin = 0; begin < block.columns; begin += UNITS_AT_ONCE) {
        const size_t count = size_min(UNITS_AT_ONCE, block.columns - begin);
        invert_floats(count, moving_variance + begin, inverse);
        for (size_t r = 0; r < block.rows; r++) {
            batch_predict_row(count, moving_mean + begin, inverse, gamma + begin,
                              Z + r * block.stride + begin);
        }
    }
}

VECTORISED
static void move_row(size_t count, const double *batch, const float *from, float *into) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        into[j] = (float)(MOMENTUM * (double)from[j] + (1.0 - MOMENTUM) * batch[j]);
    }
}

void normalization_move(size_t units, const double *batch, const float *from, float *into) {
    move_row(units, batch, from, into);
}

VECTORISED
static void batch_backward_row(size_t count, double one_over_n, const double *dy_sum,
                               const double *dyx_sum, const double *inverse, const float *gamma,
                               const float *x, float *d) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const double rest =
            (double)d[j] - dy_sum[j] * one_over_n - (double)x[j] * (dyx_sum[j] * one_over_n);
        d[j] = (float)((double)gamma[j] * inverse[j] * rest);
    }
}

void normalization_batch_backward(struct activation_block block, size_t batch_rows,
                                  const double *dy_sum, const double *dyx_sum,
                                  const double *inverse, const float *gamma, const float *X,
                                  float *D) {
    const double one_over_n = 1.0 / (double)batch_rows;
    for (size_t r = 0; r < block.rows; r++) {
        const size_t start = r * block.stride;
        batch_backward_row(block.columns, one_over_n, dy_sum, dyx_sum, inverse, gamma, X + start,
                           D + start);
    }
}

/* --- layer ------------------------------------------------------------------------- */

static double fold(double lanes[LANES]) {
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) {
            lanes[lane] += lanes[lane + width];
        }
    }
    return lanes[0];
}

/* The mean of f(j) over j < count, in lanes. */
#define MEAN_IN_LANES(count, f)                                                                    \
    double lanes[LANES] = {0};                                                                     \
    size_t begin = 0;                                                                              \
    for (; begin + LANES <= (count); begin += LANES) {                                             \
        for (size_t lane = 0; lane < LANES; lane++) {                                              \
            const size_t j = begin + lane;                                                         \
            lanes[lane] += (f);                                                                    \
        }                                                                                          \
    }                                                                                              \
    for (size_t lane = 0; begin + lane < (count); lane++) {                                        \
        const size_t j = begin + lane;                                                             \
        lanes[lane] += (f);                                                                        \
    }                                                                                              \
    return fold(lanes) / (double)(count)

VECTORISED
static double row_mean(size_t count, const float *z) {
    MEAN_IN_LANES(count, (double)z[j]);
}

VECTORISED
static double row_variance(size_t count, const float *z, double mean) {
    MEAN_IN_LANES(count, ((double)z[j] - mean) * ((double)z[j] - mean));
}

VECTORISED
static double row_mean_product(size_t count, const float *gamma, const float *dy) {
    MEAN_IN_LANES(count, (double)gamma[j] * (double)dy[j]);
}

VECTORISED
static double row_mean_triple(size_t count, const float *gamma, const float *dy, const float *x) {
    MEAN_IN_LANES(count, (double)gamma[j] * (double)dy[j] * (double)x[j]);
}

VECTORISED
static void layer_forward_row(size_t count, double mean, double inverse, const float *gamma,
                              const float *z, float *x, float *y) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const float normalized = (float)(((double)z[j] - mean) * inverse);
        x[j] = normalized;
        y[j] = gamma[j] * normalized;
    }
}

void normalization_layer_forward(struct activation_block block, const float *gamma, const float *Z,
                                 float *X, float *Y, double *inverse) {
    for (size_t r = 0; r < block.rows; r++) {
        const size_t start = r * block.stride;
        const double mean = row_mean(block.columns, Z + start);
        const double variance = row_variance(block.columns, Z + start, mean);
        const double factor = 1.0 / __builtin_sqrt(variance + NORMALIZATION_EPSILON);
        layer_forward_row(block.columns, mean, factor, gamma, Z + start, X + start, Y + start);
        if (inverse != NULL) {
            inverse[r] = factor;
        }
    }
}

VECTORISED
static void layer_backward_row(size_t count, double mean, double stretch, double inverse,
                               const float *gamma, const float *x, float *d) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const double dx = (double)gamma[j] * (double)d[j];
        d[j] = (float)(inverse * (dx - mean - (double)x[j] * stretch));
    }
}

void normalization_layer_backward(struct activation_block block, const double *inverse,
                                  const float *gamma, const float *X, float *D) {
    for (size_t r = 0; r < block.rows; r++) {
        const float *x = X + r * block.stride;
        float *d = D + r * block.stride;
        const double mean = row_mean_product(block.columns, gamma, d);
        const double stretch = row_mean_triple(block.columns, gamma, d, x);
        layer_backward_row(block.columns, mean, stretch, inverse[r], gamma, x, d);
    }
}

/* --- both --------------------------------------------------------------------------- */

VECTORISED
static void narrow(size_t count, const double *from, float *to) {
    for (size_t j = 0; j < count; j++) {
        to[j] = (float)from[j];
    }
}

void normalization_sums(struct activation_block block, const float *dY, const float *X,
                        double *dy_sum, double *dyx_sum, float *dbeta, float *dgamma) {
    memset(dy_sum, 0, block.columns * sizeof *dy_sum);
    memset(dyx_sum, 0, block.columns * sizeof *dyx_sum);
    for (size_t r = 0; r < block.rows; r++) {
        add_products(block.columns, dY + r * block.stride, X + r * block.stride, dy_sum, dyx_sum);
    }
    narrow(block.columns, dy_sum, dbeta);
    narrow(block.columns, dyx_sum, dgamma);
}
