/* server/notifier.h and server/activation.h */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/activation.h"
#include "server/notifier.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static char path[64];

static int receive_at(const char *where) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, where, strlen(where));
    if (where[0] == '@') {
        name.sun_path[0] = '\0';
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(where))),
                     0);
    return fd;
}

START_TEST(test_messages_are_one_datagram_each) {
    char message[1024];
    struct notifier notifier;
    struct error error;
    snprintf(path, sizeof path, "%smlpd-notifier-%ld", _i == 0 ? "/tmp/" : "@", (long)getpid());
    const int fd = receive_at(path);
    ck_assert_msg(notifier_open(&notifier, path, &error) == ERROR_NONE, "%s", error.message);
    notifier_send(&notifier, "READY=1\nSTATUS=%s", "fine");
    notifier_send(&notifier, "%0600d", 1);
    ssize_t bytes = recv(fd, message, sizeof message, 0);
    ck_assert_int_eq(bytes, 19);
    ck_assert_int_eq(memcmp(message, "READY=1\nSTATUS=fine", 19), 0);
    ck_assert_int_eq(recv(fd, message, sizeof message, 0), 511);
    close(fd);
    unlink(path);
    notifier_send(&notifier, "nobody is there, and nobody minds");
    notifier_close(&notifier);
}
END_TEST

START_TEST(test_without_a_socket_nothing_is_sent) {
    struct notifier notifier;
    struct error error;
    ck_assert_int_eq(notifier_open(&notifier, NULL, &error), ERROR_NONE);
    notifier_send(&notifier, "READY=1");
    notifier_close(&notifier);
    ck_assert_int_eq(notifier_open(&notifier, "", &error), ERROR_NONE);
    ck_assert_int_eq(notifier.fd, -1);
}
END_TEST

START_TEST(test_other_names_are_refused) {
    char longest[120];
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    const char *const rows[] = {"relative", "@", "/", "vsock:2:1234", longest};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct notifier notifier;
        struct error error;
        ck_assert_int_eq(notifier_open(&notifier, rows[i], &error), ERROR_INVALID);
        ck_assert_int_eq(notifier.fd, -1);
        notifier_send(&notifier, "READY=1");
    }
}
END_TEST

static const char *process, *sockets;

static const char *activated(const char *name) {
    return strcmp(name, "LISTEN_PID") == 0   ? process
           : strcmp(name, "LISTEN_FDS") == 0 ? sockets
                                             : NULL;
}

START_TEST(test_sockets_count_only_for_the_process_that_is_named) {
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    const struct {
        const char *process, *sockets;
        size_t count;
    } rows[] = {{own, "1", 1},   {own, "3", 3},  {own, "0", 0},  {own, "-1", 0},
                {own, "two", 0}, {own, "1x", 0}, {own, NULL, 0}, {NULL, "1", 0},
                {"1", "1", 0},   {"", "1", 0},   {own, "", 0},   {own, "99999999999999999999", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        process = rows[i].process;
        sockets = rows[i].sockets;
        EXPECT_COUNT(activation_count(activated), rows[i].count);
    }
}
END_TEST

Suite *suite_notifier(void) {
    Suite *suite = suite_create("notifier");
    TCase *tests = tcase_create("notifier");
    tcase_add_loop_test(tests, test_messages_are_one_datagram_each, 0, 2);
    tcase_add_test(tests, test_without_a_socket_nothing_is_sent);
    tcase_add_test(tests, test_other_names_are_refused);
    tcase_add_test(tests, test_sockets_count_only_for_the_process_that_is_named);
    suite_add_tcase(suite, tests);
    return suite;
}
