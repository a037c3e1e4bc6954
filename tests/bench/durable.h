/* What it costs that nothing acknowledged is lost: batches of 100 KB with a store and without,
 * beside SQLite alone; predictions while a large model's state is stored; the start with ten
 * thousand models. */
#ifndef MLPD_TESTS_BENCH_DURABLE_H
#define MLPD_TESTS_BENCH_DURABLE_H

/* After commits_measurements, whose SQLite alone is the ceiling. */
void durable_measurements(void);

#endif
