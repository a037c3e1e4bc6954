/* core/maths/activation.h: values and derivatives, by hand and against the
 * reference in double precision. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/maths/activation.h"
#include "tests/reference/reference.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

struct answer {
    float a, derivative;
};

static float default_alpha(enum activation activation) {
    return (float)activation_functions[activation].default_alpha;
}

/* f and f' at z: one number, no bias, dA = 1. */
static struct answer at(enum activation activation, float z) {
    const struct activation_block one = {1, 1, 1};
    const float alpha = default_alpha(activation);
    const float bias = 0, dA = 1;
    struct answer answer;
    activation_functions[activation].forward(one, &bias, &z, &answer.a, alpha);
    activation_functions[activation].backward(one, &dA, &z, &answer.a, &answer.derivative, alpha);
    return answer;
}

START_TEST(test_relu_by_hand) {
    EXPECT_SAME(at(ACTIVATION_RELU, 2.5f).a, 2.5);
    EXPECT_SAME(at(ACTIVATION_RELU, 2.5f).derivative, 1);
    EXPECT_SAME(at(ACTIVATION_RELU, -2.5f).a, 0);
    EXPECT_SAME(at(ACTIVATION_RELU, -2.5f).derivative, 0);
}
END_TEST

START_TEST(test_relu_derivative_is_zero_at_zero) {
    EXPECT_SAME(at(ACTIVATION_RELU, 0.0f).derivative, 0);
    EXPECT_SAME(at(ACTIVATION_RELU, -0.0f).derivative, 0);
}
END_TEST

START_TEST(test_leaky_relu_by_hand) {
    /* slope 0.2: 0.2·(-5) = -1 */
    EXPECT_CLOSE(at(ACTIVATION_LEAKY_RELU, -5.0f).a, -1, 1e-7);
    EXPECT_CLOSE(at(ACTIVATION_LEAKY_RELU, -5.0f).derivative, 0.2, 1e-7);
    EXPECT_SAME(at(ACTIVATION_LEAKY_RELU, 5.0f).a, 5);
    EXPECT_SAME(at(ACTIVATION_LEAKY_RELU, 5.0f).derivative, 1);
}
END_TEST

START_TEST(test_elu_by_hand) {
    /* α = 1: e^-1 - 1 = -0.6321206, derivative e^-1 = 0.3678794 */
    EXPECT_CLOSE(at(ACTIVATION_ELU, -1.0f).a, -0.6321206, 2e-7);
    EXPECT_CLOSE(at(ACTIVATION_ELU, -1.0f).derivative, 0.3678794, 2e-7);
    EXPECT_SAME(at(ACTIVATION_ELU, 3.0f).a, 3);
    EXPECT_SAME(at(ACTIVATION_ELU, 3.0f).derivative, 1);
    EXPECT_SAME(at(ACTIVATION_ELU, 1000.0f).a, 1000);
    EXPECT_SAME(at(ACTIVATION_ELU, -1000.0f).a, -1);
}
END_TEST

START_TEST(test_gelu_by_hand) {
    /* Φ(1) = 0.8413447, φ(1) = 0.2419707: gelu 0.8413447, derivative 1.0833155;
     * the tanh approximation would give 0.8411920. */
    EXPECT_CLOSE(at(ACTIVATION_GELU, 1.0f).a, 0.8413447, 3e-7);
    EXPECT_CLOSE(at(ACTIVATION_GELU, 1.0f).derivative, 1.0833155, 3e-7);
    /* at -1: -(1 - 0.8413447), 0.1586553 - 0.2419707 */
    EXPECT_CLOSE(at(ACTIVATION_GELU, -1.0f).a, -0.1586553, 3e-7);
    EXPECT_CLOSE(at(ACTIVATION_GELU, -1.0f).derivative, -0.0833155, 3e-7);
}
END_TEST

START_TEST(test_silu_by_hand) {
    /* σ(1) = 0.7310586: silu 0.7310586, derivative σ(1 + 1·(1-σ)) = 0.9276705 */
    EXPECT_CLOSE(at(ACTIVATION_SILU, 1.0f).a, 0.7310586, 2e-7);
    EXPECT_CLOSE(at(ACTIVATION_SILU, 1.0f).derivative, 0.9276705, 3e-7);
    EXPECT_SAME(at(ACTIVATION_SILU, 0.0f).a, 0);
    EXPECT_CLOSE(at(ACTIVATION_SILU, 0.0f).derivative, 0.5, 1e-7);
}
END_TEST

