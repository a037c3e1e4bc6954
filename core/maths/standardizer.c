/* On-line standardisation; see standardizer.h. */
#include "core/maths/standardizer.h"

#include <math.h>
#include <string.h>

#include "core/maths/vectorised.h"

VECTORISED
static void welford_row(size_t count, const float *x, double one_over_n, double *mean, double *m2) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        const double value = (double)x[j];
        const double delta = value - mean[j];
        mean[j] += delta * one_over_n;
        m2[j] += delta * (value - mean[j]);
    }
}

VECTORISED
static void transform_row(size_t count, const float *x, const double *mean, const double *scale,
                          float *out) {
    INDEPENDENT
    for (size_t j = 0; j < count; j++) {
        out[j] = (float)(((double)x[j] - mean[j]) * scale[j]);
    }
}

void standardizer_update(const struct standardizer *from, struct standardizer *into, size_t begin,
                         size_t end, size_t rows, const float *X) {
    const size_t count = end - begin;
    memcpy(into->mean + begin, from->mean + begin, count * sizeof *into->mean);
    memcpy(into->m2 + begin, from->m2 + begin, count * sizeof *into->m2);
    for (size_t r = 0; r < rows; r++) {
        const double one_over_n = 1.0 / (double)(from->count + r + 1);
        welford_row(count, X + r * from->features + begin, one_over_n, into->mean + begin,
                    into->m2 + begin);
    }
    const double n = (double)(from->count + rows);
    for (size_t j = begin; j < end; j++) {
        const double variance = into->m2[j] / n;
        into->scale[j] = variance > 0 ? 1.0 / sqrt(variance) : 1.0;
    }
}

void standardizer_transform(const struct standardizer *standardizer, size_t rows, const float *X,
                            float *out) {
    const size_t features = standardizer->features;
    if (standardizer->count == 0) {
        if (out != X) {
            memcpy(out, X, rows * features * sizeof *out);
        }
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        transform_row(features, X + r * features, standardizer->mean, standardizer->scale,
                      out + r * features);
    }
}
