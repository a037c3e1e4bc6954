/* The OpenAPI document against the tables and readers that it is written from. */
#include "api/openapi.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_intake.h"
#include "api/problem.h"
#include "api/route.h"
#include "api/schema.h"
#include "api/specification_json.h"
#include "core/base/memory.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static json_t *root;

/* Read as strictly as can be: a member twice would be lost on most readers. */
static void set_up(void) {
    struct buffer text;
    struct json_writer json;
    json_error_t error;
    buffer_init(&text, NULL, "a test");
    json_write_start(&json, &text);
    openapi_write(&json);
    ck_assert_int_eq(json_write_finish(&json, NULL), ERROR_NONE);
    root = json_loadb(text.data, text.used, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s at byte %d", error.text, error.position);
    buffer_free(&text);
}

static void tear_down(void) {
    json_decref(root);
}

static const json_t *member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "there is no %s", name);
    return value;
}

static const json_t *component(const char *kind, const char *name) {
    return member(member(member(root, "components"), kind), name);
}

/* The operation of a handler. */
static const json_t *find_operation(const struct route *route, const struct handler *handler) {
    char path[256] = "", method[16] = "";
    for (size_t i = 0; i < TARGET_SEGMENTS_MAX && route->segments[i] != NULL; i++) {
        const size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, "/%s", route->segments[i]);
    }
    for (size_t i = 0; handler->method[i] != '\0'; i++) {
        method[i] = (char)(handler->method[i] - 'A' + 'a');
    }
    return member(member(member(root, "paths"), path), method);
}

typedef void handler_function(const struct handler *handler, const json_t *operation);

static size_t for_each_handler(handler_function *function) {
    size_t count = 0;
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = 0; j < HANDLERS_MAX && routes[i].handlers[j].method != NULL; j++) {
            const struct handler *handler = &routes[i].handlers[j];
            function(handler, find_operation(&routes[i], handler));
            count++;
        }
    }
    return count;
}

/* ---- routes ---- */

static void expect_named(const struct handler *handler, const json_t *operation) {
    ck_assert_str_eq(json_string_value(member(operation, "operationId")), handler->operation);
    ck_assert_str_eq(json_string_value(member(operation, "summary")), handler->summary);
    const json_t *security = member(operation, "security");
    const json_t *scopes = json_object_get(json_array_get(security, 0), "bearer");
    const char *scope = json_string_value(json_array_get(scopes, 0));
    ck_assert_str_eq(scope != NULL ? scope : "none", scope_name(handler->scope));
}

START_TEST(test_every_route_is_in_the_document_and_nothing_else) {
    size_t documented = 0;
    const char *path, *key;
    json_t *item, *value;
    const size_t handlers = for_each_handler(expect_named);
    json_object_foreach((json_t *)member(root, "paths"), path, item) {
        json_object_foreach(item, key, value) {
            documented += strcmp(key, "parameters") != 0;
        }
    }
    EXPECT_COUNT(documented, handlers);
}
END_TEST

static size_t count_in(const json_t *parameters, const char *in) {
    size_t i, count = 0;
    json_t *parameter;
    json_array_foreach(parameters, i, parameter) {
        const char *found = json_string_value(json_object_get(parameter, "in"));
        count += strcmp(found != NULL ? found : "header", in) == 0; /* headers: by reference */
    }
    return count;
}

static const json_t *find_parameter(const json_t *operation, const char *name) {
    size_t i;
    json_t *parameter;
    json_array_foreach(member(operation, "parameters"), i, parameter) {
        const char *found = json_string_value(json_object_get(parameter, "name"));
        if (found != NULL && strcmp(found, name) == 0) {
            return parameter;
        }
    }
    return NULL;
}

static void expect_parameters(const struct handler *handler, const json_t *operation) {
    const json_t *parameters = member(operation, "parameters");
    size_t queries = 0, headers = 0;
    for (; handler->parameters[queries] != PARAMETER_NONE; queries++) {
        const struct parameter_description *row =
            &parameter_descriptions[handler->parameters[queries]];
        const json_t *parameter = json_array_get(parameters, queries);
        ck_assert_str_eq(json_string_value(member(parameter, "name")), row->name);
        ck_assert_str_eq(json_string_value(member(parameter, "description")), row->documentation);
    }
    for (; handler->hears[headers] != HEADER_NONE; headers++) {
        component("parameters", request_header_descriptions[handler->hears[headers]].name);
    }
    EXPECT_COUNT(count_in(parameters, "query"), queries);
    component("parameters", request_header_descriptions[HEADER_REQUEST_ID].name);
    component("parameters", request_header_descriptions[HEADER_CONTENT_ENCODING].name);
    headers += handler->body != BODY_NONE;
    EXPECT_COUNT(count_in(parameters, "header"), headers + 1); /* every call hears the id */
}

