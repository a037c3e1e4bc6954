/* See in_core.h. */
#include "tests/bench/in_core.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/engine/clock.h"
#include "core/engine/engine.h"

#define MODELS_MAX 16
#define GROUP_MIN 64 /* batches handed in together; of small nets as many as by HTTP */
#define GROUP_MAX 256
#define GROUPS_MIN 2 /* queued of each model; with fewer another one is handed in */
#define GROUPS_MAX 4 /* what its queue can hold */
#define WARM_SECONDS 0.1
#define BATCHES_MIN 8 /* a model that count, however slow they are */

/* A completion that someone waits for. */
struct signal {
    struct completion completion;
    pthread_mutex_t lock; /* guards `called` */
    pthread_cond_t changed;
    bool called;
};

static void call(struct completion *completion) {
    struct signal *signal = (struct signal *)completion;
    pthread_mutex_lock(&signal->lock);
    signal->called = true;
    pthread_cond_signal(&signal->changed);
    pthread_mutex_unlock(&signal->lock);
}

static void await(struct signal *signal) {
    pthread_mutex_lock(&signal->lock);
    while (!signal->called) {
        pthread_cond_wait(&signal->changed, &signal->lock);
    }
    signal->called = false;
    pthread_mutex_unlock(&signal->lock);
}

_Noreturn static void fail(const struct error *error) {
    fprintf(stderr, "bench: %s\n", error->message);
    exit(EXIT_FAILURE);
}

static size_t group_of(const struct shape *shape) {
    const size_t group = size_max(GROUP_MIN, shape->request_rows / shape->batch);
    return size_min(group, GROUP_MAX);
}

static struct example_set *make_examples(struct engine *engine, const struct shape *shape) {
    struct examples examples;
    struct error error;
    const size_t rows = shape->batch * group_of(shape);
    examples_init(&examples, engine_ledger(engine));
    if (buffer_reserve(&examples.inputs, rows * shape->inputs * sizeof(float), &error) !=
            ERROR_NONE ||
        buffer_reserve(&examples.labels, rows * sizeof(int32_t), &error) != ERROR_NONE) {
        fail(&error);
    }
    float *X = (float *)(void *)examples.inputs.data;
    int32_t *labels = (int32_t *)(void *)examples.labels.data;
    for (size_t i = 0; i < rows * shape->inputs; i++) {
        X[i] = (float)((i * 2654435761u >> 8) % 256) / 255.0f;
    }
    for (size_t i = 0; i < rows; i++) {
        labels[i] = (int32_t)(i % shape_outputs(shape));
    }
    examples.inputs.used = rows * shape->inputs * sizeof(float);
    examples.labels.used = rows * sizeof(int32_t);
    examples.rows = rows;
    return example_set_create(&examples);
}

/* A model whose queue is kept full.  The feeder sleeps until a group of some model is
 * through, as clients do that wait for their answers: looking now and then would take a
 * core's time from the training. */
struct fed {
    struct completion finished; /* a group is through; a worker calls it */
    struct feeder *feeder;
    struct model *model;
    size_t handed_in; /* groups */
    bool hungry;      /* guarded by the feeder's lock */
};

struct feeder {
    struct engine *engine;
    const struct shape *shape;
    struct example_set *set;
    struct signal signal; /* of what is handed in */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a model is hungry */
    struct fed fed[MODELS_MAX];
    size_t models;
};

static void group_finished(struct completion *completion) {
    struct fed *fed = (struct fed *)completion;
    struct feeder *feeder = fed->feeder;
    pthread_mutex_lock(&feeder->lock);
    fed->hungry = true;
    pthread_cond_signal(&feeder->changed);
    pthread_mutex_unlock(&feeder->lock);
}

static void hand_in(struct feeder *feeder, struct fed *fed) {
    struct entry *batches[GROUP_MAX];
    const size_t group = group_of(feeder->shape);
    struct error error;
    double retry_after;
    for (size_t i = 0; i < group; i++) {
        batches[i] = entry_create_batch_of(fed->model, feeder->set, i * feeder->shape->batch,
                                           feeder->shape->batch);
    }
    const struct submission submission = {.batches = batches, .count = group};
    struct key_record *former;
    if (engine_submit_batches(feeder->engine, &submission, &feeder->signal.completion, &former,
                              &retry_after, &error) != ERROR_NONE) {
        fail(&error);
    }
    await(&feeder->signal);
    for (size_t i = 0; i < group; i++) {
        entry_release(batches[i]);
    }
    fed->handed_in++;
}

