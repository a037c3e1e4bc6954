/* server/connections.h, with connections and a clock of the test's own. */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/connections.h"
#include "tests/unit/expect.h"
#include "tests/unit/sockets.h"
#include "tests/unit/suites.h"

#define MAX 3
#define MANY 150 /* more than are looked at together */

static struct connections all;

struct client {
    struct sockets sockets;
    struct connection *connection;
};

static void begin_with(struct connections_settings settings) {
    settings.pace = (struct pace_limits){.header_seconds = 10,
                                         .body_seconds = 100,
                                         .idle_seconds = 75,
                                         .grace_seconds = 10,
                                         .pause_seconds = 30,
                                         .bytes_per_second = 1000};
    ck_assert(connections_init(&all, &settings));
}

static void begin(void) {
    begin_with((struct connections_settings){.max = MAX});
}

static struct client open_on(struct sockets sockets, double now) {
    struct client client = {.sockets = sockets};
    client.connection = connections_open(&all, sockets.ours, NULL, now);
    ck_assert_ptr_nonnull(client.connection);
    return client;
}

static struct client come(double now) {
    return open_on(sockets_tcp(1), now);
}

static struct client come_in(enum connection_phase phase, double now) {
    const struct client client = come(now);
    ck_assert(connections_enter(client.connection, phase));
    return client;
}

static void leave(struct client *client) {
    connections_close(&all, client->connection);
    sockets_close(&client->sockets);
}

static void end(struct client *clients, size_t count) {
    for (size_t i = 0; i < count; i++) {
        leave(&clients[i]);
    }
    ck_assert(!connections_sweep(&all, 1e9));
    EXPECT_COUNT(all.admitted, 0);
    EXPECT_COUNT(all.over, 0);
    EXPECT_COUNT(atomic_load(&all.count), 0);
    connections_free(&all);
}

#define want_refusal(client, wanted)                                                               \
    ck_assert_int_eq(connections_refusal((client).connection), wanted)

static void want_answer(const struct client *client, const char *status) {
    const char *answer = sockets_read(&client->sockets);
    ck_assert_msg(strncmp(answer, status, strlen(status)) == 0 &&
                      strstr(answer, "\r\nConnection: close\r\n") != NULL &&
                      strstr(answer, "\r\n\r\n{\"type\"") != NULL,
                  "found '%s'; wanted %s with a problem document", answer, status);
}

static bool accepts(unsigned host) {
    const struct sockets sockets = sockets_tcp(host);
    struct sockaddr_storage name;
    socklen_t bytes = sizeof name;
    ck_assert_int_eq(getpeername(sockets.ours, (struct sockaddr *)&name, &bytes), 0);
    const bool accepted = connections_accept(&all, (struct sockaddr *)&name);
    sockets_close(&(struct sockets){sockets.ours, sockets.theirs});
    return accepted;
}

/* ---- limits ---- */

START_TEST(test_one_too_many_is_told_so_until_another_leaves) {
    begin();
    struct client clients[MAX + 2];
    for (size_t i = 0; i <= MAX; i++) {
        clients[i] = come_in(PHASE_BUSY, 0);
        want_refusal(clients[i], i < MAX ? REFUSAL_NONE : REFUSAL_CONNECTIONS);
    }
    leave(&clients[0]);
    clients[0] = come(0);
    want_refusal(clients[0], REFUSAL_NONE);
    end(clients, MAX + 1);
}
END_TEST

START_TEST(test_far_too_many_are_not_even_taken) {
    static struct client clients[MAX + CONNECTIONS_OVER];
    begin();
    for (size_t i = 0; i < MAX + CONNECTIONS_OVER; i++) {
        ck_assert(accepts(1));
        clients[i] = open_on(sockets_unix(), 0);
    }
    ck_assert(!accepts(1));
    end(clients, MAX + CONNECTIONS_OVER);
}
END_TEST

