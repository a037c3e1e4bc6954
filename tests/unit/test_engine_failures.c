/* Every allocation of the engine failing in turn: a clean error each time, and the
 * ledger back at its figure.  Leaks are the business of the sanitizer's run. */
#include <check.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "core/engine/state.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define FAILURES_MAX 200 /* of one call; more are a loop that does not end */

START_TEST(test_an_engine_that_cannot_be_made_says_so) {
    const struct engine_settings settings = {
        .workers = 3, .memory_bytes_max = 1 << 30, .queue_max = 10, .keys_max = 10};
    long n = 0;
    for (enum error_code code = ERROR_MEMORY; code != ERROR_NONE; n++) {
        struct engine *engine = NULL;
        struct error error = {.code = ERROR_NONE};
        ck_assert(n < FAILURES_MAX);
        memory_fail_after(n);
        code = engine_create(&settings, &engine, &error);
        memory_fail_after(-1);
        if (code == ERROR_NONE) {
            fixture_end(engine);
        } else {
            ck_assert(code == ERROR_MEMORY && error.message[0] != '\0');
        }
    }
    ck_assert_msg(n > 2, "%ld allocations", n);
}
END_TEST

/* What a call needs, and what it made, to be undone. */
struct stage {
    struct engine *engine;
    struct model *model;
    struct examples examples;
    const char *description;            /* NULL: the call takes no specification */
    struct specification specification; /* new for each attempt */
    struct state *state;                /* referenced: what was taken */
    struct latch latch;
};

typedef enum error_code attempt(struct stage *stage, struct error *error);

/* Let the n-th allocation of `try` fail for n = 0, 1, …, until it succeeds.  Between
 * two attempts everything is as it was. */
static void fail_in_turn(struct stage *stage, const char *what, attempt *try, long at_least) {
    const struct ledger *ledger = engine_ledger(stage->engine);
    const size_t before = ledger_reserved(ledger);
    const size_t models = engine_look(stage->engine).models;
    long n = 0;
    for (enum error_code code = ERROR_MEMORY; code != ERROR_NONE; n++) {
        struct error error = {.code = ERROR_NONE};
        ck_assert_msg(n < FAILURES_MAX, "%s: still failing", what);
        latch_init(&stage->latch);
        if (stage->description != NULL) {
            fixture_specify(&stage->specification, stage->description);
        }
        memory_fail_after(n);
        code = try(stage, &error);
        memory_fail_after(-1);
        ck_assert_msg(code == ERROR_NONE || code == ERROR_MEMORY, "%s, allocation %ld: code %d",
                      what, n, (int)code);
        if (code == ERROR_MEMORY) {
            ck_assert_msg(error.code == ERROR_MEMORY && error.message[0] != '\0',
                          "%s, allocation %ld: no message", what, n);
            EXPECT_COUNT(latch_calls(&stage->latch), 0);
            AWAIT(ledger_reserved(ledger) == before);
            EXPECT_COUNT(engine_look(stage->engine).models, models);
            EXPECT_COUNT(engine_look(stage->engine).backlog, 0);
            EXPECT_COUNT(model_look(stage->model).queue_depth, 0);
        }
    }
    ck_assert_msg(n > at_least, "%s: %ld allocations failed", what, n - 1);
}

static void begin(struct stage *stage, const char *description) {
    struct error error;
    *stage = (struct stage){.engine = fixture_engine(1)};
    /* The first of its kind reserves scratch, which stays. */
    struct model *first = fixture_model(stage->engine, "first", description);
    fixture_train(stage->engine, first, 1, 60, 1);
    ck_assert(engine_delete_model(stage->engine, first, 0, NULL, NULL, &error) == ERROR_NONE);
    model_release(first);
    stage->model = fixture_model(stage->engine, "m", description);
    AWAIT(engine_look(stage->engine).backlog == 0);
    examples_init(&stage->examples, NULL);
    fixture_fill(&stage->examples, stage->model, 60, 1);
}

static void end(struct stage *stage) {
    examples_free(&stage->examples);
    model_release(stage->model);
    fixture_end(stage->engine);
}

