/* Measurements and how they are told: each is made once in each round, one after the
 * other, so that a machine whose speed drifts changes all of them, and a share is the
 * median of the rounds' shares.  One thread. */
#ifndef MLPD_TESTS_BENCH_MEASUREMENT_H
#define MLPD_TESTS_BENCH_MEASUREMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/bodies.h"
#include "tests/bench/intake_load.h"

#define ROUNDS_MAX 25

struct measurement;

/* One value, in the measurement's unit; the measurements before it have been run. */
typedef double measure(const struct measurement *measurement, double seconds);

struct measurement {
    char name[96];
    const char *group, *unit;
    measure *run;
    const struct measurement *ceiling; /* whose value is 1.00, or NULL */
    double wanted;                     /* share to reach, or 0 */
    double bound;                      /* share or, without a ceiling, value not to pass, or 0 */

    /* What it is run with. */
    const struct shape *shape;
    enum optimizer optimizer;
    enum body_format format;
    enum intake_body intake;          /* of intake by itself */
    size_t models, connections, rows; /* rows of a request */
    bool training;                    /* something else trains meanwhile */

    double values[ROUNDS_MAX];
};

/* A further one; the caller sets what it needs.  One model and one row where it does not. */
struct measurement *measurement_add(const char *group, const char *unit, measure *run,
                                    const char *name_format, ...)
    __attribute__((format(printf, 4, 5)));

void measurements_run(size_t rounds, double seconds);

/* The medians, and what they are of their ceilings. */
void measurements_print(void);

/* The same and each round's values, as JSON; false when that cannot be written. */
bool measurements_write(const char *file, const char *cpu);

#endif
