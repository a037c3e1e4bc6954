/* /metrics: its form, what it counts, its bounds and who may read it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/events.h"
#include "tests/integration/raw.h"
#include "tests/integration/scrape.h"
#include "tests/integration/suites.h"

#define REQUESTS(operation, code)                                                                  \
    "mlpd_http_requests_total{operation=\"" operation "\",code=\"" code "\"}"
#define DURATIONS(operation) "mlpd_http_request_duration_seconds_count{operation=\"" operation "\"}"
#define STATE(state) "mlpd_batches_total{state=\"" state "\"}"
#define MODEL(figure, model) "mlpd_model_" figure "{model=\"" model "\"}"

/* ---- form ---- */

START_TEST(test_metrics_are_prometheus_text) {
    create_pair("m");
    want_status(get("/v1/nothing"), 404);
    const struct scrape *found = scrape();
    static const char *const wanted[] = {
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "mlpd_http_connections",
        "mlpd_http_waiting",
        "mlpd_http_requests_aborted_total",
        STATE("trained"),
        STATE("diverged"),
        STATE("cancelled"),
        STATE("dropped"),
        "mlpd_batches_acknowledged_total",
        "mlpd_examples_trained_total",
        "mlpd_batch_duration_seconds_count",
        "mlpd_batch_latency_seconds_count",
        "mlpd_predictions_total",
        "mlpd_prediction_rows_total",
        "mlpd_queue_depth",
        "mlpd_models",
        "mlpd_memory_bytes",
        "mlpd_memory_limit_bytes",
        "mlpd_workers",
        "mlpd_workers_busy",
        "mlpd_tiles_helped_total",
        MODEL("loss", "m"),
        MODEL("step", "m"),
        MODEL("queue_depth", "m"),
        MODEL("examples_total", "m"),
        REQUESTS("createModel", "201"),
        REQUESTS("none", "404"),
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ck_assert_msg(scrape_has(found, wanted[i]), "%s is missing", wanted[i]);
    }
    ck_assert(sample_of(found, "process_start_time_seconds") > 1.7e9);
    ck_assert(sample_of(found, "process_resident_memory_bytes") > 1e6);
    ck_assert(sample_of(found, "process_open_fds") > 3);
    ck_assert(sample_of(found, "process_max_fds") >= sample_of(found, "process_open_fds"));
}
END_TEST

START_TEST(test_build_info_names_the_arithmetic_of_the_server) {
    char wanted[512];
    const struct answer *server = want_status(get("/v1/server"), 200);
    snprintf(wanted, sizeof wanted,
             "mlpd_build_info{version=\"%s\",arithmetic=\"%s\",fingerprint=\"%s\"}",
             text_at(server, "/version"), text_at(server, "/arithmetic"),
             text_at(server, "/numerics_fingerprint"));
    want_sample(scrape(), wanted, 1);
}
END_TEST

/* Where Prometheus's own checker is: $PROMTOOL, or in the PATH. */
static const char *promtool(void) {
    const char *given = getenv("PROMTOOL");
    if (given != NULL && *given != '\0') {
        return given;
    }
    const int missing = system("command -v promtool > /dev/null 2>&1"); /* NOLINT(cert-env33-c) */
    return missing == 0 ? "promtool" : NULL;
}

START_TEST(test_promtool_finds_no_fault) {
    char command[1024], file[512];
    create_pair("m");
    want_status(get("/v1/nothing"), 404);
    snprintf(file, sizeof file, "%s", scratch_name(".metrics"));
    FILE *out = fopen(file, "w");
    fputs(scrape()->text, out);
    fclose(out);
    snprintf(command, sizeof command, "'%s' check metrics < '%s'", promtool(), file);
    const int status = system(command); /* NOLINT(cert-env33-c): the names are ours */
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "promtool ended with %d",
                  WEXITSTATUS(status));
}
END_TEST

