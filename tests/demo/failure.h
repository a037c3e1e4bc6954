/* Why the demo failed: one line for a person, written where it is known and
 * handed up to main.  A `struct failure` belongs to one thread at a time. */
#ifndef MLPD_TESTS_DEMO_FAILURE_H
#define MLPD_TESTS_DEMO_FAILURE_H

#include <stdbool.h>

struct failure {
    char reason[512];
};

/* Write the reason (what does not fit is cut) and return false, so that a
 * failing function can end with `return fail(…)`. */
bool fail(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
