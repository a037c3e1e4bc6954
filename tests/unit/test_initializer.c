/* core/maths/initializer.h: bounds, variance, reproducibility. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/initializer.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define FAN_IN 400
#define FAN_OUT 200
#define COUNT (FAN_IN * FAN_OUT)

static float weights[COUNT];

static void fill(enum initializer initializer, uint64_t seed, uint32_t layer) {
    initializer_fill(initializer, seed, layer, FAN_IN, FAN_OUT, 0, FAN_IN * FAN_OUT, weights);
}

struct statistics {
    double mean, variance, fourth, smallest, largest;
};

static struct statistics measure(void) {
    struct statistics s = {.smallest = INFINITY, .largest = -INFINITY};
    for (size_t i = 0; i < COUNT; i++) {
        s.mean += (double)weights[i] / COUNT;
        s.smallest = fmin(s.smallest, (double)weights[i]);
        s.largest = fmax(s.largest, (double)weights[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        const double square = pow((double)weights[i] - s.mean, 2);
        s.variance += square / COUNT;
        s.fourth += square * square / COUNT;
    }
    return s;
}

/* With 80,000 numbers the mean is known to 0.4 % of a deviation, the variance to
 * 0.4 %: five times that is allowed. */
static void check_moments(enum initializer initializer, double variance, double kurtosis) {
    fill(initializer, 3, 0);
    const struct statistics s = measure();
    const char *name = initializer_functions[initializer].name;
    ck_assert_msg(fabs(s.mean) < 0.02 * sqrt(variance), "%s: mean found %g, wanted 0", name,
                  s.mean);
    ck_assert_msg(fabs(s.variance / variance - 1) < 0.02, "%s: variance found %g, wanted %g", name,
                  s.variance, variance);
    const double found = s.fourth / (s.variance * s.variance);
    ck_assert_msg(fabs(found / kurtosis - 1) < 0.03, "%s: kurtosis found %g, wanted %g", name,
                  found, kurtosis);
}

static void check_uniform(enum initializer initializer, double variance) {
    check_moments(initializer, variance, 1.8); /* 9/5 for every uniform distribution */
    const struct statistics s = measure();
    const double limit = sqrt(3 * variance);
    ck_assert_msg(s.smallest >= -limit - 1e-7 && s.largest <= limit + 1e-7 &&
                      s.smallest < -0.999 * limit && s.largest > 0.999 * limit,
                  "%s: found %g to %g, wanted ±%g", initializer_functions[initializer].name,
                  s.smallest, s.largest, limit);
}

static void check_normal(enum initializer initializer, double variance) {
    /* cut at ±2: variance 0.7737413, fourth moment 1.4155 of the unit normal */
    check_moments(initializer, variance, 2.3645);
    const struct statistics s = measure();
    const double limit = 2 * sqrt(variance) / 0.87962566;
    ck_assert_msg(s.smallest >= -limit - 1e-7 && s.largest <= limit + 1e-7 &&
                      s.smallest < -0.99 * limit && s.largest > 0.99 * limit,
                  "%s: found %g to %g, wanted ±%g", initializer_functions[initializer].name,
                  s.smallest, s.largest, limit);
}

START_TEST(test_uniform_initializers_have_their_variance_and_bounds) {
    check_uniform(INITIALIZER_GLOROT_UNIFORM, 2.0 / (FAN_IN + FAN_OUT));
    check_uniform(INITIALIZER_HE_UNIFORM, 2.0 / FAN_IN);
    check_uniform(INITIALIZER_LECUN_UNIFORM, 1.0 / FAN_IN);
}
END_TEST

START_TEST(test_normal_initializers_are_cut_at_two_deviations_and_keep_their_variance) {
    check_normal(INITIALIZER_GLOROT_NORMAL, 2.0 / (FAN_IN + FAN_OUT));
    check_normal(INITIALIZER_HE_NORMAL, 2.0 / FAN_IN);
    check_normal(INITIALIZER_LECUN_NORMAL, 1.0 / FAN_IN);
}
END_TEST

