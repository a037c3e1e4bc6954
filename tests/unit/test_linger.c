/* server/linger.h */
#include <check.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/linger.h"
#include "tests/unit/expect.h"
#include "tests/unit/sockets.h"
#include "tests/unit/suites.h"

static struct linger_set linger;
static struct sockets sockets;

/* Its owner has closed it; the set's duplicate is what is left. */
static void begin(void) {
    linger_init(&linger);
    sockets = sockets_tcp(1);
    linger_add(&linger, sockets.ours, true, 0);
    close(sockets.ours);
}

static void end(void) {
    linger_free(&linger);
    close(sockets.theirs);
}

/* The client's end is over: it reads the end, or a reset. */
static bool is_over(void) {
    char byte;
    return recv(sockets.theirs, &byte, 1, MSG_DONTWAIT) == 0;
}

START_TEST(test_lingering_connection_lasts_a_second) {
    begin();
    ck_assert(linger_tick(&linger, 0.99));
    ck_assert(!is_over());
    ck_assert(!linger_tick(&linger, 1));
    ck_assert(is_over());
    end();
}
END_TEST

START_TEST(test_lingering_connection_ends_with_its_client) {
    begin();
    shutdown(sockets.theirs, SHUT_WR);
    ck_assert(!linger_tick(&linger, 0));
    end();
}
END_TEST

START_TEST(test_no_more_linger_than_there_is_room_for) {
    linger_init(&linger);
    sockets = sockets_tcp(1);
    for (size_t i = 0; i < LINGER_MAX + 10; i++) {
        linger_add(&linger, sockets.ours, true, 0);
    }
    EXPECT_COUNT(linger.count, LINGER_MAX);
    ck_assert(!linger_tick(&linger, LINGER_SECONDS));
    EXPECT_COUNT(linger.count, 0);
    close(sockets.ours);
    end();
}
END_TEST

START_TEST(test_descriptor_that_is_none_does_not_linger) {
    linger_init(&linger);
    linger_add(&linger, -1, true, 0);
    ck_assert(!linger_tick(&linger, 0));
    linger_free(&linger);
}
END_TEST

/* ---- how much is read: of a pair of sockets, which take and give at once ---- */

static int ours, client;

static void begin_pair_with(bool reads) {
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ours = pair[0];
    client = pair[1];
    linger_init(&linger);
    linger_add(&linger, ours, reads, 0);
    close(ours); /* as the server does; the set has its own */
}

static void begin_pair(void) {
    begin_pair_with(true);
}

static void begin_pair_without_reading(void) {
    begin_pair_with(false);
}

static void end_pair(void) {
    linger_free(&linger);
    close(client);
}

/* Send until nothing more is taken for the moment, or `most`; the bytes sent, -1 when
 * the other side is gone. */
static ssize_t send_up_to(size_t most) {
    char chunk[4096] = "";
    size_t sent = 0;
    while (sent < most) {
        const ssize_t got = send(client, chunk, sizeof chunk, MSG_NOSIGNAL);
        if (got < 0) {
            return errno == EAGAIN ? (ssize_t)sent : -1;
        }
        sent += (size_t)got;
    }
    return (ssize_t)sent;
}

START_TEST(test_client_that_sends_its_share_is_read) {
    size_t sent = 0;
    while (sent < LINGER_BYTES) {
        const ssize_t more = send_up_to(LINGER_BYTES - sent);
        ck_assert_msg(more > 0, "found %zd after %zu bytes; wanted more to be taken", more, sent);
        sent += (size_t)more;
        ck_assert(linger_tick(&linger, 0.5));
    }
}
END_TEST

START_TEST(test_client_of_a_huge_body_is_held_not_reset) {
    size_t sent = 0;
    ssize_t more;
    while ((more = send_up_to(8 * LINGER_BYTES)) > 0) {
        sent += (size_t)more;
        ck_assert_msg(sent < 4 * LINGER_BYTES, "%zu bytes were read; wanted about 1 MiB", sent);
        ck_assert(linger_tick(&linger, 0.5));
    }
    ck_assert_msg(more == 0, "the connection was closed after %zu bytes and half a second", sent);
    ck_assert_msg(sent >= LINGER_BYTES, "found %zu bytes read; wanted 1 MiB", sent);
    ck_assert(linger_tick(&linger, 0.99));
    ck_assert_msg(send_up_to(1) == 0, "the connection was closed before the second was over");
    ck_assert_msg(!linger_tick(&linger, LINGER_SECONDS), "found one after its second");
    ck_assert_msg(send_up_to(1) == -1, "the connection is open after its second");
}
END_TEST

START_TEST(test_client_that_closes_behind_unread_bytes_is_let_go_at_once) {
    while (send_up_to(8 * LINGER_BYTES) > 0) {
        ck_assert(linger_tick(&linger, 0));
    }
    close(client);
    ck_assert(!linger_tick(&linger, 0));
}
END_TEST

START_TEST(test_client_of_a_body_known_to_be_huge_is_held_and_not_read) {
    const ssize_t sent = send_up_to(8 * LINGER_BYTES);
    ck_assert_msg(sent < (ssize_t)LINGER_BYTES, "%zd bytes were taken", sent);
    ck_assert(linger_tick(&linger, 0.99));
    ck_assert_msg(send_up_to(1) == 0, "something was read, or the connection was closed");
    ck_assert(!linger_tick(&linger, LINGER_SECONDS));
}
END_TEST

START_TEST(test_client_that_closes_without_being_read_is_let_go_at_once) {
    send_up_to(1);
    ck_assert(linger_tick(&linger, 0));
    close(client);
    ck_assert(!linger_tick(&linger, 0));
}
END_TEST

Suite *suite_linger(void) {
    Suite *suite = suite_create("linger");
    TCase *tests = tcase_create("linger");
    tcase_add_test(tests, test_lingering_connection_lasts_a_second);
    tcase_add_test(tests, test_lingering_connection_ends_with_its_client);
    tcase_add_test(tests, test_no_more_linger_than_there_is_room_for);
    tcase_add_test(tests, test_descriptor_that_is_none_does_not_linger);
    suite_add_tcase(suite, tests);
    tests = tcase_create("read");
    tcase_add_checked_fixture(tests, begin_pair, end_pair);
    tcase_add_test(tests, test_client_that_sends_its_share_is_read);
    tcase_add_test(tests, test_client_of_a_huge_body_is_held_not_reset);
    tcase_add_test(tests, test_client_that_closes_behind_unread_bytes_is_let_go_at_once);
    suite_add_tcase(suite, tests);
    tests = tcase_create("not read");
    tcase_add_checked_fixture(tests, begin_pair_without_reading, end_pair);
    tcase_add_test(tests, test_client_of_a_body_known_to_be_huge_is_held_and_not_read);
    tcase_add_test(tests, test_client_that_closes_without_being_read_is_let_go_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
