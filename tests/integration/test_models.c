/* /v1/models: create, list, describe, delete. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

/* ---- create ---- */

START_TEST(test_create_makes_defaults_whole) {
    const struct answer *answer = create("{'name': 'm', 'inputs': 4, 'layers': [8, 3]}");
    want_json(answer, "/layers/0",
              "{'units': 8, 'activation': 'relu', 'dropout': 0, 'normalization': 'none', "
              "'initializer': 'he_normal'}");
    want_json(answer, "/layers/1",
              "{'units': 3, 'activation': 'softmax', 'dropout': 0, 'normalization': 'none', "
              "'initializer': 'glorot_uniform'}");
    want_json(answer, "/loss", "'categorical_crossentropy'");
    want_json(answer, "/output_delta", "'exact'");
    want_json(answer, "/optimizer/name", "'adam'");
    want_near(answer, "/optimizer/learning_rate", 0.001);
    want_json(answer, "/optimizer/weight_decay", "0");
    want_json(answer, "/optimizer/clip_norm", "null");
    want_json(answer, "/optimizer/schedule/name", "'constant'");
    want_json(answer, "/seed", "1");
    want_json(answer, "/standardize", "false");
    want_json(answer, "/classes", "null");
    want_json(answer, "/class_weights", "null");
}
END_TEST

START_TEST(test_created_model_has_figures_of_a_new_one) {
    const struct answer *answer = create("{'name': 'm', 'inputs': 4, 'layers': [8, 3]}");
    want_json(answer, "/revision", "1");
    want_json(answer, "/inputs", "4");
    want_json(answer, "/outputs", "3");
    want_json(answer, "/parameters", "67"); /* (4 + 1)·8 + (8 + 1)·3 */
    want_json(answer, "/step", "0");
    want_json(answer, "/examples", "0");
    want_json(answer, "/queue_depth", "0");
    want_json(answer, "/last_loss", "null");
    want_json(answer, "/running_loss", "null");
    want_json(answer, "/running_accuracy", "null");
    want_json(answer, "/state", "'idle'");
    ck_assert_msg(number_at(answer, "/bytes") >= 67 * 4,
                  "found %g bytes; wanted room for 67 floats", number_at(answer, "/bytes"));
    want_equal_text(text_at(answer, "/updated_at"), text_at(answer, "/created_at"));
}
END_TEST

START_TEST(test_create_answers_with_location_and_etag) {
    const struct answer *answer = create("{'name': 'm.1_a-B', 'inputs': 1, 'layers': [2]}");
    char etag[64];
    snprintf(etag, sizeof etag, "\"%s.1\"", text_at(answer, "/id"));
    want_header(answer, "Location", "/v1/models/m.1_a-B");
    want_header(answer, "ETag", etag);
    want_header(answer, "Content-Type", "application/json");
    want_header(want_status(get("/v1/models/m.1_a-B"), 200), "ETag", etag);
}
END_TEST

