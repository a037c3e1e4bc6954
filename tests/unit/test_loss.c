/* core/maths/loss.h: values and derivatives worked out by hand, extremes,
 * weights, and what counts as right. */
#include <check.h>
#include <string.h>

#include "core/maths/loss.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define NUMBERS_MAX 64

/* One call of a loss: the fields to set, then what came out. */
struct call {
    struct loss_rows rows;
    float A[NUMBERS_MAX], gradient[NUMBERS_MAX], row_losses[NUMBERS_MAX];
};

/* `Z` of fused losses; of the others A itself. */
static void run(struct call *call, enum loss loss, size_t rows, size_t outputs, const float *Z) {
    call->rows.rows = rows;
    call->rows.outputs = outputs;
    call->rows.batch_rows = call->rows.batch_rows > 0 ? call->rows.batch_rows : rows;
    call->rows.Z = Z;
    memcpy(call->A, Z, rows * outputs * sizeof *Z);
    call->rows.A = call->A;
    call->rows.gradient = call->gradient;
    call->rows.row_losses = call->row_losses;
    call->rows.huber_delta = call->rows.huber_delta > 0 ? call->rows.huber_delta : 1.0f;
    loss_functions[loss].rows(&call->rows);
}

#define LN2 0.69314718f
#define LN3 1.09861229f

START_TEST(test_categorical_crossentropy_with_labels_by_hand) {
    /* softmax of (0, ln2, ln3) is (1, 2, 3)/6; label 1: loss -ln(2/6) = 1.0986123,
     * gradient A - c */
    struct call call = {.rows.labels = (const int32_t[]){1}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 1, 3, (const float[]){0, LN2, LN3});
    EXPECT_CLOSE(call.rows.loss_sum, 1.0986123, 3e-7);
    EXPECT_ALL_CLOSE(3, call.gradient, ((const double[]){1 / 6.0, 2 / 6.0 - 1, 3 / 6.0}), 1e-7);
    EXPECT_SAME(call.rows.hits, 0);
}
END_TEST

START_TEST(test_categorical_crossentropy_with_targets_by_hand) {
    /* c = (½, ½, 0): loss -½ln(1/6) - ½ln(2/6) = 1.4451859, gradient A - c */
    struct call call = {.rows.targets = (const float[]){0.5f, 0.5f, 0}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 1, 3, (const float[]){0, LN2, LN3});
    EXPECT_CLOSE(call.rows.loss_sum, 1.4451859, 3e-7);
    EXPECT_ALL_CLOSE(3, call.gradient, ((const double[]){-2 / 6.0, -1 / 6.0, 3 / 6.0}), 1e-7);
}
END_TEST

START_TEST(test_categorical_gradient_is_a_times_the_sum_of_targets_minus_target) {
    /* Σc = 1.5: gradient 1.5·(1, 2, 3)/6 - (1, ½, 0); loss 1·ln6 + ½·ln3 */
    struct call call = {.rows.targets = (const float[]){1, 0.5f, 0}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 1, 3, (const float[]){0, LN2, LN3});
    EXPECT_CLOSE(call.rows.loss_sum, 2.3410656, 5e-7);
    EXPECT_ALL_CLOSE(3, call.gradient, ((const double[]){-0.75, 0, 0.75}), 2e-7);
}
END_TEST

START_TEST(test_diagonal_output_delta_by_hand) {
    /* -c ⊙ (1 - A) with A = (1, 2, 3)/6 */
    struct call labels = {
        .rows = {.labels = (const int32_t[]){1}, .output_delta = OUTPUT_DELTA_DIAGONAL}};
    run(&labels, LOSS_CATEGORICAL_CROSSENTROPY, 1, 3, (const float[]){0, LN2, LN3});
    EXPECT_ALL_CLOSE(3, labels.gradient, ((const double[]){0, -4 / 6.0, 0}), 1e-7);
    struct call targets = {.rows = {.targets = (const float[]){0.25f, 0.75f, 0},
                                    .output_delta = OUTPUT_DELTA_DIAGONAL}};
    run(&targets, LOSS_CATEGORICAL_CROSSENTROPY, 1, 3, (const float[]){0, LN2, LN3});
    EXPECT_ALL_CLOSE(3, targets.gradient, ((const double[]){-5 / 24.0, -0.5, 0}), 1e-7);
}
END_TEST

