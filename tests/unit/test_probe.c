/* server/probe.h; what it asks is in tests/integration/test_probe.c */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "server/probe.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_urls_are_taken_apart) {
    static const struct {
        const char *url, *host, *path;
        enum address_kind kind;
        unsigned port;
        bool tls;
    } rows[] = {
        {"http://127.0.0.1:8080", "127.0.0.1", "/health/ready", ADDRESS_IPV4, 8080, false},
        {"http://127.0.0.1:8080/", "127.0.0.1", "/health/ready", ADDRESS_IPV4, 8080, false},
        {"http://localhost/health/live", "localhost", "/health/live", ADDRESS_LOCALHOST, 80, false},
        {"https://mlpd.example.org/a?b=c", "mlpd.example.org", "/a?b=c", ADDRESS_NAME, 443, true},
        {"https://[::1]:8443", "::1", "/health/ready", ADDRESS_IPV6, 8443, true},
        {"http://[::1]", "::1", "/health/ready", ADDRESS_IPV6, 80, false},
        {"unix:/run/mlpd.sock", "/run/mlpd.sock", "/health/ready", ADDRESS_UNIX, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct probe_target target;
        struct error error;
        ck_assert_msg(probe_parse(rows[i].url, &target, &error) == ERROR_NONE, "%s: %s",
                      rows[i].url, error.message);
        EXPECT_TEXT(target.address.host, rows[i].host);
        EXPECT_TEXT(target.path, rows[i].path);
        ck_assert_int_eq(target.address.kind, rows[i].kind);
        ck_assert_uint_eq(target.address.port, rows[i].port);
        ck_assert(target.tls == rows[i].tls);
    }
}
END_TEST

START_TEST(test_other_urls_are_refused) {
    static const char *const rows[] = {
        "",          "http:",      "http://",      "http:///path", "HTTP://a",
        "http://a:", "http://a:x", "http://a:1 2", "http://a/ b",  "http://a/\r\nX: y",
        "http://a?", "http://u@h", "https://[::1", "http://::1",   "http://a:65536",
        "ftp://a",   "unix:",      "localhost:80",
    };
    char longest[PROBE_PATH_BYTES + 20] = "http://a/";
    struct probe_target target;
    struct error error;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(probe_parse(rows[i], &target, &error) == ERROR_INVALID, "'%s'", rows[i]);
    }
    memset(longest + 9, 'x', PROBE_PATH_BYTES);
    ck_assert_int_eq(probe_parse(longest, &target, &error), ERROR_INVALID);
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "http://", 7);
    ck_assert_int_eq(probe_parse(longest, &target, &error), ERROR_INVALID);
}
END_TEST

Suite *suite_probe(void) {
    Suite *suite = suite_create("probe");
    TCase *tests = tcase_create("probe");
    tcase_add_test(tests, test_urls_are_taken_apart);
    tcase_add_test(tests, test_other_urls_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
