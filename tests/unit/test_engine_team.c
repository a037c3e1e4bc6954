/* core/engine/team.h: threads that come, dawdle between tiles and go, and a pass that
 * has the same bits as on one thread. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "core/engine/team.h"
#include "core/maths/numerics.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define ROWS 96
#define BATCHES 3
#define THREADS_MAX 16

/* A network with everything that passes have, and its numbers. */
struct trainee {
    struct specification specification;
    struct network network;
    struct network_layer layers[3];
    float *parameters, *next, *first, *second;
    struct examples examples;
    void *scratch;
};

static void trainee_create(struct trainee *trainee, struct bare *bare) {
    fixture_specify(&trainee->specification,
                    "100-160-130-9 dropout=0.25 clip_norm=0.5 seed=5 normalized");
    struct model *model = bare_model(bare, "m", "100-160-130-9");
    examples_init(&trainee->examples, NULL);
    fixture_fill(&trainee->examples, model, ROWS, 11);
    model_release(model);
    network_layout(&trainee->network, &trainee->specification, trainee->layers);
    const size_t count = trainee->network.version_floats;
    trainee->parameters = memory_allocate_zero(count, sizeof(float));
    trainee->next = memory_allocate_zero(count, sizeof(float));
    trainee->first = memory_allocate_zero(count, sizeof(float));
    trainee->second = memory_allocate_zero(count, sizeof(float));
    trainee->scratch = memory_allocate(pass_scratch_bytes(&trainee->network, ROWS), 1);
    network_initialize(&trainee->network, &trainee->specification, trainee->parameters,
                       (struct pause){0});
}

static void trainee_destroy(struct trainee *trainee) {
    memory_free(trainee->parameters);
    memory_free(trainee->next);
    memory_free(trainee->first);
    memory_free(trainee->second);
    memory_free(trainee->scratch);
    examples_free(&trainee->examples);
    specification_free(&trainee->specification);
}

static void trainee_begin(struct trainee *trainee, struct pass *pass, uint64_t step) {
    const struct pass_batch batch = examples_as_batch(&trainee->examples, 0, ROWS);
    const struct pass_settings settings = {.optimizer = &trainee->specification.optimizer,
                                           .seed = trainee->specification.seed};
    const struct pass_state state = {.step = step,
                                     .from = trainee->parameters,
                                     .into = trainee->next,
                                     .first = trainee->first,
                                     .second = trainee->second};
    pass_begin(pass, &trainee->network, &batch, &settings, &state, trainee->scratch);
}

static void trainee_end(struct trainee *trainee, const struct pass *pass, double *loss) {
    ck_assert(!pass->result.diverged);
    *loss = pass->result.loss;
    float *old = trainee->parameters;
    trainee->parameters = trainee->next;
    trainee->next = old;
}

/* --- the crowd -------------------------------------------------------------------- */

struct crowd {
    pthread_mutex_t lock; /* as the scheduler's: joining and withdrawing are under it */
    struct team *offer;
    bool over;
    atomic_uint joins, leaves;
};

struct member {
    pthread_t thread;
    struct crowd *crowd;
    uint64_t random;
    unsigned patience; /* tiles until it is wanted elsewhere */
};

static uint32_t next_random(struct member *member) {
    member->random = member->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(member->random >> 33);
}

static void dawdle(void *context) {
    struct member *member = context;
    switch (next_random(member) % 8) {
    case 0:
        nanosleep(&(struct timespec){.tv_nsec = next_random(member) % 300000}, NULL);
        break;
    case 1:
    case 2:
        sched_yield();
        break;
    default:
        break;
    }
}

static void no_tiles_to_announce(void *context) {
    (void)context;
}

static bool is_wanted_elsewhere(void *context) {
    struct member *member = context;
    return next_random(member) % 64 == 0;
}

static struct team_hooks hooks_of(struct member *member) {
    return (struct team_hooks){dawdle, no_tiles_to_announce, is_wanted_elsewhere, member};
}

