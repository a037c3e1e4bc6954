/* A candidate's numbers become another model's if they are better on the rows of the body. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

/* The lines 2·x + 2 and 1·x + 1; at x = 1 the first says 4 and the second 2. */
#define ROW_OF_TWO "{'inputs': [[1]], 'targets': [[4]]}"
#define ROW_OF_ONE "{'inputs': [[1]], 'targets': [[2]]}"
#define PROMOTE "/v1/models/two/promote?into=one"

static void create_lines(void) {
    create_line("two", 2);
    create_line("one", 1);
}

static const struct answer *predict(const char *path) {
    return want_status(post(path, "{'inputs': [[1]]}"), 200);
}

START_TEST(test_better_candidate_is_promoted_and_the_old_one_kept) {
    create_lines();
    want_status(train("/v1/models/two/batches", ROW_OF_TWO), 200); /* no gradient: step 2 */
    const struct answer *answer = want_status(post(PROMOTE, ROW_OF_TWO), 200);
    want_json(answer, "/promoted", "true");
    want_json(answer, "/metric", "'loss'");
    want_json(answer, "/min_delta", "0");
    want_json(answer, "/examples", "1");
    want_json(answer, "/candidate", "{'model': 'two', 'step': 2, 'value': 0}");
    want_json(answer, "/target", "{'model': 'one', 'step': 1, 'value': 4}");
    want_json(answer, "/effective_step", "3");
    want_json(answer, "/version", "1");
    want_json(answer, "/former_version", "2");
    want_json(predict("/v1/models/one/predictions"), "/outputs", "[[4]]");
    want_json(get("/v1/models/one"), "/step", "2");
    want_json(get("/v1/models/one"), "/revision", "2");
    want_json(get("/v1/models/two"), "/revision", "1");

    const struct answer *list = get("/v1/models/one/checkpoints");
    want_json(list, "/data/0/kind", "'promotion'");
    want_json(list, "/data/0/note", "'promoted from two at step 2'");
    want_json(list, "/data/0/step", "2");
    want_json(list, "/data/1/kind", "'promotion'");
    want_json(list, "/data/1/note", "'before the promotion of two'");
    want_json(list, "/data/1/step", "1");
    want_absent(list, "/data/2");
    want_json(predict("/v1/models/one/predictions?checkpoint=2"), "/outputs", "[[2]]");
    want_status(
        request((struct call){.method = "POST", .path = "/v1/models/one/checkpoints/2/restore"}),
        200);
    want_json(predict("/v1/models/one/predictions"), "/outputs", "[[2]]");
    want_json(get("/v1/models/two/checkpoints"), "/data", "[]");
}
END_TEST

START_TEST(test_worse_candidate_changes_nothing) {
    create_lines();
    const struct answer *answer = want_status(post(PROMOTE, ROW_OF_ONE), 200);
    want_json(answer, "/promoted", "false");
    want_json(answer, "/candidate/value", "4");
    want_json(answer, "/target/value", "0");
    want_absent(answer, "/effective_step");
    want_absent(answer, "/version");
    want_json(predict("/v1/models/one/predictions"), "/outputs", "[[2]]");
    want_json(get("/v1/models/one"), "/revision", "1");
    want_json(get("/v1/models/one/checkpoints"), "/data", "[]");
}
END_TEST

START_TEST(test_equal_candidate_is_not_better) {
    create_lines();
    want_status(post("/v1/models/one/clone", "{'name': 'copy'}"), 201);
    want_json(want_status(post("/v1/models/copy/promote?into=one", ROW_OF_TWO), 200), "/promoted",
              "false");
}
END_TEST

START_TEST(test_candidate_must_be_better_by_more_than_the_delta) {
    create_lines();
    const struct answer *answer = want_status(post(PROMOTE "&min_delta=4", ROW_OF_TWO), 200);
    want_json(answer, "/promoted", "false");
    want_json(answer, "/min_delta", "4");
    want_problem(post(PROMOTE "&min_delta=-1", ROW_OF_TWO), 422, NULL);
    want_json(want_status(post(PROMOTE "&min_delta=3.5", ROW_OF_TWO), 200), "/promoted", "true");
}
END_TEST

