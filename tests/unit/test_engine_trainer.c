/* core/engine/trainer.h: what entries do to a model, at their place in its order. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* Models with every kind of state: moments, dropout's step, statistics of inputs. */
static const char *const descriptions[] = {
    "12-24-5 dropout=0.3",
    "12-24-5 optimizer=sgd momentum=0.9 standardize",
    "12-24-3 optimizer=adagrad mse",
    "12-24-5 optimizer=rmsprop standardize dropout=0.1",
    "12-24-16-5 normalized dropout=0.2",
};
#define DESCRIPTIONS (sizeof descriptions / sizeof *descriptions)

static void expect_same_weights(struct engine *engine, struct model *a, struct model *b,
                                const char *what) {
    char hashes[2][FIXTURE_HASH_BYTES];
    fixture_hash(engine, a, hashes[0]);
    fixture_hash(engine, b, hashes[1]);
    ck_assert_msg(strcmp(hashes[0], hashes[1]) == 0, "%s: %s has %s, %s has %s", what, a->name,
                  hashes[0], b->name, hashes[1]);
    ck_assert_msg(model_look(a).step == model_look(b).step, "%s: not the same step", what);
}

static void done(struct entry *entry) {
    ck_assert(fixture_finish(entry).state == ENTRY_DONE);
}

START_TEST(test_one_batch_a_time_and_all_at_once_train_alike) {
    struct engine *engine = fixture_engine(3);
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        struct model *slow = fixture_model(engine, "slow", descriptions[d]);
        struct model *fast = fixture_model(engine, "fast", descriptions[d]);
        for (uint64_t seed = 1; seed <= 30; seed++) {
            fixture_train(engine, slow, 1, 1 + seed % 9, seed);
        }
        struct entry *last = NULL;
        for (uint64_t seed = 1; seed <= 30; seed++) {
            if (last != NULL) {
                entry_release(last);
            }
            last = fixture_post(engine, fast, 1 + seed % 9, seed);
        }
        done(last);
        expect_same_weights(engine, slow, fast, descriptions[d]);
        struct error error;
        ck_assert(engine_delete_model(engine, slow, 0, NULL, NULL, &error) == ERROR_NONE);
        ck_assert(engine_delete_model(engine, fast, 0, NULL, NULL, &error) == ERROR_NONE);
        model_release(slow);
        model_release(fast);
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_diverged_batch_leaves_everything_as_it_was) {
    struct engine *engine = fixture_engine(2);
    char name[2][32];
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        snprintf(name[0], sizeof name[0], "plain-%zu", d);
        snprintf(name[1], sizeof name[1], "hit-%zu", d);
        struct model *plain = fixture_model(engine, name[0], descriptions[d]);
        struct model *hit = fixture_model(engine, name[1], descriptions[d]);
        fixture_train(engine, plain, 6, 8, 1);
        fixture_train(engine, hit, 3, 8, 1);
        /* Infinite, so that standardised inputs are not finite either. */
        const struct history_row row =
            fixture_finish(fixture_post_scaled(engine, hit, 8, 99, INFINITY));
        ck_assert(row.state == ENTRY_DIVERGED);
        EXPECT_NAN(row.loss);
        EXPECT_COUNT(row.step, 3);
        EXPECT_COUNT(row.batch, 4);
        EXPECT_COUNT(model_look(hit).examples, 24);
        fixture_train(engine, hit, 3, 8, 4);
        expect_same_weights(engine, plain, hit, descriptions[d]);
        model_release(plain);
        model_release(hit);
    }
    fixture_end(engine);
}
END_TEST

/* First, in the middle and last of batches that wait behind a large one, so that they
 * have their turn together. */
