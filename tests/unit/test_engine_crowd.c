/* Many threads that want the same of an engine at once: of those with one key one is
 * heard, of changes of the same settings one. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>

#include "core/engine/engine_internal.h"
#include "tests/unit/expect.h"
#include "tests/unit/keyed.h"
#include "tests/unit/suites.h"

#define THREADS 16
#define ROUNDS (FIXTURE_IS_SLOW ? 20 : 100)

struct crowd {
    struct engine *engine;
    struct model *model;
    pthread_barrier_t barrier;
    struct member {
        struct crowd *crowd;
        pthread_t thread;
        unsigned accepted;     /* that were no repeats */
        uint64_t numbers[200]; /* of each round */
        const struct model *made[200];
    } members[THREADS];
};

static void *post_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < ROUNDS; round++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", round);
        pthread_barrier_wait(&crowd->barrier);
        const struct posted posted =
            keyed_post(crowd->engine, crowd->model, key, 1 + (uint64_t)round);
        member->accepted += !posted.repeated;
        member->numbers[round] = posted.last;
    }
    return NULL;
}

static void run_crowd(struct crowd *crowd, void *(*act)(void *)) {
    pthread_barrier_init(&crowd->barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        crowd->members[i] = (struct member){.crowd = crowd};
        ck_assert_int_eq(pthread_create(&crowd->members[i].thread, NULL, act, &crowd->members[i]),
                         0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(crowd->members[i].thread, NULL);
    }
    pthread_barrier_destroy(&crowd->barrier);
}

static unsigned accepted_by_all(const struct crowd *crowd) {
    unsigned accepted = 0;
    for (size_t i = 0; i < THREADS; i++) {
        accepted += crowd->members[i].accepted;
    }
    return accepted;
}

START_TEST(test_sixteen_threads_with_one_key_train_one_batch) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    run_crowd(&crowd, post_with_the_others);
    AWAIT(engine_look(crowd.engine).backlog == 0);
    EXPECT_COUNT(accepted_by_all(&crowd), ROUNDS);
    EXPECT_COUNT(model_look(crowd.model).step, ROUNDS);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < THREADS; i++) {
            EXPECT_COUNT(crowd.members[i].numbers[round], (uint64_t)round + 1);
        }
    }
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

static void *post_once(void *context) {
    struct member *member = context;
    const struct posted posted = keyed_post(member->crowd->engine, member->crowd->model, "k", 5);
    member->accepted += !posted.repeated;
    member->numbers[0] = posted.last;
    return NULL;
}

/* All of them have looked for the key in vain and are counted in when the first takes it:
 * they are held before the lock of the scheduler, which all need to go on. */
START_TEST(test_of_those_admitted_at_the_same_time_one_takes_the_key) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    AWAIT(engine_look(crowd.engine).backlog == 0);
    pthread_mutex_lock(&crowd.engine->scheduler.lock);
    for (size_t i = 0; i < THREADS; i++) {
        crowd.members[i] = (struct member){.crowd = &crowd};
        ck_assert_int_eq(
            pthread_create(&crowd.members[i].thread, NULL, post_once, &crowd.members[i]), 0);
    }
    AWAIT(model_look(crowd.model).queue_depth == THREADS);
    pthread_mutex_unlock(&crowd.engine->scheduler.lock);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(crowd.members[i].thread, NULL);
        EXPECT_COUNT(crowd.members[i].numbers[0], 1);
    }
    EXPECT_COUNT(accepted_by_all(&crowd), 1);
    AWAIT(engine_look(crowd.engine).backlog == 0);
    EXPECT_COUNT(model_look(crowd.model).step, 1);
    EXPECT_COUNT(model_look(crowd.model).queue_depth, 0);
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

static void *create_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < ROUNDS / 4; round++) {
        char key[16];
        struct model *model;
        bool repeated;
        snprintf(key, sizeof key, "k%d", round);
        pthread_barrier_wait(&crowd->barrier);
        ck_assert(keyed_create(crowd->engine, key, key, 1, &model, &repeated) == ERROR_NONE);
        member->accepted += !repeated;
        member->made[round] = model; /* only compared: the registry has it */
        model_release(model);
    }
    return NULL;
}

START_TEST(test_sixteen_threads_with_one_key_create_one_model) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    run_crowd(&crowd, create_with_the_others);
    EXPECT_COUNT(accepted_by_all(&crowd), ROUNDS / 4);
    EXPECT_COUNT(engine_look(crowd.engine).models, ROUNDS / 4);
    for (int round = 0; round < ROUNDS / 4; round++) {
        for (size_t i = 1; i < THREADS; i++) {
            ck_assert(crowd.members[i].made[round] == crowd.members[0].made[round]);
        }
    }
    fixture_end(crowd.engine);
}
END_TEST

/* All changes have a place in the queue, however long the workers wait for a CPU. */
#define CHANGES (FIXTURE_IS_SLOW ? 20 : 60)
_Static_assert(FIXTURE_QUEUE_MAX >= THREADS * CHANGES, "a change may find the queue full");

/* Each patch is built on what its thread has seen; who was overtaken is refused. */
static void *patch_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < CHANGES; round++) {
        struct entry *entry;
        struct error error;
        pthread_barrier_wait(&crowd->barrier);
        if (fixture_try_change(crowd->engine, crowd->model, ENTRY_SETTINGS, 0.5, -1, 0, &entry,
                               &error) == ERROR_NONE) {
            member->accepted++;
            entry_release(entry);
        } else {
            ck_assert_msg(error.code == ERROR_STALE, "%s", error.message);
        }
    }
    return NULL;
}

START_TEST(test_each_accepted_change_of_many_threads_has_a_revision) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    run_crowd(&crowd, patch_with_the_others);
    AWAIT(engine_look(crowd.engine).backlog == 0);
    struct settings *settings = model_settings(crowd.model);
    EXPECT_COUNT(settings->revision, 1 + accepted_by_all(&crowd));
    settings_release(settings);
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

Suite *suite_engine_crowd(void) {
    Suite *suite = suite_create("engine_crowd");
    TCase *tests = tcase_create("crowd");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_sixteen_threads_with_one_key_train_one_batch);
    tcase_add_test(tests, test_of_those_admitted_at_the_same_time_one_takes_the_key);
    tcase_add_test(tests, test_sixteen_threads_with_one_key_create_one_model);
    tcase_add_test(tests, test_each_accepted_change_of_many_threads_has_a_revision);
    suite_add_tcase(suite, tests);
    return suite;
}
