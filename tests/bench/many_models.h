/* Thousands of tiny models in one process: what each costs, and whether a request costs
 * more than beside a few; and look-ups of names by many threads. */
#ifndef MLPD_TESTS_BENCH_MANY_MODELS_H
#define MLPD_TESTS_BENCH_MANY_MODELS_H

void many_models_measurements(void);

#endif
