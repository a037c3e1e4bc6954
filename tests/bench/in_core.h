/* mlpd without HTTP: how fast the engine trains batches that are in memory. */
#ifndef MLPD_TESTS_BENCH_IN_CORE_H
#define MLPD_TESTS_BENCH_IN_CORE_H

#include "tests/bench/shape.h"

/* Examples a second that `models` models of the shape train together, their queues
 * never empty. */
double in_core_train(const struct shape *shape, enum optimizer optimizer, size_t models,
                     size_t workers, double seconds);

#endif
