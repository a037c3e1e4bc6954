/* /v1/models/{model}/predictions: what a network answers for some rows. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define PREDICTIONS "/v1/models/m/predictions"

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

START_TEST(test_softmax_answers_label_index_and_probabilities) {
    create_pair("m");
    const struct answer *answer = want_status(post(PREDICTIONS, "{'inputs': [[0.5], [-3]]}"), 200);
    want_json(answer, "/model", "'m'");
    want_json(answer, "/step", "1");
    want_json(answer, "/predictions/0/label", "1");
    want_json(answer, "/predictions/0/index", "1");
    want_near(answer, "/predictions/0/probability", sigmoid(1.5));
    want_near(answer, "/predictions/0/probabilities/0", sigmoid(-1.5));
    want_near(answer, "/predictions/0/probabilities/1", sigmoid(1.5));
    want_json(answer, "/predictions/1/index", "0");
    want_near(answer, "/predictions/1/probability", sigmoid(2));
}
END_TEST

START_TEST(test_equal_probabilities_give_the_lowest_index) {
    create_pair("m");
    const struct answer *answer = post(PREDICTIONS, "{'inputs': [[-1]]}");
    want_json(answer, "/predictions/0/index", "0");
    want_json(answer, "/predictions/0/probabilities", "[0.5, 0.5]");
}
END_TEST

START_TEST(test_label_is_the_class_name_where_there_are_names) {
    create_three("m", "['red', 'gr\\u00fcn', 'blue \\u0022sky\\u0022']");
    const struct answer *answer =
        post(PREDICTIONS, "{'inputs': [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}");
    want_json(answer, "/predictions/0/label", "'red'");
    want_json(answer, "/predictions/1/label", "'gr\\u00fcn'");
    want_json(answer, "/predictions/1/index", "1");
    want_equal_text(text_at(answer, "/predictions/2/label"), "blue \"sky\"");
}
END_TEST

START_TEST(test_one_sigmoid_output_answers_two_classes) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'sigmoid', "
           "'initializer': 'zeros'}], 'classes': ['no', 'yes'], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 2}}");
    /* p = ½, dZ = −½: w = b = 1 */
    want_status(train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': ['yes']}"), 200);
    const struct answer *answer = post(PREDICTIONS, "{'inputs': [[1], [-3], [-1]]}");
    want_json(answer, "/predictions/0/label", "'yes'");
    want_json(answer, "/predictions/0/index", "1");
    want_near(answer, "/predictions/0/probability", sigmoid(2));
    want_near(answer, "/predictions/0/probabilities/0", sigmoid(-2));
    want_near(answer, "/predictions/0/probabilities/1", sigmoid(2));
    want_json(answer, "/predictions/1/label", "'no'");
    want_near(answer, "/predictions/1/probability", sigmoid(2));
    want_json(answer, "/predictions/2/index", "0"); /* one half is not above one half */
}
END_TEST

START_TEST(test_several_sigmoid_outputs_answer_the_labels_above_one_half) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 3, 'activation': 'sigmoid', "
           "'initializer': 'zeros'}], 'classes': ['a', 'b', 'c'], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 6}}");
    /* the mean over three outputs: dZ = ±½/3, so w = b = ±1 */
    want_status(train("/v1/models/m/batches", "{'inputs': [[1]], 'targets': [[1, 0, 1]]}"), 200);
    const struct answer *answer = post(PREDICTIONS, "{'inputs': [[1], [-3], [-1]]}");
    want_json(answer, "/predictions/0/labels", "['a', 'c']");
    want_near(answer, "/predictions/0/probabilities/0", sigmoid(2));
    want_near(answer, "/predictions/0/probabilities/1", sigmoid(-2));
    want_absent(answer, "/predictions/0/index");
    want_json(answer, "/predictions/1/labels", "['b']");
    want_json(answer, "/predictions/2/labels", "[]");
}
END_TEST

