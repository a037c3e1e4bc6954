/* core/base/ledger.h */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "core/base/ledger.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_reservations_up_to_the_limit_pass) {
    struct ledger ledger;
    ledger_init(&ledger, 100);
    struct error error;
    ck_assert(ledger_reserve(&ledger, 60, "a", &error) == ERROR_NONE);
    ck_assert(ledger_reserve(&ledger, 40, "b", &error) == ERROR_NONE);
    EXPECT_COUNT(ledger_reserved(&ledger), 100);
    ledger_release(&ledger, 60);
    EXPECT_COUNT(ledger_reserved(&ledger), 40);
}
END_TEST

START_TEST(test_one_byte_too_many_is_refused_with_the_figures_and_takes_nothing) {
    struct ledger ledger;
    ledger_init(&ledger, 100);
    struct error error = {0};
    ck_assert(ledger_reserve(&ledger, 60, "a", &error) == ERROR_NONE);
    ck_assert(ledger_reserve(&ledger, 41, "a model", &error) == ERROR_MEMORY);
    EXPECT_TEXT(error.message, "a model needs 41 bytes; 40 of the 100 bytes of --max-memory are "
                               "left");
    EXPECT_COUNT(ledger_reserved(&ledger), 60);
}
END_TEST

START_TEST(test_sizes_that_would_overflow_the_sum_are_refused) {
    struct ledger ledger;
    ledger_init(&ledger, SIZE_MAX);
    ck_assert(ledger_reserve(&ledger, 10, "a", NULL) == ERROR_NONE);
    ck_assert(ledger_reserve(&ledger, SIZE_MAX, "b", NULL) == ERROR_MEMORY);
    ck_assert(ledger_reserve(&ledger, SIZE_MAX - 10, "c", NULL) == ERROR_NONE);
}
END_TEST

START_TEST(test_a_fall_counts_from_the_peak_and_is_told_once) {
    struct ledger ledger;
    ledger_init(&ledger, 1000);
    EXPECT_COUNT(ledger_fall(&ledger), 0);
    ck_assert(ledger_reserve(&ledger, 700, "a", NULL) == ERROR_NONE);
    ledger_release(&ledger, 300);
    ck_assert(ledger_reserve(&ledger, 100, "b", NULL) == ERROR_NONE);
    EXPECT_COUNT(ledger_fall(&ledger), 200);
    ck_assert(!ledger_fell(&ledger, 201));
    ck_assert(ledger_fell(&ledger, 200));
    EXPECT_COUNT(ledger_fall(&ledger), 0);
    ck_assert(!ledger_fell(&ledger, 1));
    ledger_release(&ledger, 500);
    EXPECT_COUNT(ledger_fall(&ledger), 500);
}
END_TEST

Suite *suite_ledger(void) {
    Suite *suite = suite_create("ledger");
    TCase *tests = tcase_create("ledger");
    tcase_add_test(tests, test_reservations_up_to_the_limit_pass);
    tcase_add_test(tests, test_one_byte_too_many_is_refused_with_the_figures_and_takes_nothing);
    tcase_add_test(tests, test_sizes_that_would_overflow_the_sum_are_refused);
    tcase_add_test(tests, test_a_fall_counts_from_the_peak_and_is_told_once);
    suite_add_tcase(suite, tests);
    return suite;
}
