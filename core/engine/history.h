/* A model's loss history: one row for each batch that was trained, diverged,
 * cancelled or dropped, numbered, the last HISTORY_ROWS_MAX kept.
 *
 * Rows are in the order of their batch numbers, without gaps.  Guarded by the
 * model's lock. */
#ifndef MLPD_CORE_ENGINE_HISTORY_H
#define MLPD_CORE_ENGINE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/ledger.h"

#define HISTORY_ROWS_MAX 10000

/* Where an entry of a model's queue is on its way (entry.h). */
enum entry_state {
    ENTRY_SUBMITTED, /* not acknowledged yet: a batch has no number */
    ENTRY_QUEUED,    /* acknowledged: its turn will come */
    ENTRY_DONE,      /* trained, or in force */
    ENTRY_DIVERGED,  /* its loss or gradients were not finite: it changed nothing */
    ENTRY_CANCELLED, /* taken back before its turn */
    ENTRY_DROPPED    /* the model was deleted, or the daemon stopped, before its turn */
};

static inline bool entry_state_is_final(enum entry_state state) {
    return state != ENTRY_SUBMITTED && state != ENTRY_QUEUED;
}

struct history_row {
    uint64_t batch;  /* its number */
    uint64_t step;   /* the model's after it */
    double loss;     /* NaN when not finite */
    double accuracy; /* NaN for regression */
    double time;     /* seconds since 1970, UTC */
    uint32_t examples;
    enum entry_state state;
};

struct history {
    struct history_row *rows; /* a ring */
    size_t capacity, count, first;
    struct ledger *ledger; /* has the bytes of `rows` */
};

void history_init(struct history *history, struct ledger *ledger);
void history_free(struct history *history);

/* Room for `rows` rows more (or for the maximum), made before batches are
 * accepted so that adding cannot fail.  ERROR_MEMORY. */
enum error_code history_reserve(struct history *history, size_t rows, struct error *error);

/* Add a row; the oldest one leaves when the history is full. */
void history_add(struct history *history, const struct history_row *row);

/* Row i of `count`, oldest first. */
const struct history_row *history_at(const struct history *history, size_t i);

/* The index of the first row whose batch number is above `batch`. */
size_t history_after(const struct history *history, uint64_t batch);

/* Means over the last rows that were trained, weighted by their examples; NaN
 * when there are none. */
#define HISTORY_RUNNING_ROWS 100
void history_running(const struct history *history, double *loss, double *accuracy);

#endif
