/* /v1/models/{model}/batches: acknowledge, wait, train in order, diverge. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define BATCHES "/v1/models/m/batches"

static void create_small(void) {
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2], 'classes': ['no', 'yes']}");
}

/* ---- acknowledge and wait ---- */

START_TEST(test_batch_is_acknowledged_with_202_and_location) {
    create_small();
    const struct answer *answer =
        want_status(post(BATCHES, "{'inputs': [[1, 2]], 'labels': [1]}"), 202);
    want_json(answer, "/batch", "1");
    want_header(answer, "Location", "/v1/models/m/batches/1");
    want_header(answer, "Preference-Applied", "");
    want_json(await_json("/v1/models/m/batches/1", "/state", "'trained'"), "/step", "1");
}
END_TEST

START_TEST(test_waited_for_batch_is_200_and_trained) {
    create_line("m", 1);
    const struct answer *answer = want_status(
        post_with("Prefer: respond-async, wait=30", BATCHES, "{'inputs': [[3]], 'targets': [[6]]}"),
        200);
    want_header(answer, "Preference-Applied", "wait=30");
    want_header(answer, "Location", "/v1/models/m/batches/2");
    want_json(answer, "/batch", "2");
    want_json(answer, "/state", "'trained'");
    want_json(answer, "/step", "2");
    want_json(answer, "/loss", "4"); /* the line says 4, the target 6 */
    want_json(answer, "/accuracy", "null");
}
END_TEST

START_TEST(test_batch_number_and_loss_are_described) {
    create_line("m", 1);
    const struct answer *answer = want_status(get("/v1/models/m/batches/1"), 200);
    want_json(answer, "",
              "{'batch': 1, 'state': 'trained', 'step': 1, 'loss': 1, 'accuracy': null}");
}
END_TEST

START_TEST(test_accuracy_of_a_batch_is_of_the_weights_before_it) {
    create_three("m", "null");
    const struct answer *answer =
        train(BATCHES, "{'inputs': [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], "
                       "'labels': [0, 1, 2, 2]}");
    want_near(answer, "/accuracy", 0.75);
}
END_TEST

START_TEST(test_expired_wait_is_202_and_the_batch_is_trained_later) {
    slow_create();
    want_status(slow_post(NULL), 202);
    const struct answer *answer = want_status(slow_post("Prefer: wait=0.05"), 202);
    want_header(answer, "Preference-Applied", "wait=0.05");
    want_header(answer, "Location", "/v1/models/slow/batches/2");
    want_json(answer, "/state", "'queued'");
    want_absent(answer, "/step");
    await_json("/v1/models/slow/batches/2", "/state", "'trained'");
}
END_TEST

START_TEST(test_wait_of_zero_is_202) {
    create_small();
    const struct answer *answer =
        post_with("Prefer: wait=0", BATCHES, "{'inputs': [[1, 2]], 'labels': [1]}");
    ck_assert_msg(answer->status == 202 || answer->status == 200, "found %ld; wanted 202 or 200",
                  answer->status);
}
END_TEST

START_TEST(test_prefer_that_says_nothing_of_waiting_is_ignored) {
    static const char *const headers[] = {"Prefer: wait", "Prefer: wait=x",
                                          "Prefer: return=minimal", "Prefer: waiting=3",
                                          "Prefer: wait=-1"};
    create_small();
    const struct answer *answer =
        post_with(headers[_i], BATCHES, "{'inputs': [[1, 2]], 'labels': [1]}");
    want_header(want_status(answer, 202), "Preference-Applied", "");
}
END_TEST

START_TEST(test_batch_not_given_yet_is_404) {
    static const char *const numbers[] = {"0", "2", "99999999999999999999", "x", "1x", "-1", "+1"};
    create_line("m", 1);
    want_problem(get("/v1/models/m/batches/%s", numbers[_i]), 404, NULL);
}
END_TEST

