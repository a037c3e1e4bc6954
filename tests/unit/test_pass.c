/* core/maths/pass.h: what a batch changes, what it must not change, and that it
 * does not matter who computes its tiles.  Its gradients: test_gradient.c; whole
 * trainings: test_training.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/pass.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define INPUTS 3
#define ROWS 4

static const float inputs[ROWS * INPUTS] = {1, 2, 3, -1, 0.5f, 2, 0, 1, -2, 3, -1, 1};
static const int32_t labels[ROWS] = {0, 1, 1, 0};

static struct specification specify(enum optimizer optimizer) {
    struct specification s;
    specification_init(&s);
    s.inputs = INPUTS;
    lend_layers(&s, 2);
    s.layers[0].units = 5;
    s.layers[1].units = 2;
    optimizer_defaults(&s.optimizer, optimizer);
    return s;
}

static struct pass_batch batch_of(const float *X) {
    return (struct pass_batch){.rows = ROWS, .inputs = X, .labels = labels};
}

START_TEST(test_one_batch_by_hand) {
    /* One identity unit, w = (2, -1), b = 0.5, mse, lr 0.1, two rows:
     *   x (1, 1) c 0: a = 1.5, error 1.5;  x (2, 0) c 5: a = 4.5, error -0.5
     * loss (2.25 + 0.25)/2; gradients 2·error/2 = (1.5, -0.5):
     *   dw = (1.5·1 - 0.5·2, 1.5·1) = (0.5, 1.5), db = 1 */
    struct specification s;
    specification_init(&s);
    s.inputs = 2;
    lend_layers(&s, 1);
    s.layers[0].units = 1;
    s.loss = LOSS_MSE;
    optimizer_defaults(&s.optimizer, OPTIMIZER_SGD);
    s.optimizer.learning_rate = 0.1;
    struct twin twin;
    twin_create(&twin, &s);
    float *w = twin.parameters + twin.network.layers[0].weights;
    float *b = twin.parameters + twin.network.layers[0].biases;
    w[0] = 2, w[1] = -1, b[0] = 0.5f;
    const struct pass_batch batch = {
        .rows = 2, .inputs = (const float[]){1, 1, 2, 0}, .targets = (const float[]){0, 5}};
    const struct pass_result result = twin_run(&twin, &batch);
    EXPECT_SAME(result.loss, 1.25);
    EXPECT_NAN(result.accuracy);
    EXPECT_CLOSE(w[0], 2 - 0.05, 1e-7);
    EXPECT_CLOSE(w[1], -1 - 0.15, 1e-7);
    EXPECT_CLOSE(b[0], 0.5 - 0.1, 1e-7);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_hidden_layer_gradient_by_hand) {
    /* x 2; hidden relu: w (1, -1), b 0: A (2, 0); output w (3, 5), b 1: a = 7; c = 6:
     * error 1, dZ = 2; dW1 = (4, 0), db1 = 2; dA = (6, 10), dZ0 = (6, 0),
     * dW0 = (12, 0), db0 = (6, 0) */
    struct specification s;
    specification_init(&s);
    s.inputs = 1;
    lend_layers(&s, 2);
    s.layers[0].units = 2;
    s.layers[1].units = 1;
    s.loss = LOSS_MSE;
    struct twin twin;
    twin_create(&twin, &s);
    const struct network_layer *layers = twin.network.layers;
    memcpy(twin.parameters + layers[0].weights, (const float[]){1, -1}, 2 * sizeof(float));
    memcpy(twin.parameters + layers[0].biases, (const float[]){0, 0}, 2 * sizeof(float));
    memcpy(twin.parameters + layers[1].weights, (const float[]){3, 5}, 2 * sizeof(float));
    twin.parameters[layers[1].biases] = 1;
    const struct pass_batch batch = {
        .rows = 1, .inputs = (const float[]){2}, .targets = (const float[]){6}};
    EXPECT_SAME(twin_run(&twin, &batch).loss, 1);
    double found[7];
    twin_compact(&twin, twin.pass.gradient, found);
    EXPECT_ALL_CLOSE(7, found, ((const double[]){12, 0, 6, 0, 4, 0, 2}), 0);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_accuracy_is_the_share_of_right_rows) {
    struct twin twin;
    struct specification s = specify(OPTIMIZER_SGD);
    s.layers[0].initializer = s.layers[1].initializer = INITIALIZER_ZEROS;
    twin_create(&twin, &s);
    float *b = twin.parameters + twin.network.layers[1].biases;
    b[0] = 0, b[1] = 1; /* always class 1 */
    const int32_t three_of_four[] = {1, 1, 0, 1};
    const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = three_of_four};
    EXPECT_SAME(twin_run(&twin, &batch).accuracy, 0.75);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_accuracy_of_several_sigmoids_is_the_share_of_right_outputs) {
    struct twin twin;
    struct specification s = specify(OPTIMIZER_SGD);
    s.loss = LOSS_BINARY_CROSSENTROPY;
    s.layers[0].initializer = s.layers[1].initializer = INITIALIZER_ZEROS;
    twin_create(&twin, &s);
    float *b = twin.parameters + twin.network.layers[1].biases;
    b[0] = -1, b[1] = 1; /* always (0, 1) */
    const float targets[] = {0, 1, 1, 1, 1, 0, 0, 1};
    const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .targets = targets};
    EXPECT_SAME(twin_run(&twin, &batch).accuracy, 5.0 / 8);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_learning_rate_zero_keeps_weights_to_the_bit) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct specification s = specify((enum optimizer)optimizer);
        s.optimizer.learning_rate = 0;
        s.optimizer.weight_decay = 0.5;
        struct twin twin;
        twin_create(&twin, &s);
        const size_t count = twin.network.parameter_floats;
        float *before = malloc(count * sizeof *before);
        memcpy(before, twin.parameters, count * sizeof *before);
        const struct pass_batch batch = batch_of(inputs);
        for (int i = 0; i < 3; i++) {
            ck_assert(!twin_run(&twin, &batch).diverged);
        }
        EXPECT_BITS(count, twin.parameters, before);
        free(before);
        twin_destroy(&twin);
    }
}
END_TEST

