/* Clients that are slow, silent or too many: each is bounded, and none holds up others. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))
#define HOST "Host: localhost\r\n"
#define LIVE "GET /health/live HTTP/1.1\r\n"
#define TRICKLE_MILLISECONDS 50
#define CONNECTIONS_MAX 8

static char text[8192];

/* Byte after byte to each of them, until the daemon has had enough of all. */
static void trickle(const int *connections, int count, const char *bytes) {
    struct pollfd open[CONNECTIONS_MAX];
    const double until = now_seconds() + DEADLINE_SECONDS;
    int left = count;
    for (int i = 0; i < count; i++) {
        open[i] = (struct pollfd){.fd = connections[i], .events = POLLIN};
    }
    for (size_t at = 0; left > 0; at = (at + 1) % strlen(bytes)) {
        ck_assert_msg(now_seconds() < until, "the daemon waits for ever");
        poll(NULL, 0, TRICKLE_MILLISECONDS);
        poll(open, (nfds_t)count, 0);
        for (int i = 0; i < count; i++) {
            if (open[i].fd >= 0 && (open[i].revents != 0 || !raw_send(open[i].fd, bytes + at, 1))) {
                open[i].fd = -1; /* passed over from now on */
                left--;
            }
        }
    }
}

/* What the daemon says at last. */
static void read_end(int connection) {
    ck_assert_msg(raw_read_to_end(connection, text, sizeof text), "the connection stays open");
    close(connection);
}

static void want_timeout(const char *option) {
    ck_assert_msg(strncmp(text, "HTTP/1.1 408 ", 13) == 0 && strstr(text, option) != NULL &&
                      strstr(text, "\r\nConnection: close\r\n") != NULL,
                  "found '%s'; wanted 408 that names %s", text, option);
}

/* ---- headers ---- */

static const char *const beginnings[] = {
    "",     /* a request line */
    "GET ", /* the rest of one */
    LIVE,   /* fields */
    (LIVE HOST "X: "),
    "\r\n\r\n", /* blank lines before it */
};

START_TEST(test_header_that_trickles_is_408) {
    enum { FIRST = COUNT(beginnings), ALL };
    int connections[ALL];
    daemon_start("--header-timeout", "1", NULL);
    for (int i = 0; i < FIRST; i++) {
        connections[i] = raw_connect();
        raw_send_text(connections[i], "%s", beginnings[i]);
    }
    connections[FIRST] = raw_connect(); /* a second request */
    raw_send_text(connections[FIRST], LIVE HOST "\r\n");
    ck_assert_int_eq(raw_read(connections[FIRST], text, sizeof text), 200);
    trickle(connections, ALL, "x");
    for (int i = 0; i < ALL; i++) {
        read_end(connections[i]);
        want_timeout("--header-timeout");
    }
    daemon_stop();
}
END_TEST

START_TEST(test_header_that_stops_is_408) {
    daemon_start("--header-timeout", "1", NULL);
    const int connection = raw_connect();
    raw_send_text(connection, LIVE HOST "X: y\r\n");
    read_end(connection);
    want_timeout("--header-timeout");
    daemon_stop();
}
END_TEST

/* There a request line is not seen to begin, only its fields. */
START_TEST(test_header_that_trickles_through_a_unix_socket_is_408) {
    char address[256];
    snprintf(address, sizeof address, "unix:%s", scratch_name("sock"));
    daemon_start_on(address, "--header-timeout", "1", NULL);
    const int connection = raw_connect();
    raw_send_text(connection, LIVE);
    trickle(&connection, 1, "x");
    read_end(connection);
    want_timeout("--header-timeout");
    daemon_stop();
}
END_TEST

/* ---- bodies ---- */

static const char *const framings[] = {"Content-Length: 1000000", "Transfer-Encoding: chunked"};

START_TEST(test_body_that_takes_too_long_is_408) {
    daemon_start("--body-timeout", "1", NULL);
    create_pair("m");
    const int connection = raw_connect();
    raw_send_text(connection, "POST /v1/models/m/batches HTTP/1.1\r\n" HOST "%s\r\n\r\n",
                  framings[_i]);
    trickle(&connection, 1, _i == 0 ? " " : "1\r\n \r\n");
    read_end(connection);
    want_timeout("--body-timeout");
    want_json(get("/v1/models/m"), "/step", "1");
    daemon_stop();
}
END_TEST

