/* What the engine has done; see statistics.h. */
#include "core/engine/statistics.h"

void statistics_count_batch(struct worker_statistics *worker, bool diverged, uint64_t examples,
                            double batch_seconds, double wait_seconds) {
    if (diverged) {
        count_alone(&worker->diverged, 1);
    } else {
        count_alone(&worker->trained, 1);
        count_alone(&worker->examples, examples);
    }
    histogram_count_alone(&worker->batch, batch_seconds);
    histogram_count_alone(&worker->wait, wait_seconds);
}

void statistics_count_prediction(struct worker_statistics *worker, size_t rows) {
    count_alone(&worker->predictions, 1);
    count_alone(&worker->prediction_rows, rows);
}

static uint64_t look(const atomic_uint_fast64_t *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

void statistics_collect(const struct worker_statistics *worker, struct statistics *all) {
    all->trained += look(&worker->trained);
    all->diverged += look(&worker->diverged);
    all->examples += look(&worker->examples);
    all->predictions += look(&worker->predictions);
    all->prediction_rows += look(&worker->prediction_rows);
    histogram_collect(&worker->batch, &all->batch);
    histogram_collect(&worker->wait, &all->wait);
}
