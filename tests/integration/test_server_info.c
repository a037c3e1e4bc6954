/* /v1/server: what it says of the process. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

START_TEST(test_the_server_says_what_it_is_made_of) {
    static const char *const texts[] = {
        "/version",           "/build/compiler",   "/libraries/libmicrohttpd",
        "/libraries/jansson", "/libraries/nettle", "/libraries/xxhash",
        "/arithmetic",        "/core_type",        "/numerics_fingerprint",
    };
    const struct answer *server = want_status(get("/v1/server"), 200);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(*text_at(server, texts[i]) != '\0', "%s is missing", texts[i]);
    }
    want_json(server, "/name", "'mlpd'");
}
END_TEST

START_TEST(test_the_server_says_since_when_it_runs) {
    const struct answer *server = want_status(get("/v1/server"), 200);
    int year, month, day, hour, minute;
    double second;
    char zone;
    ck_assert_int_eq(sscanf(text_at(server, "/started_at"), "%4d-%2d-%2dT%2d:%2d:%lf%c", &year,
                            &month, &day, &hour, &minute, &second, &zone),
                     7);
    ck_assert(year > 2020 && zone == 'Z');
    const double uptime = number_at(server, "/uptime_seconds");
    ck_assert(uptime > 0 && uptime < 86400);
    ck_assert(number_at(get("/v1/server"), "/uptime_seconds") > uptime);
}
END_TEST

START_TEST(test_options_are_shown_as_they_were_given) {
    daemon_start("--workers", "3", "--max-body", "2M", "--log-requests", "none", "--open-metrics",
                 "--metrics-models", "7", NULL);
    const struct answer *server = want_status(get("/v1/server"), 200);
    want_json(server, "/options/workers", "3");
    want_json(server, "/workers", "3");
    want_json(server, "/options/max_body", "2097152");
    want_json(server, "/options/log_requests", "'none'");
    want_json(server, "/options/open_metrics", "true");
    want_json(server, "/options/metrics_models", "7");
    want_json(server, "/options/drain_timeout", "30");
    want_json(server, "/options/token_file", "false");
    want_json(server, "/options/port_file", "true");
    daemon_stop();
}
END_TEST

/* What --help lists with a variable, /v1/server shows. */
START_TEST(test_no_option_is_left_out) {
    struct run run;
    size_t found = 0;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--help", NULL});
    const struct answer *server = want_status(get("/v1/server"), 200);
    for (const char *at = run.out; (at = strstr(at, "[MLPD_")) != NULL; at++) {
        char pointer[80] = "/options/";
        const size_t used = strlen(pointer);
        for (size_t i = 0; at[6 + i] != ';'; i++) {
            pointer[used + i] = (char)tolower((unsigned char)at[6 + i]);
        }
        ck_assert_msg(json_at(server, pointer) != NULL, "%s is missing", pointer);
        found++;
    }
    ck_assert_uint_gt(found, 10);
    ck_assert_uint_eq(json_object_size(json_at(server, "/options")), found);
}
END_TEST

START_TEST(test_calls_are_listed) {
    static const char *const calls[] = {"createModel",    "trainBatch",  "predict",
                                        "describeServer", "showMetrics", "isLive"};
    const struct answer *server = want_status(get("/v1/server"), 200);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool found = false;
        for (size_t k = 0; k < json_array_size(json_at(server, "/operations")); k++) {
            char pointer[48];
            snprintf(pointer, sizeof pointer, "/operations/%zu", k);
            found = found || strcmp(text_at(server, pointer), calls[i]) == 0;
        }
        ck_assert_msg(found, "%s is missing", calls[i]);
    }
}
END_TEST

START_TEST(test_connections_are_seen) {
    ck_assert(number_at(want_status(get("/v1/server"), 200), "/http/connections") >= 1);
    want_json(get("/v1/server"), "/http/waiting", "0");
}
END_TEST

Suite *server_info_suite(void) {
    Suite *suite = suite_create("server_info");
    TCase *shared = shared_case(suite, "server_info");
    tcase_add_test(shared, test_the_server_says_what_it_is_made_of);
    tcase_add_test(shared, test_the_server_says_since_when_it_runs);
    tcase_add_test(shared, test_no_option_is_left_out);
    tcase_add_test(shared, test_calls_are_listed);
    tcase_add_test(shared, test_connections_are_seen);
    tcase_add_test(lone_case(suite, "daemons of their own"),
                   test_options_are_shown_as_they_were_given);
    return suite;
}