START_TEST(test_learning_rate_zero_moves_the_standardizer) {
    struct specification s = specify(OPTIMIZER_SGD);
    s.optimizer.learning_rate = 0;
    s.standardize = true;
    struct twin twin;
    twin_create(&twin, &s);
    const struct pass_batch batch = batch_of(inputs);
    twin_run(&twin, &batch);
    EXPECT_COUNT(twin.standardizers[0].count, ROWS);
    EXPECT_CLOSE(twin.standardizers[0].mean[0], 0.75, 1e-15);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_all_weights_zero_is_an_ordinary_step_of_loss_and_gradient_zero) {
    struct specification s = specify(OPTIMIZER_ADAM);
    struct twin twin;
    twin_create(&twin, &s);
    const size_t count = twin.network.parameter_floats;
    float *before = malloc(count * sizeof *before);
    memcpy(before, twin.parameters, count * sizeof *before);
    struct pass_batch batch = batch_of(inputs);
    batch.sample_weights = (const float[ROWS]){0};
    const struct pass_result result = twin_run(&twin, &batch);
    EXPECT_SAME(result.loss, 0);
    ck_assert(!result.diverged);
    EXPECT_COUNT(twin.step, 1);
    for (size_t i = 0; i < count; i++) {
        EXPECT_SAME(twin.pass.gradient[i], 0);
    }
    EXPECT_BITS(count, twin.parameters, before);
    free(before);
    twin_destroy(&twin);
}
END_TEST