START_TEST(test_many_batches_are_trained_in_their_order) {
    create_small();
    for (int i = 1; i <= 200; i++) {
        const struct answer *answer =
            want_status(post(BATCHES, "{'inputs': [[%d, 1]], 'labels': [%d]}", i, i & 1), 202);
        ck_assert_msg(number_at(answer, "/batch") == i, "found batch %g; wanted %d",
                      number_at(answer, "/batch"), i);
        answers_free();
    }
    await_json("/v1/models/m/batches/200", "/state", "'trained'");
    const struct answer *points = get("/v1/models/m/loss");
    for (size_t i = 0; i < 200; i++) {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/points/%zu/batch", i);
        ck_assert_msg(number_at(points, pointer) == (double)i + 1, "%s is %g", pointer,
                      number_at(points, pointer));
        snprintf(pointer, sizeof pointer, "/points/%zu/step", i);
        ck_assert_msg(number_at(points, pointer) == (double)i + 1, "%s is %g", pointer,
                      number_at(points, pointer));
    }
}
END_TEST

START_TEST(test_full_queue_is_429_with_retry_after) {
    daemon_start("--max-queue", "2", NULL);
    slow_create();
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    const struct answer *full = want_problem(slow_post(NULL), 429, NULL);
    const char *after = header_of(full, "Retry-After");
    ck_assert_msg(strlen(after) > 0 && strspn(after, "0123456789") == strlen(after) &&
                      atoi(after) >= 1,
                  "found Retry-After '%s'; wanted whole seconds", after);
    want_json(get("/v1/models/slow"), "/queue_depth", "2");
    /* another model's queue is its own */
    create_small();
    want_status(post(BATCHES, "{'inputs': [[1, 2]], 'labels': [1]}"), 202);
    await_json("/v1/models/slow", "/queue_depth", "0");
    const struct answer *next = want_status(slow_post("Prefer: wait=60"), 200);
    want_json(next, "/batch", "3"); /* the refused one has used no number */
    daemon_stop();
}
END_TEST

START_TEST(test_batches_of_a_request_are_accepted_all_or_none) {
    daemon_start("--max-queue", "3", NULL);
    slow_create();
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    const char *two = "{'inputs': [[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8], "
                      "[8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1]], 'labels': [0, 1]}";
    want_problem(post("/v1/models/slow/batches?batch_size=1", "%s", two), 429, NULL);
    want_json(get("/v1/models/slow"), "/queue_depth", "2");
    want_json(want_status(post("/v1/models/slow/batches?batch_size=2", "%s", two), 202), "/last",
              "3");
    daemon_stop();
}
END_TEST

START_TEST(test_weighted_batch_is_divided_by_its_rows) {
    create_line("m", 1);
    const struct answer *answer =
        train(BATCHES, "{'inputs': [[0], [0]], 'targets': [[3], [5]], 'sample_weights': [0.5, 0]}");
    want_json(answer, "/loss", "1"); /* ½·(3 − 1)² / 2 */
}
END_TEST

START_TEST(test_batch_of_weights_zero_changes_nothing) {
    create_line("m", 1);
    char before[80];
    snprintf(before, sizeof before, "%s", weights_of("m"));
    const struct answer *answer =
        train(BATCHES, "{'inputs': [[1]], 'targets': [[9]], 'sample_weights': [0]}");
    want_json(answer, "/loss", "0");
    want_json(answer, "/step", "2");
    want_equal_text(weights_of("m"), before);
}
END_TEST

START_TEST(test_null_stands_for_a_field_left_out) {
    create_small();
    want_status(train(BATCHES, "{'inputs': [[1, 2]], 'labels': [1], 'targets': null, "
                               "'sample_weights': null}"),
                200);
}
END_TEST

/* ---- the same weights ---- */

/* The examples of these tests, in JSON and as numbers. */
#define ROWS_JSON "'inputs': [[0, 1], [1, 1], [1, 0], [0, 0]]"
static const double rows[] = {0, 1, 1, 1, 1, 0, 0, 0};
static const double classes[] = {1, 0, 1, 0};

