/* Models taken away as files: read by readers of the tests' own, which know the formats and
 * nothing of mlpd, they answer as the daemon does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/onnx_reader.h"
#include "tests/integration/safetensors_reader.h"
#include "tests/integration/suites.h"

#define ROWS 6
#define INPUTS 3
/* float32 in the daemon, double here; relative to outputs of about 1. */
#define TOLERANCE 2e-5

static const double inputs[ROWS * INPUTS] = {0.5, -1, 2,  1.5, 0.25, -0.75, -2, 1,    0,
                                             3,   2,  -1, 0,   0,    0,     1,  -0.5, 4};
#define INPUTS_TEXT                                                                                \
    "[[0.5, -1, 2], [1.5, 0.25, -0.75], [-2, 1, 0], [3, 2, -1], [0, 0, 0], [1, -0.5, 4]]"

/* Every activation, every normalisation, with dropout and without. */
static const char *const networks[] = {
    "'layers': [{'units': 5, 'activation': 'relu', 'normalization': 'batch', 'dropout': 0.25},"
    "{'units': 4, 'activation': 'gelu', 'normalization': 'layer'},"
    "{'units': 4, 'activation': 'silu', 'dropout': 0.1}, {'units': 4, 'activation': 'identity'},"
    "{'units': 3, 'activation': 'softmax'}]",
    "'layers': [{'units': 6, 'activation': 'leaky_relu', 'alpha': 0.1},"
    "{'units': 5, 'activation': 'elu', 'normalization': 'batch'},"
    "{'units': 4, 'activation': 'tanh', 'normalization': 'layer', 'dropout': 0.1},"
    "{'units': 4, 'activation': 'sigmoid'}, {'units': 3, 'activation': 'softmax'}], "
    "'standardize': true",
    "'layers': [{'units': 3, 'normalization': 'layer'}, {'units': 3, 'activation': 'sigmoid'}], "
    "'loss': 'binary_crossentropy', 'optimizer': {'name': 'rmsprop'}",
    "'layers': [3], 'loss': 'mse', 'standardize': true, 'optimizer': {'name': 'sgd'}",
};
#define NETWORKS (sizeof networks / sizeof *networks)

static void make_and_train(const char *network) {
    const bool classifies = strstr(network, "'loss'") == NULL;
    create("{'name': 'm', 'inputs': 3, %s}", network);
    for (int i = 0; i < 20; i++) {
        want_status(post("/v1/models/m/batches",
                         classifies ? "{'inputs': %s, 'labels': [0, 1, 2, 0, 1, 2]}"
                                    : "{'inputs': %s, 'targets': [[0, 1, 1], [1, 0, 0], [0, 0, 1], "
                                      "[1, 1, 1], [0, 0, 0], [1, 0, 1]]}",
                         INPUTS_TEXT),
                    202);
    }
}

/* The daemon's own answers for `inputs`. */
static void want_predictions(const double *outputs, const char *what, size_t network) {
    const struct answer *answer =
        want_status(post("/v1/models/m/predictions", "{'inputs': %s}", INPUTS_TEXT), 200);
    for (size_t i = 0; i < ROWS * 3; i++) {
        char pointer[64];
        const char *pattern = json_at(answer, "/outputs") != NULL
                                  ? "/outputs/%zu/%zu"
                                  : "/predictions/%zu/probabilities/%zu";
        snprintf(pointer, sizeof pointer, pattern, i / 3, i % 3);
        const double found = number_at(answer, pointer);
        ck_assert_msg(fabs(found - outputs[i]) <= TOLERANCE * fmax(1, fabs(found)),
                      "%s of network %zu: %s is %.9g, the file says %.9g", what, network, pointer,
                      found, outputs[i]);
    }
}

START_TEST(test_safetensors_file_answers_as_the_model_does) {
    struct file file;
    make_and_train(networks[_i]);
    const struct answer *answer = want_status(get("/v1/models/m/export"), 200);
    file_open(&file, answer->body, answer->bytes);
    want_equal_text(file_fact(&file, "step"), "20"); /* all that were acknowledged before */
    want_equal_text(file_fact(&file, "examples"), "120");
    double *outputs = file_predict(&file, ROWS, inputs);
    want_predictions(outputs, "safetensors", (size_t)_i);
    free(outputs);
    file_close(&file);
}
END_TEST