/* The norm of biases and weights of all layers, in whole tiles or parts. */
START_TEST(test_clip_norm_uses_the_norm_of_weights_and_biases_of_all_layers) {
    struct specification s = specify(OPTIMIZER_SGD);
    s.optimizer.learning_rate = 1;
    struct twin twin;
    twin_create(&twin, &s);
    const struct pass_batch batch = batch_of(inputs);
    twin_run(&twin, &batch);
    const size_t count = reference_parameters(&twin.reference);
    double *gradient = malloc(count * sizeof *gradient);
    double norm = 0;
    twin_compact(&twin, twin.pass.gradient, gradient);
    for (size_t i = 0; i < count; i++) {
        norm += gradient[i] * gradient[i];
    }
    norm = sqrt(norm);
    twin_destroy(&twin);
    /* just above: not a bit is scaled; just below: scaled by 0.999 */
    s.optimizer.clip_norm = norm * 1.0001;
    twin_create(&twin, &s);
    twin_run(&twin, &batch);
    EXPECT_SAME(twin.pass.optimizer_step.gradient_scale, 1);
    twin_destroy(&twin);
    s.optimizer.clip_norm = norm * 0.999;
    twin_create(&twin, &s);
    twin_run(&twin, &batch);
    EXPECT_CLOSE(twin.pass.optimizer_step.gradient_scale, 0.999, 1e-6);
    twin_destroy(&twin);
    free(gradient);
}
END_TEST

/* --- divergence --- */

struct snapshot {
    float *parameters, *first, *second;
    double mean[INPUTS], m2[INPUTS], scale[INPUTS];
    size_t count;
    uint64_t rows;
};

static float *copy(const float *from, size_t count) {
    float *to = malloc(count * sizeof *to);
    memcpy(to, from, count * sizeof *to);
    return to;
}

static struct snapshot snapshot_of(const struct twin *twin) {
    const size_t count = twin->network.parameter_floats;
    struct snapshot s = {.parameters = copy(twin->parameters, count),
                         .first = copy(twin->first, count),
                         .second = copy(twin->second, count),
                         .count = count,
                         .rows = twin->standardizers[0].count};
    memcpy(s.mean, twin->standardizers[0].mean, sizeof s.mean);
    memcpy(s.m2, twin->standardizers[0].m2, sizeof s.m2);
    memcpy(s.scale, twin->standardizers[0].scale, sizeof s.scale);
    return s;
}

static void check_unchanged(const struct twin *twin, struct snapshot *s) {
    EXPECT_BITS(s->count, twin->parameters, s->parameters);
    EXPECT_BITS(s->count, twin->first, s->first);
    EXPECT_BITS(s->count, twin->second, s->second);
    EXPECT_BITS(INPUTS, twin->standardizers[0].mean, s->mean);
    EXPECT_BITS(INPUTS, twin->standardizers[0].m2, s->m2);
    EXPECT_BITS(INPUTS, twin->standardizers[0].scale, s->scale);
    EXPECT_COUNT(twin->standardizers[0].count, s->rows);
    free(s->parameters);
    free(s->first);
    free(s->second);
}

/* mse of outputs of 1e30: (1e30)² is no float32. */
START_TEST(test_a_batch_of_infinite_loss_is_diverged_and_changes_nothing) {
    struct specification s = specify(OPTIMIZER_ADAM);
    s.loss = LOSS_MSE;
    s.standardize = true;
    struct twin twin;
    twin_create(&twin, &s);
    const float targets[ROWS * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    const float too_large[ROWS * 2] = {1e30f, 2, 3, 4, 5, 6, 7, 8};
    struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .targets = targets};
    ck_assert(!twin_run(&twin, &batch).diverged);
    struct snapshot before = snapshot_of(&twin);
    batch.targets = too_large;
    const struct pass_result result = twin_run(&twin, &batch);
    ck_assert(result.diverged);
    ck_assert_msg(!isfinite(result.loss), "loss found %g, wanted none that is finite", result.loss);
    check_unchanged(&twin, &before);
    twin_destroy(&twin);
}
END_TEST

