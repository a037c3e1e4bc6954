/* Models taken in: what was exported comes back to the bit and goes on to the same bits, and
 * what is no whole model is refused. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/safetensors_reader.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define BATCH "{'inputs': [[0.5, -1], [1.5, 0.25], [-2, 1], [3, 2]], 'labels': [0, 1, 2, 1]}"

/* Each optimizer, with what else has a state. */
static const char with_schedule[] =
    "'optimizer': {'name': 'sgd', 'schedule': {'name': 'exponential', 'decay_rate': 0.5, "
    "'decay_steps': 2}}";
static const char *const models[] = {
    "'optimizer': {'name': 'adam', 'schedule': {'name': 'cosine', 'decay_steps': 9}}",
    "'optimizer': {'name': 'adamw'}, 'standardize': true",
    "'optimizer': {'name': 'sgd', 'momentum': 0.9, 'nesterov': true}",
    with_schedule,
    "'optimizer': {'name': 'rmsprop'}, 'seed': 3, 'standardize': true",
    "'optimizer': {'name': 'adagrad'}, 'classes': ['a', 'b', 'c'], 'class_weights': {'a': 2}",
};
#define MODELS (sizeof models / sizeof *models)

static void make(const char *rest) {
    create("{'name': 'm', 'inputs': 2, 'layers': [{'units': 5, 'normalization': 'batch', "
           "'dropout': 0.3}, {'units': 4, 'activation': 'gelu', 'normalization': 'layer'}, 3], %s}",
           rest);
}

static void train_some(const char *name, int batches) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s/batches", name);
    for (int i = 0; i < batches; i++) {
        want_json(want_status(train(path, BATCH), 200), "/state", "'trained'");
    }
}

static const struct answer *send_file(const char *path, const char *headers, const void *body,
                                      size_t bytes) {
    return request((struct call){.method = "POST",
                                 .path = path,
                                 .headers = headers,
                                 .type = SAFETENSORS,
                                 .body = body,
                                 .bytes = bytes});
}

static const struct answer *import(const char *name, const struct answer *file) {
    char path[64];
    snprintf(path, sizeof path, "/v1/models?name=%s", name);
    return send_file(path, NULL, file->body, file->bytes);
}

static void want_same_weights(const char *a, const char *b) {
    char hash[80];
    snprintf(hash, sizeof hash, "%s", weights_of(a));
    want_equal_text(weights_of(b), hash);
}

static void want_same_predictions(const char *a, const char *b) {
    char paths[2][64];
    snprintf(paths[0], sizeof paths[0], "/v1/models/%s/predictions", a);
    snprintf(paths[1], sizeof paths[1], "/v1/models/%s/predictions", b);
    const struct answer *first = want_status(post(paths[0], "{'inputs': [[1, -2]]}"), 200);
    const struct answer *second = want_status(post(paths[1], "{'inputs': [[1, -2]]}"), 200);
    ck_assert(json_equal(json_at(first, "/predictions"), json_at(second, "/predictions")));
}

START_TEST(test_imported_model_goes_on_to_the_same_bits) {
    make(models[_i]);
    train_some("m", 5);
    const struct answer *file = want_status(get("/v1/models/m/export?optimizer=true"), 200);
    const struct answer *made = want_status(import("n", file), 201);
    want_header(made, "Location", "/v1/models/n");
    want_json(made, "/step", "5");
    want_json(made, "/examples", "20");
    want_same_weights("m", "n");
    want_same_predictions("m", "n");
    train_some("m", 4);
    train_some("n", 4);
    want_same_weights("m", "n");
    want_same_predictions("m", "n");
    /* And the same file of it again. */
    file = want_status(get("/v1/models/m/export?optimizer=true"), 200);
    want_status(delete ("/v1/models/n"), 204);
    want_status(import("n", file), 201);
    const struct answer *again = want_status(get("/v1/models/n/export?optimizer=true"), 200);
    struct file first, second;
    file_open(&first, file->body, file->bytes);
    file_open(&second, again->body, again->bytes);
    const size_t bytes = (size_t)(first.bytes + first.size - first.data);
    ck_assert(bytes == (size_t)(second.bytes + second.size - second.data));
    ck_assert(memcmp(first.data, second.data, bytes) == 0);
    file_close(&first);
    file_close(&second);
}
END_TEST

