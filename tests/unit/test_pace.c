/* server/pace.h */
#include <check.h>

#include "server/pace.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

static const struct pace_limits limits = {.header_seconds = 10,
                                          .body_seconds = 100,
                                          .idle_seconds = 75,
                                          .grace_seconds = 10,
                                          .pause_seconds = 30,
                                          .bytes_per_second = 1000};

static struct pace pace;

static void begin(void) {
    pace_start(&pace, 0, 0);
}

static enum pace_verdict see(struct pace_sight sight) {
    return pace_look(&pace, &limits, &sight);
}

/* Between two requests, so many bytes having come since the connection began. */
static enum pace_verdict see_idle(double now, uint64_t received) {
    return see((struct pace_sight){.stage = 4,
                                   .phase = PHASE_IDLE,
                                   .traffic = {.counted = true, .received = received},
                                   .now = now});
}

static enum pace_verdict see_body(double now, uint64_t bytes) {
    return see(
        (struct pace_sight){.stage = 2, .phase = PHASE_BODY, .body_bytes = bytes, .now = now});
}

static enum pace_verdict see_answer(double now, uint64_t taken, size_t untaken) {
    return see((struct pace_sight){.stage = 3,
                                   .phase = PHASE_ANSWER,
                                   .traffic = {.counted = true, .taken = taken, .untaken = untaken},
                                   .now = now});
}

static enum pace_verdict see_open(double now, uint64_t received, bool encrypted) {
    return see((struct pace_sight){.stage = 0,
                                   .phase = PHASE_OPEN,
                                   .traffic = {.counted = true, .received = received},
                                   .encrypted = encrypted,
                                   .now = now});
}

START_TEST(test_header_has_its_time_from_the_first_byte) {
    begin();
    ck_assert_int_eq(see_open(20, 0, false), PACE_FINE);
    ck_assert_int_eq(see_open(30, 1, false), PACE_FINE);
    ck_assert_int_eq(see_open(39.9, 2, false), PACE_FINE);
    ck_assert_int_eq(see_open(40, 3, false), PACE_SLOW_HEADER);
}
END_TEST

START_TEST(test_header_that_began_before_its_line_keeps_its_time) {
    begin();
    ck_assert_int_eq(see_open(5, 1, false), PACE_FINE);
    const struct pace_sight line = {.stage = 1, .phase = PHASE_HEADER, .now = 14};
    ck_assert_int_eq(see(line), PACE_FINE);
    ck_assert_int_eq(see((struct pace_sight){.stage = 1, .phase = PHASE_HEADER, .now = 15}),
                     PACE_SLOW_HEADER);
}
END_TEST

START_TEST(test_header_after_its_line_has_its_time) {
    begin();
    for (int now = 50; now < 60; now++) {
        ck_assert_int_eq(see((struct pace_sight){.stage = 1, .phase = PHASE_HEADER, .now = now}),
                         PACE_FINE);
    }
    ck_assert_int_eq(see((struct pace_sight){.stage = 1, .phase = PHASE_HEADER, .now = 60}),
                     PACE_SLOW_HEADER);
}
END_TEST

/* Another request's header is not the one whose beginning was seen. */
START_TEST(test_each_request_has_its_own_time) {
    begin();
    ck_assert_int_eq(see_open(1, 1, false), PACE_FINE);
    for (unsigned i = 1; i < 40; i++) {
        ck_assert_int_eq(see((struct pace_sight){.stage = 5 * i, .phase = PHASE_HEADER, .now = i}),
                         PACE_FINE);
    }
}
END_TEST

START_TEST(test_idle_connection_is_fine_as_long_as_silence_is) {
    begin();
    for (int now = 3; now < 78; now++) {
        ck_assert_int_eq(see_idle(now, 500), PACE_FINE);
    }
}
END_TEST

START_TEST(test_bytes_after_an_answer_begin_a_header) {
    begin();
    ck_assert_int_eq(see_idle(1, 500), PACE_FINE);
    ck_assert_int_eq(see_idle(50, 501), PACE_FINE);
    ck_assert_int_eq(see_idle(59, 502), PACE_FINE);
    ck_assert_int_eq(see_idle(60, 503), PACE_SLOW_HEADER);
}
END_TEST

/* Handshakes are bytes too: of what is encrypted only the bound in all is known. */
START_TEST(test_encrypted_bytes_begin_no_header) {
    begin();
    ck_assert_int_eq(see_open(1, 500, true), PACE_FINE);
    ck_assert_int_eq(see_open(84, 900, true), PACE_FINE);
    ck_assert_int_eq(see_open(85, 901, true), PACE_SILENT);
}
END_TEST

START_TEST(test_trickle_that_nobody_counts_is_bounded_by_silence_and_a_header) {
    begin();
    const struct pace_sight early = {.stage = 0, .phase = PHASE_OPEN, .now = 84};
    const struct pace_sight late = {.stage = 0, .phase = PHASE_OPEN, .now = 85};
    ck_assert_int_eq(see(early), PACE_FINE);
    ck_assert_int_eq(see(late), PACE_SILENT);
}
END_TEST