/* mae has a finite loss and gradient at any output; inputs of 1e30 make dW of
 * 1e30, whose square is no float32. */
START_TEST(test_a_batch_of_finite_loss_and_infinite_gradient_is_diverged_and_changes_nothing) {
    struct specification s = specify(OPTIMIZER_ADAM);
    s.loss = LOSS_MAE;
    s.layers[0].activation = ACTIVATION_TANH;
    struct twin twin;
    twin_create(&twin, &s);
    const float targets[ROWS * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .targets = targets};
    ck_assert(!twin_run(&twin, &batch).diverged);
    memset(twin.parameters, 0, twin.network.layers[0].biases * sizeof(float));
    struct snapshot before = snapshot_of(&twin);
    const float large[ROWS * INPUTS] = {1e30f, 1e30f, 1e30f, 1e30f, 1e30f, 1e30f,
                                        1e30f, 1e30f, 1e30f, 1e30f, 1e30f, 1e30f};
    batch.inputs = large;
    const struct pass_result result = twin_run(&twin, &batch);
    ck_assert_msg(isfinite(result.loss), "loss found %g, wanted a finite one", result.loss);
    ck_assert(result.diverged);
    check_unchanged(&twin, &before);
    twin_destroy(&twin);
}
END_TEST

/* ∞ - ∞ in a hidden layer makes a NaN; here the bias brings it, whatever the
 * order in which a product adds. */
START_TEST(test_a_nan_in_a_hidden_layer_is_diverged_with_every_activation) {
    for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
        struct specification s = specify(OPTIMIZER_ADAM);
        s.layers[0].activation = (enum activation)activation;
        struct twin twin;
        twin_create(&twin, &s);
        twin.parameters[twin.network.layers[0].biases + 3] = NAN;
        const struct pass_batch batch = batch_of(inputs);
        ck_assert_msg(twin_run(&twin, &batch).diverged, "%s: not diverged",
                      activation_functions[activation].name);
        twin_destroy(&twin);
    }
}
END_TEST

/* mae of 3e38 and -3e38 is beyond float32, its derivative is 1. */
START_TEST(test_a_batch_of_infinite_loss_and_finite_gradient_is_diverged_and_changes_nothing) {
    struct specification s = specify(OPTIMIZER_ADAM);
    s.loss = LOSS_MAE;
    struct twin twin;
    twin_create(&twin, &s);
    twin.parameters[twin.network.layers[1].biases] = 3e38f;
    struct snapshot before = snapshot_of(&twin);
    const float targets[ROWS * 2] = {-3e38f, 2, 3, 4, 5, 6, 7, 8};
    const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .targets = targets};
    const struct pass_result result = twin_run(&twin, &batch);
    ck_assert(result.diverged);
    ck_assert_msg(isinf(result.loss), "loss found %g, wanted infinity", result.loss);
    check_unchanged(&twin, &before);
    twin_destroy(&twin);
}
END_TEST