START_TEST(test_every_field_of_the_create_body_is_kept) {
    const struct answer *answer =
        create("{'name': 'm', 'inputs': 4, "
               "'layers': [{'units': 6, 'activation': 'leaky_relu', 'alpha': 0.1, 'dropout': 0.25, "
               "'normalization': 'batch', 'initializer': 'lecun_uniform'}, "
               "{'units': 2, 'activation': 'softmax', 'initializer': 'glorot_normal'}], "
               "'loss': 'categorical_crossentropy', 'output_delta': 'diagonal', "
               "'optimizer': {'name': 'adamw', 'learning_rate': 0.25, 'weight_decay': 0.5, "
               "'clip_norm': 2, 'schedule': {'name': 'cosine', 'decay_steps': 100, 'alpha': 0.125, "
               "'warmup_steps': 7}}, "
               "'seed': 9007199254740992, 'classes': ['no', 'yes'], 'standardize': true, "
               "'class_weights': {'yes': 3}}");
    want_json(answer, "/layers/0",
              "{'units': 6, 'activation': 'leaky_relu', 'alpha': 0.1, 'dropout': 0.25, "
              "'normalization': 'batch', 'initializer': 'lecun_uniform'}");
    want_json(answer, "/layers/1/initializer", "'glorot_normal'");
    want_json(answer, "/output_delta", "'diagonal'");
    want_json(answer, "/optimizer/name", "'adamw'");
    want_json(answer, "/optimizer/learning_rate", "0.25");
    want_json(answer, "/optimizer/weight_decay", "0.5");
    want_json(answer, "/optimizer/clip_norm", "2");
    want_json(answer, "/optimizer/schedule",
              "{'name': 'cosine', 'decay_steps': 100, 'alpha': 0.125, 'warmup_steps': 7}");
    want_json(answer, "/seed", "9007199254740992");
    want_json(answer, "/classes", "['no', 'yes']");
    want_json(answer, "/standardize", "true");
    want_json(answer, "/class_weights", "{'no': 1, 'yes': 3}");
}
END_TEST

START_TEST(test_what_describe_answers_can_be_created_again) {
    create("{'name': 'm', 'inputs': 3, 'layers': [{'units': 4, 'activation': 'elu'}, 2], "
           "'loss': 'huber', 'huber_delta': 2, "
           "'optimizer': {'name': 'sgd', 'momentum': 0.5, 'nesterov': true, "
           "'schedule': {'name': 'step', 'decay_rate': 0.5, 'decay_steps': 10}}}");
    const struct answer *first = get("/v1/models/m");
    static const char *const fields[] = {"name",        "inputs",       "layers", "loss",
                                         "huber_delta", "optimizer",    "seed",   "classes",
                                         "standardize", "class_weights"};
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_object_set(body, fields[i], json_object_get(first->json, fields[i]));
    }
    json_object_set_new(body, "name", json_string("copy"));
    char *text = json_dumps(body, 0);
    const struct answer *second = want_status(post_raw("/v1/models", text, strlen(text)), 201);
    for (size_t i = 1; i < sizeof fields / sizeof *fields; i++) {
        ck_assert_msg(json_equal(json_object_get(first->json, fields[i]),
                                 json_object_get(second->json, fields[i])),
                      "%s differs: found %s; wanted as in %s", fields[i], second->body,
                      first->body);
    }
    want_equal_text(weights_of("copy"), weights_of("m"));
    free(text);
    json_decref(body);
}
END_TEST

START_TEST(test_loss_follows_the_last_activation) {
    static const char *const rows[][2] = {
        {"softmax", "'categorical_crossentropy'"},
        {"sigmoid", "'binary_crossentropy'"},
        {"identity", "'mse'"},
        {"tanh", "'mse'"},
    };
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 2, 'activation': '%s'}]}", rows[_i][0]);
    want_json(get("/v1/models/m"), "/loss", rows[_i][1]);
}
END_TEST

START_TEST(test_last_activation_follows_the_loss) {
    static const char *const rows[][2] = {
        {"categorical_crossentropy", "'softmax'"},
        {"binary_crossentropy", "'sigmoid'"},
        {"mse", "'identity'"},
        {"mae", "'identity'"},
        {"huber", "'identity'"},
    };
    create("{'name': 'm', 'inputs': 1, 'layers': [3, 2], 'loss': '%s'}", rows[_i][0]);
    want_json(get("/v1/models/m"), "/layers/1/activation", rows[_i][1]);
    want_json(get("/v1/models/m"), "/layers/0/activation", "'relu'");
}
END_TEST

START_TEST(test_optimizer_may_be_a_name) {
    static const char *const names[] = {"sgd", "adam", "adamw", "rmsprop", "adagrad"};
    create("{'name': 'm', 'inputs': 1, 'layers': [2], 'optimizer': '%s'}", names[_i]);
    want_equal_text(text_at(get("/v1/models/m"), "/optimizer/name"), names[_i]);
    want_near(get("/v1/models/m"), "/optimizer/learning_rate", _i == 0 ? 0.01 : 0.001);
}
END_TEST