static char *weights_after_json(const char *body) {
    create_small();
    for (int i = 0; i < 3; i++) {
        want_status(train(BATCHES, "%s", body), 200);
    }
    char *hash = strdup(weights_of("m"));
    want_status(delete ("/v1/models/m"), 204);
    return hash;
}

static char *weights_after_tensors(const char *query, const struct tensor *tensors, size_t count,
                                   const char *metadata) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", BATCHES, query);
    create_small();
    for (int i = 0; i < 3; i++) {
        want_status(post_tensors(path, "Prefer: wait=60", tensors, count, metadata), 200);
    }
    char *hash = strdup(weights_of("m"));
    want_status(delete ("/v1/models/m"), 204);
    return hash;
}

START_TEST(test_same_batches_twice_give_the_same_weights) {
    char *first = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    char *second = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    want_equal_text(second, first);
    free(first);
    free(second);
}
END_TEST

START_TEST(test_training_changes_the_weights) {
    create_small();
    char before[80];
    snprintf(before, sizeof before, "%s", weights_of("m"));
    want_status(train(BATCHES, "{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}"), 200);
    ck_assert_msg(strcmp(weights_of("m"), before) != 0, "the weights are as before: %s", before);
}
END_TEST

START_TEST(test_json_may_be_written_in_many_ways) {
    static const char *const bodies[] = {
        "{'labels': ['yes', 'no', 'yes', 'no'], " ROWS_JSON "}",
        "{" ROWS_JSON ", 'targets': [[0, 1], [1, 0], [0, 1], [1, 0]]}",
        "\n{ 'inputs' :[ [0.0,1e0] ,\t[10e-1,1.000] ,[1,-0] , [0,0E+5]],\r\n"
        "'labels':[1.0,0,1e0,0] }\n",
        "{'\\u0069nputs': [[0, 1], [1, 1], [1, 0], [0, 0]], 'labels': [1, 0, 'y\\u0065s', 0]}",
        "\xef\xbb\xbf{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}",
    };
    char *wanted = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    char *found = weights_after_json(bodies[_i]);
    want_equal_text(found, wanted);
    free(wanted);
    free(found);
}
END_TEST

START_TEST(test_inputs_of_every_dtype_train_as_json_does) {
    static const char *const dtypes[] = {"F64", "F32", "F16", "BF16", "I64", "I32", "I16",
                                         "I8",  "U64", "U32", "U16",  "U8",  "BOOL"};
    char items[64], labels[64];
    const struct tensor tensors[] = {
        {"inputs", dtypes[_i], "[4, 2]", items, tensor_items(dtypes[_i], rows, 8, items)},
        {"labels", "I64", "[4]", labels, tensor_items("I64", classes, 4, labels)},
    };
    char *wanted = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    char *found = weights_after_tensors("", tensors, 2, NULL);
    want_equal_text(found, wanted);
    free(wanted);
    free(found);
}
END_TEST

START_TEST(test_labels_of_every_whole_dtype_train_as_json_does) {
    static const char *const dtypes[] = {"I64", "I32", "I16", "I8",  "U64",
                                         "U32", "U16", "U8",  "BOOL"};
    char items[64], labels[64];
    const struct tensor tensors[] = {
        {"labels", dtypes[_i], "[4]", labels, tensor_items(dtypes[_i], classes, 4, labels)},
        {"inputs", "F32", "[4, 2]", items, tensor_items("F32", rows, 8, items)},
    };
    char *wanted = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    char *found = weights_after_tensors("", tensors, 2, NULL);
    want_equal_text(found, wanted);
    free(wanted);
    free(found);
}
END_TEST

