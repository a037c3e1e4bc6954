/* server/watchdog.h */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/watchdog.h"
#include "tests/unit/suites.h"

#define DEADLINE_MILLISECONDS 20000

static const char *interval, *process;

static const char *variable(const char *name) {
    return strcmp(name, "WATCHDOG_USEC") == 0  ? interval
           : strcmp(name, "WATCHDOG_PID") == 0 ? process
                                               : NULL;
}

START_TEST(test_interval_is_read_for_this_process_only) {
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    const struct {
        const char *interval, *process;
        double seconds;
    } rows[] = {
        {"30000000", NULL, 30}, {"30000000", own, 30}, {"30000000", "", 30}, {"500000", own, 0.5},
        {"30000000", "1", 0},   {NULL, NULL, 0},       {"", NULL, 0},        {"x", NULL, 0},
        {"1x", NULL, 0},        {"-1", NULL, 0},       {"0", NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        interval = rows[i].interval;
        process = rows[i].process;
        ck_assert_msg(watchdog_interval(variable) == rows[i].seconds, "%s, %s: found %g; wanted %g",
                      rows[i].interval, rows[i].process, watchdog_interval(variable),
                      rows[i].seconds);
    }
}
END_TEST

static int listen_on_loopback(void) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    return fd;
}

static bool is_readable(int fd, int milliseconds) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    return poll(&readable, 1, milliseconds) == 1;
}

static int next_connection(int listener) {
    ck_assert_msg(is_readable(listener, DEADLINE_MILLISECONDS), "the watchdog asks nobody");
    return accept(listener, NULL, NULL);
}

/* A daemon that takes connections and is silent is not told of; one that says anything,
 * or turns the connection away, is. */
START_TEST(test_only_what_answers_is_told_of) {
    char path[64], message[64];
    struct notifier notifier;
    struct watchdog *watchdog;
    struct error error;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int notifications = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int listener = listen_on_loopback();
    snprintf(path, sizeof path, "@mlpd-watchdog-%ld", (long)getpid());
    memcpy(name.sun_path, path, strlen(path));
    name.sun_path[0] = '\0';
    ck_assert_int_eq(bind(notifications, (const struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                     0);
    ck_assert_int_eq(notifier_open(&notifier, path, &error), ERROR_NONE);
    const struct watchdog_settings settings = {
        .notifier = &notifier, .sockets = &listener, .socket_count = 1, .interval_seconds = 0.2};
    ck_assert_int_eq(watchdog_create(&settings, &watchdog, &error), ERROR_NONE);

    int silent[3];
    for (size_t i = 0; i < 3; i++) { /* the third question comes after two were given up */
        silent[i] = next_connection(listener);
    }
    ck_assert_msg(!is_readable(notifications, 0), "systemd was told of a silent daemon");
    for (size_t i = 0; i < 3; i++) {
        close(silent[i]);
    }
    while (!is_readable(notifications, 0)) {
        const int fd = next_connection(listener);
        static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
        ck_assert_int_gt(send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL), 0);
        close(fd);
        (void)is_readable(notifications, 1000);
    }
    ck_assert_int_eq(recv(notifications, message, sizeof message, 0), 10);
    ck_assert_int_eq(memcmp(message, "WATCHDOG=1", 10), 0);
    while (!is_readable(notifications, 0)) { /* turned away without a word */
        close(next_connection(listener));
        (void)is_readable(notifications, 1000);
    }
    watchdog_destroy(watchdog);
    notifier_close(&notifier);
    close(listener);
    close(notifications);
}
END_TEST

Suite *suite_watchdog(void) {
    Suite *suite = suite_create("watchdog");
    TCase *tests = tcase_create("watchdog");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_interval_is_read_for_this_process_only);
    tcase_add_test(tests, test_only_what_answers_is_told_of);
    suite_add_tcase(suite, tests);
    return suite;
}
