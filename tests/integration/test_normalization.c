/* Normalised layers over HTTP: the moving statistics belong to the weights, so
 * predictions, reset and clone go with them. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define BATCH "{'inputs': [[1, 2], [3, 5], [0, -1]], 'labels': [0, 1, 1]}"
#define LAYERS "[{'units': 5, 'normalization': 'batch'}, {'units': 4, 'normalization': 'layer'}, 2]"

static void train_three(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    for (int i = 0; i < 3; i++) {
        want_json(want_status(train(path, BATCH), 200), "/state", "'trained'");
    }
}

/* The probability of class 0 for one row, or for the second of three. */
static double predict(const char *name, bool in_company) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/predictions", name);
    const struct answer *answer = want_status(
        post(path, "%s",
             in_company ? "{'inputs': [[9, 9], [1, -2], [0, 0]]}" : "{'inputs': [[1, -2]]}"),
        200);
    const char *row =
        in_company ? "/predictions/1/probabilities/0" : "/predictions/0/probabilities/0";
    return number_at(answer, row);
}

START_TEST(test_normalized_layers_are_described_and_counted) {
    const struct answer *answer = create("{'name': 'm', 'inputs': 2, 'layers': %s}", LAYERS);
    want_json(answer, "/layers/0/normalization", "'batch'");
    want_json(answer, "/layers/1/normalization", "'layer'");
    want_json(answer, "/layers/2/normalization", "'none'");
    /* 10 + 5 + 10, then 20 + 4 + 8, then 8 + 2 */
    want_json(answer, "/parameters", "67");
}
END_TEST

START_TEST(test_rate_of_zero_moves_the_statistics_and_no_weight) {
    char before[80];
    create("{'name': 'm', 'inputs': 2, 'layers': %s, "
           "'optimizer': {'name': 'sgd', 'learning_rate': 0}}",
           LAYERS);
    snprintf(before, sizeof before, "%s", weights_of("m"));
    const double prediction = predict("m", false);
    train_three("m");
    want_equal_text(weights_of("m"), before);
    ck_assert(predict("m", false) != prediction);
}
END_TEST

START_TEST(test_prediction_of_a_normalized_model_does_not_depend_on_company) {
    create("{'name': 'm', 'inputs': 2, 'layers': %s}", LAYERS);
    train_three("m");
    ck_assert(predict("m", true) == predict("m", false));
}
END_TEST

START_TEST(test_reset_and_clone_go_with_the_statistics) {
    create("{'name': 'm', 'inputs': 2, 'layers': %s}", LAYERS);
    const double at_first = predict("m", false);
    train_three("m");
    const double trained = predict("m", false);
    ck_assert(trained != at_first);
    want_status(post("/v1/models/m/clone", "{'name': 'n'}"), 201);
    ck_assert(predict("n", false) == trained);
    want_status(post("/v1/models/m/reset", "{}"), 200);
    ck_assert(predict("m", false) == at_first);
    train_three("m");
    ck_assert(predict("m", false) == trained);
    train_three("m");
    train_three("n");
    ck_assert(predict("m", false) == predict("n", false));
}
END_TEST

Suite *normalization_suite(void) {
    Suite *suite = suite_create("normalization");
    TCase *tests = shared_case(suite, "normalization");
    tcase_add_test(tests, test_normalized_layers_are_described_and_counted);
    tcase_add_test(tests, test_rate_of_zero_moves_the_statistics_and_no_weight);
    tcase_add_test(tests, test_prediction_of_a_normalized_model_does_not_depend_on_company);
    tcase_add_test(tests, test_reset_and_clone_go_with_the_statistics);
    return suite;
}