START_TEST(test_address_has_a_limit_of_its_own) {
    begin_with((struct connections_settings){.max = MAX, .max_per_address = 2});
    struct client clients[] = {come(0), come(0), come(0), open_on(sockets_tcp(2), 0)};
    want_refusal(clients[1], REFUSAL_NONE);
    want_refusal(clients[2], REFUSAL_ADDRESS);
    want_refusal(clients[3], REFUSAL_NONE);
    leave(&clients[1]);
    clients[1] = come(0);
    want_refusal(clients[1], REFUSAL_NONE);
    end(clients, 4);
}
END_TEST

START_TEST(test_unix_sockets_have_no_address) {
    begin_with((struct connections_settings){.max = MAX, .max_per_address = 1});
    struct client clients[] = {open_on(sockets_unix(), 0), open_on(sockets_unix(), 0)};
    want_refusal(clients[1], REFUSAL_NONE);
    end(clients, 2);
}
END_TEST

START_TEST(test_crowded_address_leaves_places_to_be_told_to_others) {
    static struct client clients[1 + CONNECTIONS_OVER / 2];
    begin_with((struct connections_settings){.max = 1000, .max_per_address = 1});
    for (size_t i = 0; i < 1 + CONNECTIONS_OVER / 2; i++) {
        ck_assert(accepts(1));
        clients[i] = come(0);
    }
    ck_assert(!accepts(1));
    ck_assert(accepts(2));
    end(clients, 1 + CONNECTIONS_OVER / 2);
}
END_TEST

START_TEST(test_default_for_an_address_is_half_and_for_loopback_all) {
    struct connections_settings settings = {.max = 5};
    EXPECT_COUNT(connections_limit(&settings, false), 3);
    EXPECT_COUNT(connections_limit(&settings, true), 5);
    settings.max_per_address = 2;
    EXPECT_COUNT(connections_limit(&settings, true), 2);
}
END_TEST

/* ---- making room ---- */

/* All places are taken, by these; two seconds later another comes. */
static struct client crowd(struct client *clients, const enum connection_phase *phases) {
    begin();
    for (size_t i = 0; i < MAX; i++) {
        clients[i] = come_in(phases[i], 0);
    }
    connections_sweep(&all, 0.5);
    return come(2);
}

static void want_to_go(const enum connection_phase phases[MAX], size_t wanted) {
    struct client clients[MAX + 1];
    clients[MAX] = crowd(clients, phases);
    want_refusal(clients[MAX], wanted < MAX ? REFUSAL_NONE : REFUSAL_CONNECTIONS);
    for (size_t i = 0; i < MAX; i++) {
        ck_assert_msg(sockets_are_shut(&clients[i].sockets) == (i == wanted),
                      "client %zu; %zu was to go", i, wanted);
    }
    end(clients, MAX + 1);
}

START_TEST(test_who_has_sent_no_header_makes_room) {
    static const struct {
        enum connection_phase phases[MAX];
        size_t wanted;
    } rows[] = {
        {{PHASE_IDLE, PHASE_BODY, PHASE_HEADER}, 2}, {{PHASE_IDLE, PHASE_OPEN, PHASE_BODY}, 1},
        {{PHASE_HEADER, PHASE_OPEN, PHASE_BUSY}, 0}, {{PHASE_IDLE, PHASE_BODY, PHASE_BUSY}, 1},
        {{PHASE_BUSY, PHASE_ANSWER, PHASE_IDLE}, 2}, {{PHASE_BUSY, PHASE_ANSWER, PHASE_BUSY}, MAX},
    };
    want_to_go(rows[_i].phases, rows[_i].wanted);
}
END_TEST