START_TEST(test_binary_crossentropy_by_hand) {
    /* σ(ln3) = ¾: label 1 loss -ln¾ = 0.2876821, gradient -¼;
     * label 0 loss -ln¼ = 1.3862944, gradient ¾ */
    struct call one = {.rows.labels = (const int32_t[]){1}};
    run(&one, LOSS_BINARY_CROSSENTROPY, 1, 1, (const float[]){LN3});
    EXPECT_CLOSE(one.rows.loss_sum, 0.2876821, 2e-7);
    EXPECT_CLOSE(one.gradient[0], -0.25, 1e-7);
    struct call zero = {.rows.labels = (const int32_t[]){0}};
    run(&zero, LOSS_BINARY_CROSSENTROPY, 1, 1, (const float[]){LN3});
    EXPECT_CLOSE(zero.rows.loss_sum, 1.3862944, 3e-7);
    EXPECT_CLOSE(zero.gradient[0], 0.75, 1e-7);
    EXPECT_CLOSE(zero.A[0], 0.75, 1e-7);
}
END_TEST

START_TEST(test_binary_crossentropy_of_several_outputs_is_their_mean) {
    /* z (ln3, 0), c (1, ½): losses 0.2876821 and ln2, gradients (-¼, 0)/2 */
    struct call call = {.rows.targets = (const float[]){1, 0.5f}};
    run(&call, LOSS_BINARY_CROSSENTROPY, 1, 2, (const float[]){LN3, 0});
    EXPECT_CLOSE(call.rows.loss_sum, (0.2876821 + 0.6931472) / 2, 2e-7);
    EXPECT_ALL_CLOSE(2, call.gradient, ((const double[]){-0.125, 0}), 1e-7);
}
END_TEST

START_TEST(test_mse_by_hand) {
    /* errors (1, -2): (1 + 4)/2 = 2.5, gradient 2·error/2 */
    struct call call = {.rows.targets = (const float[]){2, 5}};
    run(&call, LOSS_MSE, 1, 2, (const float[]){3, 3});
    EXPECT_SAME(call.rows.loss_sum, 2.5);
    EXPECT_ALL_CLOSE(2, call.gradient, ((const double[]){1, -2}), 0);
}
END_TEST

START_TEST(test_mae_by_hand) {
    /* errors (1, -2, 0): 3/3 = 1, gradient sign/3 */
    struct call call = {.rows.targets = (const float[]){2, 5, 4}};
    run(&call, LOSS_MAE, 1, 3, (const float[]){3, 3, 4});
    EXPECT_CLOSE(call.rows.loss_sum, 1, 1e-7);
    EXPECT_ALL_CLOSE(3, call.gradient, ((const double[]){1 / 3.0, -1 / 3.0, 0}), 3e-8);
}
END_TEST

START_TEST(test_mae_derivative_is_zero_at_zero) {
    struct call call = {.rows.targets = (const float[]){4}};
    run(&call, LOSS_MAE, 1, 1, (const float[]){4});
    EXPECT_SAME(call.gradient[0], 0);
}
END_TEST

START_TEST(test_huber_by_hand) {
    /* δ = 2, errors (1, 3, -2, -5): ½, 2·(3-1) = 4, 2, 2·(5-1) = 8: 14.5/4;
     * gradient (1, 2, -2, -2)/4 */
    struct call call = {.rows = {.targets = (const float[]){0, 0, 0, 0}, .huber_delta = 2}};
    run(&call, LOSS_HUBER, 1, 4, (const float[]){1, 3, -2, -5});
    EXPECT_SAME(call.rows.loss_sum, 3.625);
    EXPECT_ALL_CLOSE(4, call.gradient, ((const double[]){0.25, 0.5, -0.5, -0.5}), 0);
}
END_TEST

START_TEST(test_batch_loss_and_gradient_are_divided_by_the_rows_of_the_batch) {
    /* a tile of one row of a batch of 4 */
    struct call call = {.rows = {.targets = (const float[]){0}, .batch_rows = 4}};
    run(&call, LOSS_MSE, 1, 1, (const float[]){3});
    EXPECT_SAME(call.rows.loss_sum, 9);
    EXPECT_SAME(call.gradient[0], 6.0 / 4);
    struct call categorical = {.rows = {.labels = (const int32_t[]){0}, .batch_rows = 4}};
    run(&categorical, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){0, 0});
    EXPECT_SAME(categorical.gradient[0], -0.5 / 4);
}
END_TEST