/* Like a network that was loaded into a new optimizer. */
START_TEST(test_file_without_the_optimizer_begins_anew) {
    make(models[0]);
    train_some("m", 5);
    const struct answer *file = want_status(get("/v1/models/m/export"), 200);
    const struct answer *made = want_status(import("n", file), 201);
    want_json(made, "/step", "0");
    want_json(made, "/examples", "0");
    want_same_weights("m", "n");
    want_same_predictions("m", "n");
    train_some("n", 1);
    file = want_status(get("/v1/models/n/export?optimizer=true"), 200);
    struct file read;
    size_t count;
    file_open(&read, file->body, file->bytes);
    double *moments = file_items(&read, "optimizer.first.7.bias", &count);
    ck_assert(count == 3 && moments[0] != 0 && file_entry(&read, "7.bias") != NULL);
    free(moments);
    file_close(&read);
}
END_TEST

START_TEST(test_reset_of_an_imported_model_is_fresh) {
    make(models[1]);
    char fresh[80];
    snprintf(fresh, sizeof fresh, "%s", weights_of("m"));
    train_some("m", 3);
    want_status(import("n", want_status(get("/v1/models/m/export?optimizer=true"), 200)), 201);
    want_status(post("/v1/models/n/reset", "{}"), 200);
    want_equal_text(weights_of("n"), fresh);
    want_status(post("/v1/models/n/clone", "{'name': 'o'}"), 201);
    want_same_weights("n", "o");
}
END_TEST

/* ---- files from elsewhere ---- */

#define CONFIG                                                                                     \
    "{\\\"inputs\\\":2,\\\"layers\\\":[{\\\"units\\\":2,\\\"activation\\\":\\\"identity\\\"}],"    \
    "\\\"loss\\\":\\\"mse\\\"%s}"

/* As an nn.Linear(2, 2) comes out of save_file: out = 2·x₀ + 1, 0.5·x₁. */
static const float weight[4] = {2, 0, 0, 0.5f};
static const float bias[2] = {1, 0};

static const struct answer *send_tensors(const char *name, const struct tensor *tensors,
                                         size_t count, const char *more_config) {
    char path[64], metadata[512], config[384];
    snprintf(config, sizeof config, CONFIG, more_config);
    snprintf(metadata, sizeof metadata, "{\"format\":\"pt\",\"config\":\"%s\"}", config);
    snprintf(path, sizeof path, "/v1/models?name=%s", name);
    return post_tensors(path, NULL, tensors, count, metadata);
}

START_TEST(test_file_of_pytorch_with_a_config_is_a_model) {
    const struct tensor tensors[] = {{"0.bias", "F32", "[2]", bias, sizeof bias},
                                     {"0.weight", "F32", "[2, 2]", weight, sizeof weight}};
    const struct answer *made = want_status(send_tensors("m", tensors, 2, ""), 201);
    want_json(made, "/step", "0");
    want_json(made, "/optimizer/name", "'adam'");
    const struct answer *answer =
        want_status(post("/v1/models/m/predictions", "{'inputs': [[3, 4]]}"), 200);
    want_json(answer, "/outputs/0", "[7.0, 2.0]");
}
END_TEST

START_TEST(test_types_are_converted) {
    static const char *const types[] = {"F64", "F32", "F16", "BF16"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char name[8], path[64];
        char items[2][32];
        const double numbers[6] = {2, 0, 0, 0.5, 1, 0};
        const struct tensor tensors[] = {{"0.weight", types[i], "[2, 2]", items[0],
                                          tensor_items(types[i], numbers, 4, items[0])},
                                         {"0.bias", types[i], "[2]", items[1],
                                          tensor_items(types[i], numbers + 4, 2, items[1])}};
        snprintf(name, sizeof name, "m%zu", i);
        snprintf(path, sizeof path, "/v1/models/%s/predictions", name);
        want_status(send_tensors(name, tensors, 2, ""), 201);
        want_json(want_status(post(path, "{'inputs': [[3, 4]]}"), 200), "/outputs/0", "[7.0, 2.0]");
    }
}
END_TEST

