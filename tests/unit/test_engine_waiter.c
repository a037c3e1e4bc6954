/* core/engine/waiter.h: each condition, deletion, and stopping at the instant of
 * completion. */
#include <check.h>
#include <pthread.h>
#include <sched.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

struct stage {
    struct engine *engine;
    struct model *model;
    struct latch latch;
};

static void begin(struct stage *stage) {
    stage->engine = fixture_engine(2);
    stage->model = fixture_model(stage->engine, "m", "4-3");
    latch_init(&stage->latch);
}

static void end(struct stage *stage) {
    model_release(stage->model);
    fixture_end(stage->engine);
}

static void train_one(struct stage *stage, uint64_t seed) {
    ck_assert(fixture_finish(fixture_post(stage->engine, stage->model, 2, seed)).state ==
              ENTRY_DONE);
}

START_TEST(test_a_step_is_waited_for_until_it_is_there_and_not_before) {
    struct stage stage;
    begin(&stage);
    struct waiter *waiter = waiter_create(WAIT_FOR_STEP, 2, NULL);
    ck_assert(waiter_start(stage.model, waiter, &stage.latch.completion));
    train_one(&stage, 1);
    EXPECT_COUNT(latch_calls(&stage.latch), 0);
    train_one(&stage, 2);
    latch_wait(&stage.latch, 1);
    train_one(&stage, 3);
    EXPECT_COUNT(latch_calls(&stage.latch), 1);
    ck_assert(!waiter_stop(stage.model, waiter));
    waiter_release(waiter);
    end(&stage);
}
END_TEST

START_TEST(test_the_history_is_waited_for_until_it_has_a_later_batch) {
    struct stage stage;
    begin(&stage);
    struct waiter *waiter = waiter_create(WAIT_FOR_HISTORY, 1, NULL);
    ck_assert(waiter_start(stage.model, waiter, &stage.latch.completion));
    train_one(&stage, 1);
    EXPECT_COUNT(latch_calls(&stage.latch), 0);
    /* A batch that diverges has a row too. */
    const struct history_row row =
        fixture_finish(fixture_post_scaled(stage.engine, stage.model, 2, 2, 1e38f));
    ck_assert(row.state == ENTRY_DIVERGED);
    latch_wait(&stage.latch, 1);
    waiter_release(waiter);
    end(&stage);
}
END_TEST

START_TEST(test_an_entry_is_waited_for_until_it_is_finished_or_taken_back) {
    struct stage stage;
    struct gate gates[2];
    begin(&stage);
    struct model *other = fixture_model(stage.engine, "other", "2-2");
    gate_shut(&gates[0], stage.engine, stage.model);
    gate_shut(&gates[1], stage.engine, other);
    struct entry *entries[2];
    struct waiter *waiters[2];
    struct latch latches[2];
    for (size_t i = 0; i < 2; i++) {
        latch_init(&latches[i]);
        entries[i] = fixture_post(stage.engine, stage.model, 2, i);
        waiters[i] = waiter_create(WAIT_FOR_ENTRY, 0, entries[i]);
        ck_assert(waiter_start(stage.model, waiters[i], &latches[i].completion));
    }
    EXPECT_COUNT(fixture_cancel(stage.engine, stage.model, 2, 2), 1);
    latch_wait(&latches[1], 1);
    EXPECT_COUNT(latch_calls(&latches[0]), 0);
    ck_assert(queue_look(entries[1]).state == ENTRY_CANCELLED);
    gate_open(&gates[0]);
    gate_open(&gates[1]);
    latch_wait(&latches[0], 1);
    for (size_t i = 0; i < 2; i++) {
        waiter_release(waiters[i]);
        entry_release(entries[i]);
    }
    model_release(other);
    end(&stage);
}
END_TEST

