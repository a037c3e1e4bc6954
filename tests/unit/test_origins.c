/* server/origins.h */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "server/origins.h"
#include "tests/unit/suites.h"

static struct origins *create(const char *hosts, const char *allowed, const char *bound) {
    struct address address;
    struct origins *origins;
    struct error error;
    ck_assert_int_eq(address_parse(bound, &address, &error), ERROR_NONE);
    const struct origins_settings settings = {
        .allowed_hosts = hosts, .allowed_origins = allowed, .bound = &address, .bound_count = 1};
    ck_assert_msg(origins_create(&settings, &origins, &error) == ERROR_NONE, "%s", error.message);
    return origins;
}

struct row {
    struct origins_request request;
    bool allowed;
};

#define HOST(name, result)                                                                         \
    { {.host = (name)}, result }
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void want_rows(struct origins *origins, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char objection[ORIGINS_OBJECTION_BYTES] = "";
        const struct origins_request *request = &rows[i].request;
        const bool allowed = origins_allow(origins, request, objection);
        ck_assert_msg(allowed == rows[i].allowed,
                      "Host %s, target %s, Origin %s, Sec-Fetch-Site %s: found %d (%s)",
                      request->host, request->target, request->origin, request->fetch_site, allowed,
                      objection);
        ck_assert_msg(allowed == (objection[0] == '\0'), "found the objection '%s'", objection);
    }
    origins_destroy(origins);
}

