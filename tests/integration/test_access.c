/* Who may use the daemon: tokens and their scopes, addresses that others can reach. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/raw.h"
#include "tests/integration/suites.h"

#define MODEL "{'name': 'm', 'inputs': 2, 'layers': [2]}"
#define READ "Authorization: Bearer r-token"
#define TRAIN "Authorization: Bearer t-token"
#define ADMIN "Authorization: Bearer a-token"
#define NO_TOKEN "Bearer realm=\"mlpd\""
#define BAD_TOKEN "Bearer realm=\"mlpd\", error=\"invalid_token\""

/* By sha256sum, of r-token, t-token and a-token. */
#define READ_LINE                                                                                  \
    "read sha256:90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8 reader\n"
#define TRAIN_LINE "train sha256:58a218c302bc3871d6f40bb81d7df541b5f779abe54571a099975ee39e8b9c95\n"
#define ADMIN_LINE "admin sha256:1f6076e3a47ba1ded08025ffe06e57af217c14f9407f33fba50f99b1c7019387\n"

static char token_file[512];

static void write_tokens(const char *text) {
    FILE *file = fopen(token_file, "w");
    fputs(text, file);
    fclose(file);
}

static void start(void) {
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    write_tokens("# three\n" READ_LINE TRAIN_LINE ADMIN_LINE);
    daemon_start("--token-file", token_file, "--log-level", "debug", NULL);
}

static const struct answer *ask(const char *method, const char *path, const char *headers) {
    return request((struct call){.method = method, .path = path, .headers = headers});
}

static const struct answer *create_with(const char *headers) {
    return post_with(headers, "/v1/models", MODEL);
}

static void want_in_log(const char *part) {
    char *log = daemon_log();
    ck_assert_msg(strstr(log, part) != NULL, "found the log %s; wanted '%s' in it", log, part);
    free(log);
}

/* Ask until the status is that. */
static void await_status(const char *headers, long status) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    const struct answer *answer;
    while ((answer = ask("GET", "/v1/models", headers))->status != status) {
        ck_assert_msg(now_seconds() < until, "found status %ld; wanted %ld", answer->status,
                      status);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static void await_log(const char *part) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    for (bool found = false; !found;) {
        char *log = daemon_log();
        found = strstr(log, part) != NULL;
        ck_assert_msg(found || now_seconds() < until, "found the log %s; wanted '%s' in it", log,
                      part);
        free(log);
    }
}

/* ---- tokens ---- */

START_TEST(test_call_without_a_token_is_401) {
    start();
    want_header(want_problem(get("/v1/models"), 401, NULL), "WWW-Authenticate", NO_TOKEN);
    want_header(want_problem(create_with(NULL), 401, NULL), "WWW-Authenticate", NO_TOKEN);
    want_header(want_status(ask("HEAD", "/v1/models", NULL), 401), "WWW-Authenticate", NO_TOKEN);
    want_detail(get("/v1/server"), "Authorization: Bearer TOKEN");
    daemon_stop();
}
END_TEST

START_TEST(test_unknown_token_is_401) {
    static const char *const rows[] = {
        "Authorization: Bearer x-token",
        "Authorization: Bearer r-tokenx",
        "Authorization: Bearer "
        "sha256:90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8",
    };
    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want_header(want_problem(ask("GET", "/v1/models", rows[i]), 401, NULL), "WWW-Authenticate",
                    BAD_TOKEN);
    }
    daemon_stop();
}
END_TEST

