/* core/maths/standardizer.h: by hand, at large offsets, without variance. */
#include <check.h>
#include <string.h>

#include "core/maths/standardizer.h"
#include "tests/reference/reference.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define FEATURES_MAX 40

struct state {
    struct standardizer standardizer;
    double mean[FEATURES_MAX], m2[FEATURES_MAX], scale[FEATURES_MAX];
};

static void start(struct state *state, size_t features) {
    memset(state, 0, sizeof *state);
    state->standardizer = (struct standardizer){features, 0, state->mean, state->m2, state->scale};
}

/* All features at once, in place. */
static void learn(struct state *state, size_t rows, const float *X) {
    standardizer_update(&state->standardizer, &state->standardizer, 0, state->standardizer.features,
                        rows, X);
    state->standardizer.count += rows;
}

START_TEST(test_standardizer_by_hand) {
    /* (1, 2, 3, 6): mean 3, variance over n (4 + 1 + 0 + 9)/4 = 3.5 */
    struct state state;
    start(&state, 1);
    const float X[] = {1, 2, 3, 6};
    learn(&state, 4, X);
    EXPECT_CLOSE(state.mean[0], 3, 1e-15);
    EXPECT_CLOSE(state.m2[0], 14, 1e-14);
    EXPECT_CLOSE(state.scale[0], 1 / sqrt(3.5), 1e-15);
    float out[4];
    standardizer_transform(&state.standardizer, 4, X, out);
    EXPECT_ALL_CLOSE(4, out, ((const double[]){-1.0690450, -0.5345225, 0, 1.6035675}), 1e-7);
}
END_TEST

START_TEST(test_before_the_first_row_it_copies) {
    struct state state;
    start(&state, 2);
    const float X[] = {5, -3, 1e30f, 0};
    float out[4];
    standardizer_transform(&state.standardizer, 2, X, out);
    EXPECT_BITS(4, out, X);
}
END_TEST

START_TEST(test_one_row_is_only_centred) {
    struct state state;
    start(&state, 2);
    const float X[] = {5, -3};
    learn(&state, 1, X);
    float out[2];
    standardizer_transform(&state.standardizer, 1, X, out);
    EXPECT_ALL_CLOSE(2, out, ((const double[]){0, 0}), 0);
    standardizer_transform(&state.standardizer, 1, (const float[]){7, -3}, out);
    EXPECT_ALL_CLOSE(2, out, ((const double[]){2, 0}), 0);
}
END_TEST

START_TEST(test_a_feature_of_variance_zero_is_only_centred) {
    static const float constants[] = {0, 0.1f, 1e8f, 16777217.0f, -3e38f};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        struct state state;
        start(&state, 1);
        for (int batch = 0; batch < 7; batch++) {
            const float X[] = {constants[i], constants[i], constants[i]};
            learn(&state, 3, X);
        }
        EXPECT_SAME(state.mean[0], (double)constants[i]);
        EXPECT_SAME(state.scale[0], 1);
    }
}
END_TEST

START_TEST(test_an_offset_of_1e8_costs_nothing) {
    struct state state;
    start(&state, 1);
    /* float32 near 1e8 has steps of 8: 1e8 + 8·(0, 1, 2, 3), mean + 12, variance 80 */
    const float X[] = {1e8f, 1e8f + 8, 1e8f + 16, 1e8f + 24};
    for (int batch = 0; batch < 1000; batch++) {
        learn(&state, 4, X);
    }
    float out[4];
    standardizer_transform(&state.standardizer, 4, X, out);
    EXPECT_ALL_CLOSE(4, out, ((const double[]){-1.3416408, -0.4472136, 0.4472136, 1.3416408}),
                     1e-6);
}
END_TEST

START_TEST(test_many_batches_are_the_references) {
    enum { FEATURES = 37, ROWS = 11 };
    struct state state;
    start(&state, FEATURES);
    double mean[FEATURES] = {0}, m2[FEATURES] = {0};
    struct reference_standardizer reference = {FEATURES, 0, mean, m2};
    for (int batch = 0; batch < 20; batch++) {
        float X[ROWS * FEATURES], found[ROWS * FEATURES];
        double wide[ROWS * FEATURES], wanted[ROWS * FEATURES];
        for (int i = 0; i < ROWS * FEATURES; i++) {
            X[i] = 100.0f * (float)(i % FEATURES) + (float)((i * 31 + batch * 17) % 101);
            wide[i] = (double)X[i];
        }
        reference_standardize(&reference, ROWS, wide, wanted);
        learn(&state, ROWS, X);
        standardizer_transform(&state.standardizer, ROWS, X, found);
        EXPECT_ALL_CLOSE(ROWS * FEATURES, found, wanted, 1e-6);
    }
}
END_TEST

START_TEST(test_ranges_of_features_together_give_the_same_bits) {
    enum { FEATURES = 37, ROWS = 9 };
    float X[ROWS * FEATURES];
    for (int i = 0; i < ROWS * FEATURES; i++) {
        X[i] = (float)(i % 23) * 0.37f;
    }
    struct state whole, parts, from;
    start(&whole, FEATURES);
    start(&parts, FEATURES);
    start(&from, FEATURES);
    learn(&whole, ROWS, X);
    for (size_t begin = 0; begin < FEATURES; begin += 10) {
        standardizer_update(&from.standardizer, &parts.standardizer, begin,
                            begin + 10 < FEATURES ? begin + 10 : FEATURES, ROWS, X);
    }
    EXPECT_BITS(FEATURES, parts.mean, whole.mean);
    EXPECT_BITS(FEATURES, parts.m2, whole.m2);
    EXPECT_BITS(FEATURES, parts.scale, whole.scale);
}
END_TEST

START_TEST(test_update_leaves_the_old_statistics_alone) {
    struct state from, into;
    start(&from, 2);
    learn(&from, 2, (const float[]){1, 2, 3, 4});
    start(&into, 2);
    const struct state before = from;
    standardizer_update(&from.standardizer, &into.standardizer, 0, 2, 1, (const float[]){9, 9});
    EXPECT_BITS(2, from.mean, before.mean);
    EXPECT_BITS(2, from.m2, before.m2);
    EXPECT_BITS(2, from.scale, before.scale);
    EXPECT_CLOSE(into.mean[0], 13 / 3.0, 1e-15);
}
END_TEST

START_TEST(test_transform_in_place_gives_the_same_bits) {
    struct state state;
    start(&state, 2);
    float X[] = {1, 2, 3, 4, 8, -1};
    learn(&state, 3, X);
    float out[6];
    standardizer_transform(&state.standardizer, 3, X, out);
    standardizer_transform(&state.standardizer, 3, X, X);
    EXPECT_BITS(6, X, out);
}
END_TEST

Suite *suite_standardizer(void) {
    Suite *suite = suite_create("standardizer");
    TCase *tests = tcase_create("standardizer");
    tcase_add_test(tests, test_standardizer_by_hand);
    tcase_add_test(tests, test_before_the_first_row_it_copies);
    tcase_add_test(tests, test_one_row_is_only_centred);
    tcase_add_test(tests, test_a_feature_of_variance_zero_is_only_centred);
    tcase_add_test(tests, test_an_offset_of_1e8_costs_nothing);
    tcase_add_test(tests, test_many_batches_are_the_references);
    tcase_add_test(tests, test_ranges_of_features_together_give_the_same_bits);
    tcase_add_test(tests, test_update_leaves_the_old_statistics_alone);
    tcase_add_test(tests, test_transform_in_place_gives_the_same_bits);
    suite_add_tcase(suite, tests);
    return suite;
}