START_TEST(test_integers_may_be_written_as_reals) {
    const struct answer *answer =
        create("{'name': 'm', 'inputs': 3.0, 'layers': [4e0, {'units': 20e-1}], 'seed': 7.0}");
    want_json(answer, "/inputs", "3");
    want_json(answer, "/layers/0/units", "4");
    want_json(answer, "/layers/1/units", "2");
    want_json(answer, "/seed", "7");
}
END_TEST

START_TEST(test_names_and_keys_may_be_escaped) {
    create("{'n\\u0061me': '\\u006d', 'inputs': 1, 'layers': [2]}");
    want_status(get("/v1/models/m"), 200);
    want_status(get("/v1/models/%%6D"), 200); /* in an address they decode once */
}
END_TEST

START_TEST(test_huber_loss_is_linear_beyond_its_delta) {
    /* δ·(|d| − δ/2) beyond δ, d²/2 within, for d = 3 and ½ */
    static const struct {
        const char *delta, *described;
        double loss;
    } rows[] = {{"", "1", (2.5 + 0.125) / 2}, {"'huber_delta': 2, ", "2", (4 + 0.125) / 2}};
    const struct answer *answer =
        create("{'name': 'm', 'inputs': 1, 'loss': 'huber', %s"
               "'layers': [{'units': 1, 'activation': 'identity', 'initializer': 'zeros'}]}",
               rows[_i].delta);
    want_json(answer, "/huber_delta", rows[_i].described);
    want_json(answer, "/loss", "'huber'");
    const char *body = "{'inputs': [[1], [1]], 'targets': [[3], [0.5]]}";
    want_near(want_status(post("/v1/models/m/evaluations", "%s", body), 200), "/loss",
              rows[_i].loss);
    want_near(want_status(train("/v1/models/m/batches", "%s", body), 200), "/loss", rows[_i].loss);
}
END_TEST

START_TEST(test_taken_name_is_409) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    const struct answer *before = get("/v1/models/m?weights_sha256=true");
    want_problem(post("/v1/models", "{'name': 'm', 'inputs': 2, 'layers': [3]}"), 409, "/name");
    want_equal_text(get("/v1/models/m?weights_sha256=true")->body, before->body);
}
END_TEST

START_TEST(test_same_seed_gives_same_weights_under_any_name) {
    create("{'name': 'a', 'inputs': 3, 'layers': [4, 2], 'seed': 5}");
    create("{'name': 'b', 'inputs': 3, 'layers': [4, 2], 'seed': 5}");
    create("{'name': 'c', 'inputs': 3, 'layers': [4, 2], 'seed': 6}");
    want_equal_text(weights_of("b"), weights_of("a"));
    ck_assert_msg(strcmp(weights_of("c"), weights_of("a")) != 0,
                  "seeds 5 and 6 give the same weights; wanted others");
}
END_TEST