START_TEST(test_targets_and_weights_as_tensors_train_as_json_does) {
    static const double distributions[] = {0.25, 0.75, 1, 0, 0.5, 0.5, 0, 1};
    static const double sample_weights[] = {1, 0.5, 2, 0};
    char items[64], targets[64], weights[64];
    const struct tensor tensors[] = {
        {"inputs", "F64", "[4, 2]", items, tensor_items("F64", rows, 8, items)},
        {"targets", "F32", "[4, 2]", targets, tensor_items("F32", distributions, 8, targets)},
        {"sample_weights", "F16", "[4]", weights, tensor_items("F16", sample_weights, 4, weights)},
    };
    char *wanted =
        weights_after_json("{" ROWS_JSON ", 'targets': [[0.25, 0.75], [1, 0], [0.5, 0.5], [0, 1]], "
                           "'sample_weights': [1, 0.5, 2, 0]}");
    char *found = weights_after_tensors("", tensors, 3, NULL);
    want_equal_text(found, wanted);
    free(wanted);
    free(found);
}
END_TEST

/* 0 and 2 become 0 and 1, or, by scale and offset, -1 and 3 do. */
START_TEST(test_scale_and_offset_apply_to_inputs) {
    static const struct {
        const char *query, *metadata;
        double zero, one;
    } ways[] = {
        {"?scale=0.5", NULL, 0, 2},
        {"?offset=1&scale=1", NULL, -1, 0},
        {"?scale=0.25&offset=0.25", NULL, -1, 3},
        {"", "{'scale': '0.25', 'offset': '0.25'}", -1, 3},
        {"?scale=0.25&offset=0.25", "{'scale': '7', 'offset': '7'}", -1, 3},
    };
    double scaled[8];
    for (size_t i = 0; i < 8; i++) {
        scaled[i] = rows[i] == 0 ? ways[_i].zero : ways[_i].one;
    }
    char items[64], labels[64];
    const struct tensor tensors[] = {
        {"inputs", "I8", "[4, 2]", items, tensor_items("I8", scaled, 8, items)},
        {"labels", "U8", "[4]", labels, tensor_items("U8", classes, 4, labels)},
    };
    char *wanted = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    char *found = weights_after_tensors(ways[_i].query, tensors, 2, ways[_i].metadata);
    want_equal_text(found, wanted);
    free(wanted);
    free(found);
}
END_TEST

START_TEST(test_chunked_bodies_train_as_whole_ones) {
    char items[64], labels[64];
    const struct tensor tensors[] = {
        {"inputs", "F32", "[4, 2]", items, tensor_items("F32", rows, 8, items)},
        {"labels", "U8", "[4]", labels, tensor_items("U8", classes, 4, labels)},
    };
    size_t bytes;
    char *body = tensors_body(tensors, 2, NULL, &bytes);
    char *wanted = weights_after_json("{" ROWS_JSON ", 'labels': [1, 0, 1, 0]}");
    create_small();
    for (int i = 0; i < 3; i++) {
        want_status(request((struct call){.method = "POST",
                                          .path = BATCHES,
                                          .headers = "Prefer: wait=60",
                                          .type = SAFETENSORS,
                                          .body = body,
                                          .bytes = bytes,
                                          .chunked = true}),
                    200);
    }
    want_equal_text(weights_of("m"), wanted);
    free(body);
    free(wanted);
}
END_TEST

START_TEST(test_one_and_two_workers_give_the_same_weights) {
    static const char *const workers[] = {"1", "2"};
    char hashes[2][80];
    for (size_t w = 0; w < 2; w++) {
        daemon_start("--workers", workers[w], NULL);
        create("{'name': 'm', 'inputs': 16, 'layers': [{'units': 64, 'dropout': 0.5}, 64, 4], "
               "'standardize': true, 'seed': 3}");
        uint8_t inputs[256 * 16], labels[256];
        for (size_t step = 0; step < 20; step++) {
            for (size_t i = 0; i < sizeof inputs; i++) {
                inputs[i] = (uint8_t)((i + 7919 * step) * 2654435761u >> 24);
            }
            for (size_t i = 0; i < sizeof labels; i++) {
                labels[i] = inputs[i * 16] >> 6;
            }
            const struct tensor tensors[] = {
                {"inputs", "U8", "[256, 16]", inputs, sizeof inputs},
                {"labels", "U8", "[256]", labels, sizeof labels},
            };
            want_status(post_tensors(BATCHES "?scale=0.00390625", NULL, tensors, 2, NULL), 202);
            want_status(
                post("/v1/models/m/predictions",
                     "{'inputs': [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]]}"),
                200);
        }
        await_json("/v1/models/m", "/step", "20");
        snprintf(hashes[w], sizeof hashes[w], "%s", weights_of("m"));
        daemon_stop();
    }
    want_equal_text(hashes[1], hashes[0]);
}
END_TEST