/* A weight of 0 takes the row out of the loss; its gradient is 0·∞, a NaN. */
START_TEST(test_a_batch_of_nan_gradients_is_diverged_and_changes_nothing) {
    struct specification s = specify(OPTIMIZER_ADAM);
    s.layers[0].activation = ACTIVATION_IDENTITY;
    struct twin twin;
    twin_create(&twin, &s);
    struct pass_batch batch = batch_of(inputs);
    ck_assert(!twin_run(&twin, &batch).diverged);
    struct snapshot before = snapshot_of(&twin);
    const float large[ROWS * INPUTS] = {3e38f, 3e38f, -3e38f, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    batch.inputs = large;
    batch.sample_weights = (const float[ROWS]){0, 1, 1, 1};
    for (size_t unit = 0; unit < 5; unit++) {
        float *w = twin.parameters + twin.network.layers[0].weights + unit * INPUTS;
        w[0] = w[1] = unit % 2 ? 100 : -100;
        w[2] = -w[0];
    }
    memcpy(before.parameters, twin.parameters, before.count * sizeof(float));
    const struct pass_result result = twin_run(&twin, &batch);
    ck_assert_msg(isfinite(result.loss), "loss found %g, wanted a finite one", result.loss);
    ck_assert(result.diverged);
    check_unchanged(&twin, &before);
    twin_destroy(&twin);
}
END_TEST

/* --- tiles --- */

struct weights {
    size_t count;
    float *parameters;
    double loss;
};

enum order { FORWARD, BACKWARD, SHUFFLED };

/* Three batches, the tiles of each phase in the order given, in place or into other
 * arrays. */
static struct weights train_in_order(enum order order, enum optimizer optimizer, bool in_place) {
    struct specification s;
    specification_init(&s);
    s.inputs = 600;
    lend_layers(&s, 3);
    s.layers[0].units = 20;
    s.layers[0].dropout = 0.2;
    s.layers[0].normalization = NORMALIZATION_BATCH;
    s.layers[1].units = 40;
    s.layers[1].normalization = NORMALIZATION_LAYER;
    s.layers[2].units = 40;
    s.standardize = true;
    optimizer_defaults(&s.optimizer, optimizer);
    struct twin twin;
    twin_create(&twin, &s);
    const size_t rows = 4096, count = twin.network.version_floats;
    float *X = malloc(rows * 600 * sizeof *X);
    int32_t *truth = malloc(rows * sizeof *truth);
    uint64_t random = 1;
    for (size_t i = 0; i < rows * 600; i++) {
        X[i] = twin_random(&random);
    }
    for (size_t r = 0; r < rows; r++) {
        truth[r] = (int32_t)(r % 40);
    }
    const struct pass_batch batch = {.rows = rows, .inputs = X, .labels = truth};
    const struct pass_settings settings = {&twin.specification.optimizer, NULL, OUTPUT_DELTA_EXACT,
                                           twin.specification.seed};
    void *scratch = memory_allocate(pass_scratch_bytes(&twin.network, rows), 1);
    struct weights result = {count, memory_allocate_zero(count, sizeof(float)), 0};
    float *from = twin.parameters, *into = result.parameters;
    if (in_place) {
        memcpy(into, from, count * sizeof *into);
        from = into;
    }
    for (uint64_t step = 0; step < 3; step++) {
        const struct pass_state state = {step,
                                         from,
                                         into,
                                         &twin.standardizers[step % 2],
                                         &twin.standardizers[(step + 1) % 2],
                                         twin.first,
                                         twin.second};
        struct pass pass;
        /* as floats and as doubles large, and none beyond float32 */
        memset(scratch, 0x45 + (int)order, pass_scratch_bytes(&twin.network, rows));
        pass_begin(&pass, &twin.network, &batch, &settings, &state, scratch);
        size_t phase = 0;
        do {
            const size_t tiles = pass_phase_tiles(&pass, phase);
            for (size_t i = 0; i < tiles; i++) {
                const size_t shuffled = tiles % 7 == 0 ? tiles - 1 - i : i * 7 % tiles;
                pass_run_tile(&pass, phase,
                              order == FORWARD    ? i
                              : order == BACKWARD ? tiles - 1 - i
                                                  : shuffled);
            }
        } while (pass_end_phase(&pass, phase++));
        ck_assert(!pass.result.diverged);
        result.loss = pass.result.loss;
        float *swap = from;
        from = into;
        into = swap;
    }
    /* after three steps the last version lies in result.parameters */
    ck_assert(from == result.parameters);
    memory_free(scratch);
    free(X);
    free(truth);
    twin_destroy(&twin);
    return result;
}

static void expect_same(const struct weights *found, const struct weights *wanted) {
    EXPECT_BITS(wanted->count, found->parameters, wanted->parameters);
    EXPECT_SAME(found->loss, wanted->loss);
    memory_free(found->parameters);
}

START_TEST(test_order_of_tiles_and_what_lay_in_the_scratch_change_not_a_bit) {
    const struct weights wanted = train_in_order(FORWARD, OPTIMIZER_ADAM, false);
    for (int order = BACKWARD; order <= SHUFFLED; order++) {
        const struct weights found = train_in_order((enum order)order, OPTIMIZER_ADAM, false);
        expect_same(&found, &wanted);
    }
    memory_free(wanted.parameters);
}
END_TEST

/* sgd writes new weights as soon as their gradient is known, but not in place. */
START_TEST(test_a_step_in_place_and_one_into_another_version_give_the_same_bits) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        const struct weights wanted = train_in_order(FORWARD, (enum optimizer)optimizer, true);
        const struct weights found = train_in_order(BACKWARD, (enum optimizer)optimizer, false);
        expect_same(&found, &wanted);
        memory_free(wanted.parameters);
    }
}
END_TEST

