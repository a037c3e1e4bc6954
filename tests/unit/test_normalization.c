/* core/maths/normalization.h by hand-worked numbers, and what a batch does to the
 * moving statistics.  Gradients: test_gradient.c; trainings: test_training.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/normalization.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define EPSILON 1e-3

/* --- batch, by hand --- */

/* Three rows of two units, in a matrix four wide:
 *   unit 0: 1, 2, 6: mean 3, variance (4 + 1 + 9)/3 = 14/3
 *   unit 1: 5, 5, 5: mean 5, variance 0 */
static const float Z[3 * 4] = {1, 5, 90, 90, 2, 5, 90, 90, 6, 5, 90, 90};
static const struct activation_block block = {3, 2, 4};

START_TEST(test_batch_statistics_are_mean_and_variance_over_n) {
    double mean[3] = {-1, -1, -1}, variance[3] = {-1, -1, -1}, inverse[3] = {-1, -1, -1};
    normalization_batch_statistics(block, Z, mean, variance, inverse);
    EXPECT_CLOSE(mean[0], 3, 1e-15);
    EXPECT_CLOSE(mean[1], 5, 1e-15);
    EXPECT_CLOSE(variance[0], 14.0 / 3, 1e-14);
    EXPECT_CLOSE(variance[1], 0, 0);
    EXPECT_CLOSE(inverse[0], 1 / sqrt(14.0 / 3 + EPSILON), 1e-15);
    EXPECT_CLOSE(inverse[1], 1 / sqrt(EPSILON), 1e-13);
    EXPECT_SAME(mean[2], -1);
    EXPECT_SAME(variance[2], -1);
    EXPECT_SAME(inverse[2], -1);
}
END_TEST

START_TEST(test_batch_forward_by_hand) {
    /* mean 3, inverse ½: x̂ of 1, 2, 6 is -1, -½, 1½; γ = 4 */
    const double mean[] = {3, 5}, inverse[] = {0.5, 10};
    const float gamma[] = {4, -1};
    float X[12] = {0}, Y[12] = {0};
    normalization_batch_forward(block, mean, inverse, gamma, Z, X, Y);
    const float wanted_X[12] = {-1, 0, 0, 0, -0.5f, 0, 0, 0, 1.5f, 0, 0, 0};
    const float wanted_Y[12] = {-4, 0, 0, 0, -2, 0, 0, 0, 6, 0, 0, 0};
    EXPECT_ALL_CLOSE(12, X, wanted_X, 0);
    EXPECT_ALL_CLOSE(12, Y, wanted_Y, 0);
    memcpy(X, Z, sizeof Z);
    normalization_batch_forward(block, mean, inverse, gamma, X, X, Y);
    EXPECT_CLOSE(X[8], 1.5, 0);
    EXPECT_CLOSE(X[2], 90, 0);
}
END_TEST

START_TEST(test_batch_prediction_uses_the_moving_statistics) {
    /* (z - 2)/√(3.999 + 0.001)·γ: of 1, 2, 6 with γ = 4: -2, 0, 8 */
    const float mean[] = {2, 5}, variance[] = {3.999f, 8.999f}, gamma[] = {4, 3};
    float Y[12];
    memcpy(Y, Z, sizeof Z);
    normalization_batch_predict(block, mean, variance, gamma, Y);
    const float wanted[12] = {-2, 0, 90, 90, 0, 0, 90, 90, 8, 0, 90, 90};
    EXPECT_ALL_CLOSE(12, Y, wanted, 1e-6);
}
END_TEST

START_TEST(test_moving_statistics_keep_99_parts_of_100) {
    const float from[] = {0, 1, -3};
    const double batch[] = {5, 2, -3};
    float into[3];
    normalization_move(3, batch, from, into);
    EXPECT_ALL_CLOSE(3, into, ((const double[]){0.05, 1.01, -3}), 1e-7);
}
END_TEST

START_TEST(test_sums_are_the_gradients_of_beta_and_gamma) {
    const float dY[12] = {1, 0, 7, 7, -2, 1, 7, 7, 4, 1, 7, 7};
    const float X[12] = {3, 1, 7, 7, 1, 2, 7, 7, 2, 5, 7, 7};
    double dy[2], dyx[2];
    float dbeta[3] = {0, 0, 9}, dgamma[3] = {0, 0, 9};
    normalization_sums(block, dY, X, dy, dyx, dbeta, dgamma);
    EXPECT_ALL_CLOSE(2, dy, ((const double[]){3, 2}), 0);
    EXPECT_ALL_CLOSE(2, dyx, ((const double[]){3 - 2 + 8, 0 + 2 + 5}), 0);
    EXPECT_ALL_CLOSE(3, dbeta, ((const float[]){3, 2, 9}), 0);
    EXPECT_ALL_CLOSE(3, dgamma, ((const float[]){9, 7, 9}), 0);
}
END_TEST

