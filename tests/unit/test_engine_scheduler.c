/* core/engine/scheduler.h: the order of turns, with turns that only write down who had
 * them; and the bound on a quiet model's wait, counted in turns of a live engine. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/engine/scheduler.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* --- turns that are written down -------------------------------------------------- */

#define DIARY_MAX 4096

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[DIARY_MAX];  /* a letter a turn: upper case predicting, digit answering */
    bool closed, entered;  /* turns wait while it is closed */
    char again[DIARY_MAX]; /* of a training turn: models that list themselves again */
} diary = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void write_down(const char *name, char offset) {
    pthread_mutex_lock(&diary.lock);
    const size_t length = strlen(diary.text);
    ck_assert(length + 1 < DIARY_MAX);
    diary.text[length] = (char)(name[0] + offset);
    diary.text[length + 1] = '\0';
    diary.entered = true;
    pthread_cond_broadcast(&diary.changed);
    while (diary.closed) {
        pthread_cond_wait(&diary.changed, &diary.lock);
    }
    pthread_mutex_unlock(&diary.lock);
}

static size_t diary_length(void) {
    pthread_mutex_lock(&diary.lock);
    const size_t length = strlen(diary.text);
    pthread_mutex_unlock(&diary.lock);
    return length;
}

static void set_closed(bool closed) {
    pthread_mutex_lock(&diary.lock);
    diary.closed = closed;
    pthread_cond_broadcast(&diary.changed);
    pthread_mutex_unlock(&diary.lock);
}

static void training_turn(struct worker *worker, struct model *model) {
    write_down(model->name, 0);
    pthread_mutex_lock(&diary.lock);
    char *again = strchr(diary.again, model->name[0]);
    if (again != NULL) {
        *again = ' ';
    }
    pthread_mutex_unlock(&diary.lock);
    if (again != NULL) {
        scheduler_list(worker->scheduler, model, TURN_TRAINING);
    }
}

static void predicting_turn(struct worker *worker, struct model *model) {
    (void)worker;
    write_down(model->name, 'A' - 'a');
}

static void answering_turn(struct worker *worker, struct model *model) {
    (void)worker;
    write_down(model->name, '1' - 'a');
}

static turn_function *const diary_turns[TURN_COUNT] = {
    [TURN_PREDICTING] = predicting_turn,
    [TURN_TRAINING] = training_turn,
    [TURN_ANSWERING] = answering_turn,
};

#define MODELS 9

struct stage {
    struct bare bare;
    struct scheduler scheduler;
    struct model *models[MODELS]; /* a, b, c … */
};

/* The one worker stands in a training turn of the last model until set_closed(false). */
static void begin(struct stage *stage) {
    struct error error;
    bare_begin(&stage->bare, 10);
    for (size_t i = 0; i < MODELS; i++) {
        stage->models[i] = bare_model(&stage->bare, (const char[]){(char)('a' + i), '\0'}, NULL);
    }
    diary.text[0] = diary.again[0] = '\0';
    diary.entered = false;
    diary.closed = true;
    ck_assert(scheduler_start(&stage->scheduler, 1, diary_turns, &stage->bare.ledger,
                              &stage->bare.backlog, &error) == ERROR_NONE);
    scheduler_list(&stage->scheduler, stage->models[MODELS - 1], TURN_TRAINING);
    AWAIT(diary_length() == 1);
    diary.text[0] = '\0';
}

/* Wait for so many turns; what they were. */
static const char *run(size_t turns) {
    set_closed(false);
    AWAIT(diary_length() >= turns);
    return diary.text;
}

static void end(struct stage *stage) {
    set_closed(false);
    scheduler_stop(&stage->scheduler);
    for (size_t i = 0; i < MODELS; i++) {
        model_release(stage->models[i]);
    }
    bare_end(&stage->bare);
}

START_TEST(test_models_have_their_turns_in_the_order_of_listing) {
    struct stage stage;
    begin(&stage);
    scheduler_list(&stage.scheduler, stage.models[2], TURN_TRAINING);
    scheduler_list(&stage.scheduler, stage.models[0], TURN_TRAINING);
    scheduler_list(&stage.scheduler, stage.models[1], TURN_TRAINING);
    EXPECT_TEXT(run(3), "cab");
    end(&stage);
}
END_TEST

START_TEST(test_a_model_is_at_most_once_in_a_list) {
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 5; i++) {
        scheduler_list(&stage.scheduler, stage.models[0], TURN_TRAINING);
        scheduler_list(&stage.scheduler, stage.models[1], TURN_TRAINING);
    }
    scheduler_list(&stage.scheduler, stage.models[2], TURN_TRAINING);
    EXPECT_TEXT(run(3), "abc");
    end(&stage);
    EXPECT_TEXT(diary.text, "abc");
}
END_TEST

START_TEST(test_a_model_with_work_left_goes_behind_all_others) {
    struct stage stage;
    begin(&stage);
    strcpy(diary.again, "aaa");
    scheduler_list(&stage.scheduler, stage.models[0], TURN_TRAINING);
    for (size_t i = 1; i < 6; i++) {
        scheduler_list(&stage.scheduler, stage.models[i], TURN_TRAINING);
    }
    EXPECT_TEXT(run(9), "abcdefaaa");
    end(&stage);
}
END_TEST

