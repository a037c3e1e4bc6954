/* core/engine/local_predictor.h: the asking thread's own answers are a worker's. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/local_predictor.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define IN 5
#define ROWS_MAX 100

static float inputs[ROWS_MAX * IN];

static void make_inputs(void) {
    for (size_t i = 0; i < ROWS_MAX * IN; i++) {
        inputs[i] = sinf((float)i);
    }
}

static struct query *make_query(struct engine *engine, struct model *model, size_t first,
                                size_t rows) {
    struct examples examples;
    struct query *query;
    struct error error;
    examples_init(&examples, engine_ledger(engine));
    examples.rows = rows;
    ck_assert(buffer_append(&examples.inputs, inputs + first * IN, rows * IN * sizeof *inputs,
                            &error) == ERROR_NONE);
    ck_assert(query_create(model, QUERY_PREDICTION, &examples, NULL, &query, &error) == ERROR_NONE);
    return query;
}

static struct query *take(struct engine *engine, struct local_predictor *predictor,
                          struct model *model, size_t first, size_t rows) {
    struct query *query = make_query(engine, model, first, rows);
    ck_assert(local_predictor_take(predictor, query));
    return query;
}

/* Compares with what a worker answers; releases the query. */
static void expect_a_workers_answer(struct engine *engine, struct model *model, struct query *query,
                                    size_t first) {
    struct latch latch;
    latch_init(&latch);
    struct query *worker =
        fixture_ask(engine, model, query->examples.rows, inputs + first * IN, &latch);
    latch_wait(&latch, 1);
    ck_assert(query->answered);
    ck_assert_msg(query->error.code == ERROR_NONE, "%s", query->error.message);
    EXPECT_COUNT(query->step, worker->step);
    EXPECT_BITS(query->examples.rows * model->network.outputs, (const float *)query->outputs.data,
                (const float *)worker->outputs.data);
    query_release(worker);
    query_release(query);
}

