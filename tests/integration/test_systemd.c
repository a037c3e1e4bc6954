/* What systemd gives and is told: sockets, readiness, reloading, the watchdog. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

/* ---- sockets ---- */

static int open_tcp(uint32_t address, unsigned *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};
    socklen_t bytes = sizeof name;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &bytes), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static int open_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(bind(fd, (const struct sockaddr *)&name, sizeof name) == 0, "%s: %s", path,
                  strerror(errno));
    ck_assert_int_eq(listen(fd, 16), 0);
    return fd;
}

START_TEST(test_tcp_socket_takes_the_place_of_listen) {
    unsigned port;
    const int fd = open_tcp(INADDR_LOOPBACK, &port);
    daemon_hand_over(&fd, 1);
    daemon_start(NULL, NULL);
    ck_assert_uint_eq(daemon_port(), port);
    want_status(get("/v1/models"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_unix_socket_is_served_and_left_in_place) {
    char path[100];
    snprintf(path, sizeof path, "%s", scratch_name(".socket"));
    const int fd = open_unix(path);
    daemon_hand_over(&fd, 1);
    daemon_start(NULL, NULL);
    want_equal_text(daemon_socket_path(), path);
    want_status(
        request((struct call){.method = "GET", .path = "/v1/models", .headers = "Host: any"}), 200);
    daemon_stop();
    ck_assert_msg(access(path, F_OK) == 0, "found no %s; it is systemd's", path);
    /* and the next one may have it */
    daemon_start(NULL, NULL);
    want_status(get("/v1/models"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_several_sockets_are_served) {
    char path[100], unix_url[128], url[64];
    unsigned ports[2];
    struct run run;
    snprintf(path, sizeof path, "%s", scratch_name(".socket"));
    const int sockets[] = {open_tcp(INADDR_LOOPBACK, &ports[0]),
                           open_tcp(INADDR_LOOPBACK, &ports[1]), open_unix(path)};
    daemon_hand_over(sockets, 3);
    daemon_start(NULL, NULL);
    daemon_hand_over(NULL, 0);
    snprintf(unix_url, sizeof unix_url, "unix:%s", path);
    daemon_run(&run, NULL, NULL, (const char *const[]){"--health", unix_url, NULL});
    ck_assert_msg(run.status == 0, "%s", run.err);
    for (size_t i = 0; i < 2; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u", ports[i]);
        daemon_run(&run, NULL, NULL, (const char *const[]){"--health", url, NULL});
        ck_assert_msg(run.status == 0, "%s", run.err);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_connections_made_before_the_start_are_answered) {
    unsigned port;
    char answer[64] = "";
    const int fd = open_tcp(INADDR_LOOPBACK, &port);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in name = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr = {htonl(INADDR_LOOPBACK)}};
    static const char text[] = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ck_assert_int_eq(connect(client, (const struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(write(client, text, sizeof text - 1), sizeof text - 1);
    daemon_hand_over(&fd, 1);
    daemon_start(NULL, NULL);
    struct pollfd readable = {.fd = client, .events = POLLIN};
    ck_assert_int_eq(poll(&readable, 1, (int)DEADLINE_SECONDS * 1000), 1);
    ck_assert_int_gt(read(client, answer, sizeof answer - 1), 0);
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200", 12) == 0, "found %s", answer);
    close(client);
    daemon_stop();
}
END_TEST

static void want_failure(const char *part) {
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strncmp(run.err, "mlpd: ", 6) == 0 && strstr(run.err, part) != NULL,
                  "found '%s'; wanted '%s'", run.err, part);
}

START_TEST(test_socket_that_others_can_reach_needs_tokens) {
    unsigned port;
    const int fd = open_tcp(INADDR_ANY, &port);
    daemon_hand_over(&fd, 1);
    want_failure("only with --token-file");
    char token_file[512];
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    FILE *file = fopen(token_file, "w");
    /* of "t", by sha256sum */
    fputs("read sha256:e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8\n", file);
    fclose(file);
    daemon_start("--token-file", token_file, NULL);
    want_status(get("/v1/models"), 401);
    want_status(request((struct call){
                    .method = "GET", .path = "/v1/models", .headers = "Authorization: Bearer t"}),
                200);
    daemon_stop();
}
END_TEST

START_TEST(test_what_does_not_listen_is_refused) {
    int sockets[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    daemon_hand_over(&sockets[0], 1);
    want_failure("descriptor 3 is no socket that listens");
    unsigned port;
    const int mixed[] = {open_tcp(INADDR_LOOPBACK, &port),
                         socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    daemon_hand_over(mixed, 2);
    want_failure("descriptor 4 is no socket that listens");
    int many[9];
    for (size_t i = 0; i < 9; i++) {
        many[i] = open_tcp(INADDR_LOOPBACK, &port);
    }
    daemon_hand_over(many, 9);
    want_failure("9 sockets are handed over; up to 8");
}
END_TEST

START_TEST(test_sockets_of_another_process_are_left_alone) {
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    daemon_start(NULL, NULL);
    want_status(get("/v1/models"), 200);
    daemon_stop();
}
END_TEST

/* ---- notifications ---- */

static int notify_socket;

/* As systemd does; `abstract` has no file. */
static void listen_for_notifications(bool abstract) {
    static char variable[100];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    snprintf(variable, sizeof variable, "%s%s", abstract ? "@" : "", scratch_name(".notify"));
    memcpy(name.sun_path, variable, strlen(variable));
    if (abstract) {
        name.sun_path[0] = '\0';
    }
    notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(
        bind(notify_socket, (const struct sockaddr *)&name, (socklen_t)(head + strlen(variable))),
        0);
    setenv("NOTIFY_SOCKET", variable, 1);
}

/* The next message. */
static const char *next_notification(void) {
    static char message[1024];
    struct pollfd readable = {.fd = notify_socket, .events = POLLIN};
    ck_assert_msg(poll(&readable, 1, (int)(DEADLINE_SECONDS * 1000)) == 1,
                  "systemd was told nothing in time");
    const ssize_t bytes = recv(notify_socket, message, sizeof message - 1, 0);
    ck_assert_int_ge(bytes, 0);
    message[bytes] = '\0';
    return message;
}

static void want_notification(const char *start) {
    const char *found = next_notification();
    ck_assert_msg(strncmp(found, start, strlen(start)) == 0, "found '%s'; wanted '%s'", found,
                  start);
}

START_TEST(test_systemd_is_told_of_start_and_end) {
    listen_for_notifications(_i == 1);
    daemon_start("--drain-timeout", "7", NULL);
    char ready[100];
    snprintf(ready, sizeof ready, "READY=1\nSTATUS=serving on 127.0.0.1:%u", daemon_port());
    want_notification(ready);
    want_status(get("/health/ready"), 200);
    daemon_stop();
    const char *stopping = next_notification();
    ck_assert_msg(strncmp(stopping, "STOPPING=1\nSTATUS=", 18) == 0 &&
                      strstr(stopping, "\nEXTEND_TIMEOUT_USEC=22000000") != NULL,
                  "found '%s'", stopping);
}
END_TEST

START_TEST(test_systemd_is_told_of_reloading) {
    long long reloading = 0;
    listen_for_notifications(false);
    daemon_start(NULL, NULL);
    want_notification("READY=1\n");
    daemon_signal(SIGHUP);
    const char *found = next_notification();
    ck_assert_msg(sscanf(found, "RELOADING=1\nMONOTONIC_USEC=%lld\n", &reloading) == 1,
                  "found '%s'", found);
    ck_assert_msg((double)reloading * 1e-6 <= now_seconds() &&
                      (double)reloading * 1e-6 > now_seconds() - 2 * DEADLINE_SECONDS,
                  "found the time %lld; it is %.6f", reloading, now_seconds());
    want_notification("READY=1\n");
    daemon_stop();
    want_notification("STOPPING=1\n");
}
END_TEST

START_TEST(test_watchdog_is_told_as_long_as_it_answers) {
    char certificate[512], key[512];
    setenv("WATCHDOG_USEC", "400000", 1);
    listen_for_notifications(false);
    if (_i == 0) {
        daemon_start_on("localhost:0", NULL, NULL);
    } else {
        snprintf(certificate, sizeof certificate, "%s", scratch_name(".crt"));
        snprintf(key, sizeof key, "%s", scratch_name(".key"));
        certificate_make(certificate, key, "one", 86400);
        daemon_start("--tls-cert", certificate, "--tls-key", key, NULL);
    }
    want_notification("READY=1\n");
    for (int i = 0; i < 4; i++) {
        want_notification("WATCHDOG=1");
    }
    daemon_stop();
}
END_TEST

/* Two connections are all there may be, and more are told so: it answers. */
START_TEST(test_crowd_of_clients_does_not_silence_the_watchdog) {
    setenv("WATCHDOG_USEC", "400000", 1);
    listen_for_notifications(false);
    daemon_start("--max-connections", "2", NULL);
    want_notification("READY=1\n");
    int crowd[6];
    for (size_t i = 0; i < 6; i++) {
        const struct sockaddr_in name = {.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)daemon_port()),
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(crowd[i], (const struct sockaddr *)&name, sizeof name), 0);
    }
    for (int i = 0; i < 6; i++) {
        want_notification("WATCHDOG=1");
    }
    for (size_t i = 0; i < 6; i++) {
        close(crowd[i]);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_bad_notify_socket_is_warned_of_and_harms_nothing) {
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    daemon_start(NULL, NULL);
    want_status(get("/health/ready"), 200);
    daemon_stop();
    char *log = daemon_log();
    ck_assert_msg(strstr(log, "NOTIFY_SOCKET") != NULL, "found the log %s", log);
    free(log);
}
END_TEST

Suite *systemd_suite(void) {
    Suite *suite = suite_create("systemd");
    TCase *tests = lone_case(suite, "sockets");
    tcase_add_test(tests, test_tcp_socket_takes_the_place_of_listen);
    tcase_add_test(tests, test_unix_socket_is_served_and_left_in_place);
    tcase_add_test(tests, test_several_sockets_are_served);
    tcase_add_test(tests, test_connections_made_before_the_start_are_answered);
    tcase_add_test(tests, test_socket_that_others_can_reach_needs_tokens);
    tcase_add_test(tests, test_what_does_not_listen_is_refused);
    tcase_add_test(tests, test_sockets_of_another_process_are_left_alone);
    tests = lone_case(suite, "notifications");
    tcase_add_loop_test(tests, test_systemd_is_told_of_start_and_end, 0, 2);
    tcase_add_test(tests, test_systemd_is_told_of_reloading);
    tcase_add_loop_test(tests, test_watchdog_is_told_as_long_as_it_answers, 0, 2);
    tcase_add_test(tests, test_crowd_of_clients_does_not_silence_the_watchdog);
    tcase_add_test(tests, test_bad_notify_socket_is_warned_of_and_harms_nothing);
    return suite;
}
