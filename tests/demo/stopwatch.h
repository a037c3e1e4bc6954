/* Seconds since a moment, by the clock that nobody sets. */
#ifndef MLPD_TESTS_DEMO_STOPWATCH_H
#define MLPD_TESTS_DEMO_STOPWATCH_H

#include <time.h>

struct stopwatch {
    struct timespec start;
};

static inline struct stopwatch stopwatch_start(void) {
    struct stopwatch stopwatch;
    clock_gettime(CLOCK_MONOTONIC, &stopwatch.start);
    return stopwatch;
}

static inline double stopwatch_seconds(const struct stopwatch *stopwatch) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - stopwatch->start.tv_sec) +
           (double)(now.tv_nsec - stopwatch->start.tv_nsec) / 1e9;
}

#endif
