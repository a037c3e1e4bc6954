/* The log of requests: one line each, and what never stands in it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

static const struct answer *ask(const char *method, const char *path, const char *headers) {
    return request((struct call){.method = method, .path = path, .headers = headers});
}

/* ---- reading the log ---- */

static json_t *lines; /* [line, …] of the newest reading, of message "request" */

static void read_log(void) {
    char *log = daemon_log();
    json_decref(lines);
    lines = json_array();
    for (char *line = log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(object != NULL, "a line that is no JSON: %s", line);
        if (strcmp(json_string_value(json_object_get(object, "message")), "request") == 0) {
            json_array_append(lines, object);
        }
        json_decref(object);
    }
    free(log);
}

static const json_t *find_line(const char *id) {
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line) {
        if (strcmp(json_string_value(json_object_get(line, "request_id")), id) == 0) {
            return line;
        }
    }
    return NULL;
}

/* The line of the request of that id, once it is there. */
static const json_t *line_of(const char *id) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    const json_t *line;
    for (read_log(); (line = find_line(id)) == NULL; read_log()) {
        ck_assert_msg(now_seconds() < until, "no line of request %s", id);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return line;
}

static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    return text != NULL ? text : "(no text)";
}

static void want_number(const json_t *line, const char *name, double wanted) {
    const double found = json_number_value(json_object_get(line, name));
    ck_assert_msg(found == wanted, "%s of %s is %g; wanted %g", name, text_of(line, "target"),
                  found, wanted);
}

static void begin(void) {
    daemon_start("--log-format", "json", NULL);
}

static void end(void) {
    daemon_stop();
    json_decref(lines);
    lines = NULL;
}

/* ---- a line ---- */

START_TEST(test_a_line_says_what_the_request_was) {
    begin();
    create_pair("m");
    const struct answer *answer = want_status(
        post_with("X-Request-Id: the-id", "/v1/models/m/predictions?scale=1", "{'inputs': [[1]]}"),
        200);
    const json_t *line = line_of("the-id");
    want_equal_text(text_of(line, "level"), "info");
    want_equal_text(text_of(line, "method"), "POST");
    want_equal_text(text_of(line, "target"), "/v1/models/m/predictions?scale=1");
    want_equal_text(text_of(line, "operation"), "predict");
    want_number(line, "status", 200);
    want_number(line, "request_bytes", 17);
    want_number(line, "response_bytes", (double)answer->bytes);
    const double seconds = json_number_value(json_object_get(line, "seconds"));
    ck_assert(seconds > 0 && seconds < DEADLINE_SECONDS);
    end();
}
END_TEST

START_TEST(test_a_line_names_the_client) {
    SKIP_BEHIND_PROXY("the client is the proxy");
    struct sockaddr_in name = {.sin_port = 0};
    socklen_t bytes = sizeof name;
    char answer[1024], wanted[64];
    begin();
    const int connection = raw_connect();
    ck_assert_int_eq(getsockname(connection, (struct sockaddr *)&name, &bytes), 0);
    ck_assert(raw_send_text(connection, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
                                        "X-Request-Id: the-id\r\n\r\n"));
    ck_assert_int_eq(raw_read(connection, answer, sizeof answer), 200);
    snprintf(wanted, sizeof wanted, "127.0.0.1:%u", ntohs(name.sin_port));
    want_equal_text(text_of(line_of("the-id"), "client"), wanted);
    close(connection);
    end();
}
END_TEST

START_TEST(test_a_client_on_a_unix_socket_is_named_so) {
    char address[512];
    snprintf(address, sizeof address, "unix:%s", scratch_name(".sock"));
    daemon_start_on(address, "--log-format", "json", NULL);
    want_status(ask("GET", "/v1/models", "X-Request-Id: the-id"), 200);
    want_equal_text(text_of(line_of("the-id"), "client"), "unix");
    end();
}
END_TEST

START_TEST(test_head_sends_no_bytes) {
    begin();
    want_status(ask("HEAD", "/v1/models", "X-Request-Id: the-id"), 200);
    want_number(line_of("the-id"), "response_bytes", 0);
    end();
}
END_TEST