/* Weights of a batch that diverges are nobody's: the old version must stand. */
START_TEST(test_a_diverged_batch_of_sgd_leaves_the_old_version) {
    struct specification s = specify(OPTIMIZER_SGD);
    s.loss = LOSS_MAE;
    struct twin twin;
    twin_create(&twin, &s);
    const float targets[ROWS * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    float large[ROWS * INPUTS];
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        large[i] = 1e30f;
    }
    const struct pass_batch batch = {.rows = ROWS, .inputs = large, .targets = targets};
    const struct pass_settings settings = {&twin.specification.optimizer, NULL, OUTPUT_DELTA_EXACT,
                                           twin.specification.seed};
    const size_t count = twin.network.version_floats;
    float *before = malloc(count * sizeof *before);
    float *into = memory_allocate_zero(count, sizeof *into);
    memcpy(before, twin.parameters, count * sizeof *before);
    const struct pass_state state = {.from = twin.parameters, .into = into};
    struct pass pass;
    void *scratch = memory_allocate(pass_scratch_bytes(&twin.network, ROWS), 1);
    pass_begin(&pass, &twin.network, &batch, &settings, &state, scratch);
    pass_run(&pass);
    ck_assert(pass.result.diverged);
    EXPECT_BITS(count, twin.parameters, before);
    memory_free(scratch);
    memory_free(into);
    free(before);
    twin_destroy(&twin);
}
END_TEST

static void check_again(enum optimizer optimizer) {
    struct specification s = specify(optimizer);
    s.layers[0].normalization = NORMALIZATION_BATCH;
    s.layers[0].dropout = 0.5;
    struct twin fresh, again;
    twin_create(&fresh, &s);
    twin_create(&again, &s);
    const size_t count = fresh.network.version_floats;
    float *other[2] = {memory_allocate_zero(count, sizeof(float)),
                       memory_allocate_zero(count, sizeof(float))};
    void *scratch = memory_allocate(pass_scratch_bytes(&again.network, ROWS), 1);
    struct pass pass;
    for (uint64_t step = 0; step < 6; step++) {
        float X[ROWS * INPUTS];
        for (size_t i = 0; i < ROWS * INPUTS; i++) {
            X[i] = inputs[i] * (float)(step + 1);
        }
        const struct pass_batch batch = batch_of(X);
        const struct pass_settings settings = {&again.specification.optimizer, NULL,
                                               OUTPUT_DELTA_EXACT, again.specification.seed};
        /* The first two into the other version, then in place. */
        const struct pass_state state = {.step = step,
                                         .from = step == 1   ? other[0]
                                                 : step == 0 ? again.parameters
                                                             : other[1],
                                         .into = step == 0 ? other[0] : other[1],
                                         .first = again.first,
                                         .second = again.second};
        if (step == 0) {
            pass_begin(&pass, &again.network, &batch, &settings, &state, scratch);
        } else {
            pass_begin_again(&pass, &batch, &settings, &state);
        }
        pass_run(&pass);
        const struct pass_result wanted = twin_run(&fresh, &batch);
        EXPECT_SAME(pass.result.loss, wanted.loss);
    }
    EXPECT_BITS(count, other[1], fresh.parameters);
    memory_free(scratch);
    memory_free(other[0]);
    memory_free(other[1]);
    twin_destroy(&fresh);
    twin_destroy(&again);
}

