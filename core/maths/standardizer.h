/* On-line input standardisation: every feature minus its mean, divided by its
 * standard deviation, both learned from the training rows as they come.
 *
 * Welford's method (B. P. Welford, Technometrics 1962) in double, row by row in
 * the order of the rows:  δ = x - mean;  mean += δ/count;  m2 += δ(x - mean).
 * The variance is m2/count.  A feature of variance 0 is only centred.  A batch
 * first updates, then is transformed.  The subtraction is in double, before
 * float32, so an offset of 1e8 costs nothing.
 *
 * Features are independent of each other: the functions take a range of them,
 * so that several workers can share one batch.  Inputs are [rows × features],
 * row-major. */
#ifndef MLPD_CORE_MATHS_STANDARDIZER_H
#define MLPD_CORE_MATHS_STANDARDIZER_H

#include <stddef.h>
#include <stdint.h>

struct standardizer {
    size_t features;
    uint64_t count; /* rows seen */
    double *mean;   /* [features] */
    double *m2;     /* [features] sums of squared deviations */
    double *scale;  /* [features] 1/deviation, or 1 */
};

/* For features [begin, end): `into` becomes `from` after the rows of X.  The
 * caller sets into->count to from->count + rows when all features are done. */
void standardizer_update(const struct standardizer *from, struct standardizer *into, size_t begin,
                         size_t end, size_t rows, const float *X);

/* out = (X - mean)·scale.  Before the first training row it copies.  out may
 * be X. */
void standardizer_transform(const struct standardizer *standardizer, size_t rows, const float *X,
                            float *out);

#endif