START_TEST(test_weighted_loss_is_divided_by_rows_not_by_weights) {
    /* losses (9, 1), weights (2, 3): 18 + 3; gradients 2·(3·2, 1·3)/2 rows */
    struct call call = {
        .rows = {.targets = (const float[]){0, 0}, .sample_weights = (const float[]){2, 3}}};
    run(&call, LOSS_MSE, 2, 1, (const float[]){3, 1});
    EXPECT_SAME(call.rows.loss_sum, 21);
    EXPECT_ALL_CLOSE(2, call.gradient, ((const double[]){6, 3}), 0);
    /* row losses are without weights */
    EXPECT_ALL_CLOSE(2, call.row_losses, ((const double[]){9, 1}), 0);
}
END_TEST

START_TEST(test_class_weights_multiply_sample_weights) {
    struct call call = {.rows = {.labels = (const int32_t[]){2, 0},
                                 .sample_weights = (const float[]){2, 1},
                                 .class_weights = (const float[]){5, 1, 0.5f}}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 2, 3, (const float[]){0, 0, 0, 0, 0, 0});
    /* ln3·(2·½ + 1·5) */
    EXPECT_CLOSE(call.rows.loss_sum, 6 * 1.0986123, 2e-6);
    EXPECT_CLOSE(call.gradient[2], -2 / 3.0 / 2, 1e-7);
    EXPECT_CLOSE(call.gradient[3], -2 / 3.0 * 5 / 2, 3e-7);
}
END_TEST

START_TEST(test_class_weight_of_targets_is_that_of_the_largest) {
    struct call call = {
        .rows = {.targets = (const float[]){0.2f, 0.8f}, .class_weights = (const float[]){100, 3}}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){0, 0});
    EXPECT_CLOSE(call.rows.loss_sum, 3 * 0.6931472, 1e-6);
}
END_TEST

START_TEST(test_one_sigmoid_output_has_two_class_weights) {
    struct call call = {
        .rows = {.labels = (const int32_t[]){0, 1}, .class_weights = (const float[]){2, 7}}};
    run(&call, LOSS_BINARY_CROSSENTROPY, 2, 1, (const float[]){0, 0});
    EXPECT_CLOSE(call.rows.loss_sum, 9 * 0.6931472, 1e-6);
}
END_TEST

START_TEST(test_a_weight_of_zero_takes_the_row_out) {
    struct call call = {
        .rows = {.targets = (const float[]){0, 0}, .sample_weights = (const float[]){0, 1}}};
    run(&call, LOSS_MSE, 2, 1, (const float[]){1e30f, 1});
    EXPECT_SAME(call.rows.loss_sum, 1);
    EXPECT_SAME(call.gradient[0], 0);
}
END_TEST

START_TEST(test_categorical_row_at_logit_minus_200_has_loss_200_and_its_gradient_keeps_its_size) {
    struct call call = {.rows.labels = (const int32_t[]){1}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){0, -200});
    EXPECT_SAME(call.rows.loss_sum, 200);
    EXPECT_SAME(call.gradient[0], 1);
    EXPECT_SAME(call.gradient[1], -1);
}
END_TEST

START_TEST(test_binary_row_at_logit_minus_200_has_loss_200_and_its_gradient_keeps_its_size) {
    struct call call = {.rows.labels = (const int32_t[]){1}};
    run(&call, LOSS_BINARY_CROSSENTROPY, 1, 1, (const float[]){-200});
    EXPECT_SAME(call.rows.loss_sum, 200);
    EXPECT_SAME(call.gradient[0], -1);
}
END_TEST

START_TEST(test_binary_loss_of_a_sure_right_answer_keeps_its_digits) {
    /* softplus(-12) = 6.144193e-6: not the difference of 12.000006 and 12 */
    struct call one = {.rows.labels = (const int32_t[]){1}};
    run(&one, LOSS_BINARY_CROSSENTROPY, 1, 1, (const float[]){12});
    EXPECT_CLOSE(one.rows.loss_sum, 6.144193e-6, 1e-11);
    struct call zero = {.rows.labels = (const int32_t[]){0}};
    run(&zero, LOSS_BINARY_CROSSENTROPY, 1, 1, (const float[]){-12});
    EXPECT_CLOSE(zero.rows.loss_sum, 6.144193e-6, 1e-11);
}
END_TEST

