/* core/engine/predictor.h: an answer depends on the row and the step only, to the bit. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define ROWS 1000

/* Ask for all rows in groups of so many, all groups at the same time. */
static void predict_grouped(struct engine *engine, struct model *model, const float *inputs,
                            size_t group, float *outputs) {
    const size_t in = model->network.inputs, out = model->network.outputs;
    static struct query *queries[ROWS];
    struct latch latch;
    unsigned count = 0;
    latch_init(&latch);
    for (size_t r = 0; r < ROWS; r += group) {
        const size_t rows = r + group < ROWS ? group : ROWS - r;
        queries[count++] = fixture_ask(engine, model, rows, inputs + r * in, &latch);
    }
    latch_wait(&latch, count);
    for (size_t q = 0; q < count; q++) {
        ck_assert_msg(queries[q]->error.code == ERROR_NONE, "%s", queries[q]->error.message);
        memcpy(outputs + q * group * out, queries[q]->outputs.data, queries[q]->outputs.used);
        query_release(queries[q]);
    }
}

/* One at a time, each answered before the next is asked. */
static void predict_singly(struct engine *engine, struct model *model, const float *inputs,
                           float *outputs) {
    const size_t in = model->network.inputs, out = model->network.outputs;
    for (size_t r = 0; r < ROWS; r++) {
        struct latch latch;
        latch_init(&latch);
        struct query *query = fixture_ask(engine, model, 1, inputs + r * in, &latch);
        latch_wait(&latch, 1);
        memcpy(outputs + r * out, query->outputs.data, out * sizeof(float));
        query_release(query);
    }
}

static void expect_rows(const struct model *model, size_t group, const char *load,
                        const float *found, const float *wanted) {
    const size_t out = model->network.outputs;
    for (size_t i = 0; i < ROWS * out; i++) {
        ck_assert_msg(memcmp(found + i, wanted + i, sizeof *found) == 0,
                      "%s, groups of %zu, %s: row %zu output %zu: found %a, wanted %a", model->name,
                      group, load, i / out, i % out, (double)found[i], (double)wanted[i]);
    }
}

/* Another model that trains on every worker for as long as it is wanted. */
static struct entry *post_load(struct engine *engine, struct model *load, size_t batches) {
    struct entry *last = NULL;
    for (size_t b = 0; b < batches; b++) {
        if (last != NULL) {
            entry_release(last);
        }
        last = fixture_post(engine, load, FIXTURE_IS_SLOW ? 32 : 256, b);
    }
    return last;
}

static const size_t groups[] = {7, 1, ROWS, 64, 65, 333};
#define GROUPS (sizeof groups / sizeof *groups)

static void compare_groupings(const char *name, const char *description) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, name, description);
    struct model *load = fixture_model(engine, "load", "200-300-300-10");
    struct examples rows;
    examples_init(&rows, NULL);
    fixture_fill(&rows, model, ROWS, 7);
    const float *inputs = (const float *)rows.inputs.data;
    const size_t floats = ROWS * model->network.outputs;
    float *wanted = memory_allocate(floats, sizeof *wanted);
    float *found = memory_allocate(floats, sizeof *found);
    fixture_train(engine, model, 3, 32, 1);
    predict_singly(engine, model, inputs, wanted);
    for (size_t g = 0; g < GROUPS; g++) {
        predict_grouped(engine, model, inputs, groups[g], found);
        expect_rows(model, groups[g], "idle", found, wanted);
    }
    for (size_t g = 0; g < GROUPS; g++) {
        struct entry *last = post_load(engine, load, 4);
        predict_grouped(engine, model, inputs, groups[g], found);
        (void)fixture_finish(last);
        expect_rows(model, groups[g], "beside training", found, wanted);
    }
    if (getenv("ENGINE_BITS") != NULL) {
        uint64_t hash = 0xCBF29CE484222325u;
        for (size_t i = 0; i < floats * sizeof *wanted; i++) {
            hash = (hash ^ ((const unsigned char *)wanted)[i]) * 0x100000001B3u;
        }
        printf("predictions %-24s block of %zu, %d rows × %zu groupings (1 by 1, 7, 1, 1000, 64, "
               "65, 333; idle and loaded): %016" PRIx64 "\n",
               description, model->network.block_rows, ROWS, 1 + 2 * GROUPS, hash);
    }
    memory_free(wanted);
    memory_free(found);
    examples_free(&rows);
    model_release(model);
    model_release(load);
    fixture_end(engine);
}

