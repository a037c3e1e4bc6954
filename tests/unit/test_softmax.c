/* core/maths/softmax.h */
#include <check.h>
#include <float.h>
#include <string.h>

#include "core/maths/softmax.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_softmax_by_hand) {
    /* e^0 : e^ln2 : e^ln3 = 1 : 2 : 3, sum 6; ln 6 = 1.7917595 */
    const float Z[] = {0, 0.69314718f, 1.09861229f};
    float A[3];
    EXPECT_CLOSE(softmax_row(3, Z, A), 1.7917595, 3e-7);
    EXPECT_ALL_CLOSE(3, A, ((const double[]){1 / 6.0, 2 / 6.0, 3 / 6.0}), 1e-7);
}
END_TEST

START_TEST(test_softmax_of_logits_of_ten_thousand_is_finite_and_right) {
    /* the larger takes all; ln Σe^z is the larger logit */
    const float Z[] = {1e4f, -1e4f};
    float A[2];
    EXPECT_SAME(softmax_row(2, Z, A), 1e4);
    EXPECT_SAME(A[0], 1);
    EXPECT_SAME(A[1], 0);
}
END_TEST

START_TEST(test_softmax_of_equal_logits_is_uniform_at_any_size) {
    static const float sizes[] = {0, 1, -1, 1e4f, -1e4f, 1e38f, -1e38f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float Z[5], A[5];
        for (size_t j = 0; j < 5; j++) {
            Z[j] = sizes[i];
        }
        const double log_sum = softmax_row(5, Z, A);
        EXPECT_CLOSE(log_sum - (double)sizes[i], fabsf(sizes[i]) < 1e30f ? log(5) : 0, 1e-7);
        EXPECT_ALL_CLOSE(5, A, ((const double[]){0.2, 0.2, 0.2, 0.2, 0.2}), 2e-8);
    }
}
END_TEST

START_TEST(test_softmax_of_one_number_is_one) {
    const float Z = -3.5f;
    float A;
    EXPECT_SAME(softmax_row(1, &Z, &A), -3.5);
    EXPECT_SAME(A, 1);
}
END_TEST

START_TEST(test_softmax_is_right_for_every_row_length) {
    for (size_t count = 1; count <= 70; count++) {
        float Z[70], A[70];
        double sum = 0, total = 0;
        for (size_t j = 0; j < count; j++) {
            Z[j] = 0.37f * (float)((j * 29) % 17) - 3.0f;
            sum += exp((double)Z[j]);
        }
        // cppcheck-suppress invalidFunctionArg ; the sum of at least one exp is not 0
        EXPECT_CLOSE(softmax_row(count, Z, A), log(sum), 1e-6);
        for (size_t j = 0; j < count; j++) {
            EXPECT_CLOSE(A[j], exp((double)Z[j]) / sum, 4e-7);
            total += (double)A[j];
        }
        EXPECT_CLOSE(total, 1, 1e-6);
    }
}
END_TEST

START_TEST(test_softmax_finds_the_maximum_at_every_place) {
    for (size_t count = 1; count <= 50; count++) {
        for (size_t place = 0; place < count; place++) {
            float Z[50], A[50];
            for (size_t j = 0; j < count; j++) {
                Z[j] = j == place ? 5000.0f : -5000.0f;
            }
            EXPECT_SAME(softmax_row(count, Z, A), 5000);
            EXPECT_SAME(A[place], 1);
            EXPECT_COUNT(row_argmax(count, Z), place);
        }
    }
}
END_TEST

START_TEST(test_softmax_in_place_gives_the_same_bits) {
    float Z[19], A[19];
    for (size_t j = 0; j < 19; j++) {
        Z[j] = (float)j / 3.0f;
    }
    softmax_row(19, Z, A);
    softmax_row(19, Z, Z);
    for (size_t j = 0; j < 19; j++) {
        EXPECT_SAME(Z[j], A[j]);
    }
}
END_TEST