START_TEST(test_batch_backward_by_hand) {
    /* Two rows of one unit, x̂ = ∓1, dy = 3, 5: Σdy = 8, Σdy·x̂ = 2; γ = 2, inverse ½:
     * dz = 2·½·(3 - 4 + 1) = 0 and (5 - 4 - 1) = 0: two numbers are always ±1 then.
     * Three rows, x̂ = -1, 0, 1, dy = 1, 1, 4: Σdy = 6, Σdy·x̂ = 3:
     * dz = 1 - 2 + 1 = 0, 1 - 2 - 0 = -1, 4 - 2 - 1 = 1 */
    const struct activation_block column = {3, 1, 1};
    const float gamma[] = {2}, X2[] = {-1, 1}, X3[] = {-1, 0, 1};
    const double inverse[] = {0.5};
    float D2[] = {3, 5}, D3[] = {1, 1, 4};
    normalization_batch_backward((struct activation_block){2, 1, 1}, 2, (const double[]){8},
                                 (const double[]){2}, inverse, gamma, X2, D2);
    EXPECT_ALL_CLOSE(2, D2, ((const double[]){0, 0}), 0);
    normalization_batch_backward(column, 3, (const double[]){6}, (const double[]){3}, inverse,
                                 gamma, X3, D3);
    EXPECT_ALL_CLOSE(3, D3, ((const double[]){0, -1, 1}), 1e-7);
}
END_TEST

/* An offset of 1e6 leaves the variance to the last digit that float32 inputs have. */
START_TEST(test_batch_statistics_hold_at_an_offset) {
    float column[1000];
    double mean, variance, inverse;
    for (int i = 0; i < 1000; i++) {
        column[i] = 1e6f + (float)(i % 5);
    }
    normalization_batch_statistics((struct activation_block){1000, 1, 1}, column, &mean, &variance,
                                   &inverse);
    EXPECT_CLOSE(mean, 1e6 + 2, 1e-9);
    EXPECT_CLOSE(variance, 2, 1e-12);
}
END_TEST

/* --- layer, by hand --- */

START_TEST(test_layer_forward_by_hand) {
    /* row 0: 1, 2, 6 (see above); row 1: 4, 4, 4 */
    const float rows[] = {1, 2, 6, 4, 4, 4}, gamma[] = {1, 2, -1};
    float X[6], Y[6];
    double inverse[2];
    normalization_layer_forward((struct activation_block){2, 3, 3}, gamma, rows, X, Y, inverse);
    const double d = sqrt(14.0 / 3 + EPSILON);
    EXPECT_ALL_CLOSE(6, X, ((const double[]){-2 / d, -1 / d, 3 / d, 0, 0, 0}), 1e-7);
    EXPECT_ALL_CLOSE(6, Y, ((const double[]){-2 / d, -2 / d, -3 / d, 0, 0, 0}), 1e-7);
    EXPECT_CLOSE(inverse[0], 1 / d, 1e-15);
    EXPECT_CLOSE(inverse[1], 1 / sqrt(EPSILON), 1e-13);
}
END_TEST

START_TEST(test_layer_statistics_are_of_whole_rows_of_any_length) {
    for (size_t n = 1; n <= 67; n++) {
        float row[67], gamma[67], X[67], Y[67];
        double inverse, mean = 0, variance = 0;
        for (size_t j = 0; j < n; j++) {
            row[j] = 1000.0f + (float)(j * j % 11);
            gamma[j] = 1;
            mean += (double)row[j] / (double)n;
        }
        for (size_t j = 0; j < n; j++) {
            variance += pow((double)row[j] - mean, 2) / (double)n;
        }
        normalization_layer_forward((struct activation_block){1, n, n}, gamma, row, X, Y, &inverse);
        EXPECT_CLOSE(inverse, 1 / sqrt(variance + EPSILON), 1e-11);
        EXPECT_CLOSE(X[n - 1], ((double)row[n - 1] - mean) / sqrt(variance + EPSILON), 1e-6);
    }
}
END_TEST

