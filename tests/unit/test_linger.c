/* server/linger.h */
#include <check.h>
#include <stdlib.h>
#include <string.h>
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
    linger_add(&linger, sockets.ours, 0);
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

START_TEST(test_what_is_still_sent_is_dropped_up_to_a_mebibyte) {
    begin();
    char *bytes = calloc(1, 65536);
    size_t sent = 0;
    bool lingers = true;
    while (lingers && sent < 4 * LINGER_BYTES) {
        const ssize_t some = send(sockets.theirs, bytes, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += some > 0 ? (size_t)some : 0;
        lingers = linger_tick(&linger, 0);
    }
    free(bytes);
    ck_assert_msg(!lingers && sent >= LINGER_BYTES, "found the end after %zu bytes; wanted %zu",
                  sent, LINGER_BYTES);
    end();
}
END_TEST

START_TEST(test_no_more_linger_than_there_is_room_for) {
    linger_init(&linger);
    sockets = sockets_tcp(1);
    for (size_t i = 0; i < LINGER_MAX + 10; i++) {
        linger_add(&linger, sockets.ours, 0);
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
    linger_add(&linger, -1, 0);
    ck_assert(!linger_tick(&linger, 0));
    linger_free(&linger);
}
END_TEST

Suite *suite_linger(void) {
    Suite *suite = suite_create("linger");
    TCase *tests = tcase_create("linger");
    tcase_add_test(tests, test_lingering_connection_lasts_a_second);
    tcase_add_test(tests, test_lingering_connection_ends_with_its_client);
    tcase_add_test(tests, test_what_is_still_sent_is_dropped_up_to_a_mebibyte);
    tcase_add_test(tests, test_no_more_linger_than_there_is_room_for);
    tcase_add_test(tests, test_descriptor_that_is_none_does_not_linger);
    suite_add_tcase(suite, tests);
    return suite;
}