START_TEST(test_rows_have_the_same_bits_in_any_company_in_a_small_network) {
    compare_groupings("small", "16-32-3");
}
END_TEST

START_TEST(test_rows_have_the_same_bits_in_any_company_in_odd_shapes) {
    compare_groupings("odd", "13-37-11-5");
    compare_groupings("one", "5-1 mse");
    compare_groupings("standardised", "31-17-2 mse standardize");
}
END_TEST

START_TEST(test_rows_have_the_same_bits_in_any_company_in_a_larger_network) {
    compare_groupings("larger", FIXTURE_IS_SLOW ? "100-64-10" : "784-256-128-10");
}
END_TEST

START_TEST(test_prompt_and_long_queries_are_both_compared) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "784-256-128-10");
    struct examples rows;
    examples_init(&rows, NULL);
    fixture_fill(&rows, model, ROWS, 7);
    const float *inputs = (const float *)rows.inputs.data;
    for (size_t g = 0; g < GROUPS; g++) {
        struct latch latch;
        latch_init(&latch);
        struct query *query = fixture_ask(engine, model, groups[g], inputs, &latch);
        latch_wait(&latch, 1);
        ck_assert_msg(query->prompt == (groups[g] < 100), "%zu rows", groups[g]);
        query_release(query);
    }
    examples_free(&rows);
    model_release(model);
    fixture_end(engine);
}
END_TEST

#define STEPS (FIXTURE_IS_SLOW ? 8 : 40)
#define STEPS_MAX 40
#define ASKED 400

START_TEST(test_an_answer_is_that_of_the_step_it_names_whatever_is_trained_meanwhile) {
    static const char *const description = "64-200-150-6 dropout=0.2";
    struct engine *engine = fixture_engine(3);
    struct model *model = fixture_model(engine, "m", description);
    struct model *twin = fixture_model(engine, "twin", description);
    struct examples rows;
    struct query *queries[ASKED];
    float wanted[STEPS_MAX + 1][6];
    struct latch latch;
    examples_init(&rows, NULL);
    fixture_fill(&rows, model, 1, 7);
    const float *inputs = (const float *)rows.inputs.data;
    for (uint64_t step = 0; step <= STEPS; step++) {
        latch_init(&latch);
        struct query *query = fixture_ask(engine, twin, 1, inputs, &latch);
        latch_wait(&latch, 1);
        EXPECT_COUNT(query->step, step);
        memcpy(wanted[step], query->outputs.data, sizeof wanted[step]);
        query_release(query);
        if (step < STEPS) {
            fixture_train(engine, twin, 1, 120, step);
        }
    }
    struct entry *last = NULL;
    for (uint64_t step = 0; step < STEPS; step++) {
        if (last != NULL) {
            entry_release(last);
        }
        last = fixture_post(engine, model, 120, step);
    }
    latch_init(&latch);
    uint64_t floors[ASKED], floor = 0; /* what was answered before a query was asked */
    for (unsigned q = 0; q < ASKED; q++) {
        floors[q] = floor;
        queries[q] = fixture_ask(engine, model, 1, inputs, &latch);
        if (q % 3 == 0) { /* now one, now several at once */
            latch_wait(&latch, q + 1);
            floor = queries[q]->step;
        }
    }
    ck_assert(fixture_finish(last).step == STEPS);
    latch_wait(&latch, ASKED);
    for (size_t q = 0; q < ASKED; q++) {
        const uint64_t step = queries[q]->step;
        ck_assert_msg(step >= floors[q], "step %" PRIu64 " after %" PRIu64, step, floors[q]);
        ck_assert_msg(memcmp(queries[q]->outputs.data, wanted[step], sizeof wanted[step]) == 0,
                      "not the bits of step %" PRIu64, step);
        query_release(queries[q]);
    }
    examples_free(&rows);
    model_release(model);
    model_release(twin);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_row_that_overflows_is_named_and_its_company_is_answered) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2 mse");
    struct gate gate;
    struct latch latch;
    static const float good[3] = {1, 2, 3};
    static const float bad[9] = {1, 1, 1, 2, 2, 2, 3e38f, 3e38f, -3e38f};
    latch_init(&latch);
    gate_shut(&gate, engine, model);
    struct query *queries[] = {fixture_ask(engine, model, 1, good, &latch),
                               fixture_ask(engine, model, 3, bad, &latch),
                               fixture_ask(engine, model, 1, good, &latch)};
    gate_open(&gate);
    latch_wait(&latch, 3);
    ck_assert(queries[0]->error.code == ERROR_NONE && queries[2]->error.code == ERROR_NONE);
    EXPECT_BITS(2, (const float *)queries[0]->outputs.data,
                (const float *)queries[2]->outputs.data);
    ck_assert(queries[1]->error.code == ERROR_INVALID);
    EXPECT_TEXT(queries[1]->error.pointer, "/inputs/2");
    for (size_t q = 0; q < 3; q++) {
        query_release(queries[q]);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_queries_of_a_deleted_model_are_answered_gone) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2 mse");
    struct model *other = fixture_model(engine, "other", "3-2 mse");
    static const float row[3] = {1, 2, 3};
    struct gate gate;
    struct latch latch;
    struct query *queries[3], *late;
    struct error error;
    latch_init(&latch);
    gate_shut(&gate, engine, other);
    queries[0] = fixture_ask(engine, model, 1, row, &latch);
    queries[1] = fixture_ask(engine, model, 1, row, &latch);
    ck_assert(query_create(model, QUERY_WEIGHTS_HASH, NULL, NULL, &queries[2], &error) ==
              ERROR_NONE);
    ck_assert(engine_ask(engine, queries[2], &latch.completion, &error) == ERROR_NONE);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    EXPECT_COUNT(latch_calls(&latch), 3);
    for (size_t q = 0; q < 3; q++) {
        ck_assert(queries[q]->error.code == ERROR_GONE);
        query_release(queries[q]);
    }
    ck_assert(query_create(model, QUERY_WEIGHTS_HASH, NULL, NULL, &late, &error) == ERROR_NONE);
    ck_assert(engine_ask(engine, late, &latch.completion, &error) == ERROR_GONE);
    query_release(late);
    EXPECT_COUNT(latch_calls(&latch), 3);
    gate_open(&gate);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