static void *help(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    const struct team_hooks hooks = hooks_of(member);
    numerics_enter_thread();
    for (bool over = false; !over;) {
        pthread_mutex_lock(&crowd->lock);
        over = crowd->over;
        struct team *team = crowd->offer;
        const bool joins = team != NULL && team_has_tiles(team);
        if (joins) {
            team_join(team);
        }
        pthread_mutex_unlock(&crowd->lock);
        if (joins) {
            atomic_fetch_add(&crowd->joins, 1);
            team_help(team, &hooks);
            atomic_fetch_add(&crowd->leaves, 1);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static size_t run_shared(struct crowd *crowd, struct member *owner, struct pass *pass) {
    const struct team_hooks hooks = hooks_of(owner);
    struct team team;
    team_init(&team, pass);
    pthread_mutex_lock(&crowd->lock);
    crowd->offer = &team;
    pthread_mutex_unlock(&crowd->lock);
    const size_t helped = team_run(&team, &hooks);
    ck_assert(!team_has_tiles(&team));
    pthread_mutex_lock(&crowd->lock);
    crowd->offer = NULL;
    pthread_mutex_unlock(&crowd->lock);
    team_wait_for_helpers(&team);
    team_destroy(&team);
    return helped;
}

/* Trains on so many threads, the first the owner's; returns the tiles of helpers. */
struct outcome {
    struct trainee trainee;
    double losses[BATCHES];
    size_t threads, helped;
};

static void *train_as_owner(void *context) {
    struct outcome *outcome = context;
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct member members[THREADS_MAX];
    numerics_enter_thread();
    for (size_t t = 0; t < outcome->threads; t++) {
        members[t] = (struct member){.crowd = &crowd, .random = 1000 * outcome->threads + t};
        if (t > 0) {
            pthread_create(&members[t].thread, NULL, help, &members[t]);
        }
    }
    for (uint64_t step = 0; step < BATCHES; step++) {
        struct pass pass;
        trainee_begin(&outcome->trainee, &pass, step);
        if (outcome->threads == 0) {
            pass_run(&pass);
        } else {
            outcome->helped += run_shared(&crowd, &members[0], &pass);
        }
        trainee_end(&outcome->trainee, &pass, &outcome->losses[step]);
    }
    pthread_mutex_lock(&crowd.lock);
    crowd.over = true;
    pthread_mutex_unlock(&crowd.lock);
    for (size_t t = 1; t < outcome->threads; t++) {
        pthread_join(members[t].thread, NULL);
    }
    ck_assert(atomic_load(&crowd.joins) == atomic_load(&crowd.leaves));
    return NULL;
}

static void train(struct outcome *outcome, struct bare *bare, size_t threads) {
    pthread_t owner;
    *outcome = (struct outcome){.threads = threads};
    trainee_create(&outcome->trainee, bare);
    pthread_create(&owner, NULL, train_as_owner, outcome);
    pthread_join(owner, NULL);
}

START_TEST(test_any_number_of_dawdling_threads_gives_the_bits_of_one) {
    static const size_t threads[] = {1, 2, 3, 7, 16};
    struct bare bare;
    struct outcome alone, shared;
    bare_begin(&bare, 1);
    train(&alone, &bare, 0);
    size_t helped = 0;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        train(&shared, &bare, threads[i]);
        for (size_t b = 0; b < BATCHES; b++) {
            EXPECT_SAME(shared.losses[b], alone.losses[b]);
        }
        const size_t count = alone.trainee.network.version_floats;
        EXPECT_BITS(count, shared.trainee.parameters, alone.trainee.parameters);
        EXPECT_BITS(count, shared.trainee.first, alone.trainee.first);
        EXPECT_BITS(count, shared.trainee.second, alone.trainee.second);
        ck_assert(threads[i] > 1 || shared.helped == 0);
        helped += shared.helped;
        trainee_destroy(&shared.trainee);
    }
    ck_assert_msg(helped > 0, "no helper computed a tile");
    trainee_destroy(&alone.trainee);
    bare_end(&bare);
}
END_TEST

/* A helper that is at a tile when the pass ends for the owner would write into freed
 * scratch: the owner must wait for it. */
static void *help_slowly(void *context) {
    struct team *team = context;
    struct member member = {.random = 3};
    const struct team_hooks hooks = hooks_of(&member);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    team_help(team, &hooks);
    return NULL;
}

START_TEST(test_the_owner_waits_for_a_helper_that_comes_late_and_finds_nothing) {
    struct bare bare;
    struct trainee trainee;
    struct pass pass;
    struct team team;
    struct member owner = {.random = 1};
    const struct team_hooks hooks = hooks_of(&owner);
    pthread_t helper;
    bare_begin(&bare, 1);
    trainee_create(&trainee, &bare);
    trainee_begin(&trainee, &pass, 0);
    team_init(&team, &pass);
    team_join(&team);
    pthread_create(&helper, NULL, help_slowly, &team);
    (void)team_run(&team, &hooks);
    team_wait_for_helpers(&team);
    ck_assert(atomic_load(&team.helpers) == 0);
    team_destroy(&team);
    pthread_join(helper, NULL);
    trainee_destroy(&trainee);
    bare_end(&bare);
}
END_TEST

Suite *suite_engine_team(void) {
    Suite *suite = suite_create("engine_team");
    TCase *tests = tcase_create("team");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_any_number_of_dawdling_threads_gives_the_bits_of_one);
    tcase_add_test(tests, test_the_owner_waits_for_a_helper_that_comes_late_and_finds_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