/* So that no worker allocates, frees or releases while an attempt is made, it is
 * waited for until all are idle: their turns have ended. */

static enum error_code try_model(struct stage *stage, struct error *error) {
    struct model *model;
    bool repeated;
    const enum error_code code =
        engine_create_model(stage->engine, "new", &stage->specification, NULL, NULL,
                            &stage->latch.completion, &model, &repeated, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        model_release(model);
    }
    return code;
}

START_TEST(test_a_model_that_cannot_be_made_leaves_nothing) {
    static const char *const descriptions[] = {"30-20-5 named weighted",
                                               "30-20-5 optimizer=adagrad standardize"};
    for (size_t d = 0; d < 2; d++) {
        struct stage stage;
        begin(&stage, descriptions[d]);
        stage.description = descriptions[d];
        fail_in_turn(&stage, "a model", try_model, 5);
        end(&stage);
    }
}
END_TEST

static enum error_code try_batch(struct stage *stage, struct error *error) {
    double retry_after_seconds;
    struct entry *entry = entry_create_batch(stage->model, &stage->examples);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for an entry");
    }
    struct key_record *former;
    const enum error_code code =
        engine_submit_batches(stage->engine, &(struct submission){.batches = &entry, .count = 1},
                              &stage->latch.completion, &former, &retry_after_seconds, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    } else {
        examples_move(&stage->examples, &entry->set->examples);
        entry_release(entry);
    }
    return code;
}

START_TEST(test_a_batch_that_cannot_be_taken_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5");
    fail_in_turn(&stage, "a batch", try_batch, 1);
    end(&stage);
}
END_TEST

/* The n-th failure for a submission under a key that is new, or that stands already. */
static enum error_code post_keyed(struct stage *stage, const char *key, struct error *error) {
    double retry_after_seconds;
    struct key_record *record = NULL;
    struct key_record *former = NULL;
    struct entry *entry = NULL;
    enum error_code code = key_record_create(key, engine_ledger(stage->engine), &record, error);
    if (code == ERROR_NONE) {
        entry = entry_create_batch(stage->model, &stage->examples);
        code = entry != NULL ? ERROR_NONE
                             : error_set(error, ERROR_MEMORY, NULL, "no memory for an entry");
    }
    if (code == ERROR_NONE) {
        const struct submission submission = {.batches = &entry, .count = 1, .record = record};
        code = engine_submit_batches(stage->engine, &submission, &stage->latch.completion, &former,
                                     &retry_after_seconds, error);
    }
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        AWAIT(engine_look(stage->engine).backlog == 0);
    }
    if (entry != NULL && (code != ERROR_NONE || former != NULL)) {
        examples_move(&stage->examples, &entry->set->examples);
    }
    if (entry != NULL) {
        entry_release(entry);
    }
    key_record_release(record);
    key_record_release(former);
    return code;
}

static enum error_code try_keyed_batch(struct stage *stage, struct error *error) {
    return post_keyed(stage, "k", error);
}

START_TEST(test_a_key_that_cannot_be_kept_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5");
    fixture_train(stage.engine, stage.model, 1, 60, 1); /* the history has its place */
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "a batch with a key", try_keyed_batch, 3);
    fixture_fill(&stage.examples, stage.model, 60, 1);
    EXPECT_COUNT(stage.model->keys.count, 1);
    fail_in_turn(&stage, "a repeat", try_keyed_batch, 3);
    EXPECT_COUNT(model_look(stage.model).step, 2);
    end(&stage);
}
END_TEST

static enum error_code try_keyed_model(struct stage *stage, struct error *error) {
    struct model *model = NULL;
    bool repeated;
    struct key_record *record = NULL;
    enum error_code code = key_record_create("k", engine_ledger(stage->engine), &record, error);
    if (code == ERROR_NONE) {
        code = engine_create_model(stage->engine, "new", &stage->specification, NULL, record,
                                   &stage->latch.completion, &model, &repeated, error);
    } else {
        specification_free(&stage->specification);
    }
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        model_release(model);
    }
    key_record_release(record);
    return code;
}

