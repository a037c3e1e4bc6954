/* core/maths/network.h: layout, initial parameters, and predictions that depend
 * on the row only. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/maths/network.h"
#include "core/maths/product.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static struct specification specify(size_t inputs, size_t hidden, size_t outputs) {
    struct specification s;
    specification_init(&s);
    s.inputs = inputs;
    lend_layers(&s, 2);
    s.layers[0].units = hidden;
    s.layers[1].units = outputs;
    return s;
}

/* A network made ready for predictions, and its parameters in the twin. */
static void create(struct twin *twin, struct specification specification) {
    twin_create(twin, &specification);
    struct network *network = &twin->network;
    float *space = memory_allocate(network->parameter_floats, sizeof *space);
    float *rows = memory_allocate(2 * PRODUCT_BLOCK_ROWS_MAX * network->widest, sizeof *rows);
    network_probe(network, space, rows);
    memory_free(space);
    memory_free(rows);
}

static void predict(const struct twin *twin, bool logits, size_t rows, const float *X,
                    float *outputs) {
    float *scratch = memory_allocate(network_predict_scratch(&twin->network), sizeof *scratch);
    network_predict(&twin->network, twin->parameters,
                    twin->network.standardize ? &twin->standardizers[0] : NULL, logits, rows, X,
                    outputs, scratch);
    memory_free(scratch);
}

START_TEST(test_tensors_start_on_cache_lines_and_do_not_overlap) {
    struct twin twin;
    create(&twin, specify(3, 7, 5));
    const struct network_layer *layers = twin.network.layers;
    EXPECT_COUNT(layers[0].weights, 0);
    EXPECT_COUNT(layers[0].biases, 32);  /* 21 weights */
    EXPECT_COUNT(layers[1].weights, 48); /* 7 biases */
    EXPECT_COUNT(layers[1].biases, 96);  /* 35 weights */
    EXPECT_COUNT(twin.network.parameter_floats, 112);
    EXPECT_COUNT(twin.network.widest, 7);
    EXPECT_COUNT(network_forward_work(&twin.network), 2 * (21 + 35));
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_biases_and_padding_start_at_zero) {
    struct specification s = specify(3, 7, 5);
    struct error error;
    ck_assert(specification_complete(&s, &error) == ERROR_NONE);
    struct network network;
    struct network_layer layers[2];
    network_layout(&network, &s, layers);
    float parameters[112];
    memset(parameters, 0xFF, sizeof parameters);
    network_initialize(&network, &s, parameters, (struct pause){0});
    for (size_t i = 0; i < 112; i++) {
        const bool weight = i < 21 || (i >= 48 && i < 48 + 35);
        ck_assert_msg(weight == (parameters[i] != 0), "parameter %zu: found %g", i,
                      (double)parameters[i]);
    }
}
END_TEST

START_TEST(test_prediction_by_hand) {
    /* relu(1·2 - 1·3 + 0.5) = 0, relu(2 + 3 - 1) = 4; identity 10·0 + 1·4 + 0.25 */
    struct specification s = specify(2, 2, 1);
    s.loss = LOSS_MSE;
    struct twin twin;
    create(&twin, s);
    const float W0[] = {1, -1, 1, 1}, b0[] = {0.5f, -1}, W1[] = {10, 1};
    memcpy(twin.parameters + twin.network.layers[0].weights, W0, sizeof W0);
    memcpy(twin.parameters + twin.network.layers[0].biases, b0, sizeof b0);
    memcpy(twin.parameters + twin.network.layers[1].weights, W1, sizeof W1);
    twin.parameters[twin.network.layers[1].biases] = 0.25f;
    float answer;
    predict(&twin, false, 1, (const float[]){2, 3}, &answer);
    EXPECT_SAME(answer, 4.25);
    twin_destroy(&twin);
}
END_TEST

static float *random_rows(size_t count) {
    uint64_t random = 5;
    float *X = malloc(count * sizeof *X);
    for (size_t i = 0; i < count; i++) {
        X[i] = twin_random(&random);
    }
    return X;
}

START_TEST(test_predictions_are_the_references) {
    struct specification s = specify(20, 33, 5);
    s.standardize = true;
    s.layers[0].dropout = 0.5; /* does nothing here */
    struct twin twin;
    create(&twin, s);
    float *X = random_rows(50 * 20);
    int32_t labels[50];
    for (int r = 0; r < 50; r++) {
        labels[r] = r % 5;
    }
    const struct pass_batch batch = {.rows = 50, .inputs = X, .labels = labels};
    twin_reference(&twin, &batch);
    twin_run(&twin, &batch);
    twin_compact(&twin, twin.parameters, twin.weights);
    for (size_t l = 0; l < 2; l++) {
        twin.reference.layers[l].mask = NULL;
    }
    float found[50 * 5];
    double wanted[50 * 5];
    predict(&twin, false, 50, X, found);
    reference_outputs(&twin.reference, twin.weights, 50, twin.batch.inputs, wanted);
    EXPECT_ALL_CLOSE(50 * 5, found, wanted, 2e-6);
    free(X);
    twin_destroy(&twin);
}
END_TEST

