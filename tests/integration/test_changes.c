/* What takes its place among a model's batches: changed settings, reset, clone; taking
 * batches back; calls that wait for what others do. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define BATCHES "/v1/models/m/batches"
#define SLOW_ROW "'inputs': [[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]]"
#define BATCH "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"

static const struct answer *patch(const char *headers, const char *path, const char *body) {
    const char *text = json_text("%s", body);
    return request((struct call){
        .method = "PATCH", .path = path, .headers = headers, .body = text, .bytes = strlen(text)});
}

static void create_small(const char *name) {
    create("{'name': '%s', 'inputs': 2, 'layers': [4, 2]}", name);
}

static void train_model(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    want_json(want_status(train(path, BATCH), 200), "/state", "'trained'");
}

/* ---- settings ---- */

START_TEST(test_patched_rate_holds_from_the_effective_step) {
    char before[80], etag[64];
    create_small("m");
    train_model("m");
    const struct answer *answer =
        want_status(patch(NULL, "/v1/models/m", "{'optimizer': {'learning_rate': 0}}"), 200);
    want_json(answer, "/effective_step", "2");
    want_json(answer, "/revision", "2");
    want_json(answer, "/optimizer/learning_rate", "0");
    snprintf(etag, sizeof etag, "\"%s.2\"", text_at(answer, "/id"));
    want_header(answer, "ETag", etag);
    snprintf(before, sizeof before, "%s", weights_of("m"));
    train_model("m");
    want_equal_text(weights_of("m"), before);
}
END_TEST

START_TEST(test_bad_change_is_422_and_changes_nothing) {
    static const char *const rows[][2] = {
        {"{'optimizer': {'learning_rate': -1}}", "/optimizer/learning_rate"},
        {"{'optimizer': {'lr': 1}}", "/optimizer/lr"},
        {"{'layers': [3, 2]}", "/layers"},
        {"{'seed': 5}", "/seed"},
        {"{'colour': 5}", "/colour"},
    };
    create_small("m");
    train_model("m");
    char before[4096];
    snprintf(before, sizeof before, "%s", get("/v1/models/m?weights_sha256=true")->body);
    want_problem(patch(NULL, "/v1/models/m", rows[_i][0]), 422, rows[_i][1]);
    want_equal_text(get("/v1/models/m?weights_sha256=true")->body, before);
}
END_TEST

START_TEST(test_change_behind_a_slow_batch_is_202_and_comes_in_its_turn) {
    slow_create();
    want_status(slow_post(NULL), 202);
    want_json(want_status(patch("Prefer: wait=0.05", "/v1/models/slow",
                                "{'optimizer': {'learning_rate': 0}}"),
                          202),
              "/state", "'queued'");
    const struct answer *after = want_status(slow_post("Prefer: wait=60"), 200);
    want_json(after, "/step", "2");
    want_json(get("/v1/models/slow"), "/revision", "2");
    /* the first batch was trained at the old rate, the second at none */
    want_near(slow_post("Prefer: wait=60"), "/loss", number_at(after, "/loss"));
}
END_TEST

START_TEST(test_effective_step_is_behind_the_batches_that_came_first) {
    slow_create();
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    const struct answer *answer = want_status(
        patch("Prefer: wait=60", "/v1/models/slow", "{'optimizer': {'learning_rate': 0}}"), 200);
    want_json(answer, "/effective_step", "3");
    want_json(answer, "/step", "2");
}
END_TEST

START_TEST(test_class_weights_and_output_delta_can_change) {
    create("{'name': 'm', 'inputs': 1, "
           "'layers': [{'units': 2, 'activation': 'softmax', 'initializer': 'zeros'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 1}}");
    const struct answer *answer =
        want_status(patch(NULL, "/v1/models/m",
                          "{'class_weights': {'1': 3}, 'output_delta': 'diagonal', "
                          "'optimizer': {'learning_rate': 0.5, 'momentum': 0.25}}"),
                    200);
    want_json(answer, "/class_weights", "{'0': 1, '1': 3}");
    want_json(answer, "/output_delta", "'diagonal'");
    want_json(answer, "/optimizer/learning_rate", "0.5");
    want_json(answer, "/optimizer/momentum", "0.25");
    want_json(answer, "/optimizer/name", "'sgd'");
    /* in force: the loss of the row of class 1 counts three times */
    want_near(train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [1]}"), "/loss",
              3 * 0.69314718);
    answer = want_status(patch(NULL, "/v1/models/m", "{'class_weights': null}"), 200);
    want_json(answer, "/class_weights", "null");
    want_json(answer, "/output_delta", "'diagonal'"); /* what is left out stays */
}
END_TEST