START_TEST(test_who_makes_room_within_a_request_is_told) {
    struct client clients[MAX + 1];
    static const enum connection_phase phases[] = {PHASE_BUSY, PHASE_HEADER, PHASE_BODY};
    clients[MAX] = crowd(clients, phases);
    want_answer(&clients[1], "HTTP/1.1 408 ");
    ck_assert(!connections_enter(clients[1].connection, PHASE_BODY));
    leave(&clients[MAX]);
    clients[MAX] = come(2);
    struct client another = come(2);
    want_answer(&clients[2], "HTTP/1.1 408 ");
    leave(&another);
    end(clients, MAX + 1);
}
END_TEST

START_TEST(test_who_has_just_come_makes_no_room) {
    begin();
    struct client clients[] = {come(0), come(0), come(0), come(0.9)};
    want_refusal(clients[3], REFUSAL_CONNECTIONS);
    end(clients, 4);
}
END_TEST

START_TEST(test_who_has_just_moved_makes_no_room) {
    static const enum connection_phase phases[] = {PHASE_BUSY, PHASE_BUSY, PHASE_HEADER};
    struct client clients[MAX + 1];
    begin();
    for (size_t i = 0; i < MAX; i++) {
        clients[i] = come_in(phases[i], 0);
    }
    connections_sweep(&all, 1);
    ck_assert(connections_enter(clients[2].connection, PHASE_BODY));
    clients[MAX] = come(5);
    want_refusal(clients[MAX], REFUSAL_CONNECTIONS);
    end(clients, MAX + 1);
}
END_TEST

START_TEST(test_body_that_comes_fast_enough_makes_no_room) {
    static const enum connection_phase phases[] = {PHASE_BUSY, PHASE_BUSY, PHASE_BODY};
    struct client clients[MAX + 1];
    begin();
    for (size_t i = 0; i < MAX; i++) {
        clients[i] = come_in(phases[i], 0);
    }
    connections_sweep(&all, 0);
    ck_assert(connections_receive(clients[2].connection, 2000));
    clients[MAX] = come(2);
    want_refusal(clients[MAX], REFUSAL_CONNECTIONS);
    end(clients, MAX + 1);
}
END_TEST

START_TEST(test_request_that_has_come_is_not_lost_to_another) {
    static const enum connection_phase phases[] = {PHASE_OPEN, PHASE_IDLE};
    begin_with((struct connections_settings){.max = 1});
    struct client clients[] = {come(0), {.connection = NULL}};
    (void)connections_enter(clients[0].connection, phases[_i]);
    connections_sweep(&all, 0);
    sockets_send(&clients[0].sockets, "GET / HTTP/1.1\r\n\r\n");
    clients[1] = come(2);
    want_refusal(clients[1], REFUSAL_CONNECTIONS);
    end(clients, 2);
}
END_TEST

START_TEST(test_longest_idle_one_makes_room) {
    struct client clients[MAX + 1];
    begin();
    for (size_t i = 0; i < MAX; i++) {
        clients[i] = come(0);
    }
    static const size_t order[] = {1, 2, 0}; /* of their last answers */
    for (size_t i = 0; i < MAX; i++) {
        ck_assert(connections_enter(clients[order[i]].connection, PHASE_IDLE));
        connections_sweep(&all, (double)i + 1);
    }
    clients[MAX] = come(10);
    ck_assert(sockets_are_shut(&clients[1].sockets));
    ck_assert(!sockets_are_shut(&clients[2].sockets) && !sockets_are_shut(&clients[0].sockets));
    end(clients, MAX + 1);
}
END_TEST

START_TEST(test_crowded_address_makes_room_for_itself) {
    begin_with((struct connections_settings){.max = MAX, .max_per_address = 1});
    struct client clients[] = {open_on(sockets_tcp(2), 0), come(0), come(2)};
    want_refusal(clients[2], REFUSAL_NONE);
    ck_assert(sockets_are_shut(&clients[1].sockets) && !sockets_are_shut(&clients[0].sockets));
    end(clients, 3);
}
END_TEST

/* ---- slow ones ---- */

