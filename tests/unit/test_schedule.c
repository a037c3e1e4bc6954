/* core/maths/schedule.h: rates by hand, and against the formulas with libm. */
#include <check.h>
#include <string.h>

#include "core/maths/schedule.h"
#include "tests/reference/reference_optimizer.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_constant_schedule_never_changes_the_rate) {
    const struct schedule_settings settings = {SCHEDULE_CONSTANT, 0, 1, 0, 0};
    EXPECT_SAME(schedule_rate(&settings, 0.3, 0), 0.3);
    EXPECT_SAME(schedule_rate(&settings, 0.3, UINT64_MAX), 0.3);
}
END_TEST

START_TEST(test_first_batch_gets_the_full_rate) {
    for (int schedule = 0; schedule < SCHEDULE_COUNT; schedule++) {
        const struct schedule_settings settings = {(enum schedule)schedule, 0.5, 10, 0.1, 0};
        EXPECT_SAME(schedule_rate(&settings, 0.3, 0), 0.3);
    }
}
END_TEST

START_TEST(test_step_schedule_by_hand) {
    const struct schedule_settings settings = {SCHEDULE_STEP, 0.5, 10, 0, 0};
    EXPECT_SAME(schedule_rate(&settings, 8, 9), 8);
    EXPECT_SAME(schedule_rate(&settings, 8, 10), 4);
    EXPECT_SAME(schedule_rate(&settings, 8, 19), 4);
    EXPECT_SAME(schedule_rate(&settings, 8, 30), 1);
}
END_TEST

START_TEST(test_exponential_schedule_by_hand) {
    /* 0.25^(5/10) = ½ */
    const struct schedule_settings settings = {SCHEDULE_EXPONENTIAL, 0.25, 10, 0, 0};
    EXPECT_CLOSE(schedule_rate(&settings, 8, 5), 4, 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 8, 10), 2, 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 8, 20), 0.5, 1e-13);
}
END_TEST

START_TEST(test_cosine_schedule_by_hand_and_flat_at_the_end) {
    /* α = 0.2 of rate 10 over 100: 10·(0.2 + 0.8·½(1 + cos πt/100)) */
    const struct schedule_settings settings = {SCHEDULE_COSINE, 0, 100, 0.2, 0};
    EXPECT_CLOSE(schedule_rate(&settings, 10, 50), 6, 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 10, 25), 2 + 4 * (1 + sqrt(0.5)), 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 10, 100), 2, 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 10, 101), 2, 1e-13);
    EXPECT_CLOSE(schedule_rate(&settings, 10, UINT64_MAX), 2, 1e-13);
}
END_TEST

START_TEST(test_warmup_wastes_no_step_at_rate_zero_and_ends_at_the_full_rate) {
    for (int schedule = 0; schedule < SCHEDULE_COUNT; schedule++) {
        const struct schedule_settings settings = {(enum schedule)schedule, 0.5, 10, 0.1, 4};
        EXPECT_SAME(schedule_rate(&settings, 8, 0), 2);
        EXPECT_SAME(schedule_rate(&settings, 8, 1), 4);
        EXPECT_SAME(schedule_rate(&settings, 8, 3), 8);
    }
}
END_TEST

START_TEST(test_decay_counts_from_the_end_of_warmup) {
    const struct schedule_settings settings = {SCHEDULE_STEP, 0.5, 10, 0, 4};
    EXPECT_SAME(schedule_rate(&settings, 8, 4), 8);
    EXPECT_SAME(schedule_rate(&settings, 8, 13), 8);
    EXPECT_SAME(schedule_rate(&settings, 8, 14), 4);
}
END_TEST

START_TEST(test_every_schedule_is_the_references_for_a_thousand_batches) {
    for (int schedule = 0; schedule < SCHEDULE_COUNT; schedule++) {
        for (uint64_t warmup = 0; warmup <= 50; warmup += 25) {
            const struct schedule_settings settings = {(enum schedule)schedule, 0.7, 300, 0.05,
                                                       warmup};
            const struct reference_optimizer reference = {.learning_rate = 0.01,
                                                          .schedule =
                                                              schedule_functions[schedule].name,
                                                          .decay_rate = 0.7,
                                                          .decay_steps = 300,
                                                          .alpha = 0.05,
                                                          .warmup_steps = (double)warmup};
            for (uint64_t t = 0; t < 1000; t++) {
                EXPECT_CLOSE(schedule_rate(&settings, 0.01, t), reference_rate(&reference, t),
                             1e-15);
            }
        }
    }
}
END_TEST

START_TEST(test_schedules_stay_right_after_a_very_long_time) {
    const struct schedule_settings step = {SCHEDULE_STEP, 0.5, 1, 0, 0};
    EXPECT_SAME(schedule_rate(&step, 1, UINT64_MAX), 0);
    const struct schedule_settings exponential = {SCHEDULE_EXPONENTIAL, 0.5, 1, 0, 0};
    EXPECT_SAME(schedule_rate(&exponential, 1, UINT64_MAX), 0);
    const struct schedule_settings warmup = {SCHEDULE_CONSTANT, 0, 1, 0, UINT64_MAX};
    EXPECT_CLOSE(schedule_rate(&warmup, 1, UINT64_MAX - 1), 1, 1e-15);
}
END_TEST

START_TEST(test_every_schedule_is_found_by_its_name) {
    static const char *const names[] = {"constant", "step", "exponential", "cosine"};
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        EXPECT_TEXT(schedule_functions[i].name, names[i]);
    }
}
END_TEST

Suite *suite_schedule(void) {
    Suite *suite = suite_create("schedule");
    TCase *tests = tcase_create("schedule");
    tcase_add_test(tests, test_constant_schedule_never_changes_the_rate);
    tcase_add_test(tests, test_first_batch_gets_the_full_rate);
    tcase_add_test(tests, test_step_schedule_by_hand);
    tcase_add_test(tests, test_exponential_schedule_by_hand);
    tcase_add_test(tests, test_cosine_schedule_by_hand_and_flat_at_the_end);
    tcase_add_test(tests, test_warmup_wastes_no_step_at_rate_zero_and_ends_at_the_full_rate);
    tcase_add_test(tests, test_decay_counts_from_the_end_of_warmup);
    tcase_add_test(tests, test_every_schedule_is_the_references_for_a_thousand_batches);
    tcase_add_test(tests, test_schedules_stay_right_after_a_very_long_time);
    tcase_add_test(tests, test_every_schedule_is_found_by_its_name);
    suite_add_tcase(suite, tests);
    return suite;
}