START_TEST(test_body_has_a_grace_then_a_least_rate) {
    static const struct {
        uint64_t bytes;
        enum pace_verdict verdict;
    } rows[] = {{990, PACE_SLOW_BODY}, {1010, PACE_FINE}};
    for (size_t i = 0; i < 2; i++) {
        begin();
        ck_assert_int_eq(see_body(50, 0), PACE_FINE);
        ck_assert_int_eq(see_body(60, 0), PACE_FINE);
        ck_assert_int_eq(see_body(61, rows[i].bytes), rows[i].verdict);
    }
}
END_TEST

START_TEST(test_body_that_was_quick_may_pause_a_while) {
    begin();
    ck_assert_int_eq(see_body(0, 0), PACE_FINE);
    ck_assert_int_eq(see_body(1, 50000000), PACE_FINE);
    ck_assert_int_eq(see_body(30, 50000000), PACE_FINE);
    ck_assert_int_eq(see_body(31, 50000000), PACE_SLOW_BODY);
}
END_TEST

START_TEST(test_body_has_a_time_in_all) {
    begin();
    for (unsigned now = 10; now < 110; now++) {
        ck_assert_int_eq(see_body(now, 1000000 * now), PACE_FINE);
    }
    ck_assert_int_eq(see_body(110, 110000000), PACE_SLOW_BODY);
}
END_TEST

START_TEST(test_waiting_is_never_slow) {
    begin();
    for (int now = 0; now < 4000; now += 100) {
        ck_assert_int_eq(see((struct pace_sight){.stage = 3, .phase = PHASE_BUSY, .now = now}),
                         PACE_FINE);
    }
}
END_TEST

START_TEST(test_reader_that_takes_nothing_is_slow_after_the_grace) {
    begin();
    ck_assert_int_eq(see_answer(0, 77, 1000), PACE_FINE);
    ck_assert_int_eq(see_answer(10, 77, 1000), PACE_FINE);
    ck_assert_int_eq(see_answer(11, 77, 1000), PACE_SLOW_READER);
}
END_TEST

START_TEST(test_reader_has_the_least_rate) {
    begin();
    for (unsigned now = 0; now < 1000; now++) {
        ck_assert_int_eq(see_answer(now, 1000 * now, 1000), PACE_FINE);
    }
    begin();
    unsigned now = 0;
    while (see_answer(now, 900 * now, 1000) == PACE_FINE) {
        now++;
    }
    ck_assert_uint_eq(now, 101); /* a tenth is missing each second, of a grace of ten */
}
END_TEST

/* What a kernel's buffer takes at once is no reading. */
START_TEST(test_reader_that_stops_is_slow_whatever_it_took) {
    begin();
    ck_assert_int_eq(see_answer(0, 0, 1000), PACE_FINE);
    ck_assert_int_eq(see_answer(1, 6000000, 1000), PACE_FINE);
    ck_assert_int_eq(see_answer(30, 6000000, 1000), PACE_FINE);
    ck_assert_int_eq(see_answer(31, 6000000, 1000), PACE_SLOW_READER);
}
END_TEST

/* An event stream: what counts is the time in which there was something to read. */
START_TEST(test_reader_that_is_owed_nothing_is_fine) {
    begin();
    for (int now = 0; now < 1000; now++) {
        ck_assert_int_eq(see_answer(now, 10, 0), PACE_FINE);
    }
    for (int now = 1000; now < 1010; now++) {
        ck_assert_int_eq(see_answer(now, 10, 5), PACE_FINE);
    }
    ck_assert_int_eq(see_answer(1011, 10, 5), PACE_SLOW_READER);
}
END_TEST

START_TEST(test_rate_of_0_is_any_rate) {
    const struct pace_limits any = {.body_seconds = 100, .grace_seconds = 10};
    ck_assert(!pace_is_below_rate(&any, 0, 1000));
    ck_assert(pace_is_below_rate(&limits, 0, 1));
    ck_assert(!pace_is_below_rate(&limits, 0, 0));
}
END_TEST

Suite *suite_pace(void) {
    Suite *suite = suite_create("pace");
    TCase *tests = tcase_create("pace");
    tcase_add_test(tests, test_header_has_its_time_from_the_first_byte);
    tcase_add_test(tests, test_header_that_began_before_its_line_keeps_its_time);
    tcase_add_test(tests, test_header_after_its_line_has_its_time);
    tcase_add_test(tests, test_each_request_has_its_own_time);
    tcase_add_test(tests, test_idle_connection_is_fine_as_long_as_silence_is);
    tcase_add_test(tests, test_bytes_after_an_answer_begin_a_header);
    tcase_add_test(tests, test_encrypted_bytes_begin_no_header);
    tcase_add_test(tests, test_trickle_that_nobody_counts_is_bounded_by_silence_and_a_header);
    tcase_add_test(tests, test_body_has_a_grace_then_a_least_rate);
    tcase_add_test(tests, test_body_that_was_quick_may_pause_a_while);
    tcase_add_test(tests, test_body_has_a_time_in_all);
    tcase_add_test(tests, test_waiting_is_never_slow);
    tcase_add_test(tests, test_reader_that_takes_nothing_is_slow_after_the_grace);
    tcase_add_test(tests, test_reader_has_the_least_rate);
    tcase_add_test(tests, test_reader_that_stops_is_slow_whatever_it_took);
    tcase_add_test(tests, test_reader_that_is_owed_nothing_is_fine);
    tcase_add_test(tests, test_rate_of_0_is_any_rate);
    suite_add_tcase(suite, tests);
    return suite;
}