START_TEST(test_a_model_with_a_key_that_cannot_be_made_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5");
    stage.description = "30-20-5";
    fail_in_turn(&stage, "a model with a key", try_keyed_model, 7);
    fail_in_turn(&stage, "a repeated creation", try_keyed_model, 1);
    EXPECT_COUNT(engine_look(stage.engine).models, 2);
    end(&stage);
}
END_TEST

static enum error_code try_prediction(struct stage *stage, struct error *error) {
    struct query *query;
    const enum error_code code =
        query_create(stage->model, QUERY_PREDICTION, &stage->examples, NULL, &query, error);
    if (code == ERROR_NONE) {
        query_release(query);
    } else {
        ck_assert_msg(stage->examples.rows == 60, "the examples are gone");
    }
    return code;
}

static enum error_code try_evaluation(struct stage *stage, struct error *error) {
    struct query *query;
    const struct evaluation_request request = {
        .top_k = 2, .confusion_matrix = true, .per_example = true};
    const enum error_code code =
        query_create(stage->model, QUERY_EVALUATION, &stage->examples, &request, &query, error);
    if (code == ERROR_NONE) {
        query_release(query);
    }
    return code;
}

static enum error_code try_hash(struct stage *stage, struct error *error) {
    struct query *query;
    const enum error_code code =
        query_create(stage->model, QUERY_WEIGHTS_HASH, NULL, NULL, &query, error);
    if (code == ERROR_NONE) {
        query_release(query);
    }
    return code;
}

START_TEST(test_a_query_that_cannot_be_made_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5");
    fail_in_turn(&stage, "a prediction", try_prediction, 1);
    fixture_fill(&stage.examples, stage.model, 60, 1);
    fail_in_turn(&stage, "an evaluation", try_evaluation, 3);
    fail_in_turn(&stage, "a hash", try_hash, 1);
    end(&stage);
}
END_TEST

