/* /v1/models/{model}/loss: the loss of each batch, oldest first, as JSON or CSV; as
 * events it is loss_stream.c's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/handlers.h"
#include "api/loss_point.h"
#include "api/loss_table.h"
#include "api/media_type.h"
#include "core/base/memory.h"

static void answer_list(struct call *call, const struct history_row *rows, size_t count,
                        uint64_t next) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "points");
    json_write_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (loss_row_is_point(&rows[i])) {
            loss_point_write(&json, &rows[i]);
        }
    }
    json_write_end_array(&json);
    json_write_key(&json, "next");
    json_write_unsigned(&json, next);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}

/* A table has no room for `next`: a Link leads on, asked as this page was. */
static void add_next_link(struct call *call, uint64_t next) {
    char query[96];
    size_t used = (size_t)snprintf(query, sizeof query, "after=%" PRIu64, next);
    static const enum parameter kept[] = {PARAMETER_LOSS_LIMIT, PARAMETER_LOSS_WAIT};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *name = parameter_descriptions[kept[i]].name;
        const char *value = target_parameter(&call->target, name);
        if (value != NULL && strlen(name) + strlen(value) + 3 < sizeof query - used) {
            used += (size_t)snprintf(query + used, sizeof query - used, "&%s=%s", name, value);
        }
    }
    call_add_header(call, "Link", "</v1/models/%s/loss?%s>; rel=\"next\"", call->model->name,
                    query);
}

static void answer_table(struct call *call, const struct history_row *rows, size_t count,
                         uint64_t next) {
    struct error error;
    if (loss_table_write(&call->response.body, rows, count, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call_answer_empty(call, 200);
    call_add_header(call, "Content-Type", MEDIA_TYPE_CSV "; charset=utf-8; header=present");
    add_next_link(call, next);
}

static void answer_points(struct call *call) {
    const size_t limit = (size_t)call->last;
    struct history_row *rows = memory_allocate(limit, sizeof *rows);
    if (rows == NULL) {
        call_answer_problem(call, 507, NULL, "no memory for %zu points", limit);
        return;
    }
    const size_t count = model_history(call->model, call->first, limit, rows, NULL);
    const uint64_t next = count > 0 ? rows[count - 1].batch : call->first;
    if (strcmp(call->media_type, MEDIA_TYPE_CSV) == 0) {
        answer_table(call, rows, count, next);
    } else {
        answer_list(call, rows, count, next);
    }
    call_add_header(call, "Vary", "Accept");
    memory_free(rows);
}

static void resume_points(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer_points(call); /* of no points, when the time is over */
}

void loss_history_list(struct call *call) {
    double wait;
    if (strcmp(call->media_type, MEDIA_TYPE_EVENTS) == 0) {
        loss_stream_answer(call);
        return;
    }
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
