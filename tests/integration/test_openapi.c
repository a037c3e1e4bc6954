/* The OpenAPI document against the daemon that answers it.  That what the document says of
 * answers is true is tests/openapi's to show, of all answers that all suites see. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define EXAMPLE_MODEL "iris" /* that the examples of the document are about */

static const struct answer *document(void) {
    return want_status(get("/openapi.json"), 200);
}

/* Behind a reference into components. */
static const json_t *resolve(const json_t *root, const json_t *node) {
    const char *reference = json_string_value(json_object_get(node, "$ref"));
    if (reference == NULL) {
        return node;
    }
    char kind[32], name[64];
    ck_assert_msg(sscanf(reference, "#/components/%31[^/]/%63s", kind, name) == 2, "found %s",
                  reference);
    node = json_object_get(json_object_get(json_object_get(root, "components"), kind), name);
    ck_assert_msg(node != NULL, "found nothing at %s", reference);
    return node;
}

/* ---- every operation ---- */

struct operation {
    char method[16];
    char path[128]; /* of a model that is there, and its first batch */
    const json_t *root, *item, *node;
};

typedef void operation_function(const struct operation *operation);

static void put(char *path, size_t size, const char *name, const char *value) {
    char *at = strstr(path, name);
    if (at != NULL) {
        char rest[128];
        snprintf(rest, sizeof rest, "%s", at + strlen(name));
        snprintf(at, size - (size_t)(at - path), "%s%s", value, rest);
    }
}

static void for_each_operation(operation_function *function) {
    const json_t *root = document()->json;
    const char *template, *key;
    json_t *item, *node;
    size_t count = 0;
    json_object_foreach(json_object_get(root, "paths"), template, item) {
        json_object_foreach(item, key, node) {
            struct operation operation = {.root = root, .item = item, .node = node};
            if (strcmp(key, "parameters") == 0) {
                continue;
            }
            for (size_t i = 0; key[i] != '\0' && i + 1 < sizeof operation.method; i++) {
                operation.method[i] = (char)(key[i] - 'a' + 'A');
            }
            snprintf(operation.path, sizeof operation.path, "%s", template);
            put(operation.path, sizeof operation.path, "{model}", EXAMPLE_MODEL);
            put(operation.path, sizeof operation.path, "{number}", "1");
            function(&operation);
            count++;
        }
    }
    ck_assert_msg(count > 10, "found %zu operations", count);
}

static const struct answer *ask(const char *method, const char *path) {
    return request((struct call){.method = method, .path = path});
}

static const struct answer *ask_with_query(const struct operation *operation, const char *format,
                                           const char *name) {
    char query[128], path[300];
    snprintf(query, sizeof query, format, name, name);
    snprintf(path, sizeof path, "%s?%s", operation->path, query);
    return ask(operation->method, path);
}

/* An unknown query parameter is refused once the address and the method are known, and
 * before anything is done. */
static void expect_answered(const struct operation *operation) {
    const struct answer *answer = ask_with_query(operation, "%s", "undocumented");
    want_detail(want_problem(answer, 422, NULL), "unknown query parameter 'undocumented'");
}

START_TEST(test_every_documented_call_is_there_and_refuses_what_is_undocumented) {
    for_each_operation(expect_answered);
}
END_TEST

static void expect_refused_methods(const struct operation *operation) {
    static const char *const methods[][2] = {{"GET", "get"},       {"PUT", "put"},
                                             {"POST", "post"},     {"PATCH", "patch"},
                                             {"DELETE", "delete"}, {"BREW", "brew"}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (json_object_get(operation->item, methods[i][1]) == NULL) {
            want_problem(ask(methods[i][0], operation->path), 405, NULL);
        }
    }
}

START_TEST(test_every_undocumented_method_is_405) {
    for_each_operation(expect_refused_methods);
}
END_TEST

/* Allow lists what the document has: GET brings HEAD, OPTIONS is everywhere. */
static void expect_allowed(const struct operation *operation) {
    const char *allow = header_of(ask("OPTIONS", operation->path), "Allow");
    char rest[128];
    snprintf(rest, sizeof rest, "%s", allow);
    for (const char *method = strtok(rest, ", "); method != NULL; method = strtok(NULL, ", ")) {
        char key[16] = "";
        for (size_t i = 0; method[i] != '\0' && i + 1 < sizeof key; i++) {
            key[i] = (char)(method[i] - 'A' + 'a');
        }
        ck_assert_msg(strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0 ||
                          json_object_get(operation->item, key) != NULL,
                      "%s is allowed on %s, and not in the document", method, operation->path);
    }
    ck_assert_msg(strstr(allow, operation->method) != NULL, "%s is in the document of %s: %s",
                  operation->method, operation->path, allow);
}

START_TEST(test_allow_and_the_document_name_the_same_methods) {
    for_each_operation(expect_allowed);
}
END_TEST

/* ---- parameters ---- */