START_TEST(test_a_pass_begun_again_gives_the_bits_of_a_new_one) {
    check_again(OPTIMIZER_SGD);
    check_again(OPTIMIZER_ADAM);
}
END_TEST

START_TEST(test_padding_of_the_parameters_stays_zero) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct twin twin;
        const struct specification s = specify((enum optimizer)optimizer);
        twin_create(&twin, &s);
        const struct pass_batch batch = batch_of(inputs);
        for (int i = 0; i < 5; i++) {
            twin_run(&twin, &batch);
        }
        const struct network_layer *layers = twin.network.layers;
        for (size_t i = layers[0].weights + 15; i < layers[0].biases; i++) {
            EXPECT_SAME(twin.parameters[i], 0);
        }
        for (size_t i = layers[1].biases + 2; i < twin.network.parameter_floats; i++) {
            EXPECT_SAME(twin.parameters[i], 0);
        }
        twin_destroy(&twin);
    }
}
END_TEST

START_TEST(test_scratch_of_absurd_batches_does_not_overflow) {
    struct twin twin;
    const struct specification s = specify(OPTIMIZER_ADAM);
    twin_create(&twin, &s);
    ck_assert(pass_scratch_bytes(&twin.network, SIZE_MAX) == SIZE_MAX);
    ck_assert(pass_scratch_bytes(&twin.network, SIZE_MAX / 8) == SIZE_MAX);
    ck_assert(pass_scratch_bytes(&twin.network, SIZE_MAX / 40) == SIZE_MAX);
    ck_assert(pass_scratch_bytes(&twin.network, ROWS) < 10000);
    twin_destroy(&twin);
}
END_TEST

Suite *suite_pass(void) {
    Suite *suite = suite_create("pass");
    TCase *tests = tcase_create("pass");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_one_batch_by_hand);
    tcase_add_test(tests, test_hidden_layer_gradient_by_hand);
    tcase_add_test(tests, test_accuracy_is_the_share_of_right_rows);
    tcase_add_test(tests, test_accuracy_of_several_sigmoids_is_the_share_of_right_outputs);
    tcase_add_test(tests, test_learning_rate_zero_keeps_weights_to_the_bit);
    tcase_add_test(tests, test_learning_rate_zero_moves_the_standardizer);
    tcase_add_test(tests, test_all_weights_zero_is_an_ordinary_step_of_loss_and_gradient_zero);
    tcase_add_test(tests, test_clip_norm_uses_the_norm_of_weights_and_biases_of_all_layers);
    tcase_add_test(tests, test_a_batch_of_infinite_loss_is_diverged_and_changes_nothing);
    tcase_add_test(
        tests, test_a_batch_of_finite_loss_and_infinite_gradient_is_diverged_and_changes_nothing);
    tcase_add_test(tests, test_a_nan_in_a_hidden_layer_is_diverged_with_every_activation);
    tcase_add_test(
        tests, test_a_batch_of_infinite_loss_and_finite_gradient_is_diverged_and_changes_nothing);
    tcase_add_test(tests, test_a_batch_of_nan_gradients_is_diverged_and_changes_nothing);
    tcase_add_test(tests, test_order_of_tiles_and_what_lay_in_the_scratch_change_not_a_bit);
    tcase_add_test(tests, test_a_step_in_place_and_one_into_another_version_give_the_same_bits);
    tcase_add_test(tests, test_a_diverged_batch_of_sgd_leaves_the_old_version);
    tcase_add_test(tests, test_a_pass_begun_again_gives_the_bits_of_a_new_one);
    tcase_add_test(tests, test_padding_of_the_parameters_stays_zero);
    tcase_add_test(tests, test_scratch_of_absurd_batches_does_not_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
