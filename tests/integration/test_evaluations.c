/* /v1/models/{model}/evaluations: every metric on a case small enough for paper. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define EVALUATIONS "/v1/models/m/evaluations"

static double softplus(double x) {
    return log1p(exp(x));
}

/* Six rows of create_pair: classes 1 1 0 predicted for x = 1 0 -2, …
 *
 *   x       1   0  -2  -3   2  -4
 *   true    1   0   0   1   1   0
 *   found   1   1   0   0   1   0 */
static const struct answer *evaluate_pair(const char *options) {
    create_pair("m");
    return want_status(post(EVALUATIONS,
                            "{'inputs': [[1], [0], [-2], [-3], [2], [-4]], "
                            "'labels': [1, 0, 0, 1, 1, 0]%s}",
                            options),
                       200);
}

START_TEST(test_loss_and_accuracy) {
    const struct answer *answer = evaluate_pair("");
    want_json(answer, "/model", "'m'");
    want_json(answer, "/step", "1");
    want_json(answer, "/examples", "6");
    want_near(answer, "/accuracy", 4.0 / 6);
    /* −log p of the true class: softplus of what its logit lies behind */
    want_near(
        answer, "/loss",
        (softplus(-2) + softplus(1) + softplus(-1) + softplus(2) + softplus(-3) + softplus(-3)) /
            6);
}
END_TEST

static void want_pair_losses(const struct answer *answer) {
    const double wanted[] = {softplus(-2), softplus(1),  softplus(-1),
                             softplus(2),  softplus(-3), softplus(-3)};
    double sum = 0;
    ck_assert(json_array_size(json_at(answer, "/losses")) == 6);
    for (int i = 0; i < 6; i++) {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/losses/%d", i);
        want_near(answer, pointer, wanted[i]);
        sum += number_at(answer, pointer);
    }
    want_near(answer, "/loss", sum / 6);
}

START_TEST(test_per_example_tells_which_rows_hurt) {
    want_pair_losses(evaluate_pair(", 'per_example': true"));
    want_pair_losses(want_status(post(EVALUATIONS "?per_example=true",
                                      "{'inputs': [[1], [0], [-2], [-3], [2], [-4]], "
                                      "'labels': [1, 0, 0, 1, 1, 0]}"),
                                 200));
}
END_TEST

START_TEST(test_row_losses_are_left_out_unless_asked_for) {
    want_absent(evaluate_pair(""), "/losses");
    want_absent(want_status(post(EVALUATIONS "?per_example=false",
                                 "{'inputs': [[1]], 'labels': [1], 'per_example': false}"),
                            200),
                "/losses");
    want_problem(post(EVALUATIONS, "{'inputs': [[1]], 'labels': [1], 'per_example': 1}"), 422,
                 "/per_example");
    want_problem(post(EVALUATIONS "?per_example=1", "{'inputs': [[1]], 'labels': [1]}"), 422, NULL);
}
END_TEST

/* Of one line, out = 2·x + 2. */
START_TEST(test_row_losses_of_a_regression) {
    create_line("m", 2);
    const struct answer *answer =
        want_status(post(EVALUATIONS, "{'inputs': [[0], [1], [2]], 'targets': [[2], [1], [8]], "
                                      "'per_example': true}"),
                    200);
    want_json(answer, "/losses", "[0, 9, 4]");
}
END_TEST

/* 2e25 is a float32, its square is none; without per_example the loss is null. */
START_TEST(test_row_loss_that_overflows_names_its_row) {
    const char *rows = "'inputs': [[0], [1e25]], 'targets': [[2], [1]]";
    create_line("m", 2);
    want_problem(post(EVALUATIONS, "{%s, 'per_example': true}", rows), 422, "/inputs/1");
    want_json(want_status(post(EVALUATIONS, "{%s}", rows), 200), "/loss", "null");
}
END_TEST