START_TEST(test_regression_answers_outputs) {
    create_line("m", 2);
    const struct answer *answer =
        want_status(post(PREDICTIONS, "{'inputs': [[0], [3], [-1]]}"), 200);
    want_json(answer, "/outputs", "[[2], [8], [0]]");
    want_absent(answer, "/predictions");
}
END_TEST

START_TEST(test_top_k_stands_in_place_of_the_probabilities) {
    create_three("m", "['a', 'b', 'c']");
    const struct answer *answer =
        post(PREDICTIONS, "{'inputs': [[0.25, 0.125, 0.625], [0, 1, 0]], 'top_k': 2}");
    want_json(answer, "/predictions/0/index", "2");
    want_absent(answer, "/predictions/0/probabilities");
    ck_assert_uint_eq(json_array_size(json_at(answer, "/predictions/0/top")), 2);
    want_json(answer, "/predictions/0/top/0/label", "'c'");
    want_json(answer, "/predictions/0/top/1/label", "'a'");
    want_json(answer, "/predictions/0/top/1/index", "0");
    const double ratio = number_at(answer, "/predictions/0/top/0/probability") /
                         number_at(answer, "/predictions/0/top/1/probability");
    ck_assert_msg(fabs(ratio - exp(3 * 0.375)) < 1e-4, "found a ratio of %g; wanted %g", ratio,
                  exp(3 * 0.375));
    want_json(answer, "/predictions/1/top/0/label", "'b'");
    want_json(answer, "/predictions/1/top/1/label", "'a'"); /* equal to c: the lower index */
}
END_TEST

START_TEST(test_top_k_works_for_one_sigmoid_output) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'sigmoid', "
           "'initializer': 'zeros'}]}");
    const struct answer *answer = post(PREDICTIONS, "{'inputs': [[1]], 'top_k': 2}");
    want_json(answer, "/predictions/0/top",
              "[{'label': 0, 'index': 0, 'probability': 0.5}, "
              "{'label': 1, 'index': 1, 'probability': 0.5}]");
}
END_TEST

START_TEST(test_top_k_out_of_range_is_422) {
    static const char *const values[] = {"0", "4", "-1", "1.5", "1e300", "'2'", "true", "[1]"};
    create_three("m", "null");
    want_problem(post(PREDICTIONS, "{'inputs': [[1, 0, 0]], 'top_k': %s}", values[_i]), 422,
                 "/top_k");
}
END_TEST

START_TEST(test_top_k_of_a_regression_is_422) {
    create_line("m", 1);
    want_problem(post(PREDICTIONS, "{'inputs': [[1]], 'top_k': 1}"), 422, "/top_k");
}
END_TEST

START_TEST(test_prediction_takes_no_labels) {
    create_pair("m");
    want_problem(post(PREDICTIONS, "{'inputs': [[1]], 'labels': [0]}"), 422, "/labels");
}
END_TEST

START_TEST(test_prediction_that_overflows_is_422_and_names_its_row) {
    create_line("m", 1e18);
    want_problem(post(PREDICTIONS, "{'inputs': [[1], [2], [1e30]]}"), 422, "/inputs/2");
    want_status(post(PREDICTIONS, "{'inputs': [[1], [2]]}"), 200);
}
END_TEST

START_TEST(test_prediction_that_overflows_among_thousands_is_found) {
    create_line("m", 1e18);
    char *body = malloc(100000);
    size_t used = (size_t)sprintf(body, "{\"inputs\":[");
    for (int i = 0; i < 5000; i++) {
        used += (size_t)sprintf(body + used, "[%s],", i == 4321 ? "1e30" : "1");
    }
    used += (size_t)sprintf(body + used - 1, "]}") - 1;
    want_problem(post_raw(PREDICTIONS, body, used), 422, "/inputs/4321");
    free(body);
}
END_TEST

