/* /v1/models/{model}/batches: post a training batch, ask what became of one. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "api/call_internal.h"
#include "api/handlers.h"
#include "core/base/checked.h"
#include "core/base/memory.h"

static const char *state_name(enum entry_state state) {
    switch (state) {
    case ENTRY_SUBMITTED:
    case ENTRY_QUEUED:
        return "queued";
    case ENTRY_DONE:
        return "trained";
    case ENTRY_DIVERGED:
        return "diverged";
    case ENTRY_CANCELLED:
    case ENTRY_DROPPED:
        return "cancelled";
    }
    return "queued";
}

static void write_batch(struct json_writer *json, const struct history_row *row) {
    json_write_begin_object(json);
    json_write_key(json, "batch");
    json_write_unsigned(json, row->batch);
    json_write_key(json, "state");
    json_write_string(json, state_name(row->state));
    if (entry_state_is_final(row->state)) {
        json_write_key(json, "step");
        json_write_unsigned(json, row->step);
        json_write_key(json, "loss");
        json_write_double(json, row->loss);
        json_write_key(json, "accuracy");
        json_write_double(json, row->accuracy);
    }
    json_write_end_object(json);
}

static void answer_batch(struct call *call, unsigned status, const struct history_row *row) {
    struct json_writer json = call_json(call);
    write_batch(&json, row);
    call_answer_json(call, status, &json);
}

/* A batch that was dropped, or will be. */
static bool is_lost(const struct call *call, const struct history_row *row) {
    return row->state == ENTRY_DROPPED ||
           (!entry_state_is_final(row->state) && model_look(call->model).deleted);
}

/* What became of the batches of one request: how many of each kind, and the means of
 * the trained ones over their rows. */
struct batches_result {
    uint64_t waiting, trained, diverged, cancelled;
    double examples, loss, accuracy;
};

static struct batches_result look_at_batches(const struct call *call) {
    struct batches_result result = {0};
    for (size_t i = 0; i < call->batch_count; i++) {
        const struct history_row row = queue_look(call->batches[i]);
        result.waiting += !entry_state_is_final(row.state);
        result.diverged += row.state == ENTRY_DIVERGED;
        result.cancelled += row.state == ENTRY_CANCELLED || row.state == ENTRY_DROPPED;
        if (row.state == ENTRY_DONE) {
            result.trained++;
            result.examples += row.examples;
            result.loss += row.loss * row.examples;
            result.accuracy += row.accuracy * row.examples;
        }
    }
    return result;
}

static const char *batches_state(const struct batches_result *result) {
    if (result->waiting > 0) {
        return "queued";
    }
    if (result->trained > 0) {
        return "trained";
    }
    return result->diverged > 0 ? "diverged" : "cancelled";
}

static void write_batches(struct call *call, struct json_writer *json,
                          const struct history_row *last, const struct batches_result *result) {
    json_write_begin_object(json);
    json_write_key(json, "first");
    json_write_unsigned(json, queue_look(call->batches[0]).batch);
    json_write_key(json, "last");
    json_write_unsigned(json, last->batch);
    json_write_key(json, "state");
    json_write_string(json, batches_state(result));
    if (result->waiting == 0) {
        json_write_key(json, "step");
        json_write_unsigned(json, last->step);
        json_write_key(json, "loss");
        json_write_double(json, result->loss / result->examples); /* null: none was trained */
        json_write_key(json, "accuracy");
        json_write_double(json, result->accuracy / result->examples);
        json_write_key(json, "trained");
        json_write_unsigned(json, result->trained);
        json_write_key(json, "diverged");
        json_write_unsigned(json, result->diverged);
        json_write_key(json, "cancelled");
        json_write_unsigned(json, result->cancelled);
    }
    json_write_end_object(json);
}

static void answer_posted(struct call *call) {
    const struct history_row row = queue_look(call->entry);
    if (is_lost(call, &row)) {
        call_answer_problem(call, 410, NULL,
                            "the model %s was deleted before batch %" PRIu64 " was trained",
                            call->model->name, row.batch);
        return;
    }
    const struct batches_result result = look_at_batches(call);
    const bool waited =
        call->prefers_wait && entry_state_is_final(row.state) && result.waiting == 0;
    struct json_writer json = call_json(call);
    if (call->batch_count > 0) {
        write_batches(call, &json, &row, &result);
    } else {
        write_batch(&json, &row);
    }
    call_answer_json(call, waited ? 200 : 202, &json);
    call_add_header(call, "Location", "/v1/models/%s/batches/%" PRIu64, call->model->name,
                    row.batch);
    if (call->prefers_wait) {
        call_add_header(call, "Preference-Applied", "wait=%.15g", call->wait_seconds);
    }
}

