/* What the engine does with idempotency keys: a repeat is done once and tells of the
 * first, what is refused uses up none. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/expect.h"
#include "tests/unit/keyed.h"
#include "tests/unit/suites.h"

/* --- batches --------------------------------------------------------------------- */

START_TEST(test_a_repeat_has_the_numbers_of_the_first_and_trains_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    for (int i = 0; i < 3; i++) {
        const struct posted posted = keyed_post(engine, model, "k", 5);
        ck_assert(posted.repeated == (i > 0));
        EXPECT_COUNT(posted.first, 1);
        EXPECT_COUNT(posted.last, 1);
    }
    EXPECT_COUNT(keyed_post(engine, model, "other", 5).last, 2);
    AWAIT(engine_look(engine).backlog == 0);
    EXPECT_COUNT(model_look(model).step, 2);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeat_of_several_batches_has_their_range) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    fixture_train(engine, model, 2, 2, 1);
    for (int i = 0; i < 2; i++) {
        struct posted posted = keyed_try_post(engine, model, "k", 5, 4, 0);
        EXPECT_COUNT(posted.first, 3);
        EXPECT_COUNT(posted.last, 6);
        if (posted.entry != NULL) {
            (void)fixture_finish(posted.entry);
        }
    }
    const struct batch_tally tally = queue_tally(model, 3, 6);
    EXPECT_COUNT(tally.trained, 4);
    EXPECT_COUNT(tally.waiting + tally.cancelled + tally.diverged + tally.forgotten, 0);
    ck_assert(tally.examples == 8);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeat_can_wait_for_the_batch_of_the_first) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    (void)keyed_post(engine, model, "k", 5);
    struct posted repeat = keyed_try_post(engine, model, "k", 5, 1, 0);
    ck_assert(repeat.repeated && repeat.entry != NULL);
    ck_assert(queue_look(repeat.entry).state == ENTRY_QUEUED);
    gate_open(&gate);
    ck_assert(fixture_finish(repeat.entry).state == ENTRY_DONE);
    ck_assert(keyed_try_post(engine, model, "k", 5, 1, 0).entry == NULL);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_full_queue_answers_repeats_and_refuses_new_keys_without_using_them_up) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    (void)keyed_post(engine, model, "k", 5);
    for (size_t i = 1; i < 1000; i++) {
        entry_release(fixture_post(engine, model, 2, i));
    }
    ck_assert(keyed_post(engine, model, "k", 5).repeated);
    ck_assert(keyed_try_post(engine, model, "new", 6, 1, 0).code == ERROR_FULL);
    EXPECT_COUNT(model_look(model).queue_depth, 1000);
    gate_open(&gate);
    AWAIT(engine_look(engine).backlog == 0);
    const struct posted accepted = keyed_post(engine, model, "new", 6);
    ck_assert(!accepted.repeated);
    EXPECT_COUNT(accepted.last, 1001);
    ck_assert(keyed_post(engine, model, "new", 6).repeated);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_key_with_another_payload_is_refused_and_trains_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    (void)keyed_post(engine, model, "k", 5);
    const struct posted refused = keyed_try_post(engine, model, "k", 6, 1, 0);
    ck_assert(refused.code == ERROR_INVALID);
    ck_assert(keyed_post(engine, model, "k", 5).repeated);
    AWAIT(engine_look(engine).backlog == 0);
    EXPECT_COUNT(model_look(model).step, 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_stale_settings_refuse_a_batch_but_not_its_repeat) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct posted posted = keyed_try_post(engine, model, "k", 5, 1, 1);
    ck_assert(posted.code == ERROR_NONE && !posted.repeated);
    ck_assert(posted.entry == NULL || fixture_finish(posted.entry).state == ENTRY_DONE);
    (void)fixture_finish(fixture_patch(engine, model, 0.5, -1));
    ck_assert(keyed_try_post(engine, model, "new", 6, 1, 1).code == ERROR_STALE);
    EXPECT_COUNT(model_look(model).queue_depth, 0);
    posted = keyed_try_post(engine, model, "k", 5, 1, 1);
    ck_assert(posted.code == ERROR_NONE && posted.repeated);
    ck_assert(!keyed_post(engine, model, "new", 6).repeated); /* the refused one used up no key */
    AWAIT(engine_look(engine).backlog == 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_new_model_of_the_same_name_knows_no_keys_of_the_former) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct error error;
    fixture_train(engine, model, 3, 2, 1);
    EXPECT_COUNT(keyed_post(engine, model, "k", 5).last, 4);
    AWAIT(engine_look(engine).backlog == 0);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    struct model *next = fixture_model(engine, "m", "4-3");
    const struct posted posted = keyed_post(engine, next, "k", 5);
    ck_assert(!posted.repeated);
    EXPECT_COUNT(posted.last, 1);
    ck_assert(strcmp(model->id, next->id) != 0);
    model_release(model);
    model_release(next);
    fixture_end(engine);
}
END_TEST

