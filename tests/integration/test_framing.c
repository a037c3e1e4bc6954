/* The size and the framing of bodies: what is too long, doubtful or cut is no batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"
#include "tests/integration/tensors.h"

#define BATCHES "/v1/models/m/batches"

/* ---- the size ---- */

START_TEST(test_long_content_length_is_413_before_the_body_is_sent) {
    static const char *const paths[] = {BATCHES, "/v1/models"};
    begin_with_model();
    char wanted[256], answer[2048];
    snprintf(wanted, sizeof wanted,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: 67108865\r\n\r\n{",
             paths[_i]);
    const int status = raw_exchange(wanted, strlen(wanted), answer, sizeof answer);
    ck_assert_msg(status == 413 && strstr(answer, "67108864") != NULL,
                  "found %d: %s; wanted 413 with the limit", status, answer);
    want_model_as_it_was();
}
END_TEST

static const struct answer *post_spaces(size_t bytes, bool chunked) {
    static const char body[] = "{\"inputs\":[[1,2]],\"labels\":[0]}";
    char *padded = malloc(bytes);
    memset(padded, ' ', bytes);
    memcpy(padded, body, sizeof body - 1);
    const struct answer *answer = request((struct call){
        .method = "POST", .path = BATCHES, .body = padded, .bytes = bytes, .chunked = chunked});
    free(padded);
    return answer;
}

START_TEST(test_limit_of_bodies_is_to_the_byte) {
    daemon_start("--max-body", "64K", NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    want_status(post_spaces(65536, false), 202);
    want_status(post_spaces(65536, true), 202);
    await_json("/v1/models/m", "/step", "2");
    want_problem(post_spaces(65537, false), 413, NULL);
    want_problem(post_spaces(65537, true), 413, NULL);
    want_problem(post_spaces(3 << 20, false), 413, NULL);
    want_problem(post_spaces(900000, true), 413, NULL);
    want_json(get("/v1/models/m"), "/step", "2");
    daemon_stop();
}
END_TEST

START_TEST(test_long_chunked_body_is_413_though_it_goes_on) {
    daemon_start("--max-body", "64K", NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    const int connection = raw_connect();
    char chunk[4096 + 1], answer[2048];
    memset(chunk, ' ', sizeof chunk);
    raw_send_text(connection,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
                  BATCHES);
    for (int i = 0; i < 2000; i++) { /* 8 MiB, or until the daemon has enough */
        if (!raw_send_text(connection, "1000\r\n%.4096s\r\n", chunk)) {
            break;
        }
    }
    const int status = raw_read(connection, answer, sizeof answer);
    close(connection);
    ck_assert_msg(status == 413, "found %d: %s; wanted 413", status, answer);
    daemon_stop();
}
END_TEST

START_TEST(test_batch_beyond_the_memory_is_507) {
    daemon_start("--max-memory", "16M", NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [2]}");
    char *items = calloc(3000000, 8), *labels = calloc(3000000, 1);
    const struct tensor tensors[] = {{"inputs", "F32", "[3000000, 2]", items, 24000000},
                                     {"labels", "U8", "[3000000]", labels, 3000000}};
    want_problem(post_tensors(BATCHES, NULL, tensors, 2, NULL), 507, NULL);
    want_status(train(BATCHES, "{'inputs': [[1, 2]], 'labels': [0]}"), 200);
    free(items);
    free(labels);
    daemon_stop();
}
END_TEST

/* ---- the framing ---- */

START_TEST(test_doubtful_framing_is_400) {
    static const char *const requests[] = {
        "POST " BATCHES
        " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST " BATCHES
        " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x2\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: two\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2, 2\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        "POST " BATCHES " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
        "POST " BATCHES
        " HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /health/live HTTP/1.1\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\nSpaced : x\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\nFolded: x\r\n y\r\n\r\n",
    };
    /* HAProxy makes one of equal lengths and unfolds lines, as RFC 9112 allows; nginx has
     * a status of its own for codings. */
    if (_i == 1 || _i == 7 || _i == 15) {
        SKIP_BEHIND("haproxy", "HAProxy mends equal lengths and folded lines");
    }
    if (_i == 8 || _i == 9) {
        SKIP_BEHIND("nginx", "nginx answers 501 to unknown codings");
    }
    begin_with_model();
    char answer[2048];
    const int status = raw_exchange(requests[_i], strlen(requests[_i]), answer, sizeof answer);
    ck_assert_msg(status == 400, "found %d: %s; wanted 400", status, answer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_chunk_that_lies_is_no_batch) {
    static const char *const chunks[] = {"zz\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n0\r\n\r\n",
                                         "1\r\n{}\r\n0\r\n\r\n",
                                         "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"};
    begin_with_model();
    char wanted[512], answer[2048];
    snprintf(wanted, sizeof wanted,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%s", BATCHES,
             chunks[_i]);
    const int status = raw_exchange(wanted, strlen(wanted), answer, sizeof answer);
    ck_assert_msg(status == 0 || (status >= 400 && status < 500),
                  "found %d: %s; wanted a 4xx or the end of the connection", status, answer);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_half_body_is_no_batch) {
    static const char *const framings[] = {"Content-Length: 31", "Transfer-Encoding: chunked"};
    begin_with_model();
    const int connection = raw_connect();
    raw_send_text(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n%s", BATCHES,
                  framings[_i], _i == 0 ? "{\"inputs\":[[1,2]]," : "1f\r\n{\"inputs\":[[1,2]],");
    close(connection);
    want_status(get("/health/live"), 200);
    want_model_as_it_was();
}
END_TEST

START_TEST(test_body_in_single_bytes_is_a_batch) {
    static const char body[] = "\xef\xbb\xbf{\"inputs\":[[1.5e0,-2]],\"labels\":[\"y\\u0065s\"]}";
    create("{'name': 'm', 'inputs': 2, 'layers': [2], 'classes': ['no', 'yes']}");
    const int connection = raw_connect();
    char answer[2048];
    raw_send_text(connection,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                  "Prefer: wait=60\r\n\r\n",
                  BATCHES);
    for (size_t i = 0; i < sizeof body - 1; i++) {
        raw_send_text(connection, "1\r\n%c\r\n", body[i]);
    }
    raw_send_text(connection, "0\r\n\r\n");
    const int status = raw_read(connection, answer, sizeof answer);
    close(connection);
    ck_assert_msg(status == 200, "found %d: %s; wanted 200", status, answer);
}
END_TEST

START_TEST(test_headers_of_more_than_32_kib_are_431) {
    SKIP_BEHIND_PROXY("the proxies answer 400");
    char *wanted = malloc(70000), answer[2048];
    size_t used = (size_t)sprintf(wanted, "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ");
    memset(wanted + used, 'x', 60000);
    used += 60000;
    used += (size_t)sprintf(wanted + used, "\r\n\r\n");
    const int status = raw_exchange(wanted, used, answer, sizeof answer);
    free(wanted);
    ck_assert_msg(status == 431, "found %d: %s; wanted 431", status, answer);
}
END_TEST

Suite *framing_suite(void) {
    Suite *suite = suite_create("framing");
    TCase *tests = shared_case(suite, "framing");
    tcase_add_loop_test(tests, test_long_content_length_is_413_before_the_body_is_sent, 0, 2);
    tcase_add_loop_test(tests, test_doubtful_framing_is_400, 0, 16);
    tcase_add_loop_test(tests, test_chunk_that_lies_is_no_batch, 0, 4);
    tcase_add_loop_test(tests, test_half_body_is_no_batch, 0, 2);
    tcase_add_test(tests, test_body_in_single_bytes_is_a_batch);
    tcase_add_test(tests, test_headers_of_more_than_32_kib_are_431);
    tests = lone_case(suite, "limits");
    tcase_add_test(tests, test_limit_of_bodies_is_to_the_byte);
    tcase_add_test(tests, test_long_chunked_body_is_413_though_it_goes_on);
    tcase_add_test(tests, test_batch_beyond_the_memory_is_507);
    return suite;
}