START_TEST(test_loopback_names_and_the_bound_address_are_hosts) {
    static const struct row rows[] = {
        HOST("localhost", true),
        HOST("localhost:8080", true),
        HOST("LocalHost.:1", true),
        HOST("localhost:", true),
        HOST("127.0.0.1", true),
        HOST("127.0.0.1:8080", true),
        HOST("[::1]:8080", true),
        HOST("[0:0:0:0:0:0:0:1]", true),
        HOST("192.0.2.1", true),
        HOST("192.0.2.1:9999", true),
        HOST(NULL, true), /* HTTP/1.0; later versions are stopped at the gate */
        HOST("192.0.2.2", false),
        HOST("127.0.0.2", false),
        HOST("", false),
        HOST(".", false),
        HOST("localhost.evil.example", false),
        HOST("evil.example", false),
        HOST("evil.example:8080", false),
        HOST("localhost:port", false),
        HOST("localhost:123456", false),
        HOST("localhost:80:80", false),
        HOST("user@localhost", false),
        HOST("localhost/", false),
        HOST("localhost,evil.example", false),
        HOST("::1", false),
        HOST("[::1", false),
        HOST("[::1]x", false),
        HOST("[localhost]", false),
        HOST("[]", false),
        HOST("local\xc3\xb6st", false),
    };
    want_rows(create(NULL, NULL, "192.0.2.1:80"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_name_that_is_listened_on_is_a_host) {
    static const struct row rows[] = {HOST("mlpd.example.org:80", true),
                                      HOST("example.org", false)};
    want_rows(create(NULL, NULL, "mlpd.example.org:80"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_listed_hosts_pass_beside_the_daemons_own) {
    static const struct row rows[] = {
        HOST("localhost", true),        HOST("mlpd.example.org", true),
        HOST("MLPD.example.org", true), HOST("mlpd.example.org:1234", true),
        HOST("one.port:81", true),      HOST("one.port:82", false),
        HOST("one.port", false),        HOST("[2001:db8::1]:5", true),
        HOST("example.org", false),     HOST("x.mlpd.example.org", false),
    };
    want_rows(create(" Mlpd.example.org , one.port:81,[2001:DB8:0::1]", NULL, "127.0.0.1:80"), rows,
              COUNT(rows));
}
END_TEST

START_TEST(test_star_lets_every_host_pass) {
    static const struct row rows[] = {HOST("evil.example", true), HOST("", true)};
    want_rows(create("a.example,*", NULL, "127.0.0.1:80"), rows, COUNT(rows));
}
END_TEST

/* Rebinding needs a name. */
START_TEST(test_any_address_is_its_own_where_all_are_listened_on) {
    static const char *const bound[] = {"0.0.0.0:80", "[::]:80"};
    static const struct row rows[] = {
        HOST("192.0.2.9:80", true),  HOST("[2001:db8::9]", true), HOST("localhost", true),
        HOST("evil.example", false), HOST("192.0.2", false),      HOST("3221225985", false),
    };
    for (size_t i = 0; i < 2; i++) {
        want_rows(create(NULL, NULL, bound[i]), rows, COUNT(rows));
    }
}
END_TEST

START_TEST(test_every_host_passes_over_a_unix_socket) {
    static const struct row rows[] = {
        {{.host = "anything", .local = true}, true},
        {{.host = "", .local = true}, true},
        {{.host = "anything"}, false},
        {{.host = "a", .origin = "http://a", .local = true}, true},
        {{.host = "a", .origin = "http://b", .local = true}, false},
    };
    want_rows(create(NULL, NULL, "unix:/run/s"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_host_of_an_absolute_target_counts) {
    static const struct row rows[] = {
        {{.host = "localhost", .target = "http://evil.example/v1"}, false},
        {{.host = "evil.example", .target = "http://localhost:80/v1"}, true},
        {{.host = NULL, .target = "http://evil.example?x"}, false},
        {{.host = "localhost", .target = "/v1?u=http://evil.example/"}, true},
        {{.host = "localhost", .target = "*"}, true},
    };
    want_rows(create(NULL, NULL, "127.0.0.1:80"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_own_origin_passes_and_others_do_not) {
    static const struct row rows[] = {
        {{.host = "localhost:8080", .origin = "http://localhost:8080"}, true},
        {{.host = "LOCALHOST:8080", .origin = "HTTP://localhost:8080"}, true},
        {{.host = "localhost:8080", .origin = "https://localhost:8080"}, true},
        {{.host = "localhost", .origin = "http://localhost"}, true},
        {{.host = "localhost:80", .origin = "http://localhost"}, true},
        {{.host = "localhost", .origin = "https://localhost:443"}, true},
        {{.host = "[::1]:1", .origin = "http://[::1]:1"}, true},
        {{.host = "localhost:8080", .origin = "http://localhost:3000"}, false},
        {{.host = "localhost:8080", .origin = "http://localhost"}, false},
        {{.host = "localhost:8080", .origin = "http://127.0.0.1:8080"}, false},
        {{.host = "localhost:8080", .origin = "http://evil.example"}, false},
        {{.host = "localhost:8080", .origin = "http://evil.example:8080"}, false},
        {{.host = "localhost:8080", .origin = "null"}, false},
        {{.host = "localhost:8080", .origin = ""}, false},
        {{.host = "localhost:8080", .origin = "localhost:8080"}, false},
        {{.host = "localhost:8080", .origin = "http://localhost:8080/"}, false},
        {{.host = "localhost:8080", .origin = "http://localhost:8080 http://x"}, false},
        {{.host = NULL, .origin = "http://localhost:8080"}, false},
        /* rebinding: the page's name is the daemon's, as the browser sees it */
        {{.host = "evil.example:8080",
          .origin = "http://evil.example:8080",
          .fetch_site = "same-origin"},
         false},
    };
    want_rows(create(NULL, NULL, "127.0.0.1:8080"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_listed_origins_pass_from_every_site) {
    static const struct row rows[] = {
        {{.host = "localhost", .origin = "https://app.example", .fetch_site = "cross-site"}, true},
        {{.host = "localhost", .origin = "https://APP.example:443"}, true},
        {{.host = "localhost", .origin = "http://localhost:3000", .fetch_site = "same-site"}, true},
        {{.host = "localhost", .origin = "moz-extension://a-b"}, true},
        {{.host = "localhost", .origin = "http://app.example"}, false},
        {{.host = "localhost", .origin = "https://app.example:8443"}, false},
        {{.host = "localhost", .origin = "https://x.app.example"}, false},
        {{.host = "localhost", .origin = "null"}, false},
        {{.host = "evil.example", .origin = "https://app.example"}, false},
        {{.host = "localhost", .fetch_site = "cross-site"}, false},
    };
    want_rows(create(NULL, "https://app.example, http://LOCALHOST:3000 ,moz-extension://a-b",
                     "127.0.0.1:80"),
              rows, COUNT(rows));
}
END_TEST

START_TEST(test_star_lets_every_origin_pass) {
    static const struct row rows[] = {
        {{.host = "localhost", .origin = "http://evil.example"}, true},
        {{.host = "localhost", .origin = "null"}, true},
        {{.host = "evil.example", .origin = "null"}, false},
    };
    want_rows(create(NULL, "*", "127.0.0.1:80"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_fetch_site_counts_where_there_is_no_origin) {
    static const struct row rows[] = {
        {{.host = "localhost", .fetch_site = "none"}, true},
        {{.host = "localhost", .fetch_site = "same-origin"}, true},
        {{.host = "localhost", .fetch_site = "same-site"}, false},
        {{.host = "localhost", .fetch_site = "cross-site"}, false},
        {{.host = "localhost", .fetch_site = "something-new"}, false},
        {{.host = "localhost", .fetch_site = ""}, false},
    };
    want_rows(create(NULL, NULL, "127.0.0.1:80"), rows, COUNT(rows));
}
END_TEST

START_TEST(test_objections_say_what_was_found_and_which_option_allows_it) {
    static const struct {
        struct origins_request request;
        const char *found, *option;
    } rows[] = {
        {{.host = "evil.example:1"}, "the Host 'evil.example:1'", "--allowed-hosts"},
        {{.host = "localhost", .origin = "null"}, "the Origin 'null'", "--allowed-origins"},
        {{.host = "localhost", .fetch_site = "cross-site"},
         "Sec-Fetch-Site 'cross-site'",
         "--allowed-origins"},
    };
    struct origins *origins = create(NULL, NULL, "127.0.0.1:80");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char objection[ORIGINS_OBJECTION_BYTES];
        ck_assert(!origins_allow(origins, &rows[i].request, objection));
        ck_assert_msg(strstr(objection, rows[i].found) != NULL &&
                          strstr(objection, rows[i].option) != NULL,
                      "found '%s'", objection);
    }
    char host[3000], objection[ORIGINS_OBJECTION_BYTES];
    memset(host, 'x', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    ck_assert(!origins_allow(origins, &(struct origins_request){.host = host}, objection));
    ck_assert_uint_lt(strlen(objection), ORIGINS_OBJECTION_BYTES);
    ck_assert_ptr_nonnull(strstr(objection, "--allowed-hosts"));
    origins_destroy(origins);
}
END_TEST

START_TEST(test_broken_lists_are_refused) {
    static const char *const hosts[] = {"",    ",",      "a,", "a b", "http://a",
                                        "::1", "a:port", "a/", "**"};
    static const char *const listed[] = {"",           "a.example",    "null",
                                         "http://",    "http://a/",    "http://a,",
                                         "http://a b", "://a.example", "http:/a.example"};
    struct error error;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        ck_assert_msg(origins_check_hosts(hosts[i], &error) == ERROR_INVALID, "'%s'", hosts[i]);
    }
    for (size_t i = 0; i < COUNT(listed); i++) {
        ck_assert_msg(origins_check_origins(listed[i], &error) == ERROR_INVALID, "'%s'", listed[i]);
    }
}
END_TEST

START_TEST(test_lists_have_an_end) {
    char hosts[1024] = "", listed[2048] = "";
    struct error error;
    for (int i = 0; i < ORIGINS_MAX; i++) {
        sprintf(hosts + strlen(hosts), "%sh%d", i > 0 ? "," : "", i);
        sprintf(listed + strlen(listed), "%shttp://h%d", i > 0 ? "," : "", i);
    }
    ck_assert_int_eq(origins_check_hosts(hosts, &error), ERROR_NONE);
    ck_assert_int_eq(origins_check_origins(listed, &error), ERROR_NONE);
    origins_destroy(create(hosts, listed, "127.0.0.1:80"));
    strcat(hosts, ",more");
    strcat(listed, ",http://more");
    ck_assert_int_eq(origins_check_hosts(hosts, &error), ERROR_INVALID);
    ck_assert_int_eq(origins_check_origins(listed, &error), ERROR_INVALID);
}
END_TEST

Suite *suite_origins(void) {
    Suite *suite = suite_create("origins");
    TCase *tests = tcase_create("origins");
    tcase_add_test(tests, test_loopback_names_and_the_bound_address_are_hosts);
    tcase_add_test(tests, test_name_that_is_listened_on_is_a_host);
    tcase_add_test(tests, test_listed_hosts_pass_beside_the_daemons_own);
    tcase_add_test(tests, test_star_lets_every_host_pass);
    tcase_add_test(tests, test_any_address_is_its_own_where_all_are_listened_on);
    tcase_add_test(tests, test_every_host_passes_over_a_unix_socket);
    tcase_add_test(tests, test_host_of_an_absolute_target_counts);
    tcase_add_test(tests, test_own_origin_passes_and_others_do_not);
    tcase_add_test(tests, test_listed_origins_pass_from_every_site);
    tcase_add_test(tests, test_star_lets_every_origin_pass);
    tcase_add_test(tests, test_fetch_site_counts_where_there_is_no_origin);
    tcase_add_test(tests, test_objections_say_what_was_found_and_which_option_allows_it);
    tcase_add_test(tests, test_broken_lists_are_refused);
    tcase_add_test(tests, test_lists_have_an_end);
    suite_add_tcase(suite, tests);
    return suite;
}
