/* /v1/models/{model}/batches: post a training batch, ask what became of one. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "api/call_internal.h"
#include "api/handlers.h"
#include "api/precondition.h"
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
}

static void answer_batch(struct call *call, unsigned status, const struct history_row *row) {
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    write_batch(&json, row);
    json_write_end_object(&json);
    call_answer_json(call, status, &json);
}

/* A batch that was dropped, or will be. */
static bool is_lost(const struct call *call, const struct history_row *row) {
    return row->state == ENTRY_DROPPED ||
           (!entry_state_is_final(row->state) && model_look(call->model).deleted);
}

/* What is told of a posted request, which may repeat an earlier one. */
struct posted {
    uint64_t first;          /* number of the first batch */
    struct history_row last; /* of the last one */
    bool forgotten;          /* the last is over, and older than what is kept */
    struct batch_tally tally;
};

static struct posted look_at_new(const struct call *call) {
    struct posted posted = {.last = queue_look(call->entry)};
    posted.first = call->is_cut ? queue_look(call->batches[0]).batch : posted.last.batch;
    for (size_t i = 0; i < call->batch_count; i++) {
        const struct history_row row = queue_look(call->batches[i]);
        batch_tally_add(&posted.tally, &row);
    }
    return posted;
}

static struct posted look_at_repeated(const struct call *call) {
    struct error error;
    struct posted posted = {.first = call->first, .last.batch = call->last};
    if (call->last == 0) {
        posted.last.state = ENTRY_DROPPED; /* with its model, before it had a number */
        return posted;
    }
    if (call->entry != NULL) {
        posted.last = queue_look(call->entry);
    } else {
        posted.forgotten =
            queue_find_batch(call->model, call->last, &posted.last, &error) != ERROR_NONE;
    }
    posted.tally = queue_tally(call->model, call->first, call->last);
    return posted;
}

static const char *tally_state(const struct batch_tally *tally) {
    if (tally->waiting > 0) {
        return "queued";
    }
    if (tally->forgotten > 0) {
        return "finished";
    }
    if (tally->trained > 0) {
        return "trained";
    }
    return tally->diverged > 0 ? "diverged" : "cancelled";
}

static void write_figures(struct json_writer *json, const struct posted *posted) {
    const struct batch_tally *tally = &posted->tally;
    json_write_key(json, "step");
    json_write_unsigned(json, posted->last.step);
    json_write_key(json, "loss");
    json_write_double(json, tally->loss / tally->examples); /* null: none was trained */
    json_write_key(json, "accuracy");
    json_write_double(json, tally->accuracy / tally->examples);
    json_write_key(json, "trained");
    json_write_unsigned(json, tally->trained);
    json_write_key(json, "diverged");
    json_write_unsigned(json, tally->diverged);
    json_write_key(json, "cancelled");
    json_write_unsigned(json, tally->cancelled);
}

static void write_several(struct json_writer *json, const struct posted *posted) {
    json_write_key(json, "first");
    json_write_unsigned(json, posted->first);
    json_write_key(json, "last");
    json_write_unsigned(json, posted->last.batch);
    json_write_key(json, "state");
    json_write_string(json, tally_state(&posted->tally));
    if (posted->tally.waiting == 0 && posted->tally.forgotten == 0) {
        write_figures(json, posted);
    }
}

/* All that is known of a batch that the history has forgotten. */
static void write_forgotten(struct json_writer *json, uint64_t batch) {
    json_write_key(json, "batch");
    json_write_unsigned(json, batch);
    json_write_key(json, "state");
    json_write_string(json, "finished");
}