START_TEST(test_a_long_answer_is_counted_to_its_end) {
    begin();
    create("{'name': 'm', 'inputs': 1, 'layers': [50]}");
    char *body = malloc(1 << 16);
    size_t used = (size_t)sprintf(body, "{\"inputs\": [[1]");
    for (int i = 0; i < 5000; i++) {
        used += (size_t)sprintf(body + used, ",[%d]", i % 10);
    }
    used += (size_t)sprintf(body + used, "]}");
    const struct answer *answer =
        want_status(request((struct call){.method = "POST",
                                          .path = "/v1/models/m/predictions",
                                          .headers = "X-Request-Id: the-id",
                                          .body = body,
                                          .bytes = used}),
                    200);
    free(body);
    ck_assert_uint_gt(answer->bytes, 1 << 20);
    want_number(line_of("the-id"), "response_bytes", (double)answer->bytes);
    want_number(line_of("the-id"), "request_bytes", (double)used);
    end();
}
END_TEST

START_TEST(test_a_request_that_matched_nothing_has_no_operation) {
    begin();
    want_status(ask("GET", "/nothing", "X-Request-Id: the-id"), 404);
    want_equal_text(text_of(line_of("the-id"), "operation"), "none");
    end();
}
END_TEST

START_TEST(test_what_the_gate_refuses_has_a_line) {
    SKIP_BEHIND_PROXY("the proxies refuse it themselves");
    static const char request[] = "GET /v1/models HTTP/1.1\r\nX-Request-Id: the-id\r\n\r\n";
    char answer[1024];
    begin();
    ck_assert_int_eq(raw_exchange(request, sizeof request - 1, answer, sizeof answer), 400);
    want_number(line_of("the-id"), "status", 400);
    end();
}
END_TEST

START_TEST(test_a_request_that_ended_before_its_answer_has_status_0) {
    char answer[256] = "";
    begin();
    create_pair("m");
    const int connection = raw_connect();
    ck_assert(raw_send_text(connection, "POST /v1/models/m/batches HTTP/1.1\r\nHost: localhost\r\n"
                                        "X-Request-Id: the-id\r\nContent-Length: 1000\r\n"
                                        "Expect: 100-continue\r\n\r\n"));
    ck_assert(read(connection, answer, sizeof answer - 1) > 0); /* it has begun */
    ck_assert_msg(strstr(answer, " 100 ") != NULL, "found %s", answer);
    raw_reset(connection);
    const json_t *line = line_of("the-id");
    want_number(line, "status", 0);
    want_equal_text(text_of(line, "operation"), "trainBatch");
    end();
}
END_TEST

START_TEST(test_a_failure_is_a_warning) {
    daemon_start("--log-format", "json", "--max-memory", "16M", NULL);
    const struct answer *refused = post_with("X-Request-Id: the-id", "/v1/models",
                                             "{'name': 'm', 'inputs': 1000, 'layers': [10000]}");
    want_problem(refused, 507, NULL);
    want_equal_text(text_of(line_of("the-id"), "level"), "warning");
    end();
}
END_TEST

/* ---- what a client sends ---- */

START_TEST(test_no_client_forges_a_line) {
    static const char request[] =
        "GET /\"},{\"message\":\"forged\"} HTTP/1.1\r\nHost: localhost\r\n"
        "X-Request-Id: the-id\r\n\r\n";
    char answer[1024];
    begin();
    (void)raw_exchange(request, sizeof request - 1, answer, sizeof answer);
    (void)line_of("the-id"); /* every line was read as JSON */
    char *log = daemon_log();
    ck_assert_ptr_null(strstr(log, "\"message\":\"forged\""));
    free(log);
    end();
}
END_TEST

START_TEST(test_a_long_target_is_cut) {
    char path[4096];
    begin();
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    want_status(ask("GET", path, "X-Request-Id: the-id"), 404);
    const char *target = text_of(line_of("the-id"), "target");
    ck_assert_uint_lt(strlen(target), 600);
    ck_assert_msg(strstr(target, "…") != NULL, "found %s", target);
    end();
}
END_TEST

#define TOKENS                                                                                     \
    "read sha256:90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8 reader\n"

START_TEST(test_no_token_is_logged) {
    static char name[512];
    snprintf(name, sizeof name, "%s", scratch_name(".tokens"));
    FILE *file = fopen(name, "w");
    fputs(TOKENS, file);
    fclose(file);
    daemon_start("--log-format", "json", "--log-level", "debug", "--token-file", name, NULL);
    want_status(ask("GET", "/v1/models", "Authorization: Bearer r-token\nX-Request-Id: good"), 200);
    want_status(ask("GET", "/v1/models", "Authorization: Bearer z-token\nX-Request-Id: bad"), 401);
    want_number(line_of("good"), "status", 200);
    want_number(line_of("bad"), "status", 401);
    char *log = daemon_log();
    ck_assert_ptr_null(strstr(log, "r-token"));
    ck_assert_ptr_null(strstr(log, "z-token"));
    ck_assert_ptr_null(strstr(log, "90fedcbc"));
    free(log);
    end();
}
END_TEST

