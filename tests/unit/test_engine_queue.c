/* core/engine/queue.h: places, numbers, bounds, cancelling, what is remembered. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* One worker, which a gate at another model can hold. */
struct stage {
    struct engine *engine;
    struct model *model, *other;
    struct gate gate;
};

static void begin(struct stage *stage) {
    stage->engine = fixture_engine(1);
    stage->model = fixture_model(stage->engine, "m", "4-3");
    stage->other = fixture_model(stage->engine, "other", "2-2");
}

static void begin_held(struct stage *stage) {
    begin(stage);
    gate_shut(&stage->gate, stage->engine, stage->other);
}

static void end(struct stage *stage) {
    model_release(stage->model);
    model_release(stage->other);
    fixture_end(stage->engine);
}

static void post(struct stage *stage, uint64_t seed) {
    entry_release(fixture_post(stage->engine, stage->model, 2, seed));
}

START_TEST(test_batches_have_numbers_in_the_order_of_posting_and_train_in_it) {
    struct stage stage;
    struct entry *entries[50];
    begin_held(&stage);
    for (size_t i = 0; i < 50; i++) {
        entries[i] = fixture_post(stage.engine, stage.model, 2, i);
        const struct history_row row = queue_look(entries[i]);
        EXPECT_COUNT(row.batch, i + 1);
        ck_assert(row.state == ENTRY_QUEUED);
    }
    EXPECT_COUNT(model_look(stage.model).queue_depth, 50);
    gate_open(&stage.gate);
    for (size_t i = 0; i < 50; i++) {
        const struct history_row row = fixture_finish(entries[i]);
        ck_assert(row.state == ENTRY_DONE);
        EXPECT_COUNT(row.batch, i + 1);
        EXPECT_COUNT(row.step, i + 1);
    }
    struct history_row rows[60];
    EXPECT_COUNT(model_history(stage.model, 0, 60, rows, NULL), 50);
    for (size_t i = 0; i < 50; i++) {
        EXPECT_COUNT(rows[i].batch, i + 1);
    }
    EXPECT_COUNT(model_look(stage.model).queue_depth, 0);
    EXPECT_COUNT(model_look(stage.model).examples, 100);
    end(&stage);
}
END_TEST

START_TEST(test_a_full_queue_refuses_with_a_time_and_a_freed_place_is_given_again) {
    struct stage stage;
    struct entry *entry;
    struct error error;
    double retry_after_seconds = -1;
    begin(&stage);
    fixture_train(stage.engine, stage.model, 20, 2, 1); /* a pace to reckon with */
    gate_shut(&stage.gate, stage.engine, stage.other);
    for (size_t i = 0; i < 1000; i++) {
        post(&stage, i);
    }
    ck_assert(fixture_try_post(stage.engine, stage.model, 2, 1, &entry, &retry_after_seconds,
                               &error) == ERROR_FULL);
    ck_assert_msg(retry_after_seconds > 0 && retry_after_seconds < 1000, "%g", retry_after_seconds);
    EXPECT_COUNT(engine_look(stage.engine).backlog, 1000);
    /* Changes are entries too. */
    ck_assert(fixture_try_change(stage.engine, stage.model, ENTRY_SETTINGS, 0.5, -1, 0, &entry,
                                 &error) == ERROR_FULL);
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 500, 500), 1);
    post(&stage, 1);
    ck_assert(fixture_try_post(stage.engine, stage.model, 2, 1, &entry, &retry_after_seconds,
                               &error) == ERROR_FULL);
    gate_open(&stage.gate);
    AWAIT(engine_look(stage.engine).backlog == 0);
    post(&stage, 1);
    end(&stage);
}
END_TEST

START_TEST(test_another_models_full_queue_is_no_obstacle) {
    struct stage stage;
    struct entry *entry;
    struct error error;
    double retry_after_seconds;
    begin_held(&stage);
    for (size_t i = 0; i < 1000; i++) {
        post(&stage, i);
    }
    ck_assert(fixture_try_post(stage.engine, stage.other, 1, 1, &entry, &retry_after_seconds,
                               &error) == ERROR_NONE);
    entry_release(entry);
    gate_open(&stage.gate);
    end(&stage);
}
END_TEST

START_TEST(test_cancelled_batches_keep_their_place_in_the_history) {
    struct stage stage;
    struct history_row rows[8];
    struct error error;
    begin_held(&stage);
    for (size_t i = 1; i <= 5; i++) {
        post(&stage, i);
    }
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 2, 3), 2);
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 2, 3), 0);
    EXPECT_COUNT(model_look(stage.model).queue_depth, 3);
    ck_assert(queue_find_batch(stage.model, 2, &rows[0], &error) == ERROR_NONE);
    ck_assert(rows[0].state == ENTRY_CANCELLED);
    gate_open(&stage.gate);
    AWAIT(model_history(stage.model, 0, 8, rows, NULL) == 5);
    static const enum entry_state states[] = {ENTRY_DONE, ENTRY_CANCELLED, ENTRY_CANCELLED,
                                              ENTRY_DONE, ENTRY_DONE};
    static const uint64_t steps[] = {1, 1, 1, 2, 3};
    for (size_t i = 0; i < 5; i++) {
        EXPECT_COUNT(rows[i].batch, i + 1);
        EXPECT_COUNT(rows[i].state, states[i]);
        EXPECT_COUNT(rows[i].step, steps[i]);
    }
    end(&stage);
}
END_TEST

