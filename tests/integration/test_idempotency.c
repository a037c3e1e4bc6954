/* Idempotency-Key: a request that is sent again is done once. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define BATCHES "/v1/models/m/batches"
#define BATCH "{'inputs': [[1, 2], [3, 4], [5, 6]], 'labels': [0, 1, 0]}"
#define KEY "Idempotency-Key: "
#define WAIT "\nPrefer: wait=60"
#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [4, 2]}"

static void want_new(const struct answer *answer) {
    want_header(answer, "Idempotent-Replayed", "");
}

static void want_repeat(const struct answer *answer) {
    want_header(answer, "Idempotent-Replayed", "true");
}

static void await_trained(const char *name, int steps) {
    char path[64], wanted[16];
    snprintf(path, sizeof path, "/v1/models/%s", name);
    snprintf(wanted, sizeof wanted, "%d", steps);
    await_json(path, "/queue_depth", "0");
    want_json(get("%s", path), "/step", wanted);
}

/* ---- batches ---- */

START_TEST(test_repeat_trains_once_and_has_the_same_number) {
    create(MODEL);
    for (int i = 0; i < 3; i++) {
        const struct answer *answer = want_status(post_with(KEY "a1", BATCHES, BATCH), 202);
        want_json(answer, "/batch", "1");
        want_header(answer, "Location", "/v1/models/m/batches/1");
        (i == 0 ? want_new : want_repeat)(answer);
    }
    want_new(want_status(post_with(KEY "a2", BATCHES, BATCH), 202));
    want_new(want_status(post(BATCHES, BATCH), 202));
    await_trained("m", 3);
}
END_TEST

START_TEST(test_quoted_and_bare_key_are_one) {
    create(MODEL);
    want_new(want_status(post_with(KEY "a\"1", BATCHES, BATCH), 202));
    want_repeat(want_status(post_with(KEY "\"a\\\"1\"", BATCHES, BATCH), 202));
    want_repeat(want_status(post_with("idempotency-key:  \"a\\\"1\" ", BATCHES, BATCH), 202));
    want_new(want_status(post_with(KEY "A\"1", BATCHES, BATCH), 202));
    await_trained("m", 2);
}
END_TEST

START_TEST(test_repeat_tells_the_state_of_now) {
    create(MODEL);
    const struct answer *first = want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    const struct answer *repeat = want_status(post_with(KEY "k", BATCHES, BATCH), 202);
    want_repeat(repeat);
    want_header(repeat, "Preference-Applied", "");
    want_equal_text(repeat->body, first->body);
    want_json(repeat, "/state", "'trained'");
    repeat = want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    want_header(repeat, "Preference-Applied", "wait=60");
    want_equal_text(repeat->body, first->body);
}
END_TEST

START_TEST(test_repeat_waits_as_it_prefers_itself) {
    slow_create();
    want_new(want_status(slow_post(KEY "k"), 202));
    const struct answer *repeat = want_status(slow_post(KEY "k\nPrefer: wait=0.05"), 202);
    want_repeat(repeat);
    want_json(repeat, "/state", "'queued'");
    want_header(repeat, "Preference-Applied", "wait=0.05");
    repeat = want_status(slow_post(KEY "k" WAIT), 200);
    want_repeat(repeat);
    want_json(repeat, "/batch", "1");
    want_json(repeat, "/state", "'trained'");
    want_json(get("/v1/models/slow"), "/step", "1");
}
END_TEST

START_TEST(test_repeat_of_several_batches_has_their_range) {
    create(MODEL);
    const struct answer *first =
        want_status(post_with(KEY "k" WAIT, BATCHES "?batch_size=2", BATCH), 200);
    want_json(first, "/first", "1");
    want_json(first, "/last", "2");
    const struct answer *repeat =
        want_status(post_with(KEY "k" WAIT, BATCHES "?batch_size=2", BATCH), 200);
    want_repeat(repeat);
    want_equal_text(repeat->body, first->body);
    want_header(repeat, "Location", "/v1/models/m/batches/2");
    /* one batch of a request that was to be cut is answered as several */
    want_json(want_status(post_with(KEY "l" WAIT, BATCHES "?batch_size=9", BATCH), 200), "/last",
              "3");
    want_json(want_status(post_with(KEY "l" WAIT, BATCHES "?batch_size=9", BATCH), 200), "/first",
              "3");
    await_trained("m", 3);
}
END_TEST

