/* The same create call and the same batches give the same weights on any number of
 * workers, idle or beside three other models in training.
 *
 * With ENGINE_BITS=full in the environment, the long trainings, and a line printed for
 * each:  ENGINE_BITS=full CK_RUN_SUITE=engine_bits build/unit */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/product.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static const size_t workers[] = {1, 2, 3, 7, 16};
#define WORKERS (sizeof workers / sizeof *workers)

/* The rows of batch b, by turns. */
struct training {
    const char *description;
    size_t batches, full_batches;
    size_t rows[6]; /* 0 ends */
};

static const struct training trainings[] = {
    {"16-256-128-26", 8, 200, {100}},
    {"784-256-128-10", 3, 60, {128}},
    {"784-256-128-10", 3, 60, {97}},
    {"1024-1024-1024-1000 optimizer=sgd momentum=0.9", 0, 20, {256}},
    {"1024-1024-1024-1000", 0, 20, {256}},
    {"16-256-128-26 dropout=0.25", 6, 200, {100}}, /* of a slow run the only one */
    {"784-256-128-10 dropout=0.2 standardize clip_norm=1", 3, 60, {128}},
    {"784-256-128-10", 6, 60, {1}},
    {"200-400-200-10 optimizer=rmsprop", 10, 60, {300, 1, 64, 97, 512}},
    {"200-400-3 optimizer=adagrad mse standardize", 6, 60, {250, 33}},
    {"784-256-128-10 normalized dropout=0.2", 3, 60, {128, 1, 97}},
};
#define TRAININGS (sizeof trainings / sizeof *trainings)

static const char *const load_descriptions[3] = {"300-400-300-10", "16-32-4 dropout=0.1",
                                                 "100-200-2 optimizer=sgd"};
static const size_t load_rows[3] = {FIXTURE_IS_SLOW ? 8 : 128, 32, FIXTURE_IS_SLOW ? 20 : 200};

static size_t rows_of(const struct training *training, size_t batch) {
    size_t kinds = 1;
    while (kinds < 6 && training->rows[kinds] > 0) {
        kinds++;
    }
    return training->rows[batch % kinds];
}

/* Train in an engine of its own; returns the tiles that helpers computed. */
static uint64_t train(const struct training *training, size_t batches, size_t worker_count,
                      bool loaded, char hash[FIXTURE_HASH_BYTES]) {
    struct engine *engine = fixture_engine(worker_count);
    struct model *model = fixture_model(engine, "m", training->description);
    struct model *loads[3];
    struct entry *last = NULL;
    for (size_t l = 0; loaded && l < 3; l++) {
        char name[32];
        snprintf(name, sizeof name, "load-%zu", l);
        loads[l] = fixture_model(engine, name, load_descriptions[l]);
    }
    for (size_t b = 0; b < batches; b++) {
        for (size_t l = 0; loaded && l < 3; l++) {
            entry_release(fixture_post(engine, loads[l], load_rows[l], b));
        }
        if (last != NULL) {
            entry_release(last);
        }
        last = fixture_post(engine, model, rows_of(training, b), b);
    }
    ck_assert(fixture_finish(last).state == ENTRY_DONE);
    fixture_hash(engine, model, hash);
    for (size_t l = 0; loaded && l < 3; l++) {
        model_release(loads[l]);
    }
    const uint64_t helped = engine_look(engine).tiles_helped;
    model_release(model);
    fixture_end(engine);
    return helped;
}

static void compare(const struct training *training, bool full, uint64_t *helped) {
    const size_t batches = full              ? training->full_batches
                           : FIXTURE_IS_SLOW ? training->batches / 3
                                             : training->batches;
    char first[FIXTURE_HASH_BYTES] = "", hash[FIXTURE_HASH_BYTES];
    uint64_t helped_here = 0;
    for (size_t w = 0; w < WORKERS; w++) {
        for (int loaded = 0; loaded < 2; loaded++) {
            const uint64_t tiles = train(training, batches, workers[w], loaded, hash);
            ck_assert_msg(workers[w] > 1 || tiles == 0, "one worker was helped");
            helped_here += loaded ? 0 : tiles;
            if (first[0] == '\0') {
                memcpy(first, hash, sizeof first);
            }
            ck_assert_msg(strcmp(hash, first) == 0, "%s on %zu workers, %s: %s, on one: %s",
                          training->description, workers[w], loaded ? "loaded" : "idle", hash,
                          first);
        }
    }
    *helped += helped_here;
    if (full) {
        printf("%-52s %3zu × %3zu%s  %.16s  %llu tiles helped\n", training->description, batches,
               training->rows[0], training->rows[1] > 0 ? " …" : "", first,
               (unsigned long long)helped_here);
        fflush(stdout);
    }
}

/* Of the trainings of an ordinary run. */
static bool is_short(const struct training *training) {
    return training->batches > 0 &&
           (!FIXTURE_IS_SLOW || strstr(training->description, "dropout=0.25") != NULL);
}

START_TEST(test_the_number_of_workers_and_their_load_change_no_bit) {
    const char *length = getenv("ENGINE_BITS");
    const bool full = length != NULL && strcmp(length, "full") == 0;
    uint64_t helped = 0;
    if (full) {
        printf("%s; workers 1, 2, 3, 7, 16, idle and beside three models\n", product_description());
    }
    for (size_t t = 0; t < TRAININGS; t++) {
        if (full || is_short(&trainings[t])) {
            compare(&trainings[t], full, &helped);
        }
    }
    ck_assert_msg(helped > 0, "no batch was shared");
}
END_TEST

Suite *suite_engine_bits(void) {
    Suite *suite = suite_create("engine_bits");
    TCase *tests = tcase_create("bits");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, test_the_number_of_workers_and_their_load_change_no_bit);
    suite_add_tcase(suite, tests);
    return suite;
}