START_TEST(test_zero_weights_have_the_known_hash) {
    create("{'name': 'm', 'inputs': 1, 'layers': [{'units': 1, 'activation': 'identity', "
           "'initializer': 'zeros'}]}");
    /* sha256 of eight zero bytes: one weight, one bias */
    want_equal_text(weights_of("m"),
                    "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
}
END_TEST

/* ---- list ---- */

START_TEST(test_list_is_in_the_order_of_names) {
    static const char *const names[] = {"b", "a10", "a1", "B"};
    for (size_t i = 0; i < 4; i++) {
        create("{'name': '%s', 'inputs': 1, 'layers': [2]}", names[i]);
    }
    const struct answer *list = want_status(get("/v1/models"), 200);
    want_json(list, "/data/0/name", "'B'");
    want_json(list, "/data/1/name", "'a1'");
    want_json(list, "/data/2/name", "'a10'");
    want_json(list, "/data/3/name", "'b'");
    want_json(list, "/has_more", "false");
    want_json(list, "/next", "null");
}
END_TEST

START_TEST(test_list_pages_through_all_models_once) {
    for (int i = 0; i < 25; i++) {
        create("{'name': 'm%02d', 'inputs': 1, 'layers': [2]}", i);
    }
    char after[80] = "";
    int seen = 0;
    bool more = true;
    while (more) {
        const struct answer *page = want_status(get("/v1/models?limit=10%s", after), 200);
        const size_t count = json_array_size(json_at(page, "/data"));
        for (size_t i = 0; i < count; i++) {
            char pointer[32], name[16];
            snprintf(pointer, sizeof pointer, "/data/%zu/name", i);
            snprintf(name, sizeof name, "m%02d", seen++);
            want_equal_text(text_at(page, pointer), name);
        }
        more = json_is_true(json_at(page, "/has_more"));
        snprintf(after, sizeof after, "&after=%.60s", text_at(page, "/next"));
        ck_assert_msg(seen <= 25 && count > 0, "found %d models; wanted 25", seen);
    }
    ck_assert_msg(seen == 25, "found %d models; wanted 25", seen);
}
END_TEST

START_TEST(test_list_has_twenty_unless_asked) {
    for (int i = 0; i < 21; i++) {
        create("{'name': 'm%02d', 'inputs': 1, 'layers': [2]}", i);
    }
    const struct answer *list = want_status(get("/v1/models"), 200);
    ck_assert_uint_eq(json_array_size(json_at(list, "/data")), 20);
    want_json(list, "/has_more", "true");
    want_json(list, "/next", "'m19'");
}
END_TEST

START_TEST(test_list_refuses_a_limit_out_of_range) {
    static const char *const limits[] = {"0", "1001", "-1", "x", "", "1.5", "99999999999999999999"};
    want_detail(want_problem(get("/v1/models?limit=%s", limits[_i]), 422, NULL), "limit");
}
END_TEST

/* ---- delete ---- */

START_TEST(test_deleted_model_is_404_for_every_call) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    const struct answer *answer = want_status(delete ("/v1/models/m"), 204);
    ck_assert_uint_eq(answer->bytes, 0);
    want_problem(get("/v1/models/m"), 404, NULL);
    want_problem(delete ("/v1/models/m"), 404, NULL);
    want_problem(get("/v1/models/m/loss"), 404, NULL);
    want_problem(get("/v1/models/m/batches/1"), 404, NULL);
    want_problem(post("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [0]}"), 404, NULL);
    want_problem(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 404, NULL);
    want_problem(post("/v1/models/m/evaluations", "{'inputs': [[1]], 'labels': [0]}"), 404, NULL);
}
END_TEST

START_TEST(test_name_of_a_deleted_model_is_free_for_another_id) {
    char first[32];
    snprintf(first, sizeof first, "%s",
             text_at(create("{'name': 'm', 'inputs': 1, 'layers': [2]}"), "/id"));
    want_status(delete ("/v1/models/m"), 204);
    const struct answer *second = create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    ck_assert_msg(strcmp(text_at(second, "/id"), first) != 0, "both models have the id %s", first);
    want_problem(get("/v1/models/m/batches/1"), 404, NULL);
}
END_TEST

static void *wait_for_batch(void *unused) {
    (void)unused;
    const struct answer *answer =
        train("/v1/models/slow/batches",
              "{'inputs': [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]], 'labels': [0]}");
    const long status = answer->status;
    answers_free();
    return (void *)status;
}

