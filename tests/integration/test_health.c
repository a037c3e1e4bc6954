/* Probes, methods and addresses. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

static const struct answer *ask(const char *method, const char *path) {
    return request((struct call){.method = method, .path = path});
}

/* ---- probes ---- */

START_TEST(test_live_and_ready_are_200) {
    want_json(want_status(get("/health/live"), 200), "", "{'live': true}");
    want_json(want_status(get("/health/ready"), 200), "",
              daemons_store() ? "{'ready': true, 'state': 'serving', 'store': 'sqlite'}"
                              : "{'ready': true, 'state': 'serving', 'store': 'memory'}");
}
END_TEST

START_TEST(test_draining_daemon_is_live_but_not_ready) {
    daemon_start(NULL, NULL);
    slow_create();
    for (int i = 0; i < 3; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGTERM);
    const struct answer *ready = await_json("/health/ready", "/state", "'draining'");
    want_json(want_status(ready, 503), "/ready", "false");
    want_status(get("/health/live"), 200);
    want_status(get("/v1/models/slow"), 200);
    const struct answer *refused = want_problem(slow_post(NULL), 503, NULL);
    ck_assert_msg(*header_of(refused, "Retry-After") != '\0', "found no Retry-After with 503");
    if (!behind_proxy()) { /* which keeps its own connection to the client */
        want_header(refused, "Connection", "close");
    }
    want_problem(post("/v1/models", "{'name': 'n', 'inputs': 1, 'layers': [2]}"), 503, NULL);
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* ---- methods ---- */

START_TEST(test_head_is_get_without_a_body) {
    static const char *const paths[] = {"/health/live",      "/health/ready",
                                        "/v1/models",        "/v1/models/m",
                                        "/v1/models/m/loss", "/v1/models/m/batches/1"};
    create_pair("m");
    const struct answer *head = want_status(ask("HEAD", paths[_i]), 200);
    const struct answer *whole = want_status(get("%s", paths[_i]), 200);
    char length[24];
    snprintf(length, sizeof length, "%zu", whole->bytes);
    ck_assert_uint_eq(head->bytes, 0);
    want_header(head, "Content-Length", length);
    want_header(head, "Content-Type", "application/json");
}
END_TEST

START_TEST(test_head_of_nothing_is_404_without_a_body) {
    ck_assert_uint_eq(want_status(ask("HEAD", "/v1/models/none"), 404)->bytes, 0);
}
END_TEST

static const struct {
    const char *path, *allow, *refused;
} methods[] = {
    {"/v1/models", "OPTIONS, POST, GET, HEAD", "DELETE"},
    {"/v1/models/m", "OPTIONS, GET, HEAD, PATCH, DELETE", "POST"},
    {"/v1/models/m/batches", "OPTIONS, POST, DELETE", "GET"},
    {"/v1/models/m/batches/1", "OPTIONS, GET, HEAD, DELETE", "POST"},
    {"/v1/models/m/loss", "OPTIONS, GET, HEAD", "PUT"},
    {"/v1/models/m/predictions", "OPTIONS, POST", "HEAD"},
    {"/v1/models/m/evaluations", "OPTIONS, POST", "PATCH"},
    {"/health/live", "OPTIONS, GET, HEAD", "POST"},
    {"/health/ready", "OPTIONS, GET, HEAD", "BREW"},
};

START_TEST(test_options_answers_204_with_allow) {
    const struct answer *answer = want_status(ask("OPTIONS", methods[_i].path), 204);
    want_header(answer, "Allow", methods[_i].allow);
    ck_assert_uint_eq(answer->bytes, 0);
}
END_TEST

START_TEST(test_method_not_allowed_is_405_with_allow) {
    const struct answer *answer = want_status(ask(methods[_i].refused, methods[_i].path), 405);
    want_header(answer, "Allow", methods[_i].allow);
}
END_TEST

START_TEST(test_options_of_the_server_itself_is_204) {
    static const char *const targets[] = {"/", "*"};
    if (_i == 1) {
        SKIP_BEHIND("nginx", "nginx takes no target *");
    }
    char wanted[128], answer[1024];
    snprintf(wanted, sizeof wanted, "OPTIONS %s HTTP/1.1\r\nHost: localhost\r\n\r\n", targets[_i]);
    const int status = raw_exchange(wanted, strlen(wanted), answer, sizeof answer);
    ck_assert_msg(status == 204 && strcasestr(answer, "Allow: ") != NULL,
                  "found %d: %s; wanted 204 with Allow", status, answer);
}
END_TEST

/* ---- addresses ---- */

static bool has_bad_escape(const char *path) {
    for (const char *at = strchr(path, '%'); at != NULL; at = strchr(at + 1, '%')) {
        if (!isxdigit((unsigned char)at[1]) || !isxdigit((unsigned char)at[2]) ||
            strncmp(at, "%00", 3) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(test_odd_addresses_match_nothing) {
    static const char *const paths[] = {
        "/",
        "/v1",
        "/v2/models",
        "/v1/models/m/nothing",
        "/v1/models/m/loss/more/and/more/of/it",
        "//v1/models",
        "/v1//models",
        "/v1/models//m",
        "/v1/./models",
        "/v1/models/.",
        "/v1/models/..",
        "/v1/models/../models",
        "/v1/models/m/../m",
        "/v1/models/%2e%2e/models",
        "/v1/models/%2E",
        "/v1%2Fmodels",
        "/v1/models%2Fm",
        "/v1/models/m%2Floss",
        "/v1/models/m%00",
        "/v1/models/%00m",
        "/v1/models/m%0",
        "/v1/models/m%",
        "/v1/models/m%zz",
        "/v1/models/%256d",
        "/V1/models",
        "/health",
        "/health/live/more",
    };
    if (has_bad_escape(paths[_i])) {
        SKIP_BEHIND("nginx", "nginx answers 400 to bad escapes");
    }
    create_pair("m");
    want_problem(get("%s", paths[_i]), 404, NULL);
    want_status(ask("DELETE", paths[_i]), 404);
    want_status(get("/v1/models/m"), 200);
}
END_TEST

START_TEST(test_trailing_slash_is_404_that_says_so) {
    static const char *const paths[] = {"/v1/models/", "/v1/models/m/", "/health/live/"};
    create_pair("m");
    want_detail(want_problem(get("%s", paths[_i]), 404, NULL), "slash");
    want_status(ask("DELETE", paths[_i]), 404);
    want_status(get("/v1/models/m"), 200);
}
END_TEST

START_TEST(test_absolute_form_is_served) {
    static const char wanted[] =
        "GET http://example.org/health/live HTTP/1.1\r\nHost: example.org\r\n\r\n";
    char answer[1024];
    const int status = raw_exchange(wanted, sizeof wanted - 1, answer, sizeof answer);
    ck_assert_msg(status == 200, "found %d: %s; wanted 200", status, answer);
}
END_TEST

START_TEST(test_unknown_query_parameter_is_422) {
    static const char *const paths[] = {"/v1/models?page=2", "/v1/models/m?Limit=1",
                                        "/v1/models/m/loss?befor=3", "/health/live?x",
                                        "/v1/models/m/batches/1?wait=3"};
    create_pair("m");
    want_detail(want_problem(get("%s", paths[_i]), 422, NULL), "unknown query parameter");
}
END_TEST

START_TEST(test_query_parameter_twice_is_422) {
    want_problem(get("/v1/models?limit=2&limit=3"), 422, NULL);
}
END_TEST

START_TEST(test_broken_escape_in_a_query_is_400) {
    static const char *const queries[] = {"limit=%zz", "after=%", "after=%00", "%=1"};
    want_problem(get("/v1/models?%s", queries[_i]), 400, NULL);
}
END_TEST

START_TEST(test_empty_query_is_no_parameter) {
    want_status(get("/v1/models?"), 200);
    want_status(get("/v1/models?&&"), 200);
}
END_TEST

START_TEST(test_connection_serves_one_request_after_another) {
    static const char two[] =
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        "GET /v1/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[4096] = "";
    const int connection = raw_connect();
    raw_send(connection, two, sizeof two - 1);
    size_t used = 0;
    while (used < sizeof answer - 1 && strstr(answer, "404") == NULL) {
        ck_assert_msg(raw_read(connection, answer + used, sizeof answer - used) > 0,
                      "found %s; wanted two answers", answer);
        used += strlen(answer + used);
    }
    ck_assert_msg(strstr(answer, "HTTP/1.1 200") != NULL && strstr(answer, "HTTP/1.1 404") != NULL,
                  "found %s; wanted 200 and 404", answer);
    close(connection);
}
END_TEST

Suite *health_suite(void) {
    Suite *suite = suite_create("health");
    TCase *tests = shared_case(suite, "probes");
    tcase_add_test(tests, test_live_and_ready_are_200);
    tests = shared_case(suite, "methods");
    tcase_add_loop_test(tests, test_head_is_get_without_a_body, 0, 6);
    tcase_add_test(tests, test_head_of_nothing_is_404_without_a_body);
    tcase_add_loop_test(tests, test_options_answers_204_with_allow, 0, 9);
    tcase_add_loop_test(tests, test_method_not_allowed_is_405_with_allow, 0, 9);
    tcase_add_loop_test(tests, test_options_of_the_server_itself_is_204, 0, 2);
    tests = shared_case(suite, "addresses");
    tcase_add_loop_test(tests, test_odd_addresses_match_nothing, 0, 27);
    tcase_add_loop_test(tests, test_trailing_slash_is_404_that_says_so, 0, 3);
    tcase_add_test(tests, test_absolute_form_is_served);
    tcase_add_loop_test(tests, test_unknown_query_parameter_is_422, 0, 5);
    tcase_add_test(tests, test_query_parameter_twice_is_422);
    tcase_add_loop_test(tests, test_broken_escape_in_a_query_is_400, 0, 4);
    tcase_add_test(tests, test_empty_query_is_no_parameter);
    tcase_add_test(tests, test_connection_serves_one_request_after_another);
    tests = lone_case(suite, "draining");
    tcase_add_test(tests, test_draining_daemon_is_live_but_not_ready);
    return suite;
}
