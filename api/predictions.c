/* /v1/models/{model}/predictions: what the network answers for some rows.
 *
 * Few rows are written at once; of many, piece by piece as the connection takes
 * them, so that no answer holds an HTTP thread for long or stands in memory as
 * text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer_query.h"
#include "api/handlers.h"
#include "api/version.h"
#include "core/base/checked.h"

#define PIECE_BYTES 32768
#define PIECE_WORK 100000 /* numbers looked at */

static bool is_regression(const struct network *network) {
    return !loss_functions[network->loss].classifies;
}

/* A class as clients know it: its name, or its index where there are no names. */
static void write_label(struct json_writer *json, const struct specification *specification,
                        size_t index) {
    if (specification->class_count > 0) {
        json_write_string(json, specification->classes[index]);
    } else {
        json_write_unsigned(json, index);
    }
}

static void write_floats(struct json_writer *json, size_t count, const float *numbers) {
    json_write_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_write_float(json, numbers[i]);
    }
    json_write_end_array(json);
}

static void write_class(struct json_writer *json, const struct specification *specification,
                        size_t index, float probability) {
    json_write_key(json, "label");
    write_label(json, specification, index);
    json_write_key(json, "index");
    json_write_unsigned(json, index);
    json_write_key(json, "probability");
    json_write_float(json, probability);
}

/* Larger first, equal ones by index: as top-k accuracy counts. */
static bool comes_before(const float *A, uint32_t i, uint32_t j) {
    return A[i] > A[j] || (A[i] == A[j] && i < j);
}

static int compare_outputs(const void *a, const void *b, void *outputs) {
    return comes_before(outputs, *(const uint32_t *)a, *(const uint32_t *)b) ? -1 : 1;
}

/* Lists of more are made by sorting all. */
#define INSERTED_MAX 32

/* The first `k` of `order` become the top ones; what it costs is in numbers looked
 * at, about. */
static size_t find_top(uint32_t *order, size_t classes, size_t k, const float *A) {
    if (k > INSERTED_MAX) {
        for (size_t i = 0; i < classes; i++) {
            order[i] = (uint32_t)i;
        }
        qsort_r(order, classes, sizeof *order, compare_outputs, (void *)A);
        return 32 * classes;
    }
    size_t found = 0;
    for (uint32_t i = 0; i < classes; i++) {
        size_t at = found;
        while (at > 0 && comes_before(A, i, order[at - 1])) {
            at--;
        }
        if (at < k) {
            found += found < k;
            memmove(order + at + 1, order + at, (found - 1 - at) * sizeof *order);
            order[at] = i;
        }
    }
    return classes;
}

static void write_top(struct call *call, size_t classes, const float *probabilities) {
    struct json_writer *json = &call->stream;
    uint32_t *order = (uint32_t *)call->row_order.data;
    const size_t k = size_min(call->intake->options.top_k, classes);
    call->stream_work += find_top(order, classes, k, probabilities);
    json_write_key(json, "top");
    json_write_begin_array(json);
    for (size_t i = 0; i < k; i++) {
        json_write_begin_object(json);
        write_class(json, &call->model->specification, order[i], probabilities[order[i]]);
        json_write_end_object(json);
    }
    json_write_end_array(json);
}

/* Exclusive classes: the likeliest, and all or the top of them. */
static void write_classification(struct call *call, const float *A) {
    const size_t outputs = call->model->network.outputs;
    const float both[2] = {1.0f - A[0], A[0]};
    const size_t classes = outputs == 1 ? 2 : outputs;
    const float *probabilities = outputs == 1 ? both : A;
    const size_t best = loss_predicted_class(outputs, A);
    struct json_writer *json = &call->stream;
    json_write_begin_object(json);
    write_class(json, &call->model->specification, best, probabilities[best]);
    if (call->intake->options.top_k > 0) {
        write_top(call, classes, probabilities);
    } else {
        json_write_key(json, "probabilities");
        write_floats(json, classes, probabilities);
    }
    json_write_end_object(json);
}

/* Independent yes-or-no outputs: those above one half. */
static void write_multi_label(struct call *call, const float *A) {
    const size_t outputs = call->model->network.outputs;
    struct json_writer *json = &call->stream;
    json_write_begin_object(json);
    json_write_key(json, "probabilities");
    write_floats(json, outputs, A);
    json_write_key(json, "labels");
    json_write_begin_array(json);
    for (size_t i = 0; i < outputs; i++) {
        if (A[i] > 0.5f) {
            write_label(json, &call->model->specification, i);
        }
    }
    json_write_end_array(json);
    json_write_end_object(json);
}