START_TEST(test_repeats_tell_of_cancelled_and_diverged_batches) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    struct posted posted = keyed_try_post(engine, model, "k", 5, 3, 0);
    EXPECT_COUNT(fixture_cancel(engine, model, 2, 3), 2);
    struct batch_tally tally = queue_tally(model, 1, 3);
    EXPECT_COUNT(tally.waiting, 1);
    EXPECT_COUNT(tally.cancelled, 2);
    ck_assert(queue_look(posted.entry).state == ENTRY_CANCELLED);
    entry_release(posted.entry);
    posted = keyed_try_post(engine, model, "k", 5, 3, 0);
    ck_assert(posted.repeated && queue_look(posted.entry).state == ENTRY_CANCELLED);
    entry_release(posted.entry);
    gate_open(&gate);
    AWAIT(engine_look(engine).backlog == 0);
    (void)fixture_finish(fixture_post_scaled(engine, model, 2, 2, 1e38f));
    tally = queue_tally(model, 1, 4);
    EXPECT_COUNT(tally.trained, 1);
    EXPECT_COUNT(tally.cancelled, 2);
    EXPECT_COUNT(tally.diverged, 1);
    EXPECT_COUNT(tally.waiting, 0);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_batches_that_the_history_forgot_are_counted_as_forgotten) {
    struct bare bare;
    bare_begin(&bare, 10);
    struct model *model = bare_model(&bare, "m", NULL);
    struct error error;
    ck_assert(history_reserve(&model->history, HISTORY_ROWS_MAX, &error) == ERROR_NONE);
    for (uint64_t i = 1; i <= HISTORY_ROWS_MAX + 5; i++) {
        history_add(&model->history,
                    &(struct history_row){.batch = i, .examples = 1, .state = ENTRY_DONE});
    }
    model->last_number = HISTORY_ROWS_MAX + 7;
    struct batch_tally tally = queue_tally(model, 1, 3);
    EXPECT_COUNT(tally.forgotten, 3);
    EXPECT_COUNT(tally.trained + tally.waiting, 0);
    tally = queue_tally(model, 4, 8);
    EXPECT_COUNT(tally.forgotten, 2);
    EXPECT_COUNT(tally.trained, 3);
    EXPECT_COUNT(tally.waiting, 0);
    tally = queue_tally(model, HISTORY_ROWS_MAX + 5, HISTORY_ROWS_MAX + 7);
    EXPECT_COUNT(tally.forgotten, 0);
    EXPECT_COUNT(tally.trained, 1);
    EXPECT_COUNT(tally.waiting, 2);
    model_release(model);
    bare_end(&bare);
}
END_TEST

START_TEST(test_a_repeat_between_submission_and_numbering_waits_for_the_numbers) {
    struct bare bare;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    bool queued;
    bare_begin(&bare, 10);
    latch_init(&latch);
    struct model *model = bare_model(&bare, "m", NULL);
    struct entry *entry = entry_create(model, ENTRY_BATCH);
    struct key_record *record = keyed_record(&bare.ledger, "k", 1);
    ck_assert(queue_admit(model, 1, &retry_after_seconds, &error) == ERROR_NONE);
    record->batches = 1;
    record->entry = entry;
    entry->record = key_record_reference(record);
    struct waiter *waiter = waiter_create_for_numbers(record);
    ck_assert(waiter_start(model, waiter, &latch.completion));
    EXPECT_COUNT(queue_look_accepted(model, record).last, 0);
    entry_release(entry); /* of the look */
    EXPECT_COUNT(latch_calls(&latch), 0);
    entry->number_given = 1;
    (void)queue_acknowledge(entry, &queued);
    EXPECT_COUNT(latch_calls(&latch), 1);
    ck_assert(queued);
    struct accepted accepted = queue_look_accepted(model, record);
    EXPECT_COUNT(accepted.first, 1);
    EXPECT_COUNT(accepted.last, 1);
    ck_assert(accepted.entry == entry);
    entry_release(accepted.entry);
    queue_drop(model, queue_next(model)); /* which releases the queue's reference */
    accepted = queue_look_accepted(model, record);
    EXPECT_COUNT(accepted.last, 1);
    ck_assert(accepted.entry == NULL);
    (void)queue_end_turn(model);
    waiter_release(waiter);
    key_record_release(record);
    entry_release(entry);
    model_release(model);
    bare_end(&bare);
}
END_TEST

