/* /v1/models/{model}/evaluations: the loss and every metric that fits it. */
#include "api/answer_query.h"
#include "api/handlers.h"
#include "api/version.h"

static void write_number(struct json_writer *json, const char *key, double value) {
    json_write_key(json, key);
    json_write_double(json, value);
}

static void write_class(struct json_writer *json, const struct evaluation *evaluation,
                        const struct specification *specification, size_t c) {
    const struct class_metrics *metrics = &evaluation->per_class[c];
    json_write_begin_object(json);
    json_write_key(json, "class");
    if (specification->class_count > 0) {
        json_write_string(json, specification->classes[c]);
    } else {
        json_write_unsigned(json, c);
    }
    write_number(json, "precision", metrics->precision);
    write_number(json, "recall", metrics->recall);
    write_number(json, "f1", metrics->f1);
    json_write_key(json, "support");
    json_write_unsigned(json, metrics->support);
    json_write_end_object(json);
}

/* --- by pieces --------------------------------------------------------------------
 * With many classes or rows the lists are long: `stream_row` counts through all of them,
 * one list behind the other. */

#define PIECE_BYTES 32768

static void write_class_row(struct call *call, size_t row) {
    write_class(&call->stream, &call->query->evaluation, &call->model->specification, row);
}

static void write_confusion_row(struct call *call, size_t row) {
    const struct evaluation *evaluation = &call->query->evaluation;
    const uint64_t *counts = evaluation->confusion_matrix + row * evaluation->classes;
    json_write_begin_array(&call->stream);
    for (size_t column = 0; column < evaluation->classes; column++) {
        json_write_unsigned(&call->stream, counts[column]);
    }
    json_write_end_array(&call->stream);
}

static void write_loss_row(struct call *call, size_t row) {
    json_write_float(&call->stream, call->query->evaluation.row_losses[row]);
}

static size_t count_classes(const struct evaluation *evaluation) {
    return evaluation->classes;
}

static size_t count_confusion_rows(const struct evaluation *evaluation) {
    return evaluation->confusion_matrix != NULL ? evaluation->classes : 0;
}

static size_t count_losses(const struct evaluation *evaluation) {
    return evaluation->row_losses != NULL ? evaluation->examples : 0;
}

/* A list without rows is left out. */
static const struct {
    const char *key;
    size_t (*count)(const struct evaluation *evaluation);
    void (*write)(struct call *call, size_t row);
} lists[] = {
    {"per_class", count_classes, write_class_row},
    {"confusion_matrix", count_confusion_rows, write_confusion_row},
    {"losses", count_losses, write_loss_row},
};
#define LISTS (sizeof lists / sizeof *lists)

static size_t list_rows(const struct evaluation *evaluation) {
    size_t rows = 0;
    for (size_t i = 0; i < LISTS; i++) {
        rows += lists[i].count(evaluation);
    }
    return rows;
}

static void write_list_row(struct call *call, size_t row) {
    const struct evaluation *evaluation = &call->query->evaluation;
    size_t list = 0;
    while (row >= lists[list].count(evaluation)) {
        row -= lists[list++].count(evaluation);
    }
    if (row == 0) {
        json_write_key(&call->stream, lists[list].key);
        json_write_begin_array(&call->stream);
    }
    lists[list].write(call, row);
    if (row + 1 == lists[list].count(evaluation)) {
        json_write_end_array(&call->stream);
    }
}

/* Rows until the piece is full; the end of the document after the last. */
static void write_piece(struct call *call) {
    const size_t rows = list_rows(&call->query->evaluation);
    while (call->stream_row < rows && call->response.body.used < PIECE_BYTES &&
           call->stream.error.code == ERROR_NONE) {
        write_list_row(call, call->stream_row++);
    }
    if (call->stream_row == rows) {
        json_write_end_object(&call->stream);
        call->stream_row++; /* the document is whole */
    }
}

static bool next_piece(struct call *call) {
    if (call->stream_row <= list_rows(&call->query->evaluation)) {
        write_piece(call);
    }
    return json_write_finish(&call->stream, NULL) == ERROR_NONE;
}

static void write_classification(struct json_writer *json, const struct evaluation *evaluation) {
    write_number(json, "accuracy", evaluation->accuracy);
    if (evaluation->top_k > 0) {
        write_number(json, "top_k_accuracy", evaluation->top_k_accuracy);
    }
    write_number(json, "precision", evaluation->precision);
    write_number(json, "recall", evaluation->recall);
    write_number(json, "f1", evaluation->f1);
    write_number(json, "roc_auc", evaluation->roc_auc);
}

static void answer_evaluation(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    if (!query_succeeded(call)) {
        return;
    }
    const struct evaluation *evaluation = &call->query->evaluation;
    call->stream = call_json(call);
    struct json_writer *json = &call->stream;
    json_write_begin_object(json);
    json_write_key(json, "model");
    json_write_string(json, call->model->name);
    json_write_key(json, "step");
    json_write_unsigned(json, call->query->step);
    write_number(json, "loss", evaluation->loss);
    json_write_key(json, "examples");
    json_write_unsigned(json, evaluation->examples);
    call_write_table(call, json);
    if (evaluation->classes > 0) {
        write_classification(json, evaluation);
    } else {
        write_number(json, "mae", evaluation->mae);
        write_number(json, "rmse", evaluation->rmse);
        write_number(json, "r2", evaluation->r2);
    }
    write_piece(call);
    if (call->stream_row <= list_rows(evaluation)) {
        call->response.next_piece = next_piece;
    }
    call_answer_json(call, 200, json);
}

static void ask(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    const struct evaluation_request request = {
        .top_k = call->intake->options.top_k,
        .confusion_matrix = call->intake->options.confusion_matrix,
        .per_example = call->intake->options.per_example,
    };
    answer_query(call, QUERY_EVALUATION, &request, answer_evaluation);
}

void evaluations_post(struct call *call) {
    uint64_t version;
    if (!call_read_integer(call, PARAMETER_CHECKPOINT, &version)) {
        return;
    }
    if (version > 0) {
        version_open(call, version, ask);
    } else {
        ask(call, false);
    }
}