START_TEST(test_promoted_model_trains_on_as_the_candidate) {
    create("{'name': 'good', 'inputs': 2, 'layers': [6, 2], 'seed': 3}");
    create("{'name': 'bad', 'inputs': 2, 'layers': [6, 2], 'seed': 3, "
           "'optimizer': {'learning_rate': 0.001, 'name': 'adam'}}");
    static const char batch[] = "{'inputs': [[1, 2], [-1, 3]], 'labels': [0, 1]}";
    static const char wrong[] = "{'inputs': [[1, 2], [-1, 3]], 'labels': [1, 0]}";
    for (int i = 0; i < 20; i++) {
        want_status(train("/v1/models/good/batches", batch), 200);
        want_status(train("/v1/models/bad/batches", wrong), 200);
    }
    want_json(want_status(post("/v1/models/good/promote?into=bad", batch), 200), "/promoted",
              "true");
    for (int i = 0; i < 3; i++) {
        want_status(train("/v1/models/good/batches", wrong), 200);
        want_status(train("/v1/models/bad/batches", wrong), 200);
    }
    char hash[80];
    snprintf(hash, sizeof hash, "%s", weights_of("good"));
    want_equal_text(weights_of("bad"), hash);
}
END_TEST

START_TEST(test_state_of_another_optimizer_is_not_taken_over) {
    static const char batch[] = "{'inputs': [[1]], 'targets': [[4]]}";
    create_line("two", 2);
    create("{'name': 'one', 'inputs': 1, "
           "'layers': [{'units': 1, 'activation': 'identity', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'rmsprop', 'learning_rate': 0.01}}");
    create("{'name': 'adam', 'inputs': 1, "
           "'layers': [{'units': 1, 'activation': 'identity', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'adam', 'learning_rate': 0.01}}");
    for (int i = 0; i < 5; i++) { /* moments of both, which differ */
        want_status(train("/v1/models/one/batches", "{'inputs': [[1]], 'targets': [[-90]]}"), 200);
        want_status(train("/v1/models/adam/batches", "{'inputs': [[1]], 'targets': [[9]]}"), 200);
    }
    want_json(want_status(post("/v1/models/two/promote?into=one", batch), 200), "/promoted",
              "true");
    want_json(want_status(post("/v1/models/two/promote?into=adam", batch), 200), "/promoted",
              "true");
    /* Moments that begin anew: a gradient of zero moves nothing. */
    want_status(train("/v1/models/one/batches", batch), 200);
    want_status(train("/v1/models/adam/batches", batch), 200);
    want_json(predict("/v1/models/one/predictions"), "/outputs", "[[4]]");
    want_json(predict("/v1/models/adam/predictions"), "/outputs", "[[4]]");
}
END_TEST

START_TEST(test_every_metric_of_a_model_decides) {
    static const char *const of_lines[] = {"loss", "mae", "rmse", "r2"};
    static const char *const of_classes[] = {"loss",   "accuracy", "precision",
                                             "recall", "f1",       "roc_auc"};
    create_lines();
    for (size_t i = 0; i < 4; i++) {
        char path[96];
        create_line("to", 1);
        snprintf(path, sizeof path, "/v1/models/two/promote?into=to&metric=%s", of_lines[i]);
        const struct answer *answer =
            want_status(post(path, "{'inputs': [[1], [0]], 'targets': [[4], [2]]}"), 200);
        want_json(answer, "/promoted", "true");
        want_json(answer, "/metric", json_text("'%s'", of_lines[i]));
        snprintf(path, sizeof path, "/v1/models/one/promote?into=to&metric=%s", of_lines[i]);
        want_json(want_status(post(path, "{'inputs': [[1], [0]], 'targets': [[4], [2]]}"), 200),
                  "/promoted", "false");
        want_status(delete ("/v1/models/to"), 204);
    }
    create_three("right", "['a', 'b', 'c']");
    for (size_t i = 0; i < 6; i++) {
        char path[96];
        create("{'name': 'to', 'inputs': 3, 'classes': ['a', 'b', 'c'], "
               "'layers': [{'units': 3, 'activation': 'softmax', 'initializer': 'zeros'}]}");
        snprintf(path, sizeof path, "/v1/models/right/promote?into=to&metric=%s", of_classes[i]);
        want_json(want_status(post(path, "{'inputs': [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "
                                         "'labels': ['a', 'b', 'c']}"),
                              200),
                  "/promoted", "true");
        want_status(delete ("/v1/models/to"), 204);
    }
}
END_TEST