static void write_row(struct call *call, const float *A) {
    const struct network *network = &call->model->network;
    if (is_regression(network)) {
        write_floats(&call->stream, network->outputs, A);
    } else if (network->loss == LOSS_BINARY_CROSSENTROPY && network->outputs > 1) {
        write_multi_label(call, A);
    } else {
        write_classification(call, A);
    }
}

/* Rows until the piece is full; the end of the document after the last. */
static void write_piece(struct call *call) {
    const size_t rows = call->query->examples.rows;
    const size_t outputs = call->model->network.outputs;
    const float *A = (const float *)call->query->outputs.data;
    call->stream_work = 0;
    while (call->stream_row < rows && call->response.body.used < PIECE_BYTES &&
           call->stream_work < PIECE_WORK && call->stream.error.code == ERROR_NONE) {
        call->stream_work += outputs;
        write_row(call, A + call->stream_row++ * outputs);
    }
    if (call->stream_row == rows) {
        json_write_end_array(&call->stream);
        json_write_end_object(&call->stream);
        call->stream_row++; /* the document is whole */
    }
}

static bool next_piece(struct call *call) {
    if (call->stream_row <= call->query->examples.rows) {
        write_piece(call);
    }
    return json_write_finish(&call->stream, NULL) == ERROR_NONE;
}

static void answer_predictions(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    struct error error;
    if (!query_succeeded(call)) {
        return;
    }
    const size_t order_bytes =
        call->intake->options.top_k > 0 ? (call->model->network.outputs + 2) * sizeof(uint32_t) : 0;
    if (buffer_reserve(&call->row_order, order_bytes, &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call->stream = call_json(call);
    json_write_begin_object(&call->stream);
    json_write_key(&call->stream, "model");
    json_write_string(&call->stream, call->model->name);
    json_write_key(&call->stream, "step");
    json_write_unsigned(&call->stream, call->query->step);
    call_write_table(call, &call->stream);
    json_write_key(&call->stream, is_regression(&call->model->network) ? "outputs" : "predictions");
    json_write_begin_array(&call->stream);
    write_piece(call);
    if (call->stream_row <= call->query->examples.rows) {
        call->response.next_piece = next_piece;
    }
    call_answer_json(call, 200, &call->stream);
}

static void resume_step_reached(struct call *call, bool expired) {
    call_stop_waiting(call, expired);
    const uint64_t wanted = call->intake->options.min_step;
    const struct model_figures figures = model_look(call->model);
    if (figures.deleted) {
        struct error error;
        model_gone(call->model, &error);
        call_answer_error(call, &error);
    } else if (expired || figures.step < wanted) {
        /* Also where the step came in the same instant: an expired call waits no more. */
        call_answer_problem(call, 504, "/min_step",
                            "the model is at step %" PRIu64 " after %g seconds; %" PRIu64
                            " is wanted",
                            figures.step, call->wait_seconds, wanted);
    } else {
        answer_query(call, QUERY_PREDICTION, NULL, answer_predictions);
    }
}

static void ask(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    answer_query(call, QUERY_PREDICTION, NULL, answer_predictions);
}

/* Of a version, which is of one step for ever. */
static void ask_version(struct call *call, uint64_t version) {
    if (call->intake->options.min_step > 0) {
        call_answer_problem(call, 422, "/min_step",
                            "min_step together with the query parameter checkpoint, whose step "
                            "is what it is");
    } else {
        version_open(call, version, ask);
    }
}

/* Read your own writes: `min_step` waits as long as `Prefer: wait` says. */
void predictions_post(struct call *call) {
    uint64_t version;
    if (!call_read_integer(call, PARAMETER_CHECKPOINT, &version)) {
        return;
    }
    if (version > 0) {
        ask_version(call, version);
        return;
    }
    const uint64_t wanted = call->intake->options.min_step;
    const uint64_t step = wanted > 0 ? model_look(call->model).step : 0;
    if (wanted > 0 && call->prefers_wait) {
        call_apply_preference(call);
    }
    if (step >= wanted) {
        answer_query(call, QUERY_PREDICTION, NULL, answer_predictions);
    } else if (call->prefers_wait && call->wait_seconds > 0) {
        call_wait_for(call, waiter_create(WAIT_FOR_STEP, wanted, NULL), resume_step_reached,
                      call->wait_seconds);
    } else {
        call_answer_problem(call, 409, "/min_step",
                            "the model is at step %" PRIu64 ", and %" PRIu64
                            " is wanted; with Prefer: wait=SECONDS the answer waits for it",
                            step, wanted);
    }
}