START_TEST(test_calls_that_wait_for_a_deleted_model_get_410) {
    slow_create();
    want_status(slow_post(NULL), 202);
    pthread_t waiter;
    void *status;
    pthread_create(&waiter, NULL, wait_for_batch, NULL);
    await_json("/v1/models/slow", "/queue_depth", "2");
    want_status(delete ("/v1/models/slow"), 204);
    pthread_join(waiter, &status);
    ck_assert_msg((long)status == 410, "found status %ld; wanted 410", (long)status);
}
END_TEST

/* AddressSanitizer keeps freed memory for a while: less of it than is looked for. */
static void shrink_quarantine(void) {
    const char *options = getenv("ASAN_OPTIONS");
    char text[1024];
    snprintf(text, sizeof text, "%s:quarantine_size_mb=16", options != NULL ? options : "");
    setenv("ASAN_OPTIONS", text, 1);
}

START_TEST(test_memory_of_deleted_models_returns) {
    shrink_quarantine();
    /* Each takes about 1.5 MB of the 16 that the daemon may have. */
    daemon_start("--max-memory", "16M", NULL);
    size_t resident = 0;
    double bytes = 0, reserved = 0;
    for (int i = 0; i < 200; i++) {
        const struct answer *answer = create("{'name': 'm', 'inputs': 300, 'layers': [300, 10]}");
        ck_assert_msg(i == 0 || number_at(answer, "/bytes") == bytes,
                      "model %d has %g bytes; the first had %g", i, number_at(answer, "/bytes"),
                      bytes);
        bytes = number_at(answer, "/bytes");
        want_status(delete ("/v1/models/m"), 204);
        answers_free();
        if (i == 20) { /* what is kept once for all models is there */
            resident = daemon_resident_bytes();
            reserved = number_at(want_status(get("/v1/server"), 200), "/memory_bytes");
        }
    }
    /* A worker may still hold the last ones. */
    const double until = now_seconds() + DEADLINE_SECONDS;
    double left;
    while ((left = number_at(get("/v1/server"), "/memory_bytes")) > reserved + bytes) {
        ck_assert_msg(now_seconds() < until, "the ledger holds %.0f bytes; before 180 models %.0f",
                      left, reserved);
        answers_free();
    }
    const size_t end = daemon_resident_bytes();
    /* 180 models were 260 MB */
    ck_assert_msg(end < resident + (64u << 20), "resident grew from %zu to %zu bytes", resident,
                  end);
    daemon_stop();
}
END_TEST

/* Two layers of 100,000 × 64 numbers for each of two workers are 100 MB; each may keep 16
 * MiB. */
START_TEST(test_scratch_of_a_huge_batch_goes_back) {
    static const char row[] = "1,2,3,4,1\n";
    const size_t rows = 100000, bytes = sizeof row - 1;
    char *body = malloc(rows * bytes);
    for (size_t i = 0; i < rows; i++) {
        memcpy(body + i * bytes, row, bytes);
    }
    daemon_start("--workers", "2", NULL);
    create("{'name': 'm', 'inputs': 4, 'layers': [64, 2]}");
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    const double kept = before + 2 * (16 << 20) + (1 << 20);
    want_json(want_status(request((struct call){.method = "POST",
                                                .path = "/v1/models/m/batches",
                                                .headers = "Prefer: wait=60",
                                                .type = "text/csv",
                                                .body = body,
                                                .bytes = rows * bytes}),
                          200),
              "/state", "'trained'");
    free(body);
    await_memory(kept);
    daemon_stop();
}
END_TEST

START_TEST(test_model_beyond_the_memory_is_507) {
    daemon_start("--max-memory", "16M", NULL);
    want_problem(post("/v1/models", "{'name': 'm', 'inputs': 10000, 'layers': [10000, 10]}"), 507,
                 NULL);
    want_problem(get("/v1/models/m"), 404, NULL);
    create("{'name': 'm', 'inputs': 10, 'layers': [10]}");
    daemon_stop();
}
END_TEST

/* ---- describe ---- */

