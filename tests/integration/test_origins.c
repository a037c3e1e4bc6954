/* From where the daemon may be called: Host, Origin, Sec-Fetch-Site. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define PAGE "https://app.example.org"
#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [2]}"

static const struct answer *ask(const char *method, const char *path, const char *headers) {
    return request((struct call){.method = method, .path = path, .headers = headers});
}

START_TEST(test_foreign_host_is_403_and_the_option_is_named) {
    static const char *const rows[] = {"Host: evil.example", "Host: evil.example:8080",
                                       "Host: localhost.evil.example", "Host: 10.0.0.1"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct answer *answer = want_problem(ask("GET", "/v1/models", rows[i]), 403, NULL);
        want_detail(want_detail(answer, "--allowed-hosts"), strchr(rows[i], ' ') + 1);
    }
}
END_TEST

START_TEST(test_loopback_names_are_hosts) {
    static const char *const rows[] = {"Host: localhost", "Host: LOCALHOST:1", "Host: 127.0.0.1",
                                       "Host: [::1]:8080"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want_status(ask("GET", "/v1/models", rows[i]), 200);
    }
}
END_TEST

START_TEST(test_absolute_target_with_a_foreign_host_is_403) {
    SKIP_BEHIND("haproxy", "HAProxy answers 400 to a target and a Host that differ");
    char answer[2048];
    static const char foreign[] = "GET http://evil.example/v1/models HTTP/1.1\r\n"
                                  "Host: localhost\r\n\r\n";
    static const char own[] = "GET http://localhost/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ck_assert_int_eq(raw_exchange(foreign, sizeof foreign - 1, answer, sizeof answer), 403);
    ck_assert_int_eq(raw_exchange(own, sizeof own - 1, answer, sizeof answer), 200);
}
END_TEST

START_TEST(test_http_1_0_needs_no_host) {
    char answer[2048];
    static const char text[] = "GET /v1/models HTTP/1.0\r\n\r\n";
    ck_assert_int_eq(raw_exchange(text, sizeof text - 1, answer, sizeof answer), 200);
}
END_TEST

/* A kubelet sends the pod's address. */
START_TEST(test_probes_are_answered_to_every_host_and_origin) {
    want_status(ask("GET", "/health/live", "Host: 10.1.2.3:8080"), 200);
    want_status(ask("GET", "/health/ready", "Host: evil.example"), 200);
    want_status(ask("GET", "/health/live", "Origin: http://evil.example"), 200);
    want_status(ask("GET", "/health/live", "Sec-Fetch-Site: cross-site"), 200);
}
END_TEST

/* The page came from evil.example, whose name server says 127.0.0.1 from then on. */
START_TEST(test_dns_rebinding_is_refused) {
    char headers[200];
    snprintf(headers, sizeof headers,
             "Host: evil.example:%u\nOrigin: http://evil.example:%u\nSec-Fetch-Site: same-origin",
             daemon_port(), daemon_port());
    want_problem(ask("GET", "/v1/models", headers), 403, NULL);
    want_problem(post_with(headers, "/v1/models", MODEL), 403, NULL);
    want_problem(ask("OPTIONS", "/v1/models", headers), 403, NULL);
    want_json(get("/v1/models"), "/data", "[]");
}
END_TEST

START_TEST(test_foreign_origin_is_403_and_changes_nothing) {
    static const char *const rows[] = {"Origin: http://evil.example", "Origin: null",
                                       "Origin: http://localhost:1",
                                       "Origin: http://evil.example\nSec-Fetch-Site: none"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct answer *answer =
            want_problem(post_with(rows[i], "/v1/models", MODEL), 403, NULL);
        want_header(want_detail(answer, "--allowed-origins"), "Access-Control-Allow-Origin", "");
        want_problem(ask("GET", "/v1/models", rows[i]), 403, NULL);
    }
    want_json(get("/v1/models"), "/data", "[]");
}
END_TEST

START_TEST(test_own_origin_passes) {
    char headers[100];
    snprintf(headers, sizeof headers, "Origin: http://127.0.0.1:%u\nSec-Fetch-Site: same-origin",
             daemon_front_port());
    want_status(post_with(headers, "/v1/models", MODEL), 201);
    want_header(want_status(ask("GET", "/v1/models", headers), 200), "Access-Control-Allow-Origin",
                "");
}
END_TEST

START_TEST(test_pages_of_other_sites_are_403_without_an_origin_too) {
    want_detail(want_problem(ask("GET", "/v1/models", "Sec-Fetch-Site: cross-site"), 403, NULL),
                "cross-site");
    want_problem(ask("GET", "/v1/models", "Sec-Fetch-Site: same-site"), 403, NULL);
    want_status(ask("GET", "/v1/models", "Sec-Fetch-Site: same-origin"), 200);
    want_status(ask("GET", "/v1/models", "Sec-Fetch-Site: none"), 200);
}
END_TEST

/* ---- allowed ones ---- */

