/* What a body says beside its numbers may stand in the query: top_k, min_step and
 * confusion_matrix for every form of body, and only once. */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define PREDICTIONS "/v1/models/m/predictions"
#define EVALUATIONS "/v1/models/m/evaluations"

static const struct answer *post_csv(const char *path, const char *headers, const char *body) {
    return request((struct call){.method = "POST",
                                 .path = path,
                                 .headers = headers,
                                 .type = "text/csv",
                                 .body = body,
                                 .bytes = strlen(body)});
}

START_TEST(test_top_k_in_the_query_is_for_every_form_of_body) {
    static const float inputs[] = {1, 0, 0};
    static const struct tensor tensors[] = {{"inputs", "F32", "[1, 3]", inputs, sizeof inputs}};
    create_three("m", "['a', 'b', 'c']");
    const struct answer *answers[] = {
        want_status(post(PREDICTIONS "?top_k=2", "{'inputs': [[1, 0, 0]]}"), 200),
        want_status(post_csv(PREDICTIONS "?top_k=2", NULL, "1,0,0\n"), 200),
        want_status(post_tensors(PREDICTIONS "?top_k=2", NULL, tensors, 1, NULL), 200),
    };
    for (size_t i = 0; i < 3; i++) {
        want_json(answers[i], "/predictions/0/top/0/label", "'a'");
        want_json(answers[i], "/predictions/0/top/1/label", "'b'");
        want_absent(answers[i], "/predictions/0/top/2");
        want_absent(answers[i], "/predictions/0/probabilities");
    }
    want_absent(want_status(post_csv(EVALUATIONS, NULL, "1,0,0,a\n"), 200), "/top_k_accuracy");
    want_json(want_status(post_csv(EVALUATIONS "?top_k=2", NULL, "1,0,0,b\n0,1,0,c\n"), 200),
              "/top_k_accuracy", "0.5");
}
END_TEST

START_TEST(test_confusion_matrix_in_the_query_is_for_very_many_classes) {
    create("{'name': 'm', 'inputs': 1, 'layers': [120]}");
    want_absent(want_status(post_csv(EVALUATIONS, NULL, "1,7\n"), 200), "/confusion_matrix");
    const struct answer *answer =
        want_status(post_csv(EVALUATIONS "?confusion_matrix=true", NULL, "1,7\n"), 200);
    ck_assert_uint_eq(json_array_size(json_at(answer, "/confusion_matrix")), 120);
    want_absent(want_status(post_csv(EVALUATIONS "?confusion_matrix=false", NULL, "1,7\n"), 200),
                "/confusion_matrix");
}
END_TEST

START_TEST(test_min_step_in_the_query_waits_for_its_step) {
    create_line("m", 1); /* at step 1 */
    want_status(post_csv(PREDICTIONS "?min_step=1", NULL, "1\n"), 200);
    want_problem(post_csv(PREDICTIONS "?min_step=2", NULL, "1\n"), 409, "/min_step");
    want_problem(post_csv(PREDICTIONS "?min_step=2", "Prefer: wait=0.05", "1\n"), 504, "/min_step");
    want_status(post_csv("/v1/models/m/batches", NULL, "1,2\n"), 202);
    const struct answer *answer =
        want_status(post_csv(PREDICTIONS "?min_step=2", "Prefer: wait=30", "1\n"), 200);
    want_json(answer, "/step", "2");
}
END_TEST

START_TEST(test_option_in_query_and_body_must_be_the_same) {
    create_three("m", "null");
    want_status(post(PREDICTIONS "?top_k=2", "{'inputs': [[1, 0, 0]], 'top_k': 2}"), 200);
    want_status(post(PREDICTIONS "?top_k=2", "{'inputs': [[1, 0, 0]], 'top_k': null}"), 200);
    const struct answer *answer = want_problem(
        post(PREDICTIONS "?top_k=2", "{'inputs': [[1, 0, 0]], 'top_k': 3}"), 422, "/top_k");
    want_detail(answer, "top_k is 3 in the body and 2 in the query");
    want_problem(post(PREDICTIONS "?min_step=0", "{'inputs': [[1, 0, 0]], 'min_step': 1}"), 422,
                 "/min_step");
    want_problem(post(EVALUATIONS "?confusion_matrix=false",
                      "{'inputs': [[1, 0, 0]], 'labels': [0], 'confusion_matrix': true}"),
                 422, "/confusion_matrix");
}
END_TEST

START_TEST(test_bad_option_in_the_query_is_422_and_named) {
    static const struct {
        const char *query, *detail;
    } cases[] = {
        {"?top_k=0", "top_k is '0'; a whole number from 1"},
        {"?top_k=4", "the query parameter top_k: top_k 4; allowed are whole numbers, 1 to 3"},
        {"?top_k=x", "top_k is 'x'"},
        {"?top_k=1.5", "top_k is '1.5'"},
        {"?top_k=", "top_k is ''"},
        {"?top_k=1&top_k=1", "the query parameter 'top_k' twice"},
        {"?min_step=-1", "min_step is '-1'"},
        {"?min_step=1e3", "min_step is '1e3'"},
        {"?confusion_matrix=true", "unknown query parameter 'confusion_matrix'; allowed: "},
    };
    create_three("m", "null");
    char path[128] = PREDICTIONS;
    strcat(path, cases[_i].query);
    want_detail(want_problem(post_csv(path, NULL, "1,0,0\n"), 422, NULL), cases[_i].detail);
}
END_TEST

START_TEST(test_option_that_the_model_has_not_is_422) {
    create_line("m", 1);
    want_detail(want_problem(post_csv(PREDICTIONS "?top_k=1", NULL, "1\n"), 422, NULL),
                "top_k needs exclusive classes");
    want_problem(post_csv(EVALUATIONS "?confusion_matrix=true", NULL, "1,2\n"), 422, NULL);
    want_status(post_csv(EVALUATIONS "?confusion_matrix=false", NULL, "1,2\n"), 200);
    want_detail(want_problem(post_csv("/v1/models/m/batches?top_k=1", NULL, "1,2\n"), 422, NULL),
                "unknown query parameter 'top_k'");
}
END_TEST

Suite *body_options_suite(void) {
    Suite *suite = suite_create("body_options");
    TCase *tests = shared_case(suite, "body_options");
    tcase_add_test(tests, test_top_k_in_the_query_is_for_every_form_of_body);
    tcase_add_test(tests, test_confusion_matrix_in_the_query_is_for_very_many_classes);
    tcase_add_test(tests, test_min_step_in_the_query_waits_for_its_step);
    tcase_add_test(tests, test_option_in_query_and_body_must_be_the_same);
    tcase_add_loop_test(tests, test_bad_option_in_the_query_is_422_and_named, 0, 9);
    tcase_add_test(tests, test_option_that_the_model_has_not_is_422);
    return suite;
}
