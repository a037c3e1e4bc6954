/* server/options.h, and server/address.h through --listen */
#include <check.h>
#include <ctype.h>
#include <string.h>

#include "server/machine.h"
#include "server/options.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define ARGUMENTS_MAX 4

/* The environment of the case that runs: one variable at most. */
static const char *variable_name, *variable_value;

static const char *environment(const char *name) {
    return variable_name != NULL && strcmp(name, variable_name) == 0 ? variable_value : NULL;
}

/* Up to ARGUMENTS_MAX arguments, ended by NULL. */
static enum options_outcome parse(const char *const *arguments, struct options *options,
                                  struct error *error) {
    char *argv[ARGUMENTS_MAX + 2] = {(char *)"mlpd"};
    int argc = 1;
    for (; argc <= ARGUMENTS_MAX && arguments[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)arguments[argc - 1];
    }
    return options_parse(argc, argv, environment, options, error);
}

static enum options_outcome parse_one(const char *argument, struct options *options) {
    struct error error;
    return parse((const char *const[ARGUMENTS_MAX + 1]){argument}, options, &error);
}

static void setup(void) {
    variable_name = variable_value = NULL;
}

START_TEST(test_nothing_gives_the_defaults) {
    struct options options;
    ck_assert_int_eq(parse_one(NULL, &options), OPTIONS_RUN);
    ck_assert_int_eq(options.listen.kind, ADDRESS_IPV4);
    EXPECT_TEXT(options.listen.host, "127.0.0.1");
    ck_assert_uint_eq(options.listen.port, 8080);
    ck_assert_ptr_null(options.port_file);
    ck_assert_uint_eq(options.workers, machine_cpus());
    ck_assert_uint_eq(options.http_threads, machine_http_threads());
    ck_assert_uint_eq(options.memory_bytes_max, machine_memory_share());
    ck_assert_uint_eq(options.body_bytes_max, (size_t)64 << 20);
    ck_assert_uint_eq(options.queue_max, 1000);
    ck_assert_uint_eq(options.connections_max, 1000);
    ck_assert(options.drain_timeout_seconds == 30.0);
    ck_assert_int_eq(options.log_format, LOG_FORMAT_TEXT);
    ck_assert_int_eq(options.log_level, LOG_LEVEL_INFO);
    ck_assert_int_eq(options.request_log, REQUEST_LOG_AUTO);
    ck_assert(!options.open_metrics);
    ck_assert_uint_eq(options.metrics_models_max, 100);
}
END_TEST

START_TEST(test_sizes_have_units_of_1024) {
    static const struct {
        const char *argument;
        size_t bytes;
    } rows[] = {
        {"--max-body=1024", 1024},          {"--max-body=512K", (size_t)512 << 10},
        {"--max-body=3m", (size_t)3 << 20}, {"--max-body=4G", (size_t)4 << 30},
        {"--max-body=1T", (size_t)1 << 40},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options options;
        ck_assert_msg(parse_one(rows[i].argument, &options) == OPTIONS_RUN, "%s", rows[i].argument);
        ck_assert_uint_eq(options.body_bytes_max, rows[i].bytes);
    }
}
END_TEST

START_TEST(test_a_value_may_be_the_next_argument) {
    struct options options;
    struct error error;
    ck_assert_int_eq(parse((const char *const[]){"--workers", "3", "--log-format", "json", NULL},
                           &options, &error),
                     OPTIONS_RUN);
    ck_assert_uint_eq(options.workers, 3);
    ck_assert_int_eq(options.log_format, LOG_FORMAT_JSON);
}
END_TEST