START_TEST(test_metrics_are_a_get) {
    const struct answer *head =
        want_status(request((struct call){.method = "HEAD", .path = "/metrics"}), 200);
    ck_assert_uint_eq(head->bytes, 0);
    want_header(want_status(request((struct call){.method = "POST", .path = "/metrics"}), 405),
                "Allow", "OPTIONS, GET, HEAD");
    want_problem(get("/metrics?name=x"), 422, NULL);
    want_problem(get("/metrics/"), 404, NULL);
}
END_TEST

/* ---- requests ---- */

START_TEST(test_requests_are_counted_by_operation_and_code) {
    daemon_start(NULL, NULL);
    create_pair("m");
    for (int i = 0; i < 3; i++) {
        want_status(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 200);
    }
    want_status(post("/v1/models/m/predictions", "{'inputs': 1}"), 422);
    want_status(post("/v1/models/x/predictions", "{'inputs': [[1]]}"), 404);
    want_status(request((struct call){.method = "HEAD", .path = "/v1/models/m"}), 200);
    want_status(request((struct call){.method = "PUT", .path = "/v1/models/m"}), 405);
    want_status(request((struct call){.method = "OPTIONS", .path = "/v1/models/m"}), 204);
    const struct scrape *found = await_sample(REQUESTS("none", "204"), 1);
    want_sample(found, REQUESTS("createModel", "201"), 1);
    want_sample(found, REQUESTS("trainBatch", "200"), 1);
    want_sample(found, REQUESTS("predict", "200"), 3);
    want_sample(found, REQUESTS("predict", "422"), 1);
    want_sample(found, REQUESTS("predict", "404"), 1);
    want_sample(found, REQUESTS("describeModel", "200"), 1);
    want_sample(found, REQUESTS("none", "405"), 1);
    want_sample(found, DURATIONS("predict"), 5);
    want_sample(found, DURATIONS("none"), 2);
    daemon_stop();
}
END_TEST

START_TEST(test_what_the_gate_refuses_is_counted_too) {
    SKIP_BEHIND_PROXY("the proxies refuse it themselves");
    static const char request[] = "GET /v1/models HTTP/1.1\r\nHost : a\r\n\r\n";
    char answer[2048];
    const double before = sample_of(scrape(), REQUESTS("none", "400"));
    ck_assert_int_eq(raw_exchange(request, sizeof request - 1, answer, sizeof answer), 400);
    (void)await_sample(REQUESTS("none", "400"), before + 1);
}
END_TEST

START_TEST(test_a_request_that_waits_is_seen_waiting_and_ended_when_its_client_has_gone) {
    create_pair("m");
    const double aborted = sample_of(scrape(), "mlpd_http_requests_aborted_total");
    (void)await_sample("mlpd_http_waiting", 0);
    const int connection = raw_connect();
    ck_assert(raw_send_text(connection, "GET /v1/models/m/loss?after=9&wait=60 HTTP/1.1\r\n"
                                        "Host: localhost\r\n\r\n"));
    (void)await_sample("mlpd_http_waiting", 1);
    raw_reset(connection);
    (void)await_sample("mlpd_http_waiting", 0);
    ck_assert(sample_of(scrape(), "mlpd_http_requests_aborted_total") >= aborted);
}
END_TEST

START_TEST(test_a_request_whose_client_leaves_before_its_answer_is_aborted) {
    SKIP_BEHIND_PROXY("the proxies have connections of their own");
    const double before = sample_of(scrape(), "mlpd_http_requests_aborted_total");
    const int connection = raw_connect();
    create_pair("m");
    ck_assert(raw_send_text(connection, "POST /v1/models/m/batches HTTP/1.1\r\n"
                                        "Host: localhost\r\nContent-Length: 1000\r\n"
                                        "Expect: 100-continue\r\n\r\n"));
    /* A reset takes with it what was not read yet: the request has to have begun. */
    char continues[128];
    ck_assert(recv(connection, continues, sizeof continues, 0) > 0);
    ck_assert(raw_send_text(connection, "{"));
    raw_reset(connection);
    (void)await_sample("mlpd_http_requests_aborted_total", before + 1);
}
END_TEST