START_TEST(test_slow_header_gets_408_then_the_end) {
    begin();
    struct client client = come(0);
    connections_sweep(&all, 1);
    sockets_send(&client.sockets, "G");
    connections_sweep(&all, 2);
    sockets_send(&client.sockets, "E");
    ck_assert(connections_sweep(&all, 11.9));
    ck_assert(connections_enter(client.connection, PHASE_HEADER));
    connections_sweep(&all, 12);
    want_answer(&client, "HTTP/1.1 408 ");
    ck_assert_msg(!sockets_are_shut(&client.sockets), "it may still send, for a look");
    ck_assert(!connections_enter(client.connection, PHASE_BODY));
    connections_sweep(&all, 13);
    ck_assert(sockets_are_shut(&client.sockets));
    end(&client, 1);
}
END_TEST

START_TEST(test_slow_body_gets_408) {
    begin();
    struct client client = come_in(PHASE_BODY, 0);
    for (int now = 1; now <= 11; now++) {
        connections_sweep(&all, now);
        ck_assert(connections_receive(client.connection, 50));
    }
    connections_sweep(&all, 12);
    want_answer(&client, "HTTP/1.1 408 ");
    ck_assert(!connections_receive(client.connection, 50));
    ck_assert(!connections_enter(client.connection, PHASE_BUSY));
    end(&client, 1);
}
END_TEST

/* The bytes of one body say nothing of the next. */
START_TEST(test_each_body_is_counted_by_itself) {
    begin();
    struct client client = come_in(PHASE_BODY, 0);
    ck_assert(connections_receive(client.connection, 1000000));
    ck_assert(connections_enter(client.connection, PHASE_IDLE));
    ck_assert(connections_enter(client.connection, PHASE_BODY));
    connections_sweep(&all, 1);
    connections_sweep(&all, 12);
    want_answer(&client, "HTTP/1.1 408 ");
    end(&client, 1);
}
END_TEST

START_TEST(test_encrypted_connection_gets_no_plain_text) {
    begin_with((struct connections_settings){.max = MAX, .encrypted = true});
    struct client client = come_in(PHASE_HEADER, 0);
    connections_sweep(&all, 0);
    connections_sweep(&all, 10);
    EXPECT_TEXT(sockets_read(&client.sockets), "");
    end(&client, 1);
}
END_TEST

