/* core/engine/state.h and the entries made of it: a model's numbers are taken at a place of its
 * order and put back at another, to the bit. */
#include <check.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/state.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* With no slot, one and two, statistics of inputs and of layers. */
static const char *const descriptions[] = {
    "12-24-5 optimizer=sgd dropout=0.3",
    "12-24-5 optimizer=sgd momentum=0.9 weighted",
    "12-24-5 optimizer=adam",
    "12-24-3 optimizer=adagrad mse standardize",
    "12-24-16-5 optimizer=adam normalized dropout=0.2 standardize",
};
#define DESCRIPTIONS (sizeof descriptions / sizeof *descriptions)

static const size_t workers[] = {1, 4};

#define TAKEN_AT 7 /* batches; and as many behind */

static struct entry *take(struct engine *engine, struct model *model) {
    struct entry *entry = NULL;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    ck_assert_msg(engine_take_state(engine, model, 0, &latch.completion, &entry,
                                    &retry_after_seconds, &error) == ERROR_NONE,
                  "%s", error.message);
    latch_wait(&latch, 1);
    return entry;
}

/* The state once it is there, referenced. */
static struct state *taken(struct entry *entry) {
    struct state *state = state_reference(entry->numbers);
    ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    return state;
}

static struct entry *restore(struct engine *engine, struct model *model, struct state *state) {
    struct entry *entry = NULL;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    ck_assert_msg(engine_restore(engine, model, state, 0, 0, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_NONE,
                  "%s", error.message);
    latch_wait(&latch, 1);
    return entry;
}

static void post(struct engine *engine, struct model *model, uint64_t first, size_t batches) {
    for (size_t i = 0; i < batches; i++) {
        entry_release(fixture_post(engine, model, 8, first + i));
    }
}

static void remove_model(struct engine *engine, struct model *model) {
    struct error error;
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    model_release(model);
}

/* Every byte: head, parameters, standardizer, slots. */
static void expect_same_state(struct engine *engine, struct model *model, const struct state *state,
                              const char *what) {
    struct state *now = taken(take(engine, model));
    ck_assert_msg(now->bytes == state->bytes && memcmp(now->head, state->head, now->bytes) == 0,
                  "%s: %s at step %llu differs from the state of step %llu", what, model->name,
                  (unsigned long long)now->head->step, (unsigned long long)state->head->step);
    state_release(now);
}

START_TEST(test_a_state_is_that_of_its_place_while_batches_queue_behind) {
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
        struct engine *engine = fixture_engine(workers[w]);
        for (size_t d = 0; d < DESCRIPTIONS; d++) {
            struct model *stopped = fixture_model(engine, "stopped", descriptions[d]);
            struct model *going = fixture_model(engine, "going", descriptions[d]);
            fixture_train(engine, stopped, TAKEN_AT, 8, 1);
            post(engine, going, 1, TAKEN_AT);
            struct entry *entry = take(engine, going);
            fixture_train(engine, going, TAKEN_AT, 8, 1 + TAKEN_AT);
            struct state *state = taken(entry);
            EXPECT_COUNT(state->head->step, TAKEN_AT);
            EXPECT_COUNT(state->head->examples, 8 * TAKEN_AT);
            EXPECT_COUNT(model_look(going).step, 2 * TAKEN_AT);
            expect_same_state(engine, stopped, state, descriptions[d]);
            state_release(state);
            remove_model(engine, stopped);
            remove_model(engine, going);
        }
        fixture_end(engine);
    }
}
END_TEST

