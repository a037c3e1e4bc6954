/* How fast bodies become tensors, without HTTP: on one core, by its CPU time. */
#ifndef MLPD_TESTS_BENCH_INTAKE_H
#define MLPD_TESTS_BENCH_INTAKE_H

void intake_measurements(void);

#endif