static void resume_finished(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer_posted(call); /* 200 or 202 */
}

static void start_submitting(struct call *call, struct completion *completion) {
    struct entry *const *batches = call->batch_count > 0 ? call->batches : &call->entry;
    const size_t count = call->batch_count > 0 ? call->batch_count : 1;
    if (engine_submit_batches(call->api->engine, batches, count, completion,
                              &call->retry_after_seconds, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        call_answer_error(call, &call->error);
    } else if (call->prefers_wait && call->wait_seconds > 0) {
        call_wait_for(call, waiter_create(WAIT_FOR_ENTRY, 0, call->entry), resume_finished,
                      call->wait_seconds);
    } else {
        answer_posted(call);
    }
}

/* Cut the examples into batches of `size` rows, the last one of what is left.  False
 * when there is no memory. */
static bool cut(struct call *call, size_t size) {
    struct example_set *set = example_set_create(&call->intake->examples);
    if (set == NULL) {
        return false;
    }
    const size_t rows = set->examples.rows;
    const size_t count = divide_up(rows, size);
    call->batches = memory_allocate(count, sizeof *call->batches);
    while (call->batches != NULL && call->batch_count < count) {
        const size_t first = call->batch_count * size;
        struct entry *entry =
            entry_create_batch_of(call->model, set, first, size_min(size, rows - first));
        if (entry == NULL) {
            break;
        }
        call->batches[call->batch_count++] = entry;
    }
    example_set_release(set);
    if (call->batches == NULL || call->batch_count < count) {
        return false;
    }
    call->entry = entry_reference(call->batches[count - 1]);
    return true;
}

/* Whether so many batches can ever be accepted; if not, that is the answer. */
static bool fits_queue(struct call *call, size_t size) {
    const size_t count = divide_up(call->intake->examples.rows, size);
    const size_t queue_max = call->model->queue_max;
    if (count > queue_max) {
        call_answer_problem(call, 413, NULL, "%zu batches in one request; --max-queue allows %zu",
                            count, queue_max);
    }
    return count <= queue_max;
}

void batches_post(struct call *call) {
    uint64_t size;
    bool made;
    examples_trim(&call->intake->examples);
    if (!call_read_integer(call, PARAMETER_BATCH_SIZE, &size) ||
        (size > 0 && !fits_queue(call, (size_t)size))) {
        return;
    }
    if (size > 0) {
        made = cut(call, (size_t)size);
    } else {
        call->entry = entry_create_batch(call->model, &call->intake->examples);
        made = call->entry != NULL;
    }
    if (made) {
        call_wait(call, start_submitting, resume_acknowledged, INFINITY);
    } else {
        call_answer_problem(call, 507, NULL, "no memory for a batch");
    }
}

/* The number in the address; false after answering 404. */
static bool read_number(struct call *call, uint64_t *number) {
    const char *text = call->target.segments[4];
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        call_answer_problem(call, 404, NULL, "'%.40s' is not the number of a batch", text);
        return false;
    }
    return true;
}

static bool find_batch(struct call *call, uint64_t *number, struct history_row *row) {
    struct error error;
    if (!read_number(call, number)) {
        return false;
    }
    if (queue_find_batch(call->model, *number, row, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return false;
    }
    return true;
}

void batches_describe(struct call *call) {
    uint64_t number;
    struct history_row row;
    if (find_batch(call, &number, &row)) {
        answer_batch(call, 200, &row);
    }
}

void batches_cancel(struct call *call) {
    uint64_t number;
    struct history_row row;
    if (!read_number(call, &number)) {
        return;
    }
    queue_cancel(call->model, number, number);
    /* Whoever took it back: what it is now decides. */
    if (!find_batch(call, &number, &row)) {
        return;
    }
    if (row.state == ENTRY_CANCELLED) {
        answer_batch(call, 200, &row);
    } else {
        call_answer_problem(
            call, 409, NULL, "batch %" PRIu64 " is %s; only a batch that waits can be taken back",
            number, row.state == ENTRY_QUEUED ? "being trained" : state_name(row.state));
    }
}

void batches_cancel_all(struct call *call) {
    const size_t cancelled = queue_cancel(call->model, 0, UINT64_MAX);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "cancelled");
    json_write_unsigned(&json, cancelled);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}
