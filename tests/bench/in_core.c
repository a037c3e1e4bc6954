/* See in_core.h. */
#include "tests/bench/in_core.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/engine/clock.h"
#include "core/engine/engine.h"

#define MODELS_MAX 16
#define GROUP 64                       /* batches handed in together */
#define QUEUED_MIN ((size_t)2 * GROUP) /* of each model; below it more are handed in */
#define WARM_SECONDS 0.1
#define BATCHES_MIN 8 /* a model that count, however slow they are */
#define PAUSE_NANOSECONDS 100000

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

static struct example_set *make_examples(struct engine *engine, const struct shape *shape) {
    struct examples examples;
    struct error error;
    const size_t rows = shape->batch * GROUP;
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

static void hand_in(struct engine *engine, struct model *model, const struct shape *shape,
                    struct example_set *set, struct signal *signal) {
    struct entry *batches[GROUP];
    struct error error;
    double retry_after;
    for (size_t i = 0; i < GROUP; i++) {
        batches[i] = entry_create_batch_of(model, set, i * shape->batch, shape->batch);
    }
    const struct submission submission = {.batches = batches, .count = GROUP};
    struct key_record *former;
    if (engine_submit_batches(engine, &submission, &signal->completion, &former, &retry_after,
                              &error) != ERROR_NONE) {
        fail(&error);
    }
    await(signal);
    for (size_t i = 0; i < GROUP; i++) {
        entry_release(batches[i]);
    }
}

static uint64_t examples_trained(struct model *const *all, size_t models) {
    uint64_t sum = 0;
    for (size_t i = 0; i < models; i++) {
        sum += model_look(all[i]).examples;
    }
    return sum;
}

static void keep_busy(struct engine *engine, struct model *const *all, size_t models,
                      const struct shape *shape, struct example_set *set, struct signal *signal,
                      double until) {
    while (clock_monotonic_seconds() < until) {
        bool handed = false;
        for (size_t i = 0; i < models; i++) {
            if (model_look(all[i]).queue_depth < QUEUED_MIN) {
                hand_in(engine, all[i], shape, set, signal);
                handed = true;
            }
        }
        if (!handed) {
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
        }
    }
}

double in_core_train(const struct shape *shape, enum optimizer optimizer, size_t models,
                     size_t workers, double seconds) {
    const struct engine_settings settings = {
        .workers = workers, .memory_bytes_max = (size_t)8 << 30, .queue_max = 4 * QUEUED_MIN};
    struct signal signal = {.completion = {call}};
    struct model *all[MODELS_MAX];
    struct engine *engine;
    struct error error;
    pthread_mutex_init(&signal.lock, NULL);
    pthread_cond_init(&signal.changed, NULL);
    if (engine_create(&settings, &engine, &error) != ERROR_NONE) {
        fail(&error);
    }
    for (size_t i = 0; i < models; i++) {
        struct specification specification;
        char name[32];
        snprintf(name, sizeof name, "m%zu", i);
        shape_specify(shape, optimizer, &specification);
        bool repeated;
        if (engine_create_model(engine, name, &specification, NULL, &signal.completion, &all[i],
                                &repeated, &error) != ERROR_NONE) {
            fail(&error);
        }
        await(&signal);
    }
    struct example_set *set = make_examples(engine, shape);
    keep_busy(engine, all, models, shape, set, &signal, clock_monotonic_seconds() + WARM_SECONDS);
    const double begin = clock_monotonic_seconds();
    const uint64_t before = examples_trained(all, models);
    uint64_t trained = 0;
    double now = begin;
    while (now < begin + seconds || trained < models * shape->batch * BATCHES_MIN) {
        keep_busy(engine, all, models, shape, set, &signal, now + seconds);
        trained = examples_trained(all, models) - before;
        now = clock_monotonic_seconds();
    }
    const double rate = (double)trained / (now - begin);
    engine_close(engine);
    (void)engine_drain(engine, 0);
    for (size_t i = 0; i < models; i++) {
        model_release(all[i]);
    }
    example_set_release(set);
    (void)engine_destroy(engine);
    return rate;
}