START_TEST(test_layer_backward_by_hand) {
    /* x̂ = -1, 0, 1; γ = 1, 2, 4; dy = 1, ½, 1: γdy = 1, 1, 4, as with the batch; times ½ */
    const float gamma[] = {1, 2, 4}, X[] = {-1, 0, 1};
    float D[] = {1, 0.5f, 1};
    normalization_layer_backward((struct activation_block){1, 3, 3}, (const double[]){0.5}, gamma,
                                 X, D);
    EXPECT_ALL_CLOSE(3, D, ((const double[]){0, -0.5, 0.5}), 1e-7);
}
END_TEST

/* --- in a network --- */

#define INPUTS 3
#define ROWS 4

static const float inputs[ROWS * INPUTS] = {1, 2, 3, -1, 0.5f, 2, 0, 1, -2, 3, -1, 1};
static const int32_t labels[ROWS] = {0, 1, 1, 0};

static struct specification specify(enum normalization normalization) {
    struct specification s;
    specification_init(&s);
    s.inputs = INPUTS;
    lend_layers(&s, 2);
    s.layers[0].units = 5;
    s.layers[0].normalization = normalization;
    s.layers[1].units = 2;
    return s;
}

/* Moving means and variances of layer 0, and where they end. */
static const float *moving(const struct twin *twin) {
    return twin->parameters + twin->network.parameter_floats;
}

static size_t moving_floats(const struct twin *twin) {
    return twin->network.version_floats - twin->network.parameter_floats;
}

START_TEST(test_parameters_lie_in_order_and_statistics_behind_them) {
    const struct specification s = specify(NORMALIZATION_BATCH);
    struct twin twin;
    twin_create(&twin, &s);
    const struct network_layer *layers = twin.network.layers;
    EXPECT_COUNT(layers[0].biases, 16);
    EXPECT_COUNT(layers[0].gammas, 32);
    EXPECT_COUNT(layers[0].betas, 48);
    EXPECT_COUNT(layers[1].weights, 64);
    EXPECT_COUNT(twin.network.parameter_floats, 96);
    EXPECT_COUNT(layers[0].moving_means, 96);
    EXPECT_COUNT(layers[0].moving_variances, 112);
    EXPECT_COUNT(twin.network.version_floats, 128);
    EXPECT_COUNT(specification_parameters(&twin.specification), 15 + 5 + 5 + 5 + 10 + 2);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_gamma_and_variance_start_at_one_beta_and_mean_at_zero) {
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        const struct specification s = specify((enum normalization)kind);
        struct twin twin;
        twin_create(&twin, &s);
        const struct network_layer *layer = &twin.network.layers[0];
        const size_t count = twin.network.version_floats;
        memset(twin.parameters, 0xFF, count * sizeof(float));
        network_initialize(&twin.network, &twin.specification, twin.parameters, (struct pause){0});
        EXPECT_COUNT(moving_floats(&twin), kind == NORMALIZATION_BATCH ? 32 : 0);
        for (size_t j = 0; j < 16; j++) {
            EXPECT_SAME(twin.parameters[layer->gammas + j], j < 5 ? 1 : 0);
            EXPECT_SAME(twin.parameters[layer->betas + j], 0);
            if (kind == NORMALIZATION_BATCH) {
                EXPECT_SAME(twin.parameters[layer->moving_means + j], 0);
                EXPECT_SAME(twin.parameters[layer->moving_variances + j], j < 5 ? 1 : 0);
            }
        }
        twin_destroy(&twin);
    }
}
END_TEST

/* 2 rows, one unit of weight 2 and bias 1, inputs 1 and 4: z = 3, 9; mean 6, variance 9. */
START_TEST(test_one_batch_moves_the_statistics_by_hand) {
    struct specification s;
    specification_init(&s);
    s.inputs = 1;
    lend_layers(&s, 2);
    s.layers[0].units = s.layers[1].units = 1;
    s.layers[0].normalization = NORMALIZATION_BATCH;
    s.loss = LOSS_MSE;
    struct twin twin;
    twin_create(&twin, &s);
    const struct network_layer *layer = &twin.network.layers[0];
    twin.parameters[layer->weights] = 2;
    twin.parameters[layer->biases] = 1;
    const struct pass_batch batch = {
        .rows = 2, .inputs = (const float[]){1, 4}, .targets = (const float[]){0, 1}};
    twin_run(&twin, &batch);
    EXPECT_CLOSE(twin.parameters[layer->moving_means], 0.06, 1e-8);
    EXPECT_CLOSE(twin.parameters[layer->moving_variances], 0.99 + 0.09, 1e-7);
    EXPECT_SAME(twin.pass.gradient[layer->biases], 0);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_learning_rate_zero_moves_statistics_only) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct specification s = specify(NORMALIZATION_BATCH);
        optimizer_defaults(&s.optimizer, (enum optimizer)optimizer);
        s.optimizer.learning_rate = 0;
        struct twin twin;
        twin_create(&twin, &s);
        const size_t count = twin.network.parameter_floats;
        float before[96];
        memcpy(before, twin.parameters, sizeof before);
        const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = labels};
        twin_reference_run(&twin, &batch);
        twin_run(&twin, &batch);
        EXPECT_BITS(count, twin.parameters, before);
        ck_assert(moving(&twin)[0] != 0);
        ck_assert(twin_moving_error(&twin) <= 1e-6);
        twin_destroy(&twin);
    }
}
END_TEST