START_TEST(test_allowed_hosts_are_answered) {
    daemon_start("--allowed-hosts", "mlpd.example.org,b.example:81", NULL);
    want_status(ask("GET", "/v1/models", "Host: mlpd.example.org"), 200);
    want_status(ask("GET", "/v1/models", "Host: MLPD.example.org:8443"), 200);
    want_status(ask("GET", "/v1/models", "Host: b.example:81"), 200);
    want_status(ask("GET", "/v1/models", NULL), 200);
    want_problem(ask("GET", "/v1/models", "Host: b.example"), 403, NULL);
    want_problem(ask("GET", "/v1/models", "Host: evil.example"), 403, NULL);
    want_status(
        post_with("Host: mlpd.example.org\nOrigin: https://mlpd.example.org", "/v1/models", MODEL),
        201);
    daemon_stop();
}
END_TEST

START_TEST(test_allowed_origins_may_call_and_read) {
    daemon_start("--allowed-origins", PAGE, NULL);
    const struct answer *answer = want_status(
        post_with("Origin: " PAGE "\nSec-Fetch-Site: cross-site", "/v1/models", MODEL), 201);
    want_header(answer, "Access-Control-Allow-Origin", PAGE);
    want_header(answer, "Access-Control-Expose-Headers", "*");
    want_header(answer, "Vary", "Origin");
    want_header(answer, "Access-Control-Allow-Methods", "");
    want_header(want_problem(ask("GET", "/v1/models/none", "Origin: " PAGE), 404, NULL),
                "Access-Control-Allow-Origin", PAGE);
    answer = want_problem(ask("GET", "/v1/models", "Origin: http://app.example.org"), 403, NULL);
    want_header(answer, "Access-Control-Allow-Origin", "");
    want_header(want_status(get("/v1/models"), 200), "Access-Control-Allow-Origin", "");
    daemon_stop();
}
END_TEST

/* What a browser asks before it sends a page's request with JSON or a token. */
START_TEST(test_preflight_of_an_allowed_origin_is_answered) {
    daemon_start("--allowed-origins", PAGE, NULL);
    const struct answer *answer =
        want_status(ask("OPTIONS", "/v1/models",
                        "Origin: " PAGE "\nSec-Fetch-Site: cross-site\n"
                        "Access-Control-Request-Method: POST\n"
                        "Access-Control-Request-Headers: authorization,content-type"),
                    204);
    want_header(answer, "Access-Control-Allow-Origin", PAGE);
    want_header(answer, "Access-Control-Max-Age", "600");
    ck_assert_ptr_nonnull(strstr(header_of(answer, "Access-Control-Allow-Methods"), "POST"));
    ck_assert_ptr_nonnull(
        strstr(header_of(answer, "Access-Control-Allow-Headers"), "Authorization, Content-Type"));
    want_problem(ask("OPTIONS", "/v1/models",
                     "Origin: http://evil.example\nAccess-Control-Request-Method: POST"),
                 403, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_every_host_passes_over_a_unix_socket) {
    char address[600];
    snprintf(address, sizeof address, "unix:%s", scratch_name(".socket"));
    daemon_start_on(address, NULL, NULL);
    want_status(ask("GET", "/v1/models", "Host: anything.example"), 200);
    want_problem(ask("GET", "/v1/models", "Host: a\nOrigin: http://evil.example"), 403, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_names_are_refused_and_addresses_not_where_all_are_listened_on) {
    char token_file[512];
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    FILE *file = fopen(token_file, "w");
    /* of "t", by sha256sum */
    fputs("read sha256:e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8\n", file);
    fclose(file);
    daemon_start_on("0.0.0.0:0", "--token-file", token_file, NULL);
    want_status(ask("GET", "/v1/models", "Authorization: Bearer t\nHost: 192.0.2.1:80"), 200);
    want_status(ask("GET", "/v1/models", "Authorization: Bearer t\nHost: evil.example"), 403);
    daemon_stop();
}
END_TEST

START_TEST(test_star_needs_tokens) {
    static const char *const rows[] = {"--allowed-hosts", "--allowed-origins"};
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){rows[_i], "*", NULL});
    ck_assert_int_eq(run.status, 2);
    ck_assert_msg(strstr(run.err, "--token-file") != NULL && strstr(run.err, rows[_i]) != NULL,
                  "found %s", run.err);
}
END_TEST

Suite *origins_suite(void) {
    Suite *suite = suite_create("origins");
    TCase *tests = shared_case(suite, "defaults");
    tcase_add_test(tests, test_foreign_host_is_403_and_the_option_is_named);
    tcase_add_test(tests, test_loopback_names_are_hosts);
    tcase_add_test(tests, test_absolute_target_with_a_foreign_host_is_403);
    tcase_add_test(tests, test_http_1_0_needs_no_host);
    tcase_add_test(tests, test_probes_are_answered_to_every_host_and_origin);
    tcase_add_test(tests, test_dns_rebinding_is_refused);
    tcase_add_test(tests, test_foreign_origin_is_403_and_changes_nothing);
    tcase_add_test(tests, test_own_origin_passes);
    tcase_add_test(tests, test_pages_of_other_sites_are_403_without_an_origin_too);
    tests = lone_case(suite, "allowed");
    tcase_add_test(tests, test_allowed_hosts_are_answered);
    tcase_add_test(tests, test_allowed_origins_may_call_and_read);
    tcase_add_test(tests, test_preflight_of_an_allowed_origin_is_answered);
    tcase_add_test(tests, test_every_host_passes_over_a_unix_socket);
    tcase_add_test(tests, test_names_are_refused_and_addresses_not_where_all_are_listened_on);
    tcase_add_loop_test(tests, test_star_needs_tokens, 0, 2);
    return suite;
}