START_TEST(test_what_a_model_is_cannot_change) {
    static const char *const rows[][2] = {
        {"'name': 'n'", "/name"},
        {"'inputs': 3", "/inputs"},
        {"'loss': 'mse'", "/loss"},
        {"'classes': ['a', 'b']", "/classes"},
        {"'standardize': true", "/standardize"},
        {"'optimizer': {'name': 'sgd'}", "/optimizer/name"},
        {"'id': 'x'", "/id"},
        {"'revision': 7", "/revision"},
        {"'huber_delta': 2", "/huber_delta"},
    };
    char body[128];
    create_small("m");
    snprintf(body, sizeof body, "{%s}", rows[_i][0]);
    want_problem(patch(NULL, "/v1/models/m", body), 422, rows[_i][1]);
    want_json(get("/v1/models/m"), "/revision", "1");
}
END_TEST

/* ---- reset and clone ---- */

START_TEST(test_reset_gives_the_first_weights_again) {
    char before[80];
    create_small("m");
    snprintf(before, sizeof before, "%s", weights_of("m"));
    train_model("m");
    want_status(post("/v1/models/m/reset", "{}"), 200);
    want_equal_text(weights_of("m"), before);
    want_status(post("/v1/models/m/reset", "{'seed': 2}"), 200);
    want_json(get("/v1/models/m"), "/seed", "2");
    ck_assert_msg(strcmp(weights_of("m"), before) != 0, "seed 2 gives the weights of seed 1");
}
END_TEST

START_TEST(test_clone_trains_on_as_its_model_does) {
    create_small("m");
    train_model("m");
    train_model("m");
    const struct answer *answer = want_status(post("/v1/models/m/clone", "{'name': 'n'}"), 201);
    want_header(answer, "Location", "/v1/models/n");
    want_json(answer, "/step", "2");
    want_equal_text(weights_of("n"), weights_of("m"));
    train_model("m");
    train_model("n");
    want_equal_text(weights_of("n"), weights_of("m")); /* the moments were copied, too */
}
END_TEST

START_TEST(test_clone_under_a_taken_name_is_409) {
    create_small("m");
    create_small("n");
    want_problem(post("/v1/models/m/clone", "{'name': 'n'}"), 409, "/name");
    want_problem(post("/v1/models/m/clone", "{'name': 'm'}"), 409, "/name");
}
END_TEST

START_TEST(test_bad_clone_is_422) {
    create_small("m");
    want_problem(post("/v1/models/m/clone", "{}"), 422, "/name");
    want_problem(post("/v1/models/m/clone", "{'name': 'a b'}"), 422, "/name");
    want_problem(post("/v1/models/m/clone", "{'name': 'n', 'seed': 1}"), 422, "/seed");
    want_problem(post("/v1/models/m/clone", "{'name'"), 400, NULL);
}
END_TEST

/* ---- taking batches back ---- */

START_TEST(test_batches_that_wait_can_be_taken_back) {
    slow_create();
    for (int i = 0; i < 4; i++) {
        want_status(slow_post(NULL), 202);
    }
    want_json(want_status(delete ("/v1/models/slow/batches/3"), 200), "/state", "'cancelled'");
    want_json(want_status(delete ("/v1/models/slow/batches/3"), 200), "/state", "'cancelled'");
    const struct answer *all = want_status(delete ("/v1/models/slow/batches"), 200);
    ck_assert_msg(number_at(all, "/cancelled") == 2 || number_at(all, "/cancelled") == 3,
                  "found %g cancelled; wanted 2, or 3 where the first had not begun",
                  number_at(all, "/cancelled"));
    want_json(get("/v1/models/slow/batches/4"), "/state", "'cancelled'");
    await_json("/v1/models/slow", "/queue_depth", "0");
    const struct answer *next = want_status(slow_post("Prefer: wait=60"), 200);
    want_json(next, "/batch", "5"); /* numbers never repeat */
    ck_assert_msg(number_at(next, "/step") == 4 - number_at(all, "/cancelled"), "found step %g",
                  number_at(next, "/step"));
}
END_TEST

START_TEST(test_trained_batch_cannot_be_taken_back) {
    create_small("m");
    train_model("m");
    want_problem(delete ("/v1/models/m/batches/1"), 409, NULL);
    want_problem(delete ("/v1/models/m/batches/2"), 404, NULL);
    want_json(delete ("/v1/models/m/batches"), "/cancelled", "0");
}
END_TEST

/* ---- waiting ---- */

START_TEST(test_wait_step_answers_when_the_step_is_there) {
    slow_create();
    want_status(slow_post(NULL), 202);
    want_json(want_status(request((struct call){.method = "GET",
                                                .path = "/v1/models/slow?wait_step=1",
                                                .headers = "Prefer: wait=60"}),
                          200),
              "/step", "1");
}
END_TEST

START_TEST(test_wait_step_answers_as_it_is_when_the_time_is_over) {
    create_small("m");
    want_json(want_status(request((struct call){.method = "GET",
                                                .path = "/v1/models/m?wait_step=5",
                                                .headers = "Prefer: wait=0.05"}),
                          200),
              "/step", "0");
}
END_TEST