START_TEST(test_open_connections_are_counted) {
    SKIP_BEHIND_PROXY("the proxies have connections of their own");
    int connections[5];
    const double before = sample_of(scrape(), "mlpd_http_connections");
    for (size_t i = 0; i < 5; i++) {
        connections[i] = raw_connect();
    }
    (void)await_sample("mlpd_http_connections", before + 5);
    for (size_t i = 0; i < 5; i++) {
        close(connections[i]);
    }
    (void)await_sample("mlpd_http_connections", before);
}
END_TEST

#define CROWD 100 /* of which one is admitted, and some are told that they are too many */

START_TEST(test_connections_beyond_all_limits_are_counted) {
    SKIP_BEHIND_PROXY("the proxies have connections of their own");
    int connections[CROWD];
    char answer[16];
    daemon_start("--max-connections", "1", NULL);
    want_sample(scrape(), "mlpd_http_connections_limit", 1);
    want_sample(scrape(), "mlpd_http_connections_refused_total", 0);
    for (size_t i = 0; i < CROWD; i++) {
        connections[i] = raw_connect();
    }
    ck_assert_int_eq(raw_read(connections[CROWD - 1], answer, sizeof answer), 0); /* closed */
    for (size_t i = 0; i < CROWD; i++) {
        close(connections[i]);
    }
    want_json(await_json("/health/live", "/live", "true"), "/live", "true");
    ck_assert(sample_of(scrape(), "mlpd_http_connections_refused_total") > 0);
    daemon_stop();
}
END_TEST

START_TEST(test_bytes_of_bodies_are_counted) {
    create_pair("m");
    const struct scrape *before = scrape();
    const struct answer *answer =
        want_status(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 200);
    (void)await_sample("mlpd_http_request_body_bytes_total",
                       sample_of(before, "mlpd_http_request_body_bytes_total") + 17);
    ck_assert(sample_of(scrape(), "mlpd_http_response_body_bytes_total") -
                  sample_of(before, "mlpd_http_response_body_bytes_total") >=
              (double)answer->bytes);
}
END_TEST

/* ---- work ---- */

START_TEST(test_training_is_counted) {
    daemon_start(NULL, NULL);
    create("{'name': 'm', 'inputs': 2, 'layers': [{'units': 1, 'activation': 'identity'}], "
           "'optimizer': {'name': 'sgd', 'learning_rate': 0.001}}");
    want_status(
        train("/v1/models/m/batches", "{'inputs': [[1, 2], [3, 4]], 'targets': [[1], [2]]}"), 200);
    const struct answer *last =
        want_status(train("/v1/models/m/batches", "{'inputs': [[1, 2]], 'targets': [[1]]}"), 200);
    const struct scrape *found = scrape();
    want_sample(found, "mlpd_batches_acknowledged_total", 2);
    want_sample(found, STATE("trained"), 2);
    want_sample(found, "mlpd_examples_trained_total", 3);
    want_sample(found, "mlpd_batch_duration_seconds_count", 2);
    want_sample(found, "mlpd_batch_latency_seconds_count", 2);
    want_sample(found, MODEL("loss", "m"), number_at(last, "/loss"));
    want_sample(found, MODEL("step", "m"), 2);
    want_sample(found, MODEL("examples_total", "m"), 3);
    want_json(
        want_status(
            train("/v1/models/m/batches", "{'inputs': [[1e38, 1e38]], 'targets': [[-1e38]]}"), 200),
        "/state", "'diverged'");
    const struct scrape *after = scrape();
    want_sample(after, STATE("trained"), 2);
    want_sample(after, STATE("diverged"), 1);
    want_sample(after, "mlpd_examples_trained_total", 3);
    ck_assert(sample_of(after, MODEL("loss", "m")) != sample_of(after, MODEL("loss", "m")));
    daemon_stop();
}
END_TEST