START_TEST(test_what_holds_already_is_not_waited_for) {
    struct stage stage;
    begin(&stage);
    struct entry *entry = fixture_post(stage.engine, stage.model, 2, 1);
    entry_reference(entry);
    (void)fixture_finish(entry);
    struct waiter *waiters[] = {
        waiter_create(WAIT_FOR_STEP, 1, NULL), waiter_create(WAIT_FOR_STEP, 0, NULL),
        waiter_create(WAIT_FOR_HISTORY, 0, NULL), waiter_create(WAIT_FOR_ENTRY, 0, entry)};
    for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++) {
        ck_assert_msg(!waiter_start(stage.model, waiters[i], &stage.latch.completion), "%zu", i);
        ck_assert(!waiter_stop(stage.model, waiters[i]));
        waiter_release(waiters[i]);
    }
    EXPECT_COUNT(latch_calls(&stage.latch), 0);
    entry_release(entry);
    end(&stage);
}
END_TEST

START_TEST(test_who_stops_waiting_in_time_is_not_called) {
    struct stage stage;
    begin(&stage);
    struct waiter *waiters[3];
    struct latch latches[3];
    for (size_t i = 0; i < 3; i++) {
        latch_init(&latches[i]);
        waiters[i] = waiter_create(WAIT_FOR_STEP, 1, NULL);
        ck_assert(waiter_start(stage.model, waiters[i], &latches[i].completion));
    }
    ck_assert(waiter_stop(stage.model, waiters[1])); /* the one in the middle */
    ck_assert(!waiter_stop(stage.model, waiters[1]));
    train_one(&stage, 1);
    latch_wait(&latches[0], 1);
    latch_wait(&latches[2], 1);
    EXPECT_COUNT(latch_calls(&latches[1]), 0);
    for (size_t i = 0; i < 3; i++) {
        waiter_release(waiters[i]);
    }
    end(&stage);
}
END_TEST

START_TEST(test_deletion_completes_every_waiter_and_takes_no_more) {
    struct stage stage;
    struct error error;
    begin(&stage);
    struct waiter *waiters[] = {waiter_create(WAIT_FOR_STEP, 100, NULL),
                                waiter_create(WAIT_FOR_HISTORY, 100, NULL)};
    for (size_t i = 0; i < 2; i++) {
        ck_assert(waiter_start(stage.model, waiters[i], &stage.latch.completion));
    }
    ck_assert(engine_delete_model(stage.engine, stage.model, 0, NULL, NULL, &error) == ERROR_NONE);
    EXPECT_COUNT(latch_calls(&stage.latch), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(!waiter_start(stage.model, waiters[i], &stage.latch.completion));
        waiter_release(waiters[i]);
    }
    end(&stage);
}
END_TEST

/* What a completion sees of a dropped batch: the state it has for good. */
struct look {
    struct completion completion;
    struct entry *entry;
    enum entry_state state;
};

static void look_at_entry(struct completion *completion) {
    struct look *look = (struct look *)completion;
    look->state = queue_look(look->entry).state;
}