START_TEST(test_describe_follows_the_training) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_status(train("/v1/models/m/batches", "{'inputs': [[1], [2], [3]], 'labels': [0, 1, 1]}"),
                200);
    const struct answer *trained =
        train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [0]}");
    const struct answer *answer = want_status(get("/v1/models/m"), 200);
    want_json(answer, "/step", "2");
    want_json(answer, "/examples", "4");
    want_json(answer, "/queue_depth", "0");
    want_json(answer, "/state", "'idle'");
    want_near(answer, "/last_loss", number_at(trained, "/loss"));
    want_json(answer, "/loss", "'categorical_crossentropy'"); /* the function, not a figure */
    want_absent(answer, "/weights_sha256");
}
END_TEST

START_TEST(test_weights_sha256_is_true_or_false) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    want_absent(want_status(get("/v1/models/m?weights_sha256=false"), 200), "/weights_sha256");
    want_detail(want_problem(get("/v1/models/m?weights_sha256=1"), 422, NULL), "weights_sha256");
}
END_TEST

START_TEST(test_hash_is_told_when_the_wait_for_a_step_is_over) {
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    const char *target = "/v1/models/m?wait_step=5&weights_sha256=true";
    const struct answer *answer =
        request((struct call){.method = "GET", .path = target, .headers = "Prefer: wait=0.2"});
    want_json(want_status(answer, 200), "/step", "0");
    want_equal_text(text_at(answer, "/weights_sha256"), weights_of("m"));
}
END_TEST

Suite *models_suite(void) {
    Suite *suite = suite_create("models");
    TCase *tests = shared_case(suite, "create");
    tcase_add_test(tests, test_create_makes_defaults_whole);
    tcase_add_test(tests, test_created_model_has_figures_of_a_new_one);
    tcase_add_test(tests, test_create_answers_with_location_and_etag);
    tcase_add_test(tests, test_every_field_of_the_create_body_is_kept);
    tcase_add_test(tests, test_what_describe_answers_can_be_created_again);
    tcase_add_loop_test(tests, test_loss_follows_the_last_activation, 0, 4);
    tcase_add_loop_test(tests, test_last_activation_follows_the_loss, 0, 5);
    tcase_add_loop_test(tests, test_optimizer_may_be_a_name, 0, 5);
    tcase_add_test(tests, test_integers_may_be_written_as_reals);
    tcase_add_test(tests, test_names_and_keys_may_be_escaped);
    tcase_add_loop_test(tests, test_huber_loss_is_linear_beyond_its_delta, 0, 2);
    tcase_add_test(tests, test_taken_name_is_409);
    tcase_add_test(tests, test_same_seed_gives_same_weights_under_any_name);
    tcase_add_test(tests, test_zero_weights_have_the_known_hash);
    tests = shared_case(suite, "list, describe, delete");
    tcase_add_test(tests, test_list_is_in_the_order_of_names);
    tcase_add_test(tests, test_list_pages_through_all_models_once);
    tcase_add_test(tests, test_list_has_twenty_unless_asked);
    tcase_add_loop_test(tests, test_list_refuses_a_limit_out_of_range, 0, 7);
    tcase_add_test(tests, test_describe_follows_the_training);
    tcase_add_test(tests, test_weights_sha256_is_true_or_false);
    tcase_add_test(tests, test_hash_is_told_when_the_wait_for_a_step_is_over);
    tcase_add_test(tests, test_deleted_model_is_404_for_every_call);
    tcase_add_test(tests, test_name_of_a_deleted_model_is_free_for_another_id);
    tcase_add_test(tests, test_calls_that_wait_for_a_deleted_model_get_410);
    tests = lone_case(suite, "memory");
    tcase_add_test(tests, test_memory_of_deleted_models_returns);
    tcase_add_test(tests, test_scratch_of_a_huge_batch_goes_back);
    tcase_add_test(tests, test_model_beyond_the_memory_is_507);
    return suite;
}