START_TEST(test_cancelling_gives_the_memory_back_at_once) {
    struct stage stage;
    begin(&stage);
    fixture_train(stage.engine, stage.model, 1, 500, 1);
    gate_shut(&stage.gate, stage.engine, stage.other);
    const size_t before = ledger_reserved(engine_ledger(stage.engine));
    struct entry *entry = fixture_post(stage.engine, stage.model, 500, 1);
    ck_assert(ledger_reserved(engine_ledger(stage.engine)) >= before + 500 * 5 * sizeof(float));
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 0, UINT64_MAX), 1);
    /* Its place in the queue stays until its turn. */
    ck_assert(ledger_reserved(engine_ledger(stage.engine)) < before + 500 * sizeof(float));
    entry_release(entry);
    gate_open(&stage.gate);
    end(&stage);
}
END_TEST

START_TEST(test_only_batches_are_taken_back) {
    struct stage stage;
    begin_held(&stage);
    post(&stage, 1);
    struct entry *change = fixture_patch(stage.engine, stage.model, 0.25, -1);
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 0, UINT64_MAX), 1);
    gate_open(&stage.gate);
    ck_assert(fixture_finish(change).state == ENTRY_DONE);
    end(&stage);
}
END_TEST

START_TEST(test_a_batch_by_its_number_is_not_there_yet_or_queued_or_trained_or_gone) {
    struct stage stage;
    struct history_row row;
    struct error error;
    begin(&stage);
    ck_assert(queue_find_batch(stage.model, 0, &row, &error) == ERROR_NOT_FOUND);
    ck_assert(queue_find_batch(stage.model, 1, &row, &error) == ERROR_NOT_FOUND);
    gate_shut(&stage.gate, stage.engine, stage.other);
    post(&stage, 1);
    ck_assert(queue_find_batch(stage.model, 1, &row, &error) == ERROR_NONE);
    ck_assert(row.state == ENTRY_QUEUED);
    EXPECT_COUNT(row.batch, 1);
    gate_open(&stage.gate);
    for (size_t left = HISTORY_ROWS_MAX + 5 - 1; left > 0;) {
        /* As many as one queue takes, then wait for the last. */
        const size_t some = left < 500 ? left : 500;
        fixture_train(stage.engine, stage.model, some, 1, left);
        left -= some;
    }
    EXPECT_COUNT(model_look(stage.model).step, HISTORY_ROWS_MAX + 5);
    ck_assert(queue_find_batch(stage.model, 5, &row, &error) == ERROR_GONE);
    ck_assert(queue_find_batch(stage.model, 6, &row, &error) == ERROR_NONE);
    ck_assert(row.state == ENTRY_DONE);
    EXPECT_COUNT(row.step, 6);
    ck_assert(queue_find_batch(stage.model, HISTORY_ROWS_MAX + 5, &row, &error) == ERROR_NONE);
    ck_assert(queue_find_batch(stage.model, HISTORY_ROWS_MAX + 6, &row, &error) == ERROR_NOT_FOUND);
    end(&stage);
}
END_TEST

START_TEST(test_a_deleted_model_takes_nothing_and_drops_what_it_has) {
    struct stage stage;
    struct entry *entries[3], *entry;
    struct error error;
    double retry_after_seconds;
    begin_held(&stage);
    for (size_t i = 0; i < 3; i++) {
        entries[i] = fixture_post(stage.engine, stage.model, 2, i);
    }
    (void)fixture_cancel(stage.engine, stage.model, 2, 2);
    ck_assert(engine_delete_model(stage.engine, stage.model, 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(engine_delete_model(stage.engine, stage.model, 0, NULL, NULL, &error) == ERROR_GONE);
    ck_assert(queue_look(entries[0]).state == ENTRY_DROPPED);
    ck_assert(queue_look(entries[1]).state == ENTRY_CANCELLED);
    ck_assert(queue_look(entries[2]).state == ENTRY_DROPPED);
    EXPECT_COUNT(engine_look(stage.engine).backlog, 0);
    ck_assert(fixture_try_post(stage.engine, stage.model, 2, 1, &entry, &retry_after_seconds,
                               &error) == ERROR_GONE);
    for (size_t i = 0; i < 3; i++) {
        entry_release(entries[i]);
    }
    gate_open(&stage.gate);
    end(&stage);
}
END_TEST

START_TEST(test_a_model_is_deleted_and_copied_only_as_it_was_seen) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct entry *entry;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    (void)fixture_finish(fixture_patch(engine, model, 0.5, -1));
    ck_assert(engine_delete_model(engine, model, 1, NULL, NULL, &error) == ERROR_STALE);
    ck_assert(engine_clone_model(engine, model, "n", 1, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_STALE);
    EXPECT_COUNT(engine_look(engine).models, 1);
    ck_assert(engine_clone_model(engine, model, "n", 2, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    ck_assert(engine_delete_model(engine, model, 2, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(engine_delete_model(engine, model, 2, NULL, NULL, &error) == ERROR_GONE);
    EXPECT_COUNT(engine_look(engine).models, 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_queue(void) {
    Suite *suite = suite_create("engine_queue");
    TCase *tests = tcase_create("queue");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_batches_have_numbers_in_the_order_of_posting_and_train_in_it);
    tcase_add_test(tests, test_a_full_queue_refuses_with_a_time_and_a_freed_place_is_given_again);
    tcase_add_test(tests, test_another_models_full_queue_is_no_obstacle);
    tcase_add_test(tests, test_cancelled_batches_keep_their_place_in_the_history);
    tcase_add_test(tests, test_cancelling_gives_the_memory_back_at_once);
    tcase_add_test(tests, test_only_batches_are_taken_back);
    tcase_add_test(tests, test_a_batch_by_its_number_is_not_there_yet_or_queued_or_trained_or_gone);
    tcase_add_test(tests, test_a_deleted_model_takes_nothing_and_drops_what_it_has);
    tcase_add_test(tests, test_a_model_is_deleted_and_copied_only_as_it_was_seen);
    suite_add_tcase(suite, tests);
    return suite;
}
