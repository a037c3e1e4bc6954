/* The loss history as server-sent events; see loss_stream.h. */
#include "api/loss_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/loss_point.h"
#include "api/media_type.h"
#include "core/base/checked.h"
#include "core/engine/clock.h"

#define PIECE_BYTES 32768
#define PIECE_ROWS 128 /* copied at once, under the model's lock */
#define KEPT_BYTES 4096
#define RETRY_MILLISECONDS 2000
#define KEEP_ALIVE_SECONDS 15.0

/* After a point the next ones are gathered for so long: a model may train thousands of
 * batches a second, and each piece costs a system call and a wake-up. */
#define GATHER_SECONDS 0.1

/* ---- the cursor ---- */

void loss_stream_read_cursor(struct call *call, const struct request *request) {
    struct loss_stream *stream = &call->loss_stream;
    const char *text = request->header(request->header_context, "Last-Event-ID");
    if (text == NULL || *text == '\0') {
        return;
    }
    char *end;
    errno = 0;
    const unsigned long long batch = strtoull(text, &end, 10);
    stream->resumes = true;
    stream->unreadable = *text < '0' || *text > '9' || *end != '\0' || errno != 0;
    stream->cursor = stream->unreadable ? 0 : batch;
}

/* ---- events ---- */

/* The first failure sticks in the writer, as its own do. */
static void append(struct json_writer *json, const char *text) {
    if (json->error.code == ERROR_NONE) {
        (void)buffer_append(json->out, text, strlen(text), &json->error);
    }
    json->comma = false;
}

static void write_gap(struct json_writer *json, const struct loss_stream *stream, uint64_t oldest) {
    append(json, "event: gap\ndata: ");
    json_write_begin_object(json);
    json_write_key(json, "after");
    if (stream->unreadable) {
        json_write_null(json);
    } else {
        json_write_unsigned(json, stream->cursor);
    }
    json_write_key(json, "oldest");
    if (oldest > 0) {
        json_write_unsigned(json, oldest);
    } else {
        json_write_null(json); /* no batch is finished yet */
    }
    json_write_end_object(json);
    append(json, "\n\n");
}

static void write_point(struct json_writer *json, const struct history_row *row) {
    append(json, "id: ");
    json_write_unsigned(json, row->batch);
    append(json, "\ndata: ");
    loss_point_write(json, row);
    append(json, "\n\n");
}

/* The empty id makes a browser forget its cursor: it means nothing to another model that
 * may have the name by then. */
static void write_deleted(struct call *call, struct json_writer *json) {
    append(json, "id\nevent: deleted\ndata: ");
    json_write_begin_object(json);
    json_write_key(json, "model");
    json_write_string(json, call->model->name);
    json_write_end_object(json);
    append(json, "\n\n");
}

/* ---- pieces ---- */

/* Where the cursor leads to rows that are not kept, or to none that ever were, say so and
 * go to the oldest. */
static void mind_the_gap(struct loss_stream *stream, struct json_writer *json,
                         const struct history_range *range) {
    const bool unknown = stream->unreadable || stream->cursor > range->newest_number;
    const bool expired = range->oldest > 0 && stream->cursor + 1 < range->oldest;
    if (stream->resumes && (unknown || expired)) {
        write_gap(json, stream, range->oldest);
    }
    if (unknown || expired) {
        stream->cursor = range->oldest > 0 ? range->oldest - 1 : 0;
    }
    stream->unreadable = false;
    stream->resumes = true; /* from here on nothing may be missing silently */
}

/* The rows behind the cursor, once it stands where there are some. */
static size_t copy_rows(struct call *call, struct json_writer *json, struct history_row *rows,
                        struct history_range *range) {
    struct loss_stream *stream = &call->loss_stream;
    uint64_t before;
    size_t count;
    do {
        before = stream->cursor;
        count = model_history(call->model, before, PIECE_ROWS, rows, range);
        mind_the_gap(stream, json, range);
    } while (stream->cursor != before);
    return count;
}

/* Write what there is behind the cursor until the piece is full.  True: the model is
 * deleted and there is nothing more. */
static bool write_points(struct call *call, struct json_writer *json) {
    struct loss_stream *stream = &call->loss_stream;
    struct history_row rows[PIECE_ROWS];
    struct history_range range;
    size_t count;
    do {
        count = copy_rows(call, json, rows, &range);
        size_t i = 0;
        for (; i < count && json->out->used < PIECE_BYTES && json->error.code == ERROR_NONE; i++) {
            if (loss_row_is_point(&rows[i])) {
                write_point(json, &rows[i]);
                stream->points_at = clock_monotonic_seconds();
            }
            stream->cursor = rows[i].batch;
        }
        if (i < count) {
            return false;
        }
    } while (count == PIECE_ROWS && json->out->used < PIECE_BYTES);
    return range.deleted && count < PIECE_ROWS;
}