START_TEST(test_other_payload_under_a_key_is_422_and_trains_nothing) {
    static const double inputs[] = {1, 2, 3, 4, 5, 6}, labels[] = {0, 1, 0};
    char items[64], classes[64];
    const struct tensor tensors[] = {
        {"inputs", "U8", "[3, 2]", items, tensor_items("U8", inputs, 6, items)},
        {"labels", "U8", "[3]", classes, tensor_items("U8", labels, 3, classes)},
    };
    create(MODEL);
    want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    want_detail(want_problem(post_with(KEY "k", BATCHES, BATCH " "), 422, NULL), "'k'");
    want_problem(
        post_with(KEY "k", BATCHES, "{'inputs': [[1, 2], [3, 4], [5, 7]], 'labels': [0, 1, 0]}"),
        422, NULL);
    want_problem(post_with(KEY "k", BATCHES "?scale=1", BATCH), 422, NULL);
    want_problem(post_with(KEY "k", BATCHES "?batch_size=3", BATCH), 422, NULL);
    want_new(want_status(post_with(KEY "cut", BATCHES "?batch_size=3", BATCH), 202));
    want_problem(post_with(KEY "cut", BATCHES "?batch_size=4", BATCH), 422, NULL);
    want_repeat(want_status(post_with(KEY "cut", BATCHES "?batch_size=%33", BATCH), 202));
    want_problem(post_tensors(BATCHES, KEY "k", tensors, 2, NULL), 422, NULL);
    want_repeat(want_status(post_with(KEY "k", BATCHES, BATCH), 202));
    await_trained("m", 2);
}
END_TEST

START_TEST(test_repeats_leave_no_memory) {
    static float inputs[2000];
    static unsigned char labels[1000];
    const struct tensor tensors[] = {
        {"inputs", "F32", "[1000, 2]", inputs, sizeof inputs},
        {"labels", "U8", "[1000]", labels, sizeof labels},
    };
    create(MODEL);
    for (int size = 0; size < 2; size++) {
        const char *path = size == 0 ? BATCHES : BATCHES "?batch_size=100";
        const char *header = size == 0 ? KEY "k" WAIT : KEY "l" WAIT;
        char memory[32];
        want_new(want_status(post_tensors(path, header, tensors, 2, NULL), 200));
        await_json("/v1/server", "/queue_depth", "0");
        snprintf(memory, sizeof memory, "%.0f", number_at(get("/v1/server"), "/memory_bytes"));
        for (int i = 0; i < 5; i++) {
            want_repeat(want_status(post_tensors(path, header, tensors, 2, NULL), 200));
        }
        await_json("/v1/server", "/memory_bytes", memory); /* answers that are sent give theirs
                                                              back a moment later */
    }
}
END_TEST

START_TEST(test_framing_and_parameters_of_the_type_are_no_payload) {
    const char *body = json_text(BATCH);
    create(MODEL);
    want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    struct call call = {.method = "POST",
                        .path = BATCHES,
                        .headers = KEY "k",
                        .body = body,
                        .bytes = strlen(body),
                        .chunked = true};
    want_repeat(want_status(request(call), 202));
    call.chunked = false;
    call.type = "Application/JSON; charset=utf-8";
    want_repeat(want_status(request(call), 202));
    call.type = "";
    want_repeat(want_status(request(call), 202));
    await_trained("m", 1);
}
END_TEST

START_TEST(test_bad_key_is_400) {
    static const char *const headers[] = {
        KEY "a b",          KEY "\"a",      KEY "\"\"", KEY "\"a\"b", KEY "a\nIdempotency-Key: a",
        "Idempotency-Key;", KEY "\xc3\xb6",
    };
    create(MODEL);
    want_problem(post_with(headers[_i], BATCHES, BATCH), 400, NULL);
    want_problem(post_with(headers[_i], "/v1/models", "{'name': 'n', 'inputs': 1, 'layers': [2]}"),
                 400, NULL);
    want_json(get("/v1/models/m"), "/queue_depth", "0");
}
END_TEST

START_TEST(test_key_of_255_bytes_is_taken_and_one_more_is_400) {
    char header[300] = KEY;
    create(MODEL);
    memset(header + strlen(KEY), 'x', 256);
    want_problem(post_with(header, BATCHES, BATCH), 400, NULL);
    header[strlen(KEY) + 255] = '\0';
    want_new(want_status(post_with(header, BATCHES, BATCH), 202));
    want_repeat(want_status(post_with(header, BATCHES, BATCH), 202));
    await_trained("m", 1);
}
END_TEST