START_TEST(test_predictions_go_first_and_the_long_ones_take_turns_with_training) {
    struct stage stage;
    begin(&stage);
    for (size_t i = 0; i < 3; i++) {
        scheduler_list(&stage.scheduler, stage.models[i], TURN_TRAINING);
        scheduler_list(&stage.scheduler, stage.models[i], TURN_ANSWERING);
        scheduler_list(&stage.scheduler, stage.models[i], TURN_PREDICTING);
    }
    /* The turn that it stands in was a training one. */
    EXPECT_TEXT(run(9), "ABC1a2b3c");
    end(&stage);
}
END_TEST

START_TEST(test_a_flood_of_predictions_lets_training_through) {
    struct stage stage;
    begin(&stage);
    for (size_t i = 0; i < MODELS; i++) {
        scheduler_list(&stage.scheduler, stage.models[i], TURN_PREDICTING);
    }
    scheduler_list(&stage.scheduler, stage.models[0], TURN_TRAINING);
    EXPECT_COUNT(PREDICTING_IN_A_ROW, 8);
    EXPECT_TEXT(run(10), "ABCDEFGHaI");
    end(&stage);
}
END_TEST

START_TEST(test_scratch_is_reserved_once_for_every_worker) {
    struct stage stage;
    struct error error;
    begin(&stage);
    const size_t before = ledger_reserved(&stage.bare.ledger);
    ck_assert(scheduler_reserve_scratch(&stage.scheduler, TURN_TRAINING, 1000, &error) ==
              ERROR_NONE);
    ck_assert(scheduler_reserve_scratch(&stage.scheduler, TURN_TRAINING, 900, &error) ==
              ERROR_NONE);
    ck_assert(scheduler_reserve_scratch(&stage.scheduler, TURN_ANSWERING, 500, &error) ==
              ERROR_NONE);
    EXPECT_COUNT(ledger_reserved(&stage.bare.ledger), before + 1500);
    ck_assert(scheduler_reserve_scratch(&stage.scheduler, TURN_TRAINING, SIZE_MAX, &error) ==
              ERROR_MEMORY);
    EXPECT_COUNT(ledger_reserved(&stage.bare.ledger), before + 1500);
    end(&stage);
}
END_TEST

START_TEST(test_models_that_are_listed_at_the_end_are_released) {
    struct stage stage;
    begin(&stage);
    for (size_t i = 0; i + 1 < MODELS; i++) {
        scheduler_list(&stage.scheduler, stage.models[i], TURN_TRAINING);
    }
    pthread_mutex_lock(&stage.scheduler.lock);
    stage.scheduler.stop = true;
    pthread_mutex_unlock(&stage.scheduler.lock);
    end(&stage);
    EXPECT_TEXT(diary.text, "");
}
END_TEST

/* --- fairness in a live engine ---------------------------------------------------- */

#define QUIET_MODELS 200
#define FLOODED_MAX 8

/* Who finished, in order: a quiet model's number, or FLOOD. */
#define FLOOD QUIET_MODELS
static struct {
    pthread_mutex_t lock;
    size_t order[4096];
    size_t count;
} finished = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct finish {
    struct completion completion;
    struct waiter *waiter;
    struct entry *entry;
    size_t who;
};

static void write_finish(struct completion *completion) {
    const struct finish *finish = (const struct finish *)completion;
    pthread_mutex_lock(&finished.lock);
    finished.order[finished.count++] = finish->who;
    pthread_mutex_unlock(&finished.lock);
}

static size_t finished_count(void) {
    pthread_mutex_lock(&finished.lock);
    const size_t count = finished.count;
    pthread_mutex_unlock(&finished.lock);
    return count;
}

static void post(struct finish *finish, struct engine *engine, struct model *model, size_t rows,
                 size_t who) {
    finish->completion.complete = write_finish;
    finish->who = who;
    finish->entry = fixture_post(engine, model, rows, who);
    finish->waiter = waiter_create(WAIT_FOR_ENTRY, 0, finish->entry);
    ck_assert(waiter_start(model, finish->waiter, &finish->completion));
}

static void forget(struct finish *finish) {
    waiter_release(finish->waiter);
    entry_release(finish->entry);
}

/* Batches of the flood that were finished before the quiet ones, but for those that
 * other workers had in their hands: the system may take the CPU from them for long. */
static size_t floods_before_quiet(size_t workers) {
    size_t floods = 0, quiet = 0;
    for (size_t i = 0; i < finished.count && quiet < QUIET_MODELS - (workers - 1); i++) {
        floods += finished.order[i] == FLOOD;
        quiet += finished.order[i] != FLOOD;
    }
    return floods;
}