/* False where all but GROUPS_MIN groups are through already. */
static bool await_group(struct fed *fed) {
    const size_t batches = (fed->handed_in - GROUPS_MIN) * group_of(fed->feeder->shape);
    struct waiter *waiter = waiter_create(WAIT_FOR_HISTORY, batches - 1, NULL);
    if (waiter == NULL) {
        abort();
    }
    const bool waits = waiter_start(fed->model, waiter, &fed->finished);
    waiter_release(waiter);
    return waits;
}

static void feed(struct feeder *feeder, struct fed *fed) {
    hand_in(feeder, fed);
    if (fed->handed_in <= GROUPS_MIN || !await_group(fed)) {
        group_finished(&fed->finished);
    }
}

static struct fed *take_hungry(struct feeder *feeder) {
    for (size_t i = 0; i < feeder->models; i++) {
        if (feeder->fed[i].hungry) {
            feeder->fed[i].hungry = false;
            return &feeder->fed[i];
        }
    }
    return NULL;
}

static void keep_busy(struct feeder *feeder, double seconds) {
    const double end = clock_monotonic_seconds() + seconds;
    const struct timespec until = {.tv_sec = (time_t)end,
                                   .tv_nsec = (long)((end - floor(end)) * 1e9)};
    int outcome = 0;
    pthread_mutex_lock(&feeder->lock);
    while (outcome == 0 && clock_monotonic_seconds() < end) {
        struct fed *fed = take_hungry(feeder);
        if (fed == NULL) {
            outcome =
                pthread_cond_clockwait(&feeder->changed, &feeder->lock, CLOCK_MONOTONIC, &until);
            continue;
        }
        pthread_mutex_unlock(&feeder->lock);
        feed(feeder, fed);
        pthread_mutex_lock(&feeder->lock);
    }
    pthread_mutex_unlock(&feeder->lock);
}

static uint64_t examples_trained(const struct feeder *feeder) {
    uint64_t sum = 0;
    for (size_t i = 0; i < feeder->models; i++) {
        sum += model_look(feeder->fed[i].model).examples;
    }
    return sum;
}

static void signal_init(struct signal *signal) {
    *signal = (struct signal){.completion = {call}};
    pthread_mutex_init(&signal->lock, NULL);
    pthread_cond_init(&signal->changed, NULL);
}

static void make_model(struct feeder *feeder, enum optimizer optimizer, struct fed *fed) {
    struct specification specification;
    struct error error;
    char name[32];
    bool repeated;
    snprintf(name, sizeof name, "m%zu", (size_t)(fed - feeder->fed));
    shape_specify(feeder->shape, optimizer, &specification);
    if (engine_create_model(feeder->engine, name, &specification, NULL, NULL,
                            &feeder->signal.completion, &fed->model, &repeated,
                            &error) != ERROR_NONE) {
        fail(&error);
    }
    await(&feeder->signal);
    fed->finished.complete = group_finished;
    fed->feeder = feeder;
    fed->hungry = true;
}

static void end(struct feeder *feeder) {
    engine_close(feeder->engine);
    (void)engine_drain(feeder->engine, 0);
    for (size_t i = 0; i < feeder->models; i++) {
        model_release(feeder->fed[i].model);
    }
    example_set_release(feeder->set);
    (void)engine_destroy(feeder->engine);
}

double in_core_train(const struct shape *shape, enum optimizer optimizer, size_t models,
                     size_t workers, double seconds) {
    const struct engine_settings settings = {.workers = workers,
                                             .memory_bytes_max = (size_t)8 << 30,
                                             .queue_max = group_of(shape) * GROUPS_MAX};
    struct feeder feeder = {.shape = shape, .models = models};
    struct error error;
    signal_init(&feeder.signal);
    pthread_mutex_init(&feeder.lock, NULL);
    pthread_cond_init(&feeder.changed, NULL);
    if (engine_create(&settings, &feeder.engine, &error) != ERROR_NONE) {
        fail(&error);
    }
    for (size_t i = 0; i < models; i++) {
        make_model(&feeder, optimizer, &feeder.fed[i]);
    }
    feeder.set = make_examples(feeder.engine, shape);
    keep_busy(&feeder, WARM_SECONDS);
    const double begin = clock_monotonic_seconds();
    const uint64_t before = examples_trained(&feeder);
    uint64_t trained = 0;
    double now = begin;
    while (now < begin + seconds || trained < models * shape->batch * BATCHES_MIN) {
        keep_busy(&feeder, seconds);
        trained = examples_trained(&feeder) - before;
        now = clock_monotonic_seconds();
    }
    end(&feeder);
    return (double)trained / (now - begin);
}
