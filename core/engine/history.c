/* Loss history; see history.h. */
#include "core/engine/history.h"

#include <math.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

#define CAPACITY_MIN 8

void history_init(struct history *history, struct ledger *ledger) {
    *history = (struct history){.ledger = ledger};
}

void history_free(struct history *history) {
    memory_free(history->rows);
    ledger_release(history->ledger, history->capacity * sizeof *history->rows);
    history_init(history, history->ledger);
}

enum error_code history_reserve(struct history *history, size_t rows, struct error *error) {
    const size_t wanted = size_min(history->count + rows, HISTORY_ROWS_MAX);
    if (wanted <= history->capacity) {
        return ERROR_NONE;
    }
    const size_t capacity =
        size_min(size_max(size_max(2 * history->capacity, wanted), CAPACITY_MIN), HISTORY_ROWS_MAX);
    const size_t bytes = (capacity - history->capacity) * sizeof *history->rows;
    const enum error_code code = ledger_reserve(history->ledger, bytes, "the loss history", error);
    if (code != ERROR_NONE) {
        return code;
    }
    /* Room is always made ahead, so the ring has not turned yet: first is 0. */
    void *moved = history->rows;
    if (!memory_resize(&moved, history->count * sizeof *history->rows, capacity,
                       sizeof *history->rows)) {
        ledger_release(history->ledger, bytes);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the loss history");
    }
    history->rows = moved;
    history->capacity = capacity;
    return ERROR_NONE;
}

void history_add(struct history *history, const struct history_row *row) {
    if (history->count == history->capacity) {
        history->rows[history->first] = *row;
        history->first = (history->first + 1) % history->capacity;
    } else {
        history->rows[history->count++] = *row;
    }
}

const struct history_row *history_at(const struct history *history, size_t i) {
    return &history->rows[(history->first + i) % history->capacity];
}

size_t history_after(const struct history *history, uint64_t batch) {
    size_t begin = 0;
    size_t end = history->count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (history_at(history, middle)->batch > batch) {
            end = middle;
        } else {
            begin = middle + 1;
        }
    }
    return begin;
}

void history_running(const struct history *history, double *loss, double *accuracy) {
    double examples = 0, losses = 0, accuracies = 0;
    size_t rows = 0;
    for (size_t i = history->count; i-- > 0 && rows < HISTORY_RUNNING_ROWS;) {
        const struct history_row *row = history_at(history, i);
        if (row->state == ENTRY_DONE) {
            rows++;
            examples += row->examples;
            losses += row->loss * row->examples;
            accuracies += row->accuracy * row->examples;
        }
    }
    *loss = rows > 0 ? losses / examples : NAN;
    *accuracy = rows > 0 ? accuracies / examples : NAN;
}
