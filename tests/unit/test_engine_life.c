/* core/engine/engine.h: closing, draining, ending; the limit on memory. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static struct engine *small_engine(size_t memory_bytes) {
    const struct engine_settings settings = {
        .workers = 2, .memory_bytes_max = memory_bytes, .queue_max = 10, .keys_max = 10};
    struct engine *engine;
    struct error error;
    ck_assert(engine_create(&settings, &engine, &error) == ERROR_NONE);
    return engine;
}

START_TEST(test_an_engine_without_models_ends_with_an_empty_ledger) {
    for (size_t workers = 1; workers <= 16; workers *= 2) {
        fixture_end(fixture_engine(workers));
    }
}
END_TEST

START_TEST(test_a_closed_engine_takes_nothing_new) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "3-2"), *other;
    struct entry *entry;
    struct query *query;
    struct error error;
    struct latch latch;
    double retry_after_seconds;
    latch_init(&latch);
    ck_assert(!engine_is_closed(engine));
    engine_close(engine);
    ck_assert(engine_is_closed(engine));
    ck_assert(fixture_try_model(engine, "n", "3-2", &other, &error) == ERROR_CLOSED);
    ck_assert(fixture_try_post(engine, model, 1, 1, &entry, &retry_after_seconds, &error) ==
              ERROR_CLOSED);
    ck_assert(fixture_try_change(engine, model, ENTRY_SETTINGS, 0.5, -1, 0, &entry, &error) ==
              ERROR_CLOSED);
    ck_assert(engine_clone_model(engine, model, "n", 0, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_CLOSED);
    ck_assert(query_create(model, QUERY_WEIGHTS_HASH, NULL, NULL, &query, &error) == ERROR_NONE);
    ck_assert(engine_ask(engine, query, &latch.completion, &error) == ERROR_CLOSED);
    query_release(query);
    EXPECT_COUNT(latch_calls(&latch), 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_draining_trains_all_that_was_acknowledged) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", "100-200-10");
    for (uint64_t seed = 1; seed <= 40; seed++) {
        entry_release(fixture_post(engine, model, 50, seed));
    }
    engine_close(engine);
    EXPECT_COUNT(engine_drain(engine, FIXTURE_DEADLINE_SECONDS), 0);
    EXPECT_COUNT(model_look(model).step, 40);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_what_is_not_trained_in_time_is_dropped_and_counted_once) {
    struct engine *engine = fixture_engine(1);
    struct model *models[] = {fixture_model(engine, "a", "3-2"), fixture_model(engine, "b", "3-2")};
    struct model *held = fixture_model(engine, "held", "3-2");
    struct entry *entries[2][5];
    struct latch latch;
    struct gate gate;
    latch_init(&latch);
    gate_shut(&gate, engine, held);
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < 5; i++) {
            entries[m][i] = fixture_post(engine, models[m], 1, i);
        }
    }
    EXPECT_COUNT(fixture_cancel(engine, models[0], 1, 1), 1);
    struct waiter *waiter = waiter_create(WAIT_FOR_STEP, 3, NULL);
    ck_assert(waiter_start(models[1], waiter, &latch.completion));
    engine_close(engine);
    EXPECT_COUNT(engine_drain(engine, 0.01), 9);
    EXPECT_COUNT(latch_calls(&latch), 1);
    EXPECT_COUNT(engine_drain(engine, 0.01), 0);
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < 5; i++) {
            ck_assert(queue_look(entries[m][i]).state ==
                      (m == 0 && i == 0 ? ENTRY_CANCELLED : ENTRY_DROPPED));
            entry_release(entries[m][i]);
        }
        model_release(models[m]);
    }
    waiter_release(waiter);
    model_release(held);
    gate_open(&gate);
    fixture_end(engine);
}
END_TEST

/* Queries, waiters and models in the making when the process ends: each completion
 * comes, once. */
#define MODELS 60

START_TEST(test_whatever_waits_at_the_end_is_completed) {
    struct engine *engine = fixture_engine(2);
    struct model *models[MODELS], *making[MODELS];
    struct query *queries[MODELS];
    struct waiter *waiters[MODELS];
    struct latch asked, waited, made;
    struct gate gates[2];
    struct error error;
    latch_init(&asked);
    latch_init(&waited);
    latch_init(&made);
    for (size_t m = 0; m < MODELS; m++) {
        char name[32];
        snprintf(name, sizeof name, "m-%zu", m);
        models[m] = fixture_model(engine, name, "30-200-2");
    }
    gate_shut(&gates[0], engine, models[0]);
    gate_shut(&gates[1], engine, models[1]);
    for (size_t m = 0; m < MODELS; m++) {
        struct specification specification;
        bool repeated;
        char name[32];
        snprintf(name, sizeof name, "n-%zu", m);
        fixture_specify(&specification, "30-200-2");
        ck_assert(engine_create_model(engine, name, &specification, NULL, NULL, &made.completion,
                                      &making[m], &repeated, &error) == ERROR_NONE);
        ck_assert(query_create(models[m], QUERY_WEIGHTS_HASH, NULL, NULL, &queries[m], &error) ==
                  ERROR_NONE);
        ck_assert(engine_ask(engine, queries[m], &asked.completion, &error) == ERROR_NONE);
        waiters[m] = waiter_create(WAIT_FOR_STEP, 10, NULL);
        ck_assert(waiter_start(models[m], waiters[m], &waited.completion));
    }
    for (size_t m = 0; m < MODELS; m++) {
        model_release(models[m]);
        model_release(making[m]);
        query_release(queries[m]);
        waiter_release(waiters[m]);
    }
    gate_open(&gates[0]);
    gate_open(&gates[1]);
    fixture_end(engine);
    EXPECT_COUNT(latch_calls(&asked), MODELS);
    EXPECT_COUNT(latch_calls(&waited), MODELS);
    EXPECT_COUNT(latch_calls(&made), MODELS);
}
END_TEST