START_TEST(test_refused_request_uses_up_no_key) {
    create(MODEL);
    want_problem(post_with(KEY "k", BATCHES, "{'inputs': [[1, 2]], 'labels': [7]}"), 422,
                 "/labels/0");
    want_problem(post_with(KEY "k", BATCHES, "{'inputs': [[1, 2]"), 400, NULL);
    want_problem(post_with(KEY "k", BATCHES "?batch_size=0", BATCH), 422, NULL);
    want_problem(post_with(KEY "k\nIf-Match: \"no\"", BATCHES, BATCH), 412, NULL);
    want_problem(post_with(KEY "k", "/v1/models/none/batches", BATCH), 404, NULL);
    want_new(want_status(post_with(KEY "k", BATCHES, BATCH), 202));
    await_trained("m", 1);
}
END_TEST

START_TEST(test_full_queue_uses_up_no_key_and_refuses_no_repeat) {
    daemon_start("--max-queue", "2", NULL);
    slow_create();
    want_new(want_status(slow_post(KEY "k1"), 202));
    want_new(want_status(slow_post(KEY "k2"), 202));
    want_problem(slow_post(KEY "k3"), 429, NULL);
    want_repeat(want_status(slow_post(KEY "k2"), 202));
    await_json("/v1/models/slow", "/queue_depth", "0");
    const struct answer *answer = want_status(slow_post(KEY "k3" WAIT), 200);
    want_new(answer);
    want_json(answer, "/batch", "3");
    daemon_stop();
}
END_TEST

START_TEST(test_repeat_of_a_batch_that_was_taken_back_is_cancelled) {
    slow_create();
    want_status(slow_post(NULL), 202);
    want_json(want_status(slow_post(KEY "k"), 202), "/batch", "2");
    want_status(delete ("/v1/models/slow/batches/2"), 200);
    for (int i = 0; i < 2; i++) { /* while its place is in the queue, and afterwards */
        const struct answer *repeat = want_status(slow_post(KEY "k" WAIT), 200);
        want_repeat(repeat);
        want_json(repeat, "/batch", "2");
        want_json(repeat, "/state", "'cancelled'");
        await_json("/v1/models/slow", "/queue_depth", "0");
    }
    want_json(get("/v1/models/slow"), "/step", "1");
}
END_TEST

START_TEST(test_repeat_of_a_diverged_batch_says_so) {
    create_line("m", 1);
    for (int i = 0; i < 2; i++) {
        const struct answer *answer = want_status(
            post_with(KEY "k" WAIT, BATCHES, "{'inputs': [[3e38]], 'targets': [[-3e38]]}"), 200);
        want_json(answer, "/batch", "2");
        want_json(answer, "/state", "'diverged'");
        want_json(answer, "/loss", "null");
        want_json(answer, "/step", "1");
        (i == 0 ? want_new : want_repeat)(answer);
    }
}
END_TEST

START_TEST(test_key_of_a_deleted_model_says_nothing_of_a_new_one) {
    create(MODEL);
    want_status(post(BATCHES, BATCH), 202);
    want_json(want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200), "/batch", "2");
    want_status(delete ("/v1/models/m"), 204);
    want_problem(post_with(KEY "k", BATCHES, BATCH), 404, NULL);
    create(MODEL);
    const struct answer *answer = want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    want_new(answer);
    want_json(answer, "/batch", "1");
}
END_TEST

START_TEST(test_keys_survive_a_reset_and_are_not_cloned) {
    create(MODEL);
    want_status(post_with(KEY "k" WAIT, BATCHES, BATCH), 200);
    want_status(post("/v1/models/m/reset", "{}"), 200);
    want_status(post("/v1/models/m/clone", "{'name': 'n'}"), 201);
    want_repeat(want_status(post_with(KEY "k", BATCHES, BATCH), 202));
    want_new(want_status(post_with(KEY "k", "/v1/models/n/batches", BATCH), 202));
    await_trained("m", 0);
    await_trained("n", 1);
}
END_TEST

static const struct answer *post_thousand(const char *path) {
    static float inputs[2000];
    static unsigned char labels[1000];
    const struct tensor tensors[] = {
        {"inputs", "F32", "[1000, 2]", inputs, sizeof inputs},
        {"labels", "U8", "[1000]", labels, sizeof labels},
    };
    return post_tensors(path, "Prefer: wait=60", tensors, 2, NULL);
}

