/* A histogram of durations: how many were at most so long.
 *
 * Its bounds are fixed, 0.1 ms to 10 s, so that it needs no memory beyond itself and
 * histograms of several threads can be added up.  Counting takes no lock: every number
 * is an atomic that publishes nothing else, so relaxed order is enough.  A reader gets
 * counts that each stood at some instant of its reading, and takes the total from the
 * buckets, so that the two always agree. */
#ifndef MLPD_CORE_BASE_HISTOGRAM_H
#define MLPD_CORE_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 16

/* Seconds, ascending. */
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
    /* Not cumulative; the last is for what is above every bound. */
    atomic_uint_fast64_t buckets[HISTOGRAM_BOUNDS + 1];
    atomic_uint_fast64_t nanoseconds; /* the sum of all: enough for centuries */
};

/* Count one; any thread, any number of them at a time.  What is below 0 or no number
 * counts as 0. */
void histogram_count(struct histogram *histogram, double seconds);

/* The same for a histogram that only one thread writes: costs no bus lock. */
void histogram_count_alone(struct histogram *histogram, double seconds);

/* What a histogram held; of one that nobody writes. */
struct histogram_counts {
    uint64_t buckets[HISTOGRAM_BOUNDS + 1];
    uint64_t nanoseconds;
};

/* Add what `histogram` holds to `counts`. */
void histogram_collect(const struct histogram *histogram, struct histogram_counts *counts);

/* A number that one thread alone adds to and others read. */
static inline void count_alone(atomic_uint_fast64_t *number, uint64_t more) {
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

#endif