START_TEST(test_onnx_file_answers_as_the_model_does) {
    size_t columns;
    make_and_train(networks[_i]);
    const struct answer *answer = want_status(get("/v1/models/m/export?format=onnx"), 200);
    double *outputs = onnx_predict(answer->body, answer->bytes, ROWS, INPUTS, inputs, &columns);
    ck_assert_uint_eq(columns, 3);
    want_predictions(outputs, "onnx", (size_t)_i);
    free(outputs);
    char *step = onnx_fact(answer->body, answer->bytes, "step");
    char *config = onnx_fact(answer->body, answer->bytes, "config");
    want_equal_text(step, "20");
    ck_assert(strstr(config, "\"name\":\"m\",\"inputs\":3,\"layers\"") != NULL);
    free(step);
    free(config);
}
END_TEST

static void want_names(const char *path, const char *names) {
    struct file file;
    const struct answer *answer = want_status(get("%s", path), 200);
    file_open(&file, answer->body, answer->bytes);
    char *found = file_names(&file);
    want_equal_text(found, names);
    free(found);
    file_close(&file);
}

START_TEST(test_names_are_those_of_a_sequential) {
    create("{'name': 'm', 'inputs': 2, 'standardize': true, 'layers': ["
           "{'units': 3, 'normalization': 'batch', 'dropout': 0.5},"             /* 0 1 2 3 */
           "{'units': 2, 'activation': 'identity'},"                             /* 4 */
           "{'units': 2, 'activation': 'tanh', 'normalization': 'layer'}, 2]}"); /* 5 6 7, 8 */
    want_names("/v1/models/m/export",
               "standardizer.mean standardizer.m2 standardizer.scale standardizer.count "
               "1.num_batches_tracked "
               "0.weight 0.bias 1.weight 1.bias 1.running_mean 1.running_var 4.weight 4.bias "
               "5.weight 5.bias 6.weight 6.bias 8.weight 8.bias");
    want_names("/v1/models/m/export?optimizer=true&format=safetensors",
               "standardizer.mean standardizer.m2 standardizer.scale standardizer.count "
               "1.num_batches_tracked "
               "0.weight 0.bias 1.weight 1.bias 1.running_mean 1.running_var 4.weight 4.bias "
               "5.weight 5.bias 6.weight 6.bias 8.weight 8.bias "
               "optimizer.first.0.weight optimizer.first.0.bias optimizer.first.1.weight "
               "optimizer.first.1.bias optimizer.first.4.weight optimizer.first.4.bias "
               "optimizer.first.5.weight optimizer.first.5.bias optimizer.first.6.weight "
               "optimizer.first.6.bias optimizer.first.8.weight optimizer.first.8.bias "
               "optimizer.second.0.weight optimizer.second.0.bias optimizer.second.1.weight "
               "optimizer.second.1.bias optimizer.second.4.weight optimizer.second.4.bias "
               "optimizer.second.5.weight optimizer.second.5.bias optimizer.second.6.weight "
               "optimizer.second.6.bias optimizer.second.8.weight optimizer.second.8.bias");
}
END_TEST

START_TEST(test_slots_are_those_that_the_settings_need) {
    create("{'name': 'm', 'inputs': 1, 'layers': [1], 'loss': 'mse', 'optimizer': {'name': 'sgd', "
           "'momentum': 0.5}}");
    want_names("/v1/models/m/export?optimizer=true",
               "0.weight 0.bias optimizer.first.0.weight optimizer.first.0.bias");
    want_status(request((struct call){.method = "PATCH",
                                      .path = "/v1/models/m",
                                      .body = "{\"optimizer\":{\"momentum\":0}}",
                                      .bytes = 28}),
                200);
    want_names("/v1/models/m/export?optimizer=true", "0.weight 0.bias");
}
END_TEST