/* ---- which requests ---- */

/* What is logged of a success, a mistake, a failure and a probe. */
static void want_lines(bool success, bool mistake, bool failure, bool probe) {
    const struct {
        const char *id;
        bool wanted;
    } rows[] = {{"success", success}, {"mistake", mistake}, {"failure", failure}, {"probe", probe}};
    want_status(ask("GET", "/v1/models", "X-Request-Id: success"), 200);
    want_status(ask("GET", "/nothing", "X-Request-Id: mistake"), 404);
    want_status(ask("GET", "/health/live", "X-Request-Id: probe"), 200);
    want_status(ask("GET", "/metrics", "X-Request-Id: probe"), 200);
    want_problem(post_with("X-Request-Id: failure", "/v1/models",
                           "{'name': 'm', 'inputs': 1000, 'layers': [10000]}"),
                 507, NULL);
    daemon_signal(SIGTERM); /* every line is written at the end */
    ck_assert_int_eq(daemon_wait(), 0);
    char *log = daemon_log();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg((strstr(log, rows[i].id) != NULL) == rows[i].wanted, "%s is %sin the log: %s",
                      rows[i].id, rows[i].wanted ? "not " : "", log);
    }
    free(log);
}

START_TEST(test_json_logs_all_but_what_is_polled) {
    daemon_start("--max-memory", "16M", "--log-format", "json", NULL);
    want_lines(true, true, true, false);
}
END_TEST

START_TEST(test_text_logs_failures) {
    daemon_start("--max-memory", "16M", NULL);
    want_lines(false, false, true, false);
}
END_TEST

START_TEST(test_all_is_all_in_text_too) {
    daemon_start("--max-memory", "16M", "--log-requests", "all", NULL);
    want_lines(true, true, true, false);
}
END_TEST

START_TEST(test_none_is_none_in_json_too) {
    daemon_start("--max-memory", "16M", "--log-format", "json", "--log-requests", "none", NULL);
    want_lines(false, false, false, false);
}
END_TEST

START_TEST(test_errors_are_failures_in_json_too) {
    daemon_start("--max-memory", "16M", "--log-format", "json", "--log-requests", "errors", NULL);
    want_lines(false, false, true, false);
}
END_TEST

START_TEST(test_what_is_polled_is_logged_at_level_debug) {
    daemon_start("--max-memory", "16M", "--log-level", "debug", "--log-requests", "all", NULL);
    want_lines(true, true, true, true);
}
END_TEST

Suite *request_log_suite(void) {
    Suite *suite = suite_create("request_log");
    TCase *tests = lone_case(suite, "request_log");
    tcase_add_test(tests, test_a_line_says_what_the_request_was);
    tcase_add_test(tests, test_a_line_names_the_client);
    tcase_add_test(tests, test_a_client_on_a_unix_socket_is_named_so);
    tcase_add_test(tests, test_head_sends_no_bytes);
    tcase_add_test(tests, test_a_long_answer_is_counted_to_its_end);
    tcase_add_test(tests, test_a_request_that_matched_nothing_has_no_operation);
    tcase_add_test(tests, test_what_the_gate_refuses_has_a_line);
    tcase_add_test(tests, test_a_request_that_ended_before_its_answer_has_status_0);
    tcase_add_test(tests, test_a_failure_is_a_warning);
    tcase_add_test(tests, test_no_client_forges_a_line);
    tcase_add_test(tests, test_a_long_target_is_cut);
    tcase_add_test(tests, test_no_token_is_logged);
    tcase_add_test(tests, test_json_logs_all_but_what_is_polled);
    tcase_add_test(tests, test_text_logs_failures);
    tcase_add_test(tests, test_all_is_all_in_text_too);
    tcase_add_test(tests, test_none_is_none_in_json_too);
    tcase_add_test(tests, test_errors_are_failures_in_json_too);
    tcase_add_test(tests, test_what_is_polled_is_logged_at_level_debug);
    return suite;
}
