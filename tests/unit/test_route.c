/* The tables of routes, query parameters and request headers hold together. */
#include "api/route.h"

#include <check.h>
#include <string.h>

#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

typedef void handler_function(const struct route *route, const struct handler *handler);

static void for_each_handler(handler_function *function) {
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = 0; j < HANDLERS_MAX && routes[i].handlers[j].method != NULL; j++) {
            function(&routes[i], &routes[i].handlers[j]);
        }
    }
}

static bool parameter_is_taken[PARAMETER_COUNT], header_is_heard[HEADER_COUNT];

static void mark(const struct route *route, const struct handler *handler) {
    (void)route;
    for (const enum parameter *at = handler->parameters; *at != PARAMETER_NONE; at++) {
        parameter_is_taken[*at] = true;
    }
    for (const enum request_header *at = handler->hears; *at != HEADER_NONE; at++) {
        header_is_heard[*at] = true;
    }
    header_is_heard[HEADER_CONTENT_ENCODING] |= handler->body != BODY_NONE;
    header_is_heard[HEADER_REQUEST_ID] = true;
}

START_TEST(test_every_parameter_is_bounded_documented_and_taken) {
    for_each_handler(mark);
    for (size_t i = PARAMETER_NONE + 1; i < PARAMETER_COUNT; i++) {
        const struct parameter_description *row = &parameter_descriptions[i];
        ck_assert_msg(row->name != NULL && row->documentation != NULL, "parameter %zu", i);
        const bool has_bounds = row->type == PARAMETER_INTEGER || row->type == PARAMETER_NUMBER;
        ck_assert_msg(has_bounds ? row->minimum < row->maximum : row->maximum == 0, "bounds of %s",
                      row->name);
        ck_assert_msg(parameter_is_taken[i], "no call takes parameter %zu, %s", i, row->name);
    }
}
END_TEST

START_TEST(test_every_request_header_is_documented_and_heard) {
    for_each_handler(mark);
    for (size_t i = HEADER_NONE + 1; i < HEADER_COUNT; i++) {
        const struct request_header_description *row = &request_header_descriptions[i];
        ck_assert_msg(row->name != NULL && row->example != NULL && row->documentation != NULL,
                      "header %zu", i);
        ck_assert_msg(header_is_heard[i], "no call hears %s", row->name);
    }
}
END_TEST

static void expect_one_row_a_name(const struct route *route, const struct handler *handler) {
    (void)route;
    for (const enum parameter *at = handler->parameters; *at != PARAMETER_NONE; at++) {
        for (const enum parameter *other = handler->parameters; other < at; other++) {
            ck_assert_msg(
                strcmp(parameter_descriptions[*at].name, parameter_descriptions[*other].name) != 0,
                "%s takes %s twice", handler->operation, parameter_descriptions[*at].name);
        }
    }
}

START_TEST(test_no_call_takes_a_parameter_twice) {
    for_each_handler(expect_one_row_a_name);
}
END_TEST

static void expect_complete(const struct route *route, const struct handler *handler) {
    ck_assert_msg(handler->operation != NULL && handler->summary != NULL && handler->handle != NULL,
                  "%s of %s/%s", handler->method, route->segments[0], route->segments[1]);
    ck_assert_msg(route->tag != NULL, "%s has no tag", handler->operation);
    ck_assert_msg((handler->body == BODY_JSON || handler->body == BODY_MODEL) ==
                      (handler->body_schema != NULL),
                  "the schema of the body of %s", handler->operation);
    ck_assert_msg(handler->answers[0].status != 0, "%s has no answer", handler->operation);
    for (const struct route_answer *answer = handler->answers; answer->status != 0; answer++) {
        ck_assert_msg(answer->when != NULL, "answer %u of %s", answer->status, handler->operation);
    }
    ck_assert_uint_eq(handler->parameters[PARAMETERS_MAX_A_CALL], PARAMETER_NONE);
    ck_assert_uint_eq(handler->hears[HEARS_MAX], HEADER_NONE);
    ck_assert_uint_eq(handler->answers[ANSWERS_MAX].status, 0);
    ck_assert_uint_eq(handler->errors[ERRORS_MAX], 0);
}

START_TEST(test_every_call_has_an_operation_an_answer_and_ended_lists) {
    for_each_handler(expect_complete);
}
END_TEST

static void expect_precondition(const struct route *route, const struct handler *handler) {
    bool on_a_model = false, refuses = false;
    for (size_t i = 0; i < TARGET_SEGMENTS_MAX && route->segments[i] != NULL; i++) {
        on_a_model |= strcmp(route->segments[i], MODEL_SEGMENT) == 0;
    }
    for (const unsigned *error = handler->errors; *error != 0; error++) {
        refuses |= *error == 412;
    }
    ck_assert_msg(route_hears(handler, HEADER_IF_MATCH) == on_a_model && refuses == on_a_model,
                  "%s: If-Match and 412 are of every call on a model", handler->operation);
}

START_TEST(test_every_call_on_a_model_hears_if_match) {
    for_each_handler(expect_precondition);
}
END_TEST

static const char *operations[256];
static size_t operation_count;

static void expect_new_operation(const struct route *route, const struct handler *handler) {
    (void)route;
    for (size_t i = 0; i < operation_count; i++) {
        ck_assert_msg(strcmp(operations[i], handler->operation) != 0, "two calls are %s",
                      handler->operation);
    }
    ck_assert_uint_lt(operation_count, sizeof operations / sizeof *operations);
    operations[operation_count++] = handler->operation;
}

START_TEST(test_operations_have_names_of_their_own) {
    for_each_handler(expect_new_operation);
}
END_TEST

Suite *suite_route(void) {
    Suite *suite = suite_create("route");
    TCase *tests = tcase_create("tables");
    tcase_add_test(tests, test_every_parameter_is_bounded_documented_and_taken);
    tcase_add_test(tests, test_every_request_header_is_documented_and_heard);
    tcase_add_test(tests, test_no_call_takes_a_parameter_twice);
    tcase_add_test(tests, test_every_call_has_an_operation_an_answer_and_ended_lists);
    tcase_add_test(tests, test_every_call_on_a_model_hears_if_match);
    tcase_add_test(tests, test_operations_have_names_of_their_own);
    suite_add_tcase(suite, tests);
    return suite;
}