/* A parameter that is known is refused for being there twice, by its name. */
static void expect_known_parameters(const struct operation *operation) {
    size_t i;
    json_t *reference;
    json_array_foreach(json_object_get(operation->node, "parameters"), i, reference) {
        const json_t *parameter = resolve(operation->root, reference);
        const char *name = json_string_value(json_object_get(parameter, "name"));
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") == 0) {
            const struct answer *answer = ask_with_query(operation, "%s=1&%s=1", name);
            want_detail(want_problem(answer, 422, NULL), "twice");
            want_detail(answer, name);
        }
    }
}

START_TEST(test_every_documented_query_parameter_is_known) {
    for_each_operation(expect_known_parameters);
}
END_TEST

/* The documented content of the operation's body, by media type. */
static const json_t *content_of(const struct operation *operation) {
    return json_object_get(json_object_get(operation->node, "requestBody"), "content");
}

/* The example of the operation's body as JSON, or NULL. */
static const json_t *example_of(const struct operation *operation) {
    return json_object_get(json_object_get(content_of(operation), "application/json"), "example");
}

/* "?name=example" of each parameter that the query must have. */
static void write_required(const struct operation *operation, char *query, size_t size) {
    size_t i;
    json_t *reference;
    query[0] = '\0';
    json_array_foreach(json_object_get(operation->node, "parameters"), i, reference) {
        const json_t *parameter = resolve(operation->root, reference);
        const size_t used = strlen(query);
        if (json_is_true(json_object_get(parameter, "required"))) {
            snprintf(query + used, size - used, "%c%s=%s", used > 0 ? '&' : '?',
                     json_string_value(json_object_get(parameter, "name")),
                     json_string_value(json_object_get(parameter, "example")));
        }
    }
}

static const struct answer *call_with_example(const struct operation *operation,
                                              const char *query) {
    char path[300];
    const json_t *example = example_of(operation);
    char *body = example != NULL ? json_dumps(example, JSON_COMPACT) : NULL;
    snprintf(path, sizeof path, "%s%s", operation->path, query);
    const struct answer *answer = request((struct call){.method = operation->method,
                                                        .path = path,
                                                        .headers = "Prefer: wait=60",
                                                        .body = body,
                                                        .bytes = body != NULL ? strlen(body) : 0});
    free(body);
    return answer;
}

static void expect_refused_beyond(const struct operation *operation, const char *name,
                                  double number) {
    char query[128];
    write_required(operation, query, sizeof query);
    const size_t used = strlen(query);
    snprintf(query + used, sizeof query - used, "%c%s=%.17g", used > 0 ? '&' : '?', name, number);
    const struct answer *answer = call_with_example(operation, query);
    want_detail(want_problem(answer, 422, NULL), name);
}

static void expect_bounds(const struct operation *operation) {
    size_t i;
    json_t *parameter;
    json_array_foreach(json_object_get(operation->node, "parameters"), i, parameter) {
        const json_t *schema = json_object_get(parameter, "schema");
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const json_t *minimum = json_object_get(schema, "minimum");
        const json_t *maximum = json_object_get(schema, "maximum");
        if (json_is_number(minimum) && json_is_number(maximum)) {
            expect_refused_beyond(operation, name, json_number_value(minimum) - 1);
            expect_refused_beyond(operation, name, json_number_value(maximum) + 2);
        }
    }
}

START_TEST(test_documented_bounds_of_query_parameters_are_those_that_hold) {
    create("{'name': '" EXAMPLE_MODEL "', 'inputs': 4, 'layers': [3], 'classes': ['setosa', "
           "'versicolor', 'virginica']}");
    post("/v1/models/" EXAMPLE_MODEL "/clone", "{'name': 'iris-2'}");
    for_each_operation(expect_bounds);
}
END_TEST

/* ---- bodies ---- */

static size_t tables; /* examples of them that were sent */

/* An empty body of a documented type is not of the wrong type; another one is. */
static void expect_media_types(const struct operation *operation) {
    const char *type;
    json_t *content;
    if (content_of(operation) == NULL) {
        return;
    }
    struct call call = {.method = operation->method, .path = operation->path, .body = ""};
    json_object_foreach((json_t *)content_of(operation), type, content) {
        call.type = type;
        const long status = request(call)->status;
        ck_assert_msg(status != 415, "found 415 for %s of %s", type, operation->path);
    }
    call.type = "application/x-undocumented";
    want_problem(request(call), 415, NULL);
}

START_TEST(test_documented_media_types_of_bodies_are_taken_and_no_others) {
    create("{'name': '" EXAMPLE_MODEL "', 'inputs': 4, 'layers': [3]}");
    for_each_operation(expect_media_types);
}
END_TEST

static void expect_example_to_work(const struct operation *operation) {
    char query[128];
    write_required(operation, query, sizeof query);
    const struct answer *answer = call_with_example(operation, query);
    ck_assert_msg(example_of(operation) == NULL || answer->status == 200 || answer->status == 201,
                  "found %ld: %s; wanted the example of %s %s to be taken", answer->status,
                  answer->body, operation->method, operation->path);
}