/* Between two pieces of a long query its worker lets the short ones of others in: the
 * gate holds it there. */
START_TEST(test_a_query_in_its_turn_is_answered_though_its_model_is_deleted) {
    struct engine *engine = fixture_engine(1);
    struct model *other = fixture_model(engine, "other", "3-2 mse");
    bool caught = false;
    for (int try = 0; try < 50 && !caught; try++) {
        struct model *model = fixture_model(engine, "m", "2000-1000-2");
        struct query *query;
        struct latch latch;
        struct gate gate;
        struct error error;
        bool in_its_turn = false;
        latch_init(&latch);
        ck_assert(query_create(model, QUERY_WEIGHTS_HASH, NULL, NULL, &query, &error) ==
                  ERROR_NONE);
        ck_assert(engine_ask(engine, query, &latch.completion, &error) == ERROR_NONE);
        while (!in_its_turn) {
            pthread_mutex_lock(&model->lock);
            in_its_turn = model->long_queries.first == NULL;
            pthread_mutex_unlock(&model->lock);
        }
        gate_shut(&gate, engine, other);
        caught = latch_calls(&latch) == 0;
        ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
        gate_open(&gate);
        latch_wait(&latch, 1);
        ck_assert(query->error.code == ERROR_NONE);
        ck_assert(strlen(query->weights_hash) == WEIGHTS_HASH_DIGITS);
        query_release(query);
        model_release(model);
    }
    ck_assert_msg(caught, "no query was held in its turn");
    model_release(other);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_predictor(void) {
    Suite *suite = suite_create("engine_predictor");
    TCase *tests = tcase_create("predictor");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_rows_have_the_same_bits_in_any_company_in_a_small_network);
    tcase_add_test(tests, test_rows_have_the_same_bits_in_any_company_in_odd_shapes);
    tcase_add_test(tests, test_rows_have_the_same_bits_in_any_company_in_a_larger_network);
    tcase_add_test(tests, test_prompt_and_long_queries_are_both_compared);
    tcase_add_test(tests,
                   test_an_answer_is_that_of_the_step_it_names_whatever_is_trained_meanwhile);
    tcase_add_test(tests, test_a_row_that_overflows_is_named_and_its_company_is_answered);
    tcase_add_test(tests, test_queries_of_a_deleted_model_are_answered_gone);
    tcase_add_test(tests, test_a_query_in_its_turn_is_answered_though_its_model_is_deleted);
    suite_add_tcase(suite, tests);
    return suite;
}