/* Far more than a piece of the answer. */
START_TEST(test_row_losses_of_many_rows_come_whole) {
    enum { ROWS = 20000 };
    char *inputs = malloc(ROWS * 16), *targets = malloc(ROWS * 16);
    size_t used = 0, used_targets = 0;
    for (int i = 0; i < ROWS; i++) {
        used += (size_t)sprintf(inputs + used, "%s[%d]", i > 0 ? "," : "", i % 7);
        used_targets += (size_t)sprintf(targets + used_targets, "%s[0]", i > 0 ? "," : "");
    }
    create_line("m", 2);
    const struct answer *answer = want_status(
        post(EVALUATIONS "?per_example=true", "{'inputs': [%s], 'targets': [%s]}", inputs, targets),
        200);
    const json_t *losses = json_at(answer, "/losses");
    ck_assert(json_array_size(losses) == ROWS);
    for (int i = 0; i < ROWS; i++) {
        const double out = 2 * (i % 7) + 2;
        ck_assert(json_number_value(json_array_get(losses, (size_t)i)) == out * out);
    }
    free(inputs);
    free(targets);
}
END_TEST

START_TEST(test_confusion_matrix_has_a_row_for_each_true_class) {
    want_json(evaluate_pair(""), "/confusion_matrix", "[[2, 1], [1, 2]]");
}
END_TEST

START_TEST(test_precision_recall_and_f1_of_each_class) {
    const struct answer *answer = evaluate_pair("");
    want_json(answer, "/per_class/0/class", "0");
    want_json(answer, "/per_class/1/class", "1");
    want_near(answer, "/per_class/0/precision", 2.0 / 3);
    want_near(answer, "/per_class/0/recall", 2.0 / 3);
    want_near(answer, "/per_class/1/f1", 2.0 / 3);
    want_json(answer, "/per_class/1/support", "3");
    want_near(answer, "/precision", 2.0 / 3);
    want_near(answer, "/recall", 2.0 / 3);
    want_near(answer, "/f1", 2.0 / 3);
}
END_TEST

START_TEST(test_roc_auc_counts_the_pairs_in_order) {
    /* class 1 at x = 1, -3, 2; class 0 at 0, -2, -4: 3 + 1 + 3 of 9 pairs */
    want_near(evaluate_pair(""), "/roc_auc", 7.0 / 9);
}
END_TEST

START_TEST(test_roc_auc_counts_ties_half) {
    create_pair("m");
    want_near(post(EVALUATIONS, "{'inputs': [[1], [1], [2]], 'labels': [0, 1, 1]}"), "/roc_auc",
              0.75);
}
END_TEST

START_TEST(test_roc_auc_of_one_class_is_null) {
    create_pair("m");
    want_json(post(EVALUATIONS, "{'inputs': [[1], [2]], 'labels': [1, 1]}"), "/roc_auc", "null");
}
END_TEST

START_TEST(test_class_never_predicted_has_precision_zero) {
    create_pair("m");
    const struct answer *answer =
        post(EVALUATIONS, "{'inputs': [[1], [2], [3]], 'labels': [1, 0, 1]}");
    want_json(answer, "/per_class/0/precision", "0");
    want_json(answer, "/per_class/0/recall", "0");
    want_json(answer, "/per_class/0/f1", "0");
    want_near(answer, "/per_class/1/precision", 2.0 / 3);
    want_json(answer, "/per_class/1/recall", "1");
    want_near(answer, "/precision", 1.0 / 3);
    want_near(answer, "/f1", 0.4);
}
END_TEST

START_TEST(test_top_k_accuracy_is_there_when_asked_for) {
    want_absent(evaluate_pair(""), "/top_k_accuracy");
    want_status(delete ("/v1/models/m"), 204);
    want_json(evaluate_pair(", 'top_k': 2"), "/top_k_accuracy", "1");
}
END_TEST

