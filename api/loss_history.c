/* /v1/models/{model}/loss: the loss of each batch, oldest first. */
#include "api/call_internal.h"
#include "api/handlers.h"
#include "api/timestamp.h"
#include "core/base/memory.h"

static void write_point(struct json_writer *json, const struct history_row *row) {
    char time[TIMESTAMP_BYTES];
    timestamp_write(time, row->time);
    json_write_begin_object(json);
    json_write_key(json, "batch");
    json_write_unsigned(json, row->batch);
    json_write_key(json, "step");
    json_write_unsigned(json, row->step);
    json_write_key(json, "loss");
    json_write_double(json, row->loss);
    json_write_key(json, "accuracy");
    json_write_double(json, row->accuracy);
    json_write_key(json, "examples");
    json_write_unsigned(json, row->examples);
    json_write_key(json, "time");
    json_write_string(json, time);
    if (row->state == ENTRY_DIVERGED) {
        json_write_key(json, "diverged");
        json_write_bool(json, true);
    }
    json_write_end_object(json);
}

/* Batches that were taken back or dropped have no loss. */
static bool is_point(const struct history_row *row) {
    return row->state == ENTRY_DONE || row->state == ENTRY_DIVERGED;
}

static void answer_points(struct call *call) {
    const size_t limit = (size_t)call->last;
    struct history_row *rows = memory_allocate(limit, sizeof *rows);
    if (rows == NULL) {
        call_answer_problem(call, 507, NULL, "no memory for %zu points", limit);
        return;
    }
    const size_t count = model_history(call->model, call->first, limit, rows);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "points");
    json_write_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (is_point(&rows[i])) {
            write_point(&json, &rows[i]);
        }
    }
    json_write_end_array(&json);
    json_write_key(&json, "next");
    json_write_unsigned(&json, count > 0 ? rows[count - 1].batch : call->first);
    json_write_end_object(&json);
    memory_free(rows);
    call_answer_json(call, 200, &json);
}

static void resume_points(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer_points(call); /* of no points, when the time is over */
}

void loss_history_list(struct call *call) {
    double wait;
    if (!call_read_integer(call, PARAMETER_AFTER_BATCH, &call->first) ||
        !call_read_integer(call, PARAMETER_LOSS_LIMIT, &call->last) ||
        !call_read_number(call, PARAMETER_LOSS_WAIT, &wait)) {
        return;
    }
    if (wait > 0) {
        call_wait_for(call, waiter_create(WAIT_FOR_HISTORY, call->first, NULL), resume_points,
                      wait);
    } else {
        answer_points(call);
    }
}