START_TEST(test_a_diverged_batch_among_others_leaves_everything_as_it_was) {
    struct engine *engine = fixture_engine(1);
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        struct model *busy = fixture_model(engine, "busy", "200-300-10");
        struct model *plain = fixture_model(engine, "plain", descriptions[d]);
        struct model *hit = fixture_model(engine, "hit", descriptions[d]);
        fixture_train(engine, plain, 6, 8, 1);
        struct entry *entries[9];
        entry_release(fixture_post(engine, busy, FIXTURE_IS_SLOW ? 20 : 2000, 1));
        uint64_t seed = 1;
        for (size_t i = 0; i < 9; i++) {
            entries[i] = i % 4 == 0 ? fixture_post_scaled(engine, hit, 8, 99, INFINITY)
                                    : fixture_post(engine, hit, 8, seed++);
        }
        for (size_t i = 0; i < 9; i++) {
            const struct history_row row = fixture_finish(entries[i]);
            ck_assert(row.state == (i % 4 == 0 ? ENTRY_DIVERGED : ENTRY_DONE));
            EXPECT_COUNT(row.step, i - i / 4);
            EXPECT_COUNT(row.batch, i + 1);
        }
        EXPECT_COUNT(model_look(hit).examples, 48);
        expect_same_weights(engine, plain, hit, descriptions[d]);
        struct error error;
        struct model *const all[] = {busy, plain, hit};
        for (size_t i = 0; i < 3; i++) {
            ck_assert(engine_delete_model(engine, all[i], 0, NULL, NULL, &error) == ERROR_NONE);
            model_release(all[i]);
        }
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_changed_settings_are_in_force_from_their_place_on) {
    struct engine *engine = fixture_engine(2);
    struct model *waiting = fixture_model(engine, "waiting", descriptions[0]);
    struct model *queued = fixture_model(engine, "queued", descriptions[0]);
    fixture_train(engine, waiting, 5, 8, 1);
    const struct history_row in_force = fixture_finish(fixture_patch(engine, waiting, 0.05, -1));
    EXPECT_COUNT(in_force.step, 5);
    fixture_train(engine, waiting, 5, 8, 6);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        entry_release(fixture_post(engine, queued, 8, seed));
    }
    entry_release(fixture_patch(engine, queued, 0.05, -1));
    fixture_train(engine, queued, 5, 8, 6);
    expect_same_weights(engine, waiting, queued, "one by one or queued");

    struct model *unchanged = fixture_model(engine, "unchanged", descriptions[0]);
    fixture_train(engine, unchanged, 10, 8, 1);
    char changed_hash[FIXTURE_HASH_BYTES], unchanged_hash[FIXTURE_HASH_BYTES];
    fixture_hash(engine, queued, changed_hash);
    fixture_hash(engine, unchanged, unchanged_hash);
    ck_assert(strcmp(changed_hash, unchanged_hash) != 0);
    model_release(waiting);
    model_release(queued);
    model_release(unchanged);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_change_built_on_old_settings_is_refused_and_takes_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", descriptions[1]);
    struct settings *old = model_settings(model);
    struct specification changed;
    struct entry *entry;
    struct error error;
    struct latch latch;
    double retry_after_seconds;
    latch_init(&latch);
    done(fixture_patch(engine, model, 0.5, -1));
    AWAIT(engine_look(engine).backlog == 0);
    const size_t before = ledger_reserved(engine_ledger(engine));
    ck_assert(specification_copy_settings(&changed, &old->specification, &error) == ERROR_NONE);
    ck_assert(engine_change_settings(engine, model, ENTRY_SETTINGS, old, &changed,
                                     &latch.completion, &entry, &retry_after_seconds,
                                     &error) == ERROR_STALE);
    EXPECT_COUNT(latch_calls(&latch), 0);
    EXPECT_COUNT(engine_look(engine).backlog, 0);
    EXPECT_COUNT(model_look(model).queue_depth, 0);
    EXPECT_COUNT(ledger_reserved(engine_ledger(engine)), before);
    settings_release(old);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_momentum_that_comes_later_is_as_one_from_the_beginning) {
    struct engine *engine = fixture_engine(1);
    struct model *born = fixture_model(engine, "born", "12-24-5 optimizer=sgd momentum=0.9");
    struct model *late = fixture_model(engine, "late", "12-24-5 optimizer=sgd");
    done(fixture_patch(engine, late, 0.01, 0.9));
    fixture_train(engine, born, 5, 8, 1);
    fixture_train(engine, late, 5, 8, 1);
    expect_same_weights(engine, born, late, "momentum");
    model_release(born);
    model_release(late);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_momentum_that_comes_and_goes_costs_one_slot_and_begins_anew) {
    struct engine *engine = fixture_engine(1);
    static const char *const starts[] = {"12-24-5 optimizer=sgd",
                                         "12-24-5 optimizer=sgd momentum=0.9"};
    for (size_t i = 0; i < 2; i++) {
        struct error error;
        const size_t before = ledger_reserved(engine_ledger(engine));
        struct model *model = fixture_model(engine, "m", starts[i]);
        struct model *twin = fixture_model(engine, "twin", starts[i]);
        size_t with_slot = 0;
        for (int round = 0; round < 4; round++) {
            done(fixture_patch(engine, model, 0.01, 0.9));
            done(fixture_patch(engine, twin, 0.01, 0.9));
            AWAIT(atomic_load(&model->references) == 2 && atomic_load(&twin->references) == 2);
            if (round == 0) {
                with_slot = ledger_reserved(engine_ledger(engine));
            }
            ck_assert_uint_eq(ledger_reserved(engine_ledger(engine)), with_slot);
            done(fixture_patch(engine, model, 0.01, 0));
            done(fixture_patch(engine, twin, 0.01, 0));
        }
        /* The slot that the model had used is as fresh as the twin's, unused. */
        done(fixture_patch(engine, model, 0.01, 0.9));
        fixture_train(engine, model, 3, 8, 1);
        done(fixture_patch(engine, model, 0.01, 0));
        done(fixture_patch(engine, model, 0.01, 0.9));
        fixture_train(engine, model, 3, 8, 4);
        ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
        ck_assert(engine_delete_model(engine, twin, 0, NULL, NULL, &error) == ERROR_NONE);
        /* The engine's threads may hold them an instant longer. */
        AWAIT(atomic_load(&model->references) == 1 && atomic_load(&twin->references) == 1);
        model_release(model);
        model_release(twin);
        if (i == 1) { /* the first time scratch came in, which stays */
            AWAIT(ledger_reserved(engine_ledger(engine)) == before);
        }
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_reset_makes_the_model_that_its_seed_would_have_made) {
    struct engine *engine = fixture_engine(2);
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        char name[2][32], fresh_description[80];
        snprintf(name[0], sizeof name[0], "used-%zu", d);
        snprintf(name[1], sizeof name[1], "fresh-%zu", d);
        snprintf(fresh_description, sizeof fresh_description, "%s seed=77", descriptions[d]);
        struct model *used = fixture_model(engine, name[0], descriptions[d]);
        struct model *fresh = fixture_model(engine, name[1], fresh_description);
        fixture_train(engine, used, 7, 8, 100);
        const struct history_row row = fixture_finish(fixture_reset(engine, used, 77));
        EXPECT_COUNT(row.step, 0);
        EXPECT_COUNT(model_look(used).examples, 0);
        expect_same_weights(engine, used, fresh, "at once");
        fixture_train(engine, used, 6, 8, 1);
        fixture_train(engine, fresh, 6, 8, 1);
        expect_same_weights(engine, used, fresh, "trained on");
        /* Batch numbers never repeat. */
        struct entry *entry = fixture_post(engine, used, 8, 1);
        EXPECT_COUNT(fixture_finish(entry).batch, 14);
        model_release(used);
        model_release(fresh);
    }
    fixture_end(engine);
}
END_TEST