static void answer_posted(struct call *call) {
    const bool repeated = call->idempotency.former != NULL;
    const struct posted posted = repeated ? look_at_repeated(call) : look_at_new(call);
    const struct history_row *last = &posted.last;
    if (!posted.forgotten && is_lost(call, last)) {
        call_answer_problem(call, 410, NULL,
                            "the model %s was deleted before batch %" PRIu64 " was trained",
                            call->model->name, last->batch);
        return;
    }
    const bool over = posted.forgotten || entry_state_is_final(last->state);
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    if (call->is_cut) {
        write_several(&json, &posted);
    } else if (posted.forgotten) {
        write_forgotten(&json, last->batch);
    } else {
        write_batch(&json, last);
    }
    call_write_table(call, &json);
    json_write_end_object(&json);
    call_apply_preference(call);
    call_answer_json(call, call->prefers_wait && over && posted.tally.waiting == 0 ? 200 : 202,
                     &json);
    call_add_header(call, "Location", "/v1/models/%s/batches/%" PRIu64, call->model->name,
                    last->batch);
    if (repeated) {
        idempotency_note_repeat(call);
    }
}

static void resume_finished(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    answer_posted(call); /* 200 or 202 */
}

static void start_submitting(struct call *call, struct completion *completion) {
    const struct submission submission = {
        .batches = call->batch_count > 0 ? call->batches : &call->entry,
        .count = call->batch_count > 0 ? call->batch_count : 1,
        .revision = call->revision,
        .record = call->idempotency.record,
    };
    if (engine_submit_batches(call->api->engine, &submission, completion, &call->idempotency.former,
                              &call->retry_after_seconds, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

static void release_batches(struct call *call) {
    for (size_t i = 0; i < call->batch_count; i++) {
        entry_release(call->batches[i]);
    }
    call->batch_count = 0;
    entry_release(call->entry);
    call->entry = NULL;
}

/* What came is not needed: from here on the call is about what came first. */
static void adopt_former(struct call *call) {
    release_batches(call);
    const struct accepted accepted = queue_look_accepted(call->model, call->idempotency.former);
    call->first = accepted.first;
    call->last = accepted.last;
    call->entry = accepted.entry;
    call->refusal = accepted.refused ? ERROR_STORAGE : ERROR_NONE;
}

static void resume_acknowledged(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (call->error.code != ERROR_NONE) {
        precondition_answer_error(call, &call->error);
        return;
    }
    if (call->idempotency.former != NULL) {
        adopt_former(call);
    }
    if (call_answer_refusal(call, call->entry != NULL ? call->entry->refusal : call->refusal)) {
        return;
    }
    /* Accepted it is: where nobody else may wait it is answered at once. */
    const bool wants_wait = call->prefers_wait && call->wait_seconds > 0 && call->entry != NULL;
    if (wants_wait && call_take_seat(call)) {
        call_wait_for(call, waiter_create(WAIT_FOR_ENTRY, 0, call->entry), resume_finished,
                      call->wait_seconds);
    } else {
        call->wait_refused = wants_wait;
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
    call->is_cut = size > 0;
    if (call->is_cut) {
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

/* --- taking back ---------------------------------------------------------------- */

static void start_cancelling(struct call *call, struct completion *completion) {
    if (engine_cancel_batches(call->api->engine, call->model, call->first, call->last, completion,
                              &call->entry, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

/* False after answering why nothing was taken back. */
static bool was_cancelled(struct call *call) {
    if (call->error.code != ERROR_NONE) {
        call_answer_error(call, &call->error);
        return false;
    }
    return !call_answer_refusal(call, call->entry->refusal);
}

static void resume_cancelled(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    uint64_t number;
    struct history_row row;
    /* Whoever took it back: what it is now decides. */
    if (!was_cancelled(call) || !find_batch(call, &number, &row)) {
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

void batches_cancel(struct call *call) {
    if (read_number(call, &call->first)) {
        call->last = call->first;
        call_wait(call, start_cancelling, resume_cancelled, INFINITY);
    }
}

static void resume_all_cancelled(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (!was_cancelled(call)) {
        return;
    }
    struct json_writer json = call_json(call);
    json_write_begin_object(&json);
    json_write_key(&json, "cancelled");
    json_write_unsigned(&json, call->entry->cancelled_count);
    json_write_end_object(&json);
    call_answer_json(call, 200, &json);
}

void batches_cancel_all(struct call *call) {
    call->last = UINT64_MAX;
    call_wait(call, start_cancelling, resume_all_cancelled, INFINITY);
}