START_TEST(test_other_schemes_are_401) {
    static const char *const rows[] = {
        "Authorization: Basic ci10b2tlbjo=",
        "Authorization: r-token",
        "Authorization: Bearer",
        "Authorization: Token r-token",
    };
    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want_header(want_problem(ask("GET", "/v1/models", rows[i]), 401, NULL), "WWW-Authenticate",
                    NO_TOKEN);
    }
    want_status(ask("GET", "/v1/models", "authorization: bEARER r-token"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_scopes_decide_and_larger_ones_include_the_smaller) {
    static const struct {
        const char *method, *path, *body, *wanted_scope;
        long read, train, admin;
    } rows[] = {
        {"GET", "/v1/models", NULL, "", 200, 200, 200},
        {"HEAD", "/v1/models", NULL, "", 200, 200, 200},
        {"GET", "/v1/server", NULL, "", 200, 200, 200},
        {"POST", "/v1/models?dry_run=true", "{\"name\":\"n\",\"inputs\":1,\"layers\":[2]}", "train",
         403, 200, 200},
        {"POST", "/v1/models/m/batches", "{\"inputs\":[[1,2]],\"labels\":[0]}", "train", 403, 202,
         202},
        {"POST", "/v1/models/m/predictions", "{\"inputs\":[[1,2]]}", "", 200, 200, 200},
        {"POST", "/v1/models/m/evaluations", "{\"inputs\":[[1,2]],\"labels\":[0]}", "", 200, 200,
         200},
        {"DELETE", "/v1/models/m/batches", NULL, "train", 403, 200, 200},
        {"DELETE", "/v1/models/none", NULL, "admin", 403, 403, 404},
    };
    static const char *const tokens[] = {READ, TRAIN, ADMIN};
    start();
    want_status(create_with(TRAIN), 201);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const long wanted[] = {rows[i].read, rows[i].train, rows[i].admin};
        for (size_t j = 0; j < 3; j++) {
            const struct answer *answer =
                request((struct call){.method = rows[i].method,
                                      .path = rows[i].path,
                                      .headers = tokens[j],
                                      .body = rows[i].body,
                                      .bytes = rows[i].body != NULL ? strlen(rows[i].body) : 0});
            ck_assert_msg(answer->status == wanted[j], "%s %s with %s: found %ld %s; wanted %ld",
                          rows[i].method, rows[i].path, tokens[j], answer->status, answer->body,
                          wanted[j]);
            if (wanted[j] == 403) {
                char challenge[128];
                snprintf(challenge, sizeof challenge,
                         "Bearer realm=\"mlpd\", error=\"insufficient_scope\", scope=\"%s\"",
                         rows[i].wanted_scope);
                want_header(want_problem(answer, 403, NULL), "WWW-Authenticate", challenge);
            }
        }
    }
    want_status(ask("DELETE", "/v1/models/m", ADMIN), 204);
    daemon_stop();
}
END_TEST

START_TEST(test_probes_and_options_need_no_token) {
    start();
    want_status(get("/health/live"), 200);
    want_status(get("/health/ready"), 200);
    want_status(ask("GET", "/health/ready", "Authorization: Bearer x-token"), 200);
    want_header(want_status(ask("OPTIONS", "/v1/models", NULL), 204), "Allow",
                "OPTIONS, POST, GET, HEAD");
    want_status(ask("OPTIONS", "/", NULL), 204);
    daemon_stop();
}
END_TEST