START_TEST(test_reader_that_does_not_read_is_cut_off) {
    char bytes[65536] = {0};
    begin();
    struct client client = come_in(PHASE_ANSWER, 0);
    while (send(client.sockets.ours, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    connections_sweep(&all, 0);
    connections_sweep(&all, 9);
    ck_assert(!sockets_are_shut(&client.sockets));
    connections_sweep(&all, 11);
    ck_assert(sockets_are_shut(&client.sockets));
    end(&client, 1);
}
END_TEST

START_TEST(test_waiting_one_is_left_alone) {
    begin();
    struct client client = come_in(PHASE_BUSY, 0);
    for (int now = 0; now < 1000; now += 50) {
        connections_sweep(&all, now);
    }
    ck_assert(!sockets_are_shut(&client.sockets));
    ck_assert(connections_enter(client.connection, PHASE_ANSWER));
    end(&client, 1);
}
END_TEST

START_TEST(test_one_too_many_that_asks_nothing_goes_soon) {
    begin_with((struct connections_settings){.max = 1});
    struct client clients[] = {come_in(PHASE_BUSY, 0), come(0)};
    want_refusal(clients[1], REFUSAL_CONNECTIONS);
    connections_sweep(&all, 1);
    ck_assert(!sockets_are_shut(&clients[1].sockets));
    connections_sweep(&all, 2);
    ck_assert(sockets_are_shut(&clients[1].sockets));
    end(clients, 2);
}
END_TEST

/* ---- ended ones ---- */

START_TEST(test_connections_that_have_ended_are_shut_at_the_second_look) {
    static struct client clients[MANY];
    begin_with((struct connections_settings){.max = MANY});
    for (size_t i = 0; i < MANY; i++) {
        clients[i] = open_on(sockets_unix(), 0);
        ck_assert(connections_enter(clients[i].connection, PHASE_BODY));
        shutdown(clients[i].sockets.theirs, SHUT_WR);
    }
    ck_assert(connections_sweep(&all, 0));
    for (size_t i = 0; i < MANY; i++) {
        ck_assert(!sockets_are_shut(&clients[i].sockets));
    }
    connections_sweep(&all, 1);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert(sockets_are_shut(&clients[i].sockets));
    }
    end(clients, MANY);
}
END_TEST

START_TEST(test_ended_one_that_is_answered_may_still_read) {
    static const enum connection_phase phases[] = {PHASE_BUSY, PHASE_ANSWER};
    begin();
    struct client client = come_in(phases[_i], 0);
    shutdown(client.sockets.theirs, SHUT_WR);
    for (int now = 0; now < 5; now++) {
        connections_sweep(&all, now);
    }
    ck_assert(!sockets_are_shut(&client.sockets));
    end(&client, 1);
}
END_TEST

START_TEST(test_ended_one_with_something_to_read_is_left_alone) {
    begin();
    struct client client = come_in(PHASE_BODY, 0);
    sockets_send(&client.sockets, "x");
    shutdown(client.sockets.theirs, SHUT_WR);
    for (int now = 0; now < 5; now++) {
        connections_sweep(&all, now);
    }
    ck_assert(!sockets_are_shut(&client.sockets));
    end(&client, 1);
}
END_TEST

Suite *suite_connections(void) {
    Suite *suite = suite_create("connections");
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, test_one_too_many_is_told_so_until_another_leaves);
    tcase_add_test(tests, test_far_too_many_are_not_even_taken);
    tcase_add_test(tests, test_address_has_a_limit_of_its_own);
    tcase_add_test(tests, test_unix_sockets_have_no_address);
    tcase_add_test(tests, test_crowded_address_leaves_places_to_be_told_to_others);
    tcase_add_test(tests, test_default_for_an_address_is_half_and_for_loopback_all);
    suite_add_tcase(suite, tests);
    tests = tcase_create("making room");
    tcase_add_loop_test(tests, test_who_has_sent_no_header_makes_room, 0, 6);
    tcase_add_test(tests, test_who_makes_room_within_a_request_is_told);
    tcase_add_test(tests, test_who_has_just_come_makes_no_room);
    tcase_add_test(tests, test_who_has_just_moved_makes_no_room);
    tcase_add_test(tests, test_body_that_comes_fast_enough_makes_no_room);
    tcase_add_loop_test(tests, test_request_that_has_come_is_not_lost_to_another, 0, 2);
    tcase_add_test(tests, test_longest_idle_one_makes_room);
    tcase_add_test(tests, test_crowded_address_makes_room_for_itself);
    suite_add_tcase(suite, tests);
    tests = tcase_create("slow ones");
    tcase_add_test(tests, test_slow_header_gets_408_then_the_end);
    tcase_add_test(tests, test_slow_body_gets_408);
    tcase_add_test(tests, test_each_body_is_counted_by_itself);
    tcase_add_test(tests, test_encrypted_connection_gets_no_plain_text);
    tcase_add_test(tests, test_reader_that_does_not_read_is_cut_off);
    tcase_add_test(tests, test_waiting_one_is_left_alone);
    tcase_add_test(tests, test_one_too_many_that_asks_nothing_goes_soon);
    suite_add_tcase(suite, tests);
    tests = tcase_create("ended ones");
    tcase_add_test(tests, test_connections_that_have_ended_are_shut_at_the_second_look);
    tcase_add_loop_test(tests, test_ended_one_that_is_answered_may_still_read, 0, 2);
    tcase_add_test(tests, test_ended_one_with_something_to_read_is_left_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