START_TEST(test_taking_a_state_changes_nothing_of_the_model) {
    struct engine *engine = fixture_engine(2);
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        struct model *alone = fixture_model(engine, "alone", descriptions[d]);
        struct model *looked_at = fixture_model(engine, "looked-at", descriptions[d]);
        for (uint64_t seed = 1; seed <= TAKEN_AT; seed++) {
            post(engine, alone, seed, 1);
            post(engine, looked_at, seed, 1);
            state_release(taken(take(engine, looked_at)));
        }
        struct state *state = taken(take(engine, alone));
        struct settings *settings = model_settings(looked_at);
        struct history_range range;
        expect_same_state(engine, looked_at, state, descriptions[d]);
        EXPECT_COUNT(settings->revision, 1);
        EXPECT_COUNT(model_history(looked_at, 0, 0, NULL, &range), 0);
        EXPECT_COUNT(range.newest_number, TAKEN_AT);
        settings_release(settings);
        state_release(state);
        remove_model(engine, alone);
        remove_model(engine, looked_at);
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_restored_model_trains_on_to_the_bits_of_one_that_stopped_there) {
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
        struct engine *engine = fixture_engine(workers[w]);
        for (size_t d = 0; d < DESCRIPTIONS; d++) {
            struct model *straight = fixture_model(engine, "straight", descriptions[d]);
            struct model *astray = fixture_model(engine, "astray", descriptions[d]);
            fixture_train(engine, straight, TAKEN_AT, 8, 1);
            post(engine, astray, 1, TAKEN_AT);
            struct state *state = taken(take(engine, astray));
            post(engine, astray, 100, TAKEN_AT); /* all this is undone */
            struct entry *restored = restore(engine, astray, state);
            post(engine, astray, 1 + TAKEN_AT, TAKEN_AT);
            EXPECT_COUNT(fixture_finish(restored).step, TAKEN_AT);
            fixture_train(engine, straight, TAKEN_AT, 8, 1 + TAKEN_AT);
            struct state *aim = taken(take(engine, straight));
            EXPECT_COUNT(aim->head->step, 2 * TAKEN_AT);
            expect_same_state(engine, astray, aim, descriptions[d]);
            state_release(aim);
            state_release(state);
            remove_model(engine, straight);
            remove_model(engine, astray);
        }
        fixture_end(engine);
    }
}
END_TEST

START_TEST(test_a_restore_keeps_the_settings_under_a_new_revision) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", descriptions[1]);
    struct model *twin = fixture_model(engine, "twin", descriptions[1]);
    fixture_train(engine, model, 3, 8, 1);
    fixture_train(engine, twin, 3, 8, 1);
    struct state *state = taken(take(engine, model));
    entry_release(fixture_patch(engine, model, 0.5, -1));
    entry_release(fixture_patch(engine, twin, 0.5, -1));
    post(engine, model, 50, 3);
    entry_release(restore(engine, model, state));
    struct settings *settings = model_settings(model);
    EXPECT_COUNT(settings->revision, 3);
    ck_assert(settings->specification.optimizer.learning_rate == 0.5);
    ck_assert(settings->specification.class_weights[4] == 4.5f);
    settings_release(settings);
    fixture_train(engine, twin, 3, 8, 4);
    post(engine, model, 4, 3);
    struct state *aim = taken(take(engine, twin));
    expect_same_state(engine, model, aim, "the rate in force is the changed one");
    /* Numbers of batches go on. */
    EXPECT_COUNT(fixture_finish(fixture_post(engine, model, 8, 7)).batch, 10);
    state_release(aim);
    state_release(state);
    model_release(model);
    model_release(twin);
    fixture_end(engine);
}
END_TEST

/* Both ways: the state lacks a slot that is needed, or has one that is not. */
START_TEST(test_a_slot_that_a_state_lacks_begins_anew) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", "12-24-5 optimizer=sgd");
    struct model *twin = fixture_model(engine, "twin", "12-24-5 optimizer=sgd");
    fixture_train(engine, model, 3, 8, 1);
    fixture_train(engine, twin, 3, 8, 1);
    struct state *without = taken(take(engine, model));
    EXPECT_COUNT(without->head->slot_count, 0);
    entry_release(fixture_patch(engine, model, 0.01, 0.9));
    entry_release(fixture_patch(engine, twin, 0.01, 0.9));
    post(engine, model, 50, 3);
    struct state *with = taken(take(engine, model));
    EXPECT_COUNT(with->head->slot_count, 1);
    entry_release(restore(engine, model, without));
    post(engine, model, 4, 3);
    fixture_train(engine, twin, 3, 8, 4);
    struct state *aim = taken(take(engine, twin));
    expect_same_state(engine, model, aim, "momentum begins at zero");

    entry_release(fixture_patch(engine, model, 0.01, 0));
    entry_release(restore(engine, model, with));
    struct state *last = taken(take(engine, model));
    EXPECT_COUNT(last->head->slot_count, 0); /* one that no setting needs is not taken */
    EXPECT_COUNT(last->head->step, 6);
    ck_assert(memcmp(state_weights(last, &model->network).parameters,
                     state_weights(with, &model->network).parameters,
                     weights_bytes(&model->network)) == 0);
    state_release(last);
    state_release(aim);
    state_release(with);
    state_release(without);
    model_release(model);
    model_release(twin);
    fixture_end(engine);
}
END_TEST

