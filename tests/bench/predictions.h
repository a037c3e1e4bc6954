/* How fast predictions are answered: beside a bare server that swallows their bodies,
 * and beside another model that trains flat out. */
#ifndef MLPD_TESTS_BENCH_PREDICTIONS_H
#define MLPD_TESTS_BENCH_PREDICTIONS_H

void prediction_measurements(void);

#endif
