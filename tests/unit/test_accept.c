/* api/accept.h: which media type a client wants. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "api/accept.h"
#include "tests/unit/suites.h"

#define JSON "application/json"
#define CSV "text/csv"
#define EVENTS "text/event-stream"

static const char *choose(const char *const *lines, size_t count) {
    struct accept accept = {.count = 0};
    accept_offer(&accept, JSON);
    accept_offer(&accept, CSV);
    accept_offer(&accept, EVENTS);
    for (size_t i = 0; i < count; i++) {
        accept_read(&accept, lines[i]);
    }
    return accept_choose(&accept);
}

static void want(const char *const *lines, size_t count, const char *wanted) {
    const char *found = choose(lines, count);
    ck_assert_msg(found == wanted || (found != NULL && wanted != NULL && !strcmp(found, wanted)),
                  "Accept: %s: found %s; wanted %s", count > 0 ? lines[0] : "(none)",
                  found != NULL ? found : "none", wanted != NULL ? wanted : "none");
}

static const struct {
    const char *line;
    const char *wanted; /* NULL: none */
} rows[] = {
    {JSON, JSON},
    {CSV, CSV},
    {EVENTS, EVENTS},
    {"TEXT/CSV", CSV},
    {"Text/Event-Stream", EVENTS},
    {"*/*", JSON},
    {"text/*", CSV},
    {"application/*", JSON},
    {"", JSON},
    {" ", JSON},
    {",,", JSON},
    {" , text/csv ,", CSV},
    {"text/csv;charset=utf-8", CSV},
    {"text/csv; header=present; q=1", CSV},
    {"text/csv; a=\"b;q=0\"", CSV}, /* a mark inside quotes is none */
    {"text/html; a=\"text/csv, b\"", NULL},
    {"text/csv; a=\"\\\"\"; q=0", NULL},
    /* nothing of ours */
    {"text/html", NULL},
    {"image/*", NULL},
    {"application/problem+json", NULL},
    {"application/jsonx", NULL},
    {"application/jso", NULL},
    {"text/csvx, textx/csv", NULL},
    {"*/csv", NULL},
    /* qualities */
    {"application/json;q=0.5, text/csv", CSV},
    {"application/json;q=0.5,text/csv;q=0.4", JSON},
    {"application/json;q=0.5,text/csv;q=0.501", CSV},
    {"application/json;Q=0.5,text/csv;q=0.6", CSV},
    {"application/json ; q=0.5 , text/csv ; q=0.6", CSV},
    {"text/csv;q=0", NULL},
    {"text/csv;q=0.000", NULL},
    {"text/csv;q=0, */*", JSON},
    {"application/json;q=0, */*", CSV},
    {"*/*;q=0", NULL},
    {"*/*;q=0, text/csv", CSV},
    {"text/*;q=0, */*", JSON},
    {"text/*;q=0, text/csv;q=0.1", CSV},
    {"*/*;q=0.1, text/csv;q=0.05", JSON},
    {"text/csv;q=1.000, application/json;q=0.999", CSV},
    /* among equals what is named more exactly, then JSON */
    {"text/csv, application/json", JSON},
    {"text/csv, */*", CSV},
    {"*/*, text/event-stream", EVENTS},
    {"text/*, application/json", JSON},
    {"text/event-stream, text/csv", CSV},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON},
    /* ranges that are not well formed are passed over */
    {"rubbish", JSON},
    {"rubbish, text/csv", CSV},
    {"text/csv;q=2", JSON},
    {"text/csv;q=1.001", JSON},
    {"text/csv;q=-1", JSON},
    {"text/csv;q=x, text/event-stream", EVENTS},
    {"text/csv;q=0.1234, text/event-stream", EVENTS},
    {"text/csv;q=", JSON},
    {"text/csv;q", CSV},
    {"text/csv;", CSV},
    {"/, text/, /csv", JSON},
    {"text/csv text/html, text/event-stream", EVENTS},
    {"text /csv", JSON},
    {"*", JSON},
};

START_TEST(test_header_names_what_is_answered) {
    want(&rows[_i].line, 1, rows[_i].wanted);
}
END_TEST

START_TEST(test_without_a_header_the_first_is_answered) {
    want(NULL, 0, JSON);
}
END_TEST

START_TEST(test_several_lines_are_one_list) {
    const char *const lines[] = {"text/html, application/json;q=0.1", "text/csv;q=0.2"};
    want(lines, 2, CSV);
}
END_TEST

START_TEST(test_parameters_of_what_is_offered_do_not_matter) {
    struct accept accept = {.count = 0};
    accept_offer(&accept, "text/plain; version=0.0.4");
    accept_read(&accept, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;"
                         "version=0.0.4;q=0.3,*/*;q=0.1");
    ck_assert_ptr_nonnull(accept_choose(&accept));
}
END_TEST

START_TEST(test_nothing_is_offered_beyond_the_room) {
    struct accept accept = {.count = 0};
    for (int i = 0; i <= ACCEPT_TYPES_MAX; i++) {
        accept_offer(&accept, i < ACCEPT_TYPES_MAX ? JSON : CSV);
    }
    accept_read(&accept, CSV);
    ck_assert(accept.count == ACCEPT_TYPES_MAX);
    ck_assert_ptr_null(accept_choose(&accept));
}
END_TEST

START_TEST(test_where_nothing_is_offered_there_is_nothing_to_choose) {
    struct accept accept = {.count = 0};
    ck_assert_ptr_null(accept_choose(&accept));
    accept_read(&accept, "*/*");
    ck_assert_ptr_null(accept_choose(&accept));
}
END_TEST

Suite *suite_accept(void) {
    Suite *suite = suite_create("accept");
    TCase *tests = tcase_create("accept");
    tcase_add_loop_test(tests, test_header_names_what_is_answered, 0,
                        (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tests, test_without_a_header_the_first_is_answered);
    tcase_add_test(tests, test_several_lines_are_one_list);
    tcase_add_test(tests, test_parameters_of_what_is_offered_do_not_matter);
    tcase_add_test(tests, test_nothing_is_offered_beyond_the_room);
    tcase_add_test(tests, test_where_nothing_is_offered_there_is_nothing_to_choose);
    suite_add_tcase(suite, tests);
    return suite;
}