START_TEST(test_softmax_passes_nan_on) {
    for (size_t place = 0; place < 20; place++) {
        float Z[20] = {0}, A[20];
        Z[place] = NAN;
        EXPECT_NAN(softmax_row(20, Z, A));
    }
}
END_TEST

START_TEST(test_argmax_is_the_lowest_index_among_equals) {
    EXPECT_COUNT(row_argmax(4, (const float[]){1, 3, 3, 2}), 1);
    EXPECT_COUNT(row_argmax(3, (const float[]){0, 0, 0}), 0);
    EXPECT_COUNT(row_argmax(3, (const float[]){-2, -1, -1}), 1);
}
END_TEST

/* Short rows, a row a lane, and long ones: what softmax_row and row_argmax say of each. */
START_TEST(test_several_rows_have_the_bits_of_each_alone) {
    for (size_t count = 1; count <= 40; count++) {
        for (size_t rows = 1; rows <= SOFTMAX_ROWS_MAX; rows += 5) {
            float Z[SOFTMAX_ROWS_MAX * 40], A[SOFTMAX_ROWS_MAX * 40], alone[40];
            struct softmax_rows found;
            for (size_t i = 0; i < rows * count; i++) {
                /* Few values, so that maxima are shared. */
                Z[i] = 0.7f * (float)((i * 31) % 9) - 3.0f;
            }
            softmax_rows(rows, count, Z, A, &found);
            for (size_t r = 0; r < rows; r++) {
                EXPECT_SAME(found.log_sums[r], softmax_row(count, Z + r * count, alone));
                EXPECT_BITS(count, A + r * count, alone);
                EXPECT_COUNT(found.classes[r], row_argmax(count, alone));
            }
        }
    }
}
END_TEST

START_TEST(test_a_row_with_nan_or_infinity_has_no_log_sum) {
    static const float bad[] = {NAN, INFINITY};
    for (size_t b = 0; b < 2; b++) {
        float Z[6] = {1, 2, 3, 4, 5, 6}, A[6];
        struct softmax_rows found;
        Z[4] = bad[b];
        softmax_rows(2, 3, Z, A, &found);
        EXPECT_CLOSE(found.log_sums[0], 3.4076060, 3e-7); /* 3 + ln(1 + e⁻¹ + e⁻²) */
        EXPECT_NAN(found.log_sums[1]);
    }
}
END_TEST

START_TEST(test_argmax_of_long_rows_is_the_lowest_index_among_equals) {
    float row[70];
    for (size_t place = 0; place < 70; place++) {
        for (size_t j = 0; j < 70; j++) {
            row[j] = j >= place ? 2.0f : -(float)j;
        }
        EXPECT_COUNT(row_argmax(70, row), place);
    }
}
END_TEST

Suite *suite_softmax(void) {
    Suite *suite = suite_create("softmax");
    TCase *tests = tcase_create("softmax");
    tcase_add_test(tests, test_softmax_by_hand);
    tcase_add_test(tests, test_softmax_of_logits_of_ten_thousand_is_finite_and_right);
    tcase_add_test(tests, test_softmax_of_equal_logits_is_uniform_at_any_size);
    tcase_add_test(tests, test_softmax_of_one_number_is_one);
    tcase_add_test(tests, test_softmax_is_right_for_every_row_length);
    tcase_add_test(tests, test_softmax_finds_the_maximum_at_every_place);
    tcase_add_test(tests, test_softmax_in_place_gives_the_same_bits);
    tcase_add_test(tests, test_softmax_passes_nan_on);
    tcase_add_test(tests, test_argmax_is_the_lowest_index_among_equals);
    tcase_add_test(tests, test_argmax_of_long_rows_is_the_lowest_index_among_equals);
    tcase_add_test(tests, test_several_rows_have_the_bits_of_each_alone);
    tcase_add_test(tests, test_a_row_with_nan_or_infinity_has_no_log_sum);
    suite_add_tcase(suite, tests);
    return suite;
}
