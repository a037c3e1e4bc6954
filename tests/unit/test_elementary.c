/* core/maths/elementary.h against libm in double precision. */
#include <check.h>
#include <float.h>
#include <string.h>

#include "core/maths/elementary.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

static double normal_cdf(double x) {
    return 0.5 * erfc(-x / sqrt(2.0));
}

static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static float float_of_bits(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* The worst relative error over every 4093rd float between the bounds, all signs
 * and exponents among them. */
static double worst_error(float (*found)(float), double (*wanted)(double), float low, float high) {
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 4093) {
        const float x = float_of_bits((uint32_t)bits);
        if (x >= low && x <= high) {
            const double right = wanted((double)x);
            const double error = fabs((double)found(x) - right) / fabs(right);
            /* 0/0 where both are 0 is right. */
            worst = error > worst || (isnan(error) && right != 0) ? error : worst;
        }
    }
    return worst;
}

static double worst_double_error(double (*found)(double), double (*wanted)(double), double low,
                                 double high) {
    double worst = 0;
    const int steps = 200000;
    for (int i = 0; i <= steps; i++) {
        const double x = low + (high - low) * i / steps;
        const double error = fabs(found(x) - wanted(x)) / fabs(wanted(x));
        worst = fmax(worst, error);
    }
    return worst;
}

#define EXPECT_BELOW(found, wanted)                                                                \
    do {                                                                                           \
        const double found_ = (found);                                                             \
        ck_assert_msg(found_ <= (wanted), "%s: found %.3g, wanted at most %g", #found, found_,     \
                      (double)(wanted));                                                           \
    } while (0)

START_TEST(test_float_exp_is_within_2e_7_of_libm) {
    EXPECT_BELOW(worst_error(float_exp, exp, -87.3f, 88.7f), 2e-7);
}
END_TEST

START_TEST(test_float_exp_at_the_extremes) {
    EXPECT_SAME(float_exp(0.0f), 1);
    EXPECT_SAME(float_exp(-0.0f), 1);
    EXPECT_SAME(float_exp(INFINITY), INFINITY);
    EXPECT_SAME(float_exp(89.0f), INFINITY);
    EXPECT_SAME(float_exp(FLT_MAX), INFINITY);
    EXPECT_SAME(float_exp(-INFINITY), 0);
    EXPECT_SAME(float_exp(-FLT_MAX), 0);
    EXPECT_SAME(float_exp(-104.0f), 0);
    ck_assert(float_exp(88.7f) < INFINITY);
    EXPECT_NAN(float_exp(NAN));
    EXPECT_NAN(float_exp(-NAN));
}
END_TEST

START_TEST(test_float_exp_never_falls_between_neighbouring_whole_powers_of_two) {
    float before = 0;
    for (int i = -8800; i <= 8870; i++) {
        const float y = float_exp((float)i / 100.0f);
        ck_assert_msg(y >= before, "exp(%g): found %g, wanted at least %g", i / 100.0, (double)y,
                      (double)before);
        before = y;
    }
}
END_TEST

START_TEST(test_float_sigmoid_is_within_4e_7_of_libm) {
    EXPECT_BELOW(worst_error(float_sigmoid, logistic, -87.0f, 100.0f), 4e-7);
}
END_TEST

START_TEST(test_float_sigmoid_at_the_extremes) {
    EXPECT_SAME(float_sigmoid(0.0f), 0.5);
    EXPECT_SAME(float_sigmoid(INFINITY), 1);
    EXPECT_SAME(float_sigmoid(FLT_MAX), 1);
    EXPECT_SAME(float_sigmoid(-INFINITY), 0);
    EXPECT_SAME(float_sigmoid(-FLT_MAX), 0);
    EXPECT_NAN(float_sigmoid(NAN));
}
END_TEST

START_TEST(test_float_tanh_is_within_3e_7_of_libm) {
    EXPECT_BELOW(worst_error(float_tanh, tanh, -FLT_MAX, -FLT_MIN), 3e-7);
    EXPECT_BELOW(worst_error(float_tanh, tanh, FLT_MIN, FLT_MAX), 3e-7);
}
END_TEST

