/* server/peers.h */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "server/peers.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static bool loopback;

/* An address as people write it. */
static peer peer_at(const char *text) {
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&name, &v4, sizeof v4);
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(&name, &v6, sizeof v6);
    }
    return peer_of((const struct sockaddr *)&name, &loopback);
}

START_TEST(test_ipv4_peer_is_an_address) {
    ck_assert(peer_at("192.0.2.1") == peer_at("192.0.2.1"));
    ck_assert(peer_at("192.0.2.1") != peer_at("192.0.2.2"));
    ck_assert(peer_at("192.0.2.1") != 0 && !loopback);
}
END_TEST

START_TEST(test_ipv6_peer_is_a_64) {
    ck_assert(peer_at("2001:db8:0:1::1") == peer_at("2001:db8:0:1:ffff::2"));
    ck_assert(peer_at("2001:db8:0:1::1") != peer_at("2001:db8:0:2::1"));
    ck_assert(peer_at("2001:db8:0:1::1") != 0 && !loopback);
}
END_TEST

START_TEST(test_mapped_ipv4_peer_is_the_ipv4_one) {
    ck_assert(peer_at("::ffff:192.0.2.1") == peer_at("192.0.2.1"));
    ck_assert(peer_at("::ffff:127.0.0.1") == peer_at("127.0.0.1") && loopback);
}
END_TEST

START_TEST(test_loopback_is_told) {
    ck_assert(peer_at("127.0.0.1") != 0 && loopback);
    ck_assert(peer_at("127.3.2.1") != peer_at("127.0.0.1") && loopback);
    ck_assert(peer_at("::1") != 0 && loopback);
    ck_assert(peer_at("128.0.0.1") != 0 && !loopback);
}
END_TEST

START_TEST(test_unix_socket_is_no_peer) {
    ck_assert(peer_at("nowhere") == 0 && !loopback);
    struct peers peers;
    ck_assert(peers_init(&peers, 4));
    ck_assert(!peers_add(&peers, 0));
    EXPECT_COUNT(peers_count(&peers, 0), 0);
    peers_free(&peers);
}
END_TEST

START_TEST(test_full_table_counts_those_it_has) {
    struct peers peers;
    ck_assert(peers_init(&peers, 3));
    for (peer peer = 1; peer <= 3; peer++) {
        ck_assert(peers_add(&peers, peer));
    }
    ck_assert(!peers_add(&peers, 4));
    ck_assert(peers_add(&peers, 2));
    EXPECT_COUNT(peers_count(&peers, 2), 2);
    EXPECT_COUNT(peers_count(&peers, 4), 0);
    peers_remove(&peers, 1);
    ck_assert(peers_add(&peers, 4));
    peers_free(&peers);
}
END_TEST

/* Against a plain array, so full that most have neighbours. */
START_TEST(test_counts_are_those_of_a_plain_array) {
    enum { PEERS = 512, MAX = 256, MOVES = 200000 };
    static size_t wanted[PEERS];
    struct peers peers;
    size_t different = 0;
    uint64_t random = 1;
    memset(wanted, 0, sizeof wanted);
    ck_assert(peers_init(&peers, MAX));
    for (int i = 0; i < MOVES; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t at = random >> 33 & (PEERS - 1);
        const peer peer = at + 1;
        if ((random >> 60 & 1) != 0 && wanted[at] > 0) {
            peers_remove(&peers, peer);
            different -= --wanted[at] == 0;
        } else if (peers_add(&peers, peer)) {
            different += wanted[at]++ == 0;
        } else {
            EXPECT_COUNT(different, MAX);
        }
        if (i % 1000 == 0) {
            for (size_t j = 0; j < PEERS; j++) {
                EXPECT_COUNT(peers_count(&peers, j + 1), wanted[j]);
            }
        }
    }
    peers_free(&peers);
}
END_TEST

Suite *suite_peers(void) {
    Suite *suite = suite_create("peers");
    TCase *tests = tcase_create("peers");
    tcase_add_test(tests, test_ipv4_peer_is_an_address);
    tcase_add_test(tests, test_ipv6_peer_is_a_64);
    tcase_add_test(tests, test_mapped_ipv4_peer_is_the_ipv4_one);
    tcase_add_test(tests, test_loopback_is_told);
    tcase_add_test(tests, test_unix_socket_is_no_peer);
    tcase_add_test(tests, test_full_table_counts_those_it_has);
    tcase_add_test(tests, test_counts_are_those_of_a_plain_array);
    suite_add_tcase(suite, tests);
    return suite;
}
