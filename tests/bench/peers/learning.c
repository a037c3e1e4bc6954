/* See learning.h. */
#include "tests/bench/peers/learning.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/daemon.h"

#define ROWS 512
#define BATCH 32
#define REQUESTS 150
#define ASKED_ROWS 64
#define LOSS_SHARE 0.25f
#define RIGHT_MIN 58
#define ANSWER_BYTES 32768

static const struct shape net = {.inputs = 8, .layers = {32, 4}, .batch = BATCH};

struct rows {
    float inputs[ROWS][8];
    int32_t labels[ROWS];
};

/* The label says in which quarter of the square the first two inputs are. */
static void rows_make(struct rows *rows) {
    uint32_t state = 1;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < net.inputs; j++) {
            state = state * 1664525u + 1013904223u;
            rows->inputs[i][j] = (float)(state >> 8) / (float)(1 << 24);
        }
        rows->labels[i] = 2 * (rows->inputs[i][0] > 0.5f) + (rows->inputs[i][1] > 0.5f);
    }
}

static struct body body_of(char *bytes, size_t size, const char *media_type) {
    return (struct body){bytes, size, ROWS * net.inputs, media_type, ""};
}

static struct body make_json(const struct rows *rows, size_t count, bool labelled) {
    json_t *inputs = json_array(), *labels = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < net.inputs; j++) {
            json_array_append_new(row, json_real((double)rows->inputs[i][j]));
        }
        json_array_append_new(inputs, row);
        json_array_append_new(labels, json_integer(rows->labels[i]));
    }
    json_t *document = json_pack("{s:o}", "inputs", inputs);
    if (labelled) {
        json_object_set(document, "labels", labels);
    }
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(labels);
    json_decref(document);
    return body_of(text, strlen(text), "application/json");
}

static struct body make_f32(const struct rows *rows) {
    char header[256];
    const size_t inputs = sizeof rows->inputs, labels = sizeof rows->labels;
    const uint64_t length = (uint64_t)snprintf(
        header, sizeof header,
        "{\"inputs\":{\"dtype\":\"F32\",\"shape\":[%d,%zu],\"data_offsets\":[0,%zu]},"
        "\"labels\":{\"dtype\":\"I32\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}}",
        ROWS, net.inputs, inputs, ROWS, inputs, inputs + labels);
    const size_t size = sizeof length + length + inputs + labels;
    char *bytes = malloc(size);
    if (bytes == NULL) {
        abort();
    }
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, header, length);
    memcpy(bytes + sizeof length + length, rows->inputs, inputs);
    memcpy(bytes + sizeof length + length + inputs, rows->labels, labels);
    return body_of(bytes, size, "application/vnd.safetensors");
}

_Noreturn static void fail(const char *name, const char *what, double found, double wanted) {
    fprintf(stderr, "bench: %s does not learn: %s %g, wanted %g\n", name, what, found, wanted);
    exit(EXIT_FAILURE);
}

static json_t *ask(const char *name, unsigned port, const struct load_request *request) {
    static char answer[ANSWER_BYTES];
    const int status = load_ask(port, request, answer, sizeof answer);
    json_t *document = json_loads(answer, 0, NULL);
    if (status != 200 || document == NULL) {
        fprintf(stderr, "bench: %s answered %d: %s\n", name, status, answer);
        exit(EXIT_FAILURE);
    }
    return document;
}

static double train(const char *name, unsigned port, const struct load_request *request) {
    json_t *document = ask(name, port, request);
    const double loss = json_number_value(json_object_get(document, "loss"));
    json_decref(document);
    return loss;
}

static size_t largest(const json_t *numbers) {
    size_t best = 0;
    for (size_t i = 1; i < json_array_size(numbers); i++) {
        if (json_number_value(json_array_get(numbers, i)) >
            json_number_value(json_array_get(numbers, best))) {
            best = i;
        }
    }
    return best;
}

static size_t count_right(const char *name, unsigned port, const struct rows *rows) {
    struct body body = make_json(rows, ASKED_ROWS, false);
    struct load_request request = daemon_request("learner", "predictions", &body, 0);
    json_t *document = ask(name, port, &request);
    const json_t *predictions = json_object_get(document, "predictions");
    size_t right = 0;
    for (size_t i = 0; i < json_array_size(predictions); i++) {
        const json_t *probabilities =
            json_object_get(json_array_get(predictions, i), "probabilities");
        right += largest(probabilities) == (size_t)rows->labels[i];
    }
    json_decref(document);
    load_release(&request);
    body_free(&body);
    return right;
}

void learning_check(const char *name, unsigned port) {
    static struct rows rows;
    rows_make(&rows);
    struct body bodies[] = {make_json(&rows, ROWS, true), make_f32(&rows)};
    struct load_request requests[] = {daemon_request("learner", "batches", &bodies[0], BATCH),
                                      daemon_request("learner", "batches", &bodies[1], BATCH)};
    daemon_create_model(port, &net, OPTIMIZER_ADAM, "learner");
    const double first = train(name, port, &requests[0]);
    double last = first;
    for (size_t i = 1; i < REQUESTS; i++) {
        last = train(name, port, &requests[i % 2]);
    }
    if (!(last < (double)LOSS_SHARE * first)) {
        fail(name, "the loss is", last, (double)LOSS_SHARE * first);
    }
    const size_t right = count_right(name, port, &rows);
    if (right < RIGHT_MIN) {
        fail(name, "of 64 rows right are", (double)right, RIGHT_MIN);
    }
    daemon_delete_model(port, "learner");
    for (size_t i = 0; i < 2; i++) {
        load_release(&requests[i]);
        body_free(&bodies[i]);
    }
}
