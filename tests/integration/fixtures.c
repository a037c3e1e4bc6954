/* What the suites share; see suites.h. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define TEST_SECONDS_MAX 240.0 /* for a machine that is busy, and sanitizers */

static void start_shared(void) {
    daemon_start(NULL, NULL);
}

static void stop_shared(void) {
    answers_free();
    daemon_stop();
}

static void begin_shared_test(void) {
    daemon_begin_test();
    const struct answer *all = want_status(get("/v1/models?limit=1000"), 200);
    for (size_t i = 0; i < json_array_size(json_at(all, "/data")); i++) {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/data/%zu/name", i);
        want_status(delete ("/v1/models/%s", text_at(all, pointer)), 204);
    }
}

TCase *shared_case(Suite *suite, const char *name) {
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, start_shared, stop_shared);
    tcase_add_checked_fixture(tests, begin_shared_test, answers_free);
    tcase_set_timeout(tests, TEST_SECONDS_MAX);
    suite_add_tcase(suite, tests);
    return tests;
}

TCase *lone_case(Suite *suite, const char *name) {
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, daemon_begin_test, answers_free);
    tcase_set_timeout(tests, TEST_SECONDS_MAX);
    suite_add_tcase(suite, tests);
    return tests;
}

/* ---- slow work ---- */

#define SLOW_INPUTS 16
#define SLOW_ROWS_FIRST 16
#define SLOW_ROWS_MAX 100000

static size_t slow_rows; /* 0: not measured yet */

static const struct answer *post_rows(size_t rows, const char *headers) {
    char shape[48], labels_shape[48];
    uint8_t *inputs = calloc(rows, SLOW_INPUTS), *labels = malloc(rows);
    snprintf(shape, sizeof shape, "[%zu, %d]", rows, SLOW_INPUTS);
    snprintf(labels_shape, sizeof labels_shape, "[%zu]", rows);
    for (size_t i = 0; i < rows * SLOW_INPUTS; i++) {
        inputs[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (size_t i = 0; i < rows; i++) {
        labels[i] = inputs[i * SLOW_INPUTS] & 1;
    }
    const struct tensor tensors[] = {
        {"inputs", "U8", shape, inputs, rows * SLOW_INPUTS},
        {"labels", "U8", labels_shape, labels, rows},
    };
    const struct answer *answer =
        post_tensors("/v1/models/slow/batches?scale=0.00390625", headers, tensors, 2, NULL);
    free(inputs);
    free(labels);
    return answer;
}

/* The fastest of some, so that what is slow stays slow when a busy machine gets quieter. */
static double measure(size_t rows) {
    double seconds = INFINITY;
    for (int i = 0; i < 3; i++) {
        const struct answer *answer = want_status(post_rows(rows, "Prefer: wait=60"), 200);
        want_json(answer, "/state", "'trained'");
        seconds = fmin(seconds, answer->seconds);
    }
    return seconds;
}

void slow_create(void) {
    create("{'name': 'slow', 'inputs': 16, 'layers': [1024, 1024, 2], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 0.001}}");
    if (slow_rows > 0) {
        return;
    }
    size_t rows = SLOW_ROWS_FIRST;
    double seconds = measure(rows);
    while (seconds < SLOW_SECONDS / 8 && rows < SLOW_ROWS_MAX) {
        rows *= 4;
        seconds = measure(rows);
    }
    slow_rows = (size_t)fmax(1, (double)rows * SLOW_SECONDS / seconds);
    slow_rows = slow_rows < SLOW_ROWS_MAX ? slow_rows : SLOW_ROWS_MAX;
    want_status(delete ("/v1/models/slow"), 204);
    slow_create(); /* without what was measured with */
}

const struct answer *slow_post(const char *headers) {
    return post_rows(slow_rows, headers);
}

/* ---- what is refused ---- */

static char *before;

static char *state_of_model(void) {
    return strdup(want_status(get("/v1/models/m?weights_sha256=true"), 200)->body);
}

void note_model(void) {
    before = state_of_model();
}

void begin_with_model(void) {
    create("{'name': 'm', 'inputs': 2, 'layers': [3, 2], 'classes': ['no', 'yes']}");
    want_status(train("/v1/models/m/batches", "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"),
                200);
    note_model();
}

void want_model_as_it_was(void) {
    char *after = state_of_model();
    want_equal_text(after, before);
    want_json(want_status(get("/v1/models/m/loss"), 200), "/next", "1");
    free(after);
    free(before);
}

/* ---- models that can be calculated by hand ---- */

static void train_once(const char *name, const char *body) {
    char path[128];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    want_json(want_status(train(path, "%s", body), 200), "/state", "'trained'");
}

/* From w = b = 0 one step of rate ½ down (out − a)² at x = 1: w = b = a. */
void create_line(const char *name, double a) {
    char body[128];
    create("{'name': '%s', 'inputs': 1, "
           "'layers': [{'units': 1, 'activation': 'identity', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 0.5}}",
           name);
    snprintf(body, sizeof body, "{'inputs': [[1]], 'targets': [[%.9g]]}", a);
    train_once(name, body);
}

/* From zeros one step of rate 1 at x = 1, class 1: dZ = (½, −½), so the logits become
 * ∓½·x ∓ ½ and differ by x + 1. */
void create_pair(const char *name) {
    create("{'name': '%s', 'inputs': 1, "
           "'layers': [{'units': 2, 'activation': 'softmax', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 1}}",
           name);
    train_once(name, "{'inputs': [[1]], 'labels': [1]}");
}

/* From zeros one step of rate 9 at the three unit rows, each of its own class:
 * dW = (1/3 − δ)/3, so W = 3·δ − 1 and b = 0. */
void create_three(const char *name, const char *classes) {
    create("{'name': '%s', 'inputs': 3, "
           "'layers': [{'units': 3, 'activation': 'softmax', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 9}, 'classes': %s}",
           name, classes);
    train_once(name, "{'inputs': [[1, 0, 0], [0, 1, 0], [0, 0, 1]], 'labels': [0, 1, 2]}");
}