START_TEST(test_parameters_and_headers_of_every_call_are_in_the_document) {
    for_each_handler(expect_parameters);
}
END_TEST

static void expect_answers(const struct handler *handler, const json_t *operation) {
    const json_t *responses = member(operation, "responses");
    char status[16];
    for (const struct route_answer *answer = handler->answers; answer->status != 0; answer++) {
        const char *type = answer->media_type != NULL ? answer->media_type : "application/json";
        snprintf(status, sizeof status, "%u", answer->status);
        const json_t *response = member(responses, status);
        if (answer->schema != NULL) {
            member(member(response, "content"), type);
            component("schemas", answer->schema);
        }
        for (const char *at = answer->headers; at != NULL && *at != '\0';) {
            char name[48];
            const size_t length = strcspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)length, at);
            component("headers", name);
            at += length + strspn(at + length, " ");
        }
    }
    for (const unsigned *error = handler->errors; *error != 0; error++) {
        snprintf(status, sizeof status, "%u", *error);
        member(responses, status);
    }
    if (handler->body_schema != NULL) {
        component("schemas", handler->body_schema);
    }
}

START_TEST(test_answers_and_errors_of_every_call_are_in_the_document) {
    for_each_handler(expect_answers);
}
END_TEST

/* Where the document shows an error, it shows that one. */
static void expect_example(const json_t *response, unsigned status) {
    const json_t *content = member(member(response, "content"), "application/problem+json");
    const json_t *example = member(content, "example");
    EXPECT_COUNT((size_t)json_integer_value(member(example, "status")), status);
    ck_assert_str_eq(json_string_value(member(example, "title")), problem_title(status));
    ck_assert_str_eq(json_string_value(member(example, "detail")),
                     json_string_value(member(example, "error")));
}

static void expect_problems(const struct handler *handler, const json_t *operation) {
    const char *status;
    json_t *response;
    (void)handler;
    json_object_foreach((json_t *)member(operation, "responses"), status, response) {
        const json_t *reference = json_object_get(response, "$ref");
        const char *name = reference != NULL ? strrchr(json_string_value(reference), '/') : NULL;
        const json_t *problem = name != NULL ? component("responses", name + 1) : response;
        if (status[0] >= '4') {
            expect_example(problem, (unsigned)strtoul(status, NULL, 10));
        }
    }
}

START_TEST(test_every_error_is_shown_by_an_example_of_its_own) {
    for_each_handler(expect_problems);
}
END_TEST

/* ---- readers ---- */

/* The fields that a reader allowed when it refused "no_such_field", against the properties
 * of an object's schema. */
static void expect_fields(const json_t *schema, const struct error *error) {
    const char *name;
    json_t *value;
    const json_t *properties = member(schema, "properties");
    const char *allowed = strstr(error->message, "allowed: ");
    ck_assert_msg(allowed != NULL && strstr(error->message, "'no_such_field'") != NULL, "found %s",
                  error->message);
    allowed += strlen("allowed: ");
    char words[ERROR_MESSAGE_BYTES];
    snprintf(words, sizeof words, "%s", allowed);
    size_t count = 0;
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        member(properties, word);
        count++;
    }
    json_object_foreach((json_t *)properties, name, value) {
        count--;
    }
    ck_assert_msg(count == 0, "a documented field is not read; those are %s", allowed);
}

/* What a create body is refused for; ' stands for ". */
static struct error refuse(const char *format, const char *name) {
    char text[256];
    struct error error = {.code = ERROR_NONE};
    struct specification specification;
    snprintf(text, sizeof text, format, name);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json_t *body = json_loads(text, 0, NULL);
    ck_assert_msg(body != NULL, "the test's own JSON is broken: %s", text);
    ck_assert_int_eq(specification_read(body, &specification, &error), ERROR_INVALID);
    json_decref(body);
    return error;
}

