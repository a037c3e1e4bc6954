/* What a durable commit costs: the store beside SQLite alone, with the same settings, payloads and
 * sizes of groups. */
#ifndef MLPD_TESTS_BENCH_COMMITS_H
#define MLPD_TESTS_BENCH_COMMITS_H

#include "tests/bench/measurement.h"

/* Adds them; those of SQLite alone are what a daemon's durable batches are measured against. */
void commits_measurements(void);

/* SQLite alone, in groups of `rows`: for measurements that take it for their ceiling.  NULL before
 * commits_measurements, or for a group that is not measured. */
const struct measurement *commits_ceiling(size_t rows);

/* A new directory below the working directory, where a disk is likelier than below /tmp; and away
 * with it and its files. */
void commits_directory(char into[64]);
void commits_remove(const char *directory);

#endif
