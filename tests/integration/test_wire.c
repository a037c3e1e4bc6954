/* HTTP on the wire: where requests end, who answers what cannot be read, and which
 * connections go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))
#define HOST "Host: localhost\r\n"
#define CREATE "POST /v1/models HTTP/1.1\r\n" HOST
#define CHUNKED CREATE "Transfer-Encoding: chunked\r\n\r\n"
#define LIVE "GET /health/live HTTP/1.1\r\n"

/* What comes until the daemon closes. */
static char text[1 << 20];

static void read_to_the_end(int connection) {
    ck_assert_msg(raw_read_to_end(connection, text, sizeof text),
                  "the connection is not closed; found %.600s", text);
    close(connection);
}

static void send_all(const char *request) {
    const int connection = raw_connect();
    ck_assert(raw_send(connection, request, strlen(request)));
    read_to_the_end(connection);
}

static int status_at(const char *at) {
    int status = 0;
    return sscanf(at, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

/* ---- what ends a connection ---- */

/* `pad` is repeated between the two halves of a request. */
struct closing {
    const char *before, *pad, *after;
    size_t pads;
    int status; /* 0: closed without an answer */
    bool bare;  /* libmicrohttpd's own HTML, not a problem document */
};

static const struct closing closings[] = {
    /* request lines */
    {.before = "GET\r\n\r\n"},
    {.before = " GET /health/live HTTP/1.1\r\n" HOST "\r\n"},
    {.before = "\x16\x03\x01\x02\r\n\r\n"},
    {.before = "GET /health/live\r\n\r\n", .status = 400, .bare = true},
    {.before = "GET  \r\n\r\n", .status = 400, .bare = true},
    {.before = "GET /health/live http/1.1\r\n" HOST "\r\n", .status = 400, .bare = true},
    {.before = "GET /health/live HTTP/1.11\r\n" HOST "\r\n", .status = 400, .bare = true},
    {.before = "GET /health/live HTTP/1.1 \r\n" HOST "\r\n", .status = 400, .bare = true},
    {.before = "GET /health/live FTP/1.1\r\n" HOST "\r\n", .status = 400, .bare = true},
    {.before = "GET /health/live HTTP/0.9\r\n" HOST "\r\n", .status = 505, .bare = true},
    {.before = "GET /health/live HTTP/2.0\r\n" HOST "\r\n", .status = 505, .bare = true},
    {.before = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .status = 505, .bare = true},
    {.before = "GET /health live HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.before = "GET /health/\x01live HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.before = "GET /",
     .pad = "a",
     .pads = 4096,
     .after = " HTTP/1.1\r\n" HOST "\r\n",
     .status = 414},
    {.before = "GET /",
     .pad = "a",
     .pads = 32000,
     .after = " HTTP/1.1\r\n" HOST "\r\n",
     .status = 414},
    {.before = "GET /", .pad = "a", .pads = 60000, .status = 414, .bare = true},
    {.before = "GET /?",
     .pad = "a&",
     .pads = 65,
     .after = " HTTP/1.1\r\n" HOST "\r\n",
     .status = 414},
    {.before = "GET /?",
     .pad = "&",
     .pads = 9000,
     .after = " HTTP/1.1\r\n" HOST "\r\n",
     .status = 414},
    /* header fields */
    {.before = LIVE "Host localhost\r\n\r\n", .status = 400, .bare = true},
    {.before = LIVE HOST "nothing\r\n\r\n", .status = 400, .bare = true},
    {.before = LIVE ": x\r\n" HOST "\r\n", .status = 400},
    {.before = LIVE " " HOST "\r\n", .status = 400},
    {.before = LIVE HOST "Folded: x\r\n y\r\n\r\n", .status = 400},
    {.before = LIVE HOST "Spaced : x\r\n\r\n", .status = 400},
    {.before = LIVE "Host: localhost\n\r\n", .status = 400},
    {.before = LIVE "\r\n", .status = 400},
    {.before = LIVE HOST HOST "\r\n", .status = 400},
    {.before = LIVE HOST "X: ", .pad = "x", .pads = 32760, .after = "\r\n\r\n", .status = 431},
    {.before = LIVE HOST "X: ", .pad = "x", .pads = 60000, .status = 431, .bare = true},
    {.before = LIVE HOST, .pad = "X: y\r\n", .pads = 5000, .status = 431, .bare = true},
    {.before = LIVE HOST "Cookie: ",
     .pad = "a=b; ",
     .pads = 4000,
     .after = "\r\n\r\n",
     .status = 431,
     .bare = true},
    {.before = LIVE HOST "Expect: 200-ok\r\n\r\n", .status = 417},
    {.before = LIVE HOST "Expect: 100-continue, more\r\n\r\n", .status = 417},
    /* lengths */
    {.before = CREATE "Content-Length: -1\r\n\r\n", .status = 400, .bare = true},
    {.before = CREATE "Content-Length: 1x\r\n\r\n", .status = 400, .bare = true},
    {.before = CREATE "Content-Length:\r\n\r\n", .status = 400, .bare = true},
    {.before = CREATE "Content-Length: 18446744073709551616\r\n\r\n", .status = 413, .bare = true},
    {.before = CREATE "Content-Length: 18446744073709551615\r\n\r\n", .status = 413},
    {.before = CREATE "Content-Length: 67108865\r\n\r\n", .status = 413},
    {.before = CREATE "Content-Length: 2\r\nContent-Length: x\r\n\r\n", .status = 400},
    {.before = CREATE "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", .status = 400},
    {.before = CREATE "Transfer-Encoding: gzip, chunked\r\n\r\n", .status = 400},
    /* chunks */
    {.before = CHUNKED "zz\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "-2\r\n{}\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "0x2\r\n{}\r\n", .status = 400, .bare = true},
    {.before = CHUNKED " 2\r\n{}\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "2 \r\n{}\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "\r\n{}\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "2\r\n{}xx\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "2\r\n{}\r\n0\r\nnothing\r\n\r\n", .status = 400, .bare = true},
    {.before = CHUNKED "FFFFFFFFFFFFFFFFF\r\n", .status = 413, .bare = true},
    {.before = CHUNKED "2\r\n{}\r\n0\r\nX: ",
     .pad = "x",
     .pads = 60000,
     .status = 431,
     .bare = true},
};

static void send_closing(const struct closing *row) {
    const int connection = raw_connect();
    char *pads = calloc(row->pads * 6 + 1, 1);
    for (size_t i = 0; i < row->pads; i++) {
        strcpy(pads + i * strlen(row->pad), row->pad);
    }
    raw_send_text(connection, "%s%s%s", row->before, pads, row->after != NULL ? row->after : "");
    free(pads);
    read_to_the_end(connection);
}

/* Of what the daemon answers itself the document is a problem; libmicrohttpd's own answers
 * are HTML, some with the header twice.  All of them say that they close, and do. */
START_TEST(test_what_cannot_be_read_is_told_and_closes) {
    const struct closing *row = &closings[_i];
    send_closing(row);
    const int found = status_at(text);
    ck_assert_msg(found == row->status, "found %d: %.300s; wanted %d", found, text, row->status);
    if (found != 0) {
        ck_assert_ptr_nonnull(strcasestr(text, "\r\nConnection: close\r\n"));
        ck_assert_msg((strstr(text, "application/problem+json") == NULL) == row->bare, "found %s",
                      text);
    }
}
END_TEST

/* ---- the size of headers ---- */

static int send_header_of(size_t bytes) {
    static char request[65536];
    const size_t used = (size_t)sprintf(request, LIVE HOST "Connection: close\r\nX: ");
    memset(request + used, 'x', bytes - used);
    memcpy(request + bytes - 4, "\r\n\r\n", 4);
    const int connection = raw_connect();
    raw_send(connection, request, bytes);
    read_to_the_end(connection);
    return status_at(text);
}

/* libmicrohttpd waits for the end of the extension with a full buffer, and would turn
 * round and round. */
START_TEST(test_endless_chunk_extension_is_408_and_costs_no_time) {
    const int connection = raw_connect();
    char *pads = calloc(60001, 1);
    memset(pads, 'x', 60000);
    const double before = daemon_cpu_seconds(), start = now_seconds();
    raw_send_text(connection, CHUNKED "2;%s", pads);
    free(pads);
    read_to_the_end(connection);
    ck_assert_msg(status_at(text) == 408, "found %s; wanted 408", text);
    const double used = daemon_cpu_seconds() - before;
    ck_assert_msg(used < 0.5 * (now_seconds() - start), "found %.2f s of computing", used);
}
END_TEST

START_TEST(test_header_of_32_kib_is_taken_and_a_byte_more_is_431) {
    ck_assert_int_eq(send_header_of(32768), 200);
    ck_assert_int_eq(send_header_of(32769), 431);
    ck_assert_ptr_nonnull(strstr(text, "32 KiB"));
}
END_TEST

START_TEST(test_long_header_of_any_size_is_431_or_the_end) {
    for (size_t bytes = 33000; bytes < 45000; bytes += 100) {
        const int status = send_header_of(bytes);
        ck_assert_msg(status == 431 || (status == 0 && bytes > 36864),
                      "%zu bytes: found %d; wanted 431", bytes, status);
    }
}
END_TEST

/* ---- one after another ---- */

#define PIPELINED 100

/* Waiting ones among them: their answers hold up those behind. */
START_TEST(test_hundred_pipelined_requests_are_answered_in_order) {
    create_line("line", 2);
    create_pair("pair");
    const char *batch = json_text("{'inputs': [[1]], 'labels': [0]}");
    const int connection = raw_connect();
    for (int i = 0; i < PIPELINED; i++) {
        char question[64];
        snprintf(question, sizeof question, "{\"inputs\":[[%d]]}", i);
        const bool trains = i % 4 == 0;
        raw_send_text(connection,
                      "POST /v1/models/%s HTTP/1.1\r\n" HOST "Prefer: wait=60\r\n%s"
                      "Content-Length: %zu\r\n\r\n%s",
                      trains ? "pair/batches" : "line/predictions",
                      i == PIPELINED - 1 ? "Connection: close\r\n" : "",
                      strlen(trains ? batch : question), trains ? batch : question);
    }
    read_to_the_end(connection);
    const char *at = text;
    for (int i = 0; i < PIPELINED; i++) {
        char wanted[64];
        if (i % 4 == 0) { /* the pair's first batch has made it */
            snprintf(wanted, sizeof wanted, "{\"batch\":%d,", 2 + i / 4);
        } else {
            snprintf(wanted, sizeof wanted, "\"outputs\":[[%d]]", 2 * i + 2);
        }
        const char *body = strstr(at, "\r\n\r\n");
        ck_assert_msg(status_at(at) == 200 && body != NULL, "answer %d: found %.300s", i, at);
        const char *next = strstr(body, "HTTP/1.1 ");
        const char *found = strstr(body, wanted);
        ck_assert_msg(found != NULL && (next == NULL || found < next),
                      "answer %d: found %.300s; wanted %s", i, at, wanted);
        ck_assert_int_eq(next == NULL, i == PIPELINED - 1);
        at = next;
    }
}
END_TEST

static const char *const readable[] = {
    "/health/live",      "/health/ready",         "/v1/server", "/v1/models", "/v1/models/m",
    "/v1/models/m/loss", "/v1/models/m/batches/1"};

/* The header lines, each but those whose value depends on the moment or the place. */
static size_t copy_header(char *to, const char *answer, const char *path) {
    const char *end = strstr(answer, "\r\n\r\n") + 2;
    *to = '\0';
    for (const char *line = answer; line < end; line = strstr(line, "\r\n") + 2) {
        const size_t length = (size_t)(strstr(line, "\r\n") + 2 - line);
        if (strncasecmp(line, "Date:", 5) != 0 && strncasecmp(line, "Connection:", 11) != 0 &&
            strncasecmp(line, "X-Request-Id:", 13) != 0 &&
            (strcmp(path, "/v1/server") != 0 || strncasecmp(line, "Content-Length:", 15) != 0)) {
            strncat(to, line, length);
        }
    }
    return (size_t)(end + 2 - answer);
}

START_TEST(test_head_has_the_headers_of_get_and_the_connection_goes_on) {
    const char *path = readable[_i];
    char request[512], head[2048], whole[2048];
    create_pair("m");
    snprintf(request, sizeof request,
             "HEAD %s HTTP/1.1\r\n" HOST "\r\nGET %s HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
             path, path);
    send_all(request);
    const char *second = text + copy_header(head, text, path);
    ck_assert_msg(status_at(text) == 200 && status_at(second) == 200,
                  "found %s; wanted one header after another", text);
    const size_t header = copy_header(whole, second, path);
    want_equal_text(head, whole);
    ck_assert_uint_gt(strlen(second), header);
}
END_TEST

static int count_answers(void) {
    int count = 0;
    for (const char *at = strstr(text, "HTTP/1."); at != NULL; at = strstr(at + 1, "HTTP/1.")) {
        count++;
    }
    return count;
}

START_TEST(test_connection_goes_on_as_version_and_header_say) {
    static const struct {
        const char *first;
        int answers; /* of two requests, the second of which closes */
    } rows[] = {
        {LIVE HOST "\r\n", 2},
        {LIVE HOST "Connection: keep-alive\r\n\r\n", 2},
        {LIVE HOST "Connection: close\r\n\r\n", 1},
        {"GET /health/live HTTP/1.0\r\n\r\n", 1},
        {"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2},
        /* also after what is refused */
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", 2},
        {"BREW /health/live HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntea", 2},
        {CREATE "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\ntea", 2},
        {CREATE "Transfer-Encoding: chunked\r\n\r\n3\r\ntea\r\n0\r\nX: y\r\n\r\n", 2},
        {"\r\n\r\n" LIVE HOST "\r\n", 2},
    };
    char requests[1024];
    snprintf(requests, sizeof requests, "%s" LIVE HOST "Connection: close\r\n\r\n", rows[_i].first);
    send_all(requests);
    ck_assert_msg(count_answers() == rows[_i].answers, "found %s; wanted %d answers", text,
                  rows[_i].answers);
}
END_TEST

/* ---- expectations ---- */

#define NETWORK "{\"name\":\"m\",\"inputs\":1,\"layers\":[2]}"

START_TEST(test_expected_continue_comes_before_a_wanted_body) {
    static const char *const framings[] = {"Content-Length: 36", "Transfer-Encoding: chunked"};
    char answer[64];
    const int connection = raw_connect();
    ck_assert_uint_eq(strlen(NETWORK), 36);
    raw_send_text(connection, CREATE "Connection: close\r\nExpect: 100-continue\r\n%s\r\n\r\n",
                  framings[_i]);
    ck_assert_int_eq(raw_read(connection, answer, strlen("HTTP/1.1 100 Continue\r\n\r\n") + 1),
                     100);
    raw_send_text(connection, _i == 0 ? "%s" : "24\r\n%s\r\n0\r\n\r\n", NETWORK);
    read_to_the_end(connection);
    ck_assert_msg(status_at(text) == 201, "found %s; wanted 201", text);
}
END_TEST

/* The client has not begun to send it: the answer is final, and no body is waited for. */
START_TEST(test_expected_continue_does_not_come_before_a_refused_body) {
    static const struct {
        const char *header;
        int status;
    } rows[] = {
        {CREATE "Content-Type: text/plain\r\nContent-Length: 3\r\n", 415},
        {CREATE "Content-Length: 67108865\r\n", 413},
        {"POST /v1/models/none/batches HTTP/1.1\r\n" HOST "Content-Length: 3\r\n", 404},
        {"PUT /v1/models HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n", 405},
    };
    char request[512];
    snprintf(request, sizeof request, "%sExpect: 100-continue\r\n\r\n", rows[_i].header);
    send_all(request);
    ck_assert_msg(status_at(text) == rows[_i].status && count_answers() == 1,
                  "found %s; wanted %d alone", text, rows[_i].status);
}
END_TEST

START_TEST(test_old_version_expects_nothing) {
    char request[512];
    snprintf(request, sizeof request,
             "POST /v1/models HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(NETWORK), NETWORK);
    send_all(request);
    ck_assert_msg(status_at(text) == 201, "found %s; wanted 201 alone", text);
}
END_TEST

/* ---- methods ---- */

static const struct {
    const char *path, *allow;
} routes[] = {
    {"/v1/models", "OPTIONS, POST, GET, HEAD"},
    {"/v1/models/m", "OPTIONS, GET, HEAD, PATCH, DELETE"},
    {"/v1/models/m/clone", "OPTIONS, POST"},
    {"/v1/models/m/reset", "OPTIONS, POST"},
    {"/v1/models/m/batches", "OPTIONS, POST, DELETE"},
    {"/v1/models/m/batches/1", "OPTIONS, GET, HEAD, DELETE"},
    {"/v1/models/m/loss", "OPTIONS, GET, HEAD"},
    {"/v1/models/m/predictions", "OPTIONS, POST"},
    {"/v1/models/m/evaluations", "OPTIONS, POST"},
    {"/v1/server", "OPTIONS, GET, HEAD"},
    {"/health/live", "OPTIONS, GET, HEAD"},
    {"/health/ready", "OPTIONS, GET, HEAD"},
};

START_TEST(test_each_other_method_is_405_with_allow) {
    static const char *const methods[] = {"GET",    "HEAD",  "POST",     "PUT", "PATCH",
                                          "DELETE", "TRACE", "PROPFIND", "get"};
    for (int i = 0; i < COUNT(methods); i++) {
        char in_list[32];
        snprintf(in_list, sizeof in_list, ", %s", methods[i]);
        if (strstr(routes[_i].allow, in_list) == NULL) {
            const struct answer *answer =
                request((struct call){.method = methods[i], .path = routes[_i].path});
            want_header(want_status(answer, 405), "Allow", routes[_i].allow);
        }
    }
    want_header(
        want_status(request((struct call){.method = "OPTIONS", .path = routes[_i].path}), 204),
        "Allow", routes[_i].allow);
}
END_TEST

START_TEST(test_odd_targets) {
    static const struct {
        const char *line;
        int status;
    } rows[] = {
        {"OPTIONS * HTTP/1.1", 204},
        {"OPTIONS / HTTP/1.1", 204},
        {"OPTIONS http://localhost HTTP/1.1", 204},
        {"OPTIONS http://localhost/ HTTP/1.1", 204},
        {"OPTIONS http://localhost/v1/models HTTP/1.1", 204},
        {"OPTIONS /nothing HTTP/1.1", 404},
        {"GET * HTTP/1.1", 404},
        {"GET HTTP://localhost/health/live HTTP/1.1", 200},
        {"GET https://localhost:1/health/live HTTP/1.1", 200},
        {"GET ftp://localhost/health/live HTTP/1.1", 404},
        {"GET health/live HTTP/1.1", 404},
        {"CONNECT localhost:80 HTTP/1.1", 405},
        {"CONNECT /health/live HTTP/1.1", 405},
        {"TRACE * HTTP/1.1", 404},
    };
    char request[512];
    snprintf(request, sizeof request, "%s\r\n" HOST "Connection: close\r\n\r\n", rows[_i].line);
    send_all(request);
    const int found = status_at(text);
    ck_assert_msg(found == rows[_i].status, "found %d: %s; wanted %d", found, text,
                  rows[_i].status);
    ck_assert_int_eq(strstr(text, "\r\nAllow: ") != NULL, found == 204 || found == 405);
}
END_TEST

/* ---- bodies that are missing, and bodies that nobody wants ---- */

START_TEST(test_call_that_needs_a_body_without_a_length_is_411) {
    static const char *const calls[] = {"POST /v1/models",
                                        "PATCH /v1/models/m",
                                        "POST /v1/models/m/clone",
                                        "POST /v1/models/m/batches",
                                        "POST /v1/models/m/predictions",
                                        "POST /v1/models/m/evaluations"};
    char request[512];
    create_pair("m");
    snprintf(request, sizeof request,
             "%s HTTP/1.1\r\n" HOST "\r\n" LIVE HOST "Connection: close\r\n\r\n", calls[_i]);
    send_all(request);
    ck_assert_msg(status_at(text) == 411 && count_answers() == 2,
                  "found %s; wanted 411, and another answer", text);
    snprintf(request, sizeof request,
             "%s HTTP/1.1\r\n" HOST "Content-Length: 0\r\nConnection: close\r\n\r\n", calls[_i]);
    send_all(request);
    ck_assert_msg(status_at(text) == 400, "found %s; wanted 400 of an empty body", text);
}
END_TEST

START_TEST(test_call_whose_body_may_be_missing_needs_no_length) {
    create_pair("m");
    send_all("POST /v1/models/m/reset HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    ck_assert_msg(status_at(text) == 200, "found %s; wanted 200", text);
}
END_TEST

/* Sends the header and then a body, in pieces, as long as the daemon takes it. */
static size_t send_regardless(int connection, const char *header, size_t bytes) {
    static const char piece[16384];
    size_t sent = 0;
    raw_send(connection, header, strlen(header));
    while (sent < bytes && raw_send(connection, piece, sizeof piece)) {
        sent += sizeof piece;
    }
    return sent;
}

static const char *const refused[] = {
    CREATE "Content-Length: 73400320\r\n\r\n",
    "POST /v1/models/m/batches HTTP/1.1\r\n" HOST "Content-Length: 73400320\r\n\r\n",
};

START_TEST(test_client_that_sends_on_regardless_reads_the_refusal) {
    create_pair("m");
    for (int i = 0; i < 20; i++) {
        const int connection = raw_connect();
        send_regardless(connection, refused[_i], 900000);
        read_to_the_end(connection);
        ck_assert_msg(status_at(text) == 413 && strstr(text, "67108864") != NULL,
                      "found '%s'; wanted 413 with the limit", text);
    }
}
END_TEST

START_TEST(test_client_that_sends_on_for_ever_is_cut_off) {
    create_pair("m");
    const int connection = raw_connect();
    const size_t sent = send_regardless(connection, refused[_i], (size_t)70 << 20);
    close(connection);
    ck_assert_msg(sent < (size_t)32 << 20, "found %zu bytes sent; wanted the end before", sent);
}
END_TEST

/* A daemon that has lost one says so in its log, and a sanitizer does. */
START_TEST(test_no_request_is_lost_that_cannot_be_read) {
    daemon_start(NULL, NULL);
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < COUNT(closings); j++) {
            send_closing(&closings[j]);
        }
    }
    daemon_stop();
    char *log = daemon_log();
    ck_assert_msg(strstr(log, "exchanges are left") == NULL, "found in the log: %s", log);
    free(log);
}
END_TEST

Suite *wire_suite(void) {
    Suite *suite = suite_create("wire");
    TCase *tests = shared_case(suite, "the end of connections");
    tcase_add_loop_test(tests, test_what_cannot_be_read_is_told_and_closes, 0, COUNT(closings));
    tcase_add_test(tests, test_endless_chunk_extension_is_408_and_costs_no_time);
    tcase_add_test(tests, test_header_of_32_kib_is_taken_and_a_byte_more_is_431);
    tcase_add_test(tests, test_long_header_of_any_size_is_431_or_the_end);
    tests = shared_case(suite, "one after another");
    tcase_add_test(tests, test_hundred_pipelined_requests_are_answered_in_order);
    tcase_add_loop_test(tests, test_head_has_the_headers_of_get_and_the_connection_goes_on, 0,
                        COUNT(readable));
    tcase_add_loop_test(tests, test_connection_goes_on_as_version_and_header_say, 0, 10);
    tests = shared_case(suite, "expectations");
    tcase_add_loop_test(tests, test_expected_continue_comes_before_a_wanted_body, 0, 2);
    tcase_add_loop_test(tests, test_expected_continue_does_not_come_before_a_refused_body, 0, 4);
    tcase_add_test(tests, test_old_version_expects_nothing);
    tests = shared_case(suite, "methods");
    tcase_add_loop_test(tests, test_each_other_method_is_405_with_allow, 0, COUNT(routes));
    tcase_add_loop_test(tests, test_odd_targets, 0, 14);
    tests = shared_case(suite, "bodies");
    tcase_add_loop_test(tests, test_call_that_needs_a_body_without_a_length_is_411, 0, 6);
    tcase_add_test(tests, test_call_whose_body_may_be_missing_needs_no_length);
    tcase_add_loop_test(tests, test_client_that_sends_on_regardless_reads_the_refusal, 0, 2);
    tcase_add_loop_test(tests, test_client_that_sends_on_for_ever_is_cut_off, 0, 2);
    tests = lone_case(suite, "to the end");
    tcase_add_test(tests, test_no_request_is_lost_that_cannot_be_read);
    return suite;
}