/* --- clones --------------------------------------------------------------------------- */

static struct model *clone_model(struct engine *engine, struct model *model, const char *name) {
    struct entry *entry;
    struct model *found;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    ck_assert_msg(engine_clone_model(engine, model, name, 0, &latch.completion, &entry,
                                     &retry_after_seconds, &error) == ERROR_NONE,
                  "%s", error.message);
    latch_wait(&latch, 1);
    done(entry);
    ck_assert(engine_find_model(engine, name, &found, &error) == ERROR_NONE);
    return found;
}

START_TEST(test_a_clone_trains_on_to_the_bits_of_its_source) {
    struct engine *engine = fixture_engine(3);
    for (size_t d = 0; d < DESCRIPTIONS; d++) {
        char name[2][32];
        snprintf(name[0], sizeof name[0], "source-%zu", d);
        snprintf(name[1], sizeof name[1], "clone-%zu", d);
        struct model *source = fixture_model(engine, name[0], descriptions[d]);
        for (uint64_t seed = 1; seed <= 6; seed++) { /* not waited for: the copy is at its place */
            entry_release(fixture_post(engine, source, 8, seed));
        }
        struct model *copy = clone_model(engine, source, name[1]);
        EXPECT_COUNT(model_look(copy).step, 6);
        EXPECT_COUNT(model_look(copy).examples, 48);
        ck_assert(strcmp(copy->id, source->id) != 0);
        expect_same_weights(engine, source, copy, "at once");
        fixture_train(engine, source, 6, 8, 7);
        fixture_train(engine, copy, 6, 8, 7);
        expect_same_weights(engine, source, copy, "trained on");
        model_release(source);
        model_release(copy);
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_clone_of_changed_settings_has_them) {
    struct engine *engine = fixture_engine(2);
    static const double momenta[] = {0, 0.9};
    for (size_t i = 0; i < 2; i++) {
        char name[2][32];
        snprintf(name[0], sizeof name[0], "source-%zu", i);
        snprintf(name[1], sizeof name[1], "clone-%zu", i);
        /* With a slot that the settings do not need any more, or with one that came. */
        struct model *source =
            fixture_model(engine, name[0],
                          i == 0 ? "12-24-5 optimizer=sgd momentum=0.9" : "12-24-5 optimizer=sgd");
        fixture_train(engine, source, 3, 8, 1);
        done(fixture_patch(engine, source, 0.05, momenta[i]));
        fixture_train(engine, source, 3, 8, 4);
        struct model *copy = clone_model(engine, source, name[1]);
        fixture_train(engine, source, 3, 8, 7);
        fixture_train(engine, copy, 3, 8, 7);
        expect_same_weights(engine, source, copy, "trained on");
        done(fixture_patch(engine, source, 0.05, 0.5));
        done(fixture_patch(engine, copy, 0.05, 0.5));
        fixture_train(engine, source, 3, 8, 10);
        fixture_train(engine, copy, 3, 8, 10);
        expect_same_weights(engine, source, copy, "with momentum again");
        model_release(source);
        model_release(copy);
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_clone_is_not_found_before_its_turn_nor_when_its_source_is_deleted) {
    struct engine *engine = fixture_engine(1);
    struct model *source = fixture_model(engine, "source", descriptions[0]);
    struct model *other = fixture_model(engine, "other", "2-2");
    struct model *found;
    struct gate gate;
    struct entry *entry;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    gate_shut(&gate, engine, other);
    ck_assert(engine_clone_model(engine, source, "other", 0, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_EXISTS);
    ck_assert(engine_clone_model(engine, source, "copy", 0, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(engine_find_model(engine, "copy", &found, &error) == ERROR_NOT_FOUND);
    ck_assert(engine_delete_model(engine, source, 0, NULL, NULL, &error) == ERROR_NONE);
    ck_assert(fixture_finish(entry).state == ENTRY_DROPPED);
    ck_assert(engine_find_model(engine, "copy", &found, &error) == ERROR_NOT_FOUND);
    /* The name is free again. */
    gate_open(&gate);
    struct model *copy = fixture_model(engine, "copy", "2-2");
    model_release(copy);
    model_release(source);
    model_release(other);
    fixture_end(engine);
}
END_TEST

/* --- readers ------------------------------------------------------------------------------ */

START_TEST(test_a_version_that_is_read_is_not_written) {
    struct engine *engine = fixture_engine(2);
    struct model *model = fixture_model(engine, "m", descriptions[0]);
    struct model *other = fixture_model(engine, "other", descriptions[0]);
    const size_t bytes = weights_bytes(&model->network);
    pthread_mutex_lock(&model->lock);
    struct weights *read = weights_acquire(&model->weights);
    pthread_mutex_unlock(&model->lock);
    float *before = memory_allocate(bytes, 1);
    memcpy(before, read->parameters, bytes);
    entry_release(fixture_post(engine, model, 8, 1));
    struct entry *second = fixture_post(engine, model, 8, 2);
    /* The other worker goes on meanwhile. */
    fixture_train(engine, other, 200, 8, 1);
    AWAIT(model_look(model).step >= 1);
    ck_assert_msg(memcmp(before, read->parameters, bytes) == 0, "written while it was read");
    EXPECT_COUNT(read->step, 0);
    pthread_mutex_lock(&model->lock);
    ck_assert(weights_release(read));
    pthread_cond_signal(&model->readers_left);
    pthread_mutex_unlock(&model->lock);
    EXPECT_COUNT(fixture_finish(second).step, 2);
    memory_free(before);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

/* --- deletion while in use --------------------------------------------------------------- */

#define BATCHES 12 /* and as many queries of each kind */

START_TEST(test_a_model_in_use_is_deleted_and_everything_comes_to_an_end) {
    for (unsigned round = 0; round < 12; round++) {
        struct engine *engine = fixture_engine(3);
        struct model *model = fixture_model(engine, "m", "200-300-200-9");
        struct entry *entries[BATCHES];
        struct query *queries[BATCHES], *hashes[BATCHES];
        struct latch latch;
        struct error error;
        struct examples rows;
        latch_init(&latch);
        examples_init(&rows, NULL);
        fixture_fill(&rows, model, 1, 1);
        const float *inputs = (const float *)rows.inputs.data;
        for (size_t i = 0; i < BATCHES; i++) {
            entries[i] = fixture_post(engine, model, 150, i);
            queries[i] = fixture_ask(engine, model, 1, inputs, &latch);
            ck_assert(query_create(model, QUERY_WEIGHTS_HASH, NULL, NULL, &hashes[i], &error) ==
                      ERROR_NONE);
            ck_assert(engine_ask(engine, hashes[i], &latch.completion, &error) == ERROR_NONE);
        }
        AWAIT(model_look(model).step >= round % 4);
        ck_assert(engine_delete_model(engine, model, 0, NULL, NULL, &error) == ERROR_NONE);
        latch_wait(&latch, 2 * BATCHES);
        bool dropped = false;
        for (size_t i = 0; i < BATCHES; i++) {
            AWAIT(entry_state_is_final(queue_look(entries[i]).state));
            const enum entry_state state = queue_look(entries[i]).state;
            ck_assert(state == ENTRY_DROPPED || (state == ENTRY_DONE && !dropped));
            dropped |= state == ENTRY_DROPPED;
            ck_assert(queries[i]->error.code == ERROR_NONE || queries[i]->error.code == ERROR_GONE);
            ck_assert(hashes[i]->error.code == ERROR_NONE || hashes[i]->error.code == ERROR_GONE);
            entry_release(entries[i]);
            query_release(queries[i]);
            query_release(hashes[i]);
        }
        examples_free(&rows);
        model_release(model);
        fixture_end(engine);
    }
}
END_TEST

Suite *suite_engine_trainer(void) {
    Suite *suite = suite_create("engine_trainer");
    TCase *tests = tcase_create("trainer");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_one_batch_a_time_and_all_at_once_train_alike);
    tcase_add_test(tests, test_a_diverged_batch_leaves_everything_as_it_was);
    tcase_add_test(tests, test_a_diverged_batch_among_others_leaves_everything_as_it_was);
    tcase_add_test(tests, test_changed_settings_are_in_force_from_their_place_on);
    tcase_add_test(tests, test_a_change_built_on_old_settings_is_refused_and_takes_nothing);
    tcase_add_test(tests, test_a_momentum_that_comes_later_is_as_one_from_the_beginning);
    tcase_add_test(tests, test_a_momentum_that_comes_and_goes_costs_one_slot_and_begins_anew);
    tcase_add_test(tests, test_a_reset_makes_the_model_that_its_seed_would_have_made);
    tcase_add_test(tests, test_a_clone_trains_on_to_the_bits_of_its_source);
    tcase_add_test(tests, test_a_clone_of_changed_settings_has_them);
    tcase_add_test(tests, test_a_clone_is_not_found_before_its_turn_nor_when_its_source_is_deleted);
    tcase_add_test(tests, test_a_version_that_is_read_is_not_written);
    tcase_add_test(tests, test_a_model_in_use_is_deleted_and_everything_comes_to_an_end);
    suite_add_tcase(suite, tests);
    return suite;
}