START_TEST(test_metadata_makes_it_a_whole_model) {
    struct file file;
    create("{'name': 'm', 'inputs': 2, 'layers': [2], 'classes': ['no', 'a \\\"yes\\\"'], "
           "'seed': 7, 'class_weights': {'no': 2}}");
    const struct answer *described = want_status(get("/v1/models/m"), 200);
    const struct answer *server = want_status(get("/v1/server"), 200);
    const struct answer *answer = want_status(get("/v1/models/m/export"), 200);
    file_open(&file, answer->body, answer->bytes);
    const char *key;
    json_t *value;
    json_object_foreach(file.config, key, value) {
        ck_assert_msg(json_equal(value, json_object_get(described->json, key)), "%s", key);
    }
    ck_assert_uint_eq(json_object_size(file.config), 11); /* all that a create body may have */
    want_equal_text(file_fact(&file, "format"), "pt");
    want_equal_text(file_fact(&file, "name"), "m");
    want_equal_text(file_fact(&file, "numerics_fingerprint"),
                    text_at(server, "/numerics_fingerprint"));
    want_equal_text(file_fact(&file, "mlpd_version"), text_at(server, "/version"));
    file_close(&file);
}
END_TEST

/* Inputs near 1e8, which differ by 8 in float32. */
START_TEST(test_offset_of_the_inputs_costs_no_digits) {
    const double rows[ROWS] = {1e8, 1e8 + 64, 1e8 - 128, 1e8 + 256, 1e8 - 512, 1e8 + 1024};
    struct file file;
    size_t columns;
    create("{'name': 'm', 'inputs': 1, 'layers': [4, 2], 'standardize': true}");
    want_status(train("/v1/models/m/batches",
                      "{'inputs': [[100000000], [100000064], [99999872], [100000256], [99999488], "
                      "[100001024]], 'labels': [0, 1, 0, 1, 0, 1]}"),
                200);
    const struct answer *predicted =
        want_status(post("/v1/models/m/predictions",
                         "{'inputs': [[100000000], [100000064], [99999872], [100000256], "
                         "[99999488], [100001024]]}"),
                    200);
    const struct answer *safetensors = want_status(get("/v1/models/m/export"), 200);
    const struct answer *onnx = want_status(get("/v1/models/m/export?format=onnx"), 200);
    file_open(&file, safetensors->body, safetensors->bytes);
    double *first = file_predict(&file, ROWS, rows);
    double *second = onnx_predict(onnx->body, onnx->bytes, ROWS, 1, rows, &columns);
    for (size_t r = 0; r < ROWS; r++) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/predictions/%zu/probabilities/0", r);
        want_near(predicted, pointer, first[2 * r]);
        want_near(predicted, pointer, second[2 * r]);
    }
    free(first);
    free(second);
    file_close(&file);
}
END_TEST

/* Before any batch the standardiser leaves inputs as they are. */
START_TEST(test_untrained_standardizer_does_nothing) {
    struct file file;
    size_t count;
    create("{'name': 'm', 'inputs': 2, 'layers': [2], 'standardize': true}");
    const struct answer *answer = want_status(get("/v1/models/m/export"), 200);
    file_open(&file, answer->body, answer->bytes);
    double *mean = file_items(&file, "standardizer.mean", &count);
    double *scale = file_items(&file, "standardizer.scale", &count);
    ck_assert(mean[0] == 0 && mean[1] == 0 && scale[0] == 1 && scale[1] == 1);
    free(mean);
    free(scale);
    file_close(&file);
}
END_TEST

START_TEST(test_head_has_the_size_and_the_name) {
    create("{'name': 'm.1', 'inputs': 2, 'layers': [2]}");
    const struct answer *answer = want_status(get("/v1/models/m.1/export?format=onnx"), 200);
    const struct answer *head = want_status(
        request((struct call){.method = "HEAD", .path = "/v1/models/m.1/export?format=onnx"}), 200);
    char length[24];
    snprintf(length, sizeof length, "%zu", answer->bytes);
    want_header(answer, "Content-Length", length);
    want_header(head, "Content-Length", length);
    ck_assert_uint_eq(head->bytes, 0);
    want_header(answer, "Content-Type", "application/octet-stream");
    want_header(answer, "Content-Disposition", "attachment; filename=\"m.1.onnx\"");
    answer = want_status(get("/v1/models/m.1/export"), 200);
    want_header(answer, "Content-Type", "application/vnd.safetensors");
    want_header(answer, "Content-Disposition", "attachment; filename=\"m.1.safetensors\"");
}
END_TEST