START_TEST(test_tanh_by_hand) {
    /* tanh 1 = 0.7615942, 1 - 0.7615942² = 0.4199743 */
    EXPECT_CLOSE(at(ACTIVATION_TANH, 1.0f).a, 0.7615942, 2e-7);
    EXPECT_CLOSE(at(ACTIVATION_TANH, 1.0f).derivative, 0.4199743, 4e-7);
}
END_TEST

START_TEST(test_sigmoid_by_hand) {
    /* σ(ln 3) = 3/4, derivative 3/16 */
    EXPECT_CLOSE(at(ACTIVATION_SIGMOID, 1.09861229f).a, 0.75, 2e-7);
    EXPECT_CLOSE(at(ACTIVATION_SIGMOID, 1.09861229f).derivative, 0.1875, 2e-7);
}
END_TEST

START_TEST(test_identity_by_hand) {
    EXPECT_SAME(at(ACTIVATION_IDENTITY, -7.25f).a, -7.25);
    EXPECT_SAME(at(ACTIVATION_IDENTITY, -7.25f).derivative, 1);
}
END_TEST

START_TEST(test_every_activation_is_the_references_over_its_range) {
    for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
        const char *name = activation_functions[activation].name;
        const double alpha = (double)default_alpha((enum activation)activation);
        for (int i = -3000; i <= 3000; i++) {
            const float z = (float)i / 100.0f + 0.001f;
            const struct answer found = at((enum activation)activation, z);
            const double a = reference_activation(name, alpha, (double)z);
            const double derivative = reference_derivative(name, alpha, (double)z);
            ck_assert_msg(fabs((double)found.a - a) <=
                              1e-6 * fmin(1, fabs(a)) + 2e-7 * fabs(a) + 2e-7,
                          "%s(%g): found %.9g, wanted %.9g", name, (double)z, (double)found.a, a);
            ck_assert_msg(fabs((double)found.derivative - derivative) <= 1e-6,
                          "%s'(%g): found %.9g, wanted %.9g", name, (double)z,
                          (double)found.derivative, derivative);
        }
    }
}
END_TEST

START_TEST(test_every_activation_is_finite_at_large_inputs) {
    static const float large[] = {-3e38f, -1e30f, -1e10f, -1e4f, -100.0f,
                                  100.0f, 1e4f,   1e10f,  1e30f, 3e38f};
    for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
        for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
            const struct answer found = at((enum activation)activation, large[i]);
            const char *name = activation_functions[activation].name;
            const double alpha = (double)default_alpha((enum activation)activation);
            const double a = reference_activation(name, alpha, (double)large[i]);
            ck_assert_msg(fabs((double)found.a - a) <= 1e-6 * fabs(a) + 1e-6,
                          "%s(%g): found %g, wanted %g", name, (double)large[i], (double)found.a,
                          a);
            ck_assert_msg(isfinite(found.derivative), "%s'(%g): found %g, wanted a finite number",
                          name, (double)large[i], (double)found.derivative);
        }
    }
}
END_TEST

/* A NaN in a hidden layer (∞ - ∞) must reach the loss, where it is noticed. */
START_TEST(test_every_activation_passes_nan_on) {
    for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
        const float a = at((enum activation)activation, NAN).a;
        ck_assert_msg(isnan(a), "%s(NaN): found %g, wanted NaN",
                      activation_functions[activation].name, (double)a);
    }
}
END_TEST

START_TEST(test_forward_adds_the_bias_of_each_column_and_leaves_it_in_z) {
    float Z[] = {1, 2, 3, 4};
    const float bias[] = {10, -20};
    float A[4];
    activation_functions[ACTIVATION_RELU].forward((struct activation_block){2, 2, 2}, bias, Z, A,
                                                  0);
    EXPECT_ALL_CLOSE(4, Z, ((const float[]){11, -18, 13, -16}), 0);
    EXPECT_ALL_CLOSE(4, A, ((const float[]){11, 0, 13, 0}), 0);
}
END_TEST

