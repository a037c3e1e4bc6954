/* The process: options, signals, start and end. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [8, 2]}"
#define BATCHES "/v1/models/m/batches"

static void want_one_line(const char *text) {
    const char *end = strchr(text, '\n');
    ck_assert_msg(strncmp(text, "mlpd: ", 6) == 0 && end != NULL && end[1] == '\0',
                  "found '%s'; wanted one line that starts with 'mlpd: '", text);
}

/* ---- options ---- */

START_TEST(test_bad_options_end_with_2_and_one_line) {
    static const char *const rows[][4] = {
        {"--nonsense"},
        {"nonsense"},
        {"--"},
        {"-h"},
        {""},
        {"--workers"},
        {"--workers", "0"},
        {"--workers", "two"},
        {"--workers", "1", "--workers=1"},
        {"--workers="},
        {"--http-threads", "65"},
        {"--max-memory", "1K"},
        {"--max-memory", "4X"},
        {"--max-memory", "99999999999999999999T"},
        {"--max-body", "-1"},
        {"--max-queue", "0"},
        {"--max-connections", "0"},
        {"--drain-timeout", "-1"},
        {"--drain-timeout", "inf"},
        {"--drain-timeout", "nan"},
        {"--log-format", "xml"},
        {"--log-level", "loud"},
        {"--port-file", ""},
        {"--help=yes"},
        {"--listen", "8080"},
        {"--listen", "127.0.0.1"},
        {"--listen", "127.0.0.1:65536"},
        {"--listen", "127.0.0.1:x"},
        {"--listen", "example.org:80"},
        {"--listen", "unix:"},
        {"--listen", "0.0.0.0:0"},
        {"--listen", "[::]:0"},
        {"--listen", "192.0.2.1:0"},
    };
    struct run run;
    daemon_run(&run, NULL, NULL,
               (const char *const[]){rows[_i][0], rows[_i][1], rows[_i][2], NULL});
    ck_assert_msg(run.status == 2, "found exit status %d (%s); wanted 2", run.status, run.err);
    want_one_line(run.err);
    want_equal_text(run.out, "");
}
END_TEST

START_TEST(test_bad_variable_is_named) {
    struct run run;
    daemon_run(&run, "MLPD_WORKERS", "many", (const char *const[]){NULL});
    ck_assert_int_eq(run.status, 2);
    want_one_line(run.err);
    ck_assert_msg(strstr(run.err, "MLPD_WORKERS") != NULL, "found %s; wanted the variable's name",
                  run.err);
}
END_TEST

START_TEST(test_address_that_others_can_reach_is_refused_with_the_reason) {
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--listen", "0.0.0.0:8080", NULL});
    ck_assert_int_eq(run.status, 2);
    ck_assert_msg(strstr(run.err, "--token-file") != NULL, "found %s; wanted the reason", run.err);
}
END_TEST

START_TEST(test_help_lists_every_option_and_its_variable) {
    static const char *const options[][2] = {
        {"--listen", "MLPD_LISTEN"},         {"--port-file", "MLPD_PORT_FILE"},
        {"--workers", "MLPD_WORKERS"},       {"--http-threads", "MLPD_HTTP_THREADS"},
        {"--max-memory", "MLPD_MAX_MEMORY"}, {"--max-body", "MLPD_MAX_BODY"},
        {"--max-queue", "MLPD_MAX_QUEUE"},   {"--drain-timeout", "MLPD_DRAIN_TIMEOUT"},
        {"--log-format", "MLPD_LOG_FORMAT"}, {"--log-level", "MLPD_LOG_LEVEL"},
    };
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--help", NULL});
    ck_assert_int_eq(run.status, 0);
    want_equal_text(run.err, "");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        ck_assert_msg(strstr(run.out, options[i][0]) != NULL &&
                          strstr(run.out, options[i][1]) != NULL,
                      "found no %s with %s in the help", options[i][0], options[i][1]);
    }
}
END_TEST

START_TEST(test_version_is_one_line) {
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--version", NULL});
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strncmp(run.out, "mlpd ", 5) == 0 &&
                      strchr(run.out, '\n') == run.out + strlen(run.out) - 1,
                  "found '%s'; wanted 'mlpd VERSION'", run.out);
}
END_TEST

/* ---- start ---- */