START_TEST(test_what_cannot_be_taken_or_restored_is_refused_and_takes_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", descriptions[1]);
    struct model *other = fixture_model(engine, "other", "12-25-5");
    struct latch latch;
    struct entry *entry;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    struct state *state = taken(take(engine, model));
    struct state *foreign = taken(take(engine, other));
    AWAIT(engine_look(engine).backlog == 0);
    const size_t before = ledger_reserved(engine_ledger(engine));
    ck_assert(engine_restore(engine, model, foreign, 0, 0, &latch.completion, &entry,
                             &retry_after_seconds, &error) == ERROR_INVALID);
    ck_assert(engine_restore(engine, model, state, 0, 7, &latch.completion, &entry,
                             &retry_after_seconds, &error) == ERROR_STALE);
    ck_assert(engine_take_state(engine, model, 7, &latch.completion, &entry, &retry_after_seconds,
                                &error) == ERROR_STALE);
    EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), before);
    EXPECT_COUNT(model_look(model).queue_depth, 0);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(engine_restore(engine, model, state, 0, 0, &latch.completion, &entry,
                             &retry_after_seconds, &error) == ERROR_GONE);
    ck_assert(engine_take_state(engine, model, 0, &latch.completion, &entry, &retry_after_seconds,
                                &error) == ERROR_GONE);
    engine_close(engine);
    ck_assert(engine_take_state(engine, other, 0, &latch.completion, &entry, &retry_after_seconds,
                                &error) == ERROR_CLOSED);
    EXPECT_COUNT(latch_calls(&latch), 0);
    EXPECT_COUNT(engine_look(engine).backlog, 0);
    state_release(state);
    state_release(foreign);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_state_that_is_not_whole_is_not_one) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", descriptions[2]);
    struct error error;
    struct state *state = taken(take(engine, model));
    struct state *copy;
    ck_assert(state_check(state, &model->network, &error) == ERROR_NONE);
    ck_assert(state_create_raw(state->bytes, model->ledger, &copy, &error) == ERROR_NONE);
    struct state_head *head = copy->head;
    memcpy(head, state->head, state->bytes);
    ck_assert(state_check(copy, &model->network, &error) == ERROR_NONE);
    head->magic[0] = 'M';
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    head->magic[0] = 'm';
    head->version++;
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    head->version--;
    head->slot_count = STATE_SLOTS_MAX + 1;
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    head->slot_count = 1; /* shorter than the block */
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    head->slot_count = 2;
    head->weights_bytes -= 64;
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    state_release(copy);
    ck_assert(state_create_raw(sizeof *head - 1, model->ledger, &copy, &error) == ERROR_NONE);
    memset(copy->head, 0, copy->bytes);
    ck_assert(state_check(copy, &model->network, &error) == ERROR_INVALID);
    state_release(copy);
    state_release(state);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_entries_with_states_are_dropped_with_their_model) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", descriptions[2]);
    struct model *other = fixture_model(engine, "other", "2-2");
    struct gate gate;
    struct error error;
    struct state *state = taken(take(engine, model));
    gate_shut(&gate, engine, other);
    struct entry *taking = take(engine, model);
    struct entry *restoring = restore(engine, model, state);
    ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(fixture_finish(taking).state == ENTRY_DROPPED);
    ck_assert(fixture_finish(restoring).state == ENTRY_DROPPED);
    gate_open(&gate);
    state_release(state);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_states(void) {
    Suite *suite = suite_create("engine_states");
    TCase *tests = tcase_create("states");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_state_is_that_of_its_place_while_batches_queue_behind);
    tcase_add_test(tests, test_taking_a_state_changes_nothing_of_the_model);
    tcase_add_test(tests, test_a_restored_model_trains_on_to_the_bits_of_one_that_stopped_there);
    tcase_add_test(tests, test_a_restore_keeps_the_settings_under_a_new_revision);
    tcase_add_test(tests, test_a_slot_that_a_state_lacks_begins_anew);
    tcase_add_test(tests, test_what_cannot_be_taken_or_restored_is_refused_and_takes_nothing);
    tcase_add_test(tests, test_a_state_that_is_not_whole_is_not_one);
    tcase_add_test(tests, test_entries_with_states_are_dropped_with_their_model);
    suite_add_tcase(suite, tests);
    return suite;
}