START_TEST(test_a_batch_of_one_row_is_allowed_and_has_no_variance) {
    struct specification s = specify(NORMALIZATION_BATCH);
    struct twin twin;
    twin_create(&twin, &s);
    const struct pass_batch batch = {.rows = 1, .inputs = inputs, .labels = labels};
    ck_assert(!twin_run(&twin, &batch).diverged);
    const struct network_layer *layer = &twin.network.layers[0];
    for (size_t j = 0; j < 5; j++) {
        EXPECT_CLOSE(twin.parameters[layer->moving_variances + j], 0.99, 1e-7);
    }
    for (size_t i = 0; i < 15; i++) {
        EXPECT_SAME(twin.pass.gradient[layer->weights + i], 0);
    }
    twin_destroy(&twin);
}
END_TEST

static void check_diverges_and_changes_nothing(struct twin *twin, const struct pass_batch *batch) {
    const size_t count = twin->network.version_floats;
    float *before = malloc(count * sizeof *before);
    memcpy(before, twin->parameters, count * sizeof *before);
    ck_assert(twin_run(twin, batch).diverged);
    EXPECT_BITS(count, twin->parameters, before);
    free(before);
}

START_TEST(test_a_diverged_batch_leaves_the_statistics) {
    struct specification s = specify(NORMALIZATION_BATCH);
    s.loss = LOSS_MSE;
    struct twin twin;
    twin_create(&twin, &s);
    const float targets[ROWS * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    const float too_large[ROWS * 2] = {1e30f, 2, 3, 4, 5, 6, 7, 8};
    struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .targets = targets};
    ck_assert(!twin_run(&twin, &batch).diverged);
    batch.targets = too_large;
    check_diverges_and_changes_nothing(&twin, &batch);
    twin_destroy(&twin);
}
END_TEST

/* z of 1e25 normalises to harmless numbers, but its variance is no float32, and a
 * moving variance of infinity would never come back. */
START_TEST(test_a_variance_beyond_float32_is_divergence) {
    struct specification s = specify(NORMALIZATION_BATCH);
    struct twin twin;
    twin_create(&twin, &s);
    float large[ROWS * INPUTS];
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        large[i] = inputs[i] * 1e25f;
    }
    const struct pass_batch batch = {.rows = ROWS, .inputs = large, .labels = labels};
    check_diverges_and_changes_nothing(&twin, &batch);
    ck_assert(isfinite(twin.pass.result.loss));
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_a_nan_is_found_behind_normalization_and_dropout) {
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
            struct specification s = specify((enum normalization)kind);
            s.layers[0].activation = (enum activation)activation;
            s.layers[0].dropout = 0.5;
            struct twin twin;
            twin_create(&twin, &s);
            twin.parameters[twin.network.layers[0].weights + 3] = INFINITY;
            const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = labels};
            check_diverges_and_changes_nothing(&twin, &batch);
            twin_destroy(&twin);
        }
    }
}
END_TEST

/* γ and β are decayed and clipped like the rest. */
START_TEST(test_decay_reaches_gamma_and_beta) {
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        struct specification s = specify((enum normalization)kind);
        optimizer_defaults(&s.optimizer, OPTIMIZER_SGD);
        s.optimizer.learning_rate = 0.5;
        s.optimizer.weight_decay = 0.5;
        struct twin twin;
        twin_create(&twin, &s);
        const struct network_layer *layer = &twin.network.layers[0];
        float gamma[5], beta[5];
        memcpy(gamma, twin.parameters + layer->gammas, sizeof gamma);
        memcpy(beta, twin.parameters + layer->betas, sizeof beta);
        const struct pass_batch batch = {.rows = ROWS,
                                         .inputs = inputs,
                                         .labels = labels,
                                         .sample_weights = (const float[ROWS]){0}};
        twin_run(&twin, &batch);
        for (size_t j = 0; j < 5; j++) {
            EXPECT_CLOSE(twin.parameters[layer->gammas + j], 0.75 * (double)gamma[j], 1e-7);
            EXPECT_CLOSE(twin.parameters[layer->betas + j], 0.75 * (double)beta[j], 1e-7);
        }
        twin_destroy(&twin);
    }
}
END_TEST