START_TEST(test_top_k_accuracy_takes_the_lower_of_equals) {
    create_three("m", "['a', 'b', 'c']");
    /* the second row's b and c are equal: its two best are a and b */
    const struct answer *answer =
        post(EVALUATIONS, "{'inputs': [[0.5, 0.25, 0.125], [1, 0, 0], [1, 0, 0], [0, 0, 1]], "
                          "'labels': ['b', 'b', 'c', 'c'], 'top_k': 2}");
    want_near(answer, "/top_k_accuracy", 0.75);
    want_near(answer, "/accuracy", 0.25);
    want_json(answer, "/per_class/2/class", "'c'");
    want_json(answer, "/confusion_matrix", "[[0, 0, 0], [2, 0, 0], [1, 0, 1]]");
}
END_TEST

START_TEST(test_confusion_matrix_of_many_classes_only_when_asked) {
    create("{'name': 'm', 'inputs': 1, 'layers': [101]}");
    want_absent(post(EVALUATIONS, "{'inputs': [[1]], 'labels': [0]}"), "/confusion_matrix");
    const struct answer *answer =
        post(EVALUATIONS, "{'inputs': [[1]], 'labels': [0], 'confusion_matrix': true}");
    ck_assert_uint_eq(json_array_size(json_at(answer, "/confusion_matrix")), 101);
}
END_TEST

START_TEST(test_evaluation_takes_no_sample_weights) {
    create_pair("m");
    want_problem(post(EVALUATIONS, "{'inputs': [[1]], 'labels': [1], 'sample_weights': [1]}"), 422,
                 "/sample_weights");
}
END_TEST

START_TEST(test_regression_has_mae_rmse_and_r2) {
    create_line("m", 1); /* 2, 3 and 4 for 1, 2 and 3 */
    const struct answer *answer = want_status(
        post(EVALUATIONS, "{'inputs': [[1], [2], [3]], 'targets': [[1], [3], [6]]}"), 200);
    want_near(answer, "/loss", 5.0 / 3);
    want_near(answer, "/mae", 1);
    want_near(answer, "/rmse", sqrt(5.0 / 3));
    want_near(answer, "/r2", 1 - 5 / (38.0 / 3)); /* around 10/3: 5.444 + 0.111 + 7.111 */
    want_json(answer, "/examples", "3");
    want_absent(answer, "/accuracy");
    want_absent(answer, "/confusion_matrix");
}
END_TEST

START_TEST(test_r2_of_constant_targets_is_one_only_when_exact) {
    create_line("m", 1);
    want_json(post(EVALUATIONS, "{'inputs': [[1], [1]], 'targets': [[2], [2]]}"), "/r2", "1");
    want_json(post(EVALUATIONS, "{'inputs': [[1], [2]], 'targets': [[2], [2]]}"), "/r2", "0");
}
END_TEST

START_TEST(test_one_sigmoid_output_is_evaluated_as_two_classes) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'sigmoid', "
           "'initializer': 'zeros'}], 'optimizer': {'name': 'sgd', 'learning_rate': 2}}");
    want_status(train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [1]}"), 200);
    const struct answer *answer = post(EVALUATIONS, "{'inputs': [[1], [0], [-2], [-3], [2], [-4]], "
                                                    "'labels': [1, 0, 0, 1, 1, 0]}");
    want_json(answer, "/confusion_matrix", "[[2, 1], [1, 2]]");
    want_near(answer, "/roc_auc", 7.0 / 9);
    want_near(answer, "/accuracy", 4.0 / 6);
}
END_TEST

START_TEST(test_evaluation_of_tensors_equals_that_of_json) {
    create_pair("m");
    const float inputs[] = {1, 0, -2};
    const uint8_t labels[] = {1, 0, 0};
    const struct tensor tensors[] = {
        {"inputs", "F32", "[3, 1]", inputs, sizeof inputs},
        {"labels", "U8", "[3]", labels, sizeof labels},
    };
    const struct answer *binary =
        want_status(post_tensors(EVALUATIONS, NULL, tensors, 2, NULL), 200);
    const struct answer *text =
        post(EVALUATIONS, "{'inputs': [[1], [0], [-2]], 'labels': [1, 0, 0]}");
    want_equal_text(binary->body, text->body);
}
END_TEST