/* ---- diverged ---- */

/* Train at a huge rate until a batch diverges; returns its answer. */
static const struct answer *diverge(char before[80], double *step) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'identity'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 1000}}");
    for (int i = 0; i < 50; i++) {
        snprintf(before, 80, "%s", weights_of("m"));
        *step = number_at(get("/v1/models/m"), "/step");
        const struct answer *answer =
            want_status(train(BATCHES, "{'inputs': [[1e6]], 'targets': [[1]]}"), 200);
        if (strcmp(text_at(answer, "/state"), "diverged") == 0) {
            return answer;
        }
        want_json(answer, "/state", "'trained'");
    }
    ck_abort_msg("no batch of 50 diverged at a rate of 1000");
}

START_TEST(test_diverged_batch_changes_no_weight) {
    char before[80];
    double step;
    const struct answer *answer = diverge(before, &step);
    want_json(answer, "/loss", "null");
    ck_assert_msg(number_at(answer, "/step") == step, "found step %g; wanted %g",
                  number_at(answer, "/step"), step);
    want_equal_text(weights_of("m"), before);
    ck_assert_msg(number_at(get("/v1/models/m"), "/step") == step, "the step has changed");
}
END_TEST

START_TEST(test_history_says_what_diverged) {
    char before[80], path[80];
    double step;
    const double batch = number_at(diverge(before, &step), "/batch");
    snprintf(path, sizeof path, "/v1/models/m/loss?after=%.0f", batch - 1);
    const struct answer *points = want_status(get("%s", path), 200);
    want_json(points, "/points/0/loss", "null");
    want_json(points, "/points/0/diverged", "true");
    ck_assert_msg(number_at(points, "/points/0/step") == step, "found step %g; wanted %g",
                  number_at(points, "/points/0/step"), step);
    want_absent(get("/v1/models/m/loss"), "/points/0/diverged");
}
END_TEST

START_TEST(test_model_goes_on_after_a_diverged_batch) {
    char before[80];
    double step;
    diverge(before, &step);
    const struct answer *answer =
        train(BATCHES, "{'inputs': [[0]], 'targets': [[0]], 'sample_weights': [0]}");
    want_json(want_status(answer, 200), "/state", "'trained'");
    ck_assert_msg(number_at(answer, "/step") == step + 1, "found step %g; wanted %g",
                  number_at(answer, "/step"), step + 1);
}
END_TEST

/* ---- several batches a request ---- */

#define FIVE_ROWS "{'inputs': [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]], 'labels': [0, 1, 0, 1, 0]}"

START_TEST(test_request_is_cut_into_batches_in_order) {
    create("{'name': 'cut', 'inputs': 2, 'layers': [4, 2]}");
    create("{'name': 'apart', 'inputs': 2, 'layers': [4, 2]}");
    const struct answer *answer =
        want_status(train("/v1/models/cut/batches?batch_size=2", FIVE_ROWS), 200);
    want_json(answer, "/first", "1");
    want_json(answer, "/last", "3");
    want_json(answer, "/state", "'trained'");
    want_json(answer, "/step", "3");
    want_json(answer, "/diverged", "0");
    want_header(answer, "Location", "/v1/models/cut/batches/3");
    want_json(get("/v1/models/cut"), "/examples", "5");
    train("/v1/models/apart/batches", "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}");
    train("/v1/models/apart/batches", "{'inputs': [[5, 6], [7, 8]], 'labels': [0, 1]}");
    train("/v1/models/apart/batches", "{'inputs': [[9, 10]], 'labels': [0]}");
    want_equal_text(weights_of("cut"), weights_of("apart"));
}
END_TEST

