/* How fast models are trained: beside the bare products of their layers. */
#ifndef MLPD_TESTS_BENCH_TRAINING_H
#define MLPD_TESTS_BENCH_TRAINING_H

void training_measurements(void);

#endif