START_TEST(test_metric_that_a_model_has_not_is_refused) {
    create_lines();
    want_detail(want_problem(post(PROMOTE "&metric=accuracy", ROW_OF_TWO), 422, NULL), "rmse");
    want_problem(post(PROMOTE "&metric=beauty", ROW_OF_TWO), 422, NULL);
    want_json(get("/v1/models/one"), "/revision", "1");
}
END_TEST

START_TEST(test_models_that_differ_are_refused_by_the_difference) {
    static const char *const rows[][2] = {
        {"'inputs': 3, 'layers': [4, 2]", "inputs"},
        {"'inputs': 2, 'layers': [4, 4, 2]", "layers"},
        {"'inputs': 2, 'layers': [5, 2]", "units"},
        {"'inputs': 2, 'layers': [{'units': 4, 'activation': 'tanh'}, 2]", "activation"},
        {"'inputs': 2, 'layers': [{'units': 4, 'normalization': 'layer'}, 2]", "normalization"},
        {"'inputs': 2, 'layers': [4, {'units': 2, 'activation': 'identity'}]", "loss"},
        {"'inputs': 2, 'layers': [4, 2], 'standardize': true", "standardizes"},
        {"'inputs': 2, 'layers': [4, 2], 'classes': ['a', 'c']", "class 1"},
        {"'inputs': 2, 'layers': [4, 2], 'classes': null", "class names"},
    };
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2], 'classes': ['a', 'b']}");
    create("{'name': 'n', %s}", rows[_i][0]);
    const struct answer *answer = want_problem(
        post("/v1/models/m/promote?into=n", "{'inputs': [[1, 2]], 'labels': [0]}"), 422, NULL);
    want_detail(answer, rows[_i][1]);
}
END_TEST

/* How they are trained may differ. */
START_TEST(test_models_that_are_trained_differently_fit) {
    create("{'name': 'm', 'inputs': 2, 'layers': [{'units': 4, 'dropout': 0.5}, 2], 'seed': 9, "
           "'optimizer': 'sgd', 'class_weights': {'0': 2}}");
    create("{'name': 'n', 'inputs': 2, 'layers': [{'units': 4, 'initializer': 'zeros'}, 2]}");
    want_status(post("/v1/models/m/promote?into=n", "{'inputs': [[1, 2]], 'labels': [0]}"), 200);
}
END_TEST

START_TEST(test_bad_promotions_are_refused) {
    create_lines();
    want_detail(want_problem(post("/v1/models/two/promote", ROW_OF_TWO), 422, NULL), "into");
    want_problem(post("/v1/models/two/promote?into=three", ROW_OF_TWO), 404, NULL);
    want_problem(post("/v1/models/three/promote?into=two", ROW_OF_TWO), 404, NULL);
    want_problem(post("/v1/models/two/promote?into=two", ROW_OF_TWO), 422, NULL);
    want_problem(post(PROMOTE, "{'inputs': [[1, 2]], 'targets': [[4]]}"), 422, "/inputs/0");
    want_problem(post(PROMOTE, "{'inputs': [[1]]}"), 422, "/targets");
    want_problem(post_with("If-Match: \"0000000000000000.1\"", PROMOTE, ROW_OF_TWO), 412, NULL);
    want_json(get("/v1/models/one"), "/revision", "1");
    want_json(get("/v1/models/one/checkpoints"), "/data", "[]");
}
END_TEST