START_TEST(test_repeat_of_a_forgotten_batch_says_no_more_than_is_known) {
    create(MODEL);
    want_status(post_with(KEY "one" WAIT, BATCHES, BATCH), 200);
    want_status(post_with(KEY "three" WAIT, BATCHES "?batch_size=1", BATCH), 200);
    for (int i = 0; i < 10; i++) {
        want_status(post_thousand(BATCHES "?batch_size=1"), 200);
        answers_free();
    }
    want_detail(want_problem(get(BATCHES "/4"), 410, NULL), "/v1/models/m/loss");
    want_json(want_status(get(BATCHES "/5"), 200), "/state", "'trained'"); /* of 10,004 */
    const struct answer *repeat = want_status(post_with(KEY "one" WAIT, BATCHES, BATCH), 200);
    want_repeat(repeat);
    want_json(repeat, "", "{'batch': 1, 'state': 'finished'}");
    want_status(post_with(KEY "one", BATCHES, BATCH), 202);
    repeat = want_status(post_with(KEY "three" WAIT, BATCHES "?batch_size=1", BATCH), 200);
    want_json(repeat, "", "{'first': 2, 'last': 4, 'state': 'finished'}");
    await_trained("m", 10004);
}
END_TEST

START_TEST(test_oldest_keys_leave_at_the_bound) {
    char header[64];
    daemon_start("--idempotency-keys", "3", NULL);
    create(MODEL);
    want_json(get("/v1/server"), "/limits/idempotency_keys", "3");
    for (int i = 1; i <= 4; i++) {
        snprintf(header, sizeof header, KEY "k%d", i);
        want_new(want_status(post_with(header, BATCHES, BATCH), 202));
    }
    want_repeat(want_status(post_with(KEY "k2", BATCHES, BATCH), 202));
    want_new(want_status(post_with(KEY "k1", BATCHES, BATCH), 202));
    await_trained("m", 5);
    daemon_stop();
}
END_TEST

START_TEST(test_key_where_none_is_taken_is_ignored) {
    create(MODEL);
    const char *body = json_text("{'optimizer': {'learning_rate': 0.1}}");
    for (int i = 2; i < 4; i++) {
        const struct answer *answer = want_status(request((struct call){.method = "PATCH",
                                                                        .path = "/v1/models/m",
                                                                        .headers = KEY "k",
                                                                        .body = body,
                                                                        .bytes = strlen(body)}),
                                                  200);
        ck_assert(number_at(answer, "/revision") == i);
        want_new(answer);
    }
    want_status(post_with(KEY "a b", "/v1/models/m/predictions", "{'inputs': [[1, 2]]}"), 200);
}
END_TEST

/* ---- many at once ---- */

#define CLIENTS 8
#define ROUNDS 20

static pthread_barrier_t barrier;

struct client {
    pthread_t thread;
    int repeats;
    char fault[256];
};

static void *post_same(void *context) {
    struct client *client = context;
    for (int round = 0; round < ROUNDS; round++) {
        char header[64];
        snprintf(header, sizeof header, KEY "r%d%s", round, round % 2 == 0 ? WAIT : "");
        pthread_barrier_wait(&barrier);
        const struct answer *answer = post_with(header, BATCHES, BATCH);
        if (answer->status != (round % 2 == 0 ? 200 : 202) ||
            number_at(answer, "/batch") != round + 1) {
            snprintf(client->fault, sizeof client->fault, "round %d: status %ld, %.150s", round,
                     answer->status, answer->body != NULL ? answer->body : answer->reason);
        }
        client->repeats += strcmp(header_of(answer, "Idempotent-Replayed"), "true") == 0;
        answers_free();
    }
    return NULL;
}

START_TEST(test_concurrent_repeats_train_one_batch) {
    struct client clients[CLIENTS] = {0};
    int repeats = 0;
    create(MODEL);
    pthread_barrier_init(&barrier, NULL, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, post_same, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        ck_assert_msg(clients[i].fault[0] == '\0', "client %d, %s", i, clients[i].fault);
        repeats += clients[i].repeats;
    }
    ck_assert_int_eq(repeats, ROUNDS * (CLIENTS - 1));
    await_trained("m", ROUNDS);
}
END_TEST