/* Those that are text: tables. */
static void expect_tables_to_work(const struct operation *operation) {
    char query[128], path[300];
    write_required(operation, query, sizeof query);
    snprintf(path, sizeof path, "%s%s", operation->path, query);
    const char *type;
    json_t *content;
    json_object_foreach((json_t *)content_of(operation), type, content) {
        const char *text = json_string_value(json_object_get(content, "example"));
        if (text != NULL) {
            want_status(request((struct call){.method = operation->method,
                                              .path = path,
                                              .headers = "Prefer: wait=60",
                                              .type = type,
                                              .body = text,
                                              .bytes = strlen(text)}),
                        200);
            tables++;
        }
    }
}

static void run_example(const struct operation *operation) {
    if (example_of(operation) != NULL && strstr(operation->path, EXAMPLE_MODEL) != NULL) {
        expect_example_to_work(operation);
    }
}

static void run_example_that_creates(const struct operation *operation) {
    if (strcmp(operation->path, "/v1/models") == 0 && strcmp(operation->method, "POST") == 0) {
        expect_example_to_work(operation);
    }
}

START_TEST(test_examples_of_bodies_are_taken) {
    for_each_operation(run_example_that_creates);
    for_each_operation(run_example);
    tables = 0;
    for_each_operation(expect_tables_to_work);
    ck_assert_uint_eq(tables, 4);
    want_json(want_status(get("/v1/models/" EXAMPLE_MODEL), 200), "/seed", "7");
    want_status(get("/v1/models/iris-2"), 200);
}
END_TEST

/* ---- the document itself ---- */

START_TEST(test_document_says_what_it_is) {
    const struct answer *answer = document();
    want_header(answer, "Content-Type", "application/json");
    want_json(answer, "/openapi", "'3.1.0'");
    want_json(answer, "/info/version", json_text("'%s'", text_at(get("/v1/server"), "/version")));
}
END_TEST

START_TEST(test_document_is_not_sent_again_to_who_has_it) {
    const struct answer *whole = document();
    char line[64], weak[64];
    snprintf(line, sizeof line, "If-None-Match: \"other\", %s", header_of(whole, "ETag"));
    snprintf(weak, sizeof weak, "If-None-Match: W/%s", header_of(whole, "ETag"));
    const char *const lines[] = {line, weak, "If-None-Match: *"};
    for (size_t i = 0; i < 3; i++) {
        const struct answer *answer =
            request((struct call){.method = "GET", .path = "/openapi.json", .headers = lines[i]});
        ck_assert_uint_eq(want_status(answer, 304)->bytes, 0);
        want_header(answer, "ETag", header_of(whole, "ETag"));
        want_header(answer, "Content-Length", header_of(whole, "Content-Length"));
        want_header(answer, "Cache-Control", header_of(whole, "Cache-Control"));
    }
}
END_TEST

START_TEST(test_document_is_sent_to_who_has_another) {
    want_status(request((struct call){.method = "GET",
                                      .path = "/openapi.json",
                                      .headers = "If-None-Match: \"other\""}),
                200);
    want_problem(request((struct call){.method = "GET",
                                       .path = "/openapi.json",
                                       .headers = "If-None-Match: unquoted"}),
                 400, NULL);
}
END_TEST

START_TEST(test_document_is_the_same_each_time) {
    const struct answer *first = document();
    const struct answer *second = document();
    ck_assert_str_eq(first->body, second->body);
    const struct answer *head = want_status(ask("HEAD", "/openapi.json"), 200);
    char length[24];
    snprintf(length, sizeof length, "%zu", first->bytes);
    want_header(head, "Content-Length", length);
}
END_TEST

Suite *openapi_suite(void) {
    Suite *suite = suite_create("openapi");
    TCase *tests = shared_case(suite, "document");
    tcase_add_test(tests, test_document_says_what_it_is);
    tcase_add_test(tests, test_document_is_not_sent_again_to_who_has_it);
    tcase_add_test(tests, test_document_is_sent_to_who_has_another);
    tcase_add_test(tests, test_document_is_the_same_each_time);
    tests = shared_case(suite, "calls");
    tcase_add_test(tests, test_every_documented_call_is_there_and_refuses_what_is_undocumented);
    tcase_add_test(tests, test_every_undocumented_method_is_405);
    tcase_add_test(tests, test_allow_and_the_document_name_the_same_methods);
    tests = shared_case(suite, "parameters");
    tcase_add_test(tests, test_every_documented_query_parameter_is_known);
    tcase_add_test(tests, test_documented_bounds_of_query_parameters_are_those_that_hold);
    tests = shared_case(suite, "bodies");
    tcase_add_test(tests, test_documented_media_types_of_bodies_are_taken_and_no_others);
    tcase_add_test(tests, test_examples_of_bodies_are_taken);
    return suite;
}