START_TEST(test_a_model_beyond_the_limit_is_refused_and_takes_nothing) {
    struct engine *engine = small_engine(8 << 20);
    struct model *model, *second;
    struct error error;
    /* Scratch for predictions is reserved once and stays. */
    const size_t before = ledger_reserved(engine_ledger(engine));
    ck_assert(fixture_try_model(engine, "m", "1000-1000-10", &model, &error) == ERROR_MEMORY);
    EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), before);
    EXPECT_COUNT(engine_look(engine).models, 0);
    /* One that fits; a second does not until the first is gone. */
    ck_assert_msg(fixture_try_model(engine, "m", "500-500-10", &model, &error) == ERROR_NONE, "%s",
                  error.message);
    const size_t with_one = ledger_reserved(engine_ledger(engine));
    ck_assert(with_one <= (8 << 20));
    ck_assert(fixture_try_model(engine, "n", "500-500-10", &second, &error) == ERROR_MEMORY);
    EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), with_one);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    model_release(model);
    AWAIT(ledger_reserved(engine_ledger(engine)) < with_one / 2); /* no worker holds it */
    ck_assert(fixture_try_model(engine, "n", "500-500-10", &second, &error) == ERROR_NONE);
    model_release(second);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_batch_whose_scratch_does_not_fit_is_refused_and_takes_nothing) {
    struct engine *engine = small_engine(8 << 20);
    struct model *model = fixture_model(engine, "m", "4-200-200-2 optimizer=sgd");
    struct entry *entry;
    struct error error;
    double retry_after_seconds;
    fixture_train(engine, model, 1, 20, 1); /* from the first one on there is a history */
    AWAIT(atomic_load(&model->references) == 2);
    const size_t before = ledger_reserved(engine_ledger(engine));
    ck_assert(fixture_try_post(engine, model, 20000, 1, &entry, &retry_after_seconds, &error) ==
              ERROR_MEMORY);
    AWAIT(ledger_reserved(engine_ledger(engine)) == before);
    EXPECT_COUNT(model_look(model).queue_depth, 0);
    fixture_train(engine, model, 1, 20, 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_the_price_of_a_model_is_what_it_takes) {
    static const char *const descriptions[] = {"100-200-10", "30-20-2 optimizer=sgd standardize",
                                               "30-20-2 optimizer=sgd momentum=0.5"};
    for (size_t d = 0; d < 3; d++) {
        struct engine *engine = fixture_engine(1);
        struct specification specification;
        /* The same network has been here: its scratch is reserved. */
        model_release(fixture_model(engine, "first", descriptions[d]));
        const size_t before = ledger_reserved(engine_ledger(engine));
        fixture_specify(&specification, descriptions[d]);
        const size_t price = engine_model_bytes(&specification);
        specification_free(&specification);
        model_release(fixture_model(engine, "second", descriptions[d]));
        EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), before + price);
        fixture_end(engine);
    }
}
END_TEST

START_TEST(test_figures_count_models_and_entries) {
    struct engine *engine = fixture_engine(3);
    struct model *model = fixture_model(engine, "m", "3-2");
    struct engine_figures figures = engine_look(engine);
    EXPECT_COUNT(figures.workers, 3);
    EXPECT_COUNT(figures.models, 1);
    EXPECT_COUNT(figures.backlog, 0);
    EXPECT_COUNT(figures.queue_max, 1000);
    EXPECT_COUNT(figures.memory_bytes_max, (size_t)4 << 30);
    EXPECT_COUNT(figures.memory_bytes_reserved, ledger_reserved(engine_ledger(engine)));
    ck_assert(figures.uptime_seconds >= 0);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_deleted_model_is_freed_by_a_worker) {
    struct engine *engine = fixture_engine(1);
    const struct ledger *ledger = engine_ledger(engine);
    struct model *held = fixture_model(engine, "held", "3-2");
    struct model *model = fixture_model(engine, "m", "30-200-10");
    const size_t bytes = model->bytes;
    struct gate gate;
    struct error error;
    fixture_train(engine, model, 1, 5, 1);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    gate_shut(&gate, engine, held); /* the only worker */
    const size_t reserved = ledger_reserved(ledger);
    engine_release_deleted(engine, model);
    EXPECT_COUNT(ledger_reserved(ledger), reserved);
    gate_open(&gate);
    AWAIT(ledger_reserved(ledger) <= reserved - bytes);
    model_release(held);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_life(void) {
    Suite *suite = suite_create("engine_life");
    TCase *tests = tcase_create("life");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_an_engine_without_models_ends_with_an_empty_ledger);
    tcase_add_test(tests, test_a_closed_engine_takes_nothing_new);
    tcase_add_test(tests, test_draining_trains_all_that_was_acknowledged);
    tcase_add_test(tests, test_what_is_not_trained_in_time_is_dropped_and_counted_once);
    tcase_add_test(tests, test_whatever_waits_at_the_end_is_completed);
    tcase_add_test(tests, test_a_model_beyond_the_limit_is_refused_and_takes_nothing);
    tcase_add_test(tests, test_a_batch_whose_scratch_does_not_fit_is_refused_and_takes_nothing);
    tcase_add_test(tests, test_the_price_of_a_model_is_what_it_takes);
    tcase_add_test(tests, test_figures_count_models_and_entries);
    tcase_add_test(tests, test_a_deleted_model_is_freed_by_a_worker);
    suite_add_tcase(suite, tests);
    return suite;
}
