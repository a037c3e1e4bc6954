/* X-Request-Id: in every answer, in problem documents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define HEADER "X-Request-Id"

static const struct answer *ask(const char *method, const char *path, const char *headers) {
    return request((struct call){.method = method, .path = path, .headers = headers});
}

/* 16 hexadecimal digits, a hyphen, 8 more. */
static void want_made(const char *id) {
    const char *const digits = "0123456789abcdef";
    ck_assert_msg(strlen(id) == 25 && strspn(id, digits) == 16 && id[16] == '-' &&
                      strspn(id + 17, digits) == 8,
                  "found '%s'; wanted an id that the daemon made", id);
}

START_TEST(test_a_clients_id_is_echoed) {
    static const char *const ids[] = {"a", "8e03978e-40d5-43e8-bc93-6894a57f9324",
                                      "Root=1-67891233-abcdef012345678912345678",
                                      "SGVsbG8+/w==", "a.b_c~d:e@f,g"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char headers[128];
        snprintf(headers, sizeof headers, HEADER ": %s", ids[i]);
        want_header(ask("GET", "/health/live", headers), HEADER, ids[i]);
    }
}
END_TEST

START_TEST(test_an_odd_id_is_replaced) {
    static const char *const ids[] = {"a b", "\"a\"", "<script>", "a;b", "é", "${x}", "a%20b"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char headers[128];
        snprintf(headers, sizeof headers, HEADER ": %s", ids[i]);
        want_made(header_of(ask("GET", "/health/live", headers), HEADER));
    }
}
END_TEST

START_TEST(test_an_id_has_at_most_128_characters) {
    char headers[256];
    for (int length = 128; length <= 129; length++) {
        const int used = snprintf(headers, sizeof headers, HEADER ": ");
        memset(headers + used, 'x', (size_t)length);
        headers[used + length] = '\0';
        const char *found = header_of(ask("GET", "/health/live", headers), HEADER);
        ck_assert_uint_eq(strlen(found), length == 128 ? 128 : 25);
    }
}
END_TEST

START_TEST(test_requests_without_an_id_get_different_ones) {
    SKIP_BEHIND_PROXY("the proxies give every request an id");
    char ids[20][64];
    for (size_t i = 0; i < 20; i++) {
        const char *id = header_of(get("/v1/models"), HEADER);
        want_made(id);
        snprintf(ids[i], sizeof ids[i], "%s", id);
        for (size_t k = 0; k < i; k++) {
            ck_assert_msg(strcmp(ids[i], ids[k]) != 0, "%s twice", id);
        }
    }
}
END_TEST

/* Whatever the answer is. */
START_TEST(test_every_answer_has_the_id) {
    static const struct {
        const char *method, *path, *body;
        long status;
    } rows[] = {
        {"GET", "/health/ready", NULL, 200},
        {"HEAD", "/v1/models/m", NULL, 200},
        {"OPTIONS", "/v1/models", NULL, 204},
        {"DELETE", "/v1/models/m", NULL, 204},
        {"GET", "/metrics", NULL, 200},
        {"GET", "/nothing", NULL, 404},
        {"PUT", "/v1/models", NULL, 405},
        {"GET", "/v1/models?x=1", NULL, 422},
        {"POST", "/v1/models", "{", 400},
        {"POST", "/v1/models/m/batches", "{\"inputs\": [[1]], \"labels\": [0]}", 202},
        {"POST", "/v1/models/m/predictions", "{\"inputs\": [[1]]}", 200},
    };
    create_pair("m");
    const struct answer *answer = request((struct call){
        .method = rows[_i].method,
        .path = rows[_i].path,
        .headers = HEADER ": the-id",
        .body = rows[_i].body,
        .bytes = rows[_i].body != NULL ? strlen(rows[_i].body) : 0,
    });
    want_header(want_status(answer, rows[_i].status), HEADER, "the-id");
}
END_TEST