/* A stranger learns the map from its documentation, not the models. */
START_TEST(test_token_comes_after_address_and_method_and_before_the_model) {
    start();
    want_problem(get("/v1/nothing"), 404, NULL);
    want_problem(ask("PUT", "/v1/models", NULL), 405, NULL);
    want_problem(get("/v1/models/nothing"), 401, NULL);
    want_problem(get("/v1/models?nonsense=1"), 401, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_large_body_without_a_token_is_refused_before_it_is_sent) {
    char answer[4096];
    start();
    const int connection = raw_connect();
    ck_assert(raw_send_text(connection, "POST /v1/models/m/batches HTTP/1.1\r\nHost: localhost\r\n"
                                        "Content-Length: 60000000\r\n\r\n"));
    ck_assert_int_eq(raw_read(connection, answer, sizeof answer), 401);
    ck_assert_msg(strcasestr(answer, "WWW-Authenticate: " NO_TOKEN) != NULL, "found %s", answer);
    close(connection);
    daemon_stop();
}
END_TEST

START_TEST(test_two_authorizations_are_400) {
    static const char twice[] =
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" READ "\r\n" READ "\r\n\r\n";
    char answer[4096];
    start();
    ck_assert_int_eq(raw_exchange(twice, sizeof twice - 1, answer, sizeof answer), 400);
    daemon_stop();
}
END_TEST

START_TEST(test_tokens_are_never_logged) {
    start();
    want_status(create_with(TRAIN), 201);
    want_status(ask("GET", "/v1/models", "Authorization: Bearer x-token"), 401);
    want_status(ask("GET", "/v1/models?token=t-token", READ), 422);
    write_tokens("admin t-token\n");
    daemon_signal(SIGHUP);
    await_log("the tokens stay as they were");
    daemon_stop();
    char *log = daemon_log();
    static const char *const secrets[] = {
        "r-token", "x-token", "90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        ck_assert_msg(strstr(log, secrets[i]) == NULL, "found %s in the log %s", secrets[i], log);
    }
    ck_assert_msg(strstr(log, "admin t-token") == NULL, "found a line of the file in %s", log);
    free(log);
}
END_TEST

/* ---- read again ---- */

START_TEST(test_sighup_reads_the_tokens_again) {
    start();
    want_status(ask("GET", "/v1/models", READ), 200);
    write_tokens(ADMIN_LINE);
    want_status(ask("GET", "/v1/models", READ), 200);
    daemon_signal(SIGHUP);
    await_status(READ, 401);
    want_status(ask("GET", "/v1/models", ADMIN), 200);
    await_log("the tokens were read again");
    daemon_stop();
}
END_TEST

START_TEST(test_broken_file_keeps_the_tokens_and_is_logged_with_its_line) {
    char part[600];
    start();
    write_tokens(ADMIN_LINE "nonsense\n");
    daemon_signal(SIGHUP);
    snprintf(part, sizeof part, "%s:2: ", token_file);
    await_log(part);
    want_status(ask("GET", "/v1/models", READ), 200);
    unlink(token_file);
    daemon_signal(SIGHUP);
    await_log("No such file");
    want_status(ask("GET", "/v1/models", READ), 200);
    write_tokens(TRAIN_LINE);
    daemon_signal(SIGHUP);
    await_status(READ, 401);
    daemon_stop();
}
END_TEST

static atomic_bool over;

static void *ask_all_the_time(void *unused) {
    long bad = 0, calls = 0;
    (void)unused;
    while (!atomic_load(&over) || calls < 50) {
        bad += ask("GET", "/v1/models", ADMIN)->status != 200;
        bad += ask("GET", "/v1/models", "Authorization: Bearer x-token")->status != 401;
        calls += 2;
        answers_free();
    }
    return (void *)bad;
}

START_TEST(test_tokens_are_replaced_under_load_without_a_wrong_answer) {
    pthread_t askers[3];
    atomic_store(&over, false);
    start();
    for (size_t i = 0; i < 3; i++) {
        pthread_create(&askers[i], NULL, ask_all_the_time, NULL);
    }
    for (int i = 0; i < 20; i++) {
        /* Each reading is seen to have happened by what it changes. */
        write_tokens(i % 2 == 0 ? ADMIN_LINE : READ_LINE ADMIN_LINE);
        daemon_signal(SIGHUP);
        await_status(READ, i % 2 == 0 ? 401 : 200);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < 3; i++) {
        void *bad;
        pthread_join(askers[i], &bad);
        ck_assert_msg(bad == NULL, "found %ld wrong answers; wanted none", (long)bad);
    }
    daemon_stop();
}
END_TEST

/* ---- start ---- */

START_TEST(test_bad_token_files_end_with_1_and_one_line) {
    struct run run;
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    const char *const arguments[] = {"--listen", "127.0.0.1:0", "--token-file", token_file, NULL};
    daemon_run(&run, NULL, NULL, arguments);
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "No such file") != NULL, "found %s", run.err);
    write_tokens("read r-token\n");
    daemon_run(&run, NULL, NULL, arguments);
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, ":1: ") != NULL && strstr(run.err, "r-token") == NULL, "found %s",
                  run.err);
    write_tokens(READ_LINE);
    chmod(token_file, 0666);
    daemon_run(&run, NULL, NULL, arguments);
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "chmod go-w") != NULL, "found %s", run.err);
}
END_TEST