START_TEST(test_port_in_use_ends_with_1_and_one_line) {
    daemon_start(NULL, NULL);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", daemon_port());
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--listen", address, NULL});
    ck_assert_int_eq(run.status, 1);
    want_one_line(run.err);
    ck_assert_msg(strstr(run.err, address) != NULL, "found %s; wanted the address %s", run.err,
                  address);
    want_status(get("/health/live"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_port_file_that_cannot_be_written_ends_with_1_and_one_line) {
    struct run run;
    daemon_run(&run, NULL, NULL,
               (const char *const[]){"--listen", "127.0.0.1:0", "--port-file",
                                     "/nonexistent/folder/port", NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "port file") != NULL, "found %s; wanted the reason", run.err);
}
END_TEST

START_TEST(test_port_file_goes_with_the_daemon) {
    daemon_start(NULL, NULL);
    ck_assert_int_eq(access(daemon_port_file(), R_OK), 0);
    want_status(get("/health/ready"), 200);
    daemon_stop();
    ck_assert_msg(access(daemon_port_file(), F_OK) != 0, "found %s after the end",
                  daemon_port_file());
}
END_TEST

START_TEST(test_variable_sets_an_option_and_a_flag_wins) {
    setenv("MLPD_MAX_BODY", "1K", 1);
    setenv("MLPD_MAX_QUEUE", "no number", 1);
    daemon_start("--max-queue", "5", NULL);
    char body[2048];
    memset(body, ' ', sizeof body);
    want_problem(post_raw("/v1/models", body, 1025), 413, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_log_may_be_json_lines) {
    daemon_start("--log-format", "json", NULL);
    daemon_stop();
    char *log = daemon_log();
    size_t lines = 0;
    for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *entry = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(json_is_object(entry), "found the log line '%s'; wanted an object", line);
        json_decref(entry);
        lines++;
    }
    ck_assert_msg(lines >= 2, "found %zu log lines; wanted a start and an end", lines);
    free(log);
}
END_TEST

START_TEST(test_unix_socket_is_served_and_removed) {
    char path[512], address[600];
    snprintf(path, sizeof path, "%s", scratch_name(".socket"));
    snprintf(address, sizeof address, "unix:%s", path);
    daemon_start_on(address, NULL, NULL);
    create(MODEL);
    want_json(train(BATCHES, "{'inputs': [[1, 2]], 'labels': [0]}"), "/state", "'trained'");
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--listen", address, NULL});
    ck_assert_msg(run.status == 1, "a second daemon on the socket ended with %d; wanted 1",
                  run.status);
    want_one_line(run.err);
    want_status(get("/health/live"), 200);
    daemon_stop();
    ck_assert_msg(access(path, F_OK) != 0, "found the socket %s after the end", path);
}
END_TEST

START_TEST(test_localhost_is_served) {
    daemon_start_on("localhost:0", NULL, NULL);
    want_status(get("/health/live"), 200);
    daemon_stop();
}
END_TEST

/* ---- end ---- */

static void want_in_log(const char *part) {
    char *log = daemon_log();
    ck_assert_msg(strstr(log, part) != NULL, "found the log %s; wanted '%s' in it", log, part);
    free(log);
}

START_TEST(test_signal_trains_what_was_acknowledged) {
    static const int signals[] = {SIGTERM, SIGINT};
    daemon_start(NULL, NULL);
    create(MODEL);
    for (int i = 0; i < 100; i++) {
        want_status(post(BATCHES, "{'inputs': [[1, 2], [3, 4]], 'labels': [0, 1]}"), 202);
    }
    daemon_signal(signals[_i]);
    ck_assert_int_eq(daemon_wait(), 0);
    want_in_log("all that was acknowledged is trained");
}
END_TEST

START_TEST(test_slow_queue_is_trained_within_the_drain_timeout) {
    daemon_start("--drain-timeout", "120", NULL);
    slow_create();
    want_status(slow_post(NULL), 202);
    want_status(slow_post(NULL), 202);
    daemon_signal(SIGTERM);
    ck_assert_int_eq(daemon_wait(), 0);
    want_in_log("all that was acknowledged is trained");
}
END_TEST

START_TEST(test_what_does_not_fit_the_drain_timeout_is_counted_and_ends_with_1) {
    daemon_start("--drain-timeout", "0", NULL);
    slow_create();
    for (int i = 0; i < 4; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGTERM);
    const int status = daemon_wait();
    /* With a store they are for the next start. */
    const char *told = daemons_store() ? "is stored, for the next start" : "dropped";
    const int wanted = daemons_store() ? 0 : 1;
    ck_assert_msg(status == wanted, "found exit status %d; wanted %d", status, wanted);
    char *log = daemon_log();
    const char *count = strstr(log, "batches=");
    /* on a machine that has become faster some may have been trained */
    ck_assert_msg(strstr(log, told) != NULL && count != NULL && atoi(count + 8) >= 1 &&
                      atoi(count + 8) <= 4,
                  "found the log %s; wanted 1 to 4 batches %s", log, told);
    free(log);
}
END_TEST

START_TEST(test_second_signal_ends_the_drain_at_once) {
    daemon_start("--drain-timeout", "600", NULL);
    slow_create();
    for (int i = 0; i < 30; i++) {
        want_status(slow_post(NULL), 202);
    }
    daemon_signal(SIGTERM);
    await_json("/health/ready", "/state", "'draining'");
    daemon_signal(SIGTERM);
    const int status = daemon_wait();
    const int wanted = daemons_store() ? 0 : 1; /* for what was dropped */
    ck_assert_msg(status == wanted, "found exit status %d; wanted %d", status, wanted);
}
END_TEST

START_TEST(test_idle_daemon_ends_soon) {
    daemon_start(NULL, NULL);
    create(MODEL); /* the connection stays open */
    const double start = now_seconds();
    daemon_stop();
    ck_assert_msg(now_seconds() - start < 20, "it took %.1f s", now_seconds() - start);
}
END_TEST

START_TEST(test_sighup_does_not_end_it) {
    daemon_start(NULL, NULL);
    daemon_signal(SIGHUP);
    create(MODEL);
    want_status(get("/v1/models/m"), 200);
    daemon_stop();
}
END_TEST

static void *post_and_wait(void *unused) {
    (void)unused;
    const struct answer *answer = slow_post("Prefer: wait=60");
    const bool trained = strcmp(text_at(answer, "/state"), "trained") == 0;
    const long status = trained ? answer->status : -answer->status;
    answers_free();
    return (void *)status;
}

START_TEST(test_waiting_client_is_answered_before_the_end) {
    daemon_start(NULL, NULL);
    slow_create();
    pthread_t waiter;
    void *status;
    pthread_create(&waiter, NULL, post_and_wait, NULL);
    await_json("/v1/models/slow", "/queue_depth", "1");
    daemon_signal(SIGTERM);
    pthread_join(waiter, &status);
    ck_assert_msg((long)status == 200, "found status %ld; wanted 200 and trained", (long)status);
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

Suite *process_suite(void) {
    Suite *suite = suite_create("process");
    TCase *tests = lone_case(suite, "options");
    tcase_add_loop_test(tests, test_bad_options_end_with_2_and_one_line, 0, 33);
    tcase_add_test(tests, test_bad_variable_is_named);
    tcase_add_test(tests, test_address_that_others_can_reach_is_refused_with_the_reason);
    tcase_add_test(tests, test_help_lists_every_option_and_its_variable);
    tcase_add_test(tests, test_version_is_one_line);
    tests = lone_case(suite, "start");
    tcase_add_test(tests, test_port_in_use_ends_with_1_and_one_line);
    tcase_add_test(tests, test_port_file_that_cannot_be_written_ends_with_1_and_one_line);
    tcase_add_test(tests, test_port_file_goes_with_the_daemon);
    tcase_add_test(tests, test_variable_sets_an_option_and_a_flag_wins);
    tcase_add_test(tests, test_log_may_be_json_lines);
    tcase_add_test(tests, test_unix_socket_is_served_and_removed);
    tcase_add_test(tests, test_localhost_is_served);
    tests = lone_case(suite, "end");
    tcase_add_loop_test(tests, test_signal_trains_what_was_acknowledged, 0, 2);
    tcase_add_test(tests, test_slow_queue_is_trained_within_the_drain_timeout);
    tcase_add_test(tests, test_what_does_not_fit_the_drain_timeout_is_counted_and_ends_with_1);
    tcase_add_test(tests, test_second_signal_ends_the_drain_at_once);
    tcase_add_test(tests, test_idle_daemon_ends_soon);
    tcase_add_test(tests, test_sighup_does_not_end_it);
    tcase_add_test(tests, test_waiting_client_is_answered_before_the_end);
    return suite;
}
