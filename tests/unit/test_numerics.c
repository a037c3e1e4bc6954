/* core/maths/numerics.h: the fingerprint, and what a thread that computes does
 * with subnormal numbers. */
#include <check.h>
#include <fenv.h>
#include <string.h>

#include "core/maths/numerics.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

START_TEST(test_fingerprint_is_16_hexadecimal_digits_and_always_the_same) {
    struct error error;
    char first[NUMERICS_FINGERPRINT_BYTES];
    ck_assert_msg(numerics_start(&error) == ERROR_NONE, "%s", error.message);
    memcpy(first, numerics_fingerprint(), sizeof first);
    ck_assert_msg(strlen(first) == 16 && strspn(first, "0123456789abcdef") == 16, "found '%s'",
                  first);
    ck_assert(strcmp(first, "0000000000000000") != 0);
    ck_assert_msg(numerics_start(&error) == ERROR_NONE, "%s", error.message);
    EXPECT_TEXT(numerics_fingerprint(), first);
}
END_TEST

/* Threads inherit the mode of the one that starts them. */
START_TEST(test_the_start_leaves_subnormal_numbers_to_who_reads_and_writes_text) {
    struct error error;
    ck_assert_msg(numerics_start(&error) == ERROR_NONE, "%s", error.message);
    volatile float small = 1.2e-38f;
    volatile float half = 0.5f;
    ck_assert(small * half > 0);
}
END_TEST

START_TEST(test_a_computing_thread_takes_subnormal_numbers_as_zero) {
    fenv_t mode; /* of the suites that come after this one */
    fegetenv(&mode);
    numerics_enter_thread();
    volatile float small = 1.2e-38f;
    volatile float half = 0.5f;
    EXPECT_SAME(small * half, 0);
    volatile float subnormal = 1e-40f;
    volatile float large = 1e20f;
    EXPECT_SAME(subnormal * large, 0);
    EXPECT_SAME(small * large, 1.2e-38f * 1e20f);
    fesetenv(&mode);
}
END_TEST

Suite *suite_numerics(void) {
    Suite *suite = suite_create("numerics");
    TCase *tests = tcase_create("numerics");
    tcase_add_test(tests, test_fingerprint_is_16_hexadecimal_digits_and_always_the_same);
    tcase_add_test(tests, test_the_start_leaves_subnormal_numbers_to_who_reads_and_writes_text);
    tcase_add_test(tests, test_a_computing_thread_takes_subnormal_numbers_as_zero);
    suite_add_tcase(suite, tests);
    return suite;
}