/* The schema among several whose name is that constant. */
static const json_t *variant(const char *schema, const char *of, const char *name) {
    size_t i;
    json_t *object;
    json_array_foreach(member(component("schemas", schema), of), i, object) {
        const json_t *its_name = json_object_get(json_object_get(object, "properties"), "name");
        const char *constant = json_string_value(json_object_get(its_name, "const"));
        if (constant != NULL && strcmp(constant, name) == 0) {
            return object;
        }
    }
    ck_abort_msg("%s has no %s", schema, name);
    return NULL;
}

START_TEST(test_create_body_has_the_fields_that_are_read) {
    const struct error body = refuse("{'%s': 1}", "no_such_field");
    expect_fields(component("schemas", "CreateModel"), &body);
    const struct error layer =
        refuse("{'inputs': 1, 'layers': [{'units': 1, '%s': 1}]}", "no_such_field");
    expect_fields(component("schemas", "LayerSettings"), &layer);
}
END_TEST

START_TEST(test_optimizers_have_the_fields_that_are_read) {
    for (size_t i = 0; i < OPTIMIZER_COUNT; i++) {
        const char *name = optimizer_functions[i].name;
        const struct error error = refuse(
            "{'inputs': 1, 'layers': [2], 'optimizer': {'name': '%s', 'no_such_field': 1}}", name);
        expect_fields(variant("OptimizerSettings", "oneOf", name), &error);
        expect_fields(variant("OptimizerChange", "anyOf", name), &error);
        expect_fields(variant("Optimizer", "oneOf", name), &error);
    }
}
END_TEST

START_TEST(test_schedules_have_the_fields_that_are_read) {
    for (size_t i = 0; i < SCHEDULE_COUNT; i++) {
        const char *name = schedule_functions[i].name;
        const struct error error = refuse("{'inputs': 1, 'layers': [2], 'optimizer': {'schedule': "
                                          "{'name': '%s', 'no_such_field': 1}}}",
                                          name);
        expect_fields(variant("ScheduleSettings", "oneOf", name), &error);
        expect_fields(variant("Schedule", "oneOf", name), &error);
    }
}
END_TEST

START_TEST(test_change_body_has_the_fields_that_are_read) {
    struct error error = {.code = ERROR_NONE};
    struct specification former, changed;
    json_t *body = json_pack("{s:i}", "no_such_field", 1);
    specification_init(&former);
    ck_assert_int_eq(specification_change(body, &former, &former, &changed, &error), ERROR_INVALID);
    expect_fields(component("schemas", "ChangeModel"), &error);
    json_decref(body);
}
END_TEST

/* ---- tables ---- */

/* An option's bounds and default, as the table has them. */
START_TEST(test_optimizer_options_have_the_bounds_of_the_table) {
    for (size_t i = 0; i < OPTIMIZER_COUNT * OPTIMIZER_OPTION_COUNT; i++) {
        const enum optimizer optimizer = i / OPTIMIZER_OPTION_COUNT;
        const struct optimizer_option *option = &optimizer_options[i % OPTIMIZER_OPTION_COUNT];
        if ((option->optimizers & (1u << optimizer)) == 0) {
            continue;
        }
        struct optimizer_settings defaults;
        optimizer_defaults(&defaults, optimizer);
        const double value = optimizer_option_get(&defaults, option);
        const json_t *schema =
            variant("OptimizerSettings", "oneOf", optimizer_functions[optimizer].name);
        const json_t *field = member(member(schema, "properties"), option->name);
        const char *lowest = option->nullable ? "exclusiveMinimum" : "minimum";
        EXPECT_SAME(json_number_value(member(field, lowest)), option->minimum);
        EXPECT_SAME(json_number_value(member(field, "maximum")), option->maximum);
        EXPECT_SAME(json_number_value(member(field, "default")), value); /* null: 0 */
    }
}
END_TEST

static void expect_no_default(const json_t *schema, const char *name) {
    ck_assert_msg(json_object_get(schema, "default") == NULL, "%s has a default", name);
}

/* Generated clients send the defaults that they are told: a change of one setting would
 * put all others back. */
START_TEST(test_a_change_has_no_defaults) {
    for (size_t i = 0; i < OPTIMIZER_COUNT; i++) {
        const char *name;
        json_t *field;
        const json_t *schema = variant("OptimizerChange", "anyOf", optimizer_functions[i].name);
        json_object_foreach((json_t *)member(schema, "properties"), name, field) {
            expect_no_default(field, name);
        }
    }
}
END_TEST