START_TEST(test_prediction_changes_nothing) {
    create_pair("m");
    char *before = strdup(get("/v1/models/m?weights_sha256=true")->body);
    want_status(post(PREDICTIONS, "{'inputs': [[1], [2]]}"), 200);
    want_equal_text(get("/v1/models/m?weights_sha256=true")->body, before);
    free(before);
}
END_TEST

START_TEST(test_prediction_of_tensors_equals_that_of_json) {
    create_three("m", "null");
    const float numbers[] = {0.25f, 0.5f, 0.25f, 1, 0, 0};
    const struct tensor inputs = {"inputs", "F32", "[2, 3]", numbers, sizeof numbers};
    const struct answer *binary =
        want_status(post_tensors(PREDICTIONS, NULL, &inputs, 1, NULL), 200);
    const struct answer *text = post(PREDICTIONS, "{'inputs': [[0.25, 0.5, 0.25], [1, 0, 0]]}");
    want_equal_text(binary->body, text->body);
}
END_TEST

/* ---- many rows ---- */

static void create_wide(void) {
    create("{'name': 'm', 'inputs': 33, 'layers': [65, {'units': 37, 'activation': 'tanh'}, 7]}");
}

/* Rows as JSON text: "[…],[…]". */
static size_t write_rows(char *to, size_t first, size_t count) {
    size_t used = 0;
    for (size_t row = first; row < first + count; row++) {
        for (size_t i = 0; i < 33; i++) {
            const int number = (int)((row * 33 + i) * 2654435761u % 2001u) - 1000;
            used += (size_t)sprintf(to + used, "%s%d", i == 0 ? "[" : ",", number);
        }
        used += (size_t)sprintf(to + used, "]%s", row + 1 < first + count ? "," : "");
    }
    return used;
}

static const struct answer *predict_rows(size_t first, size_t count) {
    char *body = malloc(count * 33 * 6 + 100);
    size_t used = (size_t)sprintf(body, "{\"inputs\":[");
    used += write_rows(body + used, first, count);
    used += (size_t)sprintf(body + used, "]}");
    const struct answer *answer = want_status(post_raw(PREDICTIONS, body, used), 200);
    free(body);
    return answer;
}

/* The text of row i of an answer: what stands between its braces. */
static const char *row_text(const struct answer *answer, size_t i, size_t *length) {
    const char *at = strstr(answer->body, "\"predictions\":[");
    for (size_t row = 0; at != NULL && row <= i; row++) {
        at = strchr(at + 1, '{');
    }
    ck_assert_msg(at != NULL, "there is no row %zu in the answer", i);
    *length = strcspn(at, "}");
    return at;
}

START_TEST(test_thousands_of_rows_are_answered_in_order) {
    create_wide();
    const struct answer *answer = predict_rows(0, 5000);
    ck_assert_msg(answer->json != NULL, "the answer is no JSON: %.200s", answer->body);
    ck_assert_uint_eq(json_array_size(json_at(answer, "/predictions")), 5000);
    want_header(answer, "Transfer-Encoding", "chunked");
}
END_TEST

START_TEST(test_row_alone_is_answered_as_in_company_to_the_bit) {
    static const size_t chosen[] = {0, 1, 7, 63, 64, 499, 2500, 2999};
    create_wide();
    const struct answer *all = predict_rows(0, 3000);
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        size_t length, wanted_length;
        const char *wanted = row_text(all, chosen[i], &wanted_length);
        const char *found = row_text(predict_rows(chosen[i], 1), 0, &length);
        ck_assert_msg(length == wanted_length && memcmp(found, wanted, length) == 0,
                      "row %zu alone is %.*s; in company it is %.*s", chosen[i], (int)length, found,
                      (int)wanted_length, wanted);
    }
}
END_TEST