static enum error_code try_settings(struct stage *stage, struct error *error) {
    struct entry *entry;
    const enum error_code code =
        fixture_try_change(stage->engine, stage->model, ENTRY_SETTINGS, 0.5, 0.9, 0, &entry, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

static enum error_code try_reset(struct stage *stage, struct error *error) {
    struct entry *entry;
    const enum error_code code =
        fixture_try_change(stage->engine, stage->model, ENTRY_RESET, 0, 0, 9, &entry, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

START_TEST(test_a_change_that_cannot_be_taken_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5 optimizer=sgd weighted");
    fail_in_turn(&stage, "settings with a slot", try_settings, 2);
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "a reset", try_reset, 2);
    end(&stage);
}
END_TEST

static enum error_code try_clone(struct stage *stage, struct error *error) {
    struct entry *entry;
    double retry_after_seconds;
    const enum error_code code =
        engine_clone_model(stage->engine, stage->model, "copy", 0, &stage->latch.completion, &entry,
                           &retry_after_seconds, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

START_TEST(test_a_clone_that_cannot_be_made_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5 standardize named weighted");
    fail_in_turn(&stage, "a clone", try_clone, 6);
    end(&stage);
}
END_TEST

static enum error_code try_take(struct stage *stage, struct error *error) {
    struct entry *entry;
    double retry_after_seconds;
    const enum error_code code =
        engine_take_state(stage->engine, stage->model, 0, &stage->latch.completion, &entry,
                          &retry_after_seconds, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        state_release(stage->state);
        stage->state = state_reference(entry->numbers);
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

static enum error_code try_restore(struct stage *stage, struct error *error) {
    struct entry *entry;
    double retry_after_seconds;
    const enum error_code code =
        engine_restore(stage->engine, stage->model, stage->state, 0, 0, &stage->latch.completion,
                       &entry, &retry_after_seconds, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

START_TEST(test_a_state_that_cannot_be_taken_or_restored_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5 weighted");
    fail_in_turn(&stage, "taking a state", try_take, 2);
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "a restore", try_restore, 2);
    state_release(stage.state);
    end(&stage);
}
END_TEST

static enum error_code try_checkpoint(struct stage *stage, struct error *error) {
    struct checkpoint *checkpoint;
    bool repeated;
    double retry_after_seconds;
    const enum error_code code =
        engine_checkpoint(stage->engine, stage->model, "a note", NULL, 0, &stage->latch.completion,
                          &checkpoint, &repeated, &retry_after_seconds, error);
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        AWAIT(checkpoints_look(stage->model, checkpoint) == CHECKPOINT_KEPT);
        checkpoint_release(checkpoint);
    }
    return code;
}

static enum error_code try_promotion(struct stage *stage, struct error *error) {
    struct entry *entry;
    double retry_after_seconds;
    struct checkpoint *adopted;
    enum error_code code = engine_adopt(stage->model, stage->state, "new", &adopted, error);
    if (code == ERROR_NONE) {
        code = engine_promote(stage->engine, stage->model, stage->state, adopted->version, "old",
                              &stage->latch.completion, &entry, &retry_after_seconds, error);
        if (code != ERROR_NONE) {
            struct error ignored;
            (void)checkpoints_remove(stage->model, adopted->version, NULL, &ignored);
        }
        checkpoint_release(adopted);
    }
    memory_fail_after(-1); /* what follows is the test's own */
    if (code == ERROR_NONE) {
        latch_wait(&stage->latch, 1);
        ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    }
    return code;
}

START_TEST(test_a_checkpoint_that_cannot_be_kept_leaves_nothing) {
    struct stage stage;
    begin(&stage, "30-20-5 weighted");
    fixture_train(stage.engine, stage.model, 1, 60, 1); /* the history has its place */
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "a checkpoint", try_checkpoint, 4);
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "taking a state", try_take, 2);
    AWAIT(engine_look(stage.engine).backlog == 0);
    fail_in_turn(&stage, "a promotion", try_promotion, 5);
    EXPECT_COUNT(stage.model->checkpoints.count, 3);
    state_release(stage.state);
    end(&stage);
}
END_TEST

START_TEST(test_a_waiter_that_cannot_be_made_is_null) {
    memory_fail_after(0);
    ck_assert(waiter_create(WAIT_FOR_STEP, 1, NULL) == NULL);
    memory_fail_after(-1);
}
END_TEST

/* What is acknowledged is done, even if a worker finds no memory for a while. */
START_TEST(test_a_worker_without_memory_for_scratch_tries_again) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "30-20-5");
    struct model *other = fixture_model(engine, "other", "3-2");
    struct gate gate;
    gate_shut(&gate, engine, other);
    struct entry *entry = fixture_post(engine, model, 500, 1);
    memory_fail_after(0);
    gate_open(&gate);
    AWAIT(model_look(model).step == 1);
    memory_fail_after(-1);
    entry_release(entry);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_failures(void) {
    Suite *suite = suite_create("engine_failures");
    TCase *tests = tcase_create("failures");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_an_engine_that_cannot_be_made_says_so);
    tcase_add_test(tests, test_a_model_that_cannot_be_made_leaves_nothing);
    tcase_add_test(tests, test_a_batch_that_cannot_be_taken_leaves_nothing);
    tcase_add_test(tests, test_a_key_that_cannot_be_kept_leaves_nothing);
    tcase_add_test(tests, test_a_model_with_a_key_that_cannot_be_made_leaves_nothing);
    tcase_add_test(tests, test_a_query_that_cannot_be_made_leaves_nothing);
    tcase_add_test(tests, test_a_change_that_cannot_be_taken_leaves_nothing);
    tcase_add_test(tests, test_a_clone_that_cannot_be_made_leaves_nothing);
    tcase_add_test(tests, test_a_state_that_cannot_be_taken_or_restored_leaves_nothing);
    tcase_add_test(tests, test_a_checkpoint_that_cannot_be_kept_leaves_nothing);
    tcase_add_test(tests, test_a_waiter_that_cannot_be_made_is_null);
    tcase_add_test(tests, test_a_worker_without_memory_for_scratch_tries_again);
    suite_add_tcase(suite, tests);
    return suite;
}
