/* See intake_body.h. */
#include "tests/fuzz/intake_body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/specification.h"
#include "tests/unit/intake_models.h"

enum { MODELS = 5, PURPOSES = 3 };

static struct specification models[MODELS];
static struct ledger ledger;

static void start(void) {
    static const char *const names[] = {"a", "b", "\xC3\xA9"};
    static bool started;
    if (started) {
        return;
    }
    started = true;
    ledger_init(&ledger, (size_t)1 << 24);
    model_softmax(&models[0], 2, 3, names);
    model_softmax(&models[1], 1, 2, NULL);
    model_sigmoid(&models[2], 2, 1);
    model_sigmoid(&models[3], 1, 2);
    model_regression(&models[4], 3, 1);
}

/* Chunks of their exact size, so that the sanitizer sees a byte too many. */
static enum error_code feed(struct intake *intake, const uint8_t *body, size_t size, size_t step,
                            struct error *error) {
    enum error_code code = ERROR_NONE;
    for (size_t at = 0; at < size && code == ERROR_NONE; at += step) {
        const size_t bytes = step < size - at ? step : size - at;
        char *copy = malloc(bytes);
        memcpy(copy, body + at, bytes);
        code = intake_feed(intake, copy, bytes, error);
        free(copy);
    }
    return code == ERROR_NONE ? intake_end(intake, error) : code;
}

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void require_equal(const struct buffer *a, const struct buffer *b) {
    require(a->used == b->used && (a->used == 0 || memcmp(a->data, b->data, a->used) == 0));
}

static void require_sense(const struct intake *intake, enum error_code code,
                          const struct error *error) {
    if (code != ERROR_NONE) {
        require(code == error->code && error->message[0] != 0);
        require(code == ERROR_SYNTAX || code == ERROR_INVALID || code == ERROR_MEMORY);
        return;
    }
    const struct specification *model = intake->request.specification;
    const struct examples *examples = &intake->examples;
    require(examples->rows > 0);
    require(intake->table.rows == 0 || intake->table.rows == examples->rows);
    require(examples->inputs.used == examples->rows * model->inputs * sizeof(float));
    require(examples->labels.used % (examples->rows * sizeof(int32_t)) == 0);
    const int32_t *labels = (const int32_t *)(const void *)examples->labels.data;
    for (size_t i = 0; i < examples->labels.used / sizeof(int32_t); i++) {
        require(labels[i] >= 0 && (size_t)labels[i] < specification_classes(model));
    }
    const float *inputs = (const float *)(const void *)examples->inputs.data;
    for (size_t i = 0; i < examples->inputs.used / sizeof(float); i++) {
        require(__builtin_isfinite(inputs[i]));
    }
}

enum error_code fuzz_intake(const struct intake_format *format, const uint8_t *data, size_t size) {
    start();
    if (size < 2) {
        return ERROR_NONE;
    }
    struct intake_request request = {.purpose = data[0] / MODELS % PURPOSES,
                                     .specification = &models[data[0] % MODELS],
                                     .ledger = &ledger};
    const uint8_t *body = data + 2;
    const size_t bytes = size - 2, step = (size_t)data[1] % 64 + 1;
    struct error whole_error, cut_error;
    struct intake *whole = intake_create(format, &request);
    const enum error_code code = feed(whole, body, bytes, bytes + 1, &whole_error);
    require_sense(whole, code, &whole_error);
    struct intake *cut = intake_create(format, &request);
    const enum error_code cut_code = feed(cut, body, bytes, step, &cut_error);
    require(code == cut_code);
    require(code == ERROR_NONE || strcmp(whole_error.message, cut_error.message) == 0);
    require(code == ERROR_NONE || strcmp(whole_error.pointer, cut_error.pointer) == 0);
    if (code == ERROR_NONE) {
        require_equal(&whole->examples.inputs, &cut->examples.inputs);
        require_equal(&whole->examples.labels, &cut->examples.labels);
        require_equal(&whole->examples.targets, &cut->examples.targets);
        require_equal(&whole->examples.sample_weights, &cut->examples.sample_weights);
        require(whole->options.top_k == cut->options.top_k);
    }
    intake_destroy(cut);
    request.body_bytes = bytes;
    struct intake *known = intake_create(format, &request);
    /* With its length known a body that lies is found out before it is read. */
    const enum error_code known_code = feed(known, body, bytes, step, &cut_error);
    require(known_code == code || known_code == ERROR_SYNTAX);
    intake_destroy(known);
    intake_destroy(whole);
    require(ledger_reserved(&ledger) == 0);
    return code;
}
