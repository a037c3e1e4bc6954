/* Whole trainings against the reference in double precision: the weights after
 * 100 steps of every optimiser and schedule, and the loss curve on real data. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/data/fashion_mnist.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/suites.h"

enum restraint { NO_RESTRAINT, WEIGHT_DECAY, CLIP_NORM, CLIP_VALUE, RESTRAINT_COUNT };

static const char *const restraint_names[RESTRAINT_COUNT] = {"nothing", "weight decay", "clip_norm",
                                                             "clip_value"};

struct variant {
    const char *name;
    enum optimizer optimizer;
    double momentum;
    bool nesterov;
    double learning_rate;
};

static const struct variant variants[] = {
    {"sgd", OPTIMIZER_SGD, 0, false, 0.2},         {"momentum", OPTIMIZER_SGD, 0.9, false, 0.05},
    {"nesterov", OPTIMIZER_SGD, 0.9, true, 0.05},  {"rmsprop", OPTIMIZER_RMSPROP, 0, false, 0.01},
    {"adagrad", OPTIMIZER_ADAGRAD, 0, false, 0.1}, {"adam", OPTIMIZER_ADAM, 0, false, 0.01},
    {"adamw", OPTIMIZER_ADAMW, 0, false, 0.01},
};

#define INPUTS 6
#define OUTPUTS 3
#define ROWS 8

static struct specification specify(const struct variant *variant) {
    struct specification s;
    specification_init(&s);
    s.inputs = INPUTS;
    lend_layers(&s, 2);
    s.layers[0].units = 5;
    s.layers[0].activation = ACTIVATION_TANH;
    s.layers[1].units = OUTPUTS;
    optimizer_defaults(&s.optimizer, variant->optimizer);
    s.optimizer.learning_rate = variant->learning_rate;
    s.optimizer.momentum = variant->momentum;
    s.optimizer.nesterov = variant->nesterov;
    return s;
}

/* 100 steps on both sides; the worst relative error of the weights and of the
 * moving statistics. */
static double train_side_by_side(const struct specification *specification) {
    struct twin twin;
    twin_create(&twin, specification);
    uint64_t random = 99;
    for (int step = 0; step < 100; step++) {
        float inputs[ROWS * INPUTS];
        int32_t labels[ROWS];
        for (int r = 0; r < ROWS; r++) {
            labels[r] = r % OUTPUTS;
            for (int j = 0; j < INPUTS; j++) {
                inputs[r * INPUTS + j] = twin_random(&random) + 0.3f * (float)(labels[r] == j);
            }
        }
        const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = labels};
        twin_reference_run(&twin, &batch);
        ck_assert(!twin_run(&twin, &batch).diverged);
    }
    const size_t count = reference_parameters(&twin.reference);
    double *found = malloc(count * sizeof *found);
    twin_compact(&twin, twin.parameters, found);
    const double error =
        fmax(twin_worst_error(&twin, found, twin.weights), twin_moving_error(&twin));
    free(found);
    twin_destroy(&twin);
    return error;
}

static double train_variant(const struct variant *variant, enum restraint restraint,
                            enum schedule schedule, uint64_t warmup_steps) {
    struct specification s = specify(variant);
    s.optimizer.weight_decay = restraint == WEIGHT_DECAY ? 0.1 : s.optimizer.weight_decay;
    s.optimizer.clip_norm = restraint == CLIP_NORM ? 0.3 : 0;
    s.optimizer.clip_value = restraint == CLIP_VALUE ? 0.05 : 0;
    s.optimizer.schedule = (struct schedule_settings){schedule, 0.8, 30, 0.1, warmup_steps};
    return train_side_by_side(&s);
}

START_TEST(test_weights_after_100_steps_of_every_optimizer_and_schedule_are_the_references) {
    double worst = 0;
    size_t runs = 0;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        for (int restraint = 0; restraint < RESTRAINT_COUNT; restraint++) {
            for (int schedule = 0; schedule < SCHEDULE_COUNT; schedule++) {
                for (uint64_t warmup = 0; warmup <= 10; warmup += 10) {
                    const double error = train_variant(&variants[v], (enum restraint)restraint,
                                                       (enum schedule)schedule, warmup);
                    ck_assert_msg(error <= 1e-4,
                                  "%s, %s, %s, warm-up %d: relative error found %.3g, wanted at "
                                  "most 1e-4",
                                  variants[v].name, restraint_names[restraint],
                                  schedule_functions[schedule].name, (int)warmup, error);
                    worst = fmax(worst, error);
                    runs++;
                }
            }
        }
    }
    printf("optimizers: %zu combinations with schedules, 100 steps, worst relative error %.1e\n",
           runs, worst);
}
END_TEST