/* ---- models: the tests share a daemon, which keeps their keys ---- */

START_TEST(test_repeated_creation_answers_with_the_model_as_it_is_now) {
    const struct answer *first = want_status(post_with(KEY "create-1", "/v1/models", MODEL), 201);
    want_new(first);
    want_status(train(BATCHES, BATCH), 200);
    const struct answer *repeat =
        want_status(post_with(KEY "\"create-1\"", "/v1/models", MODEL), 201);
    want_repeat(repeat);
    want_equal_text(text_at(repeat, "/id"), text_at(first, "/id"));
    want_json(repeat, "/step", "1");
    want_header(repeat, "Location", "/v1/models/m");
    want_header(repeat, "ETag", header_of(first, "ETag"));
    want_problem(
        post_with(KEY "create-1", "/v1/models", "{'name': 'n', 'inputs': 2, 'layers': [4, 2]}"),
        422, NULL);
    want_problem(post_with(KEY "other-1", "/v1/models", MODEL), 409, "/name");
    want_problem(post("/v1/models", MODEL), 409, "/name");
}
END_TEST

START_TEST(test_repeated_creation_of_a_deleted_model_is_410) {
    want_status(post_with(KEY "create-2", "/v1/models", MODEL), 201);
    want_status(delete ("/v1/models/m"), 204);
    want_problem(post_with(KEY "create-2", "/v1/models", MODEL), 410, NULL);
    /* a new model of the same name is another */
    want_new(want_status(post_with(KEY "later-2", "/v1/models", MODEL), 201));
    want_problem(post_with(KEY "create-2", "/v1/models", MODEL), 410, NULL);
}
END_TEST

START_TEST(test_refused_creation_and_dry_run_use_up_no_key) {
    want_problem(
        post_with(KEY "create-3", "/v1/models", "{'name': 'm', 'inputs': 0, 'layers': [2]}"), 422,
        "/inputs");
    want_status(post_with(KEY "create-3", "/v1/models?dry_run=true", MODEL), 200);
    want_new(want_status(post_with(KEY "create-3", "/v1/models", MODEL), 201));
}
END_TEST

Suite *idempotency_suite(void) {
    Suite *suite = suite_create("idempotency");
    TCase *tests = shared_case(suite, "batches");
    tcase_add_test(tests, test_repeat_trains_once_and_has_the_same_number);
    tcase_add_test(tests, test_quoted_and_bare_key_are_one);
    tcase_add_test(tests, test_repeat_tells_the_state_of_now);
    tcase_add_test(tests, test_repeat_waits_as_it_prefers_itself);
    tcase_add_test(tests, test_repeat_of_several_batches_has_their_range);
    tcase_add_test(tests, test_other_payload_under_a_key_is_422_and_trains_nothing);
    tcase_add_test(tests, test_repeats_leave_no_memory);
    tcase_add_test(tests, test_framing_and_parameters_of_the_type_are_no_payload);
    tcase_add_loop_test(tests, test_bad_key_is_400, 0, 7);
    tcase_add_test(tests, test_key_of_255_bytes_is_taken_and_one_more_is_400);
    tcase_add_test(tests, test_refused_request_uses_up_no_key);
    tcase_add_test(tests, test_repeat_of_a_batch_that_was_taken_back_is_cancelled);
    tcase_add_test(tests, test_repeat_of_a_diverged_batch_says_so);
    tcase_add_test(tests, test_key_of_a_deleted_model_says_nothing_of_a_new_one);
    tcase_add_test(tests, test_keys_survive_a_reset_and_are_not_cloned);
    tcase_add_test(tests, test_repeat_of_a_forgotten_batch_says_no_more_than_is_known);
    tcase_add_test(tests, test_key_where_none_is_taken_is_ignored);
    tcase_add_test(tests, test_concurrent_repeats_train_one_batch);
    tests = shared_case(suite, "models");
    tcase_add_test(tests, test_repeated_creation_answers_with_the_model_as_it_is_now);
    tcase_add_test(tests, test_repeated_creation_of_a_deleted_model_is_410);
    tcase_add_test(tests, test_refused_creation_and_dry_run_use_up_no_key);
    tests = lone_case(suite, "limits");
    tcase_add_test(tests, test_full_queue_uses_up_no_key_and_refuses_no_repeat);
    tcase_add_test(tests, test_oldest_keys_leave_at_the_bound);
    return suite;
}
