/* Histograms of durations; see histogram.h. */
#include "core/base/histogram.h"

const double histogram_bounds[HISTOGRAM_BOUNDS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                   0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                   1,      2.5,     5,      10};

static size_t bucket_of(double seconds) {
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i]) {
        i++;
    }
    return i;
}

/* A century at most, so that the sum does not come round. */
static uint64_t nanoseconds_of(double seconds) {
    const double century = 3.2e9;
    if (!(seconds > 0)) {
        return 0;
    }
    return (uint64_t)((seconds < century ? seconds : century) * 1e9);
}

void histogram_count(struct histogram *histogram, double seconds) {
    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(seconds)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->nanoseconds, nanoseconds_of(seconds),
                              memory_order_relaxed);
}

void histogram_count_alone(struct histogram *histogram, double seconds) {
    count_alone(&histogram->buckets[bucket_of(seconds)], 1);
    count_alone(&histogram->nanoseconds, nanoseconds_of(seconds));
}

void histogram_collect(const struct histogram *histogram, struct histogram_counts *counts) {
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        counts->buckets[i] += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    }
    counts->nanoseconds += atomic_load_explicit(&histogram->nanoseconds, memory_order_relaxed);
}