static void advance(struct call *call);

static void resume_waiting(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    advance(call);
}

static void start_gathering(struct call *call, struct completion *completion) {
    call->loss_stream.completion = completion;
}

static void resume_gathering(struct call *call, bool expired) {
    if (expired) {
        completion_call(call->loss_stream.completion); /* nobody else will */
    }
    advance(call);
}

/* The text that was sent needs no memory meanwhile. */
static void wait_for_more(struct call *call, double now) {
    const struct loss_stream *stream = &call->loss_stream;
    const double gather = stream->points_at + GATHER_SECONDS - now;
    if (call->response.body.capacity > KEPT_BYTES) {
        buffer_free(&call->response.body);
    }
    if (gather > 0) {
        call_wait(call, start_gathering, resume_gathering, gather);
        return;
    }
    struct waiter *waiter = waiter_create(WAIT_FOR_HISTORY, stream->cursor, NULL);
    if (waiter == NULL) {
        call->state = CALL_BROKEN;
        return;
    }
    call_wait_for(call, waiter, resume_waiting,
                  fmax(0, stream->written_at + KEEP_ALIVE_SECONDS - now));
}

/* Make the next piece, or wait for it. */
static void advance(struct call *call) {
    struct loss_stream *stream = &call->loss_stream;
    struct json_writer json = call_json(call);
    call->state = CALL_ANSWERED;
    if (!stream->ended && write_points(call, &json)) {
        write_deleted(call, &json);
        stream->ended = true;
    }
    const double now = clock_monotonic_seconds();
    if (json.out->used == 0 && !stream->ended && now >= stream->written_at + KEEP_ALIVE_SECONDS) {
        append(&json, ": keep-alive\n\n");
    }
    if (json_write_finish(&json, NULL) != ERROR_NONE) {
        call->state = CALL_BROKEN;
    } else if (json.out->used > 0) {
        stream->written_at = now;
    } else if (!stream->ended) {
        wait_for_more(call, now);
    }
}

static bool next_piece(struct call *call) {
    advance(call);
    return call->state != CALL_BROKEN;
}

/* ---- the answer ---- */

static bool check_parameters(struct call *call) {
    static const enum parameter refused[] = {PARAMETER_LOSS_LIMIT, PARAMETER_LOSS_WAIT};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *name = parameter_descriptions[refused[i]].name;
        if (target_parameter(&call->target, name) != NULL) {
            call_answer_problem(call, 422, NULL,
                                "the query parameter %s with Accept: %s; a stream has no %s, and "
                                "takes `after` alone",
                                name, MEDIA_TYPE_EVENTS, name);
            return false;
        }
    }
    return true;
}

/* Last-Event-ID goes before `after`: a browser that connects again keeps the address. */
static bool read_cursor(struct call *call) {
    struct loss_stream *stream = &call->loss_stream;
    const char *name = parameter_descriptions[PARAMETER_AFTER_BATCH].name;
    uint64_t after;
    if (!call_read_integer(call, PARAMETER_AFTER_BATCH, &after)) {
        return false;
    }
    if (!stream->resumes && target_parameter(&call->target, name) != NULL) {
        stream->resumes = true;
        stream->cursor = after;
    }
    return true;
}

void loss_stream_answer(struct call *call) {
    if (!check_parameters(call) || !read_cursor(call)) {
        return;
    }
    if (!call->is_head && !call_take_seat(call)) {
        call_answer_no_seat(call);
        return;
    }
    char retry[32];
    struct json_writer json = call_json(call);
    snprintf(retry, sizeof retry, "retry: %d\n\n", RETRY_MILLISECONDS);
    append(&json, retry); /* the first piece: the client sees at once that it is heard */
    if (json_write_finish(&json, NULL) != ERROR_NONE) {
        call_answer_error(call, &json.error);
        return;
    }
    call->loss_stream.written_at = clock_monotonic_seconds();
    call->response.next_piece = next_piece;
    call->response.closes = true; /* it ends when the client or the daemon goes */
    call_answer_empty(call, 200);
    call_add_header(call, "Content-Type", MEDIA_TYPE_EVENTS);
    call_add_header(call, "Cache-Control", "no-store");
    call_add_header(call, "X-Accel-Buffering", "no");
    call_add_header(call, "Vary", "Accept");
}