START_TEST(test_zeros_are_zeros) {
    memset(weights, 1, sizeof weights);
    fill(INITIALIZER_ZEROS, 1, 0);
    for (size_t i = 0; i < COUNT; i++) {
        EXPECT_SAME(weights[i], 0);
    }
}
END_TEST

START_TEST(test_the_same_seed_and_layer_give_the_same_weights) {
    static float before[COUNT];
    for (int i = 0; i < INITIALIZER_COUNT; i++) {
        fill((enum initializer)i, 42, 3);
        memcpy(before, weights, sizeof weights);
        fill((enum initializer)i, 42, 3);
        EXPECT_BITS(COUNT, weights, before);
    }
}
END_TEST

static size_t equal_weights(const float *before) {
    size_t equal = 0;
    for (size_t i = 0; i < COUNT; i++) {
        equal += weights[i] == before[i];
    }
    return equal;
}

START_TEST(test_another_seed_or_layer_gives_other_weights) {
    static float before[COUNT];
    for (int i = 0; i < INITIALIZER_ZEROS; i++) {
        fill((enum initializer)i, 42, 3);
        memcpy(before, weights, sizeof weights);
        fill((enum initializer)i, 43, 3);
        ck_assert_msg(equal_weights(before) < 10, "seed: found %zu equal weights",
                      equal_weights(before));
        fill((enum initializer)i, UINT64_C(42) | UINT64_C(1) << 40, 3);
        ck_assert_msg(equal_weights(before) < 10, "upper seed: found %zu equal weights",
                      equal_weights(before));
        fill((enum initializer)i, 42, 4);
        ck_assert_msg(equal_weights(before) < 10, "layer: found %zu equal weights",
                      equal_weights(before));
    }
}
END_TEST

/* 7 is no multiple of a block of the generator. */
START_TEST(test_fill_writes_exactly_its_weights) {
    for (int i = 0; i < INITIALIZER_COUNT; i++) {
        float some[8] = {[7] = 77};
        initializer_fill((enum initializer)i, 1, 0, 7, 1, 0, 7, some);
        EXPECT_SAME(some[7], 77);
        ck_assert(i == INITIALIZER_ZEROS || some[6] != 0);
    }
}
END_TEST

START_TEST(test_default_initializer_follows_the_activation) {
    for (int activation = 0; activation < ACTIVATION_COUNT; activation++) {
        const bool kin = activation <= ACTIVATION_SILU; /* relu leaky_relu elu gelu silu */
        ck_assert_msg(initializer_default((enum activation)activation) ==
                          (kin ? INITIALIZER_HE_NORMAL : INITIALIZER_GLOROT_UNIFORM),
                      "the default initialiser before %s", activation_functions[activation].name);
    }
}
END_TEST

START_TEST(test_every_initializer_is_found_by_its_name) {
    static const char *const names[] = {"glorot_uniform", "glorot_normal", "he_uniform",
                                        "he_normal",      "lecun_uniform", "lecun_normal",
                                        "zeros"};
    for (int i = 0; i < INITIALIZER_COUNT; i++) {
        EXPECT_TEXT(initializer_functions[i].name, names[i]);
    }
}
END_TEST

Suite *suite_initializer(void) {
    Suite *suite = suite_create("initializer");
    TCase *tests = tcase_create("initializer");
    tcase_add_test(tests, test_uniform_initializers_have_their_variance_and_bounds);
    tcase_add_test(tests,
                   test_normal_initializers_are_cut_at_two_deviations_and_keep_their_variance);
    tcase_add_test(tests, test_zeros_are_zeros);
    tcase_add_test(tests, test_the_same_seed_and_layer_give_the_same_weights);
    tcase_add_test(tests, test_another_seed_or_layer_gives_other_weights);
    tcase_add_test(tests, test_fill_writes_exactly_its_weights);
    tcase_add_test(tests, test_default_initializer_follows_the_activation);
    tcase_add_test(tests, test_every_initializer_is_found_by_its_name);
    suite_add_tcase(suite, tests);
    return suite;
}