START_TEST(test_crossentropies_at_logits_of_ten_thousand_are_finite_and_right) {
    struct call wrong = {.rows.labels = (const int32_t[]){1}};
    run(&wrong, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){1e4f, -1e4f});
    EXPECT_SAME(wrong.rows.loss_sum, 2e4);
    EXPECT_ALL_CLOSE(2, wrong.gradient, ((const double[]){1, -1}), 0);
    struct call right = {.rows.labels = (const int32_t[]){0}};
    run(&right, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){1e4f, -1e4f});
    EXPECT_SAME(right.rows.loss_sum, 0);
    EXPECT_ALL_CLOSE(2, right.gradient, ((const double[]){0, 0}), 0);
    struct call equal = {.rows.targets = (const float[]){0.25f, 0.75f}};
    run(&equal, LOSS_CATEGORICAL_CROSSENTROPY, 1, 2, (const float[]){1e4f, 1e4f});
    EXPECT_CLOSE(equal.rows.loss_sum, 0.6931472, 1e-6);
    EXPECT_ALL_CLOSE(2, equal.gradient, ((const double[]){0.25, -0.25}), 1e-7);
    struct call binary = {.rows.targets = (const float[]){0, 0}};
    run(&binary, LOSS_BINARY_CROSSENTROPY, 1, 2, (const float[]){1e4f, -1e4f});
    EXPECT_SAME(binary.rows.loss_sum, 5e3);
    EXPECT_ALL_CLOSE(2, binary.gradient, ((const double[]){0.5, 0}), 0);
}
END_TEST

START_TEST(test_gradient_may_take_the_place_of_the_outputs) {
    for (int loss = 0; loss < LOSS_COUNT; loss++) {
        static const float Z[] = {0.5f, -1.5f, 2.0f, 0.25f, 1.0f, -0.75f};
        static const float targets[] = {0.2f, 0.3f, 0.5f, 0.1f, 0.8f, 0.1f};
        struct call apart = {.rows.targets = targets};
        run(&apart, (enum loss)loss, 2, 3, Z);
        struct call together = {.rows.targets = targets};
        memcpy(together.A, Z, sizeof Z);
        together.rows = apart.rows;
        together.rows.loss_sum = together.rows.hits = 0;
        together.rows.A = together.rows.gradient = together.A;
        loss_functions[loss].rows(&together.rows);
        EXPECT_BITS(6, together.A, apart.gradient);
        EXPECT_SAME(together.rows.loss_sum, apart.rows.loss_sum);
        EXPECT_SAME(together.rows.hits, apart.rows.hits);
    }
}
END_TEST

START_TEST(test_loss_without_a_gradient_is_the_same) {
    struct call with = {.rows.labels = (const int32_t[]){0, 1}};
    run(&with, LOSS_CATEGORICAL_CROSSENTROPY, 2, 2, (const float[]){1, 2, 3, 4});
    struct call without = {.rows = with.rows};
    without.rows.loss_sum = without.rows.hits = 0;
    without.rows.gradient = without.rows.row_losses = NULL;
    without.rows.A = without.A;
    loss_functions[LOSS_CATEGORICAL_CROSSENTROPY].rows(&without.rows);
    EXPECT_SAME(without.rows.loss_sum, with.rows.loss_sum);
    EXPECT_SAME(without.rows.hits, with.rows.hits);
}
END_TEST

START_TEST(test_predicted_class_is_the_lowest_index_among_equals) {
    EXPECT_COUNT(loss_predicted_class(3, (const float[]){0.4f, 0.4f, 0.2f}), 0);
    EXPECT_COUNT(loss_predicted_class(3, (const float[]){0.2f, 0.4f, 0.4f}), 1);
}
END_TEST

START_TEST(test_one_output_is_class_1_strictly_above_a_half) {
    EXPECT_COUNT(loss_predicted_class(1, (const float[]){0.5f}), 0);
    EXPECT_COUNT(loss_predicted_class(1, (const float[]){0.50001f}), 1);
}
END_TEST

START_TEST(test_hits_of_softmax_count_right_rows) {
    struct call call = {.rows.labels = (const int32_t[]){1, 1, 0}};
    run(&call, LOSS_CATEGORICAL_CROSSENTROPY, 3, 2, (const float[]){0, 1, 1, 0, 2, 2});
    EXPECT_SAME(call.rows.hits, 2); /* the tie goes to class 0 */
}
END_TEST

