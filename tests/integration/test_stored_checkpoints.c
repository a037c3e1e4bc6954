/* Versions of models in a store: what is kept outlives a kill, restores and promotions are
 * trained again at their place, numbers do not repeat. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define M "/v1/models/m"
#define CHECKPOINTS M "/checkpoints"

static char directory[512];

static void begin(void) {
    snprintf(directory, sizeof directory, "%s", scratch_name(".data"));
    daemon_start("--data", directory, NULL);
}

/* Killed at once, and started again. */
static void kill_and_start(void) {
    daemon_signal(SIGKILL);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
    daemon_start("--data", directory, NULL);
    await_json("/health/ready", "/ready", "true");
}

static void train_on(const char *name, int first, int count) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    for (int i = first; i < first + count; i++) {
        want_json(want_status(train(path, "{'inputs': [[%d, 2], [0.5, -%d]], 'labels': [0, 1]}",
                                    i % 7, i % 5),
                              200),
                  "/state", "'trained'");
    }
}

static void create_m(const char *more) {
    create("{'name': 'm', 'inputs': 2, 'layers': [6, 2]%s}", more);
}

static const struct answer *restore(int version) {
    char path[80];
    snprintf(path, sizeof path, CHECKPOINTS "/%d/restore", version);
    return request((struct call){.method = "POST", .path = path});
}

static void note_hash(char hash[80]) {
    snprintf(hash, 80, "%s", weights_of("m"));
}

START_TEST(test_kept_versions_outlive_a_kill) {
    char hash[80];
    begin();
    create_m("");
    train_on("m", 1, 3);
    note_hash(hash);
    const struct answer *kept = want_status(post(CHECKPOINTS, "{'note': 'here'}"), 201);
    const struct answer *predictions =
        want_status(post(M "/predictions", "{'inputs': [[1, 2], [3, 4]]}"), 200);
    train_on("m", 40, 2);
    kill_and_start();
    want_equal_text(want_status(get(CHECKPOINTS "/1"), 200)->body, kept->body);
    want_equal_text(
        want_status(post(M "/predictions?checkpoint=1", "{'inputs': [[1, 2], [3, 4]]}"), 200)->body,
        predictions->body);
    want_json(want_status(restore(1), 200), "/step", "3");
    want_equal_text(weights_of("m"), hash);
    daemon_stop();
}
END_TEST

START_TEST(test_restores_are_trained_again_at_their_place) {
    char hash[80];
    begin();
    create_m(", 'standardize': true");
    train_on("m", 1, 3);
    want_status(post(CHECKPOINTS, "{}"), 201);
    train_on("m", 10, 3);
    want_status(post(CHECKPOINTS, "{}"), 201);
    train_on("m", 20, 3);
    want_status(restore(1), 200);
    train_on("m", 30, 2);
    want_status(restore(2), 200);
    train_on("m", 40, 2);
    note_hash(hash);
    kill_and_start();
    want_equal_text(weights_of("m"), hash);
    const struct answer *model = get(M);
    want_json(model, "/step", "8");
    want_json(model, "/revision", "3");
    train_on("m", 50, 1);
    note_hash(hash);
    kill_and_start(); /* also once a snapshot may cover some of it */
    want_equal_text(weights_of("m"), hash);
    daemon_stop();
    daemon_start("--data", directory, NULL);
    await_json("/health/ready", "/ready", "true");
    want_equal_text(weights_of("m"), hash);
    daemon_stop();
}
END_TEST

START_TEST(test_restored_version_goes_once_no_restart_needs_it) {
    char hash[80];
    begin();
    create_m("");
    train_on("m", 1, 3);
    want_status(post(CHECKPOINTS, "{}"), 201);
    train_on("m", 10, 3);
    want_status(restore(1), 200);
    note_hash(hash);
    const double until = now_seconds() + DEADLINE_SECONDS;
    const struct answer *answer = delete (CHECKPOINTS "/1");
    while (answer->status == 409) {
        want_detail(answer, "snapshot");
        ck_assert_msg(now_seconds() < until, "no snapshot came");
        answer = delete (CHECKPOINTS "/1");
    }
    want_status(answer, 204);
    kill_and_start();
    want_problem(get(CHECKPOINTS "/1"), 404, NULL);
    want_equal_text(weights_of("m"), hash);
    daemon_stop();
}
END_TEST

START_TEST(test_versions_do_not_repeat_after_a_kill) {
    begin();
    create_m("");
    for (int version = 1; version <= 3; version++) {
        want_status(post(CHECKPOINTS, "{}"), 201);
    }
    want_status(delete (CHECKPOINTS "/1"), 204);
    want_status(delete (CHECKPOINTS "/2"), 204);
    want_status(delete (CHECKPOINTS "/3"), 204);
    kill_and_start();
    want_json(get(CHECKPOINTS), "/data", "[]");
    want_json(want_status(post(CHECKPOINTS, "{}"), 201), "/version", "4");
    want_status(delete (CHECKPOINTS "/4"), 204);
    kill_and_start();
    want_json(want_status(post(CHECKPOINTS, "{}"), 201), "/version", "5");
    daemon_stop();
}
END_TEST