START_TEST(test_request_cut_into_batches_is_acknowledged_as_one) {
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2]}");
    const struct answer *answer =
        want_status(post("/v1/models/m/batches?batch_size=5", FIVE_ROWS), 202);
    want_json(answer, "/first", "1");
    want_json(answer, "/last", "1");
    want_status(train("/v1/models/m/batches?batch_size=1", FIVE_ROWS), 200);
    want_json(get("/v1/models/m/batches/6"), "/state", "'trained'");
}
END_TEST

START_TEST(test_request_of_more_batches_than_the_queue_holds_is_refused_whole) {
    daemon_start("--max-queue", "4", NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [4, 2]}");
    want_problem(post("/v1/models/m/batches?batch_size=1", FIVE_ROWS), 413, NULL);
    want_problem(post("/v1/models/m/batches?batch_size=0", FIVE_ROWS), 422, NULL);
    want_json(get("/v1/models/m"), "/step", "0");
    want_json(want_status(train("/v1/models/m/batches?batch_size=2", FIVE_ROWS), 200), "/last",
              "3");
    daemon_stop();
}
END_TEST

Suite *batches_suite(void) {
    Suite *suite = suite_create("batches");
    TCase *tests = shared_case(suite, "acknowledge");
    tcase_add_test(tests, test_batch_is_acknowledged_with_202_and_location);
    tcase_add_test(tests, test_waited_for_batch_is_200_and_trained);
    tcase_add_test(tests, test_batch_number_and_loss_are_described);
    tcase_add_test(tests, test_accuracy_of_a_batch_is_of_the_weights_before_it);
    tcase_add_test(tests, test_expired_wait_is_202_and_the_batch_is_trained_later);
    tcase_add_test(tests, test_wait_of_zero_is_202);
    tcase_add_loop_test(tests, test_prefer_that_says_nothing_of_waiting_is_ignored, 0, 5);
    tcase_add_loop_test(tests, test_batch_not_given_yet_is_404, 0, 7);
    tcase_add_test(tests, test_many_batches_are_trained_in_their_order);
    tcase_add_test(tests, test_weighted_batch_is_divided_by_its_rows);
    tcase_add_test(tests, test_batch_of_weights_zero_changes_nothing);
    tcase_add_test(tests, test_null_stands_for_a_field_left_out);
    tests = shared_case(suite, "the same weights");
    tcase_add_test(tests, test_same_batches_twice_give_the_same_weights);
    tcase_add_test(tests, test_training_changes_the_weights);
    tcase_add_loop_test(tests, test_json_may_be_written_in_many_ways, 0, 5);
    tcase_add_loop_test(tests, test_inputs_of_every_dtype_train_as_json_does, 0, 13);
    tcase_add_loop_test(tests, test_labels_of_every_whole_dtype_train_as_json_does, 0, 9);
    tcase_add_test(tests, test_targets_and_weights_as_tensors_train_as_json_does);
    tcase_add_loop_test(tests, test_scale_and_offset_apply_to_inputs, 0, 5);
    tcase_add_test(tests, test_chunked_bodies_train_as_whole_ones);
    tests = shared_case(suite, "diverged");
    tcase_add_test(tests, test_diverged_batch_changes_no_weight);
    tcase_add_test(tests, test_history_says_what_diverged);
    tcase_add_test(tests, test_model_goes_on_after_a_diverged_batch);
    tests = lone_case(suite, "own daemons");
    tcase_add_test(tests, test_full_queue_is_429_with_retry_after);
    tcase_add_test(tests, test_batches_of_a_request_are_accepted_all_or_none);
    tcase_add_test(tests, test_one_and_two_workers_give_the_same_weights);
    tests = shared_case(suite, "several a request");
    tcase_add_test(tests, test_request_is_cut_into_batches_in_order);
    tcase_add_test(tests, test_request_cut_into_batches_is_acknowledged_as_one);
    tests = lone_case(suite, "several a request, small queue");
    tcase_add_test(tests, test_request_of_more_batches_than_the_queue_holds_is_refused_whole);
    return suite;
}
