/* See intake_case.h. */
#include "tests/unit/intake_case.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

#define PIECE_BYTES 149
#define SPLIT_BYTES_MAX 600 /* a body up to this is cut at every place */

static struct ledger ledger;
static struct outcome last;

/* Chunks are copies of their exact size, so that a sanitizer sees a byte too
 * many; `first` bytes, then chunks of `step`. */
static enum error_code feed(struct intake *intake, const char *body, size_t size, size_t first,
                            size_t step, struct error *error) {
    enum error_code code = ERROR_NONE;
    size_t at = 0;
    size_t chunk = first;
    while (at < size && code == ERROR_NONE) {
        chunk = chunk < size - at ? chunk : size - at;
        char *copy = malloc(chunk > 0 ? chunk : 1);
        memcpy(copy, body + at, chunk);
        code = intake_feed(intake, copy, chunk, error);
        free(copy);
        at += chunk;
        chunk = step;
    }
    return code == ERROR_NONE ? intake_end(intake, error) : code;
}

static struct outcome run(const struct intake_case *c, const char *body, size_t size, size_t first,
                          size_t step, size_t body_bytes) {
    struct outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    const struct intake_request request = {.purpose = c->purpose,
                                           .specification = c->model,
                                           .ledger = &ledger,
                                           .scaling = c->scaling,
                                           .body_bytes = body_bytes};
    struct intake *intake = intake_create(c->format, &request);
    ck_assert_ptr_nonnull(intake);
    outcome.code = feed(intake, body, size, first, step, &outcome.error);
    outcome.options = intake->options;
    examples_init(&outcome.examples, &ledger);
    if (outcome.code == ERROR_NONE) {
        examples_move(&outcome.examples, &intake->examples);
    } else {
        ck_assert_int_eq(outcome.error.code, outcome.code);
    }
    intake_destroy(intake);
    return outcome;
}

static void expect_equal_buffers(const struct buffer *found, const struct buffer *wanted) {
    ck_assert_uint_eq(found->used, wanted->used);
    ck_assert(found->used == 0 || memcmp(found->data, wanted->data, found->used) == 0);
}

static void expect_equal(struct outcome *found, const struct outcome *wanted, bool messages) {
    ck_assert_msg(found->code == wanted->code, "%d '%s'; in one piece it was %d '%s'", found->code,
                  found->error.message, wanted->code, wanted->error.message);
    ck_assert_str_eq(found->error.pointer, wanted->error.pointer);
    if (messages) {
        ck_assert_str_eq(found->error.message, wanted->error.message);
    }
    ck_assert_uint_eq(found->options.top_k, wanted->options.top_k);
    ck_assert_uint_eq(found->examples.rows, wanted->examples.rows);
    expect_equal_buffers(&found->examples.inputs, &wanted->examples.inputs);
    expect_equal_buffers(&found->examples.labels, &wanted->examples.labels);
    expect_equal_buffers(&found->examples.targets, &wanted->examples.targets);
    expect_equal_buffers(&found->examples.sample_weights, &wanted->examples.sample_weights);
    examples_free(&found->examples);
}

const struct outcome *outcome_of(const struct intake_case *c, const char *body, size_t size) {
    if (ledger.limit_bytes == 0) {
        ledger_init(&ledger, (size_t)1 << 30);
    }
    examples_free(&last.examples);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
    last = run(c, body, size, size, 1, 0);
    struct outcome other = run(c, body, size, 1, 1, 0);
    expect_equal(&other, &last, true);
    other = run(c, body, size, PIECE_BYTES / 2, PIECE_BYTES, 0);
    expect_equal(&other, &last, true);
    other = run(c, body, size, size, 1, size);
    expect_equal(&other, &last, false);
    for (size_t cut = 1; cut < size && size <= SPLIT_BYTES_MAX; cut++) {
        other = run(c, body, size, cut, size, 0);
        expect_equal(&other, &last, true);
    }
    return &last;
}

const struct outcome *expect_taken(const struct intake_case *c, const char *body, size_t size) {
    const struct outcome *outcome = outcome_of(c, body, size);
    ck_assert_msg(outcome->code == ERROR_NONE, "refused (%d, '%s', '%s'): %.200s", outcome->code,
                  outcome->error.pointer, outcome->error.message, body);
    return outcome;
}

void expect_refused(const struct intake_case *c, const char *body, size_t size,
                    enum error_code code, const char *pointer, const char *words) {
    const struct outcome *outcome = outcome_of(c, body, size);
    ck_assert_msg(outcome->code == code, "code %d '%s', wanted %d: %.200s", outcome->code,
                  outcome->error.message, code, body);
    ck_assert_msg(strcmp(outcome->error.pointer, pointer) == 0, "'%s' at '%s', wanted at '%s'",
                  outcome->error.message, outcome->error.pointer, pointer);
    ck_assert_msg(strstr(outcome->error.message, words) != NULL, "'%s', wanted '%s' in it",
                  outcome->error.message, words);
}

void expect_clean_without_memory(const struct intake_case *c, const char *body, size_t size) {
    (void)expect_taken(c, body, size);
    examples_free(&last.examples);
    bool whole = false;
    for (long n = 0; !whole; n++) {
        ck_assert_int_lt(n, 10000);
        const struct intake_request request = {.purpose = c->purpose,
                                               .specification = c->model,
                                               .ledger = &ledger,
                                               .scaling = c->scaling};
        struct error error = {ERROR_NONE, "", ""};
        memory_fail_after(n);
        struct intake *intake = intake_create(c->format, &request);
        const enum error_code code =
            intake != NULL ? feed(intake, body, size, 1, 7, &error) : ERROR_MEMORY;
        memory_fail_after(-1);
        ck_assert_msg(code == ERROR_NONE || code == ERROR_MEMORY, "allocation %ld: %d '%s'", n,
                      code, error.message);
        intake_destroy(intake);
        ck_assert_uint_eq(ledger_reserved(&ledger), 0);
        whole = code == ERROR_NONE;
    }
}
