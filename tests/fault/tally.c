/* See tally.h. */
#include "tests/fault/tally.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define FAILURES_WRITTEN 20

/* All are atomic, as every client's thread writes them. */
static atomic_uint_fast64_t calls, torn, failures;
static atomic_uint_fast64_t statuses[STATUSES];
static _Atomic double latest_seconds = -INFINITY; /* beyond a deadline, of all answers */
static atomic_bool forgiving;

void tally_call(void) {
    atomic_fetch_add(&calls, 1);
}

void tally_torn(void) {
    atomic_fetch_add(&torn, 1);
}

void tally_status(int status) {
    atomic_fetch_add(&statuses[status], 1);
}

void tally_lateness(double seconds) {
    double known = atomic_load(&latest_seconds);
    while (seconds > known && !atomic_compare_exchange_weak(&latest_seconds, &known, seconds)) {
    }
}

void fail(const char *format, ...) {
    va_list arguments;
    if (!atomic_load(&forgiving) && atomic_fetch_add(&failures, 1) < FAILURES_WRITTEN) {
        char line[1024];
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
    }
}

void tally_forgive(bool ending) {
    atomic_store(&forgiving, ending);
}

uint64_t tally_failures(void) {
    return atomic_load(&failures);
}

void tally_print(double seconds, unsigned connections, double bytes_before, double bytes_after) {
    printf("stress: %.0f s, %u connections, %llu calls, %llu torn, latest answer %+.3f s from its "
           "deadline, memory %.0f → %.0f bytes\nstress: statuses",
           seconds, connections, (unsigned long long)atomic_load(&calls),
           (unsigned long long)atomic_load(&torn), atomic_load(&latest_seconds), bytes_before,
           bytes_after);
    for (int status = 0; status < STATUSES; status++) {
        if (atomic_load(&statuses[status]) > 0) {
            printf(" %d:%llu", status, (unsigned long long)atomic_load(&statuses[status]));
        }
    }
    printf("\n");
}
