/* server/address.h; what --listen refuses is in test_options.c */
#include <arpa/inet.h>
#include <check.h>
#include <stddef.h>
#include <string.h>

#include "server/address.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_who_can_reach_it_and_whether_it_is_all) {
    static const struct {
        const char *text;
        enum address_kind kind;
        bool local, any;
    } rows[] = {
        {"127.0.0.1:1", ADDRESS_IPV4, true, false},
        {"127.255.0.9:1", ADDRESS_IPV4, true, false},
        {"128.0.0.1:1", ADDRESS_IPV4, false, false},
        {"0.0.0.0:1", ADDRESS_IPV4, false, true},
        {"[::1]:1", ADDRESS_IPV6, true, false},
        {"[::]:1", ADDRESS_IPV6, false, true},
        {"[0:0::0]:1", ADDRESS_IPV6, false, true},
        {"[2001:db8::1]:1", ADDRESS_IPV6, false, false},
        {"[fe80::1%lo]:1", ADDRESS_IPV6, false, false},
        {"localhost:1", ADDRESS_LOCALHOST, true, false},
        {"mlpd.example.org:1", ADDRESS_NAME, false, false},
        {"my_host-1:1", ADDRESS_NAME, false, false},
        {"unix:/0.0.0.0:1", ADDRESS_UNIX, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address address;
        struct error error;
        ck_assert_msg(address_parse(rows[i].text, &address, &error) == ERROR_NONE, "%s",
                      error.message);
        ck_assert_msg(address.kind == rows[i].kind && address_is_local(&address) == rows[i].local &&
                          address_is_any(&address) == rows[i].any,
                      "%s: found kind %u, local %d, any %d", rows[i].text, address.kind,
                      address_is_local(&address), address_is_any(&address));
    }
}
END_TEST

START_TEST(test_names_of_sockets_are_addresses) {
    struct address address;
    union socket_name name = {.v4 = {.sin_family = AF_INET, .sin_port = htons(80)}};
    inet_pton(AF_INET, "192.0.2.7", &name.v4.sin_addr);
    address_of_socket(&name, sizeof name.v4, &address);
    ck_assert(address.kind == ADDRESS_IPV4 && address.port == 80);
    EXPECT_TEXT(address.host, "192.0.2.7");
    name = (union socket_name){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(81)}};
    inet_pton(AF_INET6, "2001:db8::7", &name.v6.sin6_addr);
    address_of_socket(&name, sizeof name.v6, &address);
    ck_assert(address.kind == ADDRESS_IPV6 && address.port == 81);
    EXPECT_TEXT(address.host, "2001:db8::7");
}
END_TEST

START_TEST(test_names_of_unix_sockets_are_paths_and_abstract_ones_begin_with_an_at) {
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    static const struct {
        const char *path;
        size_t bytes;
        const char *host;
    } rows[] = {
        {"/run/a", 7, "/run/a"}, {"/run/a", 6, "/run/a"}, {"\0name", 5, "@name"}, {"", 0, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address address;
        union socket_name name = {.local = {.sun_family = AF_UNIX}};
        memcpy(name.local.sun_path, rows[i].path, rows[i].bytes);
        address_of_socket(&name, head + rows[i].bytes, &address);
        ck_assert_int_eq(address.kind, ADDRESS_UNIX);
        EXPECT_TEXT(address.host, rows[i].host);
    }
    union socket_name longest = {.local = {.sun_family = AF_UNIX}};
    struct address address;
    memset(longest.local.sun_path, 'x', sizeof longest.local.sun_path);
    address_of_socket(&longest, sizeof longest.local, &address);
    ck_assert_uint_eq(strlen(address.host), ADDRESS_PATH_BYTES - 1);
}
END_TEST

Suite *suite_address(void) {
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("address");
    tcase_add_test(tests, test_who_can_reach_it_and_whether_it_is_all);
    tcase_add_test(tests, test_names_of_sockets_are_addresses);
    tcase_add_test(tests, test_names_of_unix_sockets_are_paths_and_abstract_ones_begin_with_an_at);
    suite_add_tcase(suite, tests);
    return suite;
}