START_TEST(test_float_tanh_at_the_extremes) {
    EXPECT_SAME(float_tanh(0.0f), 0);
    EXPECT_SAME(float_tanh(INFINITY), 1);
    EXPECT_SAME(float_tanh(-INFINITY), -1);
    EXPECT_SAME(float_tanh(FLT_MAX), 1);
    EXPECT_NAN(float_tanh(NAN));
}
END_TEST

START_TEST(test_float_tanh_is_odd_and_never_above_one) {
    for (uint64_t bits = 0; bits <= 0x7f800000; bits += 4093) {
        const float x = float_of_bits((uint32_t)bits);
        EXPECT_SAME(float_tanh(-x), -float_tanh(x));
        ck_assert(float_tanh(x) <= 1.0f);
    }
}
END_TEST

START_TEST(test_float_normal_cdf_is_within_3e_7_of_libm_and_has_a_lower_tail) {
    EXPECT_BELOW(worst_error(float_normal_cdf, normal_cdf, -1.0f, 100.0f), 3e-7);
    EXPECT_BELOW(worst_error(float_normal_cdf, normal_cdf, -5.0f, -1.0f), 3e-6);
    EXPECT_BELOW(worst_error(float_normal_cdf, normal_cdf, -6.5f, -5.0f), 1e-5);
    EXPECT_BELOW(worst_error(float_normal_cdf, normal_cdf, -12.7f, -6.5f), 4e-3);
}
END_TEST

START_TEST(test_float_normal_cdf_at_the_extremes) {
    EXPECT_SAME(float_normal_cdf(INFINITY), 1);
    EXPECT_SAME(float_normal_cdf(FLT_MAX), 1);
    EXPECT_CLOSE(float_normal_cdf(0.0f), 0.5, 1e-7);
    EXPECT_SAME(float_normal_cdf(-INFINITY), 0);
    EXPECT_SAME(float_normal_cdf(-FLT_MAX), 0);
    EXPECT_NAN(float_normal_cdf(NAN));
}
END_TEST

START_TEST(test_float_softplus_is_within_4e_7_of_libm) {
    EXPECT_BELOW(worst_error(float_softplus, softplus, -87.0f, FLT_MAX), 4e-7);
}
END_TEST

START_TEST(test_float_softplus_at_the_extremes) {
    EXPECT_SAME(float_softplus(INFINITY), INFINITY);
    EXPECT_SAME(float_softplus(FLT_MAX), FLT_MAX);
    EXPECT_SAME(float_softplus(-INFINITY), 0);
    EXPECT_SAME(float_softplus(-FLT_MAX), 0);
    EXPECT_CLOSE(float_softplus(0.0f), 0.69314718, 1e-7);
    EXPECT_NAN(float_softplus(NAN));
}
END_TEST

START_TEST(test_float_sqrt_is_correctly_rounded) {
    for (uint64_t bits = 0; bits <= 0x7f800000; bits += 4093) {
        const float x = float_of_bits((uint32_t)bits);
        EXPECT_SAME(float_sqrt(x), (float)sqrt((double)x));
    }
}
END_TEST

START_TEST(test_double_exp_is_within_1e_14_of_libm) {
    EXPECT_BELOW(worst_double_error(double_exp, exp, -708, 709.7), 1e-14);
    EXPECT_BELOW(worst_double_error(double_exp, exp, -1, 1), 1e-15);
}
END_TEST

START_TEST(test_double_exp_at_the_extremes) {
    EXPECT_SAME(double_exp(0), 1);
    EXPECT_SAME(double_exp(INFINITY), INFINITY);
    EXPECT_SAME(double_exp(1e300), INFINITY);
    EXPECT_SAME(double_exp(-INFINITY), 0);
    EXPECT_SAME(double_exp(-1e300), 0);
    EXPECT_NAN(double_exp(NAN));
}
END_TEST

static double log_of_power_of_ten(double x) {
    return double_log(pow(10, x));
}

static double libm_log_of_power_of_ten(double x) {
    return log(pow(10, x));
}

START_TEST(test_double_log_is_within_1e_14_of_libm) {
    EXPECT_BELOW(worst_double_error(log_of_power_of_ten, libm_log_of_power_of_ten, -300, -1e-3),
                 1e-14);
    EXPECT_BELOW(worst_double_error(log_of_power_of_ten, libm_log_of_power_of_ten, 1e-3, 300),
                 1e-14);
    EXPECT_BELOW(worst_double_error(double_log, log, 0.3, 0.999999), 1e-14);
    EXPECT_BELOW(worst_double_error(double_log, log, 1.000001, 3), 1e-14);
    EXPECT_CLOSE(double_log(5e-324), log(5e-324), 1e-12);
}
END_TEST

