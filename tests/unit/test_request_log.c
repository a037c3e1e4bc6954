/* server/request_log.h: which requests have a line. */
#include <check.h>

#include "server/request_log.h"
#include "tests/unit/suites.h"

static void teardown(void) {
    request_log_start(REQUEST_LOG_NONE, LOG_FORMAT_TEXT);
    log_start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
}

static bool is_logged(enum request_log log, enum log_format format, enum log_level level,
                      unsigned status, bool is_polled) {
    const struct request_record record = {.status = status, .operation.is_polled = is_polled};
    log_start(format, level);
    request_log_start(log, format);
    return request_log_wants(&record);
}

START_TEST(test_the_choice_decides) {
    static const struct {
        enum request_log log;
        enum log_format format;
        bool success, mistake, failure;
    } rows[] = {
        {REQUEST_LOG_NONE, LOG_FORMAT_TEXT, false, false, false},
        {REQUEST_LOG_NONE, LOG_FORMAT_JSON, false, false, false},
        {REQUEST_LOG_ERRORS, LOG_FORMAT_TEXT, false, false, true},
        {REQUEST_LOG_ERRORS, LOG_FORMAT_JSON, false, false, true},
        {REQUEST_LOG_ALL, LOG_FORMAT_TEXT, true, true, true},
        {REQUEST_LOG_ALL, LOG_FORMAT_JSON, true, true, true},
        {REQUEST_LOG_AUTO, LOG_FORMAT_TEXT, false, false, true},
        {REQUEST_LOG_AUTO, LOG_FORMAT_JSON, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const enum log_format format = rows[i].format;
        ck_assert(is_logged(rows[i].log, format, LOG_LEVEL_INFO, 200, false) == rows[i].success);
        ck_assert(is_logged(rows[i].log, format, LOG_LEVEL_INFO, 499, false) == rows[i].mistake);
        ck_assert(is_logged(rows[i].log, format, LOG_LEVEL_INFO, 500, false) == rows[i].failure);
    }
}
END_TEST

START_TEST(test_what_machines_poll_is_for_the_debug_level) {
    ck_assert(!is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_INFO, 200, true));
    ck_assert(!is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_INFO, 503, true));
    ck_assert(is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_DEBUG, 200, true));
}
END_TEST

START_TEST(test_failures_are_warnings) {
    ck_assert(is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_WARNING, 507, false));
    ck_assert(!is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_WARNING, 404, false));
    ck_assert(!is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_ERROR, 507, false));
}
END_TEST

START_TEST(test_a_request_without_an_answer_is_no_failure_of_ours) {
    ck_assert(!is_logged(REQUEST_LOG_ERRORS, LOG_FORMAT_JSON, LOG_LEVEL_INFO, 0, false));
    ck_assert(is_logged(REQUEST_LOG_ALL, LOG_FORMAT_JSON, LOG_LEVEL_INFO, 0, false));
}
END_TEST

Suite *suite_request_log(void) {
    Suite *suite = suite_create("request_log");
    TCase *tests = tcase_create("request_log");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, test_the_choice_decides);
    tcase_add_test(tests, test_what_machines_poll_is_for_the_debug_level);
    tcase_add_test(tests, test_failures_are_warnings);
    tcase_add_test(tests, test_a_request_without_an_answer_is_no_failure_of_ours);
    suite_add_tcase(suite, tests);
    return suite;
}
