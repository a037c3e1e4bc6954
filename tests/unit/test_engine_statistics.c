/* core/engine/statistics.h, as engine_statistics and engine_look tell it. */
#include <check.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static uint64_t total_of(const struct histogram_counts *counts) {
    uint64_t total = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        total += counts->buckets[i];
    }
    return total;
}

START_TEST(test_a_new_engine_has_done_nothing) {
    struct engine *engine = fixture_engine(2);
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.acknowledged, 0);
    EXPECT_COUNT(all.trained, 0);
    EXPECT_COUNT(all.predictions, 0);
    EXPECT_COUNT(total_of(&all.batch), 0);
    fixture_end(engine);
}
END_TEST

START_TEST(test_trained_batches_and_their_rows_are_counted_over_all_workers) {
    struct engine *engine = fixture_engine(3);
    struct model *models[] = {fixture_model(engine, "a", "3-2"), fixture_model(engine, "b", "3-2")};
    fixture_train(engine, models[0], 20, 5, 1);
    fixture_train(engine, models[1], 10, 7, 1);
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.acknowledged, 30);
    EXPECT_COUNT(all.trained, 30);
    EXPECT_COUNT(all.examples, 20 * 5 + 10 * 7);
    EXPECT_COUNT(total_of(&all.batch), 30);
    EXPECT_COUNT(total_of(&all.wait), 30);
    ck_assert_uint_gt(all.batch.nanoseconds, 0);
    ck_assert_uint_ge(all.wait.nanoseconds, all.batch.nanoseconds / 2);
    model_release(models[0]);
    model_release(models[1]);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_batch_is_counted_before_its_waiter_is_told) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2");
    for (uint64_t i = 1; i <= 200; i++) {
        (void)fixture_finish(fixture_post(engine, model, 1, i));
        EXPECT_COUNT(engine_statistics(engine).trained, i);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_diverged_batch_is_counted_as_such_and_not_its_rows) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2 mse");
    (void)fixture_finish(fixture_post_scaled(engine, model, 4, 1, 1e38f));
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.diverged, 1);
    EXPECT_COUNT(all.trained, 0);
    EXPECT_COUNT(all.examples, 0);
    EXPECT_COUNT(total_of(&all.batch), 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_changed_settings_are_no_batch) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2");
    (void)fixture_finish(fixture_patch(engine, model, 0.5, -1));
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.acknowledged, 0);
    EXPECT_COUNT(all.trained, 0);
    EXPECT_COUNT(total_of(&all.wait), 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_cancelled_and_dropped_batches_are_counted_apart) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2");
    struct model *held = fixture_model(engine, "held", "3-2");
    struct entry *entries[5];
    struct error error;
    struct gate gate;
    gate_shut(&gate, engine, held);
    for (size_t i = 0; i < 5; i++) {
        entries[i] = fixture_post(engine, model, 1, i);
    }
    EXPECT_COUNT(fixture_cancel(engine, model, 2, 3), 2);
    ck_assert_int_eq(engine_delete_model(engine, model, 0, NULL, NULL, &error), ERROR_NONE);
    gate_open(&gate);
    for (size_t i = 0; i < 5; i++) {
        (void)fixture_finish(entries[i]);
    }
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.acknowledged, 5);
    EXPECT_COUNT(all.cancelled, 2);
    EXPECT_COUNT(all.dropped, 3);
    EXPECT_COUNT(all.trained, 0);
    EXPECT_COUNT(total_of(&all.wait), 0);
    model_release(model);
    model_release(held);
    fixture_end(engine);
}
END_TEST

START_TEST(test_predictions_and_their_rows_are_counted) {
    static const float inputs[3 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", "3-2");
    struct latch latch;
    latch_init(&latch);
    for (unsigned i = 1; i <= 4; i++) {
        struct query *query = fixture_ask(engine, model, 3, inputs, &latch);
        latch_wait(&latch, i);
        query_release(query);
    }
    const struct statistics all = engine_statistics(engine);
    EXPECT_COUNT(all.predictions, 4);
    EXPECT_COUNT(all.prediction_rows, 12);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_worker_at_work_is_busy) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", "3-2");
    struct gate gate;
    AWAIT(engine_look(engine).workers_busy == 0);
    gate_shut(&gate, engine, model);
    AWAIT(engine_look(engine).workers_busy == 1);
    gate_open(&gate);
    AWAIT(engine_look(engine).workers_busy == 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_statistics(void) {
    Suite *suite = suite_create("engine_statistics");
    TCase *tests = tcase_create("statistics");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_new_engine_has_done_nothing);
    tcase_add_test(tests, test_trained_batches_and_their_rows_are_counted_over_all_workers);
    tcase_add_test(tests, test_a_batch_is_counted_before_its_waiter_is_told);
    tcase_add_test(tests, test_a_diverged_batch_is_counted_as_such_and_not_its_rows);
    tcase_add_test(tests, test_changed_settings_are_no_batch);
    tcase_add_test(tests, test_cancelled_and_dropped_batches_are_counted_apart);
    tcase_add_test(tests, test_predictions_and_their_rows_are_counted);
    tcase_add_test(tests, test_a_worker_at_work_is_busy);
    suite_add_tcase(suite, tests);
    return suite;
}