START_TEST(test_double_log_at_the_extremes) {
    EXPECT_SAME(double_log(1), 0);
    EXPECT_SAME(double_log(0), -INFINITY);
    EXPECT_SAME(double_log(INFINITY), INFINITY);
    EXPECT_NAN(double_log(-1));
    EXPECT_NAN(double_log(NAN));
}
END_TEST

START_TEST(test_double_cos_pi_is_the_cosine_of_pi_x) {
    for (int i = -5000; i <= 5000; i++) {
        const double x = i / 1000.0;
        EXPECT_CLOSE(double_cos_pi(x), cos(acos(-1.0) * x), 3e-15);
    }
    EXPECT_SAME(double_cos_pi(0), 1);
    EXPECT_SAME(double_cos_pi(1), -1);
    EXPECT_SAME(double_cos_pi(2), 1);
    EXPECT_CLOSE(double_cos_pi(0.5), 0, 1e-16);
}
END_TEST

START_TEST(test_double_power_is_within_1e_14_of_libm) {
    for (int i = 1; i <= 100; i++) {
        for (int j = 0; j <= 100; j++) {
            const double base = i / 100.0, exponent = j / 10.0;
            const double wanted = pow(base, exponent);
            EXPECT_CLOSE(double_power(base, exponent), wanted, 1e-14 * wanted);
        }
    }
    EXPECT_SAME(double_power(1, 1e6), 1);
    EXPECT_SAME(double_power(0.3, 0), 1);
    EXPECT_SAME(double_power(0.5, 1e6), 0);
}
END_TEST

START_TEST(test_double_integer_power_multiplies) {
    EXPECT_SAME(double_integer_power(0.5, 10), 0x1p-10);
    EXPECT_SAME(double_integer_power(3, 0), 1);
    EXPECT_SAME(double_integer_power(0, 0), 1);
    EXPECT_SAME(double_integer_power(3, 13), 1594323);
    /* every squaring doubles the relative error */
    for (uint64_t n = 1; n < 1000000; n = n * 3 + 1) {
        const double wanted = pow(0.999, (double)n);
        EXPECT_CLOSE(double_integer_power(0.999, n), wanted, 1e-15 * (double)n * wanted);
    }
}
END_TEST

Suite *suite_elementary(void) {
    Suite *suite = suite_create("elementary");
    TCase *tests = tcase_create("elementary");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_float_exp_is_within_2e_7_of_libm);
    tcase_add_test(tests, test_float_exp_at_the_extremes);
    tcase_add_test(tests, test_float_exp_never_falls_between_neighbouring_whole_powers_of_two);
    tcase_add_test(tests, test_float_sigmoid_is_within_4e_7_of_libm);
    tcase_add_test(tests, test_float_sigmoid_at_the_extremes);
    tcase_add_test(tests, test_float_tanh_is_within_3e_7_of_libm);
    tcase_add_test(tests, test_float_tanh_at_the_extremes);
    tcase_add_test(tests, test_float_tanh_is_odd_and_never_above_one);
    tcase_add_test(tests, test_float_normal_cdf_is_within_3e_7_of_libm_and_has_a_lower_tail);
    tcase_add_test(tests, test_float_normal_cdf_at_the_extremes);
    tcase_add_test(tests, test_float_softplus_is_within_4e_7_of_libm);
    tcase_add_test(tests, test_float_softplus_at_the_extremes);
    tcase_add_test(tests, test_float_sqrt_is_correctly_rounded);
    tcase_add_test(tests, test_double_exp_is_within_1e_14_of_libm);
    tcase_add_test(tests, test_double_exp_at_the_extremes);
    tcase_add_test(tests, test_double_log_is_within_1e_14_of_libm);
    tcase_add_test(tests, test_double_log_at_the_extremes);
    tcase_add_test(tests, test_double_cos_pi_is_the_cosine_of_pi_x);
    tcase_add_test(tests, test_double_power_is_within_1e_14_of_libm);
    tcase_add_test(tests, test_double_integer_power_multiplies);
    suite_add_tcase(suite, tests);
    return suite;
}