START_TEST(test_readable_token_file_is_warned_of) {
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    write_tokens(READ_LINE);
    chmod(token_file, 0644);
    daemon_start("--token-file", token_file, NULL);
    want_in_log("can be read by every user");
    daemon_stop();
}
END_TEST

START_TEST(test_hash_token_prints_what_the_file_has) {
    struct run run;
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_name(".token"));
    FILE *file = fopen(path, "w");
    fputs("r-token\n", file);
    fclose(file);
    ck_assert_ptr_nonnull(freopen(path, "r", stdin));
    daemon_run(&run, NULL, NULL, (const char *const[]){"--hash-token", NULL});
    ck_assert_msg(run.status == 0, "%s", run.err);
    want_equal_text(run.out,
                    "sha256:90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8\n");
    ck_assert_ptr_nonnull(freopen("/dev/null", "r", stdin));
    daemon_run(&run, NULL, NULL, (const char *const[]){"--hash-token", NULL});
    ck_assert_int_eq(run.status, 2);
    want_equal_text(run.out, "");
}
END_TEST

START_TEST(test_addresses_that_others_can_reach_are_served_with_tokens) {
    static const char *const addresses[] = {"0.0.0.0:0", "[::]:0"};
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    write_tokens(READ_LINE);
    daemon_start_on(addresses[_i], "--token-file", token_file, NULL);
    want_status(ask("GET", "/v1/models", READ), 200);
    want_status(get("/v1/models"), 401);
    want_status(get("/health/ready"), 200);
    daemon_stop();
}
END_TEST

START_TEST(test_name_that_does_not_exist_ends_with_1_and_one_line) {
    struct run run;
    snprintf(token_file, sizeof token_file, "%s", scratch_name(".tokens"));
    write_tokens(READ_LINE);
    daemon_run(
        &run, NULL, NULL,
        (const char *const[]){"--listen", "nowhere.invalid:0", "--token-file", token_file, NULL});
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.err, "cannot listen on nowhere.invalid:0: ") != NULL, "found %s",
                  run.err);
}
END_TEST

Suite *access_suite(void) {
    Suite *suite = suite_create("access");
    TCase *tests = lone_case(suite, "tokens");
    tcase_add_test(tests, test_call_without_a_token_is_401);
    tcase_add_test(tests, test_unknown_token_is_401);
    tcase_add_test(tests, test_other_schemes_are_401);
    tcase_add_test(tests, test_scopes_decide_and_larger_ones_include_the_smaller);
    tcase_add_test(tests, test_probes_and_options_need_no_token);
    tcase_add_test(tests, test_token_comes_after_address_and_method_and_before_the_model);
    tcase_add_test(tests, test_large_body_without_a_token_is_refused_before_it_is_sent);
    tcase_add_test(tests, test_two_authorizations_are_400);
    tcase_add_test(tests, test_tokens_are_never_logged);
    tests = lone_case(suite, "tokens read again");
    tcase_add_test(tests, test_sighup_reads_the_tokens_again);
    tcase_add_test(tests, test_broken_file_keeps_the_tokens_and_is_logged_with_its_line);
    tcase_add_test(tests, test_tokens_are_replaced_under_load_without_a_wrong_answer);
    tests = lone_case(suite, "start");
    tcase_add_test(tests, test_bad_token_files_end_with_1_and_one_line);
    tcase_add_test(tests, test_readable_token_file_is_warned_of);
    tcase_add_test(tests, test_hash_token_prints_what_the_file_has);
    tcase_add_loop_test(tests, test_addresses_that_others_can_reach_are_served_with_tokens, 0, 2);
    tcase_add_test(tests, test_name_that_does_not_exist_ends_with_1_and_one_line);
    return suite;
}