START_TEST(test_clip_norm_counts_gamma_and_beta_of_every_layer) {
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        struct specification s = specify((enum normalization)kind);
        struct twin twin;
        twin_create(&twin, &s);
        const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = labels};
        twin_run(&twin, &batch);
        double norm = 0;
        for (size_t i = 0; i < twin.network.parameter_floats; i++) {
            norm += pow((double)twin.pass.gradient[i], 2);
        }
        s.optimizer.clip_norm = sqrt(norm) / 2;
        twin_destroy(&twin);
        twin_create(&twin, &s);
        twin_run(&twin, &batch);
        EXPECT_CLOSE(twin.pass.optimizer_step.gradient_scale, 0.5, 1e-6);
        twin_destroy(&twin);
    }
}
END_TEST

/* After 20 batches, predictions with the moving statistics are the reference's. */
START_TEST(test_predictions_use_the_moving_statistics_of_the_reference) {
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        struct specification s = specify((enum normalization)kind);
        s.layers[0].dropout = 0.4;
        struct twin twin;
        twin_create(&twin, &s);
        const struct pass_batch batch = {.rows = ROWS, .inputs = inputs, .labels = labels};
        for (int step = 0; step < 20; step++) {
            twin_reference_run(&twin, &batch);
            twin_run(&twin, &batch);
        }
        ck_assert(twin_moving_error(&twin) <= 1e-6);
        float found[ROWS * 2],
            *scratch = memory_allocate(network_predict_scratch(&twin.network), 4);
        double wanted[ROWS * 2];
        network_predict(&twin.network, twin.parameters, NULL, false, ROWS, inputs, found, scratch);
        reference_outputs(&twin.reference, twin.weights, ROWS, twin.batch.inputs, wanted);
        EXPECT_ALL_CLOSE(ROWS * 2, found, wanted, 1e-5);
        memory_free(scratch);
        twin_destroy(&twin);
    }
}
END_TEST

START_TEST(test_normalization_of_the_last_layer_is_refused) {
    struct specification s = specify(NORMALIZATION_NONE);
    s.layers[1].normalization = NORMALIZATION_LAYER;
    struct error error;
    ck_assert(specification_complete(&s, &error) == ERROR_INVALID);
    EXPECT_TEXT(error.pointer, "/layers/1/normalization");
}
END_TEST

Suite *suite_normalization(void) {
    Suite *suite = suite_create("normalization");
    TCase *tests = tcase_create("normalization");
    tcase_add_test(tests, test_batch_statistics_are_mean_and_variance_over_n);
    tcase_add_test(tests, test_batch_forward_by_hand);
    tcase_add_test(tests, test_batch_prediction_uses_the_moving_statistics);
    tcase_add_test(tests, test_moving_statistics_keep_99_parts_of_100);
    tcase_add_test(tests, test_sums_are_the_gradients_of_beta_and_gamma);
    tcase_add_test(tests, test_batch_backward_by_hand);
    tcase_add_test(tests, test_batch_statistics_hold_at_an_offset);
    tcase_add_test(tests, test_layer_forward_by_hand);
    tcase_add_test(tests, test_layer_statistics_are_of_whole_rows_of_any_length);
    tcase_add_test(tests, test_layer_backward_by_hand);
    tcase_add_test(tests, test_parameters_lie_in_order_and_statistics_behind_them);
    tcase_add_test(tests, test_gamma_and_variance_start_at_one_beta_and_mean_at_zero);
    tcase_add_test(tests, test_one_batch_moves_the_statistics_by_hand);
    tcase_add_test(tests, test_learning_rate_zero_moves_statistics_only);
    tcase_add_test(tests, test_a_batch_of_one_row_is_allowed_and_has_no_variance);
    tcase_add_test(tests, test_a_diverged_batch_leaves_the_statistics);
    tcase_add_test(tests, test_a_variance_beyond_float32_is_divergence);
    tcase_add_test(tests, test_a_nan_is_found_behind_normalization_and_dropout);
    tcase_add_test(tests, test_decay_reaches_gamma_and_beta);
    tcase_add_test(tests, test_clip_norm_counts_gamma_and_beta_of_every_layer);
    tcase_add_test(tests, test_predictions_use_the_moving_statistics_of_the_reference);
    tcase_add_test(tests, test_normalization_of_the_last_layer_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