START_TEST(test_a_queue_is_seen_and_what_is_taken_back) {
    daemon_start("--workers", "1", NULL);
    slow_create();
    const double cancelled = sample_of(scrape(), STATE("cancelled"));
    for (int i = 0; i < 4; i++) {
        want_status(slow_post(NULL), 202);
    }
    const struct scrape *found = scrape();
    ck_assert(sample_of(found, "mlpd_queue_depth") >= 3);
    want_sample(found, MODEL("queue_depth", "slow"), sample_of(found, "mlpd_queue_depth"));
    want_sample(await_sample("mlpd_workers_busy", 1), "mlpd_workers", 1);
    const double taken =
        number_at(want_status(delete ("/v1/models/slow/batches"), 200), "/cancelled");
    ck_assert(taken >= 2);
    (void)await_sample(STATE("cancelled"), cancelled + taken);
    (void)await_sample("mlpd_queue_depth", 0);
    (void)await_sample("mlpd_workers_busy", 0);
    daemon_stop();
}
END_TEST

START_TEST(test_predictions_are_counted) {
    create_pair("m");
    const struct scrape *before = scrape();
    want_status(post("/v1/models/m/predictions", "{'inputs': [[1], [2], [3]]}"), 200);
    want_status(post("/v1/models/m/predictions", "{'inputs': [[1]]}"), 200);
    const struct scrape *after = scrape();
    want_sample(after, "mlpd_predictions_total", sample_of(before, "mlpd_predictions_total") + 2);
    want_sample(after, "mlpd_prediction_rows_total",
                sample_of(before, "mlpd_prediction_rows_total") + 4);
}
END_TEST

START_TEST(test_counters_never_fall) {
    const struct scrape *before = scrape();
    for (int round = 0; round < 20; round++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", round % 3);
        if (round >= 3) {
            want_status(delete ("/v1/models/%s", name), 204);
        }
        create_pair(name);
        want_status(get("/v1/models/%s", name), 200);
        const struct scrape *after = scrape();
        for (size_t i = 0; i < before->count; i++) {
            const struct sample *sample = &before->samples[i];
            /* Those of a model end with it. */
            if (strcmp(sample->type, "gauge") != 0 &&
                strncmp(sample->series, "mlpd_model_", 11) != 0) {
                ck_assert_msg(sample_of(after, sample->series) >= sample->value,
                              "%s fell from %g to %g", sample->series, sample->value,
                              sample_of(after, sample->series));
            }
        }
        before = after;
    }
}
END_TEST

/* Of every call as many durations as answers. */
START_TEST(test_durations_are_of_the_same_requests) {
    daemon_start("--http-threads", "1", NULL);
    create_pair("m");
    for (int i = 0; i < 10; i++) {
        want_status(get("/v1/models/m"), 200);
        want_status(get("/v1/models/x%d", i), 404);
    }
    const struct scrape *found = scrape();
    for (size_t i = 0; i < found->count; i++) {
        char operation[64], prefix[128];
        if (sscanf(found->samples[i].series,
                   "mlpd_http_request_duration_seconds_count{operation=\"%63[A-Za-z]\"}",
                   operation) != 1) {
            continue;
        }
        double answers = 0;
        snprintf(prefix, sizeof prefix, "mlpd_http_requests_total{operation=\"%s\"", operation);
        for (size_t k = 0; k < found->count; k++) {
            if (strncmp(found->samples[k].series, prefix, strlen(prefix)) == 0) {
                answers += found->samples[k].value;
            }
        }
        ck_assert_msg(answers == found->samples[i].value, "%s has %g answers, %g durations",
                      operation, answers, found->samples[i].value);
    }
    daemon_stop();
}
END_TEST

/* How long a client listens is no latency: the time in which it listens is longer than
 * what the daemon took until then, however slow the machine is. */