START_TEST(test_hits_of_sigmoid_count_right_outputs) {
    struct call call = {.rows.targets = (const float[]){1, 0, 0, 1}};
    run(&call, LOSS_BINARY_CROSSENTROPY, 2, 2, (const float[]){2, -1, 3, 0});
    EXPECT_SAME(call.rows.hits, 2); /* z = 0 is not above a half */
    EXPECT_COUNT(loss_decisions_per_row(LOSS_BINARY_CROSSENTROPY, 2), 2);
    EXPECT_COUNT(loss_decisions_per_row(LOSS_CATEGORICAL_CROSSENTROPY, 7), 1);
}
END_TEST

START_TEST(test_every_elementwise_loss_is_right_for_every_width) {
    for (size_t k = 1; k <= 40; k++) {
        float A[40], targets[40];
        double squares = 0, magnitudes = 0;
        for (size_t j = 0; j < k; j++) {
            A[j] = (float)((j * 7) % 11) - 5.0f;
            targets[j] = (float)((j * 5) % 7) * 0.5f;
            const double e = (double)(A[j] - targets[j]);
            squares += e * e;
            magnitudes += fabs(e);
        }
        struct call mse = {.rows.targets = targets};
        run(&mse, LOSS_MSE, 1, k, A);
        EXPECT_CLOSE(mse.rows.loss_sum, squares / (double)k, 1e-6 * squares);
        struct call mae = {.rows.targets = targets};
        run(&mae, LOSS_MAE, 1, k, A);
        EXPECT_CLOSE(mae.rows.loss_sum, magnitudes / (double)k, 1e-6 * magnitudes);
    }
}
END_TEST

START_TEST(test_every_loss_is_found_by_its_name) {
    static const char *const names[] = {"categorical_crossentropy", "binary_crossentropy", "mse",
                                        "mae", "huber"};
    for (int i = 0; i < LOSS_COUNT; i++) {
        EXPECT_TEXT(loss_functions[i].name, names[i]);
    }
}
END_TEST

Suite *suite_loss(void) {
    Suite *suite = suite_create("loss");
    TCase *tests = tcase_create("loss");
    tcase_add_test(tests, test_categorical_crossentropy_with_labels_by_hand);
    tcase_add_test(tests, test_categorical_crossentropy_with_targets_by_hand);
    tcase_add_test(tests, test_categorical_gradient_is_a_times_the_sum_of_targets_minus_target);
    tcase_add_test(tests, test_diagonal_output_delta_by_hand);
    tcase_add_test(tests, test_binary_crossentropy_by_hand);
    tcase_add_test(tests, test_binary_crossentropy_of_several_outputs_is_their_mean);
    tcase_add_test(tests, test_mse_by_hand);
    tcase_add_test(tests, test_mae_by_hand);
    tcase_add_test(tests, test_mae_derivative_is_zero_at_zero);
    tcase_add_test(tests, test_huber_by_hand);
    tcase_add_test(tests, test_batch_loss_and_gradient_are_divided_by_the_rows_of_the_batch);
    tcase_add_test(tests, test_weighted_loss_is_divided_by_rows_not_by_weights);
    tcase_add_test(tests, test_class_weights_multiply_sample_weights);
    tcase_add_test(tests, test_class_weight_of_targets_is_that_of_the_largest);
    tcase_add_test(tests, test_one_sigmoid_output_has_two_class_weights);
    tcase_add_test(tests, test_a_weight_of_zero_takes_the_row_out);
    tcase_add_test(
        tests,
        test_categorical_row_at_logit_minus_200_has_loss_200_and_its_gradient_keeps_its_size);
    tcase_add_test(tests,
                   test_binary_row_at_logit_minus_200_has_loss_200_and_its_gradient_keeps_its_size);
    tcase_add_test(tests, test_binary_loss_of_a_sure_right_answer_keeps_its_digits);
    tcase_add_test(tests, test_crossentropies_at_logits_of_ten_thousand_are_finite_and_right);
    tcase_add_test(tests, test_gradient_may_take_the_place_of_the_outputs);
    tcase_add_test(tests, test_loss_without_a_gradient_is_the_same);
    tcase_add_test(tests, test_predicted_class_is_the_lowest_index_among_equals);
    tcase_add_test(tests, test_one_output_is_class_1_strictly_above_a_half);
    tcase_add_test(tests, test_hits_of_softmax_count_right_rows);
    tcase_add_test(tests, test_hits_of_sigmoid_count_right_outputs);
    tcase_add_test(tests, test_every_elementwise_loss_is_right_for_every_width);
    tcase_add_test(tests, test_every_loss_is_found_by_its_name);
    suite_add_tcase(suite, tests);
    return suite;
}