/* `flooded` models with `depth` batches each stand in front of 200 quiet ones with one. */
static size_t flood(size_t workers, size_t flooded, const char *description, size_t depth,
                    size_t rows) {
    static struct finish floods[FLOODED_MAX * 300], quiet[QUIET_MODELS];
    struct model *flood_models[FLOODED_MAX], *quiet_models[QUIET_MODELS], *gate_models[4];
    struct gate gates[4];
    char name[32];
    struct engine *engine = fixture_engine(workers);
    finished.count = 0;
    for (size_t w = 0; w < workers; w++) {
        snprintf(name, sizeof name, "gate-%zu", w);
        gate_models[w] = fixture_model(engine, name, "2-2");
    }
    for (size_t f = 0; f < flooded; f++) {
        snprintf(name, sizeof name, "flood-%zu", f);
        flood_models[f] = fixture_model(engine, name, description);
    }
    for (size_t q = 0; q < QUIET_MODELS; q++) {
        snprintf(name, sizeof name, "quiet-%zu", q);
        quiet_models[q] = fixture_model(engine, name, "4-3");
    }
    for (size_t w = 0; w < workers; w++) {
        gate_shut(&gates[w], engine, gate_models[w]);
    }
    for (size_t d = 0; d < depth; d++) {
        for (size_t f = 0; f < flooded; f++) {
            post(&floods[d * flooded + f], engine, flood_models[f], rows, FLOOD);
        }
    }
    for (size_t q = 0; q < QUIET_MODELS; q++) {
        post(&quiet[q], engine, quiet_models[q], 1, q);
    }
    for (size_t w = 0; w < workers; w++) {
        gate_open(&gates[w]);
    }
    AWAIT(finished_count() == QUIET_MODELS + flooded * depth);
    for (size_t i = 0; i < flooded * depth; i++) {
        forget(&floods[i]);
    }
    for (size_t q = 0; q < QUIET_MODELS; q++) {
        forget(&quiet[q]);
        model_release(quiet_models[q]);
    }
    for (size_t f = 0; f < flooded; f++) {
        model_release(flood_models[f]);
    }
    for (size_t w = 0; w < workers; w++) {
        model_release(gate_models[w]);
    }
    fixture_end(engine);
    return floods_before_quiet(workers);
}

/* The flooded model stands before all quiet ones once; its second turn comes after
 * theirs.  The other workers may finish turns that began before the last quiet one. */
START_TEST(test_a_model_flooded_with_large_batches_has_one_turn_before_200_quiet_ones) {
    for (size_t workers = 1; workers <= 3; workers++) {
        const size_t before = flood(workers, 1, "300-300-300", 12, 64);
        ck_assert_msg(before <= workers, "%zu workers: %zu large batches before the last quiet one",
                      workers, before);
    }
}
END_TEST

START_TEST(test_eight_models_flooded_with_small_batches_have_one_turn_each_before_them) {
    /* A batch is 3 · 16 rows · 2·(64·64 + 64·8) + 10,000 of work, and a turn ends with
     * the batch that makes it TRAINING_TURN_WORK: the 45th. */
    const size_t a_turn = 45;
    for (size_t workers = 1; workers <= 3; workers++) {
        const size_t before = flood(workers, 8, "64-64-8 optimizer=sgd", 150, 16);
        ck_assert_msg(before <= (8 + workers - 1) * a_turn, "%zu workers: %zu small batches",
                      workers, before);
        ck_assert_msg(before < 8 * 150, "%zu workers: every flood before the last quiet one",
                      workers);
    }
}
END_TEST

/* A helper looks for the next batch before it sleeps.  What comes just when it gives up
 * must not pass unnoticed: here the end, at one time after another. */
START_TEST(test_a_helper_that_stops_looking_for_work_notices_the_end) {
    enum { ROUNDS = FIXTURE_IS_SLOW ? 10 : 100, STEP = 4000 };
    for (int round = 0; round < ROUNDS; round++) {
        struct engine *engine = fixture_engine(3);
        struct model *model = fixture_model(engine, "m", "100-300-300-10");
        fixture_train(engine, model, 2, 200, 1);
        nanosleep(&(struct timespec){.tv_nsec = round * STEP}, NULL);
        model_release(model);
        fixture_end(engine);
    }
}
END_TEST

Suite *suite_engine_scheduler(void) {
    Suite *suite = suite_create("engine_scheduler");
    TCase *tests = tcase_create("scheduler");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_models_have_their_turns_in_the_order_of_listing);
    tcase_add_test(tests, test_a_model_is_at_most_once_in_a_list);
    tcase_add_test(tests, test_a_model_with_work_left_goes_behind_all_others);
    tcase_add_test(tests, test_predictions_go_first_and_the_long_ones_take_turns_with_training);
    tcase_add_test(tests, test_a_flood_of_predictions_lets_training_through);
    tcase_add_test(tests, test_scratch_is_reserved_once_for_every_worker);
    tcase_add_test(tests, test_models_that_are_listed_at_the_end_are_released);
    tcase_add_test(tests,
                   test_a_model_flooded_with_large_batches_has_one_turn_before_200_quiet_ones);
    tcase_add_test(tests,
                   test_eight_models_flooded_with_small_batches_have_one_turn_each_before_them);
    tcase_add_test(tests, test_a_helper_that_stops_looking_for_work_notices_the_end);
    suite_add_tcase(suite, tests);
    return suite;
}