/* The rate counts after ten seconds, of both: so both in one test. */
START_TEST(test_rate_below_the_least_ends_body_and_answer) {
    enum { ROWS = 200000 };
    daemon_start("--min-rate", "1M", NULL);
    create_pair("m");
    const int sender = raw_connect(), reader = raw_connect();
    raw_send_text(sender, "POST /v1/models/m/batches HTTP/1.1\r\n" HOST "%s\r\n\r\n", framings[0]);
    char *rows = malloc(4 * ROWS + 32);
    size_t used = (size_t)sprintf(rows, "{\"inputs\":[[1]");
    for (int i = 1; i < ROWS; i++) {
        used += (size_t)sprintf(rows + used, ",[1]");
    }
    used += (size_t)sprintf(rows + used, "]}");
    answers_free(); /* and its connection */
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    raw_send_text(reader,
                  "POST /v1/models/m/predictions HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                  used);
    raw_send(reader, rows, used);
    free(rows);
    trickle(&sender, 1, " ");
    read_end(sender);
    want_timeout("--min-rate");
    /* the long answer was given up: what it held is free, though its reader is still there */
    const double until = now_seconds() + DEADLINE_SECONDS;
    while (number_at(get("/v1/server"), "/memory_bytes") > before) {
        ck_assert_msg(now_seconds() < until, "the answer that nobody reads stays");
        answers_free();
    }
    char byte;
    ck_assert_int_eq(recv(reader, &byte, 1, MSG_PEEK), 1);
    close(reader);
    daemon_stop();
}
END_TEST

START_TEST(test_waiting_client_is_not_slow) {
    daemon_start("--header-timeout", "1", "--body-timeout", "1", NULL);
    create_pair("m");
    want_json(want_status(get("/v1/models/m/loss?after=1&wait=3"), 200), "/points", "[]");
    daemon_stop();
}
END_TEST

/* ---- too many ---- */

/* A request that is whole, and waits. */
static int wait_on(int connection) {
    raw_send_text(connection, "GET /v1/models/m/loss?after=1&wait=60 HTTP/1.1\r\n" HOST "\r\n");
    return connection;
}

static void want_refusal(int connection, int status, const char *option) {
    raw_send_text(connection, LIVE HOST "\r\n");
    read_end(connection);
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    ck_assert_msg(strncmp(text, line, strlen(line)) == 0 && strstr(text, option) != NULL &&
                      strstr(text, "\r\nRetry-After: 1\r\n") != NULL,
                  "found '%s'; wanted %d that names %s", text, status, option);
}

/* The daemons of these tests have one thread that speaks HTTP: several take connections in
 * no order, and here it matters which are beyond the limit and which is the oldest. */

/* Until it is answered with 200. */
static void await_service(unsigned host) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    for (int status = 0; status != 200;) {
        ck_assert_msg(now_seconds() < until, "no service; found %d: %s", status, text);
        const int connection = raw_connect_from(host);
        ck_assert_int_ge(connection, 0);
        poll(NULL, 0, TRICKLE_MILLISECONDS); /* not thousands of them */
        raw_send_text(connection, LIVE HOST "Connection: close\r\n\r\n");
        status = raw_read(connection, text, sizeof text);
        close(connection);
    }
}

START_TEST(test_connections_beyond_the_limit_get_503) {
    int waiting[4];
    daemon_start("--max-connections", "4", "--http-threads", "1", NULL);
    create_pair("m");
    answers_free(); /* and its connection, whose place is free at some time soon */
    for (int i = 0; i < 4; i++) {
        await_service(1);
        waiting[i] = wait_on(raw_connect());
    }
    want_refusal(raw_connect(), 503, "--max-connections");
    close(waiting[0]);
    await_service(1);
    for (int i = 1; i < 4; i++) {
        close(waiting[i]);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_connections_of_one_address_beyond_its_limit_get_429) {
    daemon_start("--max-connections-per-address", "2", "--http-threads", "1", NULL);
    create_pair("m");
    const int waiting[] = {wait_on(raw_connect_from(2)), wait_on(raw_connect_from(2))};
    want_refusal(raw_connect_from(2), 429, "--max-connections-per-address");
    await_service(3);
    close(waiting[0]);
    await_service(2);
    close(waiting[1]);
    daemon_stop();
}
END_TEST

#define SILENT 20

START_TEST(test_silent_connections_make_room_for_those_that_ask) {
    static const char *const sent[] = {
        "", LIVE HOST "X: ", "POST /v1/models HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n{"};
    int silent[SILENT];
    daemon_start("--max-connections", "20", "--http-threads", "1", NULL);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = raw_connect();
        raw_send_text(silent[i], "%s", sent[_i]);
    }
    const double start = now_seconds();
    await_service(1);
    await_service(1);
    ck_assert_msg(now_seconds() - start < 9, "only their time made room");
    ck_assert(raw_read_to_end(silent[0], text, sizeof text));
    ck_assert_msg(strncmp(text, _i == 0 ? "" : "HTTP/1.1 408 ", 13) == 0,
                  "found '%s'; wanted to be told", text);
    for (int i = 0; i < SILENT; i++) {
        close(silent[i]);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_limits_are_told) {
    static const char *const names[] = {"connections",  "connections_per_address",
                                        "idle_seconds", "header_seconds",
                                        "body_seconds", "bytes_per_second"};
    static const char *const values[] = {"50", "7", "75", "3", "4", "2048"};
    daemon_start("--max-connections", "50", "--max-connections-per-address", "7",
                 "--header-timeout", "3", "--body-timeout", "4", "--min-rate", "2K", NULL);
    const struct answer *answer = want_status(get("/v1/server"), 200);
    for (int i = 0; i < COUNT(names); i++) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/limits/%s", names[i]);
        want_json(answer, pointer, values[i]);
    }
    daemon_stop();
}
END_TEST

Suite *slow_suite(void) {
    Suite *suite = suite_create("slow");
    TCase *tests = lone_case(suite, "headers");
    tcase_add_test(tests, test_header_that_trickles_is_408);
    tcase_add_test(tests, test_header_that_stops_is_408);
    tcase_add_test(tests, test_header_that_trickles_through_a_unix_socket_is_408);
    tests = lone_case(suite, "bodies and answers");
    tcase_add_loop_test(tests, test_body_that_takes_too_long_is_408, 0, COUNT(framings));
    tcase_add_test(tests, test_rate_below_the_least_ends_body_and_answer);
    tcase_add_test(tests, test_waiting_client_is_not_slow);
    tests = lone_case(suite, "too many");
    tcase_add_test(tests, test_connections_beyond_the_limit_get_503);
    tcase_add_test(tests, test_connections_of_one_address_beyond_its_limit_get_429);
    tcase_add_loop_test(tests, test_silent_connections_make_room_for_those_that_ask, 0, 3);
    tcase_add_test(tests, test_limits_are_told);
    return suite;
}