START_TEST(test_weights_after_100_steps_with_dropout_and_standardisation_are_the_references) {
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct specification s = specify(&variants[v]);
        s.layers[0].dropout = 0.4;
        s.standardize = true;
        const double error = train_side_by_side(&s);
        ck_assert_msg(error <= 1e-4, "%s: relative error found %.3g, wanted at most 1e-4",
                      variants[v].name, error);
    }
}
END_TEST

START_TEST(test_weights_after_100_steps_with_normalization_are_the_references) {
    double worst = 0;
    size_t runs = 0;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
            for (int restraint = 0; restraint < RESTRAINT_COUNT; restraint++) {
                struct specification s = specify(&variants[v]);
                s.layers[0].normalization = (enum normalization)kind;
                s.layers[0].dropout = restraint == NO_RESTRAINT ? 0.3 : 0;
                s.standardize = restraint == WEIGHT_DECAY;
                s.optimizer.weight_decay = restraint == WEIGHT_DECAY ? 0.1 : 0;
                s.optimizer.clip_norm = restraint == CLIP_NORM ? 0.3 : 0;
                s.optimizer.clip_value = restraint == CLIP_VALUE ? 0.05 : 0;
                const double error = train_side_by_side(&s);
                ck_assert_msg(error <= 1e-4,
                              "%s, %s, %s: relative error found %.3g, wanted at most 1e-4",
                              variants[v].name, normalization_kinds[kind].name,
                              restraint_names[restraint], error);
                worst = fmax(worst, error);
                runs++;
            }
        }
    }
    printf("normalization: %zu trainings, 100 steps, worst relative error %.1e of weights and "
           "moving statistics\n",
           runs, worst);
}
END_TEST

START_TEST(test_loss_curve_on_fashion_mnist_is_the_references) {
    struct fashion_mnist data;
    const char *failure = fashion_mnist_load(&data, FASHION_MNIST_DIRECTORY);
    ck_assert_msg(failure == NULL, "%s", failure);
    enum { BATCH = 64, STEPS = 50 };
    struct specification s;
    specification_init(&s);
    s.inputs = FASHION_MNIST_PIXELS;
    lend_layers(&s, 2);
    s.layers[0].units = 128;
    s.layers[1].units = FASHION_MNIST_CLASSES;
    struct twin twin;
    twin_create(&twin, &s);
    static float inputs[BATCH * FASHION_MNIST_PIXELS];
    int32_t labels[BATCH];
    double worst = 0, first = 0, last = 0;
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t r = 0; r < BATCH; r++) {
            const size_t image = step * BATCH + r;
            labels[r] = data.training.labels[image];
            for (size_t j = 0; j < FASHION_MNIST_PIXELS; j++) {
                inputs[r * FASHION_MNIST_PIXELS + j] =
                    (float)data.training.images[image * FASHION_MNIST_PIXELS + j] / 255.0f;
            }
        }
        const struct pass_batch batch = {.rows = BATCH, .inputs = inputs, .labels = labels};
        const double wanted = twin_reference_run(&twin, &batch);
        const double found = twin_run(&twin, &batch).loss;
        const double error = fabs(found - wanted) / wanted;
        ck_assert_msg(error <= 1e-3, "step %zu: loss found %.7g, wanted %.7g", step, found, wanted);
        worst = fmax(worst, error);
        first = step == 0 ? found : first;
        last = found;
    }
    ck_assert_msg(last < first / 2, "loss found %.3g after %.3g, wanted it to fall", last, first);
    printf("loss curve: %d steps of Fashion-MNIST, %.3f to %.3f, worst relative error %.1e\n",
           STEPS, first, last, worst);
    twin_destroy(&twin);
    fashion_mnist_free(&data);
}
END_TEST

START_TEST(test_a_missing_data_set_names_the_package_to_install) {
    struct fashion_mnist data;
    const char *failure = fashion_mnist_load(&data, "/nonexistent");
    ck_assert(failure != NULL && strstr(failure, "apt-get install dataset-fashion-mnist") != NULL);
    ck_assert(data.training.images == NULL && data.test.labels == NULL);
}
END_TEST

Suite *suite_training(void) {
    Suite *suite = suite_create("training");
    TCase *tests = tcase_create("training");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests,
                   test_weights_after_100_steps_of_every_optimizer_and_schedule_are_the_references);
    tcase_add_test(
        tests, test_weights_after_100_steps_with_dropout_and_standardisation_are_the_references);
    tcase_add_test(tests, test_weights_after_100_steps_with_normalization_are_the_references);
    tcase_add_test(tests, test_loss_curve_on_fashion_mnist_is_the_references);
    tcase_add_test(tests, test_a_missing_data_set_names_the_package_to_install);
    suite_add_tcase(suite, tests);
    return suite;
}