START_TEST(test_who_asks_alone_is_answered_at_once) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-7-3");
    struct local_predictor *predictor = local_predictor_create(engine);
    make_inputs();
    fixture_train(engine, model, 2, 5, 1);
    for (size_t turn = 0; turn < 3; turn++) {
        struct query *query = take(engine, predictor, model, turn, 2);
        ck_assert(query->answered);
        EXPECT_COUNT(query->step, 2);
        local_predictor_run(predictor);
        expect_a_workers_answer(engine, model, query, turn);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

/* The first of the first turn alone, the others together, of two models by turns, in
 * groups that are no whole blocks. */
START_TEST(test_what_gathers_in_a_turn_is_answered_at_its_end_as_by_workers) {
    struct engine *engine = fixture_engine(1);
    struct model *models[] = {fixture_model(engine, "a", "5-7-3 standardize"),
                              fixture_model(engine, "b", "5-70-30-2 normalized mse")};
    struct local_predictor *predictor = local_predictor_create(engine);
    struct query *queries[20];
    make_inputs();
    fixture_train(engine, models[0], 3, 5, 1);
    fixture_train(engine, models[1], 4, 5, 1);
    for (size_t turn = 0; turn < 3; turn++) {
        for (size_t q = 0; q < 20; q++) {
            queries[q] = take(engine, predictor, models[q % 2], q, 1 + q % 4);
            ck_assert(queries[q]->answered == (turn == 0 && q == 0));
        }
        local_predictor_run(predictor);
        for (size_t q = 0; q < 20; q++) {
            expect_a_workers_answer(engine, models[q % 2], queries[q], q);
        }
    }
    model_release(models[0]);
    model_release(models[1]);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_crowd_is_answered_before_the_turn_ends) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-7-3");
    struct local_predictor *predictor = local_predictor_create(engine);
    struct query *queries[ROWS_MAX];
    size_t answered = 0;
    make_inputs();
    for (size_t q = 0; q < ROWS_MAX; q++) {
        queries[q] = take(engine, predictor, model, q, 1);
    }
    for (size_t q = 0; q < ROWS_MAX; q++) {
        answered += queries[q]->answered;
    }
    ck_assert(answered > 1 && answered < ROWS_MAX);
    local_predictor_run(predictor);
    for (size_t q = 0; q < ROWS_MAX; q++) {
        expect_a_workers_answer(engine, model, queries[q], q);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_large_questions_are_left_to_workers) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-700-700-2");
    struct local_predictor *predictor = local_predictor_create(engine);
    make_inputs();
    struct query *small = take(engine, predictor, model, 0, 1);
    struct query *large = make_query(engine, model, 0, ROWS_MAX);
    ck_assert(!local_predictor_take(predictor, large));
    expect_a_workers_answer(engine, model, small, 0);
    query_release(large);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_row_that_overflows_is_named_and_its_company_is_answered) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-64-2 mse");
    struct local_predictor *predictor = local_predictor_create(engine);
    make_inputs();
    struct query *first = take(engine, predictor, model, 0, 1);
    for (size_t i = 0; i < IN; i++) {
        inputs[3 * IN + i] = 3e38f;
    }
    struct query *beyond = take(engine, predictor, model, 2, 2);
    struct query *company = take(engine, predictor, model, 5, 1);
    local_predictor_run(predictor);
    ck_assert(beyond->answered && beyond->error.code == ERROR_INVALID);
    EXPECT_TEXT(beyond->error.pointer, "/inputs/1");
    expect_a_workers_answer(engine, model, first, 0);
    expect_a_workers_answer(engine, model, company, 5);
    query_release(beyond);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_questions_to_a_deleted_model_are_answered_gone) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-2");
    struct local_predictor *predictor = local_predictor_create(engine);
    struct error error;
    make_inputs();
    struct query *before = take(engine, predictor, model, 0, 1);
    struct query *queries[] = {take(engine, predictor, model, 1, 1),
                               take(engine, predictor, model, 2, 1)};
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    local_predictor_run(predictor);
    ck_assert(before->error.code == ERROR_NONE);
    query_release(before);
    for (size_t q = 0; q < 2; q++) {
        ck_assert(queries[q]->answered && queries[q]->error.code == ERROR_GONE);
        query_release(queries[q]);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_nothing_is_taken_without_memory_or_from_a_closed_engine) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-2");
    struct local_predictor *predictor = local_predictor_create(engine);
    make_inputs();
    struct query *query = make_query(engine, model, 0, 1);
    const size_t reserved = ledger_reserved(engine_ledger(engine));
    memory_fail_after(0);
    ck_assert(!local_predictor_take(predictor, query));
    memory_fail_after(-1);
    EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), reserved);
    engine_close(engine);
    ck_assert(!local_predictor_take(predictor, query));
    query_release(query);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_answers_are_counted_and_what_nobody_waits_for_is_freed) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "5-2");
    struct local_predictor *predictors[] = {local_predictor_create(engine),
                                            local_predictor_create(engine)};
    make_inputs();
    for (size_t i = 0; i < 2; i++) {
        query_release(take(engine, predictors[i], model, 0, 3));
        query_release(take(engine, predictors[i], model, 0, 2)); /* gathers, and stays */
    }
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.predictions, 2);
    EXPECT_COUNT(all.prediction_rows, 6);
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_local_predictor(void) {
    Suite *suite = suite_create("engine_local_predictor");
    TCase *tests = tcase_create("answers");
    tcase_add_test(tests, test_who_asks_alone_is_answered_at_once);
    tcase_add_test(tests, test_what_gathers_in_a_turn_is_answered_at_its_end_as_by_workers);
    tcase_add_test(tests, test_a_crowd_is_answered_before_the_turn_ends);
    tcase_add_test(tests, test_large_questions_are_left_to_workers);
    tcase_add_test(tests, test_a_row_that_overflows_is_named_and_its_company_is_answered);
    tcase_add_test(tests, test_questions_to_a_deleted_model_are_answered_gone);
    tcase_add_test(tests, test_nothing_is_taken_without_memory_or_from_a_closed_engine);
    tcase_add_test(tests, test_answers_are_counted_and_what_nobody_waits_for_is_freed);
    suite_add_tcase(suite, tests);
    return suite;
}