START_TEST(test_what_is_no_whole_model_is_refused) {
    static const float infinite[4] = {1, 2, 3, (float)1e39};
    static const double large[2] = {1, 1e300};
    static const float negative[4] = {0, -1, 0, 0};
    static const int64_t whole[2] = {1, 2};
    const struct tensor w = {"0.weight", "F32", "[2, 2]", weight, sizeof weight};
    const struct tensor b = {"0.bias", "F32", "[2]", bias, sizeof bias};
    const struct {
        struct tensor tensors[4];
        size_t count;
        const char *config, *pointer, *detail;
    } rows[] = {
        {{w}, 1, "", "/0.bias", "the tensor 0.bias is missing"},
        {{w, b, {"1.bias", "F32", "[2]", bias, 8}}, 3, "", "/1.bias", "no tensor '1.bias'"},
        {{w, {"0.bias", "F32", "[1, 2]", bias, 8}},
         2,
         "",
         "/0.bias",
         "of shape [1, 2]; the config's network has [2]"},
        {{{"0.weight", "F32", "[4]", weight, 16}, b}, 2, "", "/0.weight", "of shape [4]"},
        {{w, {"0.bias", "I64", "[2]", whole, 16}},
         2,
         "",
         "/0.bias",
         "of dtype 'I64'; allowed are F64, F32, F16, BF16"},
        {{w, {"0.bias", "F8_E4M3", "[2]", whole, 2}}, 2, "", "/0.bias", "of dtype 'F8_E4M3'"},
        {{{"0.weight", "F32", "[2, 2]", infinite, 16}, b},
         2,
         "",
         "/0.weight",
         "0.weight[1, 1] is inf; numbers must be finite"},
        {{w, {"0.bias", "F64", "[2]", large, 16}},
         2,
         "",
         "/0.bias",
         "0.bias[1] is 1e+300; numbers must be finite"},
        {{w, b, {"optimizer.first.0.bias", "F32", "[2]", bias, 8}},
         3,
         "",
         "/optimizer.first.0.weight",
         "is missing"},
        {{w,
          b,
          {"optimizer.first.0.bias", "F32", "[2]", bias, 8},
          {"optimizer.first.0.weight", "F32", "[2, 2]", negative, 16}},
         4,
         ",\\\"optimizer\\\":{\\\"name\\\":\\\"adagrad\\\"}",
         "/optimizer.first.0.weight",
         "optimizer.first.0.weight[0, 1] is -1; it must not be negative"},
        {{w, b}, 2, ",\\\"standardize\\\":true", "/standardizer.count", "is missing"},
        {{w, b}, 2, ",\\\"colour\\\":1", "/__metadata__/config/colour", "unknown field"},
        {{w, b},
         2,
         ",\\\"optimizer\\\":{\\\"learning_rate\\\":-1}",
         "/__metadata__/config/optimizer/learning_rate",
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want_detail(want_problem(send_tensors("m", rows[i].tensors, rows[i].count, rows[i].config),
                                 422, rows[i].pointer),
                    rows[i].detail);
    }
    want_problem(get("/v1/models/m"), 404, NULL);
}
END_TEST

START_TEST(test_file_needs_a_config_and_a_name) {
    const struct tensor tensors[] = {{"0.weight", "F32", "[2, 2]", weight, sizeof weight},
                                     {"0.bias", "F32", "[2]", bias, sizeof bias}};
    want_detail(want_problem(post_tensors("/v1/models?name=m", NULL, tensors, 2, NULL), 422,
                             "/__metadata__/config"),
                "has no config");
    want_problem(post_tensors("/v1/models?name=m", NULL, tensors, 2, "{'config': '{'}"), 400,
                 "/__metadata__/config");
    want_problem(post_tensors("/v1/models?name=m", NULL, tensors, 2,
                              "{'config': '{\\\"inputs\\\":2,\\\"layers\\\":[2]}', 'step': '-1'}"),
                 422, "/__metadata__/step");
    make(models[0]);
    const struct answer *file = want_status(get("/v1/models/m/export"), 200);
    want_detail(want_problem(send_file("/v1/models", NULL, file->body, file->bytes), 422, NULL),
                "the query parameter name");
    want_problem(send_file("/v1/models?name=a%20b", NULL, file->body, file->bytes), 422, NULL);
    want_problem(import("m", file), 409, "/name");
    want_problem(post("/v1/models?name=n", "{'name': 'n', 'inputs': 2, 'layers': [2]}"), 422, NULL);
    want_problem(request((struct call){.method = "POST",
                                       .path = "/v1/models?name=n",
                                       .type = "text/csv",
                                       .body = "1,2",
                                       .bytes = 3}),
                 415, NULL);
}
END_TEST

/* Cut at every byte of the frame and around each tensor's end; and one byte too many. */
START_TEST(test_cut_file_is_refused_and_leaves_nothing) {
    make(models[1]);
    train_some("m", 2);
    const struct answer *file = want_status(get("/v1/models/m/export?optimizer=true"), 200);
    char *longer = calloc(1, file->bytes + 1);
    memcpy(longer, file->body, file->bytes);
    const double reserved = number_at(want_status(get("/v1/server"), 200), "/memory_bytes");
    for (size_t bytes = 0; bytes < file->bytes; bytes += bytes < 64 ? 1 : 397) {
        want_problem(send_file("/v1/models?name=n", NULL, longer, bytes), 400, NULL);
    }
    want_problem(send_file("/v1/models?name=n", NULL, longer, file->bytes - 1), 400, NULL);
    want_problem(send_file("/v1/models?name=n", NULL, longer, file->bytes + 1), 400, NULL);
    want_problem(get("/v1/models/n"), 404, NULL);
    await_memory(reserved + 1e5);
    want_status(request((struct call){.method = "POST",
                                      .path = "/v1/models?name=n",
                                      .type = SAFETENSORS,
                                      .body = longer,
                                      .bytes = file->bytes,
                                      .chunked = true}),
                201);
    want_same_weights("m", "n");
    free(longer);
}
END_TEST

START_TEST(test_repeat_of_an_import_makes_no_second_model) {
    make(models[0]);
    const struct answer *file = want_status(get("/v1/models/m/export"), 200);
    const char *key = "Idempotency-Key: import-1";
    const struct answer *first =
        want_status(send_file("/v1/models?name=n", key, file->body, file->bytes), 201);
    const struct answer *second =
        want_status(send_file("/v1/models?name=n", key, file->body, file->bytes), 201);
    want_header(second, "Idempotent-Replayed", "true");
    want_equal_text(text_at(second, "/id"), text_at(first, "/id"));
    char *other = malloc(file->bytes);
    memcpy(other, file->body, file->bytes);
    other[file->bytes - 1] ^= 1;
    want_problem(send_file("/v1/models?name=n", key, other, file->bytes), 422, NULL);
    free(other);
}
END_TEST

START_TEST(test_dry_run_of_a_file_tells_its_cost) {
    make(models[0]);
    const struct answer *file = want_status(get("/v1/models/m/export"), 200);
    const struct answer *cost = want_status(
        send_file("/v1/models?name=n&dry_run=true", NULL, file->body, file->bytes), 200);
    const struct answer *described = want_status(get("/v1/models/m"), 200);
    ck_assert(json_equal(json_at(cost, "/parameters"), json_at(described, "/parameters")));
    want_problem(get("/v1/models/n"), 404, NULL);
}
END_TEST

/* A header promises what it likes: it is asked of the ledger first. */
START_TEST(test_memory_bounds_what_is_taken_in) {
    SKIP_BEHIND_PROXY("which waits for the body's end, so that mlpd does, too");
    daemon_start("--max-memory", "64M", NULL);
    static const char header[] =
        "{\"__metadata__\":{\"config\":\"{\\\"inputs\\\":10000,\\\"layers\\\":[10000,2]}\"},"
        "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[10000,10000],\"data_offsets\":[0,400000000]},"
        "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[10000],\"data_offsets\":[400000000,400040000]},"
        "\"2.weight\":{\"dtype\":\"F32\",\"shape\":[2,10000],\"data_offsets\":[400040000,400120000]"
        "},"
        "\"2.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[400120000,400120008]}}";
    size_t bytes;
    char *body = tensors_frame(header, strlen(header), NULL, 0, &bytes);
    want_problem(request((struct call){.method = "POST",
                                       .path = "/v1/models?name=m",
                                       .type = SAFETENSORS,
                                       .body = body,
                                       .bytes = bytes,
                                       .chunked = true}),
                 507, NULL);
    want_problem(send_file("/v1/models?name=m", NULL, body, bytes), 400, NULL);
    free(body);
    daemon_stop();
}
END_TEST

Suite *imports_suite(void) {
    Suite *suite = suite_create("imports");
    TCase *tests = shared_case(suite, "imports");
    tcase_add_loop_test(tests, test_imported_model_goes_on_to_the_same_bits, 0, MODELS);
    tcase_add_test(tests, test_file_without_the_optimizer_begins_anew);
    tcase_add_test(tests, test_reset_of_an_imported_model_is_fresh);
    tcase_add_test(tests, test_file_of_pytorch_with_a_config_is_a_model);
    tcase_add_test(tests, test_types_are_converted);
    tcase_add_test(tests, test_what_is_no_whole_model_is_refused);
    tcase_add_test(tests, test_file_needs_a_config_and_a_name);
    tcase_add_test(tests, test_cut_file_is_refused_and_leaves_nothing);
    tcase_add_test(tests, test_repeat_of_an_import_makes_no_second_model);
    tcase_add_test(tests, test_dry_run_of_a_file_tells_its_cost);
    TCase *alone = lone_case(suite, "imports alone");
    tcase_add_test(alone, test_memory_bounds_what_is_taken_in);
    return suite;
}