START_TEST(test_addresses) {
    static const struct {
        const char *argument, *host, *written;
        enum address_kind kind;
        uint16_t port;
    } rows[] = {
        {"--listen=127.0.0.9:0", "127.0.0.9", "127.0.0.9:0", ADDRESS_IPV4, 0},
        {"--listen=[::1]:65535", "::1", "[::1]:65535", ADDRESS_IPV6, 65535},
        {"--listen=localhost:80", "localhost", "localhost:80", ADDRESS_LOCALHOST, 80},
        {"--listen=unix:a b", "a b", "unix:a b", ADDRESS_UNIX, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options options;
        char text[ADDRESS_TEXT_BYTES];
        ck_assert_msg(parse_one(rows[i].argument, &options) == OPTIONS_RUN, "%s", rows[i].argument);
        ck_assert_int_eq(options.listen.kind, rows[i].kind);
        EXPECT_TEXT(options.listen.host, rows[i].host);
        ck_assert_uint_eq(options.listen.port, rows[i].port);
        address_format(&options.listen, text);
        EXPECT_TEXT(text, rows[i].written);
    }
}
END_TEST

START_TEST(test_tokens_allow_addresses_that_others_can_reach) {
    static const char *const rows[] = {"--listen=0.0.0.0:80", "--listen=[::]:80",
                                       "--listen=192.0.2.1:0", "--listen=example.org:80"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options options;
        struct error error;
        ck_assert_msg(parse((const char *const[]){rows[i], "--token-file", "f", NULL}, &options,
                            &error) == OPTIONS_RUN,
                      "%s: %s", rows[i], error.message);
        EXPECT_TEXT(options.token_file, "f");
    }
}
END_TEST

START_TEST(test_a_switch_is_on_without_a_value) {
    static const struct {
        const char *argument;
        bool on;
    } rows[] = {
        {"--open-metrics", true},        {"--open-metrics=true", true}, {"--open-metrics=1", true},
        {"--open-metrics=false", false}, {"--open-metrics=0", false},   {NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options options;
        ck_assert_int_eq(parse_one(rows[i].argument, &options), OPTIONS_RUN);
        ck_assert(options.open_metrics == rows[i].on);
    }
}
END_TEST

START_TEST(test_a_switch_takes_no_word_behind_it) {
    struct options options;
    struct error error;
    ck_assert_int_eq(parse((const char *const[]){"--open-metrics", "true", NULL}, &options, &error),
                     OPTIONS_WRONG);
    EXPECT_TEXT(error.message, "'true' is not an option; mlpd --help lists them");
}
END_TEST

START_TEST(test_a_switch_has_a_variable) {
    struct options options;
    variable_name = "MLPD_OPEN_METRICS";
    variable_value = "true";
    ck_assert_int_eq(parse_one(NULL, &options), OPTIONS_RUN);
    ck_assert(options.open_metrics);
    ck_assert_int_eq(parse_one("--open-metrics=false", &options), OPTIONS_RUN);
    ck_assert(!options.open_metrics);
}
END_TEST

static const struct option_value *value_of(const struct option_value *values, size_t count,
                                           const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].name, name) == 0) {
            return &values[i];
        }
    }
    ck_abort_msg("%s is not shown", name);
}

/* Every option of --help that has a variable is shown, once. */
START_TEST(test_every_option_is_shown) {
    struct options options;
    struct option_value values[100];
    char text[16384];
    ck_assert_int_eq(parse_one(NULL, &options), OPTIONS_RUN);
    const size_t count = options_values(&options, NULL);
    ck_assert_uint_le(count, 100);
    ck_assert_uint_eq(options_values(&options, values), count);
    (void)options_help(text, sizeof text);
    size_t variables = 0;
    for (const char *at = text; (at = strstr(at, "[MLPD_")) != NULL; at++) {
        char name[OPTION_NAME_BYTES] = "";
        for (size_t i = 0; at[6 + i] != ';' && i < sizeof name - 1; i++) {
            name[i] = (char)tolower((unsigned char)at[6 + i]);
        }
        (void)value_of(values, count, name);
        variables++;
    }
    ck_assert_uint_eq(variables, count);
}
END_TEST

START_TEST(test_options_are_shown_as_they_are_set) {
    struct options options;
    struct option_value values[100];
    struct error error;
    ck_assert_int_eq(parse((const char *const[]){"--max-body=1M", "--token-file=secret",
                                                 "--log-format=json", "--open-metrics", NULL},
                           &options, &error),
                     OPTIONS_RUN);
    const size_t count = options_values(&options, values);
    ck_assert_uint_eq(value_of(values, count, "max_body")->value.count, 1 << 20);
    EXPECT_SAME(value_of(values, count, "drain_timeout")->value.seconds, 30);
    EXPECT_TEXT(value_of(values, count, "log_format")->value.text, "json");
    EXPECT_TEXT(value_of(values, count, "listen")->value.text, "127.0.0.1:8080");
    ck_assert(value_of(values, count, "open_metrics")->value.boolean);
    ck_assert_ptr_null(value_of(values, count, "allowed_hosts")->value.text);
    /* Of a file only that there is one. */
    ck_assert_int_eq(value_of(values, count, "token_file")->kind, OPTION_BOOLEAN);
    ck_assert(value_of(values, count, "token_file")->value.boolean);
    ck_assert(!value_of(values, count, "port_file")->value.boolean);
}
END_TEST