START_TEST(test_the_duration_of_a_stream_ends_where_its_answer_begins) {
    daemon_start("--http-threads", "1", NULL);
    create("{'name': 'm', 'inputs': 1, 'layers': [2]}");
    struct events events;
    const double asked = now_seconds();
    events_open(&events, "/v1/models/m/loss", "");
    ck_assert_int_eq(events.status, 200);
    const double begun = now_seconds();
    for (int batch = 1; now_seconds() - begun <= begun - asked || batch < 3; batch++) {
        want_status(train("/v1/models/m/batches", "{'inputs': [[1]], 'labels': [0]}"), 200);
        ck_assert_double_eq(events_point(&events), batch);
    }
    events_close(&events);
    const struct scrape *found = await_sample(DURATIONS("listLoss"), 1);
    const double sum =
        sample_of(found, "mlpd_http_request_duration_seconds_sum{operation=\"listLoss\"}");
    ck_assert_msg(sum <= begun - asked, "found %g s; wanted at most %g", sum, begun - asked);
    daemon_stop();
}
END_TEST

/* ---- bounds ---- */

#define ODD_CONNECTIONS 100
#define ODD_REQUESTS 100

static void send_odd_requests(int round) {
    static char requests[ODD_REQUESTS * 128], answers[ODD_REQUESTS * 1024];
    size_t used = 0, got = 0;
    for (int i = 0; i < ODD_REQUESTS; i++) {
        used += (size_t)snprintf(requests + used, sizeof requests - used,
                                 "M%d /odd/%d/%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n", i, round,
                                 i, i == ODD_REQUESTS - 1 ? "Connection: close\r\n" : "");
    }
    const int connection = raw_connect();
    ck_assert(raw_send(connection, requests, used));
    ssize_t more;
    while ((more = read(connection, answers + got, sizeof answers - got - 1)) > 0) {
        got += (size_t)more;
    }
    close(connection);
    answers[got] = '\0';
    int count = 0;
    for (const char *at = answers; (at = strstr(at, "HTTP/1.1 404")) != NULL; at++) {
        count++;
    }
    ck_assert_int_eq(count, ODD_REQUESTS);
}

START_TEST(test_no_client_makes_a_label) {
    SKIP_BEHIND("nginx", "nginx does not pass such requests on");
    daemon_start(NULL, NULL);
    want_status(get("/odd"), 404);
    const size_t before = scrape()->count;
    for (int i = 0; i < ODD_CONNECTIONS; i++) {
        send_odd_requests(i);
    }
    const struct scrape *found =
        await_sample(REQUESTS("none", "404"), ODD_CONNECTIONS * ODD_REQUESTS + 1);
    ck_assert_ptr_null(strstr(found->text, "odd"));
    /* Those of /metrics itself came: one code and one histogram. */
    ck_assert_uint_eq(found->count, before + 1 + 19);
    daemon_stop();
}
END_TEST

static void create_many(int count) {
    for (int i = 0; i < count; i++) {
        create("{'name': 'm%03d', 'inputs': 1, 'layers': [2]}", i);
        answers_free();
    }
}

START_TEST(test_of_many_models_the_first_100_are_shown) {
    create_many(300);
    const struct scrape *found = scrape();
    want_sample(found, "mlpd_models", 300);
    ck_assert_uint_eq(series_beginning(found, "mlpd_model_step{"), 100);
    ck_assert_uint_eq(series_beginning(found, "mlpd_model_"), 400);
    ck_assert(scrape_has(found, MODEL("step", "m000")));
    ck_assert(scrape_has(found, MODEL("step", "m099")));
    ck_assert(!scrape_has(found, MODEL("step", "m100")));
}
END_TEST

START_TEST(test_how_many_models_are_shown_is_an_option) {
    static const struct {
        const char *option;
        size_t shown;
    } rows[] = {{"0", 0}, {"1", 1}, {"70", 70}, {"1000", 90}};
    daemon_start("--metrics-models", rows[_i].option, NULL);
    create_many(90);
    const struct scrape *found = scrape();
    want_sample(found, "mlpd_models", 90);
    ck_assert_uint_eq(series_beginning(found, "mlpd_model_loss{"), rows[_i].shown);
    daemon_stop();
}
END_TEST

START_TEST(test_scraping_keeps_no_memory) {
    create_many(50);
    (void)scrape();
    const double before = number_at(get("/v1/server"), "/memory_bytes");
    for (int i = 0; i < 20; i++) {
        (void)scrape();
        answers_free();
    }
    await_memory(before);
}
END_TEST