START_TEST(test_row_is_answered_alike_in_any_company) {
    static const size_t sizes[] = {2, 3, 5, 16, 17, 100, 129};
    create_wide();
    size_t length, wanted_length;
    const char *wanted = row_text(predict_rows(42, 1), 0, &wanted_length);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t place = sizes[i] - 1 < 42 ? sizes[i] - 1 : 42; /* its place among others */
        const char *found = row_text(predict_rows(42 - place, sizes[i]), place, &length);
        ck_assert_msg(length == wanted_length && memcmp(found, wanted, length) == 0,
                      "among %zu rows it is %.*s; alone %.*s", sizes[i], (int)length, found,
                      (int)wanted_length, wanted);
    }
}
END_TEST

/* ---- while training ---- */

static bool is_queued(unsigned batch) {
    const struct answer *answer = want_status(get("/v1/models/slow/batches/%u", batch), 200);
    return strcmp(text_at(answer, "/state"), "queued") == 0;
}

START_TEST(test_predictions_are_answered_from_the_old_step_while_a_batch_trains) {
    slow_create();
    want_status(slow_post(NULL), 202);
    int answered = 0;
    const double start = now_seconds();
    while (answered < 20 && is_queued(1)) {
        const struct answer *answer =
            want_status(post("/v1/models/slow/predictions",
                             "{'inputs': [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]}"),
                        200);
        if (is_queued(1)) {
            want_json(answer, "/step", "0");
            answered++;
        }
    }
    ck_assert_msg(answered > 0, "no prediction was answered within the %.2f s of a slow batch",
                  now_seconds() - start);
    await_json("/v1/models/slow/batches/1", "/state", "'trained'");
    want_json(post("/v1/models/slow/predictions",
                   "{'inputs': [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]}"),
              "/step", "1");
}
END_TEST

START_TEST(test_other_models_answer_while_one_worker_trains) {
    daemon_start("--workers", "1", NULL);
    slow_create();
    create_pair("m");
    want_status(slow_post(NULL), 202);
    want_status(post(PREDICTIONS, "{'inputs': [[1]]}"), 200);
    ck_assert_msg(is_queued(1), "the slow batch was over before the prediction was answered");
    daemon_stop();
}
END_TEST

Suite *predictions_suite(void) {
    Suite *suite = suite_create("predictions");
    TCase *tests = shared_case(suite, "answers");
    tcase_add_test(tests, test_softmax_answers_label_index_and_probabilities);
    tcase_add_test(tests, test_equal_probabilities_give_the_lowest_index);
    tcase_add_test(tests, test_label_is_the_class_name_where_there_are_names);
    tcase_add_test(tests, test_one_sigmoid_output_answers_two_classes);
    tcase_add_test(tests, test_several_sigmoid_outputs_answer_the_labels_above_one_half);
    tcase_add_test(tests, test_regression_answers_outputs);
    tcase_add_test(tests, test_top_k_stands_in_place_of_the_probabilities);
    tcase_add_test(tests, test_top_k_works_for_one_sigmoid_output);
    tcase_add_loop_test(tests, test_top_k_out_of_range_is_422, 0, 8);
    tcase_add_test(tests, test_top_k_of_a_regression_is_422);
    tcase_add_test(tests, test_prediction_takes_no_labels);
    tcase_add_test(tests, test_prediction_that_overflows_is_422_and_names_its_row);
    tcase_add_test(tests, test_prediction_that_overflows_among_thousands_is_found);
    tcase_add_test(tests, test_prediction_changes_nothing);
    tcase_add_test(tests, test_prediction_of_tensors_equals_that_of_json);
    tests = shared_case(suite, "many rows");
    tcase_add_test(tests, test_thousands_of_rows_are_answered_in_order);
    tcase_add_test(tests, test_row_alone_is_answered_as_in_company_to_the_bit);
    tcase_add_test(tests, test_row_is_answered_alike_in_any_company);
    tests = shared_case(suite, "while training");
    tcase_add_test(tests, test_predictions_are_answered_from_the_old_step_while_a_batch_trains);
    tests = lone_case(suite, "one worker");
    tcase_add_test(tests, test_other_models_answer_while_one_worker_trains);
    return suite;
}
