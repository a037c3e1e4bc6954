/* Prefer and Preference-Applied: wait and respond-async, wherever an answer can wait. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define BATCHES "/v1/models/m/batches"
#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [4, 2]}"
#define BATCH "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"
#define APPLIED "Preference-Applied"

static const struct answer *patch(const char *headers, const char *path) {
    const char *body = json_text("{'optimizer': {'learning_rate': 0}}");
    return request((struct call){
        .method = "PATCH", .path = path, .headers = headers, .body = body, .bytes = strlen(body)});
}

/* ---- respond-async ---- */

START_TEST(test_changes_that_are_not_waited_for_are_202_at_once) {
    slow_create();
    for (int i = 0; i < 3; i++) {
        want_status(slow_post(NULL), 202);
    }
    const struct answer *answers[] = {
        patch("Prefer: respond-async", "/v1/models/slow"),
        post_with("Prefer: respond-async", "/v1/models/slow/clone", "{'name': 'copy'}"),
        post_with("Prefer: respond-async", "/v1/models/slow/reset", "{'seed': 9}"),
    };
    for (int i = 0; i < 3; i++) {
        want_json(want_status(answers[i], 202), "/state", "'queued'");
        want_header(answers[i], APPLIED, "respond-async");
    }
    want_header(answers[1], "Location", "/v1/models/copy");
    want_problem(get("/v1/models/copy"), 404, NULL); /* not yet */
    const struct answer *later = want_status(slow_post("Prefer: wait=60"), 200);
    want_json(later, "/step", "1"); /* all three came before it, in their order */
    want_json(get("/v1/models/copy"), "/step", "3");
    want_json(get("/v1/models/slow"), "/seed", "9");
}
END_TEST

START_TEST(test_change_that_is_not_waited_for_is_202_even_when_it_is_done_at_once) {
    create(MODEL);
    for (int i = 0; i < 10; i++) {
        const struct answer *answer =
            want_status(patch("Prefer: respond-async", "/v1/models/m"), 202);
        const char *state = text_at(answer, "/state");
        ck_assert_msg(strcmp(state, "queued") == 0 || strcmp(state, "done") == 0, "found state %s",
                      state);
    }
    await_json("/v1/models/m", "/queue_depth", "0");
    want_json(get("/v1/models/m"), "/revision", "11");
}
END_TEST

START_TEST(test_batch_that_is_not_waited_for_says_that_this_was_preferred) {
    create(MODEL);
    const struct answer *answer =
        want_status(post_with("Prefer: respond-async", BATCHES, BATCH), 202);
    want_header(answer, APPLIED, "respond-async");
    want_header(want_status(post(BATCHES, BATCH), 202), APPLIED, "");
}
END_TEST

/* ---- wait ---- */

START_TEST(test_wait_is_heard_in_every_form) {
    static const char *const headers[] = {
        "Prefer: wait=60",
        "Prefer: WAIT = \"60\"",
        "Prefer: respond-async, wait=60",
        "Prefer: wait=60; foo=\"a, b\", respond-async",
        "Prefer: return=minimal, x=\"wait=1, \\\" \", wait=60",
        "Prefer: respond-async\nPrefer: wait=60",
        "Prefer: return=minimal\nPrefer: handling=lenient\nPrefer: wait=60",
        "Prefer: wait=60\nPrefer: wait=1",
    };
    create(MODEL);
    const struct answer *answer = want_status(post_with(headers[_i], BATCHES, BATCH), 200);
    want_json(answer, "/state", "'trained'");
    want_header(answer, APPLIED, "wait=60");
}
END_TEST

START_TEST(test_wait_is_bounded_and_the_answer_says_by_what) {
    static const char *const headers[] = {"Prefer: wait=301", "Prefer: wait=86400",
                                          "Prefer: wait=99999999999999999999"};
    create(MODEL);
    want_header(want_status(post_with(headers[_i], BATCHES, BATCH), 200), APPLIED, "wait=300");
}
END_TEST

START_TEST(test_unknown_preferences_are_ignored) {
    static const char *const headers[] = {"Prefer: return=minimal", "Prefer: handling=strict",
                                          "Prefer: \"", "Prefer: ,;=", "Prefer: foo; wait=60"};
    create(MODEL);
    want_header(want_status(post_with(headers[_i], BATCHES, BATCH), 202), APPLIED, "");
    want_header(want_status(patch(headers[_i], "/v1/models/m"), 200), APPLIED, "");
}
END_TEST