/* ---- access ---- */

/* By sha256sum, of r-token. */
#define TOKENS                                                                                     \
    "read sha256:90fedcbce452b5a8a6f979579502bffa56b69a8a3543833062e46632f658e0b8 reader\n"

static const char *token_file(void) {
    static char name[512];
    snprintf(name, sizeof name, "%s", scratch_name(".tokens"));
    FILE *file = fopen(name, "w");
    fputs(TOKENS, file);
    fclose(file);
    return name;
}

static const struct answer *get_metrics(const char *headers) {
    return request((struct call){.method = "GET", .path = "/metrics", .headers = headers});
}

START_TEST(test_metrics_need_scope_read) {
    daemon_start("--token-file", token_file(), NULL);
    want_problem(get_metrics(NULL), 401, NULL);
    want_problem(get_metrics("Authorization: Bearer x-token"), 401, NULL);
    (void)scrape_with("Authorization: Bearer r-token");
    daemon_stop();
}
END_TEST

START_TEST(test_open_metrics_are_for_everybody_and_nothing_else_is) {
    daemon_start("--token-file", token_file(), "--open-metrics", NULL);
    (void)scrape();
    (void)scrape_with("Host: 10.1.2.3:9090");
    (void)scrape_with("Authorization: Bearer x-token");
    want_problem(get("/v1/models"), 401, NULL);
    want_problem(get("/v1/server"), 401, NULL);
    want_problem(request((struct call){.method = "POST", .path = "/metrics"}), 405, NULL);
    daemon_stop();
}
END_TEST

START_TEST(test_metrics_that_are_not_open_look_at_the_host) {
    want_problem(get_metrics("Host: evil.example"), 403, NULL);
    want_problem(get_metrics("Origin: https://evil.example"), 403, NULL);
}
END_TEST

Suite *metrics_suite(void) {
    Suite *suite = suite_create("metrics");
    TCase *shared = shared_case(suite, "metrics");
    tcase_add_test(shared, test_metrics_are_prometheus_text);
    tcase_add_test(shared, test_build_info_names_the_arithmetic_of_the_server);
    if (promtool() != NULL) { /* tests/check.sh sees to it */
        tcase_add_test(shared, test_promtool_finds_no_fault);
    }
    tcase_add_test(shared, test_metrics_are_a_get);
    tcase_add_test(shared, test_what_the_gate_refuses_is_counted_too);
    tcase_add_test(shared,
                   test_a_request_that_waits_is_seen_waiting_and_ended_when_its_client_has_gone);
    tcase_add_test(shared, test_a_request_whose_client_leaves_before_its_answer_is_aborted);
    tcase_add_test(shared, test_open_connections_are_counted);
    tcase_add_test(shared, test_bytes_of_bodies_are_counted);
    tcase_add_test(shared, test_predictions_are_counted);
    tcase_add_test(shared, test_counters_never_fall);
    tcase_add_test(shared, test_of_many_models_the_first_100_are_shown);
    tcase_add_test(shared, test_scraping_keeps_no_memory);
    tcase_add_test(shared, test_metrics_that_are_not_open_look_at_the_host);
    TCase *lone = lone_case(suite, "daemons of their own");
    tcase_add_test(lone, test_requests_are_counted_by_operation_and_code);
    tcase_add_test(lone, test_connections_beyond_all_limits_are_counted);
    tcase_add_test(lone, test_training_is_counted);
    tcase_add_test(lone, test_a_queue_is_seen_and_what_is_taken_back);
    tcase_add_test(lone, test_durations_are_of_the_same_requests);
    tcase_add_test(lone, test_the_duration_of_a_stream_ends_where_its_answer_begins);
    tcase_add_test(lone, test_no_client_makes_a_label);
    tcase_add_loop_test(lone, test_how_many_models_are_shown_is_an_option, 0, 4);
    tcase_add_test(lone, test_metrics_need_scope_read);
    tcase_add_test(lone, test_open_metrics_are_for_everybody_and_nothing_else_is);
    return suite;
}