START_TEST(test_flags_win_over_the_environment) {
    struct options options;
    variable_name = "MLPD_MAX_QUEUE";
    variable_value = "7";
    ck_assert_int_eq(parse_one(NULL, &options), OPTIONS_RUN);
    ck_assert_uint_eq(options.queue_max, 7);
    ck_assert_int_eq(parse_one("--max-queue=9", &options), OPTIONS_RUN);
    ck_assert_uint_eq(options.queue_max, 9);
}
END_TEST

START_TEST(test_an_empty_variable_is_not_set) {
    struct options options;
    variable_name = "MLPD_MAX_QUEUE";
    variable_value = "";
    ck_assert_int_eq(parse_one(NULL, &options), OPTIONS_RUN);
    ck_assert_uint_eq(options.queue_max, 1000);
}
END_TEST

START_TEST(test_a_wrong_variable_is_named) {
    struct options options;
    struct error error;
    variable_name = "MLPD_MAX_QUEUE";
    variable_value = "0";
    ck_assert_int_eq(parse((const char *const[]){NULL}, &options, &error), OPTIONS_WRONG);
    EXPECT_TEXT(error.message, "MLPD_MAX_QUEUE: '0' is not a whole number from 1 to 10000000");
}
END_TEST

/* Each message names the flag, says what was found and what is allowed. */
START_TEST(test_what_is_wrong_is_told) {
    static const struct {
        const char *arguments[ARGUMENTS_MAX + 1];
        const char *part;
    } rows[] = {
        {{"--workers=0"}, "--workers: '0' is not a whole number from 1 to 1024"},
        {{"--workers=1025"}, "'1025'"},
        {{"--workers=2x"}, "'2x'"},
        {{"--workers=-1"}, "'-1'"},
        {{"--workers", "-1"}, "'-1'"},
        {{"--workers="}, "''"},
        {{"--workers=4K"}, "'4K'"},
        {{"--workers=99999999999999999999999"}, "--workers"},
        {{"--workers"}, "--workers: its value N is missing"},
        {{"--workers", "--help"}, "--workers: its value N is missing"},
        {{"--workers=2", "--workers=2"}, "--workers is given twice"},
        {{"--wokers=2"}, "--wokers: there is no such option"},
        {{"--"}, "'--' is not an option"},
        {{"-h"}, "'-h' is not an option"},
        {{"x"}, "'x' is not an option"},
        {{"--help=1"}, "--help takes no value"},
        {{"--max-body=1023"}, "--max-body: '1023' is not a size from 1K to 1T"},
        {{"--max-body=16777216T"}, "'16777216T'"},
        {{"--max-body=18446744073709551616"}, "'18446744073709551616'"},
        {{"--max-body=4GB"}, "'4GB'"},
        {{"--max-body=G"}, "'G'"},
        {{"--max-body=1.5G"}, "'1.5G'"},
        {{"--max-memory=1M"}, "from 16M to 64T"},
        {{"--drain-timeout=nan"}, "--drain-timeout: 'nan' is not a number of seconds from 0 to"},
        {{"--drain-timeout=0x10"}, "'0x10'"},
        {{"--drain-timeout=1.2.3"}, "'1.2.3'"},
        {{"--drain-timeout=86401"}, "'86401'"},
        {{"--log-requests=some"}, "'some' is not one of auto, none, errors, all"},
        {{"--open-metrics=maybe"}, "--open-metrics: 'maybe' is not one of true, false"},
        {{"--metrics-models=1001"}, "'1001' is not a whole number from 0 to 1000"},
        {{"--log-level=loud"}, "'loud' is not one of debug, info, warning, error"},
        {{"--port-file="}, "--port-file: '' is not the name of a file"},
        {{"--listen=0.0.0.0:80"}, "--listen: '0.0.0.0:80' can be reached from other machines"},
        {{"--listen=[::]:80"}, "only with --token-file"},
        {{"--listen=example.org:80"}, "only with --token-file"},
        {{"--listen=[::ffff:127.0.0.1]:80"}, "is not of the form"},
        {{"--listen=300.0.0.1:80"}, "is not of the form"},
        {{"--listen=a b:80"}, "is not of the form"},
        {{"--listen=[localhost]:80"}, "is not of the form"},
        {{"--allowed-hosts=a b"}, "--allowed-hosts: 'a b' is not a host"},
        {{"--allowed-hosts=*"}, "--allowed-hosts: * would let every web page use this daemon"},
        {{"--allowed-origins=a.example"}, "--allowed-origins: 'a.example' is not an origin"},
        {{"--allowed-origins=*"}, "only with --token-file"},
        {{"--token-file="}, "--token-file: '' is not the name of a file"},
        {{"--listen=127.0.0.1:65536"}, "is not of the form"},
        {{"--listen=127.0.0.1"}, "is not of the form"},
        {{"--listen=::1:80"}, "is not of the form"},
        {{"--listen=:80"}, "is not of the form"},
        {{"--listen="}, "is not of the form"},
        {{"--listen=unix:"}, "has 0 bytes, 1 to 107 are allowed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options options;
        struct error error;
        ck_assert_msg(parse(rows[i].arguments, &options, &error) == OPTIONS_WRONG, "%s",
                      rows[i].arguments[0]);
        ck_assert_msg(strstr(error.message, rows[i].part) != NULL, "%s: found \"%s\"",
                      rows[i].arguments[0], error.message);
        ck_assert_ptr_null(strchr(error.message, '\n'));
    }
}
END_TEST

START_TEST(test_help_and_version_come_before_values) {
    struct options options;
    struct error error;
    ck_assert_int_eq(parse((const char *const[]){"--workers=0", "--help", NULL}, &options, &error),
                     OPTIONS_HELP);
    ck_assert_int_eq(parse_one("--version", &options), OPTIONS_VERSION);
    ck_assert_int_eq(parse_one("--hash-token", &options), OPTIONS_HASH_TOKEN);
}
END_TEST

START_TEST(test_help_lists_every_flag_and_variable) {
    static const char *const wanted[] = {
        "--listen",          "MLPD_LISTEN",   "--port-file",  "--workers",    "--http-threads",
        "--max-memory",      "--max-body",    "--max-queue",  "--log-format", "--max-connections",
        "--log-level",       "default: 64M",  "MLPD_WORKERS", "--help",       "--drain-timeout",
        "MLPD_HTTP_THREADS", "default: none", "--version",    "--token-file", "--hash-token",
    };
    char text[8192];
    ck_assert_uint_eq(options_help(text, sizeof text), strlen(text));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ck_assert_msg(strstr(text, wanted[i]) != NULL, "%s is missing", wanted[i]);
    }
}
END_TEST

Suite *suite_options(void) {
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_nothing_gives_the_defaults);
    tcase_add_test(tests, test_sizes_have_units_of_1024);
    tcase_add_test(tests, test_a_value_may_be_the_next_argument);
    tcase_add_test(tests, test_addresses);
    tcase_add_test(tests, test_tokens_allow_addresses_that_others_can_reach);
    tcase_add_test(tests, test_a_switch_is_on_without_a_value);
    tcase_add_test(tests, test_a_switch_takes_no_word_behind_it);
    tcase_add_test(tests, test_a_switch_has_a_variable);
    tcase_add_test(tests, test_every_option_is_shown);
    tcase_add_test(tests, test_options_are_shown_as_they_are_set);
    tcase_add_test(tests, test_flags_win_over_the_environment);
    tcase_add_test(tests, test_an_empty_variable_is_not_set);
    tcase_add_test(tests, test_a_wrong_variable_is_named);
    tcase_add_test(tests, test_what_is_wrong_is_told);
    tcase_add_test(tests, test_help_and_version_come_before_values);
    tcase_add_test(tests, test_help_lists_every_flag_and_variable);
    suite_add_tcase(suite, tests);
    return suite;
}