START_TEST(test_evaluation_changes_nothing) {
    create_pair("m");
    char before[80];
    snprintf(before, sizeof before, "%s", weights_of("m"));
    want_status(post(EVALUATIONS, "{'inputs': [[1]], 'labels': [1]}"), 200);
    want_equal_text(weights_of("m"), before);
    want_json(get("/v1/models/m"), "/step", "1");
}
END_TEST

START_TEST(test_evaluation_that_overflows_is_null_or_422_never_nan) {
    create_line("m", 1e18);
    const struct answer *answer =
        post(EVALUATIONS, "{'inputs': [[1], [1e30]], 'targets': [[1], [1]]}");
    ck_assert_msg(answer->json != NULL && (answer->status == 200 || answer->status == 422),
                  "found %ld: %s; wanted 200 with null, or 422", answer->status, answer->body);
    if (answer->status == 200) {
        want_json(answer, "/loss", "null");
    } else {
        want_problem(answer, 422, "/inputs/1");
    }
}
END_TEST

/* The fields of an answer, sorted. */
static const char *fields_of(const struct answer *answer) {
    static char fields[512];
    const char *names[32], *name;
    json_t *value;
    size_t count = 0, used = 0;
    json_object_foreach(answer->json, name, value) {
        size_t i = count++;
        for (; i > 0 && strcmp(names[i - 1], name) > 0; i--) {
            names[i] = names[i - 1];
        }
        names[i] = name;
    }
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(fields + used, sizeof fields - used, "%s%s", i > 0 ? " " : "",
                                 names[i]);
    }
    return fields;
}

START_TEST(test_evaluation_has_the_fields_of_its_kind_and_no_more) {
    want_equal_text(fields_of(evaluate_pair("")),
                    "accuracy confusion_matrix examples f1 loss model per_class precision recall "
                    "roc_auc step");
    create_line("line", 1);
    want_equal_text(
        fields_of(post("/v1/models/line/evaluations", "{'inputs': [[1]], 'targets': [[1]]}")),
        "examples loss mae model r2 rmse step");
}
END_TEST

Suite *evaluations_suite(void) {
    Suite *suite = suite_create("evaluations");
    TCase *tests = shared_case(suite, "evaluations");
    tcase_add_test(tests, test_loss_and_accuracy);
    tcase_add_test(tests, test_per_example_tells_which_rows_hurt);
    tcase_add_test(tests, test_row_losses_are_left_out_unless_asked_for);
    tcase_add_test(tests, test_row_losses_of_a_regression);
    tcase_add_test(tests, test_row_loss_that_overflows_names_its_row);
    tcase_add_test(tests, test_row_losses_of_many_rows_come_whole);
    tcase_add_test(tests, test_confusion_matrix_has_a_row_for_each_true_class);
    tcase_add_test(tests, test_precision_recall_and_f1_of_each_class);
    tcase_add_test(tests, test_roc_auc_counts_the_pairs_in_order);
    tcase_add_test(tests, test_roc_auc_counts_ties_half);
    tcase_add_test(tests, test_roc_auc_of_one_class_is_null);
    tcase_add_test(tests, test_class_never_predicted_has_precision_zero);
    tcase_add_test(tests, test_top_k_accuracy_is_there_when_asked_for);
    tcase_add_test(tests, test_top_k_accuracy_takes_the_lower_of_equals);
    tcase_add_test(tests, test_confusion_matrix_of_many_classes_only_when_asked);
    tcase_add_test(tests, test_evaluation_takes_no_sample_weights);
    tcase_add_test(tests, test_regression_has_mae_rmse_and_r2);
    tcase_add_test(tests, test_r2_of_constant_targets_is_one_only_when_exact);
    tcase_add_test(tests, test_one_sigmoid_output_is_evaluated_as_two_classes);
    tcase_add_test(tests, test_evaluation_of_tensors_equals_that_of_json);
    tcase_add_test(tests, test_evaluation_has_the_fields_of_its_kind_and_no_more);
    tcase_add_test(tests, test_evaluation_changes_nothing);
    tcase_add_test(tests, test_evaluation_that_overflows_is_null_or_422_never_nan);
    return suite;
}