START_TEST(test_problem_documents_have_the_id) {
    SKIP_BEHIND_PROXY("the proxies give every request an id");
    want_json(want_problem(ask("GET", "/nothing", HEADER ": the-id"), 404, NULL), "/request_id",
              "'the-id'");
    const struct answer *answer = want_problem(get("/nothing"), 404, NULL);
    want_made(text_at(answer, "/request_id"));
    want_equal_text(text_at(answer, "/request_id"), header_of(answer, HEADER));
}
END_TEST

static void want_in_raw(const char *request, size_t size, int status, const char *part) {
    char answer[4096];
    const int found = raw_exchange(request, size, answer, sizeof answer);
    ck_assert_msg(found == status && strstr(answer, part) != NULL,
                  "found %d: %s; wanted %d with '%s'", found, answer, status, part);
}

START_TEST(test_what_the_gate_refuses_has_the_id) {
    SKIP_BEHIND_PROXY("the proxies refuse it themselves");
    static const char named[] =
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: the-id\r\n"
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\n";
    static const char nameless[] = "GET /v1/models HTTP/1.1\r\n\r\n";
    static const char forged[] = "GET /v1/models HTTP/1.1\r\nX-Request-Id: a b\r\n\r\n";
    want_in_raw(named, sizeof named - 1, 400, "X-Request-Id: the-id\r\n");
    want_in_raw(nameless, sizeof nameless - 1, 400, "X-Request-Id: ");
    want_in_raw(forged, sizeof forged - 1, 400, "X-Request-Id: ");
}
END_TEST

/* An answer that comes within the body goes past libmicrohttpd. */
START_TEST(test_what_is_refused_within_its_body_has_the_id) {
    SKIP_BEHIND_PROXY("the proxies give every request an id");
    char head[256], answer[4096];
    daemon_start("--max-body", "1K", NULL);
    create_pair("m");
    const int connection = raw_connect();
    ck_assert(raw_send_text(connection, "POST /v1/models/m/batches HTTP/1.1\r\n"
                                        "Host: localhost\r\nX-Request-Id: the-id\r\n"
                                        "Transfer-Encoding: chunked\r\n\r\n"));
    char *chunk = malloc(1 << 16);
    memset(chunk, ' ', 1 << 16);
    snprintf(head, sizeof head, "%x\r\n", 1 << 16);
    for (int i = 0; i < 40; i++) {
        (void)(raw_send(connection, head, strlen(head)) && raw_send(connection, chunk, 1 << 16) &&
               raw_send(connection, "\r\n", 2));
    }
    ck_assert_int_eq(raw_read(connection, answer, sizeof answer), 413);
    ck_assert_msg(strstr(answer, "X-Request-Id: the-id\r\n") != NULL, "found %s", answer);
    ck_assert_msg(strstr(answer, "\"request_id\":\"the-id\"") != NULL, "found %s", answer);
    close(connection);
    free(chunk);
    daemon_stop();
}
END_TEST

START_TEST(test_an_id_splits_no_answer) {
    static const char request[] = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
                                  "X-Request-Id: a\rSet-Cookie: b=c\r\nConnection: close\r\n\r\n";
    char answer[4096];
    (void)raw_exchange(request, sizeof request - 1, answer, sizeof answer);
    ck_assert_msg(strstr(answer, "Set-Cookie") == NULL, "found %s", answer);
}
END_TEST

Suite *request_id_suite(void) {
    Suite *suite = suite_create("request_id");
    TCase *shared = shared_case(suite, "request_id");
    tcase_add_test(shared, test_a_clients_id_is_echoed);
    tcase_add_test(shared, test_an_odd_id_is_replaced);
    tcase_add_test(shared, test_an_id_has_at_most_128_characters);
    tcase_add_test(shared, test_requests_without_an_id_get_different_ones);
    tcase_add_loop_test(shared, test_every_answer_has_the_id, 0, 11);
    tcase_add_test(shared, test_problem_documents_have_the_id);
    tcase_add_test(shared, test_what_the_gate_refuses_has_the_id);
    tcase_add_test(shared, test_an_id_splits_no_answer);
    tcase_add_test(lone_case(suite, "daemons of their own"),
                   test_what_is_refused_within_its_body_has_the_id);
    return suite;
}