START_TEST(test_who_waits_for_a_queued_batch_of_a_deleted_model_finds_it_dropped) {
    struct stage stage;
    struct gate gates[2];
    struct error error;
    begin(&stage);
    struct model *others[] = {fixture_model(stage.engine, "a", "2-2"),
                              fixture_model(stage.engine, "b", "2-2")};
    gate_shut(&gates[0], stage.engine, others[0]);
    gate_shut(&gates[1], stage.engine, others[1]);
    struct look look = {.completion = {look_at_entry},
                        .entry = fixture_post(stage.engine, stage.model, 2, 1),
                        .state = ENTRY_SUBMITTED};
    struct waiter *waiter = waiter_create(WAIT_FOR_ENTRY, 0, look.entry);
    ck_assert(waiter_start(stage.model, waiter, &look.completion));
    ck_assert(engine_delete_model(stage.engine, stage.model, 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert_msg(look.state == ENTRY_DROPPED, "found in state %d", (int)look.state);
    waiter_release(waiter);
    entry_release(look.entry);
    gate_open(&gates[0]);
    gate_open(&gates[1]);
    model_release(others[0]);
    model_release(others[1]);
    end(&stage);
}
END_TEST

/* Deletion has two steps, the name going between them; a batch that ends meanwhile tells
 * nobody of those behind it. */
START_TEST(test_who_waits_at_a_model_that_is_being_deleted_is_called_when_its_batch_is_dropped) {
    struct bare bare;
    struct entry *entries[2];
    struct error error;
    double retry_after_seconds;
    bool queued;
    bare_begin(&bare, 10);
    struct model *model = bare_model(&bare, "m", NULL);
    ck_assert(queue_admit(model, 2, &retry_after_seconds, &error) == ERROR_NONE);
    for (size_t i = 0; i < 2; i++) {
        entries[i] = entry_create(model, ENTRY_BATCH);
        (void)queue_acknowledge(entries[i], &queued);
    }
    struct look look = {
        .completion = {look_at_entry}, .entry = entries[1], .state = ENTRY_SUBMITTED};
    struct waiter *waiter = waiter_create(WAIT_FOR_ENTRY, 0, entries[1]);
    ck_assert(waiter_start(model, waiter, &look.completion));
    struct entry *in_its_turn = queue_next(model);
    ck_assert(model_retire(model, 0, &error) == ERROR_NONE);
    queue_drop(model, in_its_turn);
    ck_assert_msg(look.state == ENTRY_SUBMITTED, "called in state %d", (int)look.state);
    EXPECT_COUNT(model_delete(model), 1);
    ck_assert_msg(look.state == ENTRY_DROPPED, "found in state %d", (int)look.state);
    waiter_release(waiter);
    for (size_t i = 0; i < 2; i++) {
        entry_release(entries[i]);
    }
    model_release(model);
    bare_end(&bare);
}
END_TEST

/* Stopping against completion: each waiter is called or stopped, never both, never
 * neither. */
#define RACES 400

static void *train_many(void *context) {
    struct stage *stage = context;
    fixture_train(stage->engine, stage->model, RACES, 1, 1);
    return NULL;
}

START_TEST(test_stopping_races_with_completion_and_exactly_one_wins) {
    struct stage stage;
    pthread_t trainer;
    unsigned stopped = 0;
    begin(&stage);
    pthread_create(&trainer, NULL, train_many, &stage);
    for (uint64_t step = 1; step <= RACES; step++) {
        struct latch latch;
        latch_init(&latch);
        struct waiter *waiter = waiter_create(WAIT_FOR_STEP, step, NULL);
        if (waiter_start(stage.model, waiter, &latch.completion)) {
            for (uint64_t i = 0; i < step % 16; i++) {
                sched_yield();
            }
            if (waiter_stop(stage.model, waiter)) {
                stopped++;
                EXPECT_COUNT(latch_calls(&latch), 0);
            } else {
                latch_wait(&latch, 1);
            }
        }
        waiter_release(waiter);
        AWAIT(model_look(stage.model).step >= step);
    }
    pthread_join(trainer, NULL);
    ck_assert_msg(stopped <= RACES, "%u", stopped);
    end(&stage);
}
END_TEST

Suite *suite_engine_waiter(void) {
    Suite *suite = suite_create("engine_waiter");
    TCase *tests = tcase_create("waiter");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_step_is_waited_for_until_it_is_there_and_not_before);
    tcase_add_test(tests, test_the_history_is_waited_for_until_it_has_a_later_batch);
    tcase_add_test(tests, test_an_entry_is_waited_for_until_it_is_finished_or_taken_back);
    tcase_add_test(tests, test_what_holds_already_is_not_waited_for);
    tcase_add_test(tests, test_who_stops_waiting_in_time_is_not_called);
    tcase_add_test(tests, test_deletion_completes_every_waiter_and_takes_no_more);
    tcase_add_test(tests, test_who_waits_for_a_queued_batch_of_a_deleted_model_finds_it_dropped);
    tcase_add_test(
        tests, test_who_waits_at_a_model_that_is_being_deleted_is_called_when_its_batch_is_dropped);
    tcase_add_test(tests, test_stopping_races_with_completion_and_exactly_one_wins);
    suite_add_tcase(suite, tests);
    return suite;
}