START_TEST(test_logits_are_what_the_last_activation_gets) {
    struct twin twin;
    create(&twin, specify(20, 33, 2));
    float *X = random_rows(3 * 20);
    float logits[6], outputs[6];
    predict(&twin, true, 3, X, logits);
    predict(&twin, false, 3, X, outputs);
    for (size_t r = 0; r < 3; r++) {
        /* A₁/A₀ = e^(z₁ - z₀) */
        EXPECT_CLOSE(outputs[2 * r + 1] / outputs[2 * r],
                     exp((double)logits[2 * r + 1] - (double)logits[2 * r]), 1e-5);
    }
    free(X);
    twin_destroy(&twin);
}
END_TEST

static void check_groupings(struct specification specification) {
    struct twin twin;
    create(&twin, specification);
    const size_t in = twin.network.inputs, out = twin.network.outputs, rows = 1000;
    float *X = random_rows(rows * in);
    float *together = malloc(rows * out * sizeof *together);
    float *apart = malloc(rows * out * sizeof *apart);
    predict(&twin, false, rows, X, together);
    static const size_t groups[] = {1, 2, 7};
    for (size_t g = 0; g < 3; g++) {
        for (size_t r = 0; r < rows; r += groups[g]) {
            predict(&twin, false, size_min(groups[g], rows - r), X + r * in, apart + r * out);
        }
        EXPECT_BITS(rows * out, apart, together);
    }
    free(X);
    free(together);
    free(apart);
    twin_destroy(&twin);
}

START_TEST(test_a_rows_prediction_has_the_same_bits_in_every_grouping) {
    check_groupings(specify(3, 5, 2));
    check_groupings(specify(784, 128, 10));
    check_groupings(specify(784, 256, 64)); /* divisible by both layers, on AVX-512 */
    check_groupings(specify(64, 10, 128));  /* by the second */
    check_groupings(specify(100, 700, 9));  /* in pieces of columns */
    check_groupings(specify(65, 250, 33));
    struct specification s = specify(30, 17, 1);
    s.loss = LOSS_BINARY_CROSSENTROPY;
    check_groupings(s);
    for (int kind = NORMALIZATION_BATCH; kind < NORMALIZATION_COUNT; kind++) {
        s = specify(33, 270, 7);
        s.layers[0].normalization = (enum normalization)kind;
        check_groupings(s);
    }
}
END_TEST

/* Layers may differ in which blocks are safe: the network's block must be safe
 * for each of them, as no smaller one need be. */
START_TEST(test_block_of_the_network_is_one_that_every_layer_approves) {
    static const size_t widths[] = {1, 2, 3, 5, 7, 10, 16, 17, 31, 64, 100, 130};
    enum { WIDTHS = sizeof widths / sizeof *widths };
    for (size_t a = 0; a < WIDTHS; a++) {
        for (size_t b = 0; b < WIDTHS; b++) {
            struct twin twin;
            create(&twin, specify(widths[a], widths[b], widths[(a + b) % (WIDTHS - 1) + 1]));
            const size_t block = twin.network.block_rows;
            for (size_t l = 0; l < 2; l++) {
                const struct network_layer *layer = &twin.network.layers[l];
                float *W = malloc(layer->in * layer->out * sizeof *W);
                float *X = malloc(PRODUCT_BLOCK_ROWS_MAX * layer->in * sizeof *X);
                float *Z = malloc(PRODUCT_BLOCK_ROWS_MAX * layer->out * sizeof *Z);
                const size_t own = product_block_rows(layer->in, layer->out, W, X, Z);
                ck_assert_msg(block == 1 || block == own,
                              "%zu to %zu: block found %zu, the layer's is %zu", layer->in,
                              layer->out, block, own);
                free(W);
                free(X);
                free(Z);
            }
            twin_destroy(&twin);
        }
    }
}
END_TEST

Suite *suite_network(void) {
    Suite *suite = suite_create("network");
    TCase *tests = tcase_create("network");
    tcase_add_test(tests, test_tensors_start_on_cache_lines_and_do_not_overlap);
    tcase_add_test(tests, test_biases_and_padding_start_at_zero);
    tcase_add_test(tests, test_prediction_by_hand);
    tcase_add_test(tests, test_predictions_are_the_references);
    tcase_add_test(tests, test_logits_are_what_the_last_activation_gets);
    tcase_add_test(tests, test_a_rows_prediction_has_the_same_bits_in_every_grouping);
    tcase_add_test(tests, test_block_of_the_network_is_one_that_every_layer_approves);
    suite_add_tcase(suite, tests);
    return suite;
}