START_TEST(test_keys_beyond_the_bound_are_forgotten_and_train_again) {
    struct engine *engine = fixture_engine(1); /* which keeps 1000 */
    struct model *model = fixture_model(engine, "m", "2-2");
    char key[16];
    for (int i = 0; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)keyed_post(engine, model, key, 1);
        if (i % 500 == 0) {
            AWAIT(engine_look(engine).backlog == 0);
        }
    }
    ck_assert(keyed_post(engine, model, "k1", 1).repeated);
    ck_assert(!keyed_post(engine, model, "k0", 1).repeated);
    AWAIT(engine_look(engine).backlog == 0);
    EXPECT_COUNT(model->keys.count, 1000);
    model_release(model);
    fixture_end(engine);
}
END_TEST

/* --- models ----------------------------------------------------------------------- */

START_TEST(test_a_model_is_created_once_a_key) {
    struct engine *engine = fixture_engine(1);
    struct model *models[2];
    struct error error;
    bool repeated;
    ck_assert(keyed_create(engine, "m", "k", 1, &models[0], &repeated) == ERROR_NONE && !repeated);
    ck_assert(keyed_create(engine, "m", "k", 1, &models[1], &repeated) == ERROR_NONE && repeated);
    ck_assert(models[0] == models[1]);
    model_release(models[1]);
    ck_assert(keyed_create(engine, "n", "k", 2, &models[1], &repeated) == ERROR_INVALID);
    ck_assert(keyed_create(engine, "m", "other", 1, &models[1], &repeated) == ERROR_EXISTS);
    EXPECT_COUNT(engine_look(engine).models, 1);
    /* the refused request has used up no key */
    ck_assert(engine_delete_model(engine, models[0], 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(keyed_create(engine, "m", "other", 1, &models[1], &repeated) == ERROR_NONE &&
              !repeated);
    /* the first key speaks of the deleted model, not of the new one */
    model_release(models[0]);
    ck_assert(keyed_create(engine, "m", "k", 1, &models[0], &repeated) == ERROR_GONE);
    model_release(models[1]);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeated_creation_waits_until_the_model_is_ready) {
    struct gate gate;
    struct latch latches[2];
    struct model *models[2];
    struct error error;
    struct engine *engine = fixture_engine(1);
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other); /* so that nobody makes weights */
    for (size_t i = 0; i < 2; i++) {
        struct specification specification;
        bool repeated;
        struct key_record *record = keyed_record(engine_ledger(engine), "k", 1);
        latch_init(&latches[i]);
        fixture_specify(&specification, "4-3");
        ck_assert(engine_create_model(engine, "m", &specification, NULL, record,
                                      &latches[i].completion, &models[i], &repeated,
                                      &error) == ERROR_NONE);
        ck_assert(repeated == (i == 1));
        key_record_release(record);
    }
    EXPECT_COUNT(latch_calls(&latches[1]), 0);
    gate_open(&gate);
    latch_wait(&latches[0], 1);
    latch_wait(&latches[1], 1);
    ck_assert(models[0] == models[1]);
    model_release(models[0]);
    model_release(models[1]);
    model_release(other);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_keys(void) {
    Suite *suite = suite_create("engine_keys");
    TCase *tests = tcase_create("batches");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_repeat_has_the_numbers_of_the_first_and_trains_nothing);
    tcase_add_test(tests, test_a_repeat_of_several_batches_has_their_range);
    tcase_add_test(tests, test_a_repeat_can_wait_for_the_batch_of_the_first);
    tcase_add_test(tests,
                   test_a_full_queue_answers_repeats_and_refuses_new_keys_without_using_them_up);
    tcase_add_test(tests, test_a_key_with_another_payload_is_refused_and_trains_nothing);
    tcase_add_test(tests, test_stale_settings_refuse_a_batch_but_not_its_repeat);
    tcase_add_test(tests, test_a_new_model_of_the_same_name_knows_no_keys_of_the_former);
    tcase_add_test(tests, test_repeats_tell_of_cancelled_and_diverged_batches);
    tcase_add_test(tests, test_batches_that_the_history_forgot_are_counted_as_forgotten);
    tcase_add_test(tests, test_a_repeat_between_submission_and_numbering_waits_for_the_numbers);
    tcase_add_test(tests, test_keys_beyond_the_bound_are_forgotten_and_train_again);
    suite_add_tcase(suite, tests);
    tests = tcase_create("models");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_model_is_created_once_a_key);
    tcase_add_test(tests, test_a_repeated_creation_waits_until_the_model_is_ready);
    suite_add_tcase(suite, tests);
    return suite;
}