START_TEST(test_changes_say_that_they_waited) {
    create(MODEL);
    want_header(want_status(patch("Prefer: wait=60", "/v1/models/m"), 200), APPLIED, "wait=60");
    want_header(want_status(post_with("Prefer: wait=60", "/v1/models/m/reset", "{}"), 200), APPLIED,
                "wait=60");
    want_header(
        want_status(post_with("Prefer: wait=60", "/v1/models/m/clone", "{'name': 'n'}"), 201),
        APPLIED, "wait=60");
    want_header(want_status(patch(NULL, "/v1/models/m"), 200), APPLIED, "");
}
END_TEST

START_TEST(test_wait_goes_before_respond_async) {
    create(MODEL);
    const struct answer *answer =
        want_status(patch("Prefer: respond-async, wait=60", "/v1/models/m"), 200);
    want_header(answer, APPLIED, "wait=60");
    want_json(answer, "/revision", "2");
}
END_TEST

START_TEST(test_change_whose_wait_is_over_is_202_and_says_so) {
    slow_create();
    want_status(slow_post(NULL), 202);
    const struct answer *answer = want_status(patch("Prefer: wait=0.05", "/v1/models/slow"), 202);
    want_header(answer, APPLIED, "wait=0.05");
    want_json(answer, "/state", "'queued'");
}
END_TEST

START_TEST(test_waits_for_a_step_say_so) {
    create(MODEL);
    want_status(train(BATCHES, BATCH), 200);
    want_header(want_status(request((struct call){.method = "GET",
                                                  .path = "/v1/models/m?wait_step=1",
                                                  .headers = "Prefer: wait=60"}),
                            200),
                APPLIED, "wait=60");
    want_header(want_status(post_with("Prefer: wait=60", "/v1/models/m/predictions",
                                      "{'inputs': [[1, 2]], 'min_step': 1}"),
                            200),
                APPLIED, "wait=60");
    want_header(want_problem(post_with("Prefer: wait=0.05", "/v1/models/m/predictions",
                                       "{'inputs': [[1, 2]], 'min_step': 9}"),
                             504, "/min_step"),
                APPLIED, "wait=0.05");
}
END_TEST

START_TEST(test_preference_without_use_is_not_said_to_be_applied) {
    const char *both = "Prefer: wait=60\nPrefer: respond-async";
    want_header(want_status(post_with(both, "/v1/models", MODEL), 201), APPLIED, "");
    want_header(
        want_status(
            request((struct call){.method = "GET", .path = "/v1/models/m", .headers = both}), 200),
        APPLIED, "");
    want_header(want_status(post_with("Prefer: respond-async", "/v1/models/m/predictions",
                                      "{'inputs': [[1, 2]]}"),
                            200),
                APPLIED, "");
    want_header(
        want_status(post_with(both, "/v1/models/m/predictions", "{'inputs': [[1, 2]]}"), 200),
        APPLIED, "");
    want_header(want_status(post_with(both, "/v1/models/m/evaluations", BATCH), 200), APPLIED, "");
    want_header(want_problem(post_with(both, BATCHES, "{'inputs': [[1, 2]], 'labels': [9]}"), 422,
                             "/labels/0"),
                APPLIED, "");
}
END_TEST

Suite *prefer_suite(void) {
    Suite *suite = suite_create("prefer");
    TCase *tests = shared_case(suite, "prefer");
    tcase_add_test(tests, test_changes_that_are_not_waited_for_are_202_at_once);
    tcase_add_test(tests, test_change_that_is_not_waited_for_is_202_even_when_it_is_done_at_once);
    tcase_add_test(tests, test_batch_that_is_not_waited_for_says_that_this_was_preferred);
    tcase_add_loop_test(tests, test_wait_is_heard_in_every_form, 0, 8);
    tcase_add_loop_test(tests, test_wait_is_bounded_and_the_answer_says_by_what, 0, 3);
    tcase_add_loop_test(tests, test_unknown_preferences_are_ignored, 0, 5);
    tcase_add_test(tests, test_changes_say_that_they_waited);
    tcase_add_test(tests, test_wait_goes_before_respond_async);
    tcase_add_test(tests, test_change_whose_wait_is_over_is_202_and_says_so);
    tcase_add_test(tests, test_waits_for_a_step_say_so);
    tcase_add_test(tests, test_preference_without_use_is_not_said_to_be_applied);
    return suite;
}