START_TEST(test_a_block_with_a_stride_touches_nothing_beside_it) {
    for (int activation = 0; activation < ACTIVATION_COUNT; activation++) {
        float Z[3 * 40], A[3 * 40], dZ[3 * 40];
        const float bias[24] = {0};
        for (size_t i = 0; i < 3 * 40; i++) {
            Z[i] = A[i] = dZ[i] = 77.0f;
        }
        const struct activation_block block = {3, 24, 40};
        const struct activation_function *function = &activation_functions[activation];
        function->forward(block, bias, Z + 5, A + 5, 0.5f);
        if (function->backward != NULL) {
            function->backward(block, Z + 5, Z + 5, A + 5, dZ + 5, 0.5f);
        }
        for (size_t i = 0; i < 3 * 40; i++) {
            if (i % 40 < 5 || i % 40 >= 29) {
                ck_assert_msg(Z[i] == 77.0f && A[i] == 77.0f && dZ[i] == 77.0f,
                              "%s wrote beside its block at %zu", function->name, i);
            }
        }
    }
}
END_TEST

START_TEST(test_in_place_gives_the_same_bits) {
    enum { COUNT = 37 };
    for (int activation = 0; activation < ACTIVATION_SOFTMAX; activation++) {
        const struct activation_function *function = &activation_functions[activation];
        const struct activation_block block = {1, COUNT, COUNT};
        float Z[COUNT], A[COUNT], dA[COUNT], dZ[COUNT], in_place[COUNT];
        const float bias[COUNT] = {0};
        for (size_t i = 0; i < COUNT; i++) {
            Z[i] = in_place[i] = (float)i / 7.0f - 2.5f;
            dA[i] = 1.0f - (float)i / 11.0f;
        }
        function->forward(block, bias, Z, A, 0.3f);
        function->forward(block, bias, in_place, in_place, 0.3f);
        EXPECT_BITS(COUNT, in_place, A);
        function->backward(block, dA, function->keeps_input ? Z : A, A, dZ, 0.3f);
        function->backward(block, dA, function->keeps_input ? Z : A, A, dA, 0.3f);
        EXPECT_BITS(COUNT, dA, dZ);
    }
}
END_TEST

START_TEST(test_every_activation_is_found_by_its_name) {
    static const char *const names[] = {"relu", "leaky_relu", "elu",      "gelu",   "silu",
                                        "tanh", "sigmoid",    "identity", "softmax"};
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        EXPECT_TEXT(activation_functions[i].name, names[i]);
    }
}
END_TEST

START_TEST(test_default_alphas_are_those_of_the_conventions) {
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        const double wanted = i == ACTIVATION_LEAKY_RELU ? 0.2 : i == ACTIVATION_ELU ? 1.0 : 0.0;
        EXPECT_SAME(activation_functions[i].default_alpha, wanted);
        ck_assert(activation_functions[i].takes_alpha == (wanted > 0));
    }
}
END_TEST

Suite *suite_activation(void) {
    Suite *suite = suite_create("activation");
    TCase *tests = tcase_create("activation");
    tcase_add_test(tests, test_relu_by_hand);
    tcase_add_test(tests, test_relu_derivative_is_zero_at_zero);
    tcase_add_test(tests, test_leaky_relu_by_hand);
    tcase_add_test(tests, test_elu_by_hand);
    tcase_add_test(tests, test_gelu_by_hand);
    tcase_add_test(tests, test_silu_by_hand);
    tcase_add_test(tests, test_tanh_by_hand);
    tcase_add_test(tests, test_sigmoid_by_hand);
    tcase_add_test(tests, test_identity_by_hand);
    tcase_add_test(tests, test_every_activation_is_the_references_over_its_range);
    tcase_add_test(tests, test_every_activation_is_finite_at_large_inputs);
    tcase_add_test(tests, test_every_activation_passes_nan_on);
    tcase_add_test(tests, test_forward_adds_the_bias_of_each_column_and_leaves_it_in_z);
    tcase_add_test(tests, test_a_block_with_a_stride_touches_nothing_beside_it);
    tcase_add_test(tests, test_in_place_gives_the_same_bits);
    tcase_add_test(tests, test_every_activation_is_found_by_its_name);
    tcase_add_test(tests, test_default_alphas_are_those_of_the_conventions);
    suite_add_tcase(suite, tests);
    return suite;
}