/* Two million numbers, thus many pieces; afterwards the ledger has the copy back. */
START_TEST(test_large_file_comes_whole) {
    struct file file;
    size_t count;
    create("{'name': 'm', 'inputs': 1000, 'layers': [1000, 1000, 2]}");
    const double reserved = number_at(want_status(get("/v1/server"), 200), "/memory_bytes");
    const struct answer *answer = want_status(get("/v1/models/m/export?optimizer=true"), 200);
    ck_assert(answer->bytes > 3 * 4 * 2000000);
    file_open(&file, answer->body, answer->bytes);
    double *weights = file_items(&file, "2.weight", &count);
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += weights[i] * weights[i];
    }
    ck_assert_double_eq_tol(squares / (double)count, 2.0 / 1000, 1e-4); /* he_normal */
    double *moments = file_items(&file, "optimizer.second.2.weight", &count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(moments[i] == 0);
    }
    free(weights);
    free(moments);
    file_close(&file);
    await_memory(reserved + 1e6);
}
END_TEST

START_TEST(test_export_waits_for_its_turn_and_not_for_ever) {
    slow_create();
    slow_post(NULL);
    const struct answer *late = request((struct call){
        .method = "GET", .path = "/v1/models/slow/export", .headers = "Prefer: wait=0"});
    want_detail(want_problem(late, 504, NULL), "still waiting");
    const struct answer *answer = want_status(get("/v1/models/slow/export"), 200);
    const struct answer *described = want_status(get("/v1/models/slow"), 200);
    struct file file;
    file_open(&file, answer->body, answer->bytes);
    ck_assert(strtod(file_fact(&file, "step"), NULL) == number_at(described, "/step"));
    file_close(&file);
}
END_TEST

START_TEST(test_what_is_no_export_is_refused) {
    create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    want_detail(want_problem(get("/v1/models/m/export?format=pickle"), 422, NULL),
                "safetensors and onnx");
    want_detail(want_problem(get("/v1/models/m/export?format=onnx&optimizer=true"), 422, NULL),
                "only a safetensors file");
    want_problem(get("/v1/models/m/export?optimizer=yes"), 422, NULL);
    want_problem(get("/v1/models/n/export"), 404, NULL);
    want_problem(post("/v1/models/m/export", "{}"), 405, NULL);
    want_problem(request((struct call){.method = "GET",
                                       .path = "/v1/models/m/export",
                                       .headers = "Accept: text/html"}),
                 406, NULL);
    want_problem(request((struct call){.method = "GET",
                                       .path = "/v1/models/m/export",
                                       .headers = "If-Match: \"0.1\""}),
                 412, NULL);
}
END_TEST

Suite *exports_suite(void) {
    Suite *suite = suite_create("exports");
    TCase *tests = shared_case(suite, "exports");
    tcase_add_loop_test(tests, test_safetensors_file_answers_as_the_model_does, 0, NETWORKS);
    tcase_add_loop_test(tests, test_onnx_file_answers_as_the_model_does, 0, NETWORKS);
    tcase_add_test(tests, test_names_are_those_of_a_sequential);
    tcase_add_test(tests, test_slots_are_those_that_the_settings_need);
    tcase_add_test(tests, test_metadata_makes_it_a_whole_model);
    tcase_add_test(tests, test_offset_of_the_inputs_costs_no_digits);
    tcase_add_test(tests, test_untrained_standardizer_does_nothing);
    tcase_add_test(tests, test_head_has_the_size_and_the_name);
    tcase_add_test(tests, test_large_file_comes_whole);
    tcase_add_test(tests, test_export_waits_for_its_turn_and_not_for_ever);
    tcase_add_test(tests, test_what_is_no_export_is_refused);
    return suite;
}
