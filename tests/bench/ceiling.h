/* What the machine can do: the figures that mlpd's are set beside. */
#ifndef MLPD_TESTS_BENCH_CEILING_H
#define MLPD_TESTS_BENCH_CEILING_H

#include "tests/bench/shape.h"

/* Examples a second of the matrix products of training alone, each as one call of
 * BLAS, on a net of its own on each of `threads` threads; with `adam` an elementwise
 * Adam pass over all parameters after each batch. */
double ceiling_products(const struct shape *shape, bool adam, size_t threads, double seconds);

/* The same products without Adam, each cut into equal tiles of rows of its result, as
 * many as a short search finds best. */
double ceiling_tiled(const struct shape *shape, size_t threads, double seconds);

/* Bytes a second that one core copies, of blocks beyond its caches. */
double ceiling_copy(double seconds);

#endif