/* And a default in the query would contradict what the body says. */
START_TEST(test_parameters_that_leave_the_word_to_the_body_have_no_default) {
    static const char *const names[] = {"scale",    "offset",           "top_k",
                                        "min_step", "confusion_matrix", "per_example"};
    static const char *const paths[] = {"/v1/models/{model}/predictions",
                                        "/v1/models/{model}/evaluations"};
    size_t found = 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const json_t *operation = member(member(member(root, "paths"), paths[i]), "post");
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            const json_t *parameter = find_parameter(operation, names[j]);
            if (parameter != NULL) {
                expect_no_default(member(parameter, "schema"), names[j]);
                found++;
            }
        }
    }
    EXPECT_COUNT(found, 9);
    const json_t *list = member(member(member(root, "paths"), "/v1/models"), "get");
    const json_t *limit = member(find_parameter(list, "limit"), "schema");
    EXPECT_SAME(json_number_value(member(limit, "default")), 20);
}
END_TEST

START_TEST(test_bodies_of_tensors_have_the_fields_of_their_purpose) {
    static const char *const names[] = {[INTAKE_BATCH] = "BatchBody",
                                        [INTAKE_PREDICTION] = "PredictionBody",
                                        [INTAKE_EVALUATION] = "EvaluationBody"};
    for (enum intake_purpose purpose = 0; purpose <= INTAKE_EVALUATION; purpose++) {
        const json_t *schema = component("schemas", names[purpose]);
        struct json_intake_field field;
        size_t count = 0;
        for (; json_intake_field(purpose, count, &field); count++) {
            member(member(schema, "properties"), field.name);
        }
        EXPECT_COUNT(json_object_size(member(schema, "properties")), count);
        ck_assert_str_eq(json_string_value(json_array_get(member(schema, "required"), 0)),
                         "inputs");
    }
}
END_TEST

START_TEST(test_bodies_are_text_where_they_are_and_else_binary) {
    static const char *const paths[] = {"/v1/models/{model}/batches",
                                        "/v1/models/{model}/predictions",
                                        "/v1/models/{model}/evaluations"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const json_t *operation = member(member(member(root, "paths"), paths[i]), "post");
        const json_t *content = member(member(operation, "requestBody"), "content");
        const json_t *binary = member(member(content, "application/vnd.safetensors"), "schema");
        const json_t *text = member(member(content, "text/csv"), "schema");
        ck_assert_str_eq(json_string_value(member(binary, "format")), "binary");
        ck_assert_ptr_eq(json_object_get(text, "format"), NULL);
    }
}
END_TEST

/* ---- memory ---- */

START_TEST(test_without_memory_there_is_no_document_yet) {
    const char *tag = NULL;
    long failures = 0;
    for (; tag == NULL && failures < 100; failures++) {
        memory_fail_after(failures);
        tag = openapi_tag();
    }
    memory_fail_after(-1);
    ck_assert_msg(tag != NULL && strlen(tag) == 16, "found no tag in the end");
    ck_assert_int_gt(failures, 1);
    ck_assert_ptr_eq(openapi_tag(), tag);
}
END_TEST

Suite *suite_openapi(void) {
    Suite *suite = suite_create("openapi");
    TCase *tests = tcase_create("document");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_every_route_is_in_the_document_and_nothing_else);
    tcase_add_test(tests, test_parameters_and_headers_of_every_call_are_in_the_document);
    tcase_add_test(tests, test_answers_and_errors_of_every_call_are_in_the_document);
    tcase_add_test(tests, test_every_error_is_shown_by_an_example_of_its_own);
    tcase_add_test(tests, test_create_body_has_the_fields_that_are_read);
    tcase_add_test(tests, test_optimizers_have_the_fields_that_are_read);
    tcase_add_test(tests, test_schedules_have_the_fields_that_are_read);
    tcase_add_test(tests, test_change_body_has_the_fields_that_are_read);
    tcase_add_test(tests, test_optimizer_options_have_the_bounds_of_the_table);
    tcase_add_test(tests, test_a_change_has_no_defaults);
    tcase_add_test(tests, test_parameters_that_leave_the_word_to_the_body_have_no_default);
    tcase_add_test(tests, test_bodies_of_tensors_have_the_fields_of_their_purpose);
    tcase_add_test(tests, test_bodies_are_text_where_they_are_and_else_binary);
    suite_add_tcase(suite, tests);
    tests = tcase_create("memory");
    tcase_add_test(tests, test_without_memory_there_is_no_document_yet);
    suite_add_tcase(suite, tests);
    return suite;
}
