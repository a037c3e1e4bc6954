/* What the engine has done since its start, in numbers that only grow.
 *
 * What happens often (batches trained, predictions) is counted by the worker that did
 * it, in a struct of its own that nobody else writes: no bus lock, no shared cache line.
 * What happens seldom is counted in one struct for all.  A reader adds them up.  All of
 * it is atomic and relaxed: the numbers publish nothing but themselves. */
#ifndef MLPD_CORE_ENGINE_STATISTICS_H
#define MLPD_CORE_ENGINE_STATISTICS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/histogram.h"
#include "core/base/memory.h"
#include "core/engine/checkpoint.h"

/* Written by one worker, read by any thread. */
struct worker_statistics {
    alignas(MEMORY_ALIGNMENT) atomic_uint_fast64_t trained; /* batches */
    atomic_uint_fast64_t diverged;
    atomic_uint_fast64_t examples; /* of trained batches */
    atomic_uint_fast64_t predictions, prediction_rows;
    struct histogram batch; /* seconds that a batch took its worker */
    struct histogram wait;  /* seconds from a batch's acknowledgement to its end */
};

/* Any thread. */
struct shared_statistics {
    atomic_uint_fast64_t acknowledged; /* batches */
    atomic_uint_fast64_t cancelled;
    atomic_uint_fast64_t dropped;
    atomic_uint_fast64_t checkpoints[CHECKPOINT_KINDS]; /* kept */
    atomic_uint_fast64_t checkpoints_skipped; /* automatic ones that there was no room for */
};

/* All of it at about one instant. */
struct statistics {
    uint64_t acknowledged, trained, diverged, cancelled, dropped; /* batches */
    uint64_t examples;
    uint64_t predictions, prediction_rows;
    uint64_t checkpoints[CHECKPOINT_KINDS], checkpoints_skipped;
    struct histogram_counts batch, wait;
};

/* A batch is over, as its worker sees it.  Diverged ones are in the histograms too:
 * they took as long. */
void statistics_count_batch(struct worker_statistics *worker, bool diverged, uint64_t examples,
                            double batch_seconds, double wait_seconds);

/* A prediction is computed. */
void statistics_count_prediction(struct worker_statistics *worker, size_t rows);

/* Add a worker's numbers to `all`. */
void statistics_collect(const struct worker_statistics *worker, struct statistics *all);

#endif
