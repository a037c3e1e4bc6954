/* api/intake.h: what examples must mean, whatever the format. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "tests/unit/intake_case.h"
#include "tests/unit/intake_models.h"
#include "tests/unit/suites.h"

static struct specification model;
static struct intake_case body_case;

static void use(enum intake_purpose purpose) {
    body_case = (struct intake_case){.format = &intake_json, .purpose = purpose, .model = &model};
}

static void refused(const char *body, const char *pointer, const char *words) {
    expect_refused(&body_case, body, strlen(body), ERROR_INVALID, pointer, words);
}

static const struct outcome *taken(const char *body) {
    return expect_taken(&body_case, body, strlen(body));
}

static const float *floats(const struct buffer *buffer) {
    return (const float *)(const void *)buffer->data;
}

static const int32_t *labels(const struct outcome *outcome) {
    return (const int32_t *)(const void *)outcome->examples.labels.data;
}

static void finish(void) {
    specification_free(&model);
}

START_TEST(test_a_batch_is_inputs_and_labels) {
    model_softmax(&model, 2, 3, NULL);
    use(INTAKE_BATCH);
    const struct outcome *out =
        taken("{\"inputs\":[[0.5,1],[2,-3e-1]],\"labels\":[2,0],\"sample_weights\":[1,0.5]}");
    ck_assert_uint_eq(out->examples.rows, 2);
    ck_assert_mem_eq(out->examples.inputs.data, ((float[]){0.5f, 1, 2, -0.3f}), 16);
    ck_assert_mem_eq(out->examples.labels.data, ((int32_t[]){2, 0}), 8);
    ck_assert_mem_eq(out->examples.sample_weights.data, ((float[]){1, 0.5f}), 8);
    ck_assert_uint_eq(out->examples.targets.used, 0);
}
END_TEST

START_TEST(test_inputs_must_be_there) {
    model_softmax(&model, 2, 3, NULL);
    use(INTAKE_BATCH);
    refused("{}", "/inputs", "2 numbers");
    refused("{\"labels\":[1]}", "/inputs", "missing");
    refused("{\"inputs\":[],\"labels\":[]}", "/inputs", "at least one");
    use(INTAKE_PREDICTION);
    refused("{\"inputs\":[]}", "/inputs", "at least one");
}
END_TEST

START_TEST(test_a_batch_needs_labels_or_targets_and_not_both) {
    model_softmax(&model, 1, 2, NULL);
    for (int i = 0; i < 2; i++) {
        use(i == 0 ? INTAKE_BATCH : INTAKE_EVALUATION);
        refused("{\"inputs\":[[1]]}", "/labels", "neither");
        refused("{\"inputs\":[[1]],\"labels\":null}", "/labels", "neither");
        refused("{\"inputs\":[[1]],\"labels\":[1],\"targets\":[[0,1]]}", "/targets", "together");
    }
    finish();
    model_regression(&model, 1, 2);
    refused("{\"inputs\":[[1]]}", "/targets", "rows of 2");
}
END_TEST

START_TEST(test_counts_of_rows_must_be_equal) {
    model_softmax(&model, 1, 2, NULL);
    use(INTAKE_BATCH);
    refused("{\"inputs\":[[1],[2],[3]],\"labels\":[1]}", "/labels", "1 rows of labels for 3");
    refused("{\"inputs\":[[1]],\"labels\":[]}", "/labels", "0 rows");
    refused("{\"inputs\":[[1]],\"targets\":[[0,1],[1,0]]}", "/targets", "2 rows of targets for 1");
    refused("{\"inputs\":[[1]],\"labels\":[1],\"sample_weights\":[1,1]}", "/sample_weights",
            "2 rows");
}
END_TEST

START_TEST(test_labels_must_name_a_class) {
    model_softmax(&model, 1, 3, NULL);
    use(INTAKE_BATCH);
    ck_assert_int_eq(labels(taken("{\"inputs\":[[1]],\"labels\":[2.0]}"))[0], 2);
    ck_assert_int_eq(labels(taken("{\"inputs\":[[1]],\"labels\":[2e0]}"))[0], 2);
    ck_assert_int_eq(labels(taken("{\"inputs\":[[1]],\"labels\":[-0]}"))[0], 0);
    refused("{\"inputs\":[[1],[1]],\"labels\":[0,3]}", "/labels/1", "0 to 2");
    refused("{\"inputs\":[[1]],\"labels\":[-1]}", "/labels/0", "0 to 2");
    refused("{\"inputs\":[[1]],\"labels\":[1.5]}", "/labels/0", "whole");
    refused("{\"inputs\":[[1]],\"labels\":[1e300]}", "/labels/0", "0 to 2");
    refused("{\"inputs\":[[1]],\"labels\":[1e999]}", "/labels/0", "0 to 2");
    refused("{\"inputs\":[[1]],\"labels\":[99999999999999999999]}", "/labels/0", "0 to 2");
    refused("{\"inputs\":[[1]],\"labels\":[\"1\"]}", "/labels/0", "no class names");
}
END_TEST

START_TEST(test_class_names_are_labels) {
    static const char *const names[] = {"shirt", "coat", "caf\xC3\xA9", "\xF0\x9F\x98\x80"};
    model_softmax(&model, 1, 4, names);
    use(INTAKE_BATCH);
    const struct outcome *out =
        taken("{\"inputs\":[[1],[1],[1],[1],[1]],"
              "\"labels\":[\"coat\",0,\"caf\\u00e9\",\"\\ud83d\\uDE00\",\"\\u0073hirt\"]}");
    ck_assert_mem_eq(labels(out), ((int32_t[]){1, 0, 2, 3, 0}), 20);
    refused("{\"inputs\":[[1],[1]],\"labels\":[0,\"hat\"]}", "/labels/1", "'hat' (row 1)");
    refused("{\"inputs\":[[1]],\"labels\":[\"hat\"]}", "/labels/0", "'shirt', 'coat'");
    refused("{\"inputs\":[[1]],\"labels\":[\"coat\\u0000\"]}", "/labels/0", "no class");
    refused("{\"inputs\":[[1]],\"labels\":[\"\"]}", "/labels/0", "no class");
    refused("{\"inputs\":[[1]],\"labels\":[4]}", "/labels/0", "0 to 3");
}
END_TEST

START_TEST(test_a_name_of_any_length_is_no_class) {
    static const char *const names[] = {"a", "b"};
    model_softmax(&model, 1, 2, names);
    use(INTAKE_BATCH);
    static char body[4096];
    strcpy(body, "{\"labels\":[\"");
    memset(body + strlen(body), 'a', 3000);
    strcat(body, "\"]}");
    refused(body, "/labels/0", "no class");
}
END_TEST

START_TEST(test_targets_of_softmax_are_distributions) {
    model_softmax(&model, 1, 2, NULL);
    use(INTAKE_BATCH);
    taken("{\"inputs\":[[1]],\"targets\":[[0.25,0.75]]}");
    taken("{\"inputs\":[[1]],\"targets\":[[0.25,0.75009]]}");
    refused("{\"inputs\":[[1],[1]],\"targets\":[[0,1],[0.25,0.7502]]}", "/targets/1", "1.0002");
    refused("{\"inputs\":[[1]],\"targets\":[[1.5,-0.5]]}", "/targets/0", "-0.5");
    refused("{\"inputs\":[[1]],\"targets\":[[0,0]]}", "/targets/0", "sums to 0");
}
END_TEST

START_TEST(test_one_sigmoid_takes_labels_or_probabilities) {
    model_sigmoid(&model, 1, 1);
    use(INTAKE_BATCH);
    ck_assert_int_eq(labels(taken("{\"inputs\":[[1],[2]],\"labels\":[1,0]}"))[0], 1);
    taken("{\"inputs\":[[1]],\"targets\":[[0.3]]}");
    refused("{\"inputs\":[[1]],\"labels\":[2]}", "/labels/0", "0 to 1");
    refused("{\"inputs\":[[1]],\"targets\":[[1.1]]}", "/targets/0", "0 to 1");
    refused("{\"inputs\":[[1]],\"targets\":[[-1e-30]]}", "/targets/0", "0 to 1");
}
END_TEST

START_TEST(test_several_sigmoids_take_targets_only) {
    model_sigmoid(&model, 1, 3);
    use(INTAKE_BATCH);
    taken("{\"inputs\":[[1]],\"targets\":[[0,1,1]]}");
    refused("{\"inputs\":[[1]],\"labels\":[1]}", "/labels", "targets");
    refused("{\"inputs\":[[1]],\"targets\":[[0,1,2]]}", "/targets/0", "0 to 1");
}
END_TEST

START_TEST(test_regression_takes_targets_only) {
    model_regression(&model, 1, 2);
    use(INTAKE_EVALUATION);
    const struct outcome *out = taken("{\"inputs\":[[1]],\"targets\":[[-1e30,7]]}");
    ck_assert(floats(&out->examples.targets)[0] == -1e30f);
    refused("{\"inputs\":[[1]],\"labels\":[1]}", "/labels", "mse");
    refused("{\"inputs\":[[1]],\"targets\":[[1]]}", "/targets/0", "1 numbers; the model has 2");
    refused("{\"inputs\":[[1]],\"targets\":[[1,1e39]]}", "/targets/0", "float32");
}
END_TEST

START_TEST(test_sample_weights_are_bounded) {
    model_softmax(&model, 1, 2, NULL);
    use(INTAKE_BATCH);
    taken("{\"inputs\":[[1],[1]],\"labels\":[0,1],\"sample_weights\":[0,1e6]}");
    refused("{\"inputs\":[[1]],\"labels\":[0],\"sample_weights\":[-1]}", "/sample_weights/0",
            "0 to 1e+06");
    refused("{\"inputs\":[[1]],\"labels\":[0],\"sample_weights\":[1.1e6]}", "/sample_weights/0",
            "0 to 1e+06");
    refused("{\"inputs\":[[1]],\"labels\":[0],\"sample_weights\":[1e99]}", "/sample_weights/0",
            "float32");
}
END_TEST

START_TEST(test_numbers_must_fit_float32) {
    model_softmax(&model, 2, 2, NULL);
    use(INTAKE_PREDICTION);
    const struct outcome *out = taken("{\"inputs\":[[3.4028235e38,-1e-46]]}");
    ck_assert(floats(&out->examples.inputs)[0] == 3.4028235e38f);
    ck_assert(floats(&out->examples.inputs)[1] == 0);
    refused("{\"inputs\":[[1,2],[3.5e38,1]]}", "/inputs/1", "beyond float32");
    refused("{\"inputs\":[[1,2],[1,-1e400]]}", "/inputs/1", "number 1 of row 1");
}
END_TEST

START_TEST(test_top_k_is_for_exclusive_classes) {
    model_softmax(&model, 1, 3, NULL);
    use(INTAKE_PREDICTION);
    ck_assert_uint_eq(taken("{\"inputs\":[[1]]}")->options.top_k, 0);
    ck_assert_uint_eq(taken("{\"inputs\":[[1]],\"top_k\":3}")->options.top_k, 3);
    ck_assert_uint_eq(taken("{\"top_k\":2.0,\"inputs\":[[1]]}")->options.top_k, 2);
    ck_assert_uint_eq(taken("{\"inputs\":[[1]],\"top_k\":null}")->options.top_k, 0);
    refused("{\"inputs\":[[1]],\"top_k\":0}", "/top_k", "1 to 3");
    refused("{\"inputs\":[[1]],\"top_k\":4}", "/top_k", "1 to 3");
    refused("{\"inputs\":[[1]],\"top_k\":1.5}", "/top_k", "whole");
    refused("{\"inputs\":[[1]],\"top_k\":1e400}", "/top_k", "1 to 3");
    refused("{\"inputs\":[[1]],\"top_k\":\"3\"}", "/top_k", "a string");
    finish();
    model_sigmoid(&model, 1, 2);
    refused("{\"inputs\":[[1]],\"top_k\":1}", "/top_k", "exclusive");
}
END_TEST

START_TEST(test_an_option_set_twice_must_be_the_same) {
    model_softmax(&model, 1, 3, NULL);
    struct ledger ledger;
    struct error error;
    ledger_init(&ledger, (size_t)1 << 20);
    const struct intake_request request = {
        .purpose = INTAKE_PREDICTION, .specification = &model, .ledger = &ledger};
    struct intake *intake = intake_create(&intake_json, &request);
    ck_assert_int_eq(intake_set_option(intake, INTAKE_TOP_K, 2, &error), ERROR_NONE);
    ck_assert_int_eq(intake_set_option(intake, INTAKE_TOP_K, 2, &error), ERROR_NONE);
    ck_assert_int_eq(intake_set_option(intake, INTAKE_TOP_K, 3, &error), ERROR_INVALID);
    ck_assert_str_eq(error.pointer, "/top_k");
    ck_assert_str_eq(error.message, "top_k is 3 in the body and 2 in the query; say it once");
    intake_destroy(intake);
}
END_TEST

START_TEST(test_a_confusion_matrix_is_for_exclusive_classes) {
    model_softmax(&model, 1, 3, NULL);
    use(INTAKE_EVALUATION);
    ck_assert(taken("{\"inputs\":[[1]],\"labels\":[1],\"confusion_matrix\":true}")
                  ->options.confusion_matrix);
    ck_assert(!taken("{\"inputs\":[[1]],\"labels\":[1],\"confusion_matrix\":false}")
                   ->options.confusion_matrix);
    refused("{\"confusion_matrix\":1}", "/confusion_matrix", "true or false");
    finish();
    model_regression(&model, 1, 3);
    refused("{\"confusion_matrix\":true}", "/confusion_matrix", "exclusive");
}
END_TEST

START_TEST(test_row_losses_are_for_every_model) {
    model_regression(&model, 1, 3);
    use(INTAKE_EVALUATION);
    ck_assert(taken("{\"inputs\":[[1]],\"targets\":[[1,2,3]],\"per_example\":true}")
                  ->options.per_example);
    ck_assert(!taken("{\"inputs\":[[1]],\"targets\":[[1,2,3]],\"per_example\":false}")
                   ->options.per_example);
    refused("{\"per_example\":\"yes\"}", "/per_example", "true or false");
    use(INTAKE_PREDICTION);
    refused("{\"per_example\":true}", "/per_example", "unknown");
    finish();
}
END_TEST

START_TEST(test_each_call_has_its_own_fields) {
    model_softmax(&model, 1, 3, NULL);
    use(INTAKE_PREDICTION);
    refused("{\"labels\":[1]}", "/labels", "allowed are inputs, top_k");
    refused("{\"confusion_matrix\":true}", "/confusion_matrix", "unknown");
    use(INTAKE_BATCH);
    refused("{\"top_k\":1}", "/top_k", "allowed are inputs, labels, targets, sample_weights");
    use(INTAKE_EVALUATION);
    refused("{\"sample_weights\":[1]}", "/sample_weights", "unknown");
}
END_TEST

START_TEST(test_the_ledger_can_refuse) {
    model_softmax(&model, 4, 2, NULL);
    struct ledger ledger;
    ledger_init(&ledger, 1000);
    const struct intake_request request = {
        .purpose = INTAKE_PREDICTION, .specification = &model, .ledger = &ledger};
    struct intake *intake = intake_create(&intake_json, &request);
    struct error error;
    enum error_code code = intake_feed(intake, "{\"inputs\":[[1,2,3,4]", 20, &error);
    for (int i = 0; i < 100 && code == ERROR_NONE; i++) {
        code = intake_feed(intake, ",[1,2,3,4]", 10, &error);
    }
    ck_assert_int_eq(code, ERROR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, "--max-memory"));
    intake_destroy(intake);
    ck_assert_uint_eq(ledger_reserved(&ledger), 0);
}
END_TEST

Suite *suite_intake(void) {
    Suite *suite = suite_create("intake");
    TCase *tests = tcase_create("intake");
    tcase_add_checked_fixture(tests, NULL, finish);
    tcase_add_test(tests, test_a_batch_is_inputs_and_labels);
    tcase_add_test(tests, test_inputs_must_be_there);
    tcase_add_test(tests, test_a_batch_needs_labels_or_targets_and_not_both);
    tcase_add_test(tests, test_counts_of_rows_must_be_equal);
    tcase_add_test(tests, test_labels_must_name_a_class);
    tcase_add_test(tests, test_class_names_are_labels);
    tcase_add_test(tests, test_a_name_of_any_length_is_no_class);
    tcase_add_test(tests, test_targets_of_softmax_are_distributions);
    tcase_add_test(tests, test_one_sigmoid_takes_labels_or_probabilities);
    tcase_add_test(tests, test_several_sigmoids_take_targets_only);
    tcase_add_test(tests, test_regression_takes_targets_only);
    tcase_add_test(tests, test_sample_weights_are_bounded);
    tcase_add_test(tests, test_numbers_must_fit_float32);
    tcase_add_test(tests, test_top_k_is_for_exclusive_classes);
    tcase_add_test(tests, test_an_option_set_twice_must_be_the_same);
    tcase_add_test(tests, test_a_confusion_matrix_is_for_exclusive_classes);
    tcase_add_test(tests, test_row_losses_are_for_every_model);
    tcase_add_test(tests, test_each_call_has_its_own_fields);
    tcase_add_test(tests, test_the_ledger_can_refuse);
    suite_add_tcase(suite, tests);
    return suite;
}
