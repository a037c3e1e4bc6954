/* What a run has seen, of all clients together: calls, statuses, lateness, failures.
 *
 * Any thread may call any of these at any time, but for tally_print, which wants the
 * clients to be at rest. */
#ifndef MLPD_TESTS_FAULT_TALLY_H
#define MLPD_TESTS_FAULT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#define STATUSES 600 /* an answer's is below */

/* A call was made, whatever came of it. */
void tally_call(void);

/* A connection was left in the middle of something. */
void tally_torn(void);

/* Of an answer: 0 to STATUSES - 1. */
void tally_status(int status);

/* An answer came so long after its deadline, or before it when negative. */
void tally_lateness(double seconds);

/* Count a failure; the first twenty are written to stderr, a line each. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on nothing is a failure, or everything is again: the daemon ends under load,
 * and may refuse and close whatever it likes. */
void tally_forgive(bool ending);

uint64_t tally_failures(void);

/* The sum of it all on stdout: of a run of so long, the daemon's memory before and after. */
void tally_print(double seconds, unsigned connections, double bytes_before, double bytes_after);

#endif
