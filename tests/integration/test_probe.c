/* mlpd --health URL, which containers run. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

static void want_health(const char *url, int status, const char *part) {
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--health", url, NULL});
    ck_assert_msg(run.status == status, "%s: found exit status %d (%s); wanted %d", url, run.status,
                  run.err, status);
    want_equal_text(run.out, "");
    const char *newline = strchr(run.err, '\n');
    if (status == 0) {
        want_equal_text(run.err, "");
    } else {
        ck_assert_msg(strncmp(run.err, "mlpd: ", 6) == 0 && newline != NULL && newline[1] == '\0' &&
                          strstr(run.err, part) != NULL,
                      "%s: found '%s'; wanted one line with '%s'", url, run.err, part);
    }
}

static const char *url_of(const char *format, unsigned port) {
    static char url[256];
    snprintf(url, sizeof url, format, port);
    return url;
}

START_TEST(test_daemon_that_is_ready_is_healthy) {
    static const char *const forms[] = {
        "http://127.0.0.1:%u",
        "http://127.0.0.1:%u/",
        "http://localhost:%u/health/live",
        "http://127.0.0.1:%u/v1/models?limit=1",
    };
    daemon_start(NULL, NULL);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        want_health(url_of(forms[i], daemon_port()), 0, NULL);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_unix_socket_and_https_can_be_asked) {
    char address[600], certificate[512], key[512];
    snprintf(address, sizeof address, "unix:%s", scratch_name(".socket"));
    daemon_start_on(address, NULL, NULL);
    want_health(address, 0, NULL);
    daemon_stop();
    want_health(address, 1, "No such file");
    snprintf(certificate, sizeof certificate, "%s", scratch_name(".crt"));
    snprintf(key, sizeof key, "%s", scratch_name(".key"));
    certificate_make(certificate, key, "one", 86400);
    daemon_start("--tls-cert", certificate, "--tls-key", key, NULL);
    want_health(url_of("https://127.0.0.1:%u", daemon_port()), 0, NULL);
    want_health(url_of("http://127.0.0.1:%u", daemon_port()), 1, "does not answer in HTTP");
    daemon_stop();
}
END_TEST

START_TEST(test_other_statuses_are_unhealthy_and_told) {
    daemon_start("--drain-timeout", "600", NULL);
    want_health(url_of("http://127.0.0.1:%u/v1/none", daemon_port()), 1, "status 404");
    want_health(url_of("https://127.0.0.1:%u", daemon_port()), 1, "does not speak TLS");
    slow_create();
    for (int i = 0; i < 30; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGTERM);
    await_json("/health/ready", "/state", "'draining'");
    want_health(url_of("http://127.0.0.1:%u", daemon_port()), 1, "status 503");
    want_health(url_of("http://127.0.0.1:%u/health/live", daemon_port()), 0, NULL);
    daemon_signal(SIGTERM);
    ck_assert_int_eq(daemon_wait(), daemons_store() ? 0 : 1);
}
END_TEST

/* Takes connections, and what happens then is up to `serve`. */
static int listen_somewhere(unsigned *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof name;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &bytes), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static void *answer_once(void *listener) {
    const int fd = accept(*(int *)listener, NULL, NULL);
    (void)!write(fd, "SSH-2.0-hello\r\n", 15);
    close(fd);
    return NULL;
}

START_TEST(test_what_does_not_speak_http_is_unhealthy) {
    unsigned port;
    pthread_t server;
    int listener = listen_somewhere(&port);
    pthread_create(&server, NULL, answer_once, &listener);
    want_health(url_of("http://127.0.0.1:%u", port), 1, "does not answer in HTTP");
    pthread_join(server, NULL);
    close(listener);
    want_health(url_of("http://127.0.0.1:%u", port), 1, "Connection refused");
}
END_TEST

START_TEST(test_silence_is_unhealthy_after_a_while) {
    unsigned port;
    const int listener = listen_somewhere(&port);
    const double start = now_seconds();
    want_health(url_of("http://127.0.0.1:%u", port), 1, "not within 5 s");
    ck_assert_msg(now_seconds() - start > 4, "it took %.1f s; wanted about 5",
                  now_seconds() - start);
    close(listener);
}
END_TEST

/* Statuses over 1 mean other things to Docker. */
START_TEST(test_bad_urls_end_with_1) {
    static const char *const rows[] = {
        "ftp://localhost", "localhost:8080", "http://", "http://localhost:x",
        "http://a b/",     "http://a?x",     "unix:",   "http://user@host/"};
    want_health(rows[_i], 1, "");
}
END_TEST

START_TEST(test_health_has_no_variable) {
    struct run run;
    daemon_run(&run, "MLPD_HEALTH", "http://127.0.0.1:1", (const char *const[]){"--version", NULL});
    ck_assert_int_eq(run.status, 0);
    daemon_run(&run, NULL, NULL, (const char *const[]){"--help", NULL});
    ck_assert_msg(strstr(run.out, "--health URL") != NULL && strstr(run.out, "MLPD_HEALTH") == NULL,
                  "found %s", run.out);
}
END_TEST

Suite *probe_suite(void) {
    Suite *suite = suite_create("probe");
    TCase *tests = lone_case(suite, "probe");
    tcase_add_test(tests, test_daemon_that_is_ready_is_healthy);
    tcase_add_test(tests, test_unix_socket_and_https_can_be_asked);
    tcase_add_test(tests, test_other_statuses_are_unhealthy_and_told);
    tcase_add_test(tests, test_what_does_not_speak_http_is_unhealthy);
    tcase_add_test(tests, test_silence_is_unhealthy_after_a_while);
    tcase_add_loop_test(tests, test_bad_urls_end_with_1, 0, 8);
    tcase_add_test(tests, test_health_has_no_variable);
    return suite;
}