START_TEST(test_loss_waits_for_the_next_point) {
    slow_create();
    want_json(get("/v1/models/slow/loss?wait=0.05"), "", "{'points': [], 'next': 0}");
    want_status(slow_post(NULL), 202);
    want_json(want_status(get("/v1/models/slow/loss?wait=60"), 200), "/points/0/batch", "1");
}
END_TEST

START_TEST(test_min_step_that_is_not_there_is_409) {
    create_small("m");
    train_model("m");
    want_problem(post("/v1/models/m/predictions", "{'inputs': [[1, 2]], 'min_step': 2}"), 409,
                 "/min_step");
    want_json(
        want_status(post("/v1/models/m/predictions", "{'inputs': [[1, 2]], 'min_step': 1}"), 200),
        "/step", "1");
}
END_TEST

START_TEST(test_min_step_waits_as_long_as_is_preferred) {
    slow_create();
    want_problem(post_with("Prefer: wait=0.05", "/v1/models/slow/predictions",
                           "{'min_step': 1, %s}", SLOW_ROW),
                 504, "/min_step");
    want_status(slow_post(NULL), 202);
    want_json(want_status(post_with("Prefer: wait=60", "/v1/models/slow/predictions",
                                    "{'min_step': 1, %s}", SLOW_ROW),
                          200),
              "/step", "1");
}
END_TEST

START_TEST(test_normalized_layers_learn_and_answer) {
    create("{'name': 'm', 'inputs': 2, 'layers': [{'units': 4, 'normalization': 'batch'}, "
           "{'units': 4, 'normalization': 'layer'}, 2]}");
    const struct answer *answer = want_status(get("/v1/models/m"), 200);
    want_json(answer, "/layers/0/normalization", "'batch'");
    want_json(answer, "/layers/1/normalization", "'layer'");
    want_json(answer, "/layers/2/normalization", "'none'");
    /* W and b of each layer, and γ and β of the first two */
    want_json(answer, "/parameters", "58");
    train_model("m");
    want_json(want_status(post("/v1/models/m/predictions", "{'inputs': [[1, 2]]}"), 200), "/step",
              "1");
}
END_TEST

START_TEST(test_server_tells_its_limits_and_figures) {
    daemon_start("--workers", "1", "--max-queue", "7", "--max-body", "1M", "--max-memory", "64M",
                 NULL);
    create_small("m");
    const struct answer *answer = want_status(get("/v1/server"), 200);
    want_json(answer, "/name", "'mlpd'");
    want_json(answer, "/workers", "1");
    want_json(answer, "/models", "1");
    want_json(answer, "/limits/queue", "7");
    want_json(answer, "/limits/body_bytes", "1048576");
    want_json(answer, "/limits/memory_bytes", "67108864");
    daemon_stop();
}
END_TEST

START_TEST(test_dry_run_checks_and_creates_nothing) {
    want_status(post("/v1/models?dry_run=true", "{'name': 'm', 'inputs': 2, 'layers': [2]}"), 200);
    want_problem(get("/v1/models/m"), 404, NULL);
    want_problem(post("/v1/models?dry_run=true", "{'name': 'm', 'inputs': 0, 'layers': [2]}"), 422,
                 "/inputs");
}
END_TEST

Suite *changes_suite(void) {
    Suite *suite = suite_create("changes");
    TCase *tests = shared_case(suite, "changes");
    tcase_add_test(tests, test_patched_rate_holds_from_the_effective_step);
    tcase_add_loop_test(tests, test_bad_change_is_422_and_changes_nothing, 0, 5);
    tcase_add_test(tests, test_change_behind_a_slow_batch_is_202_and_comes_in_its_turn);
    tcase_add_test(tests, test_effective_step_is_behind_the_batches_that_came_first);
    tcase_add_test(tests, test_class_weights_and_output_delta_can_change);
    tcase_add_loop_test(tests, test_what_a_model_is_cannot_change, 0, 9);
    tcase_add_test(tests, test_reset_gives_the_first_weights_again);
    tcase_add_test(tests, test_clone_trains_on_as_its_model_does);
    tcase_add_test(tests, test_clone_under_a_taken_name_is_409);
    tcase_add_test(tests, test_bad_clone_is_422);
    tests = shared_case(suite, "taking back, waiting");
    tcase_add_test(tests, test_batches_that_wait_can_be_taken_back);
    tcase_add_test(tests, test_trained_batch_cannot_be_taken_back);
    tcase_add_test(tests, test_wait_step_answers_when_the_step_is_there);
    tcase_add_test(tests, test_wait_step_answers_as_it_is_when_the_time_is_over);
    tcase_add_test(tests, test_loss_waits_for_the_next_point);
    tcase_add_test(tests, test_min_step_that_is_not_there_is_409);
    tcase_add_test(tests, test_min_step_waits_as_long_as_is_preferred);
    tcase_add_test(tests, test_normalized_layers_learn_and_answer);
    tcase_add_test(tests, test_dry_run_checks_and_creates_nothing);
    tests = lone_case(suite, "server");
    tcase_add_test(tests, test_server_tells_its_limits_and_figures);
    return suite;
}