START_TEST(test_table_as_the_rows) {
    create_lines();
    const struct answer *answer = want_status(request((struct call){.method = "POST",
                                                                    .path = PROMOTE,
                                                                    .type = "text/csv",
                                                                    .body = "1,4\n0,2\n",
                                                                    .bytes = 8}),
                                              200);
    want_json(answer, "/promoted", "true");
    want_json(answer, "/rows", "2");
    want_json(answer, "/columns", "2");
}
END_TEST

START_TEST(test_promotion_without_room_for_checkpoints_changes_nothing) {
    daemon_start("--max-checkpoints", "2", NULL);
    create_lines();
    want_status(post("/v1/models/one/checkpoints", "{}"), 201);
    want_detail(want_problem(post(PROMOTE, ROW_OF_TWO), 409, NULL), "--max-checkpoints");
    want_json(predict("/v1/models/one/predictions"), "/outputs", "[[2]]");
    want_json(get("/v1/models/one"), "/revision", "1");
    want_absent(get("/v1/models/one/checkpoints"), "/data/1");
    want_status(delete ("/v1/models/one/checkpoints/1"), 204);
    want_json(want_status(post(PROMOTE, ROW_OF_TWO), 200), "/promoted", "true");
    daemon_stop();
}
END_TEST

/* The model behind batches that take long is replaced behind them, and they are kept. */
START_TEST(test_promotion_takes_its_place_among_the_batches) {
    slow_create();
    want_status(post("/v1/models/slow/clone", "{'name': 'other'}"), 201);
    static const char row[] = "{'inputs': [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]], "
                              "'labels': [1]}";
    for (int i = 0; i < 3; i++) {
        want_status(train("/v1/models/other/batches", "%s", row), 200);
    }
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    const struct answer *answer = want_status(
        post_with("Prefer: wait=60", "/v1/models/other/promote?into=slow", "%s", row), 200);
    want_json(answer, "/promoted", "true");
    want_json(answer, "/effective_step", "4");
    want_json(get("/v1/models/slow/checkpoints/2"), "/step", "2");
    want_json(get("/v1/models/slow"), "/step", "3");
}
END_TEST

Suite *promotions_suite(void) {
    Suite *suite = suite_create("promotions");
    TCase *tests = shared_case(suite, "promoting");
    tcase_add_test(tests, test_better_candidate_is_promoted_and_the_old_one_kept);
    tcase_add_test(tests, test_worse_candidate_changes_nothing);
    tcase_add_test(tests, test_equal_candidate_is_not_better);
    tcase_add_test(tests, test_candidate_must_be_better_by_more_than_the_delta);
    tcase_add_test(tests, test_promoted_model_trains_on_as_the_candidate);
    tcase_add_test(tests, test_state_of_another_optimizer_is_not_taken_over);
    tcase_add_test(tests, test_every_metric_of_a_model_decides);
    tcase_add_test(tests, test_table_as_the_rows);
    tcase_add_test(tests, test_promotion_takes_its_place_among_the_batches);
    tests = shared_case(suite, "refusing");
    tcase_add_test(tests, test_metric_that_a_model_has_not_is_refused);
    tcase_add_loop_test(tests, test_models_that_differ_are_refused_by_the_difference, 0, 9);
    tcase_add_test(tests, test_models_that_are_trained_differently_fit);
    tcase_add_test(tests, test_bad_promotions_are_refused);
    tests = lone_case(suite, "bounds");
    tcase_add_test(tests, test_promotion_without_room_for_checkpoints_changes_nothing);
    return suite;
}