START_TEST(test_key_of_a_checkpoint_outlives_a_kill) {
    begin();
    create_m("");
    const struct answer *first =
        want_status(post_with("Idempotency-Key: k", CHECKPOINTS, "{'note': 'a'}"), 201);
    kill_and_start();
    const struct answer *again =
        want_status(post_with("Idempotency-Key: k", CHECKPOINTS, "{'note': 'a'}"), 201);
    want_header(again, "Idempotent-Replayed", "true");
    want_equal_text(again->body, first->body);
    want_problem(post_with("Idempotency-Key: k", CHECKPOINTS, "{'note': 'b'}"), 422, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_automatic_checkpoints_are_not_taken_twice) {
    begin();
    create_m(", 'checkpoints': {'every_steps': 2, 'keep': 2, 'best': 'loss'}");
    train_on("m", 1, 9);
    await_json(CHECKPOINTS "?after=3", "/data/0/step", "8");
    const struct answer *before = get(CHECKPOINTS);
    kill_and_start();
    want_equal_text(get(CHECKPOINTS)->body, before->body);
    train_on("m", 10, 1);
    await_json(CHECKPOINTS "?after=4", "/data/0/step", "10");
    daemon_stop();
}
END_TEST

START_TEST(test_promotion_outlives_a_kill) {
    char hash[80];
    begin();
    create_m("");
    create("{'name': 'good', 'inputs': 2, 'layers': [6, 2]}");
    train_on("good", 1, 30);
    train_on("m", 1, 1);
    note_hash(hash);
    const struct answer *answer = want_status(
        post("/v1/models/good/promote?into=m",
             "{'inputs': [[1, 2], [0.5, -1], [2, 2], [0.5, -3]], 'labels': [0, 1, 0, 1]}"),
        200);
    want_json(answer, "/promoted", "true");
    want_json(answer, "/former_version", "2");
    const struct answer *list = get(CHECKPOINTS);
    train_on("m", 50, 2);
    kill_and_start();
    want_json(get(M), "/step", "32");
    want_equal_text(get(CHECKPOINTS)->body, list->body);
    want_json(get(CHECKPOINTS), "/data/1/note", "'before the promotion of good'");
    want_status(restore(2), 200);
    want_equal_text(weights_of("m"), hash);
    daemon_stop();
}
END_TEST

/* What stood before was not taken yet: it is when the batches in front are trained again. */
START_TEST(test_promotion_that_waits_outlives_a_kill) {
    static const char row[] = "{'inputs': [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]], "
                              "'labels': [1]}";
    begin();
    slow_create();
    want_status(post("/v1/models/slow/clone", "{'name': 'other'}"), 201);
    for (int i = 0; i < 3; i++) {
        want_status(train("/v1/models/other/batches", "%s", row), 200);
    }
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    want_json(
        want_status(post_with("Prefer: wait=0.3", "/v1/models/other/promote?into=slow", "%s", row),
                    202),
        "/state", "'queued'");
    kill_and_start();
    want_json(get("/v1/models/slow"), "/step", "3");
    await_json("/v1/models/slow/checkpoints", "/data/1/step", "2");
    const struct answer *list = get("/v1/models/slow/checkpoints");
    want_json(list, "/data/0/note", "'promoted from other at step 3'");
    want_json(list, "/data/1/note", "'before the promotion of other'");
    want_json(list, "/data/1/version", "2");
    daemon_stop();
}
END_TEST

START_TEST(test_stored_versions_take_no_memory) {
    begin();
    create("{'name': 'm', 'inputs': 500, 'layers': [1000, 2], 'optimizer': 'sgd'}");
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    for (int i = 0; i < 5; i++) {
        want_status(post(CHECKPOINTS, "{}"), 201);
    }
    await_memory(before + 100000);
    want_status(restore(3), 200);
    await_memory(before + 100000);
    daemon_stop();
}
END_TEST

START_TEST(test_checkpoints_of_a_removed_model_are_gone) {
    begin();
    create_m("");
    want_status(post(CHECKPOINTS, "{}"), 201);
    want_status(delete (M), 204);
    create_m("");
    want_json(get(CHECKPOINTS), "/data", "[]");
    kill_and_start();
    want_json(get(CHECKPOINTS), "/data", "[]");
    want_json(want_status(post(CHECKPOINTS, "{}"), 201), "/version", "1");
    daemon_stop();
}
END_TEST

Suite *stored_suite(void) {
    Suite *suite = suite_create("stored_checkpoints");
    TCase *tests = lone_case(suite, "stored");
    tcase_add_test(tests, test_kept_versions_outlive_a_kill);
    tcase_add_test(tests, test_restores_are_trained_again_at_their_place);
    tcase_add_test(tests, test_restored_version_goes_once_no_restart_needs_it);
    tcase_add_test(tests, test_versions_do_not_repeat_after_a_kill);
    tcase_add_test(tests, test_key_of_a_checkpoint_outlives_a_kill);
    tcase_add_test(tests, test_automatic_checkpoints_are_not_taken_twice);
    tcase_add_test(tests, test_promotion_outlives_a_kill);
    tcase_add_test(tests, test_promotion_that_waits_outlives_a_kill);
    tcase_add_test(tests, test_stored_versions_take_no_memory);
    tcase_add_test(tests, test_checkpoints_of_a_removed_model_are_gone);
    return suite;
}
