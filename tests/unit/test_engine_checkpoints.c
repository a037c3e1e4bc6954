/* core/engine/checkpoints.h and checkpointing.h: which versions of a model there are, which
 * leave, and that what is kept is what stood there. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/state.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define DESCRIPTION "12-24-5 optimizer=adam"
#define COUNT_MAX_OF_FIXTURE 8

static enum error_code try_keep(struct engine *engine, struct model *model, const char *note,
                                struct checkpoint **checkpoint, struct error *error) {
    struct latch latch;
    bool repeated;
    double retry_after_seconds;
    latch_init(&latch);
    const enum error_code code =
        engine_checkpoint(engine, model, note, NULL, 0, &latch.completion, checkpoint, &repeated,
                          &retry_after_seconds, error);
    if (code == ERROR_NONE) {
        latch_wait(&latch, 1);
    }
    return code;
}

static void settle(struct model *model, struct checkpoint *checkpoint) {
    struct latch latch;
    latch_init(&latch);
    struct waiter *waiter = waiter_create_for_checkpoint(checkpoint);
    if (waiter_start(model, waiter, &latch.completion)) {
        latch_wait(&latch, 1);
    }
    waiter_release(waiter);
}

/* Kept, and referenced for the caller. */
static struct checkpoint *keep(struct engine *engine, struct model *model) {
    struct checkpoint *checkpoint = NULL;
    struct error error;
    ck_assert_msg(try_keep(engine, model, "", &checkpoint, &error) == ERROR_NONE, "%s",
                  error.message);
    settle(model, checkpoint);
    ck_assert(checkpoints_look(model, checkpoint) == CHECKPOINT_KEPT);
    return checkpoint;
}

/* Settings with this policy from here on. */
static void set_policy(struct engine *engine, struct model *model,
                       struct checkpoint_policy policy) {
    struct settings *base = model_settings(model);
    struct specification changed;
    struct error error;
    struct entry *entry;
    struct latch latch;
    double retry_after_seconds;
    latch_init(&latch);
    ck_assert(specification_copy_settings(&changed, &base->specification, &error) == ERROR_NONE);
    changed.checkpoints = policy;
    ck_assert(engine_change_settings(engine, model, ENTRY_SETTINGS, base, &changed,
                                     &latch.completion, &entry, &retry_after_seconds,
                                     &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    entry_release(entry);
    settings_release(base);
}

static void remove_model(struct engine *engine, struct model *model) {
    struct error error;
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    model_release(model);
}

/* "4 8 12": the steps of those that are kept. */
static void expect_steps(struct model *model, const char *wanted) {
    struct checkpoint *list[COUNT_MAX_OF_FIXTURE];
    char found[128] = "";
    bool more;
    const size_t count = checkpoints_list(model, 0, COUNT_MAX_OF_FIXTURE, list, &more);
    for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%llu", used > 0 ? " " : "",
                 (unsigned long long)list[i]->figures.step);
        checkpoint_release(list[i]);
    }
    ck_assert_str_eq(found, wanted);
}

/* Batches that have their turn together, and the turn is over. */
static void train_at_once(struct engine *engine, struct model *model, size_t batches) {
    for (size_t i = 0; i < batches; i++) {
        entry_release(fixture_post(engine, model, 8, i + 1));
    }
    struct checkpoint *last = keep(engine, model); /* behind all that the batches made due */
    struct error error;
    ck_assert(checkpoints_remove(model, last->version, NULL, &error) == ERROR_NONE);
    checkpoint_release(last);
}

START_TEST(test_automatic_checkpoints_have_the_bits_of_their_step) {
    static const char *const descriptions[] = {
        DESCRIPTION, "12-24-5 optimizer=sgd momentum=0.9 standardize", "12-24-16-5 normalized"};
    for (size_t w = 1; w <= 4; w += 3) {
        struct engine *engine = fixture_engine(w);
        for (size_t d = 0; d < 3; d++) {
            struct model *model = fixture_model(engine, "m", descriptions[d]);
            struct model *twin = fixture_model(engine, "twin", descriptions[d]);
            set_policy(engine, model, (struct checkpoint_policy){.every_steps = 5, .keep = 4});
            train_at_once(engine, model, 17);
            expect_steps(model, "5 10 15");
            struct checkpoint *list[3];
            bool more;
            EXPECT_COUNT(checkpoints_list(model, 0, 3, list, &more), 3);
            for (uint64_t i = 0; i < 3; i++) {
                fixture_train(engine, twin, 5, 8, 1 + 5 * i);
                struct checkpoint *same = keep(engine, twin);
                EXPECT_COUNT(list[i]->figures.batch, 5 * (i + 1));
                ck_assert(list[i]->bytes == same->bytes);
                ck_assert(memcmp(list[i]->numbers->head, same->numbers->head, same->bytes) == 0);
                checkpoint_release(list[i]);
                checkpoint_release(same);
            }
            remove_model(engine, model);
            remove_model(engine, twin);
        }
        fixture_end(engine);
    }
}
END_TEST

