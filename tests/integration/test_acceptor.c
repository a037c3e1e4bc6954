/* New connections: dealt evenly to the threads that speak HTTP, and taken again after a
 * shortage of files. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define LIVE "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define FILES_MAX 256

static void want_answer(int connection) {
    char answer[1024];
    ck_assert_int_eq(raw_read(connection, answer, sizeof answer), 200);
}

/* How many files the epoll instance `fd` of the daemon watches; 0: it is none. */
static size_t count_watched(int fd) {
    char path[64], line[256];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fdinfo/%d", (long)daemon_process(), fd);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count += strncmp(line, "tfd:", 4) == 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

#define THREADS 3
#define EACH 5

START_TEST(test_connections_are_dealt_evenly_to_the_threads) {
    int connections[THREADS * EACH];
    daemon_start("--http-threads", "3", NULL);
    answers_free(); /* and its connection */
    for (int i = 0; i < THREADS * EACH; i++) {
        connections[i] = raw_connect();
    }
    for (int i = 0; i < THREADS * EACH; i++) { /* each is taken once it is answered */
        raw_send_text(connections[i], LIVE);
        want_answer(connections[i]);
    }
    size_t threads = 0;
    for (int fd = 0; fd < FILES_MAX; fd++) {
        const size_t watched = count_watched(fd);
        threads += watched > 0;
        /* with libmicrohttpd's own, and with what is not missed yet of the start */
        ck_assert_msg(watched == 0 || (watched >= EACH && watched <= EACH + 2),
                      "found %zu files watched by one thread; wanted %d to %d", watched, EACH,
                      EACH + 2);
    }
    ck_assert_uint_eq(threads, THREADS);
    for (int i = 0; i < THREADS * EACH; i++) {
        close(connections[i]);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_connection_is_taken_once_there_are_files_again) {
    struct rlimit before, none;
    daemon_start(NULL, NULL);
    want_status(get("/health/live"), 200); /* over a connection that stays */
    ck_assert_int_eq(prlimit(daemon_process(), RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    ck_assert_int_eq(prlimit(daemon_process(), RLIMIT_NOFILE, &none, NULL), 0);
    const int connection = raw_connect();
    raw_send_text(connection, LIVE);
    for (int i = 0; i < 20; i++) {
        want_status(get("/health/live"), 200); /* others are served meanwhile */
    }
    char byte;
    ck_assert_int_lt(recv(connection, &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(prlimit(daemon_process(), RLIMIT_NOFILE, &before, NULL), 0);
    want_answer(connection);
    close(connection);
    daemon_stop();
}
END_TEST

Suite *acceptor_suite(void) {
    Suite *suite = suite_create("acceptor");
    TCase *tests = lone_case(suite, "acceptor");
    tcase_add_test(tests, test_connections_are_dealt_evenly_to_the_threads);
    tcase_add_test(tests, test_connection_is_taken_once_there_are_files_again);
    return suite;
}