START_TEST(test_oldest_automatic_checkpoints_leave) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", DESCRIPTION);
    set_policy(engine, model, (struct checkpoint_policy){.every_steps = 1, .keep = 2});
    struct checkpoint *manual = keep(engine, model);
    train_at_once(engine, model, 9);
    expect_steps(model, "0 8 9");
    checkpoint_release(manual);
    remove_model(engine, model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_room_for_what_is_asked_for_is_taken_from_automatic_ones) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", DESCRIPTION);
    struct checkpoint *refused;
    struct error error;
    set_policy(
        engine, model,
        (struct checkpoint_policy){.every_steps = 1, .keep = 3, .best = CHECKPOINT_METRIC_LOSS});
    train_at_once(engine, model, 6);
    for (size_t i = 0; i < COUNT_MAX_OF_FIXTURE; i++) { /* the best leaves last */
        const uint64_t best = checkpoints_best_version(model);
        ck_assert((best > 0) == (i < COUNT_MAX_OF_FIXTURE));
        checkpoint_release(keep(engine, model));
    }
    EXPECT_COUNT(checkpoints_best_version(model), 0);
    const size_t before = ledger_reserved(engine_ledger(engine));
    ck_assert(try_keep(engine, model, "", &refused, &error) == ERROR_EXISTS);
    AWAIT(ledger_reserved(engine_ledger(engine)) == before);
    AWAIT(model_look(model).queue_depth == 0);
    EXPECT_COUNT(engine_statistics(engine).checkpoints_skipped, 0);
    fixture_train(engine, model, 1, 8, 99);
    AWAIT(engine_statistics(engine).checkpoints_skipped == 1);
    expect_steps(model, "6 6 6 6 6 6 6 6");
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_checkpoint_of_a_deleted_model_is_lost) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", DESCRIPTION);
    struct model *other = fixture_model(engine, "other", "2-2");
    struct checkpoint *checkpoint, *found;
    struct gate gate;
    struct latch latch;
    struct error error;
    latch_init(&latch);
    gate_shut(&gate, engine, other);
    ck_assert(try_keep(engine, model, "", &checkpoint, &error) == ERROR_NONE);
    ck_assert(checkpoints_look(model, checkpoint) == CHECKPOINT_PENDING);
    ck_assert(checkpoints_find(model, 1, &found, &error) == ERROR_NOT_FOUND);
    ck_assert(checkpoints_remove(model, 1, NULL, &error) == ERROR_NOT_FOUND);
    struct waiter *waiter = waiter_create_for_checkpoint(checkpoint);
    ck_assert(waiter_start(model, waiter, &latch.completion));
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(checkpoints_look(model, checkpoint) == CHECKPOINT_LOST);
    ck_assert(try_keep(engine, model, "", &found, &error) == ERROR_GONE);
    gate_open(&gate);
    waiter_release(waiter);
    checkpoint_release(checkpoint);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

/* ---- many at once ---- */

#define ROUNDS (FIXTURE_IS_SLOW ? 30 : 150)

struct crowd {
    struct engine *engine;
    struct model *model;
};

static void *keep_and_remove(void *argument) {
    const struct crowd *crowd = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct checkpoint *checkpoint;
        struct error error;
        if (try_keep(crowd->engine, crowd->model, "", &checkpoint, &error) == ERROR_NONE) {
            settle(crowd->model, checkpoint);
            ck_assert(checkpoints_remove(crowd->model, checkpoint->version, NULL, &error) ==
                      ERROR_NONE);
            checkpoint_release(checkpoint);
        }
    }
    return NULL;
}

static void *restore_and_ask(void *argument) {
    const struct crowd *crowd = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct checkpoint *list[COUNT_MAX_OF_FIXTURE];
        struct error error;
        struct entry *entry;
        struct latch latch;
        bool more;
        double retry_after_seconds;
        const size_t count = checkpoints_list(crowd->model, 0, COUNT_MAX_OF_FIXTURE, list, &more);
        for (size_t c = 0; c < count; c++) {
            latch_init(&latch);
            ck_assert(engine_restore(crowd->engine, crowd->model, list[c]->numbers,
                                     list[c]->version, 0, &latch.completion, &entry,
                                     &retry_after_seconds, &error) == ERROR_NONE);
            latch_wait(&latch, 1);
            EXPECT_COUNT(fixture_finish(entry).step, list[c]->figures.step);
            checkpoint_release(list[c]);
        }
    }
    return NULL;
}

START_TEST(test_checkpoints_come_and_go_while_a_model_trains) {
    struct engine *engine = fixture_engine(3);
    struct model *model = fixture_model(engine, "m", DESCRIPTION);
    struct crowd crowd = {engine, model};
    pthread_t threads[3];
    set_policy(engine, model,
               (struct checkpoint_policy){
                   .every_steps = 2, .keep = 2, .best = CHECKPOINT_METRIC_ACCURACY});
    for (size_t i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, i < 2 ? keep_and_remove : restore_and_ask, &crowd);
    }
    fixture_train(engine, model, ROUNDS, 8, 1);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_checkpoints(void) {
    Suite *suite = suite_create("engine_checkpoints");
    TCase *tests = tcase_create("checkpoints");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_automatic_checkpoints_have_the_bits_of_their_step);
    tcase_add_test(tests, test_oldest_automatic_checkpoints_leave);
    tcase_add_test(tests, test_room_for_what_is_asked_for_is_taken_from_automatic_ones);
    tcase_add_test(tests, test_checkpoint_of_a_deleted_model_is_lost);
    tcase_add_test(tests, test_checkpoints_come_and_go_while_a_model_trains);
    suite_add_tcase(suite, tests);
    return suite;
}
